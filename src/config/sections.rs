//! Sections: what each one is about, and what several files say about the same.

use std::collections::{BTreeMap, BTreeSet};

use super::finding::{Findings, Spot};
use super::ini::{Setting, Written};
use super::keys::{self, Kind};
use super::nearest::nearest;
use super::roster::Roster;
use super::value;
use crate::inventory::Repo;

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
    pub(super) fn new(first: &Written) -> Self {
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
    pub(super) fn absorb(&mut self, more: Written, kind: Option<Kind>, findings: &mut Findings) {
        let file = more.spot.position;
        if let Some((_, header)) = self.headers.iter().find(|(other, _)| *other == file) {
            let text = format!("follows a [{header}] in the same file; join the two");
            findings.fault(&more.spot, text);
        }
        self.headers.push((file, more.header));
        let mut seen = BTreeSet::new();
        for Setting { key, value, spot } in more.settings {
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
                    let there = format!("{}:{}", first.spot.file.display(), first.spot.line);
                    let other = value::quoted(&first.value);
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

/// What a section is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Subject {
    /// `[ENV]`.
    Env,
    /// `[hub X]`, or `[X]`.
    Hub(String),
    /// `[node X]`, or `[X]`.
    Node(String),
    /// `[repo svn/dybsvn]`, or `[repo ZZ:svn/dybsvn]` for one hub.
    Repo(Option<String>, Repo),
}

impl Subject {
    pub(super) fn kind(&self) -> Kind {
        match self {
            Self::Env => Kind::Env,
            Self::Hub(_) => Kind::Hub,
            Self::Node(_) => Kind::Node,
            Self::Repo(..) => Kind::Repo,
        }
    }
}

/// Everything but `[HUB]`, by what it is about.
#[derive(Debug, Default)]
pub(super) struct Sections(pub(super) BTreeMap<Subject, Section>);

impl Sections {
    pub(super) fn env(&self) -> Option<&Section> {
        self.0.get(&Subject::Env)
    }

    pub(super) fn hub(&self, name: &str) -> Option<&Section> {
        self.0.get(&Subject::Hub(name.to_owned()))
    }

    pub(super) fn node(&self, name: &str) -> Option<&Section> {
        self.0.get(&Subject::Node(name.to_owned()))
    }

    /// The section of a repo of one hub, or of all.
    pub(super) fn repo(&self, hub: Option<&str>, repo: &Repo) -> Option<&Section> {
        self.0.get(&Subject::Repo(hub.map(str::to_owned), repo.clone()))
    }

    /// Those of repos, with the hub, where the section names one.
    pub(super) fn repos(&self) -> impl Iterator<Item = (Option<&str>, &Repo, &Section)> {
        self.0.iter().filter_map(|(subject, section)| match subject {
            Subject::Repo(hub, repo) => Some((hub.as_deref(), repo, section)),
            Subject::Env | Subject::Hub(_) | Subject::Node(_) => None,
        })
    }
}

/// Sorts and merges the sections.
pub(super) fn sort(all: Vec<Written>, roster: &Roster, findings: &mut Findings) -> Sections {
    let mut sections = Sections::default();
    for written in all.into_iter().filter(|written| written.header != "HUB") {
        if let Some(subject) = subject(&written, roster, findings) {
            let kind = subject.kind();
            let section = sections.0.entry(subject).or_insert_with(|| Section::new(&written));
            section.absorb(written, Some(kind), findings);
        }
    }
    sections
}

/// What a header says; `None` where it is wrong, which is then a fault.
fn subject(
    Written { header, spot, .. }: &Written,
    roster: &Roster,
    findings: &mut Findings,
) -> Option<Subject> {
    let no_such_hub = |name: &str, findings: &mut Findings| {
        findings.absent(spot, no_hub(name, roster));
        None
    };
    let no_such_node = |wrong: String, findings: &mut Findings| {
        // It may be the one whose tag could not be read.
        if !roster.has_bad_tags {
            findings.absent(spot, wrong);
        }
        None
    };
    let (kind, name) = header.split_once(char::is_whitespace).unwrap_or(("", header));
    match (kind, name.trim()) {
        ("hub", name) if roster.has_hub(name) => Some(Subject::Hub(name.to_owned())),
        ("hub", name) => no_such_hub(name, findings),
        ("node", name) if roster.has_node(name) => Some(Subject::Node(name.to_owned())),
        ("node", name) => no_such_node(no_node(name, roster), findings),
        ("repo", name) => {
            let (hub, repo) = match name.split_once(':') {
                Some((hub, repo)) => (Some(hub.trim()), repo.trim()),
                None => (None, name),
            };
            match (value::repo(repo), hub) {
                (Err(wrong), _) => {
                    findings.fault(spot, wrong);
                    None
                }
                (Ok(_), Some(hub)) if !roster.has_hub(hub) => no_such_hub(hub, findings),
                (Ok(repo), hub) => Some(Subject::Repo(hub.map(str::to_owned), repo)),
            }
        }
        _ if header == "ENV" => Some(Subject::Env),
        _ => match (roster.has_hub(header), roster.has_node(header)) {
            (true, false) => Some(Subject::Hub(header.clone())),
            (false, true) => Some(Subject::Node(header.clone())),
            (true, true) => {
                // It may be the one section of that hub, or of that node.
                findings.broken(
                    spot,
                    format!("is both a hub and a node; write [hub {header}] or [node {header}]"),
                );
                None
            }
            (false, false) => no_such_node(nothing(header, roster), findings),
        },
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
