//! The page of one hub.

use askama::Template;
use jiff::Timestamp;

use super::debug::Debug;
use super::trouble::{self, Trouble, troubles};
use super::{Frame, Seen, address, anchor, cells, plot_of};
use crate::human::{Counted, Limit};
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
    troubles: Vec<Trouble>,
    /// The repos that are shown.
    rows: &'a [RepoView],
    /// How many are not, where there are such.
    hidden: Option<String>,
    limits: Vec<(&'a str, String)>,
    plots: Vec<Figure<'a>>,
    debug: Option<Debug<'a>>,
}

/// A plot on the page.
struct Figure<'a> {
    repo: &'a str,
    address: String,
    words: String,
}

/// One hub with its nodes, worst first. The last probes of a node are shown where `seen` holds them.
///
/// # Errors
/// None that can happen: it is written to memory.
pub fn hub(frame: &Frame, hub: &HubView, seen: &[Seen]) -> askama::Result<String> {
    let nodes = hub.nodes.iter().filter_map(|view| {
        let seen = seen.iter().find(|seen| seen.target.node == view.node)?;
        Some(node(hub, view, seen))
    });
    let page = Page {
        now: &frame.now,
        telemetry_path: &frame.telemetry_path,
        version: env!("CARGO_PKG_VERSION"),
        reload_failed_since: frame.reload_failed_since,
        hub,
        nodes: nodes.collect(),
    };
    page.render()
}

fn node<'a>(hub: &'a HubView, view: &'a NodeView, seen: &'a Seen) -> Node<'a> {
    let report = view.report.as_ref();
    let repos = report.map_or(&[] as &[RepoView], |report| &report.repos);
    let (rows, hidden) = repos.split_at(repos.len().min(MOST_ROWS));
    let figure = |repo: &'a RepoView| {
        let plot = plot_of(&seen.target, seen.report.as_deref(), &repo.repo)?;
        let address = address::of_plot(&hub.hub, &view.node, &repo.repo);
        Some(Figure { repo: &repo.repo, address, words: plot.words() })
    };
    Node {
        view,
        anchor: anchor(&view.node),
        probing: seen.probing,
        resting: seen.resting.then(|| Limit(seen.target.min_probe_interval).to_string()),
        troubles: report.map_or_else(Vec::new, |report| troubles(&seen.target, report)),
        limits: report.map_or_else(Vec::new, limits_in_force),
        plots: rows.iter().filter_map(figure).collect(),
        rows,
        hidden: (!hidden.is_empty()).then(|| Counted(hidden.len() as u64, "repo").to_string()),
        debug: seen.history.as_ref().map(|history| Debug::new(&seen.target, seen.report.as_deref(), history)),
    }
}
