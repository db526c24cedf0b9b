//! One node: its session, the results of its last logins, and its backoff.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Mutex as AsyncMutex;
use tokio::time::Instant;

use super::lanes::{Lane, Lanes};
use super::master::Master;
use crate::probe::failure::Cause;

/// Concurrent listings on a node's connection, of targets that answered, that were never tried, and that hung. By default
/// sshd allows ten sessions in all (MaxSessions). If it refuses one, that listing runs alone.
const LISTINGS_PER_NODE: [usize; 3] = [4, 3, 3];

/// The backoff after the first refused login; it doubles with each further one.
const BACKOFF: Duration = Duration::from_secs(60);

/// The longest backoff.
const LONGEST_BACKOFF: Duration = Duration::from_secs(3600);

/// A node and its state.
#[derive(Debug)]
pub(super) struct Node {
    /// Locked during a login, so that other runs wait for its outcome.
    pub(super) login: AsyncMutex<()>,
    pub(super) listings: Lanes,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
pub(super) struct State {
    /// The current session. A replaced one ends with its last listing.
    master: Option<Arc<Master>>,
    /// Whether the last login succeeded; `None` before the first.
    succeeded: Option<bool>,
    /// The last failed login and its time, so that runs that waited for it share its outcome.
    failed: Option<(Instant, Cause)>,
    backoff: Option<Backoff>,
}

#[derive(Debug)]
struct Backoff {
    until: Instant,
    step: Duration,
}

impl Node {
    /// Creates a node that was never tried.
    pub(super) fn new() -> Self {
        Self {
            login: AsyncMutex::default(),
            listings: Lanes::new(LISTINGS_PER_NODE),
            state: Mutex::default(),
        }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The session, if it is up and its login is later than this.
    pub(super) fn session(&self, login_after: Option<Instant>) -> Option<Arc<Master>> {
        let is_wanted = |master: &&Arc<Master>| {
            !master.has_ended() && login_after.is_none_or(|after| master.begun() > after)
        };
        self.state().master.as_ref().filter(is_wanted).cloned()
    }

    /// Drops an unusable session; it ends with its last user.
    pub(super) fn forget(&self, master: &Arc<Master>) {
        let mut state = self.state();
        if state.master.as_ref().is_some_and(|current| Arc::ptr_eq(current, master)) {
            state.master = None;
        }
    }
}

impl State {
    /// The lane of the next login. It is an error if another login has failed since this one was requested, or during a
    /// backoff.
    pub(super) fn before_login(&self, asked: Instant) -> Result<Lane, Cause> {
        if let Some((when, failure)) = &self.failed {
            if *when >= asked {
                return Err(failure.clone());
            }
            let until = self.backoff.as_ref().map(|backoff| backoff.until);
            let wait = until.map_or(0, |until| until.saturating_duration_since(Instant::now()).as_secs());
            if wait > 0 {
                return Err(failure.clone().left_alone(wait));
            }
        }
        Ok(match self.succeeded {
            None => Lane::Untried,
            Some(true) => Lane::Proven,
            Some(false) => Lane::Failing,
        })
    }

    /// Ends the backoff. If the next login is refused, the new backoff is twice as long.
    pub(super) fn lift_backoff(&mut self) {
        if let Some(backoff) = &mut self.backoff {
            backoff.until = Instant::now();
        }
    }

    /// Stores the outcome of a login.
    pub(super) fn after_login(&mut self, login: Result<Arc<Master>, Cause>) -> Result<Arc<Master>, Cause> {
        self.succeeded = Some(login.is_ok());
        match &login {
            Ok(master) => {
                self.master = Some(master.clone());
                (self.failed, self.backoff) = (None, None);
            }
            Err(failure) => {
                let now = Instant::now();
                self.backoff = matches!(failure, Cause::Denied(_)).then(|| {
                    let last = self.backoff.as_ref().map(|last| last.step);
                    let step = last.map_or(BACKOFF, |last| (last * 2).min(LONGEST_BACKOFF));
                    Backoff { until: now + step, step }
                });
                self.failed = Some((now, failure.clone()));
            }
        }
        login
    }
}
