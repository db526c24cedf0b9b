#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::tz::TimeZone;

use super::samples::{HOUR, TAKEN, target};
use super::*;
use crate::inventory::Target;
use crate::listing::{Begin, End, Record};

const DAY: i64 = 24 * HOUR;

fn begin() -> Begin {
    Begin { method: Method::Printf, reads_sidecars: true, bounded: true, epoch: TAKEN, utc_offset: 0 }
}

fn tarball(path: &str, size: u64) -> Record<'_> {
    Record::Tarball { size, mtime: 0, path: path.as_bytes() }
}

fn sidecar<'a>(path: &'a str, content: Option<&'a str>) -> Record<'a> {
    Record::Sidecar { size: 70, mtime: 0, path: path.as_bytes(), content: content.map(str::as_bytes) }
}

fn report_of(target: Target, begin: Begin, records: &[Record<'_>]) -> Report {
    let mut builder = Builder::new(Arc::new(target));
    builder.record(Record::Begin(begin));
    for record in records {
        builder.record(*record);
    }
    builder.finish(End::default(), Timestamp::from_second(TAKEN).unwrap()).unwrap()
}

fn report(records: &[Record<'_>]) -> Report {
    report_of(target(), begin(), records)
}

fn env(report: &Report) -> &RepoSummary {
    &report.repos[&Repo::from_label("svn/env")]
}

const OLDEST: &str = "svn/env/2012/11/10/161023/env-3580.tar.gz";
const BEFORE: &str = "svn/env/2012/11/12/161023/env-3590.tar.gz";
const NEWEST: &str = "svn/env/2012/11/13/161023/env-3591.tar.gz";
const SIDECAR: &str = "svn/env/2012/11/13/161023/env-3591.tar.gz.dna";

#[test]
fn newest_previous_oldest_count_and_bytes_do_not_depend_on_the_order() {
    let [oldest, before, newest] = [tarball(OLDEST, 5), tarball(BEFORE, 7), tarball(NEWEST, 11)];
    for order in [
        [oldest, before, newest],
        [oldest, newest, before],
        [before, oldest, newest],
        [before, newest, oldest],
        [newest, oldest, before],
        [newest, before, oldest],
    ] {
        let report = report(&order);
        let env = env(&report);
        assert_eq!(env.newest.path, NEWEST);
        assert_eq!(env.newest.size, 11);
        assert_eq!(env.newest.made.to_string(), "2012-11-13T08:10:23Z");
        let previous = env.previous.as_ref().unwrap();
        assert_eq!((previous.path.as_str(), previous.size), (BEFORE, 7));
        assert_eq!(env.oldest.to_string(), "2012-11-10T08:10:23Z");
        assert_eq!((env.count, env.total_bytes, report.records), (3, 23, 3));
        assert_eq!(env.verification, Verification::NoSidecars);
    }
}

#[test]
fn two_tarballs_of_one_stamp_go_by_name() {
    let again = "svn/env/2012/11/13/161023/env-3591-1.tar.gz";
    let report = report(&[tarball(NEWEST, 1), tarball(again, 2)]);
    assert_eq!(env(&report).newest.path, NEWEST);
    assert_eq!(env(&report).previous.as_ref().unwrap().path, again);
}

#[test]
fn a_tarball_that_is_listed_twice_is_not_its_own_predecessor() {
    let report = report(&[tarball(NEWEST, 1), tarball(NEWEST, 2), tarball(BEFORE, 3), tarball(BEFORE, 3)]);
    assert_eq!(env(&report).count, 2);
    assert_eq!(env(&report).newest.size, 1);
    assert_eq!(env(&report).previous.as_ref().unwrap().path, BEFORE);
}

/// The sizes of the newest tarball and of the one it is compared with, for tarballs of the days of a month in any order.
fn compared(sizes: &[u64]) -> (u64, Option<u64>) {
    let path = |at: usize| format!("svn/env/2012/11/{:02}/161023/env-{at}.tar.gz", at + 1);
    let paths: Vec<String> = (0..sizes.len()).map(path).collect();
    let listing: Vec<_> = paths.iter().zip(sizes).map(|(path, size)| tarball(path, *size)).collect();
    let orders = (0..listing.len()).flat_map(|by| {
        let mut forwards = listing.clone();
        forwards.rotate_left(by);
        let backwards = forwards.iter().rev().copied().collect();
        [forwards, backwards]
    });
    let found: BTreeSet<_> = orders
        .map(|order| {
            let report = report(&order);
            let env = env(&report);
            assert_eq!(env.count, sizes.len() as u64);
            (env.newest.size, env.previous.as_ref().map(|previous| previous.size))
        })
        .collect();
    assert_eq!(found.len(), 1, "{sizes:?} in other orders: {found:?}");
    found.first().copied().unwrap()
}

#[test]
fn newest_is_compared_with_the_largest_of_the_three_before_it() {
    assert_eq!(compared(&[10]), (10, None));
    assert_eq!(compared(&[10, 7]), (7, Some(10)));
    assert_eq!(compared(&[10, 7, 6]), (6, Some(10)));
    assert_eq!(compared(&[10, 7, 6, 6]), (6, Some(10)));
    assert_eq!(compared(&[10, 7, 6, 6, 6]), (6, Some(7)));
    assert_eq!(compared(&[99, 98, 1, 3, 2, 4]), (4, Some(3)));
    assert_eq!(compared(&[10, 0, 0, 9]), (9, Some(10)));
}

#[test]
fn of_several_as_large_the_newest_is_compared_with() {
    let report = report(&[tarball(OLDEST, 5), tarball(BEFORE, 5), tarball(NEWEST, 5)]);
    assert_eq!(env(&report).previous.as_ref().unwrap().path, BEFORE);
}

#[test]
fn total_bytes_stop_at_the_largest_number() {
    assert_eq!(env(&report(&[tarball(BEFORE, u64::MAX), tarball(NEWEST, 2)])).total_bytes, u64::MAX);
}

#[test]
fn repos_that_take_turns_are_told_apart() {
    let other = "tracs/env/2012/11/13/161023/env.tar.gz";
    let longer = "svn/env2/2012/11/13/161023/env2-1.tar.gz";
    let report = report(&[tarball(NEWEST, 1), tarball(other, 2), tarball(BEFORE, 3), tarball(longer, 4)]);
    let counts: Vec<_> = report.repos.iter().map(|(repo, found)| (repo.as_str(), found.count)).collect();
    assert_eq!(counts, [("svn/env", 2), ("svn/env2", 1), ("tracs/env", 1)]);
}

#[test]
fn repos_not_selected_are_counted_but_not_summarised() {
    let selected = Target { expected: Some(BTreeSet::from([Repo::from_label("svn/env")])), ..target() };
    let other = "tracs/env/2012/11/13/161023/env.tar.gz";
    let report = report_of(selected, begin(), &[tarball(other, 2), tarball(NEWEST, 1), tarball(other, 2)]);
    assert_eq!(report.repos.len(), 1);
    assert_eq!(report.records, 3);
}

#[test]
fn names_of_any_bytes_become_labels() {
    let path = b"svn/a\xff\t/2012/11/13/161023/a\xff\t-1.tar.gz";
    let report = report(&[Record::Tarball { size: 1, mtime: 0, path }]);
    let (repo, found) = report.repos.first_key_value().unwrap();
    assert_eq!(repo.as_str(), "svn/a\\xff\\x09");
    assert_eq!(found.newest.path, "svn/a\\xff\\x09/2012/11/13/161023/a\\xff\\x09-1.tar.gz");
}

#[test]
fn without_a_timezone_the_nodes_offset_counts() {
    let elsewhere = || Target { timezone: None, ..target() };
    let at = |utc_offset| {
        let report = report_of(elsewhere(), Begin { utc_offset, ..begin() }, &[tarball(NEWEST, 1)]);
        env(&report).newest.made.to_string()
    };
    assert_eq!(at(-5 * 3600), "2012-11-13T21:10:23Z");
    assert_eq!(at(5 * 3600 + 1800), "2012-11-13T10:40:23Z");
    assert_eq!(at(i32::MAX), "2012-11-13T16:10:23Z", "an offset beyond all zones is none");
}

#[test]
fn stamps_hours_ahead_of_the_files_are_noticed() {
    let made = TAKEN - 7 * 3600 - 2977; // 2012-11-13T08:10:23Z
    let record = Record::Tarball { size: 1, mtime: made + 60, path: NEWEST.as_bytes() };
    assert_eq!(report(&[record]).zone_shift_hours, None);
    let elsewhere = Target { timezone: Some(TimeZone::UTC), ..target() };
    assert_eq!(report_of(elsewhere, begin(), &[record]).zone_shift_hours, Some(8));
}

fn verification(sidecars: &[Record<'_>]) -> Verification {
    let tarballs = [tarball(NEWEST, 11), tarball(BEFORE, 7)];
    let after = report(&[&tarballs, sidecars].concat());
    let before = report(&[sidecars, &tarballs].concat());
    assert_eq!(after, before, "the order must not matter");
    env(&after).verification
}

#[test]
fn the_newest_is_verified_by_its_own_sidecar_only() {
    let older = sidecar("svn/env/2012/11/12/161023/env-3590.tar.gz.dna", Some("{'size': 7}"));
    assert_eq!(verification(&[older, sidecar(SIDECAR, Some("{'size': 11L}"))]), Verification::Verified);
    assert_eq!(
        verification(&[sidecar(SIDECAR, Some("{'size': 12}"))]),
        Verification::Contradicted { says: 12 }
    );
    assert_eq!(verification(&[older]), Verification::Missing);
    assert_eq!(verification(&[]), Verification::NoSidecars);
    assert_eq!(verification(&[sidecar(SIDECAR, Some("garbage"))]), Verification::Garbled);
    assert_eq!(verification(&[sidecar(SIDECAR, None)]), Verification::Garbled, "gigantic");
}

#[test]
fn a_node_that_cannot_read_sidecars_leaves_the_size_unknown_but_not_their_absence() {
    let blind = Begin { reads_sidecars: false, ..begin() };
    let of = |records: &[Record<'_>]| env(&report_of(target(), blind, records)).verification;
    let older = sidecar("svn/env/2012/11/12/161023/env-3590.tar.gz.dna", None);
    assert_eq!(of(&[tarball(NEWEST, 11), sidecar(SIDECAR, None)]), Verification::Unknown);
    assert_eq!(of(&[tarball(NEWEST, 11), older]), Verification::Missing);
    assert_eq!(of(&[tarball(NEWEST, 11)]), Verification::NoSidecars);
}

#[test]
fn the_newest_sidecar_survives_a_thousand_older_ones_that_come_first() {
    let path =
        |minute: u32, second: u32| format!("svn/env/2012/11/13/00{minute:02}{second:02}/env-1.tar.gz.dna");
    let paths: Vec<String> = (0..17).flat_map(|m| (0..60).rev().map(move |s| path(m, s))).collect();
    let mut records: Vec<_> = paths.iter().map(|path| sidecar(path, Some("{'size': 1}"))).collect();
    records.insert(500, sidecar(SIDECAR, Some("{'size': 11}")));
    assert_eq!(verification(&records), Verification::Verified);
}

#[test]
fn seven_orphaned_sidecars_do_not_cost_the_newest_its_own_in_any_order() {
    let orphans = (0..7).map(|n| (format!("svn/env/2012/11/14/00000{n}/env-9.tar.gz.dna"), "{'size': 9}"));
    let older = (0..9).map(|n| (format!("svn/env/2012/11/12/00000{n}/env-1.tar.gz.dna"), "{'size': 1}"));
    let mut all: Vec<_> = orphans.chain(older).chain([(SIDECAR.to_owned(), "{'size': 11}")]).collect();
    let mut random: u64 = 1;
    for _ in 0..200 {
        for at in (1..all.len()).rev() {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            all.swap(at, (random >> 33) as usize % (at + 1));
        }
        let records: Vec<_> = all.iter().map(|(path, content)| sidecar(path, Some(content))).collect();
        assert_eq!(verification(&records), Verification::Verified, "{all:?}");
    }
}

#[test]
fn a_repo_of_sidecars_only_holds_no_tarballs() {
    assert!(report(&[sidecar(SIDECAR, Some("{'size': 11}"))]).repos.is_empty());
}

#[test]
fn a_hundred_thousand_unplaceable_names_are_counted_and_five_are_kept() {
    let mut builder = Builder::new(Arc::new(target()));
    builder.record(Record::Begin(begin()));
    for n in 0..100_000 {
        let path = format!("svn/env/2013/02/31/161023/env-{n}.tar.gz");
        builder.record(tarball(&path, 1));
    }
    builder.record(tarball(NEWEST, 1));
    let report = builder.finish(End::default(), Timestamp::from_second(TAKEN).unwrap()).unwrap();
    assert_eq!(report.rejects.count, 100_000);
    assert_eq!(report.rejects.first.len(), 5);
    assert_eq!(report.rejects.first[0], "svn/env/2013/02/31/161023/env-0.tar.gz: no such day 2013/02/31");
    assert_eq!((report.records, env(&report).count), (1, 1));
}

#[test]
fn a_very_long_path_is_cut_when_it_is_rejected() {
    let report = report(&[tarball(&"x/".repeat(100_000), 1)]);
    assert!(report.rejects.first[0].len() < 300);
}

#[test]
fn copies_beneath_last_and_misplaced_sidecars_count_nowhere() {
    let report = report(&[tarball("svn/env/last/env-1.tar.gz", 1), sidecar("svn/env/stray.dna", None)]);
    assert_eq!((report.records, report.rejects.count, report.repos.len()), (0, 0, 0));
}

#[test]
fn a_name_with_a_newline_is_a_reject() {
    let report = report(&[Record::NewlineInName]);
    assert_eq!(report.rejects.count, 1);
}

#[test]
fn a_node_that_invents_repos_is_bounded_but_never_costs_an_expected_one() {
    let invented = |target: Target| {
        let mut builder = Builder::new(Arc::new(target));
        builder.record(Record::Begin(begin()));
        for n in 0..20_010 {
            let path = format!("svn/r{n}/2012/11/13/161023/r{n}-1.tar.gz");
            builder.record(tarball(&path, 1));
        }
        builder.record(tarball(NEWEST, 1));
        builder.record(tarball("svn/r0/2012/11/12/161023/r0-1.tar.gz", 1));
        builder.finish(End::default(), Timestamp::from_second(TAKEN).unwrap()).unwrap()
    };
    let every = invented(target());
    assert_eq!((every.repos.len(), every.surplus, every.records), (20_000, 11, 20_012));
    assert!(every.repos.contains_key(&Repo::from_label("svn/env")), "it sorts first, though it comes last");
    assert_eq!(every.rejects.count, 0, "they fit the layout");
    let expected = Some(BTreeSet::from([Repo::from_label("svn/env")]));
    let chosen = invented(Target { expected, ..target() });
    assert_eq!((chosen.repos.len(), chosen.surplus, chosen.records), (1, 0, 20_012));
}

#[test]
fn long_names_are_bounded_and_the_same_ones_are_kept_in_any_order() {
    let paths: Vec<String> = (0..10_000)
        .map(|n| {
            let name = format!("{n:05}{}", "x".repeat(250));
            format!("svn/{name}/2012/11/13/161023/{name}.tar.gz")
        })
        .collect();
    let report_in = |order: &dyn Fn(usize) -> usize| {
        let records: Vec<_> = (0..10_000).map(|n| tarball(&paths[order(n)], 1)).collect();
        report(&[records.as_slice(), records.as_slice()].concat())
    };
    let forwards = report_in(&|n| n);
    let labels: usize = forwards.repos.keys().map(|repo| repo.as_str().len()).sum();
    assert!(labels <= 1 << 20, "{labels} bytes");
    assert!(forwards.repos.len() > 4_000);
    assert_eq!((forwards.records, forwards.rejects.count), (20_000, 0));
    assert_eq!(forwards.surplus, 2 * (10_000 - forwards.repos.len() as u64));
    assert_eq!(report_in(&|n| 9_999 - n), forwards);
    assert_eq!(report_in(&|n| n * 7_777 % 10_000), forwards);
}

#[test]
fn only_the_lock_directly_at_the_root_counts() {
    let lock = |path: &'static [u8]| Record::Lock { mtime: TAKEN - DAY, path };
    assert_eq!(report(&[lock(b"svn/env/LOCKED")]).lock, None);
    let since = Timestamp::from_second(TAKEN - DAY).unwrap();
    assert_eq!(report(&[lock(b"LOCKED")]).lock, Some(Lock { since }));
    let absurd = Record::Lock { mtime: i64::MAX, path: b"LOCKED" };
    assert_eq!(report(&[absurd]).lock, Some(Lock { since: Timestamp::MAX }));
}

#[test]
fn clock_root_and_room_are_handed_on() {
    let room = Record::Filesystem { size: 100, avail: 40 };
    let fast = Begin { epoch: TAKEN + 90, ..begin() };
    let report = report_of(target(), fast, &[Record::Root(b"/data/backup/cms02"), room]);
    assert_eq!(report.clock_offset, 90.0);
    assert_eq!(report.root, "/data/backup/cms02");
    assert_eq!(report.filesystem, Some(Filesystem { size: 100, avail: 40 }));
    assert_eq!(report.unreadable, 0);
}

#[test]
fn a_listing_that_never_began_gives_no_report() {
    let builder = Builder::new(Arc::new(target()));
    assert_eq!(builder.finish(End::default(), Timestamp::UNIX_EPOCH), None);
}

#[test]
fn points_are_stamp_and_size_of_every_tarball_with_the_oldest_first() {
    let report = report(&[tarball(NEWEST, 11), tarball(OLDEST, 5), tarball(BEFORE, 7)]);
    let points: Vec<_> = env(&report).points.iter().map(|point| (point.made(), point.size)).collect();
    // 2012-11-10T16:10:23 on the wall, and two and three days later.
    let first = 1_352_563_823;
    assert_eq!(points, [(first, 5), (first + 2 * DAY, 7), (first + 3 * DAY, 11)]);
}
