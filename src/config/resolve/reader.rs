//! Reads single settings.

use std::collections::BTreeSet;

use crate::config::diagnostic::Diagnostics;
use crate::config::expand::{Env, Names, expand};
use crate::config::ini::Setting;
use crate::config::keys::{self, Key, Known};
use crate::config::section::Section;
use crate::config::sections::{Sections, Subject};
use crate::config::value;

/// Reads settings and records their faults.
pub(super) struct Reader<'a> {
    env: Env<'a>,
    pub(super) diagnostics: &'a mut Diagnostics,
    /// The settings that have been read, by file and line.
    read: BTreeSet<(usize, usize)>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(env: Env<'a>, diagnostics: &'a mut Diagnostics) -> Self {
        Self { env, diagnostics, read: BTreeSet::new() }
    }

    /// The value from the first of these sections that has the key; `None` if none has it, or if its value is a fault.
    pub(super) fn get<T>(&mut self, key: &Key<T>, from: &[Option<&Section>], names: &Names<'_>) -> Option<T> {
        let setting = from.iter().flatten().find_map(|section| section.get(key.known.name))?;
        self.read.insert((setting.location.position, setting.location.line));
        match expanded(setting, &key.known, names, self.env).and_then(|text| (key.read)(text.trim())) {
            Ok(value) => Some(value),
            Err(wrong) => {
                self.diagnostics.fault(&setting.location, setting.explained(wrong));
                None
            }
        }
    }

    /// Checks the settings that nothing has read so far, since their faults count too.
    pub(super) fn check_unread(&mut self, sections: &Sections) {
        for (subject, section) in &sections.0 {
            let (hub, node) = match subject {
                Subject::Env => (None, None),
                Subject::Hub(name) => (Some(name), None),
                Subject::Node(name) => (None, Some(name)),
                Subject::Repo(hub, _) => (hub.as_ref(), None),
            };
            let names = Names {
                hub: Some(hub.map_or("hub", String::as_str)),
                srvnode: Some("srvnode"),
                node: Some(node.map_or("node", String::as_str)),
            };
            for setting in &section.settings {
                if self.read.contains(&(setting.location.position, setting.location.line)) {
                    continue;
                }
                let Some(key) = keys::known(subject.kind(), &setting.key) else { continue };
                let checked = expanded(setting, key, &names, self.env);
                if let Err(wrong) = checked.and_then(|text| (key.check)(text.trim())) {
                    self.diagnostics.fault(&setting.location, setting.explained(wrong));
                }
            }
        }
    }
}

fn expanded(setting: &Setting, key: &Known, names: &Names<'_>, env: Env<'_>) -> Result<String, String> {
    let text = expand(&setting.value, key.expansion, names, env)?;
    if !text.trim().is_empty() {
        Ok(text)
    } else if setting.value.is_empty() {
        Err(keys::no_value(key.name).to_owned())
    } else {
        Err(format!(
            "{} expands to nothing; set what it refers to, or write the value out",
            value::quoted(&setting.value)
        ))
    }
}
