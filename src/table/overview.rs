//! From what a prober knows to what tables and pages show.

use jiff::Timestamp;

use super::view::{FailureView, HubView, NodeView, Overview};
use crate::advice;
use crate::probe::{Snapshot, TargetState};

/// The overview of a snapshot, judged at a time; hubs without a target are left out.
pub fn overview(snapshot: &Snapshot, now: Timestamp) -> Overview {
    let node = |known: &TargetState| NodeView::new(known.clone(), failure(known), now);
    let hubs = snapshot.hubs().filter(|(_, target_states)| !target_states.is_empty());
    Overview::new(
        hubs.map(|(hub, target_states)| HubView::new(hub, target_states.iter().map(node).collect()))
            .collect(),
    )
}

/// Why the last probe failed, if it did, and what to do about it.
fn failure(known: &TargetState) -> Option<FailureView> {
    let failure = known.last.as_ref()?.failure.as_ref()?;
    Some(FailureView {
        reason: failure.reason(),
        message: failure.to_string(),
        advice: Some(advice::of_cause(failure, &known.target)),
    })
}
