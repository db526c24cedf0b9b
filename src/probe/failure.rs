//! Why a probe failed, and what a person can do about it.

use std::fmt;

use serde::Serialize;

use crate::inventory::{HostKeyChecking, Target};
use crate::probe::ssh;

/// The closed set of reasons: the values of the `reason` label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The node's name does not resolve.
    Resolve,
    /// No connection: refused, unreachable, closed before the login.
    Connect,
    /// The host key is unknown or has changed.
    HostKey,
    /// The node does not let us in.
    Auth,
    /// Connecting or listing took too long.
    Timeout,
    /// The directory that should hold the tarballs is not there, or its variable is not set.
    RootMissing,
    /// The directory, or a part of it, may not be read.
    Permission,
    /// The node lacks a tool, or one of its tools failed.
    RemoteCommand,
    /// What the node printed is not a whole listing.
    Protocol,
    /// A fault on our own side.
    Internal,
}

impl Reason {
    /// Every reason, in the order of the exposition.
    pub const ALL: [Self; 10] = [
        Self::Resolve,
        Self::Connect,
        Self::HostKey,
        Self::Auth,
        Self::Timeout,
        Self::RootMissing,
        Self::Permission,
        Self::RemoteCommand,
        Self::Protocol,
        Self::Internal,
    ];

    /// The value of the `reason` label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Resolve => "resolve",
            Self::Connect => "connect",
            Self::HostKey => "host_key",
            Self::Auth => "auth",
            Self::Timeout => "timeout",
            Self::RootMissing => "root_missing",
            Self::Permission => "permission",
            Self::RemoteCommand => "remote_command",
            Self::Protocol => "protocol",
            Self::Internal => "internal",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// One failure: its reason, and in words what was seen.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct Failure {
    /// Which of the closed set.
    pub reason: Reason,
    /// What was seen, as one line without control characters.
    pub detail: String,
}

impl Failure {
    /// A failure; the detail is made safe for a log line and a terminal.
    pub fn new(reason: Reason, detail: impl AsRef<str>) -> Self {
        Self { reason, detail: one_line(detail.as_ref()) }
    }

    /// What a person can do about it.
    pub fn advice(&self, target: &Target) -> String {
        let node = &target.node;
        let by_hand = ssh::by_hand(&target.connection);
        match self.reason {
            Reason::Resolve => format!(
                "check the spelling of {:?}, add it to the ssh configuration, or set `host` in [node {node}]",
                target.connection.host
            ),
            Reason::Connect => format!("see whether the node is up and its sshd listens: {by_hand} true"),
            Reason::HostKey => match target.connection.host_key_checking {
                HostKeyChecking::Strict => format!(
                    "compare the node's key with its administrator, then add it to known_hosts by logging in once: {}",
                    ssh::by_hand_asking(&target.connection)
                ),
                HostKeyChecking::AcceptNew => format!(
                    "the key has changed: ask the node's administrator why before removing the old one from known_hosts, then try {}",
                    ssh::by_hand_asking(&target.connection)
                ),
            },
            Reason::Auth => format!(
                "allow our key on the node: append the output of `scm-backup-exporter authorized-key {node}` to its ~/.ssh/authorized_keys; try {by_hand} true"
            ),
            Reason::Timeout => format!(
                "try {by_hand} true; if it is only slow, raise `timeout` (to connect) or `probe_timeout` in [node {node}]"
            ),
            Reason::RootMissing => format!(
                "see whether {} is there: {by_hand}; set `scm_fold` in [node {node}] if it lies elsewhere",
                target.root
            ),
            Reason::Permission => format!(
                "let the login user read everything below {} on the node, or log in as another `user`",
                target.root
            ),
            Reason::RemoteCommand => {
                "install findutils (or BusyBox with find, xargs and stat) and awk on the node".to_owned()
            }
            Reason::Protocol => format!(
                "see what the node prints: echo 'echo hello' | {by_hand} {} -s; a profile must not exit or read standard input",
                target.connection.shell
            ),
            Reason::Internal => {
                "see the exporter's log; if it is not explained there, this is a bug worth reporting"
                    .to_owned()
            }
        }
    }
}

/// Text of foreign origin as one line: control characters are replaced and the length is bounded.
fn one_line(text: &str) -> String {
    const MOST: usize = 500;
    let mut line: String =
        text.trim().chars().map(|c| if c.is_control() { ' ' } else { c }).take(MOST + 1).collect();
    if line.chars().count() > MOST {
        line.pop();
        line.push('…');
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn detail_is_one_bounded_line() {
        let failure = Failure::new(Reason::Protocol, format!("a\r\n\x1b[31mb{}", "x".repeat(2000)));
        assert!(failure.detail.starts_with("a   [31mbx"));
        assert_eq!(failure.detail.chars().count(), 501);
    }

    #[test]
    fn reasons_are_distinct_words() {
        let words: std::collections::BTreeSet<_> = Reason::ALL.iter().map(|r| r.as_str()).collect();
        assert_eq!(words.len(), Reason::ALL.len());
        for reason in Reason::ALL {
            assert_eq!(serde_json::to_string(&reason).ok(), Some(format!("{:?}", reason.as_str())));
        }
    }
}
