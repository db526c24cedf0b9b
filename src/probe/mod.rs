//! Probing: when to probe a target, and what to keep of its probes.
//!
//! A target has at most one probe in flight, however many scrapes ask for it. A probe outlives the scrape that started it:
//! a scrape that cannot wait any longer takes the last report, and the probe's result serves the next scrape. A failed
//! probe leaves the last report in place.

pub mod failure;
mod history;
pub(crate) mod local_files;
mod reason;
mod renewal;
mod run;
pub mod runtime_dir;
pub mod shortage;
mod snapshot;
pub mod ssh;

use std::collections::{BTreeMap, HashSet};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::failure::{Cause, Internal, Reason};
pub use self::history::History;
use self::renewal::{asks_the_same, may_depend_on_login, sees_the_same};
pub(crate) use self::run::request;
use self::run::{ProbeOutput, run};
use self::runtime_dir::RuntimeDir;
pub use self::snapshot::{Snapshot, TargetState};
use self::ssh::{Lane, Sessions, Timings};
use crate::advice;
use crate::inventory::{Inventory, Target};
use crate::report::Report;
use crate::verdict::NodeProblem;
use crate::workers::Workers;

/// A probe that ended.
#[derive(Debug, Clone)]
pub struct ProbeResult {
    /// When it ended.
    pub ended: Timestamp,
    /// Why there is no complete listing; `None` if there is one.
    pub failure: Option<Cause>,
    /// How long its phases took.
    pub timings: Timings,
}

/// Probes the targets of the current inventory.
#[derive(Debug)]
pub struct Prober {
    shared: Arc<Shared>,
    table: RwLock<Arc<Table>>,
}

/// What running probes share.
#[derive(Debug)]
struct Shared {
    sessions: Sessions,
    /// Threads that check the exporter's files after a failed login.
    files: Workers,
    /// Probes in flight.
    probes: TaskTracker,
    stop: CancellationToken,
}

/// An inventory with the states of its targets.
#[derive(Debug, Default)]
struct Table {
    inventory: Arc<Inventory>,
    entries: BTreeMap<(String, String), Arc<TargetEntry>>,
}

impl Table {
    /// The entries of the targets meant, sorted by hub and node.
    fn meant(&self, scope: &Scope) -> impl Iterator<Item = &Arc<TargetEntry>> {
        let entries = self.entries.iter();
        entries.filter(|((hub, node), _)| scope.holds_target(hub, node)).map(|(_, entry)| entry)
    }
}

/// One target's place.
#[derive(Debug)]
struct TargetEntry {
    target: Arc<Target>,
    /// Shared with the entry from before a reload, so that a probe in flight at the reload is not lost.
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    report: Option<Arc<Report>>,
    last: Option<ProbeResult>,
    /// Copied only when a probe ends while a request still reads it.
    history: Arc<History>,
    /// A session whose login is from before this is not to be used: a failure, or a target as it was before a reload,
    /// may be due to what the login gave, as groups and the forced command.
    login_after: Option<Instant>,
    /// Closed when the probe in flight ends.
    in_flight: Option<watch::Receiver<()>>,
}

/// Which targets are meant.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Scope {
    /// All of them.
    #[default]
    All,
    /// The targets of one hub.
    Hub(String),
    /// One target.
    Node(String, String),
}

impl Scope {
    /// Whether it includes a target of this hub.
    pub fn holds(&self, hub: &str) -> bool {
        match self {
            Self::All => true,
            Self::Hub(meant) | Self::Node(meant, _) => hub == meant,
        }
    }

    /// Whether the target of this hub and node is meant.
    fn holds_target(&self, hub: &str, node: &str) -> bool {
        match self {
            Self::All | Self::Hub(_) => self.holds(hub),
            Self::Node(_, meant) => self.holds(hub) && node == meant,
        }
    }
}

impl Prober {
    /// Creates a prober for an inventory. At most `max_concurrent` listings run at once of targets that answered last time,
    /// as many of targets never listed, and as many of targets that hung; see [`Lane`].
    ///
    /// # Errors
    /// If the system refuses another thread.
    pub fn new(inventory: Inventory, dir: RuntimeDir, max_concurrent: usize) -> io::Result<Self> {
        let shared = Shared {
            sessions: Sessions::new(dir, max_concurrent),
            // A hanging file system blocks one thread; work that waits gives up by itself.
            files: Workers::start("key files", 1, 64)?,
            probes: TaskTracker::new(),
            stop: CancellationToken::new(),
        };
        let prober = Self { shared: Arc::new(shared), table: RwLock::default() };
        prober.replace(inventory);
        Ok(prober)
    }

    /// Replaces the inventory. Targets that are in both keep their states, and their nodes keep their sessions. A target
    /// that is new, or is listed in another way than before, is probed through a new login. Backoffs after refused
    /// logins end.
    pub fn replace(&self, inventory: Inventory) {
        let old = self.table();
        let entries = inventory
            .targets()
            .map(|target| {
                let key = (target.hub.clone(), target.node.clone());
                let entry = match old.entries.get(&key) {
                    Some(entry) if entry.target == *target => entry.clone(),
                    Some(entry) if sees_the_same(&entry.target, target) => {
                        if !asks_the_same(&entry.target, target) {
                            entry.state().login_after = Some(Instant::now());
                        }
                        Arc::new(TargetEntry { target: target.clone(), state: entry.state.clone() })
                    }
                    _ => {
                        let state = State { login_after: Some(Instant::now()), ..State::default() };
                        Arc::new(TargetEntry { target: target.clone(), state: Arc::new(Mutex::new(state)) })
                    }
                };
                (key, entry)
            })
            .collect();
        let wanted: HashSet<_> = inventory.targets().map(|target| &target.connection).collect();
        self.shared.sessions.keep_only(&wanted);
        let table = Arc::new(Table { entries, inventory: Arc::new(inventory) });
        *self.table.write().unwrap_or_else(PoisonError::into_inner) = table;
        self.lift_backoffs(&Scope::All);
    }

    /// Ends the backoffs after refused logins of the selected nodes, so that the next probe tries them.
    pub fn lift_backoffs(&self, scope: &Scope) {
        for entry in self.entries(scope) {
            self.shared.sessions.lift_backoff(&entry.target.connection);
        }
    }

    /// The inventory in force.
    pub fn inventory(&self) -> Arc<Inventory> {
        self.table().inventory.clone()
    }

    /// Probes the selected targets concurrently, and waits for the results for at most `budget`.
    pub async fn probe(&self, scope: &Scope, budget: Option<Duration>) {
        let waits: Vec<_> = self.entries(scope).iter().filter_map(|entry| self.start(entry)).collect();
        let all = async {
            for mut done in waits {
                // An error means that the sender is gone, which ends the wait.
                while done.changed().await.is_ok() {}
            }
        };
        match budget {
            Some(budget) => {
                let _ = tokio::time::timeout(budget, all).await;
            }
            None => all.await,
        }
    }

    /// What is known of the targets meant. Never starts a probe.
    pub fn snapshot(&self, scope: &Scope) -> Snapshot {
        let table = self.table();
        let target_state = |entry: &Arc<TargetEntry>| {
            let state = entry.state();
            TargetState {
                target: entry.target.clone(),
                report: state.report.clone(),
                last: state.last.clone(),
                history: state.history.clone(),
                is_probing: state.in_flight.is_some(),
            }
        };
        Snapshot {
            inventory: table.inventory.clone(),
            scope: scope.clone(),
            target_states: table.meant(scope).map(target_state).collect(),
        }
    }

    /// How many SSH sessions are up.
    pub fn live_sessions(&self) -> usize {
        self.shared.sessions.live()
    }

    /// Cancels the probes in flight and ends every session; returns when their processes are gone.
    pub async fn close(&self) {
        self.shared.stop.cancel();
        self.shared.probes.close();
        self.shared.probes.wait().await;
        self.shared.sessions.close().await;
    }

    fn table(&self) -> Arc<Table> {
        self.table.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn entries(&self, scope: &Scope) -> Vec<Arc<TargetEntry>> {
        self.table().meant(scope).cloned().collect()
    }

    /// Starts a probe unless one is in flight or the last report is young enough. The returned channel closes when the
    /// probe ends.
    fn start(&self, entry: &Arc<TargetEntry>) -> Option<watch::Receiver<()>> {
        let mut state = entry.state();
        if let Some(in_flight) = &state.in_flight {
            return Some(in_flight.clone());
        }
        let (interval, now) = (entry.target.min_probe_interval, Timestamp::now());
        // A failed probe left no report, and delays no other probe.
        let is_fresh = state.report.as_ref().is_some_and(|report| report.is_younger_than(interval, now));
        if self.shared.stop.is_cancelled() || is_fresh {
            return None;
        }
        let (sender, receiver) = watch::channel(());
        state.in_flight = Some(receiver.clone());
        let (login_after, lane) = (state.login_after, state.lane());
        drop(state);
        let (shared, entry) = (self.shared.clone(), entry.clone());
        self.shared.probes.spawn(async move {
            let probe = InFlight { entry, _running: sender };
            let found = tokio::select! {
                found = run(&shared.sessions, &shared.files, &probe.entry.target, login_after, lane) => Some(found),
                () = shared.stop.cancelled() => None,
            };
            probe.entry.settle(found);
        });
        Some(receiver)
    }
}

/// A probe in flight. A panic counts as a failed probe. Otherwise the target would never be probed again, and its last
/// report would stay as if all were well.
struct InFlight {
    entry: Arc<TargetEntry>,
    _running: watch::Sender<()>,
}

impl Drop for InFlight {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let failure = Cause::Internal(Internal::Panicked);
            let timings = Timings::default();
            self.entry.settle(Some(ProbeOutput { timings, report: None, failure: Some(failure) }));
        }
    }
}

impl TargetEntry {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Stores the result of a probe; `None` if it was cancelled.
    fn settle(&self, found: Option<ProbeOutput>) {
        let mut state = self.state();
        state.in_flight = None;
        let Some(ProbeOutput { timings, report, failure }) = found else { return };
        if failure.as_ref().is_some_and(|failure| may_depend_on_login(failure.reason())) {
            state.login_after = Some(Instant::now());
        }
        self.log(&state, report.as_ref(), failure.as_ref());
        if let Some(report) = report {
            state.report = Some(Arc::new(report));
        }
        let attempt = ProbeResult { ended: Timestamp::now(), failure, timings };
        Arc::make_mut(&mut state.history).push(attempt.clone());
        state.last = Some(attempt);
    }

    /// Logs what has changed since the last probe; what has not is logged at level debug.
    fn log(&self, before: &State, report: Option<&Report>, failure: Option<&Cause>) {
        let (hub, node) = (self.target.hub.as_str(), self.target.node.as_str());
        let advice = |cause| advice::of_cause(cause, &self.target);
        let failed_before = before.last.as_ref().and_then(|last| last.failure.as_ref());
        match (failure, failed_before) {
            // Other advice than before means that somebody has corrected a part of the problem.
            (Some(now), Some(before)) if now.reason() == before.reason() && advice(now) == advice(before) => {
                tracing::debug!(hub, node, reason = %now.reason(), "probe failed again: {now}");
            }
            (Some(now), _) => {
                let advice = advice(now);
                // Some of ssh's messages end in a full stop.
                let words = now.to_string();
                let words = words.trim_end_matches('.');
                tracing::warn!(hub, node, reason = %now.reason(), "probe failed: {words}; to do: {advice}");
            }
            (None, Some(_)) => tracing::info!(hub, node, "probe succeeds again"),
            (None, None) => tracing::debug!(hub, node, "probe succeeded"),
        }
        let Some(report) = report else { return };
        let rejected_before = before.report.as_ref().map_or(0, |report| report.rejects.count);
        if report.rejects.count > 0 && report.rejects.count != rejected_before {
            tracing::warn!(
                hub,
                node,
                rejects = report.rejects.count,
                "names below {} do not fit the layout and are not counted; the first: {}",
                report.root,
                report.rejects.first.join("; ")
            );
        }
        if report.surplus > 0 && before.report.as_ref().is_none_or(|report| report.surplus == 0) {
            tracing::warn!(hub, node, "{}", NodeProblem::Inflated { surplus: report.surplus });
        }
        let shifted_before = before.report.as_ref().and_then(|report| report.zone_shift_hours);
        if let Some(hours) = report.zone_shift_hours
            && shifted_before != Some(hours)
        {
            tracing::warn!(
                hub,
                node,
                "the stamps in the paths are {} h {} the files' own times: set `timezone` in [hub {hub}] to the zone of the hub's clock",
                hours.unsigned_abs(),
                if hours < 0 { "behind" } else { "ahead of" }
            );
        }
    }
}

impl State {
    /// The lane of the next probe.
    fn lane(&self) -> Lane {
        let reason = self.last.as_ref().and_then(|last| Some(last.failure.as_ref()?.reason()));
        match reason {
            Some(Reason::Timeout | Reason::Connect) => Lane::Failing,
            _ if self.report.is_none() => Lane::Untried,
            _ => Lane::Proven,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples::target;

    #[test]
    fn probe_that_panics_fails_and_lets_others_follow() {
        let (sender, receiver) = watch::channel(());
        let state = State { in_flight: Some(receiver), ..State::default() };
        let entry = Arc::new(TargetEntry { target: Arc::new(target()), state: Arc::new(Mutex::new(state)) });
        let probe = InFlight { entry: entry.clone(), _running: sender };
        let panicked = std::thread::spawn(move || {
            let _probe = probe;
            panic!("as a bug would");
        });
        assert!(panicked.join().is_err());
        let state = entry.state();
        assert!(state.in_flight.is_none());
        let failure = state.last.as_ref().and_then(|last| last.failure.as_ref());
        assert_eq!(failure, Some(&Cause::Internal(Internal::Panicked)));
    }
}
