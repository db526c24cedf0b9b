//! The running exporter: a configuration in force, its prober, and what a scrape does with them.

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Mutex as AsyncMutex;

use crate::config::{self, ConfigErrors, Loaded};
use crate::metrics::{self, Exposition, ProcessUsage, Reload};
use crate::probe::runtime_dir::RuntimeDir;
use crate::probe::{Prober, Scope, Snapshot};
use crate::workers::{WorkError, Workers};

/// How long reading the configuration files again may take; a network file system that hangs never ends.
const READ_TIMEOUT: Duration = Duration::from_secs(10);

/// What one exposition is to hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parts {
    /// Hubs, nodes and repos.
    pub nodes: bool,
    /// The exporter itself.
    pub exporter: bool,
}

/// Why the configuration before stays in force.
#[derive(Debug, thiserror::Error)]
pub enum ReloadError {
    /// The new one has faults.
    #[error("{0}")]
    ConfigErrors(#[from] ConfigErrors),
    /// Reading it could wait for ever.
    #[error("{} is not a regular file, and could keep the exporter waiting: name one by --config.file", .0.display())]
    NotAFile(PathBuf),
    /// The files' disk does not answer.
    #[error(
        "reading the configuration files took longer than {READ_TIMEOUT:?}: see to the disk that they lie on"
    )]
    Late,
    /// The thread that reads them gave nothing.
    #[error("cannot read the configuration files: {0}")]
    Work(#[from] WorkError),
}

/// A configuration in force and its prober.
#[derive(Debug)]
pub struct Exporter {
    files: Arc<[PathBuf]>,
    prober: Prober,
    reload: Mutex<Reload>,
    /// Held by the reload under way.
    reloading: AsyncMutex<()>,
    /// Reads the configuration files.
    reader: Workers,
}

impl Exporter {
    /// An exporter of what `files` hold, which are read again at each reload.
    ///
    /// # Errors
    /// When the system gives no further thread.
    pub fn new(
        files: Vec<PathBuf>,
        loaded: Loaded,
        dir: RuntimeDir,
        max_concurrent: usize,
    ) -> io::Result<Self> {
        log_warnings(&loaded);
        Ok(Self {
            files: files.into(),
            prober: Prober::new(loaded.inventory, dir, max_concurrent)?,
            reload: Mutex::new(Reload { failed_since: None, last_success: Timestamp::now() }),
            reloading: AsyncMutex::default(),
            // What hangs leaves no room for more than a few that wait, and they give up by themselves.
            reader: Workers::start("reload", 1, 4)?,
        })
    }

    /// Reads the configuration files again, one reload after the other. With a fault in them the configuration in force
    /// stays.
    ///
    /// # Errors
    /// Every fault of every file, or why they cannot be read.
    pub async fn reload(&self) -> Result<(), ReloadError> {
        let _alone = self.reloading.lock().await;
        let outcome = self.read().await;
        let mut reload = self.reload.lock().unwrap_or_else(PoisonError::into_inner);
        match outcome {
            Ok(loaded) => {
                log_warnings(&loaded);
                self.prober.replace(loaded.inventory);
                *reload = Reload { failed_since: None, last_success: Timestamp::now() };
                tracing::info!("configuration reloaded");
                Ok(())
            }
            Err(error) => {
                reload.failed_since.get_or_insert_with(Timestamp::now);
                tracing::error!("configuration not reloaded, the one before stays in force:\n{error}");
                Err(error)
            }
        }
    }

    async fn read(&self) -> Result<Loaded, ReloadError> {
        let files = self.files.clone();
        let reading = self.reader.run(move || read(&files));
        tokio::time::timeout(READ_TIMEOUT, reading).await.map_err(|_| ReloadError::Late)??
    }

    /// How the last loading of the configuration went.
    pub fn last_reload(&self) -> Reload {
        *self.reload.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The prober.
    pub fn prober(&self) -> &Prober {
        &self.prober
    }

    /// Probes what is in scope, waiting no longer than `budget`, and takes what the exposition says.
    pub async fn scrape(&self, scope: &Scope, parts: Parts, budget: Option<Duration>) -> Exposition {
        if parts.nodes {
            self.prober.probe(scope, budget).await;
        }
        let snapshot = if parts.nodes { self.prober.snapshot(scope) } else { Snapshot::default() };
        let exporter = parts.exporter.then(|| metrics::Exporter {
            version: env!("CARGO_PKG_VERSION"),
            reload: self.last_reload(),
            ssh_sessions: self.prober.live_sessions(),
            logins_refused: None,
            process: ProcessUsage::of_us(),
        });
        Exposition { now: Timestamp::now(), snapshot, exporter }
    }
}

/// Reads the configuration files, but for what is none: opening a pipe that nobody writes to never ends.
fn read(files: &[PathBuf]) -> Result<Loaded, ReloadError> {
    let is_none = |file: &&PathBuf| std::fs::metadata(file).is_ok_and(|metadata| !metadata.is_file());
    match files.iter().find(is_none) {
        Some(file) => Err(ReloadError::NotAFile(file.clone())),
        None => Ok(config::load(files, &process_env)?),
    }
}

fn log_warnings(loaded: &Loaded) {
    for warning in &loaded.warnings {
        tracing::warn!("{warning}");
    }
}

/// A variable of our own environment; one that is not UTF-8 counts as not set.
pub fn process_env(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::io::Write as _;
    use std::sync::mpsc::channel;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn reload_whose_files_do_not_come_is_given_up_and_the_next_one_is_done() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"[HUB]\nA = N1\n[A]\nsrvnode = a\n").unwrap();
        let files = vec![file.path().to_owned()];
        let loaded = config::load(&files, &|_| None).unwrap();
        let exporter = Exporter::new(files, loaded, RuntimeDir::create().unwrap(), 1).unwrap();
        // As a disk that does not answer would.
        let (open, gate) = channel::<()>();
        let hanging = exporter.reader.run(move || gate.recv());
        let given_up = async { exporter.reload().await };
        let (hung, given_up) =
            tokio::join!(async { tokio::time::timeout(READ_TIMEOUT * 2, hanging).await }, given_up);
        assert!(hung.is_err(), "it was still hanging");
        assert!(matches!(given_up, Err(ReloadError::Late)), "{given_up:?}");
        let since = exporter.last_reload().failed_since;
        assert!(since.is_some());
        open.send(()).unwrap();
        tokio::time::resume();
        exporter.reload().await.unwrap();
        assert_eq!(exporter.last_reload().failed_since, None);
    }
}
