//! Resolves limits, most specific first: a repo of one hub, a repo, the node, the hub, `[ENV]`, the default.

use std::collections::{BTreeMap, BTreeSet};

use super::reader::Reader;
use crate::config::expand::Names;
use crate::config::ini::Setting;
use crate::config::keys::{self, Key};
use crate::config::section::Section;
use crate::config::sections::Sections;
use crate::inventory::{Limits, Repo};

/// A target whose limits are resolved.
pub(super) struct Limited<'a> {
    pub(super) hub: &'a str,
    pub(super) names: &'a Names<'a>,
    pub(super) sections: &'a Sections,
    /// The sections that apply to all repos, most specific first.
    pub(super) outer: [Option<&'a Section>; 3],
}

impl Limited<'_> {
    /// The limits of every repo that has none of its own.
    pub(super) fn of_target(&self, reader: &mut Reader<'_>) -> Limits {
        self.read(&self.outer, reader)
    }

    /// The limits of the repos that have a section for this hub or for all.
    pub(super) fn of_repos(&self, reader: &mut Reader<'_>) -> BTreeMap<Repo, Limits> {
        let here = self.sections.repos().filter(|(hub, ..)| hub.is_none_or(|hub| hub == self.hub));
        here.map(|(_, repo, _)| repo)
            .collect::<BTreeSet<_>>()
            .into_iter()
            .map(|repo| {
                let of_hub = self.sections.repo(Some(self.hub), repo);
                let of_all = self.sections.repo(None, repo);
                let [node, hub, env] = self.outer;
                (repo.clone(), self.read(&[of_hub, of_all, node, hub, env], reader))
            })
            .collect()
    }

    fn read(&self, from: &[Option<&Section>], reader: &mut Reader<'_>) -> Limits {
        fn or<T>(given: Option<T>, default: T) -> T {
            given.unwrap_or(default)
        }
        let default = Limits::default();
        let limits = Limits {
            max_age: or(reader.get(&keys::MAX_AGE, from, self.names), default.max_age),
            min_tarballs: or(reader.get(&keys::MIN_TARBALLS, from, self.names), default.min_tarballs),
            max_tarballs: or(reader.get(&keys::MAX_TARBALLS, from, self.names), default.max_tarballs),
            min_size_ratio: or(reader.get(&keys::MIN_SIZE_RATIO, from, self.names), default.min_size_ratio),
        };
        if let (Some(min), Some(max)) = (limits.min_tarballs, limits.max_tarballs)
            && min > max
        {
            let (low, high) = (suggest(&keys::MIN_TARBALLS, from), suggest(&keys::MAX_TARBALLS, from));
            // Report the more specific of the two.
            let nearer = [low, high].into_iter().flatten().min_by_key(|(distance, _)| *distance);
            if let Some((_, setting)) = nearer {
                let text = format!(
                    "`min_tarballs` {min} is more than `max_tarballs` {max}; raise the one or lower the other"
                );
                reader.diagnostics.fault(&setting.location, text);
            }
        }
        limits
    }
}

/// The setting in force for a key, and how far away it stands.
fn suggest<'a, T>(key: &Key<T>, from: &[Option<&'a Section>]) -> Option<(usize, &'a Setting)> {
    from.iter()
        .enumerate()
        .find_map(|(distance, section)| Some((distance, section.as_ref()?.get(key.known.name)?)))
}
