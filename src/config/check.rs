//! The output of `check`: the faults and warnings, and a summary of the configuration.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::{ConfigErrors, Loaded};
use crate::human::Counted;
use crate::inventory::Hub;

/// Every fault and warning, and a summary if there is no fault, as complete lines. `seen` are further warnings, from checks
/// outside the configuration.
pub fn check_text(result: &Result<Loaded, ConfigErrors>, seen: &[String]) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    match result {
        Ok(Loaded { inventory, warnings }) => {
            for warning in warnings {
                let _ = writeln!(text, "warning: {warning}");
            }
            for warning in seen {
                let _ = writeln!(text, "warning: {warning}");
            }
            for hub in inventory.hubs.values() {
                let _ = writeln!(text, "{}", summary(hub));
            }
            let hubs = counted(inventory.hubs.len(), "hub");
            let targets = counted(inventory.targets().count(), "target");
            let warnings = counted(warnings.len() + seen.len(), "warning");
            let _ = writeln!(text, "ok: {hubs}, {targets}, {warnings}");
        }
        Err(faults) => {
            for fault in faults.faults() {
                let _ = writeln!(text, "fault: {fault}");
            }
            for warning in faults.warnings() {
                let _ = writeln!(text, "warning: {warning}");
            }
            let warnings = counted(faults.warnings().len(), "warning");
            let _ = writeln!(text, "not usable: {}, {warnings}", counted(faults.faults().len(), "fault"));
        }
    }
    text
}

fn summary(hub: &Hub) -> String {
    let nodes = hub.targets.iter().map(|(label, target)| {
        let connection = target.connection.to_string();
        if connection == *label { connection } else { format!("{label} ({connection})") }
    });
    let nodes: Vec<String> = nodes.collect();
    let expected = match hub.targets.values().next().and_then(|target| target.expected.as_ref()) {
        Some(repos) => format!("{} expected", counted(repos.len(), "repo")),
        None => "every repo found".to_owned(),
    };
    let zones: BTreeSet<String> = hub
        .targets
        .values()
        .map(|target| {
            target
                .timezone
                .as_ref()
                .and_then(|zone| zone.iana_name())
                .unwrap_or("the node's offset")
                .to_owned()
        })
        .collect();
    let zones = zones.into_iter().collect::<Vec<_>>().join(" or ");
    let nodes = nodes.join(", ");
    format!("hub {} ({}): {expected}, on {nodes}; stamps in {zones}", hub.name, hub.srvnode)
}

fn counted(count: usize, what: &str) -> Counted<'_> {
    Counted(count as u64, what)
}
