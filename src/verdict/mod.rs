//! The verdict: what a report means, given the limits and the time.
//!
//! This is the only place that judges. The metrics, the page, the tables and the alert rules show what is
//! decided here. It is pure: the time is handed in.

mod concern;
mod note;
mod repo;
#[cfg(test)]
mod tests;

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt;

use jiff::{SignedDuration, Timestamp};

use crate::inventory::{Repo, Target};
use crate::report::Report;

pub use concern::Concern;
pub use note::Note;

/// How far a node's clock may be off ours.
const CLOCK_TOLERANCE: SignedDuration = SignedDuration::from_secs(60);

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Within every limit.
    #[default]
    Ok,
    /// Somebody should look within days.
    Warn,
    /// There is no backup to rely on.
    Alarm,
}

impl Status {
    /// The word for it, in tables and JSON.
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

/// What the report of one target means.
///
/// Whether the report is fresh, and whether the last probe reached the node, is for the one who keeps it to say.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// The worst of the repos and the notes.
    pub status: Status,
    /// Every repo that was found or is expected.
    pub repos: BTreeMap<Repo, RepoVerdict>,
    /// What concerns the target as a whole, worst first; often nothing.
    pub notes: Vec<Note>,
}

impl Verdict {
    /// How many repos are ok, warn and alarm, and the worst that is said of the target.
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

/// What is said of one repo.
#[derive(Debug, Clone, PartialEq)]
pub struct RepoVerdict {
    /// The worst of the concerns.
    pub status: Status,
    /// What is the matter with it, worst first; nothing when all is well.
    pub concerns: Vec<Concern>,
    /// The newest tarball would be an alarm, but is taken to be in transfer: it is not verified, and the target has been
    /// locked for no longer than the repo's `max_age`, and by a lock that is not dated more than an hour ahead. In PromQL
    /// `max_age_seconds >= (time() - locked_timestamp_seconds >= -3600) unless tarball_verified == 1`, with 26 hours where
    /// there is no `max_age`.
    pub in_transfer: bool,
}

impl RepoVerdict {
    fn new(mut concerns: Vec<Concern>, in_transfer: bool) -> Self {
        concerns.sort_by_key(|concern| Reverse(concern.status()));
        let status = concerns.first().map_or(Status::Ok, Concern::status);
        Self { status, concerns, in_transfer }
    }

    /// The reasons in words, worst first; empty when there is nothing to say.
    pub fn words(&self) -> Vec<String> {
        let transfer = self.in_transfer.then(|| "newest is in transfer".to_owned());
        self.concerns.iter().map(Concern::to_string).chain(transfer).collect()
    }
}

/// The line that sums up a target or a hub.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct Tally {
    /// Repos within every limit.
    pub ok: u64,
    /// Repos that somebody should look at.
    pub warn: u64,
    /// Repos without a backup to rely on.
    pub alarm: u64,
    /// The worst of them and of what is said of the targets.
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

/// Judges a target by its report, at a time that is handed in.
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
    let mut notes = Vec::new();
    if repos.is_empty() && report.unreadable == 0 {
        notes.push(Note::NoTarballs);
    }
    if let Some(lock) = lock {
        let age = now.duration_since(lock.since);
        let limits = repos.keys().map(|name| repo::lock_limit(target.limits_of(name)));
        if age > limits.max().unwrap_or(repo::LOCK_WITHOUT_MAX_AGE) {
            notes.push(Note::StaleLock { age });
        } else if -age > repo::FUTURE {
            notes.push(Note::FutureLock { by: -age });
        }
    }
    notes.extend(at_large(report));
    let of_repos = repos.values().map(|verdict| verdict.status);
    let status = of_repos.chain(notes.iter().map(Note::status)).max().unwrap_or_default();
    Verdict { status, repos, notes }
}

/// A repo that is expected and was not found. Absence is believed only when all could be read.
fn absent(report: &Report) -> RepoVerdict {
    let concern = match report.unreadable {
        0 => Concern::Missing,
        unreadable => Concern::NotSeen { unreadable },
    };
    RepoVerdict::new(vec![concern], false)
}

/// Notes that need no limits, worst first.
fn at_large(report: &Report) -> impl Iterator<Item = Note> {
    let offset = SignedDuration::try_from_secs_f64(report.clock_offset).unwrap_or(SignedDuration::MAX);
    [
        (report.surplus > 0).then_some(Note::Inflated { surplus: report.surplus }),
        (report.unreadable > 0).then_some(Note::Incomplete { unreadable: report.unreadable }),
        report.zone_shift_hours.map(|hours| Note::ZoneShift { hours }),
        (offset.abs() > CLOCK_TOLERANCE).then_some(Note::ClockOff { offset }),
        (report.rejects.count > 0).then_some(Note::Rejects { count: report.rejects.count }),
    ]
    .into_iter()
    .flatten()
}
