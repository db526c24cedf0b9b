//! Sections: what each one is about.

use std::collections::BTreeMap;

use super::diagnostic::Diagnostics;
use super::hub_list::HubList;
use super::ini::Written;
use super::keys::Kind;
use super::section::Section;
use super::suggest::suggest;
use super::value;
use crate::inventory::Repo;

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

/// All sections except `[HUB]`, by subject.
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

    /// The sections of repos, with their hubs if they name one.
    pub(super) fn repos(&self) -> impl Iterator<Item = (Option<&str>, &Repo, &Section)> {
        self.0.iter().filter_map(|(subject, section)| match subject {
            Subject::Repo(hub, repo) => Some((hub.as_deref(), repo, section)),
            Subject::Env | Subject::Hub(_) | Subject::Node(_) => None,
        })
    }
}

/// Sorts and merges the sections.
pub(super) fn sort(all: Vec<Written>, hub_list: &HubList, diagnostics: &mut Diagnostics) -> Sections {
    let mut sections = Sections::default();
    for written in all.into_iter().filter(|written| written.header != "HUB") {
        if let Some(subject) = subject(&written, hub_list, diagnostics) {
            let kind = subject.kind();
            let section = sections.0.entry(subject).or_insert_with(|| Section::new(&written));
            section.absorb(written, Some(kind), diagnostics);
        }
    }
    sections
}

/// The subject of a header; `None` if it is wrong, which is recorded as a fault.
fn subject(
    Written { header, location, .. }: &Written,
    hub_list: &HubList,
    diagnostics: &mut Diagnostics,
) -> Option<Subject> {
    let no_such_hub = |name: &str, diagnostics: &mut Diagnostics| {
        diagnostics.absent(location, no_hub(name, hub_list));
        None
    };
    let no_such_node = |wrong: String, diagnostics: &mut Diagnostics| {
        // It may be the name that could not be parsed.
        if !hub_list.has_bad_nodes {
            diagnostics.absent(location, wrong);
        }
        None
    };
    let (kind, name) = header.split_once(char::is_whitespace).unwrap_or(("", header));
    match (kind, name.trim()) {
        ("hub", name) if hub_list.has_hub(name) => Some(Subject::Hub(name.to_owned())),
        ("hub", name) => no_such_hub(name, diagnostics),
        ("node", name) if hub_list.has_node(name) => Some(Subject::Node(name.to_owned())),
        ("node", name) => no_such_node(no_node(name, hub_list), diagnostics),
        ("repo", name) => {
            let (hub, repo) = match name.split_once(':') {
                Some((hub, repo)) => (Some(hub.trim()), repo.trim()),
                None => (None, name),
            };
            match (value::repo(repo), hub) {
                (Err(wrong), _) => {
                    diagnostics.fault(location, wrong);
                    None
                }
                (Ok(_), Some(hub)) if !hub_list.has_hub(hub) => no_such_hub(hub, diagnostics),
                (Ok(repo), hub) => Some(Subject::Repo(hub.map(str::to_owned), repo)),
            }
        }
        _ if header == "ENV" => Some(Subject::Env),
        _ => match (hub_list.has_hub(header), hub_list.has_node(header)) {
            (true, false) => Some(Subject::Hub(header.clone())),
            (false, true) => Some(Subject::Node(header.clone())),
            (true, true) => {
                // It may be the only section of that hub or node.
                diagnostics.broken(
                    location,
                    format!("is both a hub and a node; write [hub {header}] or [node {header}]"),
                );
                None
            }
            (false, false) => no_such_node(nothing(header, hub_list), diagnostics),
        },
    }
}

fn no_hub(name: &str, hub_list: &HubList) -> String {
    let what = format!("{} is not a hub of [HUB]", value::quoted(name));
    match suggest(name, hub_list.hub_names()) {
        Some(meant) => format!("{what}; did you mean `{meant}`?"),
        None if hub_list.has_node(name) => format!("{what} but a node; write [node {name}]"),
        None => format!("{what}; add it there or remove the section"),
    }
}

fn no_node(name: &str, hub_list: &HubList) -> String {
    let what = format!("{} is not a node of [HUB]", value::quoted(name));
    if let Some(label) = hub_list.label_of(name) {
        return format!("{what}; a node is named by its host alone: write [node {label}]");
    }
    match suggest(name, hub_list.node_names()) {
        Some(meant) => format!("{what}; did you mean `{meant}`?"),
        None if hub_list.has_hub(name) => format!("{what} but a hub; write [hub {name}]"),
        None => format!("{what}; add it to a hub there or remove the section"),
    }
}

fn nothing(name: &str, hub_list: &HubList) -> String {
    let what = "names no hub and no node of [HUB]";
    if let Some(label) = hub_list.label_of(name) {
        return format!("{what}; a node is named by its host alone: write [{label}]");
    }
    if name == "DEFAULT" {
        return format!("{what}; put defaults for nodes in [ENV]");
    }
    let meant =
        suggest(name, ["HUB", "ENV"].into_iter().chain(hub_list.hub_names()).chain(hub_list.node_names()));
    match meant {
        Some(meant) => format!("{what}; did you mean [{meant}]?"),
        None => format!("{what}; add it there or remove the section"),
    }
}
