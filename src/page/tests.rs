#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;

use jiff::Timestamp;

use super::*;
use crate::inventory::{Hub, Inventory, Repo, Target};
use crate::probe::failure::{Cause, Words};
use crate::probe::ssh::Timings;
use crate::probe::{ProbeResult, Scope, Snapshot, TargetState};
use crate::report::samples::{HOUR, TAKEN, at, healthy, report, target};
use crate::report::{RepoSummary, Tarball, Verification};
use crate::table::{self, Overview};

fn context() -> PageContext {
    PageContext { now: at(TAKEN + HOUR), telemetry_path: "/metrics".into(), reload_failed_since: None }
}

fn inventory(targets: &[Target]) -> Inventory {
    let mut inventory = Inventory::default();
    for target in targets {
        let hub = inventory.hubs.entry(target.hub.clone()).or_insert_with(|| Hub {
            name: target.hub.clone(),
            srvnode: format!("{}.example.org", target.hub.to_lowercase()),
            email: vec!["secret@example.org".into()],
            report_url: None,
            message: Some("<b>Ask Lin</b>".into()),
            targets: Default::default(),
        });
        hub.targets.insert(target.node.clone(), Arc::new(target.clone()));
    }
    inventory
}

fn on(hub: &str, node: &str) -> Target {
    Target { hub: hub.into(), node: node.into(), ..target() }
}

fn answered(target: &Target, report: Report) -> TargetState {
    TargetState { report: Some(Arc::new(report)), last: Some(result(None)), ..not_asked(target) }
}

fn not_asked(target: &Target) -> TargetState {
    TargetState::new(Arc::new(target.clone()))
}

fn result(failure: Option<Cause>) -> ProbeResult {
    ProbeResult { ended: Timestamp::UNIX_EPOCH, failure, timings: Timings::default() }
}

fn unanswered(target: &Target) -> TargetState {
    let refused = Cause::NoConnection(Words::new("Connection refused <&>"));
    TargetState { last: Some(result(Some(refused))), ..not_asked(target) }
}

fn overview(target_states: &[TargetState]) -> Overview {
    let targets: Vec<Target> =
        target_states.iter().map(|target_state| (*target_state.target).clone()).collect();
    let snapshot = Snapshot {
        inventory: Arc::new(inventory(&targets)),
        scope: Scope::All,
        target_states: target_states.to_vec(),
    };
    table::overview(&snapshot, context().now)
}

fn front_of(target_states: &[TargetState]) -> String {
    front(&context(), &overview(target_states)).unwrap()
}

fn hub_of(target_states: &[TargetState]) -> String {
    hub(&context(), &overview(target_states).hubs[0], false).unwrap()
}

fn hub_with_debug(target_states: &[TargetState]) -> String {
    hub(&context(), &overview(target_states).hubs[0], true).unwrap()
}

/// Where these words stand, which must be there in this order.
#[track_caller]
fn assert_in_order(page: &str, words: &[&str]) {
    let mut rest = page;
    for word in words {
        let Some((_, after)) = rest.split_once(word) else {
            panic!("no {word:?} where it should be in:\n{page}")
        };
        rest = after;
    }
}

#[test]
fn failed_reload_shows_on_every_page_with_since_when_and_where_to_read_why() {
    let target_states = [answered(&on("A", "N1"), report([("svn/env", healthy())]))];
    let failed = PageContext { reload_failed_since: Some(at(TAKEN)), ..context() };
    let overview = overview(&target_states);
    let words = [
        "Reloading the configuration has failed since",
        "2012-11-13 16:00:00 UTC",
        "log says why",
        "scm-backup-exporter check",
    ];
    assert_in_order(&front(&failed, &overview).unwrap(), &words);
    assert_in_order(&hub(&failed, &overview.hubs[0], false).unwrap(), &words);
    for page in [front_of(&target_states), hub_of(&target_states)] {
        assert!(!page.contains(words[0]), "{page}");
    }
}

#[test]
fn page_of_very_many_repos_shows_the_worst_and_where_to_see_the_others() {
    let mut many = report([]);
    for n in 0..700 {
        many.repos.insert(Repo::from_label(&format!("svn/r{n:03}")), healthy());
    }
    let small = Tarball { size: 0, ..healthy().newest };
    many.repos.insert(Repo::from_label("svn/z-empty"), RepoSummary { newest: small, ..healthy() });
    let target_states = [answered(&on("A", "N1"), many)];
    let page = hub_of(&target_states);
    assert_in_order(&page, &["svn/z-empty</a>", "svn/r498</a>", "201 repos more, none of which is worse"]);
    assert_in_order(&page, &["<code>scm-backup-exporter probe A N1</code> prints all"]);
    assert_eq!(page.matches("<th scope=\"row\"").count(), 500);
    assert_eq!(page.matches("<img ").count(), 500);
    let few = [answered(&on("A", "N1"), report([("svn/env", healthy())]))];
    assert!(!hub_of(&few).contains("none of which is worse"));
}

#[test]
fn hubs_come_worst_first_with_why_and_what_to_type() {
    let path = "svn/cut/2012/11/13/160000/cut-1.tar.gz".into();
    let newest = Tarball { path, ..healthy().newest };
    let cut = RepoSummary { newest, verification: Verification::Contradicted { says: 9 }, ..healthy() };
    let page = front_of(&[
        answered(&on("A", "N1"), report([("svn/env", healthy())])),
        unanswered(&on("B", "N2")),
        answered(&on("C", "N3"), report([("svn/cut", cut), ("svn/env", healthy())])),
    ]);
    assert_in_order(
        &page,
        &[
            "Not well: hubs C, B (2 of 3).",
            "<caption>Hubs, worst first",
            "/hub/C",
            "1 repo has no backup to rely on",
            "/hub/B",
            "1 node could not be looked at",
            "/hub/A",
            "the one repo is within its limits",
            "What is wrong",
            "hub C, node N3",
            "svn/cut",
            "its sidecar says 9 B",
            "<code>ssh -o BatchMode=yes C ls -l /data/backup/cms02/svn/cut/2012/11/13/160000</code>",
            "hub B, node N2",
            "Connection refused &#60;&#38;&#62;",
            "check that the node is up",
        ],
    );
}

#[test]
fn conclusion_of_two_hubs_speaks_of_one_other() {
    let well = |hub: &str| answered(&on(hub, "N1"), report([("svn/env", healthy())]));
    let page = front_of(&[well("A"), unanswered(&on("B", "N2"))]);
    assert!(page.contains("Hub B is not well; the other is."), "{page}");
    let page = front_of(&[well("A"), unanswered(&on("B", "N2")), well("C")]);
    assert!(page.contains("Hub B is not well; the other 2 are."), "{page}");
}

#[test]
fn node_that_was_read_in_part_is_not_called_unseen() {
    let closed = Report { unreadable: 2, ..report([("svn/env", healthy())]) };
    let denied = result(Some(Cause::Unreadable { count: 2, root: "/data".into() }));
    let target_state = TargetState { last: Some(denied), ..answered(&on("A", "N1"), closed) };
    let page = front_of(&[target_state, unanswered(&on("A", "N2"))]);
    assert!(
        page.contains("1 node could not be looked at; 1 node could be looked at only in part</td>"),
        "{page}"
    );
}

#[test]
fn hub_says_of_each_repo_once_whether_there_is_a_backup_on_any_of_its_nodes() {
    let stale = || RepoSummary { newest: Tarball { made: at(0), ..healthy().newest }, ..healthy() };
    let page = front_of(&[
        answered(&on("A", "N1"), report([("svn/a", stale()), ("svn/b", stale()), ("svn/c", healthy())])),
        answered(&on("A", "N2"), report([("svn/a", stale()), ("svn/b", healthy()), ("svn/c", healthy())])),
        answered(&on("B", "N1"), report([("svn/a", healthy()), ("svn/b", healthy())])),
        answered(&on("B", "N2"), report([("svn/a", healthy()), ("svn/b", healthy())])),
    ]);
    assert_in_order(
        &page,
        &[
            "1 repo has no backup to rely on; 1 repo has a backup to rely on, but not on every node</td>",
            "2 repos, all within their limits</td>",
        ],
    );
}

#[test]
fn node_that_was_not_asked_yet_is_none_that_could_not_be_looked_at() {
    let page = front_of(&[not_asked(&on("A", "N1")), not_asked(&on("A", "N2")), unanswered(&on("A", "N3"))]);
    assert!(page.contains("1 node could not be looked at; 2 nodes were not asked yet</td>"), "{page}");
}

#[test]
fn note_that_is_no_warning_is_not_marked_as_ok() {
    let mut strange = report([("svn/env", healthy())]);
    strange.rejects.count = 1;
    let target_states = [answered(&target(), strange)];
    let page = hub_of(&target_states);
    assert!(page.contains("<p>Note: 1 name does not fit the layout</p>"), "{page}");
}

#[test]
fn node_that_holds_nothing_is_an_alarm_that_says_so() {
    let target_states = [answered(&target(), report([]))];
    let page = hub_of(&target_states);
    assert!(page.contains("alarm</span> there is no tarball on the node, so no backup to rely on"), "{page}");
    let [empty] = target_states;
    let front = front_of(&[empty, answered(&on("C2", "N2"), report([("svn/env", healthy())]))]);
    assert!(front.contains("Hub C2 is not well."), "{front}");
    assert!(front.contains("1 node holds no backup at all</td>"), "{front}");
}

#[test]
fn nothing_configured_and_nothing_asked_yet_say_so() {
    let empty = front(&context(), &Overview::new(Vec::new())).unwrap();
    assert!(empty.contains("No hub is configured.") && !empty.contains("<table"), "{empty}");
    let target_state = not_asked(&target());
    let page = front_of(std::slice::from_ref(&target_state));
    assert!(page.contains("It was not asked yet") && page.contains("not asked yet</td>"), "{page}");
    let target_states = [target_state];
    assert!(hub_of(&target_states).contains("It was not asked yet"));
}

#[test]
fn whatever_a_node_or_a_configuration_says_is_text() {
    let name = "svn/<script>alert('\"&')</script>";
    let mut report = report([(name, RepoSummary { count: 99, ..healthy() })]);
    report.root = "/data/<img src=x>".into();
    report.rejects.count = 1;
    report.rejects.first = vec!["<i>reject</i>".into()];
    let target_states = [answered(&on("<u>", "\"><b>"), report)];
    for page in [front_of(&target_states), hub_with_debug(&target_states)] {
        for tag in ["<script>", "<img src=x", "<i>reject", "<u>", "\"><b>", "<b>Ask"] {
            assert!(!page.contains(tag), "{tag} in {page}");
        }
        assert!(page.contains("svn/&#60;script&#62;alert(&#39;&#34;&#38;&#39;)"), "{page}");
    }
}

#[test]
fn times_are_shown_in_the_hubs_zone_and_in_utc() {
    let target_states = [answered(&target(), report([("svn/env", healthy())]))];
    let page = hub_of(&target_states);
    assert_in_order(
        &page,
        &[
            "datetime=\"2012-11-13T16:00:00+08:00\">2012-11-13 16:00</time> <small><time class=\"reader\" datetime=\"2012-11-13T16:00:00+08:00\">2012-11-13 08:00 UTC</time></small>",
        ],
    );
    assert!(page.contains("times are Asia/Shanghai"));
}

#[test]
fn page_holds_no_mail_address_and_no_script_but_the_one() {
    let target_states = [answered(&target(), report([("svn/env", healthy())])), unanswered(&on("C2", "X"))];
    for page in [front_of(&target_states), hub_with_debug(&target_states)] {
        let page = page.replacen("<script src=\"/reader.js\" defer></script>", "", 1);
        for word in ["secret@", "<script", "style=", "<style", "http://", "https://", " on"] {
            let is_handler = |page: &str| {
                page.split(" on").skip(1).any(|rest| rest.split(' ').next().unwrap().contains("=\""))
            };
            assert!(
                if word == " on" { !is_handler(&page) } else { !page.contains(word) },
                "{word} in {page}"
            );
        }
    }
}

#[test]
fn node_that_is_being_probed_or_was_just_probed_has_no_button() {
    let idle = answered(&target(), report([("svn/env", healthy())]));
    assert!(hub_of(std::slice::from_ref(&idle)).contains("Probe now"));
    let probing = hub_of(&[TargetState { is_probing: true, ..idle.clone() }]);
    assert!(probing.contains("A probe is under way") && !probing.contains("Probe now"), "{probing}");
    let rare = Target { min_probe_interval: std::time::Duration::from_secs(7200), ..target() };
    let resting = hub_of(&[TargetState { target: Arc::new(rare), ..idle }]);
    assert!(resting.contains("<code>min_probe_interval</code> (2h)"), "{resting}");
    assert!(!resting.contains("Probe now"), "{resting}");
}

#[test]
fn repos_with_the_same_trouble_stand_together() {
    let stale = || RepoSummary { newest: Tarball { made: at(0), ..healthy().newest }, ..healthy() };
    let repos =
        [("svn/a", stale()), ("svn/b", stale()), ("svn/c", stale()), ("svn/d", stale()), ("svn/e", stale())];
    let page = front_of(&[answered(&target(), report(repos))]);
    assert_in_order(
        &page,
        &[
            "svn/a, svn/b, svn/c and 2 more",
            "newest is 15657d 17h old, limit 26h\n",
            "Find out on the hub why nothing has arrived since",
        ],
    );
    assert_eq!(
        page.matches("<pre").count(),
        0,
        "a path that is not one of a tarball is not guessed at: {page}"
    );
}

#[test]
fn what_is_said_of_several_repos_says_of_which_where_they_differ() {
    let aged = |days: i64| RepoSummary {
        newest: Tarball { made: at(TAKEN - days * 24 * HOUR), ..healthy().newest },
        ..healthy()
    };
    let page = front_of(&[answered(&target(), report([("svn/a", aged(2)), ("svn/b", aged(90))]))]);
    assert_in_order(&page, &["svn/a, svn/b</strong>: newest is 2d 1h old, limit 26h (svn/a)\n"]);
}

#[test]
fn plot_is_of_what_is_held_or_expected() {
    let expecting = Target { expected: Some([Repo::from_label("svn/gone")].into()), ..target() };
    let report = report([("svn/env", healthy())]);
    assert!(plot_of(&target(), Some(&report), &Repo::from_label("svn/env")).is_some());
    assert!(plot_of(&expecting, Some(&report), &Repo::from_label("svn/gone")).is_some());
    assert!(plot_of(&expecting, None, &Repo::from_label("svn/gone")).is_some());
    assert!(plot_of(&target(), Some(&report), &Repo::from_label("svn/gone")).is_none());
    assert!(plot_of(&target(), None, &Repo::from_label("svn/gone")).is_none());
}
