//! What is said to be an alarm, against the rules; and the bounds that are told.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::SignedDuration;
use scm_backup_exporter::listing::Parser;
use scm_backup_exporter::verdict::{NodeProblem, RepoProblem};

use crate::page::{assert_same, section, table};

const AGE: SignedDuration = SignedDuration::ZERO;
const LIMIT: Duration = Duration::ZERO;

/// The row that tells of a concern. A new one does not compile until it has a row.
fn row_of(concern: &RepoProblem) -> &'static str {
    match concern {
        RepoProblem::Missing => "expected, and none is held",
        RepoProblem::NotSeen { .. } => "expected and not seen, but not all could be read",
        RepoProblem::TooOld { .. } => "the newest is older than `max_age`",
        RepoProblem::Empty => "the newest is empty *",
        RepoProblem::NoSidecar => "the newest has no sidecar, while others of the repo have one *",
        RepoProblem::Contradicted { .. } => "the newest has not the size that its sidecar gives *",
        RepoProblem::Garbled => "the newest has a sidecar that cannot be understood *",
        RepoProblem::Shrunk { .. } => {
            "the newest over the largest of the three before it is less than `min_size_ratio` *"
        }
        RepoProblem::TooFew { .. } => "fewer are held than `min_tarballs`",
        RepoProblem::TooMany { .. } => "more are held than `max_tarballs`",
        RepoProblem::Future { .. } => "the newest is stamped more than an hour in the future",
    }
}

fn row_of_note(note: &NodeProblem) -> &'static str {
    match note {
        NodeProblem::NoTarballs => "no tarball is held, and no repo is expected",
        NodeProblem::Inflated { .. } => {
            "there are more repos, or longer names, than are told apart: see [limits](#limits)"
        }
        NodeProblem::StaleLock { .. } => {
            "`LOCKED` has stood for longer than that: a transfer hangs, or was cut"
        }
        NodeProblem::FutureLock { .. } => "`LOCKED` is dated more than an hour in the future",
        NodeProblem::Incomplete { .. } => "directories or files could not be read",
        NodeProblem::ZoneShift { .. } => {
            "stamps and the files' own times disagree by the same whole hours: `timezone` is missing or wrong"
        }
        NodeProblem::ClockOff { .. } => "the node's clock is more than a minute off ours",
        NodeProblem::Rejects { .. } => "names do not fit the layout",
    }
}

fn shrunk(verified: bool) -> RepoProblem {
    RepoProblem::Shrunk { size: 1, previous: 2, limit: 0.8, verified }
}

/// The rows of a table by their first cell, each with the word that its second begins with.
fn documented(first: &str) -> BTreeSet<(String, String)> {
    let rows = table(section("What is an alarm"), first);
    let status = |cell: &str| cell.split([',', ';']).next().unwrap_or_default().to_owned();
    rows.iter().map(|row| (row[0].clone(), status(&row[1]))).collect()
}

#[test]
fn table_of_concerns_gives_their_statuses() {
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
    let real = real.iter().map(|concern| (row_of(concern).to_owned(), concern.status().to_string()));
    assert_same(&documented("what is the matter with a repo"), &real.collect());
    assert_eq!(shrunk(true).status().as_str(), "warn");
    let rows: BTreeMap<_, _> = table(section("What is an alarm"), "what is the matter with a repo")
        .into_iter()
        .map(|row| (row[0].clone(), row[1].clone()))
        .collect();
    assert!(rows[row_of(&shrunk(true))].starts_with("alarm; warn where its sidecar"));
}

#[test]
fn table_of_notes_gives_their_statuses() {
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
    let real = real.iter().map(|note| (row_of_note(note).to_owned(), note.status().to_string()));
    assert_same(&documented("what is the matter with a target"), &real.collect());
}

#[test]
fn bounds_are_those_of_the_parser() {
    let rows = table(section("Limits"), "what");
    let of = |what: &str| rows.iter().find(|row| row[0].starts_with(what)).unwrap()[1].clone();
    assert_eq!(of("one line"), format!("{} KiB", Parser::MAX_LINE / 1024));
    assert_eq!(of("noise"), format!("{} MiB", Parser::MAX_NOISE / 1024 / 1024));
}
