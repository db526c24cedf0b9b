//! Why a probe failed, and what a person can do about it.

use std::fmt::{self, Write as _};
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use serde::Serialize;

use crate::inventory::{HostKeyChecking, Target, is_control};
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
            Reason::HostKey => {
                let asking = ssh::by_hand_asking(&target.connection);
                // A node that is taken as it is when first seen fails only when its key has changed.
                let is_new = target.connection.host_key_checking == HostKeyChecking::Strict
                    && !self.detail.contains("has changed");
                if self.detail.contains("revoked") {
                    "the key is revoked: ask the node's administrator for the new one, and who holds the old one".to_owned()
                } else if is_new {
                    format!(
                        "compare the node's key with its administrator, then add it to known_hosts by logging in once: {asking}"
                    )
                } else {
                    format!(
                        "the key has changed: ask the node's administrator why before removing the old one from known_hosts, then try {asking}"
                    )
                }
            }
            Reason::Auth => self.advice_when_denied(target, &by_hand),
            Reason::Timeout => format!(
                "try {by_hand} true; if it is only slow, raise `timeout` (to connect) or `probe_timeout` in [node {node}]"
            ),
            Reason::RootMissing if target.root.starts_with('$') => format!(
                "see whether {} is there on the node; set `scm_fold` in [node {node}] to the directory that holds backup/",
                target.root
            ),
            Reason::RootMissing => format!(
                "see whether {} is there on the node; if it lies elsewhere, correct `scm_fold` in [node {node}] or `srvnode` in [hub {}]",
                target.root, target.hub
            ),
            Reason::Permission => format!(
                "let the login user read everything below {0} on the node, or log in as another `user`; typed there, find {0} >/dev/null names what is closed",
                target.root
            ),
            Reason::RemoteCommand if self.detail.contains("on the node failed") => format!(
                "typed on the node, find {} >/dev/null shows whether its disk or mount fails; if it does not, the node's system log may name a tool that was killed",
                target.root
            ),
            Reason::RemoteCommand => format!(
                "install findutils (or BusyBox with find, xargs and stat) and awk on the node; if it is the shell that is missing, set `shell` in [node {node}], which is {} now",
                target.connection.shell
            ),
            Reason::Protocol => format!(
                "see what the node prints: echo 'echo hello' | {by_hand} {} -s; a profile must not exit or read standard input",
                target.connection.shell
            ),
            Reason::Internal if self.detail.contains("No user exists for uid") => {
                "ssh needs a name for the user that runs the exporter: give its number an entry in /etc/passwd, or, in a container, keep the image's own user".to_owned()
            }
            Reason::Internal if self.detail.contains("unix_listener") => {
                "the exporter's directory for control sockets is gone or full: restart the exporter, with XDG_RUNTIME_DIR set to a directory that nothing clears".to_owned()
            }
            Reason::Internal if self.detail.contains(": raise ") => {
                "raise that limit, or have fewer nodes; the exporter goes on by itself when there is room again".to_owned()
            }
            Reason::Internal => format!(
                "if the message names ssh's configuration, correct that (`ssh -G {}` reads it too); if not, see the exporter's log; what is not explained there is a bug worth reporting",
                target.connection.host
            ),
        }
    }

    fn advice_when_denied(&self, target: &Target, by_hand: &str) -> String {
        let (node, key) = (&target.node, target.connection.key_filename.as_deref());
        if let Some((file, error)) = key.and_then(|file| Some((file, File::open(file).err()?))) {
            // `ssh` itself passes over such a key and only says that the login was refused.
            return format!(
                "our key {} cannot be read: {error}; correct `key_filename` in [node {node}], or let the user that runs the exporter read it",
                file.display()
            );
        }
        let mut advice = match key.filter(|file| has_passphrase(file)) {
            Some(file) => format!(
                "our key {0} has a passphrase: load it into the agent of the user that runs the exporter (ssh-add {0}), or take a key without one; ",
                file.display()
            ),
            None => String::new(),
        };
        let _ = write!(
            advice,
            "allow our key on the node: put the output of `scm-backup-exporter authorized-key {node}` into its ~/.ssh/authorized_keys, in the place of an older line"
        );
        if let Some(gateway) = &target.connection.gateway {
            let _ = write!(advice, " (if it is {gateway} that denies, the public key itself into its file)");
        }
        if self.detail.contains("gssapi") {
            advice.push_str("; with Kerberos, see by klist whether our ticket has expired");
        }
        let _ = write!(advice, "; try {by_hand} true");
        advice
    }
}

/// Whether a private key is encrypted, as far as its beginning tells.
fn has_passphrase(file: &Path) -> bool {
    // OpenSSH's own format in base64: its magic, and `none` for the cipher.
    const PLAIN: &str = "b3BlbnNzaC1rZXktdjEAAAAABG5vbm";
    let mut start = String::new();
    let read = File::open(file).and_then(|file| file.take(4096).read_to_string(&mut start));
    let mut lines = start.lines();
    match (read, lines.next()) {
        (Ok(_), Some("-----BEGIN OPENSSH PRIVATE KEY-----")) => {
            lines.next().is_some_and(|line| !line.starts_with(PLAIN))
        }
        // The older formats say so in words, in the first line or the second.
        (Ok(_), Some(first)) => {
            first.contains("ENCRYPTED") || lines.next().is_some_and(|line| line.contains("ENCRYPTED"))
        }
        _ => false,
    }
}

/// Text of foreign origin as one line: control characters are replaced and the length is bounded.
fn one_line(text: &str) -> String {
    const MOST: usize = 500;
    let mut line: String =
        text.trim().chars().map(|c| if is_control(c) { ' ' } else { c }).take(MOST + 1).collect();
    if line.chars().count() > MOST {
        line.pop();
        line.push('…');
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::listing::{ListingError, Tool};
    use crate::report::samples::target;

    #[test]
    fn changed_host_key_is_not_simply_to_be_added() {
        let advice = |detail| Failure::new(Reason::HostKey, detail).advice(&target());
        assert!(advice("No ED25519 host key is known for C").starts_with("compare the node's key"));
        assert!(advice("the node's host key has changed (known_hosts:3)").starts_with("the key has changed"));
        assert!(advice("The ED25519 host key for C is marked as revoked.").starts_with("the key is revoked"));
    }

    #[test]
    fn key_that_cannot_be_read_is_named_when_a_login_is_refused() {
        let mut target = target();
        let refused = Failure::new(Reason::Auth, "Permission denied (publickey).");
        assert!(refused.advice(&target).contains("`scm-backup-exporter authorized-key C`"));
        target.connection.key_filename = Some("/nonexistent/key".into());
        assert!(refused.advice(&target).starts_with("our key /nonexistent/key cannot be read: No such file"));
    }

    #[test]
    #[allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
    fn key_with_a_passphrase_is_told_by_its_beginning() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let has = |text: &str| {
            std::fs::write(file.path(), text).unwrap();
            has_passphrase(file.path())
        };
        const OPENSSH: &str = "-----BEGIN OPENSSH PRIVATE KEY-----\n";
        assert!(has(&format!("{OPENSSH}b3BlbnNzaC1rZXktdjEAAAAACmFlczI1Ni1jdHIAAAAGYmNyeXB0AAAAGAAAABD\n")));
        assert!(!has(&format!(
            "{OPENSSH}b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtz\n"
        )));
        assert!(has("-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n"));
        assert!(has("-----BEGIN ENCRYPTED PRIVATE KEY-----\n"));
        assert!(!has("-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEA\n"));
        assert!(!has(""));
    }

    #[test]
    fn denial_by_a_jump_host_or_in_a_realm_has_its_own_hint() {
        let mut target = target();
        let denied = |target: &Target| {
            Failure::new(Reason::Auth, "Permission denied (gssapi-with-mic).").advice(target)
        };
        assert!(denied(&target).contains("klist"));
        assert!(!denied(&target).contains("if it is"));
        target.connection.gateway = Some("GW".into());
        assert!(denied(&target).contains("if it is GW that denies"));
    }

    #[test]
    fn lost_directory_for_sockets_is_no_fault_of_the_ssh_configuration() {
        let words = "unix_listener: cannot bind to path /tmp/scmbe.x/1.y: No such file or directory";
        assert!(Failure::new(Reason::Internal, words).advice(&target()).contains("restart the exporter"));
    }

    #[test]
    fn user_without_a_name_is_to_get_one() {
        let failure = Failure::new(Reason::Internal, "No user exists for uid 54321");
        assert!(failure.advice(&target()).contains("/etc/passwd"));
    }

    #[test]
    fn advice_names_what_is_to_be_changed() {
        let advice = |reason| Failure::new(reason, "").advice(&target());
        assert!(advice(Reason::RootMissing).contains("`scm_fold` in [node C]"));
        assert!(advice(Reason::RemoteCommand).contains("`shell` in [node C], which is sh now"));
        let failed = ListingError::RemoteTool { tool: Tool::Find, status: 1, complaint: None }.to_string();
        let advice_on_tool = Failure::new(Reason::RemoteCommand, failed).advice(&target());
        assert!(advice_on_tool.contains("whether its disk"), "{advice_on_tool}");
        assert!(advice(Reason::Timeout).contains("`probe_timeout` in [node C]"));
        assert!(advice(Reason::Resolve).contains("`host` in [node C]"));
    }

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
