//! Everything that one request needs to know of the targets, taken at once.

use std::sync::Arc;

use super::{History, ProbeResult, Scope};
use crate::inventory::{Hub, Inventory, Target};
use crate::report::Report;

/// What is known of the targets in scope. The inventory is shared, not copied.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    /// The inventory that the targets are from.
    pub inventory: Arc<Inventory>,
    /// Which of its targets are meant.
    pub scope: Scope,
    /// What is known of each of them, sorted by hub and node.
    pub target_states: Vec<TargetState>,
}

impl Snapshot {
    /// The hubs in scope, sorted by name, each with its targets in scope.
    pub fn hubs(&self) -> impl Iterator<Item = (&Hub, &[TargetState])> {
        let mut rest = self.target_states.as_slice();
        self.inventory.hubs.values().filter(|hub| self.scope.holds(&hub.name)).map(move |hub| {
            // Both are sorted by hub.
            let end = rest.partition_point(|target_state| target_state.target.hub <= hub.name);
            let (of_hub, others) = rest.split_at(end);
            rest = others;
            (hub, of_hub)
        })
    }
}

/// What is known of a target, all from the same moment.
#[derive(Debug, Clone)]
pub struct TargetState {
    /// The target.
    pub target: Arc<Target>,
    /// The last report; `None` before the first success.
    pub report: Option<Arc<Report>>,
    /// The last probe that ended; `None` before the first.
    pub last: Option<ProbeResult>,
    /// The last probes; the last of them is `last`.
    pub history: Arc<History>,
    /// Whether a probe is in flight.
    pub is_probing: bool,
}

impl TargetState {
    /// A target of which nothing is known yet.
    pub fn new(target: Arc<Target>) -> Self {
        Self { target, report: None, last: None, history: Arc::default(), is_probing: false }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::probe::Prober;
    use crate::probe::runtime_dir::RuntimeDir;
    use crate::report::samples::target;

    fn hub(name: &str, nodes: &[&str]) -> Hub {
        let of_hub = |node: &&str| {
            let target = Target { hub: name.into(), node: (*node).into(), ..target() };
            ((*node).to_owned(), Arc::new(target))
        };
        Hub {
            name: name.into(),
            srvnode: name.into(),
            email: Vec::new(),
            report_url: None,
            message: None,
            targets: nodes.iter().map(of_hub).collect(),
        }
    }

    fn told(scope: Scope) -> Vec<(String, Vec<String>)> {
        let hubs = [hub("A", &["N1", "N2"]), hub("A.b", &[]), hub("B", &["N1"])];
        let hubs: BTreeMap<_, _> = hubs.into_iter().map(|hub| (hub.name.clone(), hub)).collect();
        let inventory = Inventory { hubs };
        let target_states = inventory
            .targets()
            .filter(|target| scope.holds_target(&target.hub, &target.node))
            .map(|target| TargetState::new(target.clone()))
            .collect();
        let snapshot = Snapshot { inventory: Arc::new(inventory), scope, target_states };
        let nodes = |of_hub: &[TargetState]| of_hub.iter().map(|known| known.target.node.clone()).collect();
        snapshot.hubs().map(|(hub, of_hub)| (hub.name.clone(), nodes(of_hub))).collect()
    }

    #[tokio::test]
    async fn inventory_is_shared_with_every_request_until_the_next_reload() {
        let inventory = || Inventory { hubs: [("A".to_owned(), hub("A", &["N1"]))].into() };
        let prober = Prober::new(inventory(), RuntimeDir::create().unwrap(), 1).unwrap();
        let before = prober.snapshot(&Scope::All);
        assert!(Arc::ptr_eq(&before.inventory, &prober.snapshot(&Scope::Hub("A".into())).inventory));
        assert!(Arc::ptr_eq(
            &before.target_states[0].history,
            &prober.snapshot(&Scope::All).target_states[0].history
        ));
        prober.replace(inventory());
        assert!(!Arc::ptr_eq(&before.inventory, &prober.inventory()));
    }

    #[test]
    fn every_hub_in_scope_has_its_own_targets() {
        let of =
            |hub: &str, nodes: &[&str]| (hub.to_owned(), nodes.iter().map(ToString::to_string).collect());
        assert_eq!(told(Scope::All), [of("A", &["N1", "N2"]), of("A.b", &[]), of("B", &["N1"])]);
        assert_eq!(told(Scope::Hub("B".into())), [of("B", &["N1"])]);
        assert_eq!(told(Scope::Node("A".into(), "N2".into())), [of("A", &["N2"])]);
        assert_eq!(told(Scope::Hub("C".into())), []);
    }
}
