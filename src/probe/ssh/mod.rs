//! SSH: one session per node, kept between probes and replaced when it ends.
//!
//! This is the only module that uses the `openssh` crate and the `ssh` program. The user's ssh configuration decides how to
//! reach a node, except for the options that a probe relies on (see `args`).

mod args;
mod diagnose;
mod group;
mod lanes;
mod master;
mod node;
pub mod trampoline;
pub mod watchdog;

use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep};
use tokio_util::task::TaskTracker;

pub use args::{manual_command, manual_command_asking, manual_command_running};
pub use lanes::Lane;

use self::lanes::{Heard, LOGIN_LOAN, Lanes, SILENCE};
pub use self::master::CommandOutput;
use self::master::{ConnectError, Master, RunError};
use self::node::Node;
use self::watchdog::Watchdog;
use crate::inventory::Connection;
use crate::probe::failure::{Cause, Internal, Words};
use crate::probe::runtime_dir::RuntimeDir;

/// Concurrent logins. More would slow each down, and a bastion's sshd (MaxStartups) would drop some.
const LOGINS: usize = 16;

/// How often a login or a session is tried if the node is only too busy.
const TRIES: u32 = 3;

/// How long to wait after a refused session, times the number of refusals.
const REFUSED_PAUSE: Duration = Duration::from_millis(100);

/// The sessions of all nodes.
#[derive(Debug)]
pub struct Sessions {
    dir: RuntimeDir,
    nodes: Mutex<HashMap<Connection, Arc<Node>>>,
    next_socket: AtomicU64,
    /// The tasks that supervise the masters' processes.
    supervisors: TaskTracker,
    /// Ends the masters' process groups if the exporter is killed.
    watchdog: Arc<Watchdog>,
    /// Limits concurrent logins, so that dead nodes never delay living ones.
    logins: Lanes,
    /// Limits concurrent listings on all nodes. A listing takes its place after the login, for the same reason.
    listings: Lanes,
}

/// The duration of a run's phases.
#[derive(Debug, Clone, Copy, Default)]
pub struct Timings {
    /// Until there was a session; nearly zero if it was kept.
    pub connect: Duration,
    /// From the command's start to the last byte read; `None` if it never started.
    pub list: Option<Duration>,
}

/// A command to run on a node.
#[derive(Debug)]
pub struct RemoteCommand<'a> {
    /// The command line for the node's login shell.
    pub command: &'a str,
    /// Its standard input.
    pub input: &'a [u8],
    /// The time limit, login included.
    pub limit: Duration,
    /// The login of the session must be later than this, since an earlier one may be out of date.
    pub login_after: Option<Instant>,
    /// Its lane.
    pub lane: Lane,
}

impl Sessions {
    /// No session yet; their sockets will lie in `dir`. At most `max_listings` of each [`Lane`] will be
    /// under way at once, those left out that were silent for a while.
    pub fn new(dir: RuntimeDir, max_listings: usize) -> Self {
        Self {
            dir,
            nodes: Mutex::default(),
            next_socket: AtomicU64::new(1),
            supervisors: TaskTracker::new(),
            watchdog: Arc::default(),
            logins: Lanes::new([LOGINS; 3]),
            listings: Lanes::new([max_listings; 3]),
        }
    }

    /// Runs a command on a node and passes its output to the sink that `sink` creates for each try. If a kept session turns
    /// out to be dead, the command runs once more on a new one.
    pub async fn run<S: FnMut(&[u8]) -> ControlFlow<()>>(
        &self,
        connection: &Connection,
        remote: &RemoteCommand<'_>,
        mut sink: impl FnMut() -> S,
    ) -> (Timings, Result<CommandOutput, Cause>) {
        let mut timings = Timings::default();
        let mut left = remote.limit;
        let node = self.node(connection);
        let mut second_try = false;
        let mut refusals = 0;
        let stopping = || Cause::Internal(Internal::Stopping);
        loop {
            // A node that refused allows fewer sessions, so this run takes all places of the node.
            let turn = if refusals == 0 {
                node.listings.enter(remote.lane).await
            } else {
                node.listings.enter_alone().await
            };
            let Some(mut turn) = turn else { return (timings, Err(stopping())) };
            let (spent, login) = self.login(&node, connection, remote.login_after, left).await;
            timings.connect += spent;
            left = left.saturating_sub(spent);
            let (master, kept) = match login {
                Ok(login) => login,
                Err(failure) => return (timings, Err(failure)),
            };
            let Some(place) = self.listings.enter(remote.lane).await else {
                return (timings, Err(stopping()));
            };
            let started = Instant::now();
            let (heard, mut sink) = (Heard::new(), sink());
            let run = master.run(remote.command, remote.input, |chunk| {
                heard.note();
                sink(chunk)
            });
            // The node's other listings do not wait for one that hangs, as long as its sshd has sessions to spare.
            let aside = async {
                if remote.lane != Lane::Failing && refusals == 0 {
                    node.listings.move_aside(&mut turn).await;
                }
            };
            let run = lanes::lent_while_heard(place, SILENCE, &heard, aside, run);
            let run = tokio::time::timeout(left, run).await;
            let spent = started.elapsed();
            timings.list = Some(timings.list.unwrap_or_default() + spent);
            left = left.saturating_sub(spent);
            let failure = match run {
                Ok(Ok(output)) => return (timings, Ok(output)),
                Ok(Err(RunError::Lost)) if kept && !second_try => {
                    tracing::debug!(node = %connection, "the stored session has ended, logging in again");
                    second_try = true;
                    node.forget(&master);
                    continue;
                }
                Ok(Err(RunError::Lost)) => {
                    node.forget(&master);
                    Cause::ConnectionLost
                }
                Ok(Err(RunError::Refused(words))) if refusals + 1 < TRIES => {
                    tracing::debug!(node = %connection, "the node refuses another session: {words}");
                    refusals += 1;
                    drop(turn);
                    // The node may not have noticed yet that the last session ended.
                    sleep(REFUSED_PAUSE * refusals).await;
                    continue;
                }
                Ok(Err(RunError::Refused(words))) => Cause::SessionRefused(Words::new(words)),
                // The session itself is still usable.
                Ok(Err(RunError::Short(shortage))) => {
                    Cause::Internal(Internal::Short { doing: "ask the node", shortage })
                }
                Err(_) => {
                    // The link may be dead: the next probe logs in again, while others finish on this session.
                    node.forget(&master);
                    Cause::ListingLate { limit: remote.limit }
                }
            };
            return (timings, Err(failure));
        }
    }

    /// Ends the sessions of nodes that are no longer configured.
    pub fn keep_only(&self, wanted: &HashSet<&Connection>) {
        self.nodes().retain(|connection, _| wanted.contains(connection));
    }

    /// Ends a node's backoff after refused logins. If it refuses again, the next backoff is twice as long.
    pub fn lift_backoff(&self, connection: &Connection) {
        if let Some(node) = self.nodes().get(connection) {
            node.state().lift_backoff();
        }
    }

    /// How many sessions are up.
    pub fn live(&self) -> usize {
        self.nodes().values().filter(|node| node.session(None).is_some()).count()
    }

    /// Ends every session and waits until their processes are gone.
    pub async fn close(&self) {
        self.nodes().clear();
        self.supervisors.close();
        self.supervisors.wait().await;
        self.watchdog.end().await;
    }

    fn node(&self, connection: &Connection) -> Arc<Node> {
        let mut nodes = self.nodes();
        if let Some(node) = nodes.get(connection) {
            return node.clone();
        }
        let node = Arc::new(Node::new());
        nodes.insert(connection.clone(), node.clone());
        node
    }

    fn nodes(&self) -> MutexGuard<'_, HashMap<Connection, Arc<Node>>> {
        self.nodes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The node's session, created if there is none with a login later than `login_after`. Returns the time that connecting
    /// took and whether the session was kept. Waiting for a place does not count: a node must not fail because others are
    /// slow. During the login, runs that accept the previous session use that.
    async fn login(
        &self,
        node: &Node,
        connection: &Connection,
        login_after: Option<Instant>,
        left: Duration,
    ) -> (Duration, Result<(Arc<Master>, bool), Cause>) {
        let asked = Instant::now();
        if let Some(master) = node.session(login_after) {
            return (Duration::ZERO, Ok((master, true)));
        }
        let _one_at_a_time = node.login.lock().await;
        if let Some(master) = node.session(login_after) {
            return (Duration::ZERO, Ok((master, true)));
        }
        let lane = match node.state().before_login(asked) {
            Ok(lane) => lane,
            Err(failure) => return (Duration::ZERO, Err(failure)),
        };
        let Some(place) = self.logins.enter(lane).await else {
            return (Duration::ZERO, Err(Cause::Internal(Internal::Stopping)));
        };
        let started = Instant::now();
        let login = lanes::lent(place, LOGIN_LOAN, self.try_login(connection, left)).await;
        let outcome = node.state().after_login(login);
        (started.elapsed(), outcome.map(|master| (master, false)))
    }

    async fn try_login(&self, connection: &Connection, left: Duration) -> Result<Arc<Master>, Cause> {
        // A little more than ssh's own limit, so that ssh can report what it waited for.
        let limit = (connection.timeout + Duration::from_millis(500)).min(left);
        let deadline = Instant::now() + limit;
        let cut = limit < connection.timeout;
        let late = Cause::LoginLate { limit: limit.min(connection.timeout), cut };
        let mut tries = 1;
        loop {
            let number = self.next_socket.fetch_add(1, Ordering::Relaxed);
            let dir = self.dir.ready().map_err(|error| {
                let source = std::error::Error::source(&error).map(|source| format!(": {source}"));
                let words = format!("{error}{}", source.unwrap_or_default());
                Cause::Internal(Internal::ControlSocket(Words::new(words)))
            })?;
            let socket = dir.join(number.to_string());
            match Master::connect(connection, socket, deadline, &self.supervisors, &self.watchdog).await {
                Ok(master) => return Ok(Arc::new(master)),
                Err(ConnectError::Late) => return Err(late),
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

/// A random number to spread retries; 0 if the system provides none.
fn jitter() -> u64 {
    getrandom::u64().unwrap_or_default()
}
