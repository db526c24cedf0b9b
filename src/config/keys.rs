//! The table of keys: the sections of each key, how its value is parsed, and what it means; and the messages for unknown
//! keys. The parser, the help and the documentation come from this table.

use std::path::PathBuf;
use std::time::Duration;

use jiff::tz::TimeZone;

use super::expand::Expansion::{self, Here, OnTheNode};
use super::suggest::suggest;
use super::value;
use crate::inventory::{HostKeyChecking, Repo};

/// The kinds of section that hold keys from the table.
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

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Self::Env => "ENV",
            Self::Hub => "hub",
            Self::Node => "node",
            Self::Repo => "repo",
        }
    }
}

/// A key whose value is a `T`.
pub(super) struct Key<T> {
    pub(super) known: Known,
    pub(super) read: fn(&str) -> Result<T, String>,
}

/// The properties of a key that do not depend on the type of its value.
pub(super) struct Known {
    pub(super) name: &'static str,
    /// The kinds of section that may contain it.
    kinds: &'static [Kind],
    pub(super) expansion: Expansion,
    /// What is wrong with a value, if anything is.
    pub(super) check: fn(&str) -> Result<(), String>,
    /// Its meaning: the comment lines above the key in the table.
    meaning: &'static [&'static str],
    /// Its default: a value in backticks, or words.
    default: &'static str,
    /// An example value, in backticks.
    example: &'static str,
}

/// One line for each key: its name, its kinds of section, the environment of its variables, the parser of its value, its
/// default and an example. The comment above the line is its meaning.
macro_rules! keys {
    ($($(#[doc = $meaning:literal])+ $key:ident: $type:ty =
        $name:literal, $kinds:ident, $expansion:ident, $read:path, $default:literal, $example:literal;)+) => {
        $(pub(super) static $key: Key<$type> = Key {
            known: Known {
                name: $name,
                kinds: $kinds,
                expansion: $expansion,
                check: |text| $read(text).map(drop),
                meaning: &[$($meaning),+],
                default: $default,
                example: $example,
            },
            read: $read,
        };)+

        /// Every key that is in use.
        static KNOWN: &[&Known] = &[$(&$key.known),+];
    };
}

const OF_HUBS: &[Kind] = &[Kind::Hub];
const OF_NODES: &[Kind] = &[Kind::Node, Kind::Env];
const OF_BOTH: &[Kind] = &[Kind::Hub, Kind::Node, Kind::Env];
const OF_ALL: &[Kind] = &[Kind::Hub, Kind::Node, Kind::Repo, Kind::Env];

keys! {
    /// host name of the hub in the paths on its nodes
    SRVNODE: String = "srvnode", OF_HUBS, Here, value::srvnode, "required", "`zz.example.org`";
    /// the repos that must exist; others are ignored
    SELECT: Vec<Repo> = "select", OF_HUBS, Here, value::repos, "every repo found; none is reported as missing", "`svn/main tracs/main`";
    /// mail addresses, separated by spaces
    EMAIL: Vec<String> = "email", OF_HUBS, Here, value::emails, "nobody", "`admin@example.org`";
    /// a page about the hub, shown with it
    REPORTURL: String = "reporturl", OF_HUBS, Here, value::page, "none", "`https://reports.example.org/%(srvnode)s/`";
    /// a remark, shown with the hub
    MESSAGE: String = "message", OF_HUBS, Here, value::remark, "none", "`\"Ask Lin first\"`";
    /// IANA time zone of the stamps; the hub's value wins
    TIMEZONE: TimeZone = "timezone", OF_BOTH, Here, value::timezone, "the node's own UTC offset", "`Asia/Shanghai`";
    /// directory on the node that contains `backup/`; may begin with `~` or a variable of the node; the node's
    /// value wins
    SCM_FOLD: String = "scm_fold", OF_BOTH, OnTheNode, value::scm_fold, "`$SCM_FOLD`", "`/volume1/scm`";
    /// host that ssh connects to
    HOST: String = "host", OF_NODES, Here, value::host, "the name in `[HUB]`", "`192.0.2.17`";
    /// account on the node
    USER: String = "user", OF_NODES, Here, value::user, "ssh's choice", "`backup`";
    /// port of the node's SSH server
    PORT: u16 = "port", OF_NODES, Here, value::port, "ssh's choice", "`229`";
    /// private key
    KEY_FILENAME: PathBuf = "key_filename", OF_NODES, Here, value::path, "ssh's choice", "`~/.ssh/id_backup`";
    /// jump hosts, as for `ssh -J`
    GATEWAY: String = "gateway", OF_NODES, Here, value::gateway, "ssh's choice", "`jump@bastion.example.org`";
    /// POSIX shell that runs the probe on the node
    SHELL: String = "shell", OF_NODES, OnTheNode, value::shell, "`sh`", "`/opt/bin/bash`";
    /// limit for connecting, including key exchange and login
    TIMEOUT: Duration = "timeout", OF_NODES, Here, value::wait, "`10s`", "`30s`";
    /// limit for a whole probe
    PROBE_TIMEOUT: Duration = "probe_timeout", OF_NODES, Here, value::wait, "`120s`", "`10m`";
    /// serve the last report without a new probe while it is younger than this
    MIN_PROBE_INTERVAL: Duration = "min_probe_interval", OF_NODES, Here, value::interval, "`0`", "`5m`";
    /// `strict`: the host key must be known; `accept-new`: a key seen for the first time is accepted and stored
    HOST_KEY_CHECKING: HostKeyChecking = "host_key_checking", OF_NODES, Here, value::host_key_checking, "`strict`", "`accept-new`";
    /// file of known host keys
    KNOWN_HOSTS: PathBuf = "known_hosts", OF_NODES, Here, value::path, "ssh's choice", "`/etc/scm-backup-exporter/known_hosts`";
    /// ssh configuration file that replaces the user's
    SSH_CONFIG: PathBuf = "ssh_config", OF_NODES, Here, value::path, "ssh's choice", "`~/.ssh/nodes`";
    /// log the node's standard error at level info instead of debug
    VERBOSE: bool = "verbose", OF_NODES, Here, value::yes_or_no, "`false`", "`true`";
    /// maximum age of the newest tarball; `off` for no limit
    MAX_AGE: Option<Duration> = "max_age", OF_ALL, Here, value::age, "`26h`", "`7d`";
    /// minimum number of tarballs; `off` for no limit
    MIN_TARBALLS: Option<u64> = "min_tarballs", OF_ALL, Here, value::least, "`1`", "`5`";
    /// maximum number of tarballs; `off` for no limit
    MAX_TARBALLS: Option<u64> = "max_tarballs", OF_ALL, Here, value::most, "`30`", "`40`";
    /// minimum size of the newest tarball, relative to the largest of the three before it; `off` for no limit
    MIN_SIZE_RATIO: Option<f64> = "min_size_ratio", OF_ALL, Here, value::ratio, "`0.8`", "`0.5`";
}

/// Keys of hubs that the previous monitor needed; they have no effect now.
pub(super) const OBSOLETE: [&str; 2] = ["dbpath", "jspath"];

/// The documentation of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyDoc {
    /// The key.
    pub name: &'static str,
    /// The sections that may contain it: `hub`, `node`, `repo`, `ENV`.
    pub sections: String,
    /// What it means.
    pub meaning: String,
    /// Its default: a value in backticks, or words. Empty if the key is obsolete.
    pub default: &'static str,
    /// An example value in backticks; empty if the key is obsolete.
    pub example: &'static str,
}

/// All keys. The obsolete ones come last.
pub fn known_keys() -> impl Iterator<Item = KeyDoc> {
    let used = KNOWN.iter().map(|key| {
        let sections: Vec<_> = key.kinds.iter().map(|kind| kind.word()).collect();
        let meaning: Vec<_> = key.meaning.iter().map(|line| line.trim()).collect();
        let (sections, meaning) = (sections.join(", "), meaning.join(" "));
        KeyDoc { name: key.name, sections, meaning, default: key.default, example: key.example }
    });
    used.chain(OBSOLETE.map(|name| {
        let meaning = "no longer used; accepted with a warning".to_owned();
        KeyDoc { name, sections: Kind::Hub.word().to_owned(), meaning, default: "", example: "" }
    }))
}

/// The help on all keys: meaning, sections, default and example.
pub fn keys_help() -> String {
    let mut text = String::from("Keys of the configuration:\n");
    for KeyDoc { name, sections, meaning, default, example } in known_keys() {
        let (default, example) = (default.replace('`', ""), example.replace('`', ""));
        text += &format!("\n  {name} (in {sections})\n      {}\n", meaning.replace('`', ""));
        if !default.is_empty() {
            text += &format!("      default: {default}; example: {name} = {example}\n");
        }
    }
    text
}

/// The key of this name, if this kind of section may contain it.
pub(super) fn known(kind: Kind, name: &str) -> Option<&'static Known> {
    KNOWN.iter().copied().find(|key| key.name == name && key.kinds.contains(&kind))
}

/// The message for a key without a value.
pub(super) fn no_value(name: &str) -> &'static str {
    match name {
        "select" => "names no repo; remove the key to take every repo found",
        "srvnode" => "no value; give the hub's host name as it appears in the paths on its nodes",
        _ => "no value; give one or remove the key",
    }
}

/// The message for a key that this kind of section must not contain; `None` if it may.
pub(super) fn unknown(kind: Kind, name: &str) -> Option<String> {
    if known(kind, name).is_some() || kind == Kind::Hub && OBSOLETE.contains(&name) {
        return None;
    }
    let here = || KNOWN.iter().filter(|key| key.kinds.contains(&kind)).map(|key| key.name);
    Some(if let Some(key) = KNOWN.iter().find(|key| key.name == name) {
        match key.kinds {
            [Kind::Hub] => "is a hub's key; move it to that hub's section".to_owned(),
            _ if kind == Kind::Hub => "is a node's key; move it to the node's section or to [ENV]".to_owned(),
            _ => format!("is not allowed here; only limits are: {}; move it", list(here())),
        }
    } else if matches!(name, "password" | "passwd") {
        "passwords are not supported; use a key (`key_filename`) or an ssh agent".to_owned()
    } else if let Some(meant) = suggest(name, here()) {
        format!("unknown key; did you mean `{meant}`?")
    } else {
        format!("unknown key; known here: {}", list(here()))
    })
}

fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.collect::<Vec<_>>().join(", ")
}
