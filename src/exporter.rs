//! The running exporter: a configuration in force, its prober, and what a scrape does with them.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use crate::config::{self, Faults, Loaded};
use crate::metrics::{self, ProcessUsage, Reload, Snapshot};
use crate::probe::runtime_dir::RuntimeDir;
use crate::probe::{Prober, Scope};

/// What one exposition is to hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parts {
    /// Hubs, nodes and repos.
    pub nodes: bool,
    /// The exporter itself.
    pub exporter: bool,
}

/// A configuration in force and its prober.
#[derive(Debug)]
pub struct Exporter {
    files: Vec<PathBuf>,
    prober: Prober,
    reload: Mutex<Reload>,
}

impl Exporter {
    /// An exporter of what `files` hold, which are read again at each reload.
    pub fn new(files: Vec<PathBuf>, loaded: Loaded, dir: RuntimeDir, max_concurrent: usize) -> Self {
        log_warnings(&loaded);
        Self {
            files,
            prober: Prober::new(loaded.inventory, dir, max_concurrent),
            reload: Mutex::new(Reload { successful: true, last_success: Timestamp::now() }),
        }
    }

    /// Reads the configuration files again. With a fault in them the configuration in force stays.
    pub fn reload(&self) -> Result<(), Faults> {
        let outcome = config::load(&self.files, &process_env);
        let mut reload = self.reload.lock().unwrap_or_else(PoisonError::into_inner);
        match outcome {
            Ok(loaded) => {
                log_warnings(&loaded);
                self.prober.replace(loaded.inventory);
                *reload = Reload { successful: true, last_success: Timestamp::now() };
                tracing::info!("configuration reloaded");
                Ok(())
            }
            Err(faults) => {
                reload.successful = false;
                tracing::error!("configuration not reloaded, the one before stays in force:\n{faults}");
                Err(faults)
            }
        }
    }

    /// The prober.
    pub fn prober(&self) -> &Prober {
        &self.prober
    }

    /// Probes what is in scope, waiting no longer than `budget`, and takes a snapshot.
    pub async fn scrape(&self, scope: &Scope, parts: Parts, budget: Option<Duration>) -> Snapshot {
        if parts.nodes {
            self.prober.probe(scope, budget).await;
        }
        let mut hubs = Vec::new();
        let mut sightings = Vec::new();
        if parts.nodes {
            sightings = self.prober.sightings(scope);
            let is_meant = |name: &String| match scope {
                Scope::All => true,
                Scope::Hub(hub) | Scope::Node(hub, _) => name == hub,
            };
            hubs = self.prober.inventory().hubs.into_values().filter(|hub| is_meant(&hub.name)).collect();
        }
        let exporter = parts.exporter.then(|| metrics::Exporter {
            version: env!("CARGO_PKG_VERSION"),
            reload: *self.reload.lock().unwrap_or_else(PoisonError::into_inner),
            ssh_sessions: self.prober.live_sessions(),
            process: ProcessUsage::of_us(),
        });
        Snapshot { now: Timestamp::now(), hubs, sightings, exporter }
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
