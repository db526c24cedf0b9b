//! Problems of one repo.

use std::fmt;
use std::time::Duration;

use jiff::SignedDuration;

use super::Status;
use crate::human::{Age, Bytes, Limit, Places};

/// A problem of a repo. `Display` is a message of one line.
///
/// Each corresponds to a rule over the metrics. The rules are given in PromQL without the prefix `scm_backup_`, and every
/// comparison is matched on `hub`, `node` and `repo`. *Excused* means the rule at
/// [`RepoVerdict::in_transfer`](super::RepoVerdict::in_transfer).
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum RepoProblem {
    /// Expected, and there is no tarball: `tarballs == 0 and repo_expected == 1`.
    Missing,
    /// Expected and not found in an incomplete listing: `repo_expected == 1 unless tarballs`, after a success.
    NotSeen {
        /// How many directories or files could not be read.
        unreadable: u64,
    },
    /// The newest is older than the limit: `tarball_age_seconds > max_age_seconds`.
    TooOld {
        /// Its age.
        age: SignedDuration,
        /// The limit in force.
        limit: Duration,
    },
    /// The newest has no bytes: `tarball_size_bytes == 0`, unless excused.
    Empty,
    /// The newest has no sidecar: `tarball_verified == 0`, unless excused.
    NoSidecar,
    /// The newest differs in size from its sidecar: `tarball_verified == 0`, unless excused.
    Contradicted {
        /// Its size in bytes.
        size: u64,
        /// The size in the sidecar, in bytes.
        says: u64,
    },
    /// The newest has a sidecar that cannot be parsed: `tarball_verified == 0`, unless excused.
    Garbled,
    /// The newest is much smaller than the largest of the three before it:
    /// `tarball_size_bytes > 0 and tarball_size_bytes / tarball_previous_size_bytes < min_size_ratio`; unless excused, an
    /// alarm `unless tarball_verified == 1`, which leaves a warning.
    Shrunk {
        /// Its size in bytes.
        size: u64,
        /// The size of the largest of the three before it in bytes; not 0.
        previous: u64,
        /// The limit in force.
        limit: f64,
        /// Whether its sidecar confirms the small size.
        verified: bool,
    },
    /// There are fewer tarballs than the limit: `tarballs < min_tarballs and tarballs > 0`.
    TooFew {
        /// How many there are.
        held: u64,
        /// The limit in force.
        wanted: u64,
    },
    /// There are more tarballs than the limit: `tarballs > max_tarballs`.
    TooMany {
        /// How many there are.
        held: u64,
        /// The limit in force.
        wanted: u64,
    },
    /// The newest is stamped more than an hour ahead of the clock: `tarball_age_seconds < -3600`.
    Future {
        /// How far ahead.
        by: SignedDuration,
    },
}

impl RepoProblem {
    /// Its severity.
    pub fn status(&self) -> Status {
        match self {
            Self::Missing
            | Self::TooOld { .. }
            | Self::Empty
            | Self::NoSidecar
            | Self::Contradicted { .. }
            | Self::Garbled
            | Self::Shrunk { verified: false, .. } => Status::Alarm,
            Self::NotSeen { .. }
            | Self::Shrunk { verified: true, .. }
            | Self::TooFew { .. }
            | Self::TooMany { .. }
            | Self::Future { .. } => Status::Warn,
        }
    }

    /// Its name in JSON.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::NotSeen { .. } => "not_seen",
            Self::TooOld { .. } => "too_old",
            Self::Empty => "empty",
            Self::NoSidecar => "no_sidecar",
            Self::Contradicted { .. } => "contradicted",
            Self::Garbled => "garbled",
            Self::Shrunk { .. } => "shrunk",
            Self::TooFew { .. } => "too_few",
            Self::TooMany { .. } => "too_many",
            Self::Future { .. } => "future",
        }
    }
}

impl fmt::Display for RepoProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Missing => f.write_str("missing: expected, but there is no tarball"),
            Self::NotSeen { unreadable } => {
                write!(f, "expected but not found; {} could not be read", Places(unreadable))
            }
            Self::TooOld { age, limit } => {
                let (age, limit) = (Age(age).to_string(), Limit(limit).to_string());
                // Ages are truncated: just after the limit the age reads the same as the limit.
                let over = if age == limit { "just over " } else { "" };
                write!(f, "newest is {over}{age} old, limit {limit}")
            }
            Self::Empty => f.write_str("newest is empty"),
            Self::NoSidecar => f.write_str("newest has no sidecar and no transfer is in progress"),
            Self::Contradicted { size, says } => {
                let (found, said) = (Bytes(size).to_string(), Bytes(says).to_string());
                if found != said {
                    return write!(f, "newest is {found}, its sidecar says {said}");
                }
                let way = if size < says { "less" } else { "more" };
                write!(f, "newest is {found}, {} {way} than its sidecar says", Bytes(size.abs_diff(says)))
            }
            Self::Garbled => f.write_str("newest has a sidecar that cannot be parsed"),
            Self::Shrunk { size, previous, limit, verified } => {
                // Truncated, not rounded, so that it never seems to reach the limit.
                let ratio = (size as f64 / previous as f64 * 100.0).floor() / 100.0;
                let (size, previous) = (Bytes(size), Bytes(previous));
                write!(f, "newest is {size}, {ratio} of the largest recent one ({previous}), limit {limit}")?;
                if verified { f.write_str(" (its sidecar agrees)") } else { Ok(()) }
            }
            Self::TooFew { held, wanted } => write!(f, "{held} held, at least {wanted} expected"),
            Self::TooMany { held, wanted } => {
                write!(f, "{held} held, at most {wanted} expected (has purging stopped?)")
            }
            Self::Future { by } => write!(f, "newest is stamped {} in the future", Age(by)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_repo_problem_reads_as_a_sentence_in_human_units() {
        let hours = SignedDuration::from_hours;
        for (problem, words) in [
            (RepoProblem::Missing, "missing: expected, but there is no tarball"),
            (
                RepoProblem::NotSeen { unreadable: 3 },
                "expected but not found; 3 directories or files could not be read",
            ),
            (
                RepoProblem::TooOld { age: hours(76), limit: Duration::from_secs(26 * 3600) },
                "newest is 3d 4h old, limit 26h",
            ),
            (
                RepoProblem::TooOld {
                    age: hours(7 * 24) + SignedDuration::from_mins(59),
                    limit: Duration::from_secs(7 * 86400),
                },
                "newest is just over 7d old, limit 7d",
            ),
            (RepoProblem::Empty, "newest is empty"),
            (RepoProblem::NoSidecar, "newest has no sidecar and no transfer is in progress"),
            (
                RepoProblem::Contradicted { size: 1_147_682_816, says: 1_529_629_254 },
                "newest is 1.07 GiB, its sidecar says 1.42 GiB",
            ),
            (
                RepoProblem::Contradicted { size: 1_529_629_250, says: 1_529_629_254 },
                "newest is 1.42 GiB, 4 B less than its sidecar says",
            ),
            (
                RepoProblem::Contradicted { size: 1_529_629_254, says: 1_529_629_250 },
                "newest is 1.42 GiB, 4 B more than its sidecar says",
            ),
            (RepoProblem::Garbled, "newest has a sidecar that cannot be parsed"),
            (
                RepoProblem::Shrunk {
                    size: 1_147_682_816,
                    previous: 1_529_629_254,
                    limit: 0.8,
                    verified: false,
                },
                "newest is 1.07 GiB, 0.75 of the largest recent one (1.42 GiB), limit 0.8",
            ),
            (
                RepoProblem::Shrunk { size: 7_999, previous: 10_000, limit: 0.8, verified: true },
                "newest is 7.81 KiB, 0.79 of the largest recent one (9.77 KiB), limit 0.8 (its sidecar agrees)",
            ),
            (RepoProblem::TooFew { held: 2, wanted: 5 }, "2 held, at least 5 expected"),
            (
                RepoProblem::TooMany { held: 41, wanted: 30 },
                "41 held, at most 30 expected (has purging stopped?)",
            ),
            (RepoProblem::Future { by: hours(3) }, "newest is stamped 3h in the future"),
        ] {
            assert_eq!(problem.to_string(), words);
        }
    }
}
