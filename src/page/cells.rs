//! Values as they stand in the pages.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::human::{Age, Bytes, Change, Places};
use crate::inventory::Repo;
use crate::table::{HubView, NodeView, Overview, RepoView, State};
use crate::verdict::{NodeProblem, Status};

/// An age in words.
pub(super) fn ago(age: &SignedDuration) -> String {
    Age(*age).to_string()
}

/// A time in UTC, to the second.
pub(super) fn second(at: &Timestamp) -> String {
    at.to_zoned(TimeZone::UTC).strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

pub(super) fn bytes(count: &u64) -> String {
    Bytes(*count).to_string()
}

/// Whether what is said of a node is no warning.
pub(super) fn is_remark(problem: &NodeProblem) -> bool {
    problem.status() == Status::Ok
}

/// How many places could not be read.
pub(super) fn places(count: &u64) -> String {
    Places(*count).to_string()
}

/// How many names do not fit the layout.
pub(super) fn rejects(count: &u64) -> String {
    NodeProblem::Rejects { count: *count }.to_string()
}

pub(super) fn change(repo: &RepoView) -> String {
    repo.size_ratio.map_or_else(String::new, |ratio| Change(ratio).to_string())
}

pub(super) fn held(repo: &RepoView) -> String {
    repo.held.map_or_else(|| "?".to_owned(), |held| held.to_string())
}

pub(super) fn verified(repo: &RepoView) -> &'static str {
    repo.verified.map_or("not known", |verified| if verified { "yes" } else { "no" })
}

/// How the last probe went, in a word or two.
pub(super) fn answer(node: &NodeView) -> String {
    match (&node.failure, &node.report) {
        (Some(failure), _) => format!("fails: {}", failure.reason),
        (None, Some(_)) => "answers".to_owned(),
        (None, None) => "not asked yet".to_owned(),
    }
}

fn count(number: usize, one: &str, many: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{number} {many}") }
}

/// What is to be said of a hub in one line. A repo counts once, on however many nodes it is.
pub(super) fn conclusion(hub: &HubView) -> String {
    // The best and the worst that is said of each.
    let mut repos: BTreeMap<&Repo, (Status, Status)> = BTreeMap::new();
    for repo in hub.nodes.iter().filter_map(|node| node.report.as_ref()).flat_map(|report| &report.repos) {
        let status = repo.verdict.status;
        let (best, worst) = repos.entry(&repo.repo).or_insert((status, status));
        (*best, *worst) = ((*best).min(status), (*worst).max(status));
    }
    let repos_that =
        |are: fn(Status, Status) -> bool| repos.values().filter(|(best, worst)| are(*best, *worst)).count();
    let nodes_that = |are: fn(&NodeView) -> bool| hub.nodes.iter().filter(|node| are(node)).count();
    let said = [
        (
            repos_that(|best, _| best == Status::Alarm),
            ["repo has no backup to rely on", "repos have no backup to rely on"],
        ),
        (
            repos_that(|best, worst| best < Status::Alarm && worst == Status::Alarm),
            [
                "repo has a backup to rely on, but not on every node",
                "repos have a backup to rely on, but not on every node",
            ],
        ),
        (nodes_that(NodeView::holds_nothing), ["node holds no backup at all", "nodes hold no backup at all"]),
        (
            nodes_that(|node| node.failure.is_some() && !node.is_seen_in_part()),
            ["node could not be looked at", "nodes could not be looked at"],
        ),
        (
            nodes_that(NodeView::is_seen_in_part),
            ["node could be looked at only in part", "nodes could be looked at only in part"],
        ),
        (
            nodes_that(|node| node.failure.is_none() && node.report.is_none()),
            ["node was not asked yet", "nodes were not asked yet"],
        ),
        (
            repos_that(|_, worst| worst == Status::Warn),
            ["repo wants a look within days", "repos want a look within days"],
        ),
    ];
    let parts: Vec<String> =
        said.into_iter().filter(|(n, _)| *n > 0).map(|(n, [one, many])| count(n, one, many)).collect();
    match (parts.is_empty(), repos.len()) {
        (false, _) => parts.join("; "),
        (true, _) if hub.state == State::Warn => "a node has a warning".to_owned(),
        (true, 0) => "no repos found".to_owned(),
        (true, 1) => "the one repo is within its limits".to_owned(),
        (true, all) => format!("{all} repos, all within their limits"),
    }
}

/// What is to be said of all hubs in one line.
pub(super) fn summary(overview: &Overview) -> String {
    let unwell: Vec<&str> =
        overview.hubs.iter().filter(|hub| hub.state > State::Ok).map(|hub| hub.hub.as_str()).collect();
    let all = overview.hubs.len();
    match (all, unwell.as_slice()) {
        (0, _) => "No hub is configured.".to_owned(),
        (1, []) => "The one hub is well.".to_owned(),
        (_, []) => format!("All {all} hubs are well."),
        (1, [one]) => format!("Hub {one} is not well."),
        (2, [one]) => format!("Hub {one} is not well; the other is."),
        (_, [one]) => format!("Hub {one} is not well; the other {} are.", all - 1),
        (_, few) if few.len() <= 5 => format!("Not well: hubs {} ({} of {all}).", few.join(", "), few.len()),
        (_, many) => format!("{} of {all} hubs are not well.", many.len()),
    }
}
