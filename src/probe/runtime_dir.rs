//! The directory that holds the control sockets.
//!
//! It is private (mode 0700), short enough for a socket path, and removed when its owner ends. A lock on a file in it
//! shows whether its owner lives; the next start removes the directory of a killed exporter. If somebody removes the
//! directory of a living exporter, the exporter creates it again when it needs it.

use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tempfile::TempDir;

/// Longest base whose sockets still fit: the limit is 107 bytes, the directory and socket names take 20, and ssh
/// binds under a temporary name 17 bytes longer.
const LONGEST_BASE: usize = 60;

/// The prefix of the directories' names.
const PREFIX: &str = "scmbe.";

/// Name of the lock file.
const LOCK: &str = "lock";

/// A younger directory without a lock may be under construction.
const GRACE: Duration = Duration::from_secs(60);

/// Why there is no directory for control sockets.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeDirError {
    /// No base directory can be used.
    #[error(
        "no directory for control sockets: none of {tried} is a writable directory with a path of at most {LONGEST_BASE} bytes; set XDG_RUNTIME_DIR to one"
    )]
    NoBase {
        /// The candidates.
        tried: String,
    },
    /// The directory could not be created.
    #[error("cannot create a directory for control sockets in {}", base.display())]
    Create {
        /// Where.
        base: PathBuf,
        /// The system's error.
        source: io::Error,
    },
}

/// The exporter's directory; removed when dropped.
#[derive(Debug)]
pub struct RuntimeDir {
    /// Its possible locations.
    candidates: Vec<PathBuf>,
    held: Mutex<Held>,
}

#[derive(Debug)]
struct Held {
    dir: TempDir,
    /// The file in it, locked while the exporter lives.
    lock: File,
    /// The directory itself, locked so that systemd-tmpfiles does not remove it as old.
    whole: File,
}

impl RuntimeDir {
    /// Creates the directory in the first usable of `$RUNTIME_DIRECTORY`, `$XDG_RUNTIME_DIR`, the temporary
    /// directory and `/tmp`, and removes the directories of killed exporters there.
    pub fn create() -> Result<Self, RuntimeDirError> {
        let from_env = |name| {
            // systemd separates several by colons.
            std::env::var(name).ok().and_then(|dirs| dirs.split(':').next().map(PathBuf::from))
        };
        let candidates: Vec<PathBuf> = [from_env("RUNTIME_DIRECTORY"), from_env("XDG_RUNTIME_DIR")]
            .into_iter()
            .flatten()
            .chain([std::env::temp_dir(), PathBuf::from("/tmp")])
            .collect();
        Self::create_in(candidates)
    }

    fn create_in(candidates: Vec<PathBuf>) -> Result<Self, RuntimeDirError> {
        let held = Held::create_in(&candidates)?;
        Ok(Self { candidates, held: Mutex::new(held) })
    }

    /// Its path. If it was removed, it is created again under another name; the sessions with sockets in it are lost.
    ///
    /// # Errors
    /// If it cannot be created again.
    pub fn ready(&self) -> Result<PathBuf, RuntimeDirError> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if !held.is_whole() {
            let new = Held::create_in(&self.candidates)?;
            tracing::warn!(
                removed = %held.dir.path().display(),
                new = %new.dir.path().display(),
                "the directory for control sockets was removed; creating it again"
            );
            // A directory that has its name now belongs to somebody else.
            let is_ours = held.is_there();
            held.dir.disable_cleanup(!is_ours);
            *held = new;
        }
        Ok(held.dir.path().to_owned())
    }
}

impl Held {
    fn create_in(candidates: &[PathBuf]) -> Result<Self, RuntimeDirError> {
        let usable = |base: &&PathBuf| {
            base.is_absolute()
                && base.as_os_str().len() <= LONGEST_BASE
                && rustix::fs::access(
                    base.as_path(),
                    rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK,
                )
                .is_ok()
        };
        let base = candidates.iter().find(usable).ok_or_else(|| RuntimeDirError::NoBase {
            tried: candidates.iter().map(|dir| dir.display().to_string()).collect::<Vec<_>>().join(", "),
        })?;
        remove_leftovers(base);
        let create = || {
            let dir = tempfile::Builder::new()
                .prefix(PREFIX)
                .permissions(fs::Permissions::from_mode(0o700))
                .tempdir_in(base)?;
            // It gets its name only once it is locked, because an unlocked directory counts as abandoned.
            let unnamed = dir.path().join("unlocked");
            let lock = File::create(&unnamed)?;
            lock.try_lock()?;
            fs::rename(unnamed, dir.path().join(LOCK))?;
            let whole = File::open(dir.path())?;
            whole.try_lock()?;
            Ok(Self { dir, lock, whole })
        };
        create().map_err(|source: io::Error| RuntimeDirError::Create { base: base.clone(), source })
    }

    /// Whether it still exists, with its lock.
    fn is_whole(&self) -> bool {
        is_same(&self.lock, &self.dir.path().join(LOCK))
    }

    /// Whether it still exists.
    fn is_there(&self) -> bool {
        is_same(&self.whole, self.dir.path())
    }
}

/// Whether a path leads to an open file or directory.
fn is_same(open: &File, path: &Path) -> bool {
    let (Ok(open), Ok(found)) = (open.metadata(), fs::symlink_metadata(path)) else { return false };
    (open.dev(), open.ino()) == (found.dev(), found.ino())
}

/// Removes the directories of killed exporters. The next start retries those that cannot be removed.
fn remove_leftovers(base: &Path) {
    let Ok(entries) = fs::read_dir(base) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        if entry.file_name().as_encoded_bytes().starts_with(PREFIX.as_bytes()) && is_abandoned(&path) {
            match fs::remove_dir_all(&path) {
                Ok(()) => {
                    tracing::info!(path = %path.display(), "removed the directory of a killed exporter")
                }
                Err(error) => {
                    tracing::debug!(path = %path.display(), %error, "cannot remove the directory of a killed exporter")
                }
            }
        }
    }
}

fn is_abandoned(dir: &Path) -> bool {
    let Ok(metadata) = fs::symlink_metadata(dir) else { return false };
    if !metadata.is_dir() || metadata.uid() != rustix::process::geteuid().as_raw() {
        return false;
    }
    match File::open(dir.join(LOCK)) {
        Ok(lock) => !matches!(lock.try_lock(), Err(TryLockError::WouldBlock)),
        Err(_) => metadata.modified().is_ok_and(|made| made.elapsed().is_ok_and(|age| age > GRACE)),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test")]
mod tests {
    use super::*;

    #[test]
    fn leftover_of_a_killed_predecessor_goes_and_a_living_one_stays() {
        let base = tempfile::tempdir_in("/tmp").unwrap();
        let bases = vec![base.path().to_owned()];
        let living = RuntimeDir::create_in(bases.clone()).unwrap();
        let dead = base.path().join("scmbe.dead");
        fs::create_dir(&dead).unwrap();
        fs::write(dead.join(LOCK), "").unwrap();
        fs::write(dead.join("1"), "").unwrap();
        let foreign = base.path().join("other");
        fs::create_dir(&foreign).unwrap();

        let ours = RuntimeDir::create_in(bases.clone()).unwrap();
        let cleaner = File::open(ours.ready().unwrap()).unwrap().try_lock();
        assert!(matches!(cleaner, Err(TryLockError::WouldBlock)));
        assert!(living.ready().unwrap().exists() && ours.ready().unwrap().exists() && foreign.exists());
        assert!(!dead.exists());
        let path = ours.ready().unwrap();
        drop(ours);
        assert!(!path.exists());
    }

    #[test]
    fn removed_directory_is_made_again_with_its_lock() {
        let base = tempfile::tempdir_in("/tmp").unwrap();
        let bases = vec![base.path().to_owned()];
        let ours = RuntimeDir::create_in(bases.clone()).unwrap();
        let first = ours.ready().unwrap();
        assert_eq!(ours.ready().unwrap(), first, "nothing happened to it");
        fs::remove_dir_all(&first).unwrap();
        let second = ours.ready().unwrap();
        assert_eq!(fs::metadata(&second).unwrap().permissions().mode() & 0o777, 0o700);
        assert!(!is_abandoned(&second));
        // Without its lock another exporter would remove it as abandoned.
        fs::remove_file(second.join(LOCK)).unwrap();
        let third = ours.ready().unwrap();
        assert!(!is_abandoned(&third) && !second.exists());
        // Where its base is gone, too, another one serves.
        let other = tempfile::tempdir_in("/tmp").unwrap();
        let gone = base.path().join("base");
        fs::create_dir(&gone).unwrap();
        let moved = RuntimeDir::create_in(vec![gone.clone(), other.path().to_owned()]).unwrap();
        fs::remove_dir_all(&gone).unwrap();
        assert_eq!(moved.ready().unwrap().parent(), Some(other.path()));
        drop((ours, moved));
        assert!(!third.exists() && fs::read_dir(other.path()).unwrap().next().is_none());
    }

    #[test]
    fn those_that_start_at_once_leave_each_other_alone() {
        let base = tempfile::tempdir_in("/tmp").unwrap();
        let bases = vec![base.path().to_owned()];
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..500 {
                        let ours = RuntimeDir::create_in(bases.clone()).unwrap();
                        assert!(ours.ready().unwrap().join(LOCK).exists());
                    }
                });
            }
        });
    }

    #[test]
    fn too_long_base_is_passed_over() {
        let base = tempfile::tempdir_in("/tmp").unwrap();
        let long = base.path().join("x".repeat(80));
        fs::create_dir(&long).unwrap();
        let dir = RuntimeDir::create_in(vec![long.clone(), base.path().to_owned()]).unwrap();
        assert_eq!(dir.ready().unwrap().parent(), Some(base.path()));
        let error = RuntimeDir::create_in(vec![long]).unwrap_err();
        assert!(error.to_string().contains("set XDG_RUNTIME_DIR"), "{error}");
    }
}
