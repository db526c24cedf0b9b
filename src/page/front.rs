//! The front page.

use askama::Template;
use jiff::Timestamp;

use super::trouble::{Trouble, has_commands, troubles};
use super::{Frame, Seen, address, anchor, cells};
use crate::table::{NodeView, Round, State};

#[derive(Template)]
#[template(path = "front.html")]
struct Front<'a> {
    now: &'a Timestamp,
    telemetry_path: &'a str,
    version: &'static str,
    reload_failed_since: Option<Timestamp>,
    round: &'a Round,
    has_commands: bool,
    unwell: Vec<Unwell<'a>>,
}

/// A node that wants somebody.
struct Unwell<'a> {
    hub: &'a str,
    anchor: String,
    view: &'a NodeView,
    troubles: Vec<Trouble>,
}

/// All hubs at a glance, worst first; `seen` holds what is known of their nodes.
///
/// # Errors
/// None that can happen: it is written to memory.
pub fn front(frame: &Frame, round: &Round, seen: &[Seen]) -> askama::Result<String> {
    let mut unwell: Vec<Unwell<'_>> = Vec::new();
    for hub in &round.hubs {
        for view in hub.nodes.iter().filter(|node| node.state > State::Ok) {
            let known =
                seen.iter().find(|seen| (&seen.target.hub, &seen.target.node) == (&hub.hub, &view.node));
            let troubles = known
                .zip(view.report.as_ref())
                .map_or_else(Vec::new, |(seen, report)| troubles(&seen.target, report));
            unwell.push(Unwell { hub: &hub.hub, anchor: anchor(&view.node), view, troubles });
        }
    }
    let front = Front {
        now: &frame.now,
        telemetry_path: &frame.telemetry_path,
        version: env!("CARGO_PKG_VERSION"),
        reload_failed_since: frame.reload_failed_since,
        round,
        has_commands: unwell.iter().any(|node| has_commands(&node.troubles)),
        unwell,
    };
    front.render()
}
