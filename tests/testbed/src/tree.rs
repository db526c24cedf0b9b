//! Sample trees: what a node holds for one hub, in the legacy layout, with sparse files of real sizes.

use std::fs::{self, File, FileTimes};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::Context as _;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::Result;

mod faults;

/// The tarballs of one hub on one node: `<fold>/backup/<srvnode>`.
#[derive(Debug, Clone)]
pub struct Tree {
    fold: PathBuf,
    srvnode: String,
    zone: TimeZone,
    now: Timestamp,
}

/// The tarballs of one repo, before they are made.
#[derive(Debug, Clone)]
pub struct Nights {
    /// How many tarballs.
    pub count: usize,
    /// Size of the newest, in bytes.
    pub size: u64,
    /// By how much each is bigger than the one before, in bytes.
    pub growth: u64,
    /// Subversion revision of the newest; `None` for a name without one, as Trac's.
    pub revision: Option<u64>,
    /// From one to the next.
    pub every: Duration,
    /// Whether each has a sidecar.
    pub sidecars: bool,
}

impl Default for Nights {
    /// A week of nightly tarballs of about 50 MB.
    fn default() -> Self {
        Self {
            count: 7,
            size: 52_428_800,
            growth: 40_961,
            revision: None,
            every: Duration::from_secs(24 * 3600),
            sidecars: true,
        }
    }
}

impl Nights {
    /// A week of nightly tarballs, the newest of this many bytes.
    pub fn of_size(size: u64) -> Self {
        Self { size, growth: size / 1000, ..Self::default() }
    }

    /// With a Subversion revision in the names.
    #[must_use]
    pub fn revision(self, revision: u64) -> Self {
        Self { revision: Some(revision), ..self }
    }

    /// Another number of tarballs.
    #[must_use]
    pub fn count(self, count: usize) -> Self {
        Self { count, ..self }
    }

    /// Another time between them.
    #[must_use]
    pub fn every(self, every: Duration) -> Self {
        Self { every, ..self }
    }

    /// Without sidecars.
    #[must_use]
    pub fn without_sidecars(self) -> Self {
        Self { sidecars: false, ..self }
    }
}

/// When, in the hub's zone, the nightly backup stamps its tarballs.
const NIGHT: (i8, i8, i8) = (2, 10, 23);

/// How long after its stamp a tarball is complete, which is its modification time.
const WRITING: Duration = Duration::from_secs(4 * 60);

impl Tree {
    /// The tree of a hub that stamps in this zone, empty as yet. `fold` is the node's `$SCM_FOLD`.
    ///
    /// # Errors
    /// When the zone is not known or the directory cannot be made.
    pub fn new(fold: &Path, srvnode: &str, zone: &str, now: Timestamp) -> Result<Self> {
        let zone = TimeZone::get(zone)?;
        let tree = Self { fold: fold.to_owned(), srvnode: srvnode.to_owned(), zone, now };
        fs::create_dir_all(tree.root())?;
        Ok(tree)
    }

    /// The node's `$SCM_FOLD`.
    pub fn fold(&self) -> &Path {
        &self.fold
    }

    /// The hub's directory below it.
    pub fn root(&self) -> PathBuf {
        self.fold.join("backup").join(&self.srvnode)
    }

    /// The stamp of the last night that is over an hour past.
    ///
    /// # Errors
    /// When the clock is out of range.
    pub fn last_night(&self) -> Result<DateTime> {
        let late = self.zone.to_datetime(self.now.checked_sub(SignedDuration::from_hours(1))?);
        let night = late.date().at(NIGHT.0, NIGHT.1, NIGHT.2, 0);
        Ok(if night <= late { night } else { night.yesterday()? })
    }

    /// Makes the tarballs of a repo, as `svn/dybsvn`, the newest of last night, and its `last` link.
    ///
    /// # Errors
    /// When a file cannot be made.
    pub fn repo(&self, repo: &str, nights: &Nights) -> Result<()> {
        let newest = self.last_night()?;
        let every = SignedDuration::try_from(nights.every)?;
        for back in 0..nights.count {
            let back_times = i32::try_from(back)?;
            let stamp = newest.checked_sub(every * back_times)?;
            let back = u64::try_from(back)?;
            let size = nights.size.saturating_sub(nights.growth.saturating_mul(back)).max(1);
            let revision = nights.revision.map(|newest| newest.saturating_sub(back).to_string());
            let tarball = self.tarball(repo, stamp, revision.as_deref(), size)?;
            if nights.sidecars {
                self.sidecar(&tarball, size)?;
            }
        }
        self.link_last(repo)
    }

    /// Makes one tarball, without a sidecar, and gives its path. Its modification time is a few minutes
    /// after the stamp.
    ///
    /// # Errors
    /// When the file cannot be made.
    pub fn tarball(&self, repo: &str, stamp: DateTime, revision: Option<&str>, size: u64) -> Result<PathBuf> {
        let name = repo.rsplit('/').next().unwrap_or(repo);
        let directory = self.root().join(repo).join(stamp.strftime("%Y/%m/%d/%H%M%S").to_string());
        fs::create_dir_all(&directory)?;
        let revision = revision.map(|revision| format!("-{revision}")).unwrap_or_default();
        let path = directory.join(format!("{name}{revision}.tar.gz"));
        // In one step, also where it is there already: whoever looks meanwhile sees no empty one.
        let file = File::options().write(true).create(true).truncate(false).open(&path)?;
        // Sparse: it has the size, and takes no room.
        file.set_len(size)?;
        let made = stamp.to_zoned(self.zone.clone())?.timestamp();
        file.set_times(FileTimes::new().set_modified(SystemTime::from(made) + WRITING))?;
        Ok(path)
    }

    /// Writes a tarball's sidecar that says this size, as Python 2 printed it.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn sidecar(&self, tarball: &Path, size: u64) -> Result<()> {
        self.sidecar_text(
            tarball,
            &format!("{{'dig': '{:032x}', 'size': {size}L}}", u128::from(size) * 0x9e37_79b9_7f4a_7c15),
        )
    }

    /// Writes any text as a tarball's sidecar.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn sidecar_text(&self, tarball: &Path, text: &str) -> Result<()> {
        let modified = fs::metadata(tarball)?.modified()?;
        // Made elsewhere, so that whoever looks meanwhile sees none that is half written.
        let new = self.fold.join(".sidecar");
        fs::write(&new, text)?;
        File::options().write(true).open(&new)?.set_modified(modified + Duration::from_secs(20))?;
        Ok(fs::rename(new, sidecar_of(tarball))?)
    }

    /// The tarballs of a repo, oldest first. Those that are no plain stamp paths are left out.
    ///
    /// # Errors
    /// When a directory cannot be read.
    pub fn tarballs(&self, repo: &str) -> Result<Vec<PathBuf>> {
        let mut directories = vec![self.root().join(repo)];
        for _ in 0..4 {
            let mut next = Vec::new();
            for directory in directories {
                let entries = fs::read_dir(directory)?.collect::<std::io::Result<Vec<_>>>()?;
                let plain = |entry: &fs::DirEntry| entry.file_type().is_ok_and(|kind| kind.is_dir());
                next.extend(entries.iter().filter(|entry| plain(entry)).map(fs::DirEntry::path));
            }
            directories = next;
        }
        let mut found = Vec::new();
        for directory in directories {
            let paths = fs::read_dir(directory)?.flatten().map(|entry| entry.path());
            found.extend(paths.filter(|path| path.extension().is_some_and(|extension| extension == "gz")));
        }
        found.sort();
        Ok(found)
    }

    /// The newest tarball of a repo.
    ///
    /// # Errors
    /// When there is none.
    pub fn newest(&self, repo: &str) -> Result<PathBuf> {
        self.tarballs(repo)?.pop().with_context(|| format!("{repo} has no tarball"))
    }

    /// Every repo, as `svn/dybsvn`, sorted.
    ///
    /// # Errors
    /// When a directory cannot be read.
    pub fn repos(&self) -> Result<Vec<String>> {
        let mut found = Vec::new();
        for kind in ["folders", "repos", "svn", "tracs"] {
            for entry in fs::read_dir(self.root().join(kind)).into_iter().flatten() {
                found.push(format!("{kind}/{}", entry?.file_name().to_string_lossy()));
            }
        }
        found.sort();
        Ok(found)
    }

    /// Points a repo's `last` link at its newest tarball, or takes it away when there is none.
    fn link_last(&self, repo: &str) -> Result<()> {
        let directory = self.root().join(repo);
        let link = directory.join("last");
        if link.symlink_metadata().is_ok() {
            fs::remove_file(&link)?;
        }
        if let Some(newest) = self.tarballs(repo)?.pop() {
            let stamp = newest.parent().context("a tarball lies in its stamp's directory")?;
            symlink(stamp.strip_prefix(&directory)?, link)?;
        }
        Ok(())
    }
}

/// The path of a tarball's sidecar.
pub fn sidecar_of(tarball: &Path) -> PathBuf {
    let mut path = tarball.as_os_str().to_owned();
    path.push(".dna");
    path.into()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
mod tests {
    use super::*;

    pub(super) fn tree() -> (tempfile::TempDir, Tree) {
        let directory = tempfile::tempdir().unwrap();
        // 12:00 in Beijing.
        let now = "2012-11-13T04:00:00Z".parse().unwrap();
        let tree = Tree::new(directory.path(), "dayabay", "Asia/Shanghai", now).unwrap();
        tree.repo("svn/dybsvn", &Nights::of_size(1_531_229_474).revision(19_002)).unwrap();
        (directory, tree)
    }

    #[test]
    fn tree_has_the_legacy_layout() {
        let (_directory, tree) = tree();
        let newest = tree.root().join("svn/dybsvn/2012/11/13/021023/dybsvn-19002.tar.gz");
        assert_eq!(tree.newest("svn/dybsvn").unwrap(), newest);
        assert_eq!(tree.tarballs("svn/dybsvn").unwrap().len(), 7);
        assert_eq!(fs::metadata(&newest).unwrap().len(), 1_531_229_474);
        assert!(fs::read_to_string(sidecar_of(&newest)).unwrap().ends_with("'size': 1531229474L}"));
        assert_eq!(
            fs::read_link(tree.root().join("svn/dybsvn/last")).unwrap(),
            Path::new("2012/11/13/021023")
        );
        // 02:10:23 in Beijing and four minutes to write it.
        let modified = Timestamp::try_from(fs::metadata(&newest).unwrap().modified().unwrap()).unwrap();
        assert_eq!(modified, "2012-11-12T18:14:23Z".parse().unwrap());
    }

    #[test]
    fn newest_tarball_is_of_the_night_before_while_tonights_is_being_made() {
        let directory = tempfile::tempdir().unwrap();
        let now = "2012-11-12T18:40:00Z".parse().unwrap();
        let tree = Tree::new(directory.path(), "dayabay", "Asia/Shanghai", now).unwrap();
        assert_eq!(tree.last_night().unwrap().to_string(), "2012-11-12T02:10:23");
    }
}
