//! Why a probe failed: facts, from which the reason, the words and the advice are made.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::human::Places;
use crate::listing::{FailCode, ListingError};
use crate::probe::shortage::Shortage;
use crate::text;

pub use super::reason::Reason;

/// Why a probe failed. One variant for each thing that can be done about it; `Display` is what was seen, in one line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Cause {
    /// The node's name, or that of its jump host, does not resolve.
    #[error("{0}")]
    Resolve(Words),
    /// There is no connection, in the words of `ssh`.
    #[error("{0}")]
    NoConnection(Words),
    /// `ssh` ended and said nothing.
    #[error("ssh ended without a message")]
    Silent,
    /// The other side ended the connection before the login, in the words of `ssh`, which quotes it.
    #[error("{0} (received before the login, so not authenticated)")]
    Disconnected(Words),
    /// The connection was there, and is gone.
    #[error("the connection was lost while listing")]
    ConnectionLost,
    /// The node lets no further session run on a connection that is up.
    #[error("the node refuses another session (MaxSessions of its sshd?): {0}")]
    SessionRefused(Words),
    /// The host key is not one to trust.
    #[error("{0}")]
    HostKey(HostKey),
    /// The node, or its jump host, refuses the login.
    #[error("{0}")]
    Denied(Denied),
    /// A node that refused a login is left alone, since the refusal.
    #[error("{denied} (not retried for another {wait} s, so that no account is locked out)")]
    LeftAlone {
        /// The refusal.
        denied: Denied,
        /// Seconds until it is tried again.
        wait: u64,
    },
    /// `ssh` ran into one of its own time limits.
    #[error("{0}")]
    ConnectTimedOut(Words),
    /// There was no login in time.
    #[error("{}, the key exchange included", LoginLimit(*.limit, *.cut))]
    LoginLate {
        /// How long it could take.
        limit: Duration,
        /// Whether `probe_timeout` left less than `timeout` allows.
        cut: bool,
    },
    /// The listing was not complete in time.
    #[error("no complete listing within {} s (`probe_timeout`)", .limit.as_secs_f64())]
    ListingLate {
        /// `probe_timeout`.
        limit: Duration,
    },
    /// A part of the tree may not be read, beside which there is a report.
    #[error("{} below {root} cannot be read, so the listing is incomplete", Places(*.count))]
    Unreadable {
        /// How many directories or files.
        count: u64,
        /// The real path of the root on the node.
        root: String,
    },
    /// The node cannot run the shell of the configuration.
    #[error("the node cannot run the shell {shell}{ended}")]
    NoShell {
        /// The configured `shell`.
        shell: String,
        /// How the command ended.
        ended: Ended,
    },
    /// What the node printed is no listing, or says why there is none.
    #[error("{error}{ended}")]
    Listing {
        /// What is wrong with it.
        error: ListingError,
        /// How the command ended, where that may explain it.
        ended: Ended,
    },
    /// A fault on our own side.
    #[error("{0}")]
    Internal(Internal),
}

/// What is wrong with a host key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HostKey {
    /// None is known for the node.
    #[error("{words}")]
    Unknown {
        /// The words of `ssh`.
        words: Words,
        /// The `known_hosts` of the configuration, where there is no such file.
        missing: Option<PathBuf>,
    },
    /// Another one is known.
    #[error("the node's host key has changed ({0})")]
    Changed(Words),
    /// It is marked as revoked.
    #[error("{0}")]
    Revoked(Words),
    /// `ssh` does not say more.
    #[error("{0}")]
    NotVerified(Words),
}

/// A refused login.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{words}")]
pub struct Denied {
    /// The words of `ssh`.
    pub words: Words,
    /// Whose account it is, as `user@host`; empty where an old `ssh` does not say.
    pub login: String,
    /// Whether the other side offers Kerberos.
    pub kerberos: bool,
    /// Whether the jump host refuses the login.
    pub at_jump_host: bool,
    /// A key file of ours that is of no use as it is.
    pub key: Option<KeyFile>,
}

/// A private key file that `ssh` cannot use as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyFile {
    /// Where it is.
    pub path: PathBuf,
    /// What is wrong with it.
    pub fault: FileFault,
}

/// What is wrong with a file that `ssh` should read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileFault {
    /// There is none.
    Missing,
    /// It cannot be read, in the words of the system.
    Unreadable(String),
    /// It is a directory, or something else that is no file.
    NotAFile,
    /// It holds a public key.
    PublicKey,
    /// It holds no private key.
    NoKey,
    /// Others than its owner may read it, so that `ssh` passes over it. Its permission bits.
    Open(u32),
    /// It is encrypted.
    Encrypted,
}

/// A fault on our own side.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Internal {
    /// `ssh` could not be started.
    #[error("cannot start ssh: {0}")]
    Start(Words),
    /// This machine has no more of something that a probe needs.
    #[error("cannot {doing}: {shortage}")]
    Short {
        /// What could not be done.
        doing: &'static str,
        /// What there is no more of.
        shortage: Shortage,
    },
    /// `ssh` is not there, or cannot be run.
    #[error("{0}")]
    NoSsh(Words),
    /// The ssh configuration is wrong.
    #[error("{0}")]
    SshConfig(Words),
    /// The user that runs the exporter has no name.
    #[error("{0}")]
    NoUserName(Words),
    /// There is no place for the control socket.
    #[error("{0}")]
    ControlSocket(Words),
    /// The file of known host keys cannot be read, which `ssh` takes for one without a key.
    #[error("cannot read {}: {problem}, so no host key is known", .file.display())]
    KnownHosts {
        /// The file.
        file: PathBuf,
        /// Why, in the words of the system.
        problem: String,
    },
    /// A directory is named in the place of the file of known host keys, which `ssh` takes for one without a key.
    #[error("{} is a directory, so that no host key is known", .0.display())]
    KnownHostsDirectory(PathBuf),
    /// The system gives no randomness.
    #[error("the system provides no random numbers: {0}")]
    NoRandomness(Words),
    /// The exporter is about to end.
    #[error("the exporter is stopping")]
    Stopping,
    /// Nobody read what the node printed: a fault of the program.
    #[error("the exporter did not read the listing")]
    NeverRead,
    /// A fault of the program.
    #[error("the exporter panicked; its log says where")]
    Panicked,
}

/// How a command on the node ended. Shown only where it tells something.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ended {
    /// Its exit status; `None` when it was not waited for, or ended by a signal.
    pub status: Option<i32>,
    /// The last line of its standard error.
    pub last_words: Option<Words>,
}

impl Cause {
    /// Which of the closed set it is.
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

    /// The same, of a node that is left alone for so many seconds since it refused the login.
    #[must_use]
    pub fn left_alone(self, wait: u64) -> Self {
        match self {
            Self::Denied(denied) | Self::LeftAlone { denied, .. } => Self::LeftAlone { denied, wait },
            other => other,
        }
    }

    /// A reply that is no listing, for which the node gave no other explanation.
    pub fn listing(error: ListingError) -> Self {
        Self::Listing { error, ended: Ended::default() }
    }
}

/// Every reply that is no listing has its reason.
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

/// Text of foreign origin as one line: control characters are replaced and the length is bounded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words(String);

impl Words {
    /// These words, made safe for a log line and a terminal.
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
