//! Messages about a hub or a node that is not configured.

use std::collections::BTreeSet;

use crate::config::suggest;
use crate::inventory::{Hub, Inventory};

/// The most names that a message lists.
const LISTED: usize = 20;

/// The message for an unknown hub.
pub(super) fn no_hub(inventory: &Inventory, name: &str) -> String {
    let hubs: BTreeSet<&str> = inventory.hubs.keys().map(String::as_str).collect();
    let of_hubs: Vec<String> = inventory
        .targets()
        .filter(|target| target.node == name)
        .map(|target| format!("`probe {} {name}`", target.hub))
        .collect();
    if of_hubs.is_empty() {
        format!("no hub {name:?} is configured{}", known(name, &hubs))
    } else {
        format!("{name:?} is a node; give its hub first: {}", of_hubs.join(" or "))
    }
}

/// The message for a node that the hub does not have.
pub(super) fn no_node_of_hub(hub: &Hub, name: &str) -> String {
    format!("hub {:?} has no node {name:?}{}", hub.name, known(name, &nodes_of(hub)))
}

/// The message for an unknown node.
pub(super) fn no_node(inventory: &Inventory, name: &str) -> String {
    if let Some(hub) = inventory.hubs.get(name) {
        return format!("{name:?} is a hub; give one of its nodes: {}", list(&nodes_of(hub)));
    }
    let nodes = inventory.targets().map(|target| target.node.as_str()).collect();
    format!("no node {name:?} is configured{}", known(name, &nodes))
}

fn nodes_of(hub: &Hub) -> BTreeSet<&str> {
    hub.targets.keys().map(String::as_str).collect()
}

/// The name that was probably meant, and the known names.
fn known(name: &str, names: &BTreeSet<&str>) -> String {
    match suggest(name, names.iter().copied()) {
        Some(meant) if names.len() == 1 => format!("; did you mean `{meant}`?"),
        Some(meant) => format!("; did you mean `{meant}`? (there are {})", list(names)),
        None if names.len() == 1 => format!("; there is only {}", list(names)),
        None => format!("; there are {}", list(names)),
    }
}

fn list(names: &BTreeSet<&str>) -> String {
    let listed = names.iter().take(LISTED).copied().collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(LISTED) {
        0 => listed,
        more => format!("{listed} and {more} more"),
    }
}
