//! Why a probe failed: facts, from which the reason, the words and the advice are made.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::human::Places;
use crate::listing::{FailCode, ListingError};
use crate::probe::shortage::Shortage;
use crate::text;

pub use super::reason::Reason;

/// Why a probe failed. There is a variant for each remedy. `Display` is a message of one line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Cause {
    /// The node's name, or that of its jump host, does not resolve.
    #[error("{0}")]
    Resolve(Words),
    /// There is no connection; with the message of `ssh`.
    #[error("{0}")]
    NoConnection(Words),
    /// `ssh` ended without a message.
    #[error("ssh ended without a message")]
    Silent,
    /// The other side ended the connection before the login; with the message of `ssh`, which quotes the other side.
    #[error("{0} (received before the login, so not authenticated)")]
    Disconnected(Words),
    /// The connection was lost after the login.
    #[error("the connection was lost while listing")]
    ConnectionLost,
    /// The node refuses another session on a live connection.
    #[error("the node refuses another session (MaxSessions of its sshd?): {0}")]
    SessionRefused(Words),
    /// The host key cannot be trusted.
    #[error("{0}")]
    HostKey(HostKey),
    /// The node, or its jump host, refuses the login.
    #[error("{0}")]
    Denied(Denied),
    /// The node refused a login, and its backoff is not over.
    #[error("{denied} (not retried for another {wait} s, so that no account is locked out)")]
    LeftAlone {
        /// The refusal.
        denied: Denied,
        /// Seconds until the next try.
        wait: u64,
    },
    /// `ssh` ran into one of its own time limits.
    #[error("{0}")]
    ConnectTimedOut(Words),
    /// The login did not finish in time.
    #[error("{}, the key exchange included", LoginLimit(*.limit, *.cut))]
    LoginLate {
        /// The limit.
        limit: Duration,
        /// Whether `probe_timeout` left less than `timeout` allows.
        cut: bool,
    },
    /// The listing did not finish in time.
    #[error("no complete listing within {} s (`probe_timeout`)", .limit.as_secs_f64())]
    ListingLate {
        /// `probe_timeout`.
        limit: Duration,
    },
    /// Part of the tree cannot be read. There is a report of the rest.
    #[error("{} below {root} cannot be read, so the listing is incomplete", Places(*.count))]
    Unreadable {
        /// How many directories or files.
        count: u64,
        /// The real path of the root on the node.
        root: String,
    },
    /// The node cannot run the configured shell.
    #[error("the node cannot run the shell {shell}{ended}")]
    NoShell {
        /// The configured `shell`.
        shell: String,
        /// How the command ended.
        ended: Ended,
    },
    /// The node's output is no listing, or explains why there is none.
    #[error("{error}{ended}")]
    Listing {
        /// What is wrong with it.
        error: ListingError,
        /// How the command ended, if that may explain the error.
        ended: Ended,
    },
    /// A fault on the exporter's side.
    #[error("{0}")]
    Internal(Internal),
}

/// What is wrong with a host key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HostKey {
    /// No key is known for the node.
    #[error("{words}")]
    Unknown {
        /// The message of `ssh`.
        words: Words,
        /// The configured `known_hosts`, if the file does not exist.
        missing: Option<PathBuf>,
    },
    /// Another key is known.
    #[error("the node's host key has changed ({0})")]
    Changed(Words),
    /// The key is marked as revoked.
    #[error("{0}")]
    Revoked(Words),
    /// `ssh` gives no detail.
    #[error("{0}")]
    NotVerified(Words),
}

/// A refused login.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{words}")]
pub struct Denied {
    /// The message of `ssh`.
    pub words: Words,
    /// The account, as `user@host`; empty if an old `ssh` does not name it.
    pub login: String,
    /// Whether the other side offers Kerberos.
    pub kerberos: bool,
    /// Whether the jump host refuses the login.
    pub at_jump_host: bool,
    /// The exporter's key file, if it is unusable.
    pub key: Option<KeyFile>,
}

/// A private key file that `ssh` cannot use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyFile {
    /// Its path.
    pub path: PathBuf,
    /// What is wrong with it.
    pub fault: FileFault,
}

/// What is wrong with a file that `ssh` should read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileFault {
    /// It does not exist.
    Missing,
    /// It cannot be read; with the system's message.
    Unreadable(String),
    /// It is a directory or another non-file.
    NotAFile,
    /// It contains a public key.
    PublicKey,
    /// It contains no private key.
    NoKey,
    /// Users other than its owner may read it, so `ssh` ignores it; with its permission bits.
    Open(u32),
    /// It is encrypted.
    Encrypted,
}

/// A fault on the exporter's side.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Internal {
    /// `ssh` could not be started.
    #[error("cannot start ssh: {0}")]
    Start(Words),
    /// This machine has run out of a resource that a probe needs.
    #[error("cannot {doing}: {shortage}")]
    Short {
        /// What could not be done.
        doing: &'static str,
        /// The exhausted resource.
        shortage: Shortage,
    },
    /// `ssh` is missing or cannot be run.
    #[error("{0}")]
    NoSsh(Words),
    /// The ssh configuration is wrong.
    #[error("{0}")]
    SshConfig(Words),
    /// The user that runs the exporter has no name.
    #[error("{0}")]
    NoUserName(Words),
    /// The control socket cannot be created.
    #[error("{0}")]
    ControlSocket(Words),
    /// The known hosts file cannot be read; `ssh` treats it like an empty one.
    #[error("cannot read {}: {problem}, so no host key is known", .file.display())]
    KnownHosts {
        /// The file.
        file: PathBuf,
        /// The system's message.
        problem: String,
    },
    /// A directory is named in the place of the file of known host keys, which `ssh` takes for one without a key.
    #[error("{} is a directory, so that no host key is known", .0.display())]
    KnownHostsDirectory(PathBuf),
    /// The system gives no randomness.
    #[error("the system provides no random numbers: {0}")]
    NoRandomness(Words),
    /// The exporter is stopping.
    #[error("the exporter is stopping")]
    Stopping,
    /// Nothing read the node's output: a bug in the exporter.
    #[error("the exporter did not read the listing")]
    NeverRead,
    /// A bug in the exporter.
    #[error("the exporter panicked; its log says where")]
    Panicked,
}

/// How a command on the node ended. `Display` is empty after a silent success.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ended {
    /// Its exit status; `None` when it was not waited for, or ended by a signal.
    pub status: Option<i32>,
    /// The last line of its standard error.
    pub last_words: Option<Words>,
}

impl Cause {
    /// Its reason, for the `reason` label.
    pub fn reason(&self) -> Reason {
        match self {
            Self::Resolve(_) => Reason::Resolve,
            Self::NoConnection(_)
            | Self::Silent
            | Self::Disconnected(_)
            | Self::ConnectionLost
            | Self::SessionRefused(_) => Reason::Connect,
            Self::HostKey(_) => Reason::HostKey,
            Self::Denied(_) | Self::LeftAlone { .. } => Reason::Auth,
            Self::ConnectTimedOut(_) | Self::LoginLate { .. } | Self::ListingLate { .. } => Reason::Timeout,
            Self::Unreadable { .. } => Reason::Permission,
            Self::NoShell { .. } => Reason::RemoteCommand,
            Self::Listing { error, .. } => reason_of_listing(error),
            Self::Internal(_) => Reason::Internal,
        }
    }

    /// The same cause during the backoff after a refused login, with the seconds that remain.
    #[must_use]
    pub fn left_alone(self, wait: u64) -> Self {
        match self {
            Self::Denied(denied) | Self::LeftAlone { denied, .. } => Self::LeftAlone { denied, wait },
            other => other,
        }
    }

    /// A reply that is no listing, without further explanation from the node.
    pub fn listing(error: ListingError) -> Self {
        Self::Listing { error, ended: Ended::default() }
    }
}

/// The reason of a reply that is no listing.
pub(super) fn reason_of_listing(error: &ListingError) -> Reason {
    match error {
        ListingError::Refused(code) => match code {
            FailCode::RootVarUnset
            | FailCode::RootMissing
            | FailCode::RootNotAbsolute
            | FailCode::BadRoot => Reason::RootMissing,
            FailCode::RootDenied => Reason::Permission,
            FailCode::NoLister | FailCode::NoAwk | FailCode::Stuck => Reason::RemoteCommand,
        },
        ListingError::RootNotAllowed { .. } => Reason::Auth,
        ListingError::RemoteTool { .. } => Reason::RemoteCommand,
        ListingError::OutOfTime => Reason::Timeout,
        ListingError::NoBegin { .. }
        | ListingError::OtherVersion { .. }
        | ListingError::TooMuchNoise
        | ListingError::Truncated { .. }
        | ListingError::CountMismatch { .. }
        | ListingError::Malformed { .. }
        | ListingError::LineTooLong => Reason::Protocol,
    }
}

/// Text from ssh or a node as one line: control characters are replaced and the length is bounded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words(String);

impl Words {
    /// Makes text safe for a log line and a terminal.
    pub fn new(text: impl AsRef<str>) -> Self {
        const MOST: usize = 500;
        let mut line = text::one_line(text.as_ref());
        if let Some((end, _)) = line.char_indices().nth(MOST) {
            line.truncate(end);
            line.push('…');
        }
        Self(line)
    }
}

impl fmt::Display for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(status) = self.status.filter(|status| *status != 0) {
            write!(f, "; exit status {status}")?;
        }
        match &self.last_words {
            Some(words) => write!(f, "; its last error line: {words}"),
            None => Ok(()),
        }
    }
}

struct LoginLimit(Duration, bool);

impl fmt::Display for LoginLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(limit, cut) = self;
        if *cut {
            write!(f, "no login within the {:.1} s left of `probe_timeout`", limit.as_secs_f64())
        } else {
            write!(f, "no login within {} s (`timeout`)", limit.as_secs_f64())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_words_are_one_bounded_line() {
        let words = Words::new(format!("a\r\n\x1b[31mb{}", "x".repeat(2000))).to_string();
        assert!(words.starts_with("a   [31mbx"));
        assert_eq!(words.chars().count(), 501);
    }

    #[test]
    fn one_thing_that_cannot_be_read_is_not_several() {
        let words = |count| Cause::Unreadable { count, root: "/data".into() }.to_string();
        assert!(words(1).starts_with("1 directory or file below /data"), "{}", words(1));
        assert!(words(2).starts_with("2 directories or files below /data"), "{}", words(2));
        let cut = |records| Cause::listing(ListingError::Truncated { records }).to_string();
        assert_eq!(cut(1), "the listing ended early, after 1 record");
        assert_eq!(cut(2), "the listing ended early, after 2 records");
    }
}
