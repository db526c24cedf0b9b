//! The tables for a person.
//!
//! The state is the first column of each table, in words; colour only repeats it. Columns are as wide as they need to
//! be. On a wide terminal the reasons stand beside each repo and wrap, on a narrow one they are listed below the table.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use comfy_table::{CellAlignment, ColumnConstraint, ContentArrangement, LineStyle, Table, TableStyle};

use super::limits_in_force;
use super::view::{HubView, NodeView, Overview, RepoView, ReportView, State};
use crate::human::{Age, Bytes, Change, Counted};
use crate::text::one_line;
use crate::verdict::{Status, Tally};

/// What the terminal can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Terminal {
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
pub fn text(overview: &Overview, terminal: Terminal) -> String {
    let mut out = String::new();
    for hub in &overview.hubs {
        hub_table(&mut out, hub, terminal);
        for node in &hub.nodes {
            node_table(&mut out, hub, node, terminal);
        }
    }
    out
}

fn hub_table(out: &mut String, hub: &HubView, terminal: Terminal) {
    let Tally { ok, warn, alarm, .. } = hub.tally;
    let state = paint(hub.state.as_str(), style_of(hub.state), terminal);
    line(out, &format!("hub {} ({}): {state}, {ok} ok, {warn} warn, {alarm} alarm", hub.hub, hub.srvnode));
    for remark in [&hub.message, &hub.report_url].into_iter().flatten() {
        line(out, &format!("  {}", one_line(remark)));
    }
    let rows = hub.nodes.iter().map(|node| {
        let of = |count: fn(&ReportView) -> u64| {
            node.report.as_ref().map_or_else(String::new, |it| count(it).to_string())
        };
        let cells = [
            node.state.as_str().to_owned(),
            node.node.clone(),
            of(|report| report.tally.ok),
            of(|report| report.tally.warn),
            of(|report| report.tally.alarm),
            node.report.as_ref().map_or_else(|| "none yet".to_owned(), |report| report.taken.wall_clock()),
            match (&node.failure, &node.report) {
                (Some(failure), _) => format!("failed: {}", failure.reason),
                (None, Some(_)) => "ok".to_owned(),
                (None, None) => "none yet".to_owned(),
            },
        ];
        (node.state, cells)
    });
    table(out, HUB_COLUMNS, &[2, 3, 4], &[6], rows.collect(), terminal);
    out.push('\n');
}

fn node_table(out: &mut String, hub: &HubView, node: &NodeView, terminal: Terminal) {
    let state = paint(node.state.as_str(), style_of(node.state), terminal);
    line(out, &format!("hub {}, node {} ({}): {state}", hub.hub, node.node, node.address));
    if let Some(failure) = &node.failure {
        let failed = paint("failed", style_of(State::Unseen), terminal);
        line(out, &format!("  last probe {failed}: {}: {}", failure.reason, one_line(&failure.message)));
        if let Some(advice) = &failure.advice {
            line(out, &format!("  to do: {}", one_line(advice)));
        }
    }
    match &node.report {
        Some(report) => report_table(out, report, terminal),
        None => line(out, "  no report yet"),
    }
    out.push('\n');
}

fn report_table(out: &mut String, report: &ReportView, terminal: Terminal) {
    let room = report.filesystem.as_ref().map_or_else(String::new, |room| {
        format!(", {} of {} free", Bytes(room.avail_bytes), Bytes(room.size_bytes))
    });
    line(out, &format!("  {}, {} read{room}", report.root, Counted(report.records, "tarball")));
    let (taken, age) = (report.taken.wall_clock(), Age(report.age));
    line(out, &format!("  report of {taken}, {age} ago; times are {}", report.timezone));
    if let Some(since) = &report.locked_since {
        line(out, &format!("  locked since {}", since.wall_clock()));
    }
    for note in &report.notes {
        let word = match note.status() {
            Status::Ok => "note".to_owned(),
            status => paint(status.as_str(), style_of(status.into()), terminal),
        };
        line(out, &format!("  {word}: {note}"));
    }
    for reject in &report.rejects_first {
        line(out, &format!("    {reject}"));
    }
    if report.repos.is_empty() {
        line(out, "  no repos found");
        return;
    }
    if terminal.width.is_none_or(|width| width >= ROOM_FOR_REASONS) {
        table(
            out,
            REPO_COLUMNS,
            &[3, 4, 5, 6],
            &[1, 8],
            report.repos.iter().map(repo_row).collect(),
            terminal,
        );
    } else {
        let [columns @ .., _] = REPO_COLUMNS;
        let without_reasons = |repo| {
            let (state, [cells @ .., _]) = repo_row(repo);
            (state, cells)
        };
        table(
            out,
            columns,
            &[3, 4, 5, 6],
            &[1],
            report.repos.iter().map(without_reasons).collect(),
            terminal,
        );
        for repo in &report.repos {
            let status = repo.verdict.status;
            let status = paint(status.as_str(), style_of(status.into()), terminal);
            for why in repo.verdict.words() {
                line(out, &format!("  {status}: {}: {why}", repo.repo));
            }
        }
    }
    for (limits, repos) in limits_in_force(report) {
        line(out, &format!("  limits{repos}: {limits}"));
    }
}

fn repo_row(repo: &RepoView) -> (State, [String; 9]) {
    let newest =
        |of: &dyn Fn(&super::TarballView) -> String| repo.newest.as_ref().map_or_else(String::new, of);
    let status = repo.verdict.status;
    let cells = [
        status.to_string(),
        repo.repo.to_string(),
        newest(&|tarball| tarball.made.wall_clock()),
        newest(&|tarball| Age(tarball.age).to_string()),
        newest(&|tarball| Bytes(tarball.size_bytes).to_string()),
        repo.size_ratio.map_or_else(String::new, |ratio| Change(ratio).to_string()),
        repo.held.map_or_else(|| "?".to_owned(), |held| held.to_string()),
        repo.verified.map_or("", |verified| if verified { "yes" } else { "no" }).to_owned(),
        repo.verdict.words().join("; "),
    ];
    (status.into(), cells)
}

/// Appends a table whose first column is a state.
fn table<const N: usize>(
    out: &mut String,
    header: [&str; N],
    right: &[usize],
    wrapping: &[usize],
    rows: Vec<(State, [String; N])>,
    terminal: Terminal,
) {
    let (states, rows): (Vec<State>, Vec<[String; N]>) = rows.into_iter().unzip();
    let mut table = Table::new();
    table
        .load_style(LINES)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_header(header)
        .add_rows(rows);
    if let Some(width) = terminal.width {
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
    let mut states = states.into_iter();
    for (at, row) in table.lines().enumerate() {
        let row = row.trim_end();
        // A row that wraps has blanks in its first column from its second line on.
        let begins_row = row.starts_with(' ') && !row.starts_with("  ");
        let state = if at > 0 && begins_row { states.next() } else { None };
        let (painted, style) = match state {
            Some(state) => (state.as_str(), style_of(state)),
            None if at == 0 => (row, HEADER),
            None => ("", Style::new()),
        };
        line(out, &row.replacen(painted, &paint(painted, style, terminal), usize::from(!painted.is_empty())));
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

fn paint(text: &str, style: Style, terminal: Terminal) -> String {
    if terminal.colour { format!("{style}{text}{style:#}") } else { text.to_owned() }
}

fn line(out: &mut String, text: &str) {
    // Writing to a String cannot fail.
    let _ = writeln!(out, "{text}");
}
