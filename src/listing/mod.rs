//! Listings: turns the output of the probe script from bytes into records.
//!
//! Nothing a node prints is trusted: every number is bounded, a name may hold any byte but a newline, and a
//! reply without its end mark is an error, never a short listing.
//!
//! # How a listing is requested
//! [`Request`] holds a root and a time limit. [`Request::command`] is the command line for the node's login
//! shell: the constant words `sh -s NONCE KEY`, which every login shell understands. [`Request::script`] goes to
//! standard input. Where `authorized_keys` forces a command ([`authorized_key_options`]), the node runs the
//! script it holds, ignores standard input, and takes NONCE and KEY from `SSH_ORIGINAL_COMMAND`. KEY names one of
//! the roots that the line allows; the holder of the key can ask for no other. A client need not know which of
//! the two a node does, but must not mind when a node leaves standard input unread.
//!
//! # The grammar of version 1
//! ```text
//! reply   = noise begin root [room] record* [count] end noise
//!         | noise fail noise
//! begin   = MARK " BEGIN list=" ("printf" / "stat") " awk=" yesno " bounded=" yesno
//!           " epoch=" SECONDS " utc=" ("+" / "-") HHMM
//! root    = "R " PATH                                 real path of the root
//! room    = "S " KIB " " KIB                          size and available room, of df
//! record  = "F " BYTES " " SECONDS " " PATH           tarball and its mtime
//!         | "D " BYTES " " SECONDS " " text " " PATH  sidecar and its mtime
//!         | "K " SECONDS " " PATH                     LOCKED directory; nothing beneath it is listed
//!         | "X"                                       a newline in a name, passed over
//! text    = "-"                                       no awk, 64 KiB or more, unreadable, or not a dict
//!         | LENGTH " " BYTE*LENGTH                    a dict with only the keys `size` and `dig`, a "?" for a value
//!                                                     that is neither a number nor a digest; about 512 bytes at most
//! count   = "N " RECORDS                              there if awk=yes
//! end     = MARK " END find=" STATUS [" stat=" STATUS] [" awk=" STATUS]
//!           " denied=" N " vanished=" N " other=" N [" complaint=" TEXT]
//! fail    = MARK " FAIL " (CODE | "root_not_allowed" *(TAB ROOT))   see FailCode; the roots that are allowed
//! MARK    = "scm-backup-listing 1 " NONCE
//! ```
//! Each is a line. An empty line stands before each mark, so that noise without a newline, or a path that a
//! killed `find` left unfinished, cannot hide it. A path lies below the root, without `./`; it never holds `//`.
//! `denied` and `vanished` count complaints that make a listing
//! partial; `other` counts those that make it worthless, and `complaint` is the first of them.

mod bounds;
mod compact;
mod error;
mod fields;
mod parser;
mod request;
#[cfg(test)]
mod tests;

pub use error::{FailCode, ListingError, Tool};
pub use parser::Parser;
pub use request::{Request, authorized_key_options};

/// One record of a listing, borrowed from the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Record<'a> {
    /// The listing has begun.
    Begin(Begin),
    /// The real path of the root on the node: any bytes except newline.
    Root(&'a [u8]),
    /// Sizes of the root's file system.
    Filesystem {
        /// The total size in bytes.
        size: u64,
        /// The space available to ordinary users, in bytes.
        avail: u64,
    },
    /// A tarball.
    Tarball {
        /// Size in bytes.
        size: u64,
        /// When it was last written, seconds since the epoch by the node's clock.
        mtime: i64,
        /// Path below the root, without a leading `./`.
        path: &'a [u8],
    },
    /// A tarball's `.dna` sidecar.
    Sidecar {
        /// Size of the sidecar itself in bytes.
        size: u64,
        /// When it was last written, seconds since the epoch by the node's clock.
        mtime: i64,
        /// Path below the root, without a leading `./`.
        path: &'a [u8],
        /// Its size and digest, as a dict; nothing else of it leaves the node. `None` if it was not read (too large, not
        /// readable, or no `awk` on the node) or is no dict.
        content: Option<&'a [u8]>,
    },
    /// A `LOCKED` directory.
    Lock {
        /// When it was last written, seconds since the epoch by the node's clock.
        mtime: i64,
        /// Path below the root.
        path: &'a [u8],
    },
    /// A name with a newline in it, which was passed over with all that lies beneath.
    NewlineInName,
}

/// How the listing begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Begin {
    /// The tool that the node lists with.
    pub method: Method,
    /// Whether the node could read sidecars (has an `awk`).
    pub reads_sidecars: bool,
    /// Whether the node itself ends the walk at the time limit (it has `sleep` and `/proc`).
    pub bounded: bool,
    /// The node's clock, seconds since the epoch.
    pub epoch: i64,
    /// The node's offset from UTC in seconds, east positive.
    pub utc_offset: i32,
}

/// The tool that a node lists its files with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// `find -printf` (GNU).
    Printf,
    /// `find -print0 | xargs -0 stat` (BusyBox, toybox).
    Stat,
}

impl Method {
    /// Its name in the script's protocol and in the `listing` label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Printf => "printf",
            Self::Stat => "stat",
        }
    }
}

/// The summary at the end mark of a listing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct End {
    /// Directories or files that could not be read for lack of permission; their content is unknown.
    pub unreadable: u64,
}
