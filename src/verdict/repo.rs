//! The rules for one repo.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::{RepoProblem, RepoVerdict};
use crate::inventory::Limits;
use crate::report::{Lock, RepoSummary, Verification};

/// How far a stamp or a lock may be ahead of the exporter's clock, since clocks differ.
pub(super) const FUTURE: SignedDuration = SignedDuration::from_hours(1);

/// How long a lock excuses if no `max_age` applies: it is switched off, or there is no repo.
pub(super) const LOCK_WITHOUT_MAX_AGE: SignedDuration = SignedDuration::from_hours(26);

/// How long a lock excuses the problems of a transfer. The limit is inclusive. A lock dated further ahead than [`FUTURE`]
/// excuses nothing.
pub(super) fn lock_limit(limits: &Limits) -> SignedDuration {
    limits.max_age.map_or(LOCK_WITHOUT_MAX_AGE, signed)
}

/// Judges a repo that has tarballs. Limits are inclusive.
pub(super) fn judge(
    found: &RepoSummary,
    limits: &Limits,
    lock: Option<&Lock>,
    now: Timestamp,
) -> RepoVerdict {
    let mut problems = Vec::new();
    let age = now.duration_since(found.newest.made);
    if let Some(limit) = limits.max_age.filter(|limit| age > signed(*limit)) {
        problems.push(RepoProblem::TooOld { age, limit });
    }
    if -age > FUTURE {
        problems.push(RepoProblem::Future { by: -age });
    }
    let newest = newest(found, limits);
    let locked = lock.map(|lock| now.duration_since(lock.since));
    let locked = locked.is_some_and(|age| (-FUTURE..=lock_limit(limits)).contains(&age));
    let excused = locked && found.verification != Verification::Verified;
    let in_transfer = excused && !newest.is_empty();
    if !excused {
        problems.extend(newest);
    }
    if let Some(wanted) = limits.min_tarballs.filter(|wanted| found.count < *wanted) {
        problems.push(RepoProblem::TooFew { held: found.count, wanted });
    }
    if let Some(wanted) = limits.max_tarballs.filter(|wanted| found.count > *wanted) {
        problems.push(RepoProblem::TooMany { held: found.count, wanted });
    }
    RepoVerdict::new(problems, Some(found.count), in_transfer)
}

/// The problems of the newest tarball itself: those that a running transfer may explain.
fn newest(found: &RepoSummary, limits: &Limits) -> Vec<RepoProblem> {
    let size = found.newest.size;
    let mut problems = Vec::new();
    if size == 0 {
        problems.push(RepoProblem::Empty);
    }
    match found.verification {
        Verification::Missing => problems.push(RepoProblem::NoSidecar),
        Verification::Contradicted { says } => problems.push(RepoProblem::Contradicted { size, says }),
        Verification::Garbled => problems.push(RepoProblem::Garbled),
        Verification::Verified | Verification::NoSidecars | Verification::Unknown => {}
    }
    // An empty tarball is reported as empty only, not as shrunk too.
    if let (Some(ratio), Some(limit), Some(previous)) =
        (found.size_ratio(), limits.min_size_ratio, &found.previous)
        && size > 0
        && ratio < limit
    {
        let verified = found.verification == Verification::Verified;
        problems.push(RepoProblem::Shrunk { size, previous: previous.size, limit, verified });
    }
    problems
}

/// A limit too long for the type never takes effect, so the longest span stands in for it.
fn signed(limit: Duration) -> SignedDuration {
    SignedDuration::try_from(limit).unwrap_or(SignedDuration::MAX)
}
