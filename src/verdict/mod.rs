//! The verdict: judges a report by the limits and the time.
//!
//! Only this module judges. Metrics, pages, tables and alert rules show its decisions. It is pure: the caller
//! passes the time in.

mod node_problem;
mod repo;
mod repo_problem;
#[cfg(test)]
mod tests;

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt;

use jiff::{SignedDuration, Timestamp};

use crate::inventory::{Repo, Target};
use crate::report::Report;

pub use node_problem::NodeProblem;
pub use repo_problem::RepoProblem;

/// How far a node's clock may differ from the exporter's.
const CLOCK_TOLERANCE: SignedDuration = SignedDuration::from_secs(60);

/// Its severity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Within every limit.
    #[default]
    Ok,
    /// Needs attention within days.
    Warn,
    /// There is no backup to rely on.
    Alarm,
}

impl Status {
    /// Its name in tables and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Alarm => "alarm",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The verdict on the report of one target.
///
/// It does not cover whether the report is fresh, or whether the last probe reached the node.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// The worst of the repos and of the target's own problems.
    pub status: Status,
    /// Every repo that was found or is expected.
    pub repos: BTreeMap<Repo, RepoVerdict>,
    /// The problems of the target as a whole, worst first; often none.
    pub problems: Vec<NodeProblem>,
}

impl Verdict {
    /// How many repos are ok, warn and alarm, and the worst status of the target.
    pub fn tally(&self) -> Tally {
        let mut tally = Tally { status: self.status, ..Tally::default() };
        for repo in self.repos.values() {
            match repo.status {
                Status::Ok => tally.ok += 1,
                Status::Warn => tally.warn += 1,
                Status::Alarm => tally.alarm += 1,
            }
        }
        tally
    }
}

/// The verdict on one repo.
#[derive(Debug, Clone, PartialEq)]
pub struct RepoVerdict {
    /// The worst of the problems.
    pub status: Status,
    /// Its problems, worst first; empty if all is well.
    pub problems: Vec<RepoProblem>,
    /// How many tarballs are held; `None` when none was found and the listing is not complete.
    pub held: Option<u64>,
    /// The newest tarball would be an alarm, but is taken to be in transfer: it is not verified, and the target has been
    /// locked for no longer than the repo's `max_age`, and by a lock that is not dated more than an hour ahead. In PromQL
    /// `max_age_seconds >= (time() - locked_timestamp_seconds >= -3600) unless tarball_verified == 1`, with 26 hours where
    /// there is no `max_age`.
    pub in_transfer: bool,
}

impl RepoVerdict {
    fn new(mut problems: Vec<RepoProblem>, held: Option<u64>, in_transfer: bool) -> Self {
        problems.sort_by_key(|repo_problem| Reverse(repo_problem.status()));
        let status = problems.first().map_or(Status::Ok, RepoProblem::status);
        Self { status, problems, held, in_transfer }
    }

    /// The problems as messages, worst first; empty if all is well.
    pub fn words(&self) -> Vec<String> {
        let transfer = self.in_transfer.then(|| "newest is in transfer".to_owned());
        self.problems.iter().map(RepoProblem::to_string).chain(transfer).collect()
    }
}

/// The line that sums up a target or a hub.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct Tally {
    /// Repos within every limit.
    pub ok: u64,
    /// Repos that need attention within days.
    pub warn: u64,
    /// Repos without a backup to rely on.
    pub alarm: u64,
    /// The worst status among the repos and the targets' own problems.
    pub status: Status,
}

impl std::iter::Sum for Tally {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), |sum, one| Self {
            ok: sum.ok + one.ok,
            warn: sum.warn + one.warn,
            alarm: sum.alarm + one.alarm,
            status: sum.status.max(one.status),
        })
    }
}

/// Judges a target by its report at a given time.
pub fn judge(target: &Target, report: &Report, now: Timestamp) -> Verdict {
    let lock = report.lock.as_ref();
    let mut repos: BTreeMap<Repo, RepoVerdict> = report
        .repos
        .iter()
        .map(|(name, found)| (name.clone(), repo::judge(found, target.limits_of(name), lock, now)))
        .collect();
    for name in target.expected.iter().flatten() {
        repos.entry(name.clone()).or_insert_with(|| absent(report));
    }
    let mut problems = Vec::new();
    if repos.is_empty() && absence_counts(report) {
        problems.push(NodeProblem::NoTarballs);
    }
    if let Some(lock) = lock {
        let age = now.duration_since(lock.since);
        let limits = repos.keys().map(|name| repo::lock_limit(target.limits_of(name)));
        if age > limits.max().unwrap_or(repo::LOCK_WITHOUT_MAX_AGE) {
            problems.push(NodeProblem::StaleLock { age });
        } else if -age > repo::FUTURE {
            problems.push(NodeProblem::FutureLock { by: -age });
        }
    }
    problems.extend(at_large(report));
    let of_repos = repos.values().map(|verdict| verdict.status);
    let status = of_repos.chain(problems.iter().map(NodeProblem::status)).max().unwrap_or_default();
    Verdict { status, repos, problems }
}

/// Whether what a report does not show is not there. Absence counts only in a complete listing.
fn absence_counts(report: &Report) -> bool {
    report.unreadable == 0
}

/// A repo that is expected and was not found.
fn absent(report: &Report) -> RepoVerdict {
    if absence_counts(report) {
        RepoVerdict::new(vec![RepoProblem::Missing], Some(0), false)
    } else {
        RepoVerdict::new(vec![RepoProblem::NotSeen { unreadable: report.unreadable }], None, false)
    }
}

/// Problems that need no limits, worst first.
fn at_large(report: &Report) -> impl Iterator<Item = NodeProblem> {
    let offset = SignedDuration::try_from_secs_f64(report.clock_offset).unwrap_or(SignedDuration::MAX);
    [
        (report.surplus > 0).then_some(NodeProblem::Inflated { surplus: report.surplus }),
        (report.unreadable > 0).then_some(NodeProblem::Incomplete { unreadable: report.unreadable }),
        report.zone_shift_hours.map(|hours| NodeProblem::ZoneShift { hours }),
        (offset.abs() > CLOCK_TOLERANCE).then_some(NodeProblem::ClockOff { offset }),
        (report.rejects.count > 0).then_some(NodeProblem::Rejects { count: report.rejects.count }),
    ]
    .into_iter()
    .flatten()
}
