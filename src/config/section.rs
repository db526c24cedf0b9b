//! One section: what all files together say about one thing.

use std::collections::BTreeSet;

use super::diagnostic::{Diagnostics, Location};
use super::ini::{Setting, Written};
use super::keys::{self, Kind};
use super::value;

/// What all files together say about one thing.
#[derive(Debug, Clone)]
pub(super) struct Section {
    /// Where it stands first.
    pub(super) location: Location,
    pub(super) settings: Vec<Setting>,
    /// The headers that were merged, by file.
    headers: Vec<(usize, String)>,
}

impl Section {
    pub(super) fn new(first: &Written) -> Self {
        Self { location: first.location.clone(), settings: Vec::new(), headers: Vec::new() }
    }

    /// The headers it has in the files.
    pub(super) fn headers(&self) -> impl Iterator<Item = &str> {
        self.headers.iter().map(|(_, header)| header.as_str())
    }

    pub(super) fn get(&self, key: &str) -> Option<&Setting> {
        self.settings.iter().find(|setting| setting.key == key)
    }

    /// Adds what a further section says. Keys are held against the table of this kind, if one is given.
    pub(super) fn absorb(&mut self, more: Written, kind: Option<Kind>, diagnostics: &mut Diagnostics) {
        let file = more.location.position;
        if let Some((_, header)) = self.headers.iter().find(|(other, _)| *other == file) {
            let text = format!("repeats [{header}] of the same file; merge the two");
            diagnostics.fault(&more.location, text);
        }
        self.headers.push((file, more.header));
        let mut seen = BTreeSet::new();
        for Setting { key, value, location } in more.settings {
            if !seen.insert(key.clone()) {
                diagnostics.fault(&location, "given twice in this section; keep one");
                continue;
            }
            if let Some(wrong) = kind.and_then(|kind| keys::unknown(kind, &key)) {
                diagnostics.fault(&location, wrong);
                continue;
            }
            match self.get(&key) {
                None => self.settings.push(Setting { key, value, location }),
                Some(first) if first.value != value => {
                    let there = format!("{}:{}", first.location.file.display(), first.location.line);
                    let other = value::quoted(&first.value);
                    diagnostics.fault(
                        &location,
                        format!("{} here, but {other} in {there}; keep one", value::quoted(&value)),
                    );
                }
                Some(_) => {}
            }
        }
    }
}
