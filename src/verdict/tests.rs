#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::time::Duration;

use super::*;
use crate::inventory::Limits;
use crate::report::samples::{HOUR, TAKEN, at, healthy, report, target};
use crate::report::{Lock, Rejects, RepoSummary, Tarball, Verification};

const ENV: &str = "svn/env";

fn judged(target: &Target, report: &Report) -> RepoVerdict {
    judge(target, report, at(TAKEN)).repos.remove(&Repo::from_label(ENV)).unwrap()
}

/// The codes of the problems of a repo under the default limits.
fn problems(found: RepoSummary) -> Vec<&'static str> {
    words(&judged(&target(), &report([(ENV, found)])))
}

fn words(verdict: &RepoVerdict) -> Vec<&'static str> {
    verdict.problems.iter().map(RepoProblem::code).collect()
}

fn with_newest(change: impl FnOnce(&mut Tarball)) -> RepoSummary {
    let mut found = healthy();
    change(&mut found.newest);
    found
}

fn expecting(repos: &[&str]) -> Target {
    Target {
        expected: Some(repos.iter().map(|repo| Repo::from_label(repo)).collect::<BTreeSet<_>>()),
        ..target()
    }
}

fn locked_for(seconds: i64, found: RepoSummary) -> Report {
    Report { lock: Some(Lock { since: at(TAKEN - seconds) }), ..report([(ENV, found)]) }
}

#[test]
fn a_healthy_repo_is_ok_without_words() {
    let verdict = judge(&target(), &report([(ENV, healthy())]), at(TAKEN));
    assert_eq!(verdict.status, Status::Ok);
    assert!(verdict.problems.is_empty());
    let repo = &verdict.repos[&Repo::from_label(ENV)];
    assert!(repo.words().is_empty() && !repo.in_transfer);
}

/// Known problem 3.
#[test]
fn a_tarball_cut_by_a_timeout_is_an_alarm_the_same_night() {
    let mut found = with_newest(|newest| newest.size = 1_147_682_816);
    found.verification = Verification::Contradicted { says: 1_531_229_474 };
    let verdict = judged(&target(), &report([(ENV, found)]));
    assert_eq!(verdict.status, Status::Alarm);
    assert_eq!(
        verdict.words(),
        [
            "newest is 1.07 GiB, its sidecar says 1.43 GiB",
            "newest is 1.07 GiB, 0.75 of the largest recent one (1.42 GiB), limit 0.8",
        ]
    );
}

/// Known problem 3, on a node without sidecars.
#[test]
fn a_cut_tarball_is_an_alarm_without_sidecars_too() {
    let mut found = with_newest(|newest| newest.size = 1_147_682_816);
    found.verification = Verification::NoSidecars;
    let verdict = judged(&target(), &report([(ENV, found)]));
    assert_eq!((verdict.status, words(&verdict)), (Status::Alarm, vec!["shrunk"]));
}

/// Known problem 4.
#[test]
fn a_newest_tarball_of_three_months_ago_is_an_alarm() {
    let found = with_newest(|newest| newest.made = at(TAKEN - 92 * 24 * HOUR));
    let verdict = judged(&target(), &report([(ENV, found)]));
    assert_eq!(verdict.status, Status::Alarm);
    assert_eq!(verdict.words(), ["newest is 92d old, limit 26h"]);
}

/// Known problem 5.
#[test]
fn tarballs_that_pile_up_are_a_warning() {
    let verdict = judged(&target(), &report([(ENV, RepoSummary { count: 41, ..healthy() })]));
    assert_eq!(verdict.status, Status::Warn);
    assert_eq!(verdict.words(), ["41 held, at most 30 expected (has purging stopped?)"]);
}

/// Known problem 8.
#[test]
fn a_repo_that_is_expected_but_absent_is_an_alarm() {
    let verdict = judge(&expecting(&[ENV, "tracs/env"]), &report([(ENV, healthy())]), at(TAKEN));
    assert_eq!(verdict.status, Status::Alarm);
    let absent = &verdict.repos[&Repo::from_label("tracs/env")];
    assert_eq!(absent.words(), ["missing: expected, but there is no tarball"]);
    assert_eq!(verdict.tally(), Tally { ok: 1, warn: 0, alarm: 1, status: Status::Alarm });
}

#[test]
fn absence_is_not_believed_while_something_could_not_be_read() {
    let partial = Report { unreadable: 2, ..report([]) };
    let verdict = judge(&expecting(&[ENV]), &partial, at(TAKEN));
    assert_eq!(verdict.status, Status::Warn);
    let absent = &verdict.repos[&Repo::from_label(ENV)];
    assert_eq!(absent.words(), ["expected but not found; 2 directories or files could not be read"]);
    assert_eq!(verdict.problems, [NodeProblem::Incomplete { unreadable: 2 }]);
}

#[test]
fn exactly_at_a_limit_is_within_it() {
    let aged = |seconds| with_newest(|newest| newest.made = at(TAKEN - seconds));
    assert!(problems(aged(26 * HOUR)).is_empty());
    assert_eq!(problems(aged(26 * HOUR + 1)), ["too_old"]);
    assert!(problems(aged(-HOUR)).is_empty());
    assert_eq!(problems(aged(-HOUR - 1)), ["future"]);

    let held = |count| RepoSummary { count, ..healthy() };
    assert!(problems(held(30)).is_empty());
    assert_eq!(problems(held(31)), ["too_many"]);
    let several = Target { limits: Limits { min_tarballs: Some(5), ..Limits::default() }, ..target() };
    assert!(judged(&several, &report([(ENV, held(5))])).problems.is_empty());
    assert_eq!(judged(&several, &report([(ENV, held(4))])).words(), ["4 held, at least 5 expected"]);

    let sized = |size| {
        let mut found = with_newest(|newest| newest.size = size);
        found.previous.as_mut().unwrap().size = 1000;
        found
    };
    assert!(problems(sized(800)).is_empty());
    assert_eq!(problems(sized(799)), ["shrunk"]);
}

#[test]
fn a_repo_that_shrank_and_is_verified_is_only_a_warning() {
    let verdict = judged(&target(), &report([(ENV, with_newest(|newest| newest.size = 1_147_682_816))]));
    assert_eq!((verdict.status, words(&verdict)), (Status::Warn, vec!["shrunk"]));
}

#[test]
fn an_empty_newest_is_an_alarm_even_if_its_sidecar_agrees() {
    let verdict = judged(&target(), &report([(ENV, with_newest(|newest| newest.size = 0))]));
    assert_eq!((verdict.status, words(&verdict)), (Status::Alarm, vec!["empty"]));
}

#[test]
fn nothing_has_shrunk_after_an_empty_one_or_alone() {
    let mut found = with_newest(|newest| newest.size = 1);
    found.previous.as_mut().unwrap().size = 0;
    assert!(problems(found.clone()).is_empty());
    found.previous = None;
    assert!(problems(found).is_empty());
}

#[test]
fn every_way_not_to_be_verified_is_an_alarm_but_not_knowing_is_none() {
    let with = |verification| RepoSummary { verification, ..healthy() };
    assert_eq!(problems(with(Verification::Missing)), ["no_sidecar"]);
    assert_eq!(problems(with(Verification::Contradicted { says: 5 })), ["contradicted"]);
    assert_eq!(problems(with(Verification::Garbled)), ["garbled"]);
    assert!(problems(with(Verification::Unknown)).is_empty());
    assert!(problems(with(Verification::NoSidecars)).is_empty());
}

#[test]
fn a_transfer_excuses_what_it_explains() {
    for verification in [Verification::Missing, Verification::Contradicted { says: 5 }, Verification::Garbled]
    {
        for size in [0, 1000, 1_531_229_474] {
            let found = RepoSummary { verification, ..with_newest(|newest| newest.size = size) };
            let verdict = judged(&target(), &locked_for(2 * HOUR, found));
            assert_eq!((verdict.status, verdict.in_transfer), (Status::Ok, true), "{verification:?} {size}");
            assert_eq!(verdict.words(), ["newest is in transfer"]);
        }
    }
}

#[test]
fn a_transfer_excuses_neither_age_nor_number_nor_a_verified_tarball() {
    let mut found = with_newest(|newest| newest.made = at(TAKEN - 27 * HOUR));
    (found.count, found.verification) = (31, Verification::Missing);
    let verdict = judged(&target(), &locked_for(HOUR, found));
    assert_eq!((words(&verdict), verdict.in_transfer), (vec!["too_old", "too_many"], true));

    let verdict = judged(&target(), &locked_for(HOUR, with_newest(|newest| newest.size = 0)));
    assert_eq!((words(&verdict), verdict.in_transfer), (vec!["empty"], false));
}

#[test]
fn a_healthy_repo_is_not_in_transfer_because_others_are() {
    assert!(!judged(&target(), &locked_for(HOUR, healthy())).in_transfer);
}

#[test]
fn a_lock_older_than_max_age_excuses_nothing_and_is_a_warning_itself() {
    let unverified = || RepoSummary { verification: Verification::Missing, ..healthy() };
    let verdict = judge(&target(), &locked_for(26 * HOUR, unverified()), at(TAKEN));
    assert_eq!((verdict.status, verdict.problems.len()), (Status::Ok, 0));

    let verdict = judge(&target(), &locked_for(26 * HOUR + 1, unverified()), at(TAKEN));
    assert_eq!(verdict.status, Status::Alarm);
    assert_eq!(words(&verdict.repos[&Repo::from_label(ENV)]), ["no_sidecar"]);
    assert_eq!(verdict.problems, [NodeProblem::StaleLock { age: SignedDuration::from_secs(26 * HOUR + 1) }]);

    let verdict = judge(&target(), &locked_for(27 * HOUR, healthy()), at(TAKEN));
    assert_eq!(verdict.status, Status::Warn);
}

#[test]
fn a_lock_is_stale_only_when_it_excuses_no_repo_any_more() {
    let weekly = Limits { max_age: Some(Duration::from_secs(7 * 86400)), ..Limits::default() };
    let mixed = Target { repo_limits: [(Repo::from_label(ENV), weekly)].into(), ..target() };
    assert!(judge(&mixed, &locked_for(50 * HOUR, healthy()), at(TAKEN)).problems.is_empty());
    assert_eq!(judge(&mixed, &locked_for(8 * 24 * HOUR, healthy()), at(TAKEN)).problems.len(), 1);
}

#[test]
fn a_lock_from_the_near_future_counts_as_fresh() {
    let unverified = RepoSummary { verification: Verification::Missing, ..healthy() };
    let verdict = judge(&target(), &locked_for(-HOUR, unverified), at(TAKEN));
    assert!(verdict.repos[&Repo::from_label(ENV)].in_transfer && verdict.problems.is_empty());
}

#[test]
fn a_lock_from_the_far_future_excuses_nothing_and_is_a_warning_itself() {
    let verdict = judge(&target(), &locked_for(-HOUR - 1, healthy()), at(TAKEN));
    assert_eq!(verdict.status, Status::Warn);
    assert_eq!(verdict.problems, [NodeProblem::FutureLock { by: SignedDuration::from_secs(HOUR + 1) }]);

    let unverified = RepoSummary { verification: Verification::Missing, ..healthy() };
    let verdict = judged(&target(), &locked_for(-HOUR - 1, unverified.clone()));
    assert_eq!((words(&verdict), verdict.in_transfer), (vec!["no_sidecar"], false));

    let none = Limits { max_age: None, ..Limits::default() };
    let verdict = judged(&Target { limits: none, ..target() }, &locked_for(-HOUR - 1, unverified));
    assert_eq!((words(&verdict), verdict.in_transfer), (vec!["no_sidecar"], false));
}

#[test]
fn a_node_without_any_tarball_is_an_alarm_where_nothing_is_expected() {
    let verdict = judge(&target(), &report([]), at(TAKEN));
    assert_eq!((verdict.status, verdict.problems), (Status::Alarm, vec![NodeProblem::NoTarballs]));
    assert_eq!(verdict.repos.len(), 0);

    let rejects = Rejects { count: 3, first: vec![] };
    let strangers = judge(&target(), &Report { rejects, ..report([]) }, at(TAKEN));
    assert_eq!(strangers.problems, [NodeProblem::NoTarballs, NodeProblem::Rejects { count: 3 }]);

    let inflated = judge(&target(), &Report { surplus: 5, ..report([(ENV, healthy())]) }, at(TAKEN));
    assert_eq!(
        (inflated.status, inflated.problems),
        (Status::Warn, vec![NodeProblem::Inflated { surplus: 5 }])
    );

    // An expected repo is missing by name, and unreadable directories may contain tarballs.
    assert!(judge(&expecting(&[ENV]), &report([]), at(TAKEN)).problems.is_empty());
    let partial = judge(&target(), &Report { unreadable: 1, ..report([]) }, at(TAKEN));
    assert_eq!(partial.problems, [NodeProblem::Incomplete { unreadable: 1 }]);
}

#[test]
fn limits_that_are_switched_off_raise_nothing_and_locks_still_end() {
    let none = Limits { max_age: None, min_tarballs: None, max_tarballs: None, min_size_ratio: None };
    let lax = Target { limits: none, ..target() };
    let mut found = with_newest(|newest| (newest.made, newest.size) = (at(0), 1));
    found.count = 1_000_000;
    assert!(judged(&lax, &report([(ENV, found.clone())])).problems.is_empty());

    found.verification = Verification::Missing;
    assert!(judged(&lax, &locked_for(26 * HOUR, found.clone())).in_transfer);
    assert_eq!(words(&judged(&lax, &locked_for(26 * HOUR + 1, found))), ["no_sidecar"]);
}

#[test]
fn a_repos_own_limits_come_before_the_targets() {
    let strict = Limits { max_age: Some(Duration::from_secs(3600)), ..Limits::default() };
    let own = Target { repo_limits: [(Repo::from_label(ENV), strict)].into(), ..target() };
    let verdict = judge(&own, &report([(ENV, healthy()), ("tracs/env", healthy())]), at(TAKEN));
    assert_eq!(verdict.repos[&Repo::from_label(ENV)].words(), ["newest is 8h old, limit 1h"]);
    assert_eq!(verdict.tally(), Tally { ok: 1, warn: 0, alarm: 1, status: Status::Alarm });
}

#[test]
fn the_worst_concern_comes_first() {
    let mut found = with_newest(|newest| newest.made = at(TAKEN + 3 * HOUR));
    found.verification = Verification::Garbled;
    assert_eq!(problems(found), ["garbled", "future"]);
}

#[test]
fn what_concerns_the_whole_target_is_noted() {
    let noted = |change: fn(&mut Report)| {
        let mut report = report([(ENV, healthy())]);
        change(&mut report);
        let verdict = judge(&target(), &report, at(TAKEN));
        (verdict.status, verdict.problems.iter().map(NodeProblem::code).collect::<Vec<_>>())
    };
    assert_eq!(noted(|report| report.unreadable = 1), (Status::Warn, vec!["incomplete"]));
    assert_eq!(noted(|report| report.zone_shift_hours = Some(8)), (Status::Warn, vec!["zone_shift"]));
    assert_eq!(noted(|report| report.clock_offset = 60.0), (Status::Ok, vec![]));
    assert_eq!(noted(|report| report.clock_offset = -60.5), (Status::Warn, vec!["clock_off"]));
    assert_eq!(noted(|report| report.clock_offset = 1e300), (Status::Warn, vec!["clock_off"]));
    let rejects: fn(&mut Report) = |report| report.rejects = Rejects { count: 3, first: vec![] };
    assert_eq!(noted(rejects), (Status::Ok, vec!["rejects"]));
}

#[test]
fn tallies_of_nodes_add_up_to_their_hubs() {
    let one = Tally { ok: 3, warn: 1, alarm: 0, status: Status::Warn };
    let other = Tally { ok: 2, warn: 0, alarm: 1, status: Status::Alarm };
    let hub: Tally = [one, other].into_iter().sum();
    assert_eq!(hub, Tally { ok: 5, warn: 1, alarm: 1, status: Status::Alarm });
}
