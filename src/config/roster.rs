//! `[HUB]`: which hubs there are, and on which nodes their tarballs lie.

use std::collections::BTreeMap;

use super::expand::{Env, Expansion, Names, expand};
use super::finding::{Findings, Spot};
use super::sections::{Headed, Header, Section, Setting};
use super::tag::Tag;
use super::value;

/// What `[HUB]` says.
#[derive(Debug, Default)]
pub(super) struct Roster {
    /// Where `[HUB]` stands first; `None` where no file has one.
    pub(super) spot: Option<Spot>,
    /// Every hub by name.
    pub(super) hubs: BTreeMap<String, Listed>,
}

/// A hub as listed.
#[derive(Debug)]
pub(super) struct Listed {
    pub(super) spot: Spot,
    /// Its nodes; no two have the same label.
    pub(super) tags: Vec<Tag>,
}

impl Roster {
    pub(super) fn has_hub(&self, name: &str) -> bool {
        self.hubs.contains_key(name)
    }

    pub(super) fn has_node(&self, label: &str) -> bool {
        self.node_names().any(|known| known == label)
    }

    pub(super) fn hub_names(&self) -> impl Iterator<Item = &str> {
        self.hubs.keys().map(String::as_str)
    }

    /// The label of every tag; a node of several hubs comes several times.
    pub(super) fn node_names(&self) -> impl Iterator<Item = &str> {
        self.tags().map(|tag| tag.label.as_str())
    }

    /// The label of the tag that is written like this.
    pub(super) fn label_of(&self, tag: &str) -> Option<&str> {
        self.tags().find(|known| known.text == tag).map(|known| known.label.as_str())
    }

    fn tags(&self) -> impl Iterator<Item = &Tag> {
        self.hubs.values().flat_map(|hub| &hub.tags)
    }
}

/// Reads `[HUB]` of every file; that there is none is said of the first.
pub(super) fn read(all: &[Headed], first: &Spot, env: Env<'_>, findings: &mut Findings) -> Roster {
    let mut merged: Option<Section> = None;
    for headed in all.iter().filter(|headed| headed.header == Header::Roster) {
        merged.get_or_insert_with(|| Section::new(headed)).absorb(headed.clone(), None, findings);
    }
    let Some(section) = merged else {
        no_roster(all, first, findings);
        return Roster::default();
    };
    let mut roster = Roster { spot: Some(section.spot), hubs: BTreeMap::new() };
    for setting in section.settings {
        if setting.key.contains(|c: char| c.is_whitespace() || c.is_control()) {
            findings.fault(&setting.spot, "a hub's name has no spaces; write it as one word");
            continue;
        }
        let tags = tags(&setting, env, findings);
        roster.hubs.insert(setting.key, Listed { spot: setting.spot, tags });
    }
    roster
}

fn no_roster(all: &[Headed], first: &Spot, findings: &mut Findings) {
    let misspelt = all.iter().find(|headed| {
        matches!(&headed.header, Header::Plain(name) if matches!(name.to_uppercase().as_str(), "HUB" | "HUBS"))
    });
    if let Some(headed) = misspelt {
        findings.absent(&headed.spot, "is not known; did you mean [HUB]?");
    } else {
        findings.absent(
            first,
            "no [HUB] section in any file; add one that names the nodes of each hub, as in `ZZ = SDU`",
        );
    }
    // Without it no name is known, and none can be said to be wrong.
    findings.incomplete = true;
}

fn tags(setting: &Setting, env: Env<'_>, findings: &mut Findings) -> Vec<Tag> {
    let names = Names { hub: Some(&setting.key), ..Names::default() };
    let text = expand(&setting.value, Expansion::Here, &names, env).unwrap_or_else(|wrong| {
        findings.broken(&setting.spot, wrong);
        String::new()
    });
    let mut tags: Vec<Tag> = Vec::new();
    for word in text.split_whitespace() {
        match Tag::parse(word) {
            // A name that is not known for this reason is no fault of its own.
            Err(wrong) => findings.broken(&setting.spot, wrong),
            Ok(tag) => match tags.iter().find(|other| other.label == tag.label) {
                Some(other) if other.text == tag.text => {
                    findings.fault(
                        &setting.spot,
                        format!("{} stands there twice; remove one", value::quoted(word)),
                    );
                }
                Some(other) => findings.fault(
                    &setting.spot,
                    format!(
                        "{} and {} are both node `{}`; give each a name of its own and its `host` and `port` \
                         in a [node NAME] section",
                        value::quoted(&other.text),
                        value::quoted(word),
                        tag.label
                    ),
                ),
                None => tags.push(tag),
            },
        }
    }
    if text.trim().is_empty() {
        findings.absent(&setting.spot, "names no node; write the nodes' names, or remove the line");
    }
    tags
}
