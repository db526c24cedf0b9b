//! From what a prober knows to what tables and pages show.

use jiff::Timestamp;

use super::view::{FailureView, HubView, NodeView, Overview};
use crate::advice;
use crate::inventory::Inventory;
use crate::probe::TargetState;
use crate::verdict;

/// The overview of these targets, judged at a time; hubs without a target are left out.
pub fn overview(inventory: &Inventory, target_states: &[TargetState], now: Timestamp) -> Overview {
    let node = |target_state: &TargetState| {
        let report = target_state.report.as_deref();
        let verdict = report.map(|report| verdict::judge(&target_state.target, report, now));
        let failure =
            target_state.last.as_ref().and_then(|last| last.failure.as_ref()).map(|failure| FailureView {
                reason: failure.reason(),
                message: failure.to_string(),
                advice: Some(advice::of_cause(failure, &target_state.target)),
            });
        NodeView::new(&target_state.target, report.zip(verdict.as_ref()), failure, now)
    };
    let hub = |name: &String| {
        let nodes: Vec<_> =
            target_states.iter().filter(|overview| overview.target.hub == *name).map(node).collect();
        (!nodes.is_empty()).then_some(nodes)
    };
    let views =
        inventory.hubs.iter().filter_map(|(name, configured)| Some(HubView::new(configured, hub(name)?)));
    Overview::new(views.collect())
}
