//! Problems of a target as a whole.

use std::fmt;

use jiff::SignedDuration;

use super::Status;
use crate::human::{Age, Counted, Places};

/// A problem of a target rather than of one of its repos. `Display` is a message of one line.
///
/// PromQL as at [`RepoProblem`](super::RepoProblem), matched on `hub` and `node`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum NodeProblem {
    /// The listing is complete and contains no tarball, and no repo is expected by name: the disk is empty or not mounted,
    /// the directory is the wrong one, or no name fits the layout.
    /// `probe_success == 1 unless tarballs`
    NoTarballs,
    /// There are too many repos, or too long names: those that sort last are ignored.
    Inflated {
        /// How many tarballs they have.
        surplus: u64,
    },
    /// The transfer lock is so old that it no longer excuses anything: a transfer hangs, or was interrupted and left it
    /// behind. `time() - locked_timestamp_seconds > max by (hub, node) (max_age_seconds)`
    StaleLock {
        /// Its age.
        age: SignedDuration,
    },
    /// The transfer lock is dated more than an hour ahead of the clock: its age is unknown, and it excuses nothing.
    /// `time() - locked_timestamp_seconds < -3600`
    FutureLock {
        /// How far ahead.
        by: SignedDuration,
    },
    /// The listing is incomplete: what seems to be missing may exist.
    Incomplete {
        /// How many directories or files could not be read.
        unreadable: u64,
    },
    /// Stamps are ahead of the files' own times by whole hours.
    ZoneShift {
        /// By how many.
        hours: i32,
    },
    /// The node's clock differs from the exporter's by more than a minute: `abs(clock_offset_seconds) > 60`
    ClockOff {
        /// The node's clock minus the exporter's.
        offset: SignedDuration,
    },
    /// Names that do not fit the layout: `listing_rejects > 0`. No warning by itself, since other files may be there on
    /// purpose; a repo whose tarballs are misplaced becomes too old or missing.
    Rejects {
        /// How many.
        count: u64,
    },
}

impl NodeProblem {
    /// Its severity.
    pub fn status(&self) -> Status {
        match self {
            Self::NoTarballs => Status::Alarm,
            Self::Inflated { .. }
            | Self::StaleLock { .. }
            | Self::FutureLock { .. }
            | Self::Incomplete { .. }
            | Self::ZoneShift { .. }
            | Self::ClockOff { .. } => Status::Warn,
            Self::Rejects { .. } => Status::Ok,
        }
    }

    /// Its name in JSON.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoTarballs => "no_tarballs",
            Self::Inflated { .. } => "inflated",
            Self::StaleLock { .. } => "stale_lock",
            Self::FutureLock { .. } => "future_lock",
            Self::Incomplete { .. } => "incomplete",
            Self::ZoneShift { .. } => "zone_shift",
            Self::ClockOff { .. } => "clock_off",
            Self::Rejects { .. } => "rejects",
        }
    }
}

impl fmt::Display for NodeProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::NoTarballs => f.write_str(
                "there is no tarball on the node, so no backup to rely on: check that the disk is mounted and that the directory is the right one",
            ),
            Self::Inflated { surplus } => {
                write!(
                    f,
                    "too many repos, or too long names: {} of the repos that sort last {} ignored; name the repos that matter in `select`",
                    Counted(surplus, "tarball"),
                    if surplus == 1 { "is" } else { "are" }
                )
            }
            Self::StaleLock { age } => {
                write!(
                    f,
                    "LOCKED has stood for {}: a transfer hangs, or was interrupted and left it behind",
                    Age(age)
                )
            }
            Self::FutureLock { by } => {
                write!(
                    f,
                    "LOCKED is dated {} in the future and is ignored: remove it on the node unless a transfer is running",
                    Age(by)
                )
            }
            Self::Incomplete { unreadable } => {
                write!(
                    f,
                    "{} could not be read: correct the permissions on the node",
                    Places(unreadable)
                )
            }
            Self::ZoneShift { hours } => {
                let way = if hours < 0 { "behind" } else { "ahead of" };
                let n = hours.unsigned_abs();
                write!(f, "stamps are {n}h {way} the files' own times: set the hub's `timezone`")
            }
            Self::ClockOff { offset } => {
                let way = if offset.is_negative() { "slow" } else { "fast" };
                write!(f, "the node's clock is {} {way}", Age(offset.abs()))
            }
            Self::Rejects { count: 1 } => f.write_str("1 name does not fit the layout"),
            Self::Rejects { count } => write!(f, "{count} names do not fit the layout"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_node_problem_says_what_is_wrong() {
        let seconds = SignedDuration::from_secs;
        for (problem, words) in [
            (
                NodeProblem::NoTarballs,
                "there is no tarball on the node, so no backup to rely on: check that the disk is mounted and that the directory is the right one",
            ),
            (
                NodeProblem::Inflated { surplus: 2 },
                "too many repos, or too long names: 2 tarballs of the repos that sort last are ignored; name the repos that matter in `select`",
            ),
            (
                NodeProblem::StaleLock { age: seconds(3 * 86400) },
                "LOCKED has stood for 3d: a transfer hangs, or was interrupted and left it behind",
            ),
            (
                NodeProblem::FutureLock { by: seconds(3 * 86400) },
                "LOCKED is dated 3d in the future and is ignored: remove it on the node unless a transfer is running",
            ),
            (
                NodeProblem::Incomplete { unreadable: 2 },
                "2 directories or files could not be read: correct the permissions on the node",
            ),
            (
                NodeProblem::Incomplete { unreadable: 1 },
                "1 directory or file could not be read: correct the permissions on the node",
            ),
            (
                NodeProblem::ZoneShift { hours: 8 },
                "stamps are 8h ahead of the files' own times: set the hub's `timezone`",
            ),
            (
                NodeProblem::ZoneShift { hours: -1 },
                "stamps are 1h behind the files' own times: set the hub's `timezone`",
            ),
            (NodeProblem::ClockOff { offset: seconds(90) }, "the node's clock is 1m 30s fast"),
            (NodeProblem::ClockOff { offset: seconds(-3600) }, "the node's clock is 1h slow"),
            (NodeProblem::Rejects { count: 1 }, "1 name does not fit the layout"),
            (NodeProblem::Rejects { count: 100_000 }, "100000 names do not fit the layout"),
        ] {
            assert_eq!(problem.to_string(), words);
        }
    }
}
