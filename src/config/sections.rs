//! Sections: what each one is about, and what several files say about the same.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::finding::{Findings, Spot};
use super::ini;
use super::keys::{self, Kind};
use super::nearest::nearest;
use super::roster::Roster;
use super::value;
use crate::inventory::Repo;

/// What a header says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Header {
    /// `[HUB]`.
    Roster,
    /// `[ENV]`.
    Env,
    /// `[hub X]`.
    Hub(String),
    /// `[node X]`.
    Node(String),
    /// `[repo svn/dybsvn]` or `[repo ZZ:svn/dybsvn]`.
    Repo(String),
    /// `[X]`: the name of a hub or of a node.
    Plain(String),
}

impl Header {
    fn parse(text: &str) -> Self {
        match text.split_once(char::is_whitespace) {
            Some(("hub", name)) => Self::Hub(name.trim().to_owned()),
            Some(("node", name)) => Self::Node(name.trim().to_owned()),
            Some(("repo", name)) => Self::Repo(name.trim().to_owned()),
            _ if text == "HUB" => Self::Roster,
            _ if text == "ENV" => Self::Env,
            _ => Self::Plain(text.to_owned()),
        }
    }
}

/// A section of one file.
#[derive(Debug, Clone)]
pub(super) struct Headed {
    pub(super) spot: Spot,
    pub(super) text: String,
    pub(super) header: Header,
    settings: Vec<(String, String)>,
}

/// The sections of all files, in order.
pub(super) fn headed(files: &[(&Path, Vec<ini::Section>)]) -> Vec<Headed> {
    let mut all = Vec::new();
    for (position, (file, sections)) in files.iter().enumerate() {
        let file = Spot::file(file, position);
        all.extend(sections.iter().enumerate().map(|(position, section)| Headed {
            spot: file.section(&section.header, position),
            text: section.header.clone(),
            header: Header::parse(&section.header),
            settings: section.settings.clone(),
        }));
    }
    all
}

/// A setting, and where it stands.
#[derive(Debug, Clone)]
pub(super) struct Setting {
    pub(super) key: String,
    pub(super) value: String,
    pub(super) spot: Spot,
}

impl Setting {
    /// What is wrong with the value, with the likely reason where the value shows one.
    pub(super) fn explained(&self, wrong: String) -> String {
        if self.value.contains('\n') {
            format!("{wrong} (an indented line goes on with the value above it)")
        } else if self.value.contains(" #") || self.value.contains(" ;") {
            format!("{wrong} (a comment needs a line of its own)")
        } else {
            wrong
        }
    }
}

/// What all files together say about one thing.
#[derive(Debug, Clone)]
pub(super) struct Section {
    /// Where it stands first.
    pub(super) spot: Spot,
    pub(super) settings: Vec<Setting>,
    /// The headers that were merged, by file.
    headers: Vec<(usize, String)>,
}

impl Section {
    pub(super) fn new(first: &Headed) -> Self {
        Self { spot: first.spot.clone(), settings: Vec::new(), headers: Vec::new() }
    }

    /// The headers it has in the files.
    pub(super) fn headers(&self) -> impl Iterator<Item = &str> {
        self.headers.iter().map(|(_, header)| header.as_str())
    }

    pub(super) fn get(&self, key: &str) -> Option<&Setting> {
        self.settings.iter().find(|setting| setting.key == key)
    }

    /// Adds what a further section says. Keys are held against the table of this kind, if one is given.
    pub(super) fn absorb(&mut self, more: Headed, kind: Option<Kind>, findings: &mut Findings) {
        let file = more.spot.order[0];
        if let Some((_, header)) = self.headers.iter().find(|(other, _)| *other == file) {
            let text = format!("follows a [{header}] in the same file; join the two");
            findings.fault(&more.spot, text);
        }
        self.headers.push((file, more.text));
        let mut seen = BTreeSet::new();
        for (position, (key, value)) in more.settings.into_iter().enumerate() {
            let spot = more.spot.setting(&key, position);
            if !seen.insert(key.clone()) {
                findings.fault(&spot, "given twice in this section; keep one");
                continue;
            }
            if let Some(wrong) = kind.and_then(|kind| keys::unknown(kind, &key)) {
                findings.fault(&spot, wrong);
                continue;
            }
            match self.get(&key) {
                None => self.settings.push(Setting { key, value, spot }),
                Some(first) if first.value != value => {
                    let (there, other) = (first.spot.file.display(), value::quoted(&first.value));
                    findings.fault(
                        &spot,
                        format!("{} here, but {other} in {there}; keep one", value::quoted(&value)),
                    );
                }
                Some(_) => {}
            }
        }
    }
}

/// Everything but `[HUB]`, sorted by what it is about.
#[derive(Debug, Default)]
pub(super) struct Sections {
    pub(super) env: Option<Section>,
    pub(super) hubs: BTreeMap<String, Section>,
    pub(super) nodes: BTreeMap<String, Section>,
    /// By hub, where the section names one, and repo.
    pub(super) repos: BTreeMap<(Option<String>, Repo), Section>,
}

/// Sorts and merges the sections.
pub(super) fn sort(all: Vec<Headed>, roster: &Roster, findings: &mut Findings) -> Sections {
    let mut sections = Sections::default();
    for headed in all {
        let (section, kind) = match about(&headed.header, roster) {
            Ok(About::Roster) => continue,
            Ok(About::Env) => (sections.env.get_or_insert_with(|| Section::new(&headed)), Kind::Env),
            Ok(About::Hub(name)) => {
                (sections.hubs.entry(name).or_insert_with(|| Section::new(&headed)), Kind::Hub)
            }
            Ok(About::Node(name)) => {
                (sections.nodes.entry(name).or_insert_with(|| Section::new(&headed)), Kind::Node)
            }
            Ok(About::Repo(hub, repo)) => {
                (sections.repos.entry((hub, repo)).or_insert_with(|| Section::new(&headed)), Kind::Repo)
            }
            Err(wrong) => {
                match wrong {
                    Wrong::Hub(wrong) => findings.absent(&headed.spot, wrong),
                    // It may be the one whose tag could not be read.
                    Wrong::Node(_) if roster.has_bad_tags => {}
                    Wrong::Node(wrong) => findings.absent(&headed.spot, wrong),
                    Wrong::Form(wrong) => findings.fault(&headed.spot, wrong),
                }
                continue;
            }
        };
        section.absorb(headed, Some(kind), findings);
    }
    sections
}

enum About {
    Roster,
    Env,
    Hub(String),
    Node(String),
    Repo(Option<String>, Repo),
}

enum Wrong {
    /// It names a hub that `[HUB]` does not.
    Hub(String),
    /// It names what could be a node, and that `[HUB]` does not.
    Node(String),
    /// It is wrong whatever `[HUB]` says.
    Form(String),
}

fn about(header: &Header, roster: &Roster) -> Result<About, Wrong> {
    match header {
        Header::Roster => Ok(About::Roster),
        Header::Env => Ok(About::Env),
        Header::Hub(name) if roster.has_hub(name) => Ok(About::Hub(name.clone())),
        Header::Hub(name) => Err(Wrong::Hub(no_hub(name, roster))),
        Header::Node(name) if roster.has_node(name) => Ok(About::Node(name.clone())),
        Header::Node(name) => Err(Wrong::Node(no_node(name, roster))),
        Header::Repo(text) => repo(text, roster),
        Header::Plain(name) => match (roster.has_hub(name), roster.has_node(name)) {
            (true, false) => Ok(About::Hub(name.clone())),
            (false, true) => Ok(About::Node(name.clone())),
            (true, true) => {
                Err(Wrong::Form(format!("is both a hub and a node; write [hub {name}] or [node {name}]")))
            }
            (false, false) => Err(Wrong::Node(nothing(name, roster))),
        },
    }
}

fn repo(text: &str, roster: &Roster) -> Result<About, Wrong> {
    let (hub, repo) = match text.split_once(':') {
        Some((hub, repo)) => (Some(hub.trim().to_owned()), repo.trim()),
        None => (None, text),
    };
    let repo = value::repo(repo).map_err(Wrong::Form)?;
    match hub {
        Some(hub) if !roster.has_hub(&hub) => Err(Wrong::Hub(no_hub(&hub, roster))),
        hub => Ok(About::Repo(hub, repo)),
    }
}

fn no_hub(name: &str, roster: &Roster) -> String {
    let what = format!("{} is not a hub of [HUB]", value::quoted(name));
    match nearest(name, roster.hub_names()) {
        Some(meant) => format!("{what}; did you mean `{meant}`?"),
        None if roster.has_node(name) => format!("{what} but a node; write [node {name}]"),
        None => format!("{what}; add it there or remove the section"),
    }
}

fn no_node(name: &str, roster: &Roster) -> String {
    let what = format!("{} is not a node of [HUB]", value::quoted(name));
    if let Some(label) = roster.label_of(name) {
        return format!("{what}; a node is named by its host alone: write [node {label}]");
    }
    match nearest(name, roster.node_names()) {
        Some(meant) => format!("{what}; did you mean `{meant}`?"),
        None if roster.has_hub(name) => format!("{what} but a hub; write [hub {name}]"),
        None => format!("{what}; add it to a hub there or remove the section"),
    }
}

fn nothing(name: &str, roster: &Roster) -> String {
    let what = "names no hub and no node of [HUB]";
    if let Some(label) = roster.label_of(name) {
        return format!("{what}; a node is named by its host alone: write [{label}]");
    }
    if name == "DEFAULT" {
        return format!("{what}; defaults for nodes stand in [ENV]");
    }
    let meant =
        nearest(name, ["HUB", "ENV"].into_iter().chain(roster.hub_names()).chain(roster.node_names()));
    match meant {
        Some(meant) => format!("{what}; did you mean [{meant}]?"),
        None => format!("{what}; add it there or remove the section"),
    }
}
