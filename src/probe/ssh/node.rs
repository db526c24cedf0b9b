//! One node: its session, how its last logins went, and when it is left alone.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Mutex as AsyncMutex;
use tokio::time::Instant;

use super::lanes::{Lane, Lanes};
use super::master::Master;
use crate::probe::failure::Cause;

/// Listings at once on one node's connection, of targets that answered, that were never tried and that hung. sshd
/// allows ten in all by default (MaxSessions), and one of an sshd that refuses so many.
const LISTINGS_PER_NODE: [usize; 3] = [4, 3, 3];

/// How long a node is left alone after the first refused login; the time doubles with each further one.
const HOLD_OFF: Duration = Duration::from_secs(60);

/// The longest it is left alone.
const LONGEST_HOLD_OFF: Duration = Duration::from_secs(3600);

/// What is kept of one node.
#[derive(Debug)]
pub(super) struct Node {
    /// Held by whoever logs in, so that the others wait for the outcome.
    pub(super) login: AsyncMutex<()>,
    pub(super) listings: Lanes,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
pub(super) struct State {
    /// The session in use. One that another took the place of ends with its last listing.
    master: Option<Arc<Master>>,
    /// Whether the last login succeeded; `None` before the first.
    succeeded: Option<bool>,
    /// The last login that failed, and when, so that those who waited for it share its outcome.
    failed: Option<(Instant, Cause)>,
    hold_off: Option<HoldOff>,
}

#[derive(Debug)]
struct HoldOff {
    until: Instant,
    step: Duration,
}

impl Node {
    /// One that was never tried.
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

    /// The session, if it is up and its login began after this.
    pub(super) fn session(&self, login_after: Option<Instant>) -> Option<Arc<Master>> {
        let is_wanted = |master: &&Arc<Master>| {
            !master.has_ended() && login_after.is_none_or(|after| master.begun() > after)
        };
        self.state().master.as_ref().filter(is_wanted).cloned()
    }

    /// Lets go of a session that is of no more use; it ends when its last user is done.
    pub(super) fn forget(&self, master: &Arc<Master>) {
        let mut state = self.state();
        if state.master.as_ref().is_some_and(|current| Arc::ptr_eq(current, master)) {
            state.master = None;
        }
    }
}

impl State {
    /// The lane of the next login, unless there is to be none: another failed since it was asked for, or the node is
    /// left alone.
    pub(super) fn before_login(&self, asked: Instant) -> Result<Lane, Cause> {
        if let Some((when, failure)) = &self.failed {
            if *when >= asked {
                return Err(failure.clone());
            }
            let until = self.hold_off.as_ref().map(|hold_off| hold_off.until);
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

    /// Lets the next login come at once. If it is refused, the node is left alone for twice as long as before.
    pub(super) fn lift_hold_off(&mut self) {
        if let Some(hold_off) = &mut self.hold_off {
            hold_off.until = Instant::now();
        }
    }

    /// Keeps the outcome of a login.
    pub(super) fn after_login(&mut self, login: Result<Arc<Master>, Cause>) -> Result<Arc<Master>, Cause> {
        self.succeeded = Some(login.is_ok());
        match &login {
            Ok(master) => {
                self.master = Some(master.clone());
                (self.failed, self.hold_off) = (None, None);
            }
            Err(failure) => {
                let now = Instant::now();
                self.hold_off = matches!(failure, Cause::Denied(_)).then(|| {
                    let last = self.hold_off.as_ref().map(|last| last.step);
                    let step = last.map_or(HOLD_OFF, |last| (last * 2).min(LONGEST_HOLD_OFF));
                    HoldOff { until: now + step, step }
                });
                self.failed = Some((now, failure.clone()));
            }
        }
        login
    }
}
