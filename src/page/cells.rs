//! Values as they stand in the pages. Times come in as RFC 3339 in the hub's zone.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::human::Bytes;
use crate::table::{HubView, NodeView, RepoView, Round, State};

pub(super) use crate::table::{reasons, wall_clock};

/// An age in seconds, in words.
pub(super) fn ago(seconds: &f64) -> String {
    crate::table::ago(*seconds)
}

/// The same time in UTC, to the minute.
pub(super) fn utc(rfc3339: &str) -> String {
    rfc3339.parse::<Timestamp>().map_or_else(|_| String::new(), |at| minute(at) + " UTC")
}

/// A time in UTC, to the minute, without saying so.
fn minute(at: Timestamp) -> String {
    at.to_zoned(TimeZone::UTC).strftime("%Y-%m-%d %H:%M").to_string()
}

/// A time in UTC, to the second.
pub(super) fn second(at: &Timestamp) -> String {
    at.to_zoned(TimeZone::UTC).strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

pub(super) fn bytes(count: &u64) -> String {
    Bytes(*count).to_string()
}

pub(super) fn change(repo: &RepoView) -> String {
    repo.size_ratio.map_or_else(String::new, |ratio| format!("{:+.1} %", (ratio - 1.0) * 100.0))
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

fn count(number: u64, one: &str, many: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{number} {many}") }
}

/// What is to be said of a hub in one line.
pub(super) fn conclusion(hub: &HubView) -> String {
    let tally = &hub.tally;
    let unseen =
        hub.nodes.iter().filter(|node| node.failure.is_some() || node.report.is_none()).count() as u64;
    let repos = tally.ok + tally.warn + tally.alarm;
    let mut parts = Vec::new();
    if tally.alarm > 0 {
        parts.push(format!("{} no backup to rely on", count(tally.alarm, "repo has", "repos have")));
    }
    if unseen > 0 {
        parts.push(format!("{} not be looked at", count(unseen, "node could", "nodes could")));
    }
    if tally.warn > 0 {
        parts.push(format!("{} a look within days", count(tally.warn, "repo wants", "repos want")));
    }
    if parts.is_empty() && hub.state == State::Warn {
        parts.push("a node has a warning".to_owned());
    }
    match (parts.is_empty(), repos) {
        (true, 0) => "no repos found".to_owned(),
        (true, 1) => "the one repo is within its limits".to_owned(),
        (true, _) => format!("{repos} repos, all within their limits"),
        (false, _) => parts.join("; "),
    }
}

/// What is to be said of all hubs in one line.
pub(super) fn summary(round: &Round) -> String {
    let unwell: Vec<&str> =
        round.hubs.iter().filter(|hub| hub.state > State::Ok).map(|hub| hub.hub.as_str()).collect();
    let all = round.hubs.len();
    match (all, unwell.as_slice()) {
        (0, _) => "No hub is configured.".to_owned(),
        (1, []) => "The one hub is well.".to_owned(),
        (_, []) => format!("All {all} hubs are well."),
        (1, [one]) => format!("Hub {one} is not well."),
        (_, [one]) => format!("Hub {one} is not well; the other {} are.", all - 1),
        (_, few) if few.len() <= 5 => format!("Not well: hubs {} ({} of {all}).", few.join(", "), few.len()),
        (_, many) => format!("{} of {all} hubs are not well.", many.len()),
    }
}
