//! Limits the repos of a target.
//!
//! A node can invent any number of repos with names of any length, and each name becomes a dozen series. So both the
//! number and the total length are bounded. The repos whose labels sort first are kept, in whatever order the node lists
//! them, so the same tree always gives the same series.

use std::collections::BTreeMap;

use crate::inventory::Repo;

/// How many repos of a target are kept if the configuration does not name them.
pub(super) const MOST_REPOS: usize = 20_000;

/// The total length of their labels in the exposition, in bytes: 52 for each repo on average.
pub(super) const MOST_LABEL_BYTES: usize = 1 << 20;

/// The repos kept so far, each with the caller's index.
#[derive(Debug, Default)]
pub(super) struct Bound {
    kept: BTreeMap<Repo, usize>,
    bytes: usize,
    /// The first label in sort order that was dropped.
    cut: Option<Repo>,
}

impl Bound {
    /// Whether a repo can still be kept: it sorts before all that were dropped.
    pub(super) fn admits(&self, repo: &Repo) -> bool {
        self.cut.as_ref().is_none_or(|cut| repo < cut)
    }

    /// Keeps an admitted repo, and returns the indices of those that are dropped for it, possibly its own.
    pub(super) fn keep(&mut self, repo: Repo, place: usize) -> Vec<usize> {
        self.bytes += label_bytes(&repo);
        self.kept.insert(repo, place);
        let mut too_much = Vec::new();
        while (self.kept.len() > MOST_REPOS || self.bytes > MOST_LABEL_BYTES)
            && let Some((last, place)) = self.kept.pop_last()
        {
            self.bytes -= label_bytes(&last);
            self.cut = Some(last);
            too_much.push(place);
        }
        too_much
    }
}

/// The length of a label in the exposition, where a backslash and a quote take two bytes.
fn label_bytes(repo: &Repo) -> usize {
    let label = repo.as_str();
    label.len() + label.bytes().filter(|byte| matches!(byte, b'\\' | b'"')).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The repos that remain.
    fn kept(repos: impl Iterator<Item = Repo>) -> Vec<Repo> {
        let mut bound = Bound::default();
        for repo in repos {
            if bound.admits(&repo) {
                bound.keep(repo, 0);
            }
            assert!(bound.kept.len() <= MOST_REPOS && bound.bytes <= MOST_LABEL_BYTES);
        }
        bound.kept.into_keys().collect()
    }

    fn repos(count: usize, name: &str) -> Vec<Repo> {
        (0..count).map(|n| Repo::from_path(b"svn", format!("{n:05}{name}").as_bytes())).collect()
    }

    #[test]
    fn ordinary_repos_are_kept_up_to_the_most_there_may_be() {
        assert_eq!(kept(repos(MOST_REPOS, "-an-ordinary-name").into_iter()).len(), MOST_REPOS);
        assert_eq!(kept(repos(MOST_REPOS + 9, "").into_iter()), repos(MOST_REPOS, ""));
    }

    #[test]
    fn same_repos_are_kept_in_whatever_order_they_come() {
        let all = repos(10_000, &"x".repeat(250));
        let wanted = kept(all.iter().cloned());
        assert_eq!(wanted, all[..wanted.len()]);
        assert_eq!(wanted.len(), MOST_LABEL_BYTES / 259);
        assert_eq!(kept(all.iter().rev().cloned()), wanted);
        assert_eq!(kept((0..10_000).map(|n| all[n * 7_777 % 10_000].clone())), wanted);
    }

    #[test]
    fn escapes_count_as_they_are_written() {
        let label = Repo::from_path(b"svn", b"a\xff\"");
        assert_eq!((label.as_str(), label_bytes(&label)), ("svn/a\\xff\"", 12));
    }
}
