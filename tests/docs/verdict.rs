//! What is said to be an alarm, against the rules; and the bounds that are told.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::SignedDuration;
use scm_backup_exporter::listing::Parser;
use scm_backup_exporter::verdict::{NodeProblem, RepoProblem};

use crate::page::{CONFIGURATION, METRICS, assert_same, table};

const AGE: SignedDuration = SignedDuration::ZERO;
const LIMIT: Duration = Duration::ZERO;

/// The row that tells of a problem. A new one does not compile until it has a row.
fn row_of(problem: &RepoProblem) -> &'static str {
    match problem {
        RepoProblem::Missing => "it is expected, and has no tarball",
        RepoProblem::NotSeen { .. } => {
            "it is expected and was not found, but parts of the tree could not be read"
        }
        RepoProblem::TooOld { .. } => "the newest tarball is older than `max_age`",
        RepoProblem::Empty => "the newest tarball is empty *",
        RepoProblem::NoSidecar => "the newest tarball has no sidecar, but others of the repo have one *",
        RepoProblem::Contradicted { .. } => "the newest tarball has another size than its sidecar gives *",
        RepoProblem::Garbled => "the newest tarball has a sidecar that cannot be parsed *",
        RepoProblem::Shrunk { .. } => {
            "the newest tarball is smaller than `min_size_ratio` times the largest of the three before it *"
        }
        RepoProblem::TooFew { .. } => "it has fewer tarballs than `min_tarballs`",
        RepoProblem::TooMany { .. } => "it has more tarballs than `max_tarballs`",
        RepoProblem::Future { .. } => "the newest tarball is stamped more than an hour in the future",
    }
}

fn row_of_node_problem(problem: &NodeProblem) -> &'static str {
    match problem {
        NodeProblem::NoTarballs => "it has no tarball, and no repo is expected",
        NodeProblem::Inflated { .. } => {
            "it has more repos, or longer names, than the [limits](configuration.md#limits-of-the-exporter) allow"
        }
        NodeProblem::StaleLock { .. } => {
            "`LOCKED` has existed for longer than a transfer may take (see above): a transfer hangs, or was interrupted"
        }
        NodeProblem::FutureLock { .. } => "`LOCKED` is dated more than an hour in the future",
        NodeProblem::Incomplete { .. } => "directories or files could not be read",
        NodeProblem::ZoneShift { .. } => {
            "the stamps differ from the files' own times by the same number of whole hours: `timezone` is missing or wrong"
        }
        NodeProblem::ClockOff { .. } => "the node's clock is more than a minute off the exporter's",
        NodeProblem::Rejects { .. } => "names do not fit the layout",
    }
}

fn shrunk(verified: bool) -> RepoProblem {
    RepoProblem::Shrunk { size: 1, previous: 2, limit: 0.8, verified }
}

/// The rows of a table by their first cell, each with the word that its second begins with.
fn documented(first: &str) -> BTreeSet<(String, String)> {
    let rows = table(METRICS.section("Status"), first);
    let status = |cell: &str| cell.split([',', ';']).next().unwrap_or_default().to_owned();
    rows.iter().map(|row| (row[0].clone(), status(&row[1]))).collect()
}

#[test]
fn table_of_repo_problems_gives_their_statuses() {
    let real = [
        RepoProblem::Missing,
        RepoProblem::NotSeen { unreadable: 1 },
        RepoProblem::TooOld { age: AGE, limit: LIMIT },
        RepoProblem::Empty,
        RepoProblem::NoSidecar,
        RepoProblem::Contradicted { size: 1, says: 2 },
        RepoProblem::Garbled,
        shrunk(false),
        RepoProblem::TooFew { held: 1, wanted: 2 },
        RepoProblem::TooMany { held: 2, wanted: 1 },
        RepoProblem::Future { by: AGE },
    ];
    let real = real.iter().map(|problem| (row_of(problem).to_owned(), problem.status().to_string()));
    assert_same(&documented("problem of a repo"), &real.collect());
    assert_eq!(shrunk(true).status().as_str(), "warn");
    let rows: BTreeMap<_, _> = table(METRICS.section("Status"), "problem of a repo")
        .into_iter()
        .map(|row| (row[0].clone(), row[1].clone()))
        .collect();
    assert!(rows[row_of(&shrunk(true))].starts_with("alarm; warn if its sidecar"));
}

#[test]
fn table_of_node_problems_gives_their_statuses() {
    let real = [
        NodeProblem::NoTarballs,
        NodeProblem::Inflated { surplus: 1 },
        NodeProblem::StaleLock { age: AGE },
        NodeProblem::FutureLock { by: AGE },
        NodeProblem::Incomplete { unreadable: 1 },
        NodeProblem::ZoneShift { hours: 1 },
        NodeProblem::ClockOff { offset: AGE },
        NodeProblem::Rejects { count: 1 },
    ];
    let real =
        real.iter().map(|problem| (row_of_node_problem(problem).to_owned(), problem.status().to_string()));
    assert_same(&documented("problem of a target"), &real.collect());
}

#[test]
fn bounds_are_those_of_the_parser() {
    let rows = table(CONFIGURATION.section("Limits of the exporter"), "what");
    let of = |what: &str| rows.iter().find(|row| row[0].starts_with(what)).unwrap()[1].clone();
    assert_eq!(of("one line"), format!("{} KiB", Parser::MAX_LINE / 1024));
    assert_eq!(of("noise"), format!("{} MiB", Parser::MAX_NOISE / 1024 / 1024));
}
