//! The values of the `reason` label.

use std::fmt;

use serde::Serialize;

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_distinct_words() {
        let words: std::collections::BTreeSet<_> = Reason::ALL.iter().map(|r| r.as_str()).collect();
        assert_eq!(words.len(), Reason::ALL.len());
        for reason in Reason::ALL {
            assert_eq!(serde_json::to_string(&reason).ok(), Some(format!("{:?}", reason.as_str())));
        }
    }
}
