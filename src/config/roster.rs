//! `[HUB]`: which hubs there are, and on which nodes their tarballs lie.

use std::collections::BTreeMap;

use super::expand::{Env, Expansion, Names, expand};
use super::finding::{Findings, Spot};
use super::ini::{Setting, Written};
use super::sections::Section;
use super::tag::Tag;
use super::value;
use crate::text::is_hidden;

/// What `[HUB]` says.
#[derive(Debug, Default)]
pub(super) struct Roster {
    /// Where `[HUB]` stands first; `None` where no file has one.
    pub(super) spot: Option<Spot>,
    /// Whether a tag could not be read, so that a node may be missing here.
    pub(super) has_bad_tags: bool,
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
pub(super) fn read(all: &[Written], first: &Spot, env: Env<'_>, findings: &mut Findings) -> Roster {
    let mut merged: Option<Section> = None;
    for written in all.iter().filter(|written| written.header == "HUB") {
        merged.get_or_insert_with(|| Section::new(written)).absorb(written.clone(), None, findings);
    }
    let Some(section) = merged else {
        no_roster(all, first, findings);
        return Roster::default();
    };
    let mut roster = Roster { spot: Some(section.spot), ..Roster::default() };
    for setting in section.settings {
        if setting.key.contains(|c: char| c.is_whitespace() || is_hidden(c)) {
            findings.fault(
                &setting.spot,
                "a hub's name has no spaces and no invisible characters; write it as one word",
            );
            continue;
        }
        if setting.key.contains([',', ';', '*', '?']) {
            findings.broken(&setting.spot, "is not a hub's name; write a line for each hub");
            continue;
        }
        let mut tags = Vec::new();
        if let Err(BadTag) = read_tags(&setting, env, &mut tags, findings) {
            roster.has_bad_tags = true;
        }
        roster.hubs.insert(setting.key, Listed { spot: setting.spot, tags });
    }
    roster
}

fn no_roster(all: &[Written], first: &Spot, findings: &mut Findings) {
    let misspelt =
        all.iter().find(|written| matches!(written.header.to_uppercase().as_str(), "HUB" | "HUBS"));
    if let Some(written) = misspelt {
        findings.absent(&written.spot, "is not known; did you mean [HUB]?");
    } else {
        findings.absent(
            first,
            "no [HUB] section in any file; add one that names the nodes of each hub, as in `ZZ = SDU`",
        );
    }
    // Without it no name is known, and none can be said to be wrong.
    findings.incomplete = true;
}

/// A tag could not be read, which has been noted.
struct BadTag;

fn read_tags(
    setting: &Setting,
    env: Env<'_>,
    tags: &mut Vec<Tag>,
    findings: &mut Findings,
) -> Result<(), BadTag> {
    let names = Names { hub: Some(&setting.key), ..Names::default() };
    let text = expand(&setting.value, Expansion::Here, &names, env).map_err(|wrong| {
        findings.fault(&setting.spot, wrong);
        BadTag
    })?;
    if text.trim().is_empty() {
        findings.fault(&setting.spot, "names no node; write the nodes' names, or remove the line");
    }
    let mut read = Ok(());
    for word in text.split_whitespace() {
        match Tag::parse(word) {
            Err(wrong) => {
                findings.fault(&setting.spot, setting.explained(wrong));
                read = Err(BadTag);
            }
            Ok(tag) => match tags.iter().find(|other| other.label == tag.label) {
                Some(other) => findings.fault(&setting.spot, same_node(other, &tag)),
                None => tags.push(tag),
            },
        }
    }
    read
}

fn same_node(first: &Tag, second: &Tag) -> String {
    let (first, label, second) = (value::quoted(&first.text), &second.label, value::quoted(&second.text));
    if first == second {
        return format!("{first} is listed twice; remove one");
    }
    format!(
        "{first} and {second} are both node `{label}`; give each a name of its own and its `host` and `port` in a \
         [node NAME] section"
    )
}
