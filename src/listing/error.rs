//! Errors: why a reply is not a listing.

use std::fmt;

use super::bounds::{MAX_LINE, MAX_NOISE, VERSION};
use crate::human::{Bytes, Counted};

/// What makes a reply unusable. There is a variant for each remedy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ListingError {
    /// The reply ended before a listing began.
    #[error("the node printed no listing{}", LastWords(.last_words))]
    NoBegin {
        /// The last line it printed instead, escaped; `None` when it printed nothing.
        last_words: Option<String>,
    },
    /// The listing is of another version: an `authorized_keys` line made by another version of the exporter.
    #[error(
        "the node's line in authorized_keys comes from another release: its script has version {found}, not {VERSION}"
    )]
    OtherVersion {
        /// The version it gives, escaped.
        found: String,
    },
    /// More than [`Parser::MAX_NOISE`](super::Parser::MAX_NOISE) bytes came before the listing began.
    #[error("the node printed more than {} before the listing", Bytes(MAX_NOISE as u64))]
    TooMuchNoise,
    /// The forced command of `authorized_keys` does not allow this root.
    #[error("the node's line in authorized_keys does not allow this directory{}", Allowed(.allowed))]
    RootNotAllowed {
        /// The roots that it allows, escaped; none where the line is too old to say.
        allowed: Vec<String>,
    },
    /// The script could not list.
    #[error("{0}")]
    Refused(FailCode),
    /// The reply ended in the middle of a listing.
    #[error("the listing ended early, after {}", Counted(*.records, "record"))]
    Truncated {
        /// How many were read until then.
        records: u64,
    },
    /// The node sent another number of records than it counted.
    #[error("the node counted {}, but {received} arrived", Counted(*.declared, "record"))]
    CountMismatch {
        /// What it counted.
        declared: u64,
        /// What was read.
        received: u64,
    },
    /// A line that does not follow the grammar.
    #[error("the listing has a malformed line: {line}")]
    Malformed {
        /// The line, escaped, or its beginning.
        line: String,
    },
    /// A line longer than [`Parser::MAX_LINE`](super::Parser::MAX_LINE).
    #[error("the listing has a line of more than {}", Bytes(MAX_LINE as u64))]
    LineTooLong,
    /// The walk was ended by the time limit on the node.
    #[error("the node did not finish within the time limit (`probe_timeout`)")]
    OutOfTime,
    /// A tool failed for another reason than missing permission or a vanished file.
    #[error("{tool} on the node failed (exit status {status}){}", Complaint(.complaint))]
    RemoteTool {
        /// Which.
        tool: Tool,
        /// Its exit status.
        status: u8,
        /// Its first error message, escaped; `None` if it printed none.
        complaint: Option<String>,
    },
}

/// A tool that the script runs on the node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tool {
    /// `find`
    Find,
    /// `xargs stat`
    Stat,
    /// `awk`
    Awk,
}

impl fmt::Display for Tool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Find => "find",
            Self::Stat => "stat",
            Self::Awk => "awk",
        })
    }
}

/// Why the script refused to list. The set is closed: another code is a malformed line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailCode {
    /// The variable at the start of the root is set neither in the environment nor by a login shell.
    RootVarUnset,
    /// There is no such directory.
    RootMissing,
    /// The directory, or one above it, may not be entered or read.
    RootDenied,
    /// The root does not begin with a slash, even after `~` or its variable was resolved.
    RootNotAbsolute,
    /// The root cannot be understood: a malformed variable name, or a newline in its real path.
    BadRoot,
    /// The node has neither a `find` with `-printf` nor `find`, `xargs` and `stat` that work together.
    NoLister,
    /// The node lists with `stat`, which needs an `awk`, and has none.
    NoAwk,
    /// A tool that normally takes no time hung and was ended.
    Stuck,
}

impl FailCode {
    /// Every code.
    pub const ALL: [Self; 8] = [
        Self::RootVarUnset,
        Self::RootMissing,
        Self::RootDenied,
        Self::RootNotAbsolute,
        Self::BadRoot,
        Self::NoLister,
        Self::NoAwk,
        Self::Stuck,
    ];

    /// The code in the script's protocol.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RootVarUnset => "root_var_unset",
            Self::RootMissing => "root_missing",
            Self::RootDenied => "root_denied",
            Self::RootNotAbsolute => "root_not_absolute",
            Self::BadRoot => "bad_root",
            Self::NoLister => "no_lister",
            Self::NoAwk => "no_awk",
            Self::Stuck => "stuck",
        }
    }

    /// Parses a code.
    pub(super) fn from_word(word: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.as_str().as_bytes() == word)
    }
}

impl fmt::Display for FailCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::RootVarUnset => {
                "the variable at the start of the hub's directory is not set on the node, not even in a login shell"
            }
            Self::RootMissing => "the hub's directory does not exist on the node",
            Self::RootDenied => "the login user may not read the hub's directory",
            Self::RootNotAbsolute => "the hub's directory is not an absolute path on the node",
            Self::BadRoot => "the hub's directory is not a usable path",
            Self::NoLister => "the node has no usable find",
            Self::NoAwk => "the node has neither GNU find nor an awk",
            Self::Stuck => "`find` or `date` on the node did not answer within seconds",
        })
    }
}

struct Allowed<'a>(&'a [String]);

impl fmt::Display for Allowed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// How many are named.
        const MOST: usize = 3;
        let Self(roots) = self;
        match roots.len() {
            0 => Ok(()),
            all if all <= MOST => write!(f, ", only {}", roots.join(", ")),
            all => write!(f, ", only {} and {} more", roots[..MOST].join(", "), all - MOST),
        }
    }
}

struct LastWords<'a>(&'a Option<String>);

impl fmt::Display for LastWords<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(words) => write!(f, " but \"{words}\""),
            None => Ok(()),
        }
    }
}

struct Complaint<'a>(&'a Option<String>);

impl fmt::Display for Complaint<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(text) => write!(f, ": {text}"),
            None => Ok(()),
        }
    }
}
