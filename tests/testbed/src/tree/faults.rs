//! What goes wrong in a tree: cut, missing, stale, locked and stray.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::ensure;
use jiff::Timestamp;

use super::{Tree, sidecar_of};
use crate::Result;

impl Tree {
    /// Cuts the newest tarball to a part of its size; its sidecar goes on telling the size it had.
    ///
    /// # Errors
    /// When there is no tarball or it cannot be changed.
    pub fn shrink_newest(&self, repo: &str, percent: u64) -> Result<()> {
        let path = self.newest(repo)?;
        let size = fs::metadata(&path)?.len();
        self.set_size(&path, size / 100 * percent)
    }

    /// Cuts the newest tarball to a part of its size, and its sidecar agrees: the backup itself became smaller.
    ///
    /// # Errors
    /// When there is no tarball or it cannot be changed.
    pub fn shrink_newest_with_sidecar(&self, repo: &str, percent: u64) -> Result<()> {
        self.shrink_newest(repo, percent)?;
        let path = self.newest(repo)?;
        self.sidecar(&path, fs::metadata(&path)?.len())
    }

    /// Makes the newest tarball empty.
    ///
    /// # Errors
    /// When there is no tarball or it cannot be changed.
    pub fn empty_newest(&self, repo: &str) -> Result<()> {
        self.set_size(&self.newest(repo)?, 0)
    }

    fn set_size(&self, path: &Path, size: u64) -> Result<()> {
        let file = File::options().write(true).open(path)?;
        let modified = file.metadata()?.modified()?;
        file.set_len(size)?;
        Ok(file.set_modified(modified)?)
    }

    /// Takes the newest tarball's sidecar away.
    ///
    /// # Errors
    /// When there is none.
    pub fn remove_newest_sidecar(&self, repo: &str) -> Result<()> {
        Ok(fs::remove_file(sidecar_of(&self.newest(repo)?))?)
    }

    /// Makes the newest tarball's sidecar tell another size.
    ///
    /// # Errors
    /// When there is no tarball.
    pub fn contradict_newest_sidecar(&self, repo: &str) -> Result<()> {
        let newest = self.newest(repo)?;
        self.sidecar(&newest, fs::metadata(&newest)?.len() + 1)
    }

    /// Takes away a repo with all it holds.
    ///
    /// # Errors
    /// When it is not there.
    pub fn drop_repo(&self, repo: &str) -> Result<()> {
        Ok(fs::remove_dir_all(self.root().join(repo))?)
    }

    /// Takes the newest tarballs of a repo away, as if the last backups had not come.
    ///
    /// # Errors
    /// When the repo does not hold so many.
    pub fn drop_newest(&self, repo: &str, count: usize) -> Result<()> {
        let tarballs = self.tarballs(repo)?;
        ensure!(tarballs.len() >= count, "{repo} holds {} tarballs only", tarballs.len());
        for path in tarballs.iter().rev().take(count) {
            // The stamp's directory: tarball and sidecar.
            fs::remove_dir_all(path.parent().unwrap_or(path))?;
        }
        self.link_last(repo)
    }

    /// Takes away what every repo got in the last days: the whole node is stale.
    ///
    /// # Errors
    /// When a repo does not hold so many.
    pub fn stale_by(&self, days: usize) -> Result<()> {
        for repo in self.repos()? {
            self.drop_newest(&repo, days)?;
        }
        Ok(())
    }

    /// Sets the lock of a transfer of this hub that goes on, or was left behind, since a time.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn lock_transfer(&self, what: &str, since: Timestamp) -> Result<PathBuf> {
        let stamp = self.zone.to_datetime(since).strftime("%Y-%m-%d@%H:%M:%S");
        lock(&self.root().join("LOCKED").join(format!("{what}-started-{stamp}")), since)
    }

    /// Sets the lock of a backup run of the whole machine since a time.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn lock_machine(&self, since: Timestamp) -> Result<PathBuf> {
        lock(&self.fold.join("LOCKED"), since)
    }

    /// Makes files whose names cannot be placed in the layout.
    ///
    /// # Errors
    /// When they cannot be made.
    pub fn unplaceable(&self, count: usize) -> Result<()> {
        let directory = self.root().join("svn").join("stray");
        fs::create_dir_all(&directory)?;
        for number in 0..count {
            File::create(directory.join(format!("copy-{number}.tar.gz")))?;
        }
        Ok(())
    }

    /// Makes a tarball at any path below the hub's directory, of any bytes.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn odd(&self, path: &[u8], size: u64) -> Result<PathBuf> {
        let path = self.root().join(OsStr::from_bytes(path));
        fs::create_dir_all(path.parent().unwrap_or(&path))?;
        let file = File::create(&path)?;
        file.set_len(size)?;
        file.set_modified(SystemTime::from(self.now) - Duration::from_secs(3600))?;
        Ok(path)
    }
}

fn lock(path: &Path, since: Timestamp) -> Result<PathBuf> {
    let parent = path.parent().unwrap_or(path);
    fs::create_dir_all(parent)?;
    // A lock of a transfer is an entry of LOCKED; that of the machine is LOCKED itself.
    if parent.file_name() == Some(OsStr::new("LOCKED")) {
        fs::write(path, "")?;
        File::open(parent)?.set_modified(since.into())?;
    } else {
        fs::create_dir_all(path)?;
    }
    File::open(path)?.set_modified(since.into())?;
    Ok(path.to_owned())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
mod tests {
    use super::super::tests::tree;
    use super::*;

    #[test]
    fn faults_show_in_the_files() {
        let (_directory, tree) = tree();
        tree.shrink_newest("svn/dybsvn", 75).unwrap();
        let newest = tree.newest("svn/dybsvn").unwrap();
        assert_eq!(fs::metadata(&newest).unwrap().len(), 1_531_229_474 / 100 * 75);
        tree.remove_newest_sidecar("svn/dybsvn").unwrap();
        assert!(!sidecar_of(&newest).exists());
        tree.stale_by(3).unwrap();
        assert!(tree.newest("svn/dybsvn").unwrap().to_string_lossy().contains("/2012/11/10/"));
        assert_eq!(
            fs::read_link(tree.root().join("svn/dybsvn/last")).unwrap(),
            Path::new("2012/11/10/021023")
        );
        tree.drop_repo("svn/dybsvn").unwrap();
        assert!(tree.repos().unwrap().is_empty());
    }

    #[test]
    fn lock_bears_its_time() {
        let (_directory, tree) = tree();
        let since = "2012-11-13T01:02:03Z".parse().unwrap();
        let lock = tree.lock_transfer("svn", since).unwrap();
        assert!(lock.ends_with("LOCKED/svn-started-2012-11-13@09:02:03"));
        assert_eq!(fs::metadata(&lock).unwrap().modified().unwrap(), SystemTime::from(since));
        tree.lock_machine(since).unwrap();
        assert!(tree.fold().join("LOCKED").is_dir());
    }
}
