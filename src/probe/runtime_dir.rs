//! The directory that holds the control sockets.
//!
//! Private (mode 0700), short enough for a socket path, and gone when its owner is gone: a lock on a file in it
//! tells a living owner from one that was killed, whose directory the next start removes.

use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;

/// Longest base whose sockets still fit: the limit is 107 bytes, our directory and socket names take 20, and ssh
/// binds under a temporary name 17 bytes longer.
const LONGEST_BASE: usize = 60;

/// What our directories' names begin with.
const PREFIX: &str = "scmbe.";

/// Name of the lock file.
const LOCK: &str = "lock";

/// A directory younger than this without a lock may be one that is just being made.
const GRACE: Duration = Duration::from_secs(60);

/// Why there is no directory for control sockets.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeDirError {
    /// No base directory can be used.
    #[error(
        "no directory for control sockets: of {tried} none is a writable directory with a path of at most {LONGEST_BASE} bytes; set XDG_RUNTIME_DIR to one"
    )]
    NoBase {
        /// The candidates.
        tried: String,
    },
    /// The directory could not be made.
    #[error("cannot make a directory for control sockets in {}", base.display())]
    Create {
        /// Where.
        base: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Our own directory; removed when dropped.
#[derive(Debug)]
pub struct RuntimeDir {
    dir: TempDir,
    /// Held locked as long as we live: the lock file, and the directory itself, which keeps systemd-tmpfiles from
    /// clearing it away as old.
    _locks: [File; 2],
}

impl RuntimeDir {
    /// Makes our directory in the first usable of `$RUNTIME_DIRECTORY`, `$XDG_RUNTIME_DIR`, the temporary
    /// directory and `/tmp`, and removes those that killed predecessors left there.
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
        Self::create_in(&candidates)
    }

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
            // It has its name only once it is locked: whoever finds it unlocked takes its owner for dead.
            let unnamed = dir.path().join("unlocked");
            let lock = File::create(&unnamed)?;
            lock.try_lock()?;
            fs::rename(unnamed, dir.path().join(LOCK))?;
            let whole = File::open(dir.path())?;
            whole.try_lock()?;
            Ok(Self { dir, _locks: [lock, whole] })
        };
        create().map_err(|source: io::Error| RuntimeDirError::Create { base: base.clone(), source })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.dir.path()
    }
}

/// Removes the directories of owners that are gone. Whatever cannot be removed is left for the next start.
fn remove_leftovers(base: &Path) {
    let Ok(entries) = fs::read_dir(base) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        if entry.file_name().as_encoded_bytes().starts_with(PREFIX.as_bytes()) && is_abandoned(&path) {
            match fs::remove_dir_all(&path) {
                Ok(()) => tracing::info!(path = %path.display(), "removed what a killed predecessor left"),
                Err(error) => tracing::debug!(path = %path.display(), %error, "cannot remove a leftover"),
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
        let bases = [base.path().to_owned()];
        let living = RuntimeDir::create_in(&bases).unwrap();
        let dead = base.path().join("scmbe.dead");
        fs::create_dir(&dead).unwrap();
        fs::write(dead.join(LOCK), "").unwrap();
        fs::write(dead.join("1"), "").unwrap();
        let foreign = base.path().join("other");
        fs::create_dir(&foreign).unwrap();

        let ours = RuntimeDir::create_in(&bases).unwrap();
        let cleaner = File::open(ours.path()).unwrap().try_lock();
        assert!(matches!(cleaner, Err(TryLockError::WouldBlock)));
        assert!(living.path().exists() && ours.path().exists() && foreign.exists());
        assert!(!dead.exists());
        let path = ours.path().to_owned();
        drop(ours);
        assert!(!path.exists());
    }

    #[test]
    fn those_that_start_at_once_leave_each_other_alone() {
        let base = tempfile::tempdir_in("/tmp").unwrap();
        let bases = [base.path().to_owned()];
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..500 {
                        let ours = RuntimeDir::create_in(&bases).unwrap();
                        assert!(ours.path().join(LOCK).exists());
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
        let dir = RuntimeDir::create_in(&[long.clone(), base.path().to_owned()]).unwrap();
        assert_eq!(dir.path().parent(), Some(base.path()));
        let error = RuntimeDir::create_in(&[long]).unwrap_err();
        assert!(error.to_string().contains("set XDG_RUNTIME_DIR"), "{error}");
    }
}
