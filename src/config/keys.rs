//! Every key: where it may stand, how its value is read, and what is said about a key that is none.

use std::path::PathBuf;
use std::time::Duration;

use jiff::tz::TimeZone;

use super::expand::Expansion;
use super::nearest::nearest;
use super::value;
use crate::inventory::{HostKeyChecking, Repo};

/// The kinds of section that hold keys from a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// `[ENV]`.
    Env,
    /// A hub's.
    Hub,
    /// A node's.
    Node,
    /// The limits of a repo.
    Repo,
}

use Kind::{Env, Hub, Node};

/// A key whose value is a `T`.
pub(super) struct Key<T> {
    pub(super) name: &'static str,
    kinds: &'static [Kind],
    pub(super) expansion: Expansion,
    pub(super) read: fn(&str) -> Result<T, String>,
}

/// What is known of a key whatever its value is.
pub(super) trait Known: Sync {
    fn name(&self) -> &'static str;
    /// The kinds of section it may stand in.
    fn kinds(&self) -> &'static [Kind];
    fn expansion(&self) -> Expansion;
    /// What is wrong with a value, if anything is.
    fn check(&self, value: &str) -> Result<(), String>;
}

impl<T> Known for Key<T> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn kinds(&self) -> &'static [Kind] {
        self.kinds
    }

    fn expansion(&self) -> Expansion {
        self.expansion
    }

    fn check(&self, value: &str) -> Result<(), String> {
        (self.read)(value).map(drop)
    }
}

const fn key<T>(name: &'static str, kinds: &'static [Kind], read: fn(&str) -> Result<T, String>) -> Key<T> {
    Key { name, kinds, expansion: Expansion::Here, read }
}

const fn key_of_the_node<T>(
    name: &'static str,
    kinds: &'static [Kind],
    read: fn(&str) -> Result<T, String>,
) -> Key<T> {
    Key { name, kinds, expansion: Expansion::OnTheNode, read }
}

const OF_HUBS: &[Kind] = &[Hub];
const OF_NODES: &[Kind] = &[Node, Env];
const OF_BOTH: &[Kind] = &[Hub, Node, Env];
const OF_ALL: &[Kind] = &[Kind::Repo, Hub, Node, Env];

pub(super) static SRVNODE: Key<String> = key("srvnode", OF_HUBS, value::srvnode);
pub(super) static SELECT: Key<Vec<Repo>> = key("select", OF_HUBS, value::repos);
pub(super) static EMAIL: Key<Vec<String>> = key("email", OF_HUBS, value::emails);
pub(super) static REPORTURL: Key<String> = key("reporturl", OF_HUBS, value::page);
pub(super) static MESSAGE: Key<String> = key("message", OF_HUBS, value::remark);
pub(super) static TIMEZONE: Key<TimeZone> = key("timezone", OF_BOTH, value::timezone);
pub(super) static SCM_FOLD: Key<String> = key_of_the_node("scm_fold", OF_BOTH, value::scm_fold);
pub(super) static HOST: Key<String> = key("host", OF_NODES, value::host);
pub(super) static USER: Key<String> = key("user", OF_NODES, value::user);
pub(super) static PORT: Key<u16> = key("port", OF_NODES, value::port);
pub(super) static KEY_FILENAME: Key<PathBuf> = key("key_filename", OF_NODES, value::path);
pub(super) static GATEWAY: Key<String> = key("gateway", OF_NODES, value::gateway);
pub(super) static SHELL: Key<String> = key_of_the_node("shell", OF_NODES, value::shell);
pub(super) static TIMEOUT: Key<Duration> = key("timeout", OF_NODES, value::wait);
pub(super) static PROBE_TIMEOUT: Key<Duration> = key("probe_timeout", OF_NODES, value::wait);
pub(super) static MIN_PROBE_INTERVAL: Key<Duration> = key("min_probe_interval", OF_NODES, value::interval);
pub(super) static HOST_KEY_CHECKING: Key<HostKeyChecking> =
    key("host_key_checking", OF_NODES, value::host_key_checking);
pub(super) static KNOWN_HOSTS: Key<PathBuf> = key("known_hosts", OF_NODES, value::path);
pub(super) static SSH_CONFIG: Key<PathBuf> = key("ssh_config", OF_NODES, value::path);
pub(super) static VERBOSE: Key<bool> = key("verbose", OF_NODES, value::yes_or_no);
pub(super) static MAX_AGE: Key<Option<Duration>> = key("max_age", OF_ALL, value::age);
pub(super) static MIN_TARBALLS: Key<Option<u64>> = key("min_tarballs", OF_ALL, value::least);
pub(super) static MAX_TARBALLS: Key<Option<u64>> = key("max_tarballs", OF_ALL, value::most);
pub(super) static MIN_SIZE_RATIO: Key<Option<f64>> = key("min_size_ratio", OF_ALL, value::ratio);

/// Every key that is in use.
static KNOWN: &[&dyn Known] = &[
    &SRVNODE,
    &SELECT,
    &EMAIL,
    &REPORTURL,
    &MESSAGE,
    &TIMEZONE,
    &SCM_FOLD,
    &HOST,
    &USER,
    &PORT,
    &KEY_FILENAME,
    &GATEWAY,
    &SHELL,
    &TIMEOUT,
    &PROBE_TIMEOUT,
    &MIN_PROBE_INTERVAL,
    &HOST_KEY_CHECKING,
    &KNOWN_HOSTS,
    &SSH_CONFIG,
    &VERBOSE,
    &MAX_AGE,
    &MIN_TARBALLS,
    &MAX_TARBALLS,
    &MIN_SIZE_RATIO,
];

/// Keys of hubs that the monitor before this one needed, and that mean nothing now.
pub(super) const OBSOLETE: [&str; 2] = ["dbpath", "jspath"];

/// Every key there is, with the kinds of section that it may stand in: `hub`, `node`, `repo` and `ENV`. Those that are
/// accepted and mean nothing any more are among them.
pub fn known_keys() -> impl Iterator<Item = (&'static str, Vec<&'static str>)> {
    let word = |kind: &Kind| match kind {
        Env => "ENV",
        Hub => "hub",
        Node => "node",
        Kind::Repo => "repo",
    };
    let used = KNOWN.iter().map(move |key| (key.name(), key.kinds().iter().map(word).collect()));
    used.chain(OBSOLETE.map(|name| (name, vec![word(&Hub)])))
}

/// The key of this name that may stand in this kind of section.
pub(super) fn known(kind: Kind, name: &str) -> Option<&'static dyn Known> {
    KNOWN.iter().copied().find(|key| key.name() == name && key.kinds().contains(&kind))
}

/// What to say about a key without a value.
pub(super) fn no_value(name: &str) -> &'static str {
    match name {
        "select" => "names no repo; remove the key to take every repo found",
        "srvnode" => "no value; give the hub's host name as it stands in the paths on its nodes",
        _ => "no value; give one or remove the key",
    }
}

/// What to say about a key that may not stand in this kind of section; `None` where it may.
pub(super) fn unknown(kind: Kind, name: &str) -> Option<String> {
    if known(kind, name).is_some() || kind == Hub && OBSOLETE.contains(&name) {
        return None;
    }
    let here = || KNOWN.iter().filter(|key| key.kinds().contains(&kind)).map(|key| key.name());
    Some(if let Some(key) = KNOWN.iter().find(|key| key.name() == name) {
        match key.kinds() {
            [Hub] => "is a hub's key; move it to that hub's section".to_owned(),
            _ if kind == Hub => "is a node's key; move it to the node's section or to [ENV]".to_owned(),
            _ => format!("cannot stand here, where only limits do: {}; move it", list(here())),
        }
    } else if matches!(name, "password" | "passwd") {
        "passwords are not supported; use a key (`key_filename`) or an ssh agent".to_owned()
    } else if let Some(meant) = nearest(name, here()) {
        format!("unknown key; did you mean `{meant}`?")
    } else {
        format!("unknown key; known here: {}", list(here()))
    })
}

fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.collect::<Vec<_>>().join(", ")
}
