//! `[HUB]`: the hubs, and the nodes that store their tarballs.

use std::collections::BTreeMap;

use super::diagnostic::{Diagnostics, Location};
use super::expand::{Env, Expansion, Names, expand};
use super::ini::{Setting, Written};
use super::node_address::NodeAddress;
use super::section::Section;
use super::value;
use crate::text::is_hidden;

/// The content of `[HUB]`.
#[derive(Debug, Default)]
pub(super) struct HubList {
    /// The location of the first `[HUB]`; `None` if no file has one.
    pub(super) location: Option<Location>,
    /// Whether a node could not be parsed, so that one may be missing here.
    pub(super) has_bad_nodes: bool,
    /// Every hub by name.
    pub(super) hubs: BTreeMap<String, Listed>,
}

/// A hub as listed.
#[derive(Debug)]
pub(super) struct Listed {
    pub(super) location: Location,
    /// Its nodes; no two have the same label.
    pub(super) addresses: Vec<NodeAddress>,
}

impl HubList {
    pub(super) fn has_hub(&self, name: &str) -> bool {
        self.hubs.contains_key(name)
    }

    pub(super) fn has_node(&self, label: &str) -> bool {
        self.node_names().any(|known| known == label)
    }

    pub(super) fn hub_names(&self) -> impl Iterator<Item = &str> {
        self.hubs.keys().map(String::as_str)
    }

    /// The label of every node, once for each of its hubs.
    pub(super) fn node_names(&self) -> impl Iterator<Item = &str> {
        self.addresses().map(|address| address.label.as_str())
    }

    /// The label of the node that is written like this.
    pub(super) fn label_of(&self, address: &str) -> Option<&str> {
        self.addresses().find(|known| known.text == address).map(|known| known.label.as_str())
    }

    fn addresses(&self) -> impl Iterator<Item = &NodeAddress> {
        self.hubs.values().flat_map(|hub| &hub.addresses)
    }
}

/// Reads `[HUB]` of every file. If there is none, the fault names the first file.
pub(super) fn read(
    all: &[Written],
    first: &Location,
    env: Env<'_>,
    diagnostics: &mut Diagnostics,
) -> HubList {
    let mut merged: Option<Section> = None;
    for written in all.iter().filter(|written| written.header == "HUB") {
        merged.get_or_insert_with(|| Section::new(written)).absorb(written.clone(), None, diagnostics);
    }
    let Some(section) = merged else {
        no_hub_list(all, first, diagnostics);
        return HubList::default();
    };
    let mut hub_list = HubList { location: Some(section.location), ..HubList::default() };
    for setting in section.settings {
        if setting.key.contains(|c: char| c.is_whitespace() || is_hidden(c)) {
            diagnostics.fault(
                &setting.location,
                "a hub's name has no spaces and no invisible characters; write it as one word",
            );
            continue;
        }
        if setting.key.contains([',', ';']) {
            diagnostics.broken(&setting.location, "is not a hub's name; write a line for each hub");
            continue;
        }
        let mut addresses = Vec::new();
        if let Err(BadAddress) = read_addresses(&setting, env, &mut addresses, diagnostics) {
            hub_list.has_bad_nodes = true;
        }
        hub_list.hubs.insert(setting.key, Listed { location: setting.location, addresses });
    }
    hub_list
}

fn no_hub_list(all: &[Written], first: &Location, diagnostics: &mut Diagnostics) {
    let misspelt =
        all.iter().find(|written| matches!(written.header.to_uppercase().as_str(), "HUB" | "HUBS"));
    if let Some(written) = misspelt {
        diagnostics.absent(&written.location, "is not known; did you mean [HUB]?");
    } else {
        diagnostics.absent(
            first,
            "no [HUB] section in any file; add one that names the nodes of each hub, as in `ZZ = SDU`",
        );
    }
    // Without it no name is known, so none can be reported as wrong.
    diagnostics.incomplete = true;
}

/// A node could not be parsed; the fault has been recorded.
struct BadAddress;

fn read_addresses(
    setting: &Setting,
    env: Env<'_>,
    addresses: &mut Vec<NodeAddress>,
    diagnostics: &mut Diagnostics,
) -> Result<(), BadAddress> {
    let names = Names { hub: Some(&setting.key), ..Names::default() };
    let text = expand(&setting.value, Expansion::Here, &names, env).map_err(|wrong| {
        diagnostics.fault(&setting.location, wrong);
        BadAddress
    })?;
    if text.trim().is_empty() {
        diagnostics.fault(&setting.location, "names no node; write the nodes' names, or remove the line");
    }
    let mut read = Ok(());
    for word in text.split_whitespace() {
        match NodeAddress::parse(word) {
            Err(wrong) => {
                diagnostics.fault(&setting.location, setting.explained(wrong));
                read = Err(BadAddress);
            }
            Ok(address) => match addresses.iter().find(|other| other.label == address.label) {
                Some(other) => diagnostics.fault(&setting.location, same_node(other, &address)),
                None => addresses.push(address),
            },
        }
    }
    read
}

fn same_node(first: &NodeAddress, second: &NodeAddress) -> String {
    let (first, label, second) = (value::quoted(&first.text), &second.label, value::quoted(&second.text));
    if first == second {
        return format!("{first} is listed twice; remove one");
    }
    format!(
        "{first} and {second} are both node `{label}`; give each a name of its own and its `host` and `port` in a \
         [node NAME] section"
    )
}
