//! Checks that `[repo …]` sections apply to repos that can exist.

use std::collections::{BTreeMap, BTreeSet};

use super::reader::Reader;
use crate::config::keys;
use crate::config::sections::Sections;
use crate::config::suggest::suggest;
use crate::config::value;
use crate::inventory::{Hub, Repo};

/// Records sections that limit nothing: of a hub that is not monitored, or of a repo that is not selected.
pub(super) fn judge_sections(hubs: &BTreeMap<String, Hub>, sections: &Sections, reader: &mut Reader<'_>) {
    for (only, repo, section) in sections.repos() {
        if let Some(name) = only.filter(|name| !hubs.contains_key(*name)) {
            let text =
                format!("hub `{name}` is not monitored, so this limits nothing; add a section for the hub");
            reader.diagnostics.warn(&section.location, text);
            continue;
        }
        let concerned = hubs.values().filter(|hub| only.is_none_or(|name| name == hub.name));
        let selections: Option<Vec<_>> = concerned.map(|hub| selected(hub, sections)).collect();
        // Without `select` any repo can appear.
        let Some(selections) = selections else { continue };
        let selected: BTreeSet<&Repo> = selections.into_iter().flatten().collect();
        if selected.contains(repo) || hubs.is_empty() {
            continue;
        }
        let repo = repo.as_str();
        let what = match only {
            Some(name) => format!("hub `{name}` does not select {}", value::quoted(repo)),
            None => format!("no hub selects {}", value::quoted(repo)),
        };
        let text = match suggest(repo, selected.iter().map(|repo| repo.as_str())) {
            Some(meant) => format!("{what}; did you mean `{meant}`?"),
            None => format!("{what}; add it to a `select` or remove the section"),
        };
        reader.diagnostics.fault(&section.location, text);
    }
}

/// The repos that a hub selects; `None` if it takes every one, or if that is unknown.
fn selected<'a>(hub: &'a Hub, sections: &Sections) -> Option<&'a BTreeSet<Repo>> {
    sections.hub(&hub.name)?.get(keys::SELECT.known.name)?;
    hub.targets.values().next()?.expected.as_ref()
}
