//! One-off probes: probes every selected target once and shows the progress.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;

use crate::inventory::Inventory;
use crate::probe::runtime_dir::{RuntimeDir, RuntimeDirError};
use crate::probe::{Prober, Scope, Snapshot};

/// Concurrent probes.
const MAX_CONCURRENT: usize = 64;

/// Why nothing was probed.
#[derive(Debug, thiserror::Error)]
pub(super) enum ProbeOnceError {
    #[error(transparent)]
    RuntimeDir(#[from] RuntimeDirError),
    #[error("cannot start: {0}")]
    Start(#[from] io::Error),
    #[error("interrupted")]
    Interrupted,
}

/// Probes the targets in scope once. Every ssh process is gone when it returns.
pub(super) fn probe_once(inventory: Inventory, scope: &Scope) -> Result<Snapshot, ProbeOnceError> {
    let dir = RuntimeDir::create()?;
    super::runtime()?.block_on(async {
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let prober = Arc::new(Prober::new(inventory, dir, MAX_CONCURRENT)?);
        let outcome = tokio::select! {
            () = probe_all(&prober, scope) => Ok(prober.snapshot(scope)),
            _ = interrupt.recv() => Err(ProbeOnceError::Interrupted),
            _ = terminate.recv() => Err(ProbeOnceError::Interrupted),
        };
        prober.close().await;
        outcome
    })
}

async fn probe_all(prober: &Arc<Prober>, scope: &Scope) {
    let targets: Vec<_> =
        prober.snapshot(scope).target_states.into_iter().map(|target_state| target_state.target).collect();
    // A single node needs no bar; where standard error is no terminal none is drawn.
    let bar = if targets.len() > 1 { ProgressBar::new(targets.len() as u64) } else { ProgressBar::hidden() };
    if let Ok(style) = ProgressStyle::with_template("probing nodes {bar:30} {pos}/{len} {msg}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(100));
    let mut probes = JoinSet::new();
    for target in targets {
        let prober = prober.clone();
        probes.spawn(async move {
            prober.probe(&Scope::Node(target.hub.clone(), target.node.clone()), None).await;
            format!("hub {} on {}", target.hub, target.node)
        });
    }
    while let Some(done) = probes.join_next().await {
        bar.inc(1);
        if let Ok(done) = done {
            bar.set_message(done);
        }
    }
    bar.finish_and_clear();
}
