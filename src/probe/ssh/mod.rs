//! SSH: one session per node, kept and made anew when it dies.
//!
//! This is the only place that knows the `openssh` crate and the `ssh` program. Everything about how to reach a
//! node is left to the user's own ssh configuration, but what a probe must be sure of (see `args`).

mod args;
mod complaint;
pub mod guard;
mod master;
mod shortage;

use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Mutex as AsyncMutex, Semaphore};
use tokio::time::{Instant, sleep};
use tokio_util::task::TaskTracker;

pub use args::{by_hand, by_hand_asking, by_hand_running};

use self::master::{ConnectError, Master, RunError};
use crate::inventory::Connection;
use crate::probe::failure::{Failure, Reason};
use crate::probe::runtime_dir::RuntimeDir;

/// Logins under way at once. More are slower for each, and a bastion's sshd (MaxStartups) begins to drop them.
const LOGINS: usize = 16;

/// Listings at once on one node's connection; sshd allows ten by default (MaxSessions), and one of an sshd that
/// refuses so many.
const LISTINGS_PER_NODE: u32 = 4;

/// How often a login or a session is tried when the node is only too busy.
const TRIES: u32 = 3;

/// How long a node that refused a session is left to end others, times the refusals.
const REFUSED_PAUSE: Duration = Duration::from_millis(100);

/// How long a node is left alone after the first refused login; the time doubles with each further one.
const HOLD_OFF: Duration = Duration::from_secs(60);

/// The longest it is left alone.
const LONGEST_HOLD_OFF: Duration = Duration::from_secs(3600);

/// The sessions of all nodes.
#[derive(Debug)]
pub struct Sessions {
    dir: RuntimeDir,
    nodes: Mutex<HashMap<Connection, Arc<Node>>>,
    next_socket: AtomicU64,
    /// The tasks that look after the masters' processes.
    keepers: TaskTracker,
    /// Logins to nodes that answered last time, or were never tried.
    logins: Semaphore,
    /// Logins to nodes that failed last time, so that dead nodes never make living ones wait.
    retries: Semaphore,
    /// Listings under way on all nodes. Taken after the login, for the same reason.
    listings: Semaphore,
}

/// What is kept of one node.
#[derive(Debug)]
struct Node {
    master: AsyncMutex<Slot>,
    listings: Semaphore,
    failing: AtomicBool,
}

#[derive(Debug, Default)]
struct Slot {
    master: Option<Arc<Master>>,
    /// The last login that failed, and when, so that those who waited for it share its outcome.
    failed: Option<(Instant, Failure)>,
    hold_off: Option<HoldOff>,
}

#[derive(Debug)]
struct HoldOff {
    until: Instant,
    step: Duration,
}

/// Time spent on the phases of one run.
#[derive(Debug, Clone, Copy, Default)]
pub struct Phases {
    /// Until there was a session to use; next to nothing when one was kept.
    pub connect: Duration,
    /// From the command's start to the last byte read; `None` when it never started.
    pub list: Option<Duration>,
}

/// How a run that was not cut short ended.
#[derive(Debug)]
pub struct Ran {
    /// The end of what the command wrote on standard error.
    pub stderr: String,
    /// Its exit status, when it was waited for.
    pub status: Option<i32>,
}

/// What is to be run on a node.
#[derive(Debug)]
pub struct Job<'a> {
    /// The command line for the node's login shell.
    pub command: &'a str,
    /// What it is given on standard input.
    pub input: &'a [u8],
    /// How long all of it may take.
    pub limit: Duration,
}

impl Sessions {
    /// No session yet; their sockets will lie in `dir`. At most `max_listings` will be under way at once.
    pub fn new(dir: RuntimeDir, max_listings: usize) -> Self {
        Self {
            dir,
            nodes: Mutex::default(),
            next_socket: AtomicU64::new(1),
            keepers: TaskTracker::new(),
            logins: Semaphore::new(LOGINS),
            retries: Semaphore::new(LOGINS),
            listings: Semaphore::new(max_listings.clamp(1, Semaphore::MAX_PERMITS)),
        }
    }

    /// Runs a job on a node and hands what it prints to the sinks that `sink` makes, one for each try: a kept
    /// session may turn out to be dead, and then the job is run once more on a new one.
    pub async fn run<S: FnMut(&[u8]) -> ControlFlow<()>>(
        &self,
        connection: &Connection,
        job: &Job<'_>,
        mut sink: impl FnMut() -> S,
    ) -> (Phases, Result<Ran, Failure>) {
        let mut phases = Phases::default();
        let mut left = job.limit;
        let node = self.node(connection);
        let mut second_try = false;
        let mut refusals = 0;
        loop {
            // A node that refused has fewer sessions to give: then it is had alone.
            let turns = if refusals == 0 { 1 } else { LISTINGS_PER_NODE };
            let Ok(turn) = node.listings.acquire_many(turns).await else {
                return (phases, Err(Failure::new(Reason::Internal, "the exporter is stopping")));
            };
            let (spent, login) = self.login(&node, connection, left).await;
            phases.connect += spent;
            left = left.saturating_sub(spent);
            let (master, kept) = match login {
                Ok(login) => login,
                Err(failure) => return (phases, Err(failure)),
            };
            let Ok(_listing) = self.listings.acquire().await else {
                return (phases, Err(Failure::new(Reason::Internal, "the exporter is stopping")));
            };
            let started = Instant::now();
            let run = tokio::time::timeout(left, master.run(job.command, job.input, sink())).await;
            let spent = started.elapsed();
            phases.list = Some(phases.list.unwrap_or_default() + spent);
            left = left.saturating_sub(spent);
            let failure = match run {
                Ok(Ok(ran)) => return (phases, Ok(Ran { stderr: ran.stderr, status: ran.status })),
                Ok(Err(RunError::Lost)) if kept && !second_try => {
                    tracing::debug!(node = %connection, "a kept session is dead, making a new one");
                    second_try = true;
                    node.forget(&master).await;
                    continue;
                }
                Ok(Err(RunError::Lost)) => {
                    node.forget(&master).await;
                    Failure::new(Reason::Connect, "the connection was lost while listing")
                }
                Ok(Err(RunError::Refused(words))) if refusals + 1 < TRIES => {
                    tracing::debug!(node = %connection, "the node refuses one more session: {words}");
                    refusals += 1;
                    drop(turn);
                    // It may not have noticed yet that the last one ended.
                    sleep(REFUSED_PAUSE * refusals).await;
                    continue;
                }
                Ok(Err(RunError::Refused(words))) => Failure::new(
                    Reason::Connect,
                    format!("the node refuses one more session (MaxSessions of its sshd?): {words}"),
                ),
                // The session is as good as before.
                Ok(Err(RunError::Short(shortage))) => shortage.when("cannot ask the node"),
                Err(_) => {
                    // The link may be dead: the next probe starts afresh, while others finish on this one.
                    node.forget(&master).await;
                    let limit = job.limit.as_secs_f64();
                    Failure::new(
                        Reason::Timeout,
                        format!("no complete listing within {limit} s (`probe_timeout`)"),
                    )
                }
            };
            return (phases, Err(failure));
        }
    }

    /// Ends the sessions of nodes that are no longer wanted.
    pub fn keep_only(&self, wanted: &HashSet<&Connection>) {
        self.nodes().retain(|connection, _| wanted.contains(connection));
    }

    /// How many sessions are up.
    pub fn live(&self) -> usize {
        let is_up = |node: &Arc<Node>| match node.master.try_lock() {
            Ok(slot) => slot.master.as_ref().is_some_and(|master| !master.has_ended()),
            // Somebody is logging in: not up yet.
            Err(_) => false,
        };
        self.nodes().values().filter(|node| is_up(node)).count()
    }

    /// Ends every session and waits until their processes are gone.
    pub async fn close(&self) {
        self.nodes().clear();
        self.keepers.close();
        self.keepers.wait().await;
    }

    fn node(&self, connection: &Connection) -> Arc<Node> {
        let mut nodes = self.nodes();
        if let Some(node) = nodes.get(connection) {
            return node.clone();
        }
        let node = Arc::new(Node {
            master: AsyncMutex::default(),
            listings: Semaphore::new(LISTINGS_PER_NODE as usize),
            failing: AtomicBool::new(false),
        });
        nodes.insert(connection.clone(), node.clone());
        node
    }

    fn nodes(&self) -> MutexGuard<'_, HashMap<Connection, Arc<Node>>> {
        self.nodes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The node's session, made if there is none, with the time that connecting took (waiting for a turn is
    /// not counted: a node must not fail because others are slow) and whether it was kept from before.
    async fn login(
        &self,
        node: &Node,
        connection: &Connection,
        left: Duration,
    ) -> (Duration, Result<(Arc<Master>, bool), Failure>) {
        let asked = Instant::now();
        let mut slot = node.master.lock().await;
        if let Some(master) = &slot.master {
            if !master.has_ended() {
                return (Duration::ZERO, Ok((master.clone(), true)));
            }
            slot.master = None;
        }
        if let Some((when, failure)) = &slot.failed
            && *when >= asked
        {
            return (Duration::ZERO, Err(failure.clone()));
        }
        if let (Some(hold_off), Some((_, failure))) = (&slot.hold_off, &slot.failed) {
            let wait = hold_off.until.saturating_duration_since(Instant::now()).as_secs();
            if wait > 0 {
                let detail = format!(
                    "{} (left alone for another {wait} s, so that no account is locked out)",
                    failure.detail
                );
                return (Duration::ZERO, Err(Failure::new(Reason::Auth, detail)));
            }
        }
        let lane = if node.failing.load(Ordering::Relaxed) { &self.retries } else { &self.logins };
        let Ok(_turn) = lane.acquire().await else {
            return (Duration::ZERO, Err(Failure::new(Reason::Internal, "the exporter is stopping")));
        };
        let started = Instant::now();
        let login = self.try_login(connection, left).await;
        node.failing.store(login.is_err(), Ordering::Relaxed);
        match login {
            Ok(master) => {
                slot.master = Some(master.clone());
                (slot.failed, slot.hold_off) = (None, None);
                (started.elapsed(), Ok((master, false)))
            }
            Err(failure) => {
                let now = Instant::now();
                slot.hold_off = (failure.reason == Reason::Auth).then(|| {
                    let step =
                        slot.hold_off.as_ref().map_or(HOLD_OFF, |last| (last.step * 2).min(LONGEST_HOLD_OFF));
                    HoldOff { until: now + step, step }
                });
                slot.failed = Some((now, failure.clone()));
                (started.elapsed(), Err(failure))
            }
        }
    }

    async fn try_login(&self, connection: &Connection, left: Duration) -> Result<Arc<Master>, Failure> {
        // A little more than ssh's own limit, so that where ssh can tell what it waited for, it does.
        let limit = (connection.timeout + Duration::from_millis(500)).min(left);
        let deadline = Instant::now() + limit;
        let late = if limit < connection.timeout {
            format!("no login within the {:.1} s left of `probe_timeout`", limit.as_secs_f64())
        } else {
            format!("no login within {} s (`timeout`)", connection.timeout.as_secs_f64())
        };
        let mut tries = 1;
        loop {
            let number = self.next_socket.fetch_add(1, Ordering::Relaxed);
            let dir = self.dir.ready().map_err(|error| {
                let source = std::error::Error::source(&error).map(|source| format!(": {source}"));
                Failure::new(Reason::Internal, format!("{error}{}", source.unwrap_or_default()))
            })?;
            let socket = dir.join(number.to_string());
            match Master::connect(connection, socket, deadline, &self.keepers).await {
                Ok(master) => return Ok(Arc::new(master)),
                Err(ConnectError::Late) => {
                    let detail = format!("{late}, the key exchange included");
                    return Err(Failure::new(Reason::Timeout, detail));
                }
                Err(ConnectError::Ended { failure, busy: true }) if tries < TRIES => {
                    let pause = Duration::from_millis(100 + jitter() % 400) * tries;
                    if Instant::now() + pause >= deadline {
                        return Err(failure);
                    }
                    tries += 1;
                    sleep(pause).await;
                }
                Err(ConnectError::Ended { failure, .. }) => return Err(failure),
            }
        }
    }
}

impl Node {
    /// Lets go of a session that is of no more use; it ends when its last user is done.
    async fn forget(&self, master: &Arc<Master>) {
        let mut slot = self.master.lock().await;
        if slot.master.as_ref().is_some_and(|current| Arc::ptr_eq(current, master)) {
            slot.master = None;
        }
    }
}

/// A number to spread retries by; 0 where the system has no randomness to give.
fn jitter() -> u64 {
    getrandom::u64().unwrap_or_default()
}
