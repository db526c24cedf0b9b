#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::inventory::{Hub, Limits, Repo, Target};
use crate::probe::TargetState;
use crate::report::samples::{HOUR, TAKEN, at, healthy, report, target};
use crate::report::{Filesystem, Lock, Rejects, RepoSummary, Report, Verification};

fn hub(name: &str, message: Option<&str>) -> Hub {
    Hub {
        name: name.into(),
        srvnode: "cms02".into(),
        email: vec![],
        report_url: Some("http://hub/monitor/".into()),
        message: message.map(str::to_owned),
        targets: BTreeMap::<String, Arc<Target>>::new(),
    }
}

fn seen(target: &Target, report: &Report, failure: Option<FailureView>) -> NodeView {
    let known = TargetState { report: Some(Arc::new(report.clone())), ..nothing_known(target.clone()) };
    NodeView::new(known, failure, at(TAKEN + 600))
}

fn nothing_known(target: Target) -> TargetState {
    TargetState::new(Arc::new(target))
}

fn timeout() -> FailureView {
    FailureView {
        reason: crate::probe::failure::Reason::Timeout,
        message: "no answer within 2s\nfrom H1".into(),
        advice: Some("try `ssh H1`, or raise `timeout`".into()),
    }
}

/// A node with a shrunk tarball, a missing repo, one in transfer and one that is well.
fn troubled() -> NodeView {
    let expected = ["svn/env", "tracs/env", "svn/dybsvn", "svn/heprez", "folders/a"];
    let weekly =
        Limits { max_age: Some(Duration::from_secs(7 * 86400)), min_size_ratio: None, ..Limits::default() };
    let target = Target {
        expected: Some(expected.into_iter().map(Repo::from_label).collect()),
        repo_limits: [(Repo::from_label("folders/a"), weekly)].into(),
        ..target()
    };
    let mut shrunk = RepoSummary { verification: Verification::NoSidecars, ..healthy() };
    shrunk.newest.size = 1_147_682_816;
    let mut lonely =
        RepoSummary { previous: None, verification: Verification::Unknown, count: 1, ..healthy() };
    lonely.newest.made = at(TAKEN - 8 * 24 * HOUR);
    let moving = RepoSummary { verification: Verification::Missing, count: 31, ..healthy() };
    let report = Report {
        lock: Some(Lock { since: at(TAKEN - 60) }),
        rejects: Rejects {
            count: 6,
            first: vec!["svn/x.tar.gz: not <kind>/<name>/YYYY/MM/DD/HHMMSS/<file>".into()],
        },
        filesystem: Some(Filesystem { size: 4 << 40, avail: 1 << 40 }),
        clock_offset: 90.0,
        ..report([
            ("svn/dybsvn", shrunk),
            ("svn/env", healthy()),
            ("svn/heprez", moving),
            ("folders/a", lonely),
        ])
    };
    seen(&target, &report, None)
}

fn node(name: &str) -> Target {
    Target { node: name.into(), ..target() }
}

fn overview() -> Overview {
    let stale = seen(&node("D"), &report([("svn/env", healthy())]), Some(timeout()));
    let never = NodeView::new(nothing_known(node("H1")), Some(timeout()), at(TAKEN));
    let fine = seen(&node("SDU"), &report([("svn/env", healthy())]), None);
    Overview::new(vec![
        HubView::new(&hub("AA", None), vec![fine]),
        HubView::new(&hub("C2", Some("a remark")), vec![stale, never, troubled()]),
    ])
}

// After an intended change, take the new text from the failing test, and read it.
const GOLDEN: &str = include_str!("golden.txt");
const GOLDEN_NARROW: &str = include_str!("golden-narrow.txt");
const GOLDEN_JSON: &str = include_str!("golden.json");

#[test]
fn the_tables_show_the_worst_first_with_every_reason() {
    assert_eq!(text(&overview(), Terminal::default()), GOLDEN);
}

#[test]
fn a_narrow_terminal_has_the_reasons_below_the_tables() {
    let narrow = text(&overview(), Terminal { width: Some(80), ..Terminal::default() });
    assert_eq!(narrow, GOLDEN_NARROW);
    assert!(narrow.lines().filter(|line| !line.starts_with("  ")).all(|line| line.chars().count() <= 80));
}

#[test]
fn a_wide_terminal_wraps_only_the_reasons() {
    let wide = text(&overview(), Terminal { width: Some(120), ..Terminal::default() });
    assert!(wide.lines().all(|line| line.chars().count() <= 120), "{wide}");
    assert!(wide.contains("31 held, at most 30 expected (has\n"), "{wide}");
}

#[test]
fn a_name_as_long_as_a_node_likes_breaks_no_table() {
    let name = format!("svn/{}", "x".repeat(250));
    let shown = text(
        &Overview::new(vec![HubView::new(
            &hub("C2", None),
            vec![seen(&target(), &report([(&name, healthy())]), None)],
        )]),
        Terminal { width: Some(80), ..Terminal::default() },
    );
    assert!(
        shown.lines().filter(|line| line.contains("xx")).all(|line| line.chars().count() <= 80),
        "{shown}"
    );
}

#[test]
fn one_tarball_is_not_called_tarballs() {
    let alone = report([("svn/env", RepoSummary { count: 1, ..healthy() })]);
    let shown = text(
        &Overview::new(vec![HubView::new(&hub("C2", None), vec![seen(&target(), &alone, None)])]),
        Terminal::default(),
    );
    assert!(shown.contains(", 1 tarball read\n"), "{shown}");
}

#[test]
fn colour_only_repeats_the_words() {
    let coloured = text(&overview(), Terminal { colour: true, ..Terminal::default() });
    assert_eq!(anstream::adapter::strip_str(&coloured).to_string(), GOLDEN);
    assert!(coloured.contains(" \x1b[1m\x1b[31malarm\x1b[0m   tracs/env"), "{coloured}");
    assert!(coloured.contains(" \x1b[32mok\x1b[0m"), "{coloured}");
    assert!(!GOLDEN.contains('\x1b'));
}

#[test]
fn json_gives_what_is_not_known_as_null() {
    assert_eq!(
        json(&Overview::new(vec![HubView::new(&hub("C2", None), vec![troubled()])])).unwrap() + "\n",
        GOLDEN_JSON
    );
    let overview: serde_json::Value = serde_json::from_str(&json(&overview()).unwrap()).unwrap();
    let never = &overview["hubs"][0]["nodes"][2];
    assert_eq!((never["node"].as_str(), never["state"].as_str()), (Some("H1"), Some("unseen")));
    assert!(never["report"].is_null());
}

#[test]
fn a_node_that_cannot_be_seen_is_unseen_even_if_its_last_report_was_good() {
    let stale = seen(&target(), &report([("svn/env", healthy())]), Some(timeout()));
    assert_eq!(stale.state, State::Unseen);
    assert_eq!(NodeView::new(nothing_known(target()), None, at(TAKEN)).state, State::Unseen);
    assert_eq!(troubled().state, State::Alarm);
}

#[test]
fn what_is_not_there_is_0_only_when_all_could_be_read() {
    let target = Target { expected: Some([Repo::from_label("svn/env")].into()), ..target() };
    let held = |unreadable| {
        let view = seen(&target, &Report { unreadable, ..report([]) }, None);
        view.report.unwrap().repos[0].held
    };
    assert_eq!(held(0), Some(0));
    assert_eq!(held(1), None);
}

#[test]
fn a_node_that_holds_nothing_is_an_alarm_in_every_form() {
    let empty = seen(&target(), &report([]), None);
    assert_eq!(empty.state, State::Alarm);
    let overview = Overview::new(vec![HubView::new(&hub("C2", None), vec![empty])]);
    assert_eq!(overview.hubs[0].state, State::Alarm);
    let shown = text(&overview, Terminal::default());
    assert!(shown.contains("  alarm: there is no tarball on the node, so no backup to rely on"), "{shown}");
    let json = serde_json::to_value(&overview).unwrap();
    let note = &json["hubs"][0]["nodes"][0]["report"]["notes"][0];
    assert_eq!((&note["word"], &note["status"]), (&"no_tarballs".into(), &"alarm".into()));
}

#[test]
fn a_message_cannot_steer_the_terminal() {
    let failure = FailureView { message: "a\x1b[2Jb\rc".into(), ..timeout() };
    let node = NodeView::new(nothing_known(target()), Some(failure), at(TAKEN));
    let shown =
        text(&Overview::new(vec![HubView::new(&hub("C2", Some("x\x07y")), vec![node])]), Terminal::default());
    assert!(!shown.contains(['\x1b', '\r', '\x07']));
    assert!(shown.contains("timeout: a [2Jb c"));
}

#[test]
fn the_nodes_own_offset_stands_in_for_a_missing_timezone() {
    let fixed = jiff::tz::TimeZone::fixed(jiff::tz::offset(-5));
    let view =
        seen(&target(), &Report { zone: fixed, ..report([("svn/env", healthy())]) }, None).report.unwrap();
    assert_eq!(view.timezone, "UTC-05");
    assert_eq!(view.repos[0].newest.as_ref().unwrap().made.to_string(), "2012-11-13T03:00:00-05:00");
}
