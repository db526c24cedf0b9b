//! The front page.

use askama::Template;
use jiff::Timestamp;

use super::problem_groups::{ProblemGroup, has_commands, problem_groups};
use super::{PageContext, address, anchor, cells};
use crate::table::{NodeView, Overview, State};

#[derive(Template)]
#[template(path = "front.html")]
struct Front<'a> {
    now: &'a Timestamp,
    telemetry_path: &'a str,
    version: &'static str,
    reload_failed_since: Option<Timestamp>,
    overview: &'a Overview,
    has_commands: bool,
    unhealthy: Vec<UnhealthyNode<'a>>,
}

/// A node that wants somebody.
struct UnhealthyNode<'a> {
    hub: &'a str,
    anchor: String,
    view: &'a NodeView,
    problem_groups: Vec<ProblemGroup>,
}

/// All hubs at a glance, worst first.
///
/// # Errors
/// None that can happen: it is written to memory.
pub fn front(context: &PageContext, overview: &Overview) -> askama::Result<String> {
    let mut unhealthy: Vec<UnhealthyNode<'_>> = Vec::new();
    for hub in &overview.hubs {
        for view in hub.nodes.iter().filter(|node| node.state > State::Ok) {
            unhealthy.push(UnhealthyNode {
                hub: &hub.hub,
                anchor: anchor(&view.node),
                view,
                problem_groups: problem_groups(view),
            });
        }
    }
    let front = Front {
        now: &context.now,
        telemetry_path: &context.telemetry_path,
        version: env!("CARGO_PKG_VERSION"),
        reload_failed_since: context.reload_failed_since,
        overview,
        has_commands: unhealthy.iter().any(|node| has_commands(&node.problem_groups)),
        unhealthy,
    };
    front.render()
}
