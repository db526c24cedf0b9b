//! The tables for a person.
//!
//! The state is the first column of each table, in words; colour only repeats it. Columns are as wide as they need to
//! be. On a wide terminal the reasons stand beside each repo and wrap, on a narrow one they are listed below the table.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use comfy_table::{CellAlignment, ColumnConstraint, ContentArrangement, LineStyle, Table, TableStyle};
use jiff::SignedDuration;

use super::view::{HubView, NodeView, RepoView, ReportView, Round, State};
use crate::human::{Age, Bytes, Counted};
use crate::text::one_line;
use crate::verdict::{Status, Tally};

/// How the tables are to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Look {
    /// Whether there is colour.
    pub colour: bool,
    /// Columns of the terminal; `None`: as wide as need be.
    pub width: Option<u16>,
}

const HEADER: Style = Style::new().bold();
const LINES: TableStyle = TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─'));
/// Terminals narrower than this have no room for reasons beside the repos.
const ROOM_FOR_REASONS: u16 = 110;

const HUB_COLUMNS: [&str; 7] = ["status", "node", "ok", "warn", "alarm", "report", "last probe"];
const REPO_COLUMNS: [&str; 9] =
    ["status", "repo", "newest", "age", "size", "change", "held", "verified", "why"];

/// For each hub a table of its nodes, then for each of its nodes a table of its repos; the worst first everywhere.
pub fn text(round: &Round, look: Look) -> String {
    let mut out = String::new();
    for hub in &round.hubs {
        hub_table(&mut out, hub, look);
        for node in &hub.nodes {
            node_table(&mut out, hub, node, look);
        }
    }
    out
}

fn hub_table(out: &mut String, hub: &HubView, look: Look) {
    let Tally { ok, warn, alarm, .. } = hub.tally;
    let state = paint(hub.state.as_str(), style_of(hub.state), look);
    line(out, &format!("hub {} ({}): {state}, {ok} ok, {warn} warn, {alarm} alarm", hub.hub, hub.srvnode));
    for remark in [&hub.message, &hub.report_url].into_iter().flatten() {
        line(out, &format!("  {}", one_line(remark)));
    }
    let rows = hub.nodes.iter().map(|node| {
        let of = |count: fn(&ReportView) -> u64| {
            node.report.as_ref().map_or_else(String::new, |it| count(it).to_string())
        };
        [
            node.state.as_str().to_owned(),
            node.node.clone(),
            of(|report| report.tally.ok),
            of(|report| report.tally.warn),
            of(|report| report.tally.alarm),
            node.report.as_ref().map_or_else(|| "none yet".to_owned(), |report| wall_clock(&report.taken)),
            match (&node.failure, &node.report) {
                (Some(failure), _) => format!("failed: {}", failure.reason),
                (None, Some(_)) => "ok".to_owned(),
                (None, None) => "none yet".to_owned(),
            },
        ]
    });
    table(out, HUB_COLUMNS, &[2, 3, 4], &[6], rows.collect(), look);
    out.push('\n');
}

fn node_table(out: &mut String, hub: &HubView, node: &NodeView, look: Look) {
    let state = paint(node.state.as_str(), style_of(node.state), look);
    line(out, &format!("hub {}, node {} ({}): {state}", hub.hub, node.node, node.address));
    if let Some(failure) = &node.failure {
        let failed = paint("failed", style_of(State::Unseen), look);
        line(out, &format!("  last probe {failed}: {}: {}", failure.reason, one_line(&failure.message)));
        if let Some(advice) = &failure.advice {
            line(out, &format!("  to do: {}", one_line(advice)));
        }
    }
    match &node.report {
        Some(report) => report_table(out, report, look),
        None => line(out, "  no report yet"),
    }
    out.push('\n');
}

fn report_table(out: &mut String, report: &ReportView, look: Look) {
    let room = report.filesystem.as_ref().map_or_else(String::new, |room| {
        format!(", {} of {} free", Bytes(room.avail_bytes), Bytes(room.size_bytes))
    });
    line(out, &format!("  {}, {} read{room}", report.root, Counted(report.records, "tarball")));
    let (taken, age) = (wall_clock(&report.taken), ago(report.age_seconds));
    line(out, &format!("  report of {taken}, {age} ago; times are {}", report.timezone));
    if let Some(since) = &report.locked_since {
        line(out, &format!("  locked since {}", wall_clock(since)));
    }
    for note in &report.notes {
        let word = match note.status {
            Status::Ok => "note".to_owned(),
            status => paint(status.as_str(), style_of(status.into()), look),
        };
        line(out, &format!("  {word}: {}", note.text));
    }
    for reject in &report.rejects_first {
        line(out, &format!("    {reject}"));
    }
    if report.repos.is_empty() {
        line(out, "  no repos found");
        return;
    }
    if look.width.is_none_or(|width| width >= ROOM_FOR_REASONS) {
        table(out, REPO_COLUMNS, &[3, 4, 5, 6], &[1, 8], report.repos.iter().map(repo_row).collect(), look);
    } else {
        let [columns @ .., _] = REPO_COLUMNS;
        let without_reasons = |repo| {
            let [cells @ .., _] = repo_row(repo);
            cells
        };
        table(out, columns, &[3, 4, 5, 6], &[1], report.repos.iter().map(without_reasons).collect(), look);
        for repo in &report.repos {
            let status = paint(repo.status.as_str(), style_of(repo.status.into()), look);
            for why in reasons(repo) {
                line(out, &format!("  {status}: {}: {why}", repo.repo));
            }
        }
    }
    for (limits, repos) in limits_in_force(report) {
        line(out, &format!("  limits{repos}: {limits}"));
    }
}

fn repo_row(repo: &RepoView) -> [String; 9] {
    let newest =
        |of: &dyn Fn(&super::TarballView) -> String| repo.newest.as_ref().map_or_else(String::new, of);
    [
        repo.status.to_string(),
        repo.repo.clone(),
        newest(&|tarball| wall_clock(&tarball.made)),
        newest(&|tarball| ago(tarball.age_seconds)),
        newest(&|tarball| Bytes(tarball.size_bytes).to_string()),
        repo.size_ratio.map_or_else(String::new, |ratio| format!("{:+.1}%", (ratio - 1.0) * 100.0)),
        repo.held.map_or_else(|| "?".to_owned(), |held| held.to_string()),
        repo.verified.map_or("", |verified| if verified { "yes" } else { "no" }).to_owned(),
        reasons(repo).join("; "),
    ]
}

/// What is said of a repo, worst first.
pub(crate) fn reasons(repo: &RepoView) -> Vec<&str> {
    let transfer = repo.in_transfer.then_some("newest is in transfer");
    repo.why.iter().map(|reason| reason.text.as_str()).chain(transfer).collect()
}

/// The limits in force, those of most repos first, each with the repos that they are for where there are several.
pub(crate) fn limits_in_force(report: &ReportView) -> Vec<(&str, String)> {
    let mut groups: Vec<(&str, Vec<&str>)> = Vec::new();
    for repo in &report.repos {
        match groups.iter_mut().find(|(limits, _)| *limits == repo.limits.text) {
            Some((_, repos)) => repos.push(&repo.repo),
            None => groups.push((&repo.limits.text, vec![&repo.repo])),
        }
    }
    groups.sort_by_key(|(_, repos)| std::cmp::Reverse(repos.len()));
    let named = |(at, (limits, repos)): (usize, (_, Vec<&str>))| match at {
        0 => (limits, String::new()),
        _ => (limits, format!(" of {}", repos.join(", "))),
    };
    groups.into_iter().enumerate().map(named).collect()
}

/// Appends a table whose first column is a state.
fn table<const N: usize>(
    out: &mut String,
    header: [&str; N],
    right: &[usize],
    wrapping: &[usize],
    rows: Vec<[String; N]>,
    look: Look,
) {
    let mut table = Table::new();
    table
        .load_style(LINES)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_header(header)
        .add_rows(rows);
    if let Some(width) = look.width {
        table.set_width(width);
    }
    for (at, column) in table.column_iter_mut().enumerate() {
        column.set_padding((u16::from(at == 0), 1));
        if right.contains(&at) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        if !wrapping.contains(&at) {
            column.set_constraint(ColumnConstraint::ContentWidth);
        }
    }
    for row in table.lines() {
        let row = row.trim_end();
        // A row that wraps has blanks here from its second line on.
        let word = row.strip_prefix(' ').and_then(|rest| rest.split(' ').next()).unwrap_or_default();
        let style = match word {
            "ok" => style_of(State::Ok),
            "warn" => style_of(State::Warn),
            "unseen" => style_of(State::Unseen),
            "alarm" => style_of(State::Alarm),
            word if word == header[0] => HEADER,
            _ => Style::new(),
        };
        let painted = if style == HEADER { row } else { word };
        line(out, &row.replacen(painted, &paint(painted, style, look), usize::from(!painted.is_empty())));
    }
}

fn style_of(state: State) -> Style {
    let colour = |colour: AnsiColor| colour.on_default();
    match state {
        State::Ok => colour(AnsiColor::Green),
        State::Warn => colour(AnsiColor::Yellow),
        State::Unseen => colour(AnsiColor::Magenta).bold(),
        State::Alarm => colour(AnsiColor::Red).bold(),
    }
}

fn paint(text: &str, style: Style, look: Look) -> String {
    if look.colour { format!("{style}{text}{style:#}") } else { text.to_owned() }
}

fn line(out: &mut String, text: &str) {
    // Writing to a String cannot fail.
    let _ = writeln!(out, "{text}");
}

/// A time to the minute, without its offset, which the table's head gives once.
pub(crate) fn wall_clock(rfc3339: &str) -> String {
    rfc3339.get(..16).unwrap_or(rfc3339).replace('T', " ")
}

/// An age in words.
pub(crate) fn ago(seconds: f64) -> String {
    Age(SignedDuration::try_from_secs_f64(seconds).unwrap_or_default()).to_string()
}
