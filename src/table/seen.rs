//! From what a prober knows to what tables and pages show.

use jiff::Timestamp;

use super::view::{Failure, HubView, NodeView, Round};
use crate::advice;
use crate::inventory::Inventory;
use crate::probe::Sighting;
use crate::verdict;

/// The round of these sightings, judged at a time; hubs without a sighting are left out.
pub fn seen(inventory: &Inventory, sightings: &[Sighting], now: Timestamp) -> Round {
    let node = |sighting: &Sighting| {
        let report = sighting.report.as_deref();
        let verdict = report.map(|report| verdict::judge(&sighting.target, report, now));
        let failure = sighting.last.as_ref().and_then(|last| last.failure.as_ref()).map(|failure| Failure {
            reason: failure.reason(),
            message: failure.to_string(),
            advice: Some(advice::of_cause(failure, &sighting.target)),
        });
        NodeView::new(&sighting.target, report.zip(verdict.as_ref()), failure, now)
    };
    let hub = |name: &String| {
        let nodes: Vec<_> = sightings.iter().filter(|seen| seen.target.hub == *name).map(node).collect();
        (!nodes.is_empty()).then_some(nodes)
    };
    let views =
        inventory.hubs.iter().filter_map(|(name, configured)| Some(HubView::new(configured, hub(name)?)));
    Round::new(views.collect())
}
