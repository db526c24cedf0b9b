//! The page of one hub.

use askama::Template;
use jiff::Timestamp;

use super::debug::Debug;
use super::problem_groups::{self, ProblemGroup, problem_groups};
use super::{PageContext, address, anchor, cells, plot_of};
use crate::human::{Counted, Limit};
use crate::probe::TargetState;
use crate::table::{HubView, NodeView, RepoView, limits_in_force};

/// How many repos of a node have a row and a plot, the worst first: a node can invent thousands.
const MOST_ROWS: usize = 500;

#[derive(Template)]
#[template(path = "hub.html")]
struct Page<'a> {
    now: &'a Timestamp,
    telemetry_path: &'a str,
    version: &'static str,
    reload_failed_since: Option<Timestamp>,
    hub: &'a HubView,
    nodes: Vec<Node<'a>>,
}

struct Node<'a> {
    view: &'a NodeView,
    anchor: String,
    probing: bool,
    /// `min_probe_interval`, while it holds.
    resting: Option<String>,
    problem_groups: Vec<ProblemGroup>,
    /// The repos that are shown.
    rows: &'a [RepoView],
    /// How many are not, where there are such.
    hidden: Option<String>,
    limits: Vec<(String, String)>,
    plots: Vec<Figure<'a>>,
    debug: Option<Debug<'a>>,
}

/// A plot on the page.
struct Figure<'a> {
    repo: &'a str,
    address: String,
    words: String,
}

/// One hub with its nodes, worst first; with `debug` the last probes of each too.
///
/// # Errors
/// None that can happen: it is written to memory.
pub fn hub(context: &PageContext, hub: &HubView, debug: bool) -> askama::Result<String> {
    let page = Page {
        now: &context.now,
        telemetry_path: &context.telemetry_path,
        version: env!("CARGO_PKG_VERSION"),
        reload_failed_since: context.reload_failed_since,
        hub,
        nodes: hub.nodes.iter().map(|view| node(context, hub, view, debug)).collect(),
    };
    page.render()
}

fn node<'a>(context: &PageContext, hub: &'a HubView, view: &'a NodeView, debug: bool) -> Node<'a> {
    let TargetState { target, report: known, is_probing, .. } = &view.known;
    let interval = target.min_probe_interval;
    let is_resting = known.as_ref().is_some_and(|report| report.is_younger_than(interval, context.now));
    let report = view.report.as_ref();
    let repos = report.map_or(&[] as &[RepoView], |report| &report.repos);
    let (rows, hidden) = repos.split_at(repos.len().min(MOST_ROWS));
    let figure = |repo: &'a RepoView| {
        let plot = plot_of(target, known.as_deref(), &repo.repo)?;
        let address = address::of_plot(&hub.hub, &view.node, repo.repo.as_str());
        Some(Figure { repo: repo.repo.as_str(), address, words: plot.words() })
    };
    Node {
        view,
        anchor: anchor(&view.node),
        probing: *is_probing,
        resting: is_resting.then(|| Limit(interval).to_string()),
        problem_groups: problem_groups(view),
        limits: report.map_or_else(Vec::new, limits_in_force),
        plots: rows.iter().filter_map(figure).collect(),
        rows,
        hidden: (!hidden.is_empty()).then(|| Counted(hidden.len() as u64, "repo").to_string()),
        debug: debug.then(|| Debug::new(&view.known)),
    }
}
