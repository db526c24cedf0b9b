//! Pages for a person with a browser: all hubs at a glance, one hub with its nodes, and plots.
//!
//! Pure, as `table` is, whose views they show: pages and tables say the same. Everything is in the program, nothing is
//! fetched from elsewhere, and no script is needed. The only place that knows `askama`.

pub mod address;
mod cells;
mod debug;
mod front;
mod hub;
pub mod plot;
mod problem_groups;
#[cfg(test)]
mod tests;

use crate::inventory::{Repo, Target};
use crate::report::Report;

pub use front::front;
pub use hub::hub;

/// The style sheet of all pages.
pub const STYLE: &str = include_str!("templates/style.css");

/// The small picture in a browser's tab.
pub const ICON: &str = include_str!("templates/icon.svg");

/// What shows times in the reader's own zone. The pages are whole without it.
pub const READER: &str = include_str!("templates/reader.js");

/// What stands on every page.
#[derive(Debug, Clone)]
pub struct PageContext {
    /// The time at which everything on it is judged.
    pub now: jiff::Timestamp,
    /// Where the metrics are.
    pub telemetry_path: String,
    /// Since when loading the configuration fails, so that an older one is in force; `None` while it does not.
    pub reload_failed_since: Option<jiff::Timestamp>,
}

/// Where a node's section begins.
pub(crate) fn anchor(node: &str) -> String {
    // An id holds no blanks; a node's name holds none either.
    format!("node-{node}")
}

/// The plot of a repo of a target; `None` where there is nothing to be plotted, ever: it is neither held nor expected.
pub fn plot_of(target: &Target, report: Option<&Report>, repo: &Repo) -> Option<plot::Plot> {
    let found = report.and_then(|report| report.repos.get(repo));
    if found.is_none() && !target.expects(repo) {
        return None;
    }
    let on_the_wall =
        |report: &Report| report.taken.as_second() + i64::from(report.zone.to_offset(report.taken).seconds());
    let zone = report.map_or_else(String::new, |report| crate::table::zone_name(&report.zone, report.taken));
    Some(plot::Plot {
        title: format!("hub {}, node {}: {repo}", target.hub, target.node),
        points: found
            .map(|found| found.points.iter().map(|point| (point.made(), point.size)).collect())
            .unwrap_or_default(),
        until: report.map(on_the_wall),
        zone,
    })
}
