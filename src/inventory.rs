//! The inventory: hubs, their nodes, the repos expected there, and the limits.
//!
//! A configuration resolves to an inventory. Everything in it is validated: the rest of the program never sees a
//! malformed name, an unknown time zone or a missing key.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;

use crate::text::escape_into;

/// All monitored hubs.
#[derive(Debug, Clone, Default)]
pub struct Inventory {
    /// Hubs by name, which is the `hub` label.
    pub hubs: BTreeMap<String, Hub>,
}

impl Inventory {
    /// Every target, sorted by hub and node.
    pub fn targets(&self) -> impl Iterator<Item = &Arc<Target>> {
        self.hubs.values().flat_map(|hub| hub.targets.values())
    }

    /// The target of this hub and node, if it is configured.
    pub fn target(&self, hub: &str, node: &str) -> Option<&Arc<Target>> {
        self.hubs.get(hub)?.targets.get(node)
    }
}

/// A server whose repositories are backed up.
#[derive(Debug, Clone, PartialEq)]
pub struct Hub {
    /// The `hub` label.
    pub name: String,
    /// Host name of the server, as it appears in the paths on the nodes.
    pub srvnode: String,
    /// The recipients of its mail; may be empty.
    pub email: Vec<String>,
    /// The address of a page about it.
    pub report_url: Option<String>,
    /// A remark that mails and pages show.
    pub message: Option<String>,
    /// Its nodes by name, which is the `node` label.
    pub targets: BTreeMap<String, Arc<Target>>,
}

/// One node of one hub: the unit that is probed.
#[derive(Debug, Clone, PartialEq)]
pub struct Target {
    /// The `hub` label.
    pub hub: String,
    /// The `node` label.
    pub node: String,
    /// How the node is reached. Targets with equal connections share one SSH session.
    pub connection: Connection,
    /// Directory of the hub's tarballs, as it is sent to the node, which expands a leading `~` or `$VARIABLE`
    /// itself: `$SCM_FOLD/backup/dayabay`.
    pub root: String,
    /// Time zone of the stamps in the paths; `None`: the node's own UTC offset applies.
    pub timezone: Option<TimeZone>,
    /// The repos that must exist; others are ignored. `None` takes every repo found.
    pub expected: Option<BTreeSet<Repo>>,
    /// Limits of the repos without limits of their own.
    pub limits: Limits,
    /// Limits of single repos. Each is complete, without fallback to `limits`.
    pub repo_limits: BTreeMap<Repo, Limits>,
    /// How long one probe may take, connecting included.
    pub probe_timeout: Duration,
    /// A report younger than this is served without a new probe.
    pub min_probe_interval: Duration,
}

impl Target {
    /// The limits of a repo.
    pub fn limits_of(&self, repo: &Repo) -> &Limits {
        self.repo_limits.get(repo).unwrap_or(&self.limits)
    }

    /// Whether the repo must exist.
    pub fn expects(&self, repo: &Repo) -> bool {
        self.expected.as_ref().is_some_and(|all| all.contains(repo))
    }

    /// Whether the repo is not ignored.
    pub fn selects(&self, repo: &Repo) -> bool {
        self.expected.as_ref().is_none_or(|all| all.contains(repo))
    }
}

/// How to reach a node. The user's own ssh configuration decides everything else.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Connection {
    /// Host name, address or alias of the ssh configuration.
    pub host: String,
    /// Login name; without one ssh decides.
    pub user: Option<String>,
    /// Port; without one ssh decides.
    pub port: Option<u16>,
    /// Private key; without one ssh decides.
    pub key_filename: Option<PathBuf>,
    /// Jump host, as for `ssh -J`.
    pub gateway: Option<String>,
    /// The POSIX shell that runs the probe script on the node.
    pub shell: String,
    /// How long connecting may take, the key exchange included.
    pub timeout: Duration,
    /// How host keys are checked.
    pub host_key_checking: HostKeyChecking,
    /// The known hosts file; without one ssh decides.
    pub known_hosts: Option<PathBuf>,
    /// The ssh configuration file; without one the user's.
    pub ssh_config: Option<PathBuf>,
    /// Whether what the node prints on standard error is logged at info instead of debug.
    pub verbose: bool,
}

impl fmt::Display for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(user) = &self.user {
            write!(f, "{user}@")?;
        }
        match self.port {
            Some(port) if self.host.contains(':') => write!(f, "[{}]:{port}", self.host),
            Some(port) => write!(f, "{}:{port}", self.host),
            None => f.write_str(&self.host),
        }
    }
}

/// How a node's host key is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum HostKeyChecking {
    /// Only known keys are accepted.
    #[default]
    Strict,
    /// An unknown key is accepted and stored; a changed one is refused.
    AcceptNew,
}

/// The limits of a repo's tarballs. `None`: the limit is switched off.
#[derive(Debug, Clone, PartialEq)]
pub struct Limits {
    /// Maximum age of the newest tarball.
    pub max_age: Option<Duration>,
    /// Minimum number of tarballs.
    pub min_tarballs: Option<u64>,
    /// Maximum number of tarballs.
    pub max_tarballs: Option<u64>,
    /// Minimum size of the newest tarball, relative to the largest of the three before it.
    pub min_size_ratio: Option<f64>,
}

impl Default for Limits {
    /// For a nightly backup with two hours to spare, of which about a week is kept.
    fn default() -> Self {
        Self {
            max_age: Some(Duration::from_secs(26 * 3600)),
            min_tarballs: Some(1),
            max_tarballs: Some(30),
            min_size_ratio: Some(0.8),
        }
    }
}

/// The `repo` label: `<kind>/<name>`, as in `tracs/env`.
///
/// Bytes that a label cannot show (control and invisible characters, invalid UTF-8, and the backslash itself) are written
/// `\xNN`, so that different directories never share a label.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Repo(String);

impl Repo {
    /// Creates a repo from a label.
    pub fn from_label(label: &str) -> Self {
        Self(label.to_owned())
    }

    /// Creates a repo from its directory on a node.
    pub fn from_path(kind: &[u8], name: &[u8]) -> Self {
        let mut label = String::with_capacity(kind.len() + 1 + name.len());
        escape_into(&mut label, kind);
        label.push('/');
        escape_into(&mut label, name);
        Self(label)
    }

    /// The label.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Repo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_of_different_directories_differ() {
        let of = |name: &[u8]| Repo::from_path(b"svn", name).to_string();
        assert_eq!(of(b"plain name"), "svn/plain name");
        assert_eq!(of("größe".as_bytes()), "svn/größe");
        assert_eq!(of(b"a\xffb"), "svn/a\\xffb");
        assert_eq!(of(b"a\\xffb"), "svn/a\\x5cxffb");
        assert_eq!(of(b"tab\tesc\x1b"), "svn/tab\\x09esc\\x1b");
        assert_eq!(of("\u{85}".as_bytes()), "svn/\\xc2\\x85");
        assert_eq!(of("\u{202e}vne".as_bytes()), "svn/\\xe2\\x80\\xaevne", "it would read as env");
        assert_eq!(of("env\u{200b}".as_bytes()), "svn/env\\xe2\\x80\\x8b", "it would look like env");
    }
}
