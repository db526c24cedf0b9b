//! What the probe script prints, from bytes to records.
//!
//! Nothing a node prints is trusted: every number is bounded, a name may hold any byte but a newline, and a
//! reply without its end mark is an error, never a short listing.

/// One fact of a listing, borrowed from the bytes as they stream past.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Record<'a> {
    /// The listing has begun.
    Begin(Begin),
    /// Where the root really lies on the node; bytes that do not print are already `?`.
    Root(&'a [u8]),
    /// Room on the file system of the root.
    Filesystem {
        /// All of it, in bytes.
        size: u64,
        /// What is left for ordinary users, in bytes.
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
        /// Its text on one line, bytes that do not print as `?`; `None` when it was not read (too large, not
        /// readable, or no `awk` on the node).
        content: Option<&'a [u8]>,
    },
    /// A `last` link.
    Last {
        /// Path of the link below the root.
        path: &'a [u8],
        /// Where it points.
        target: &'a [u8],
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
    /// With what the node lists.
    pub method: Method,
    /// Whether the node could read sidecars (has an `awk`).
    pub reads_sidecars: bool,
    /// The node's clock, seconds since the epoch.
    pub epoch: i64,
    /// The node's offset from UTC in seconds, east positive.
    pub utc_offset: i32,
}

/// With what a node lists its files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// `find -printf` (GNU).
    Printf,
    /// `find -print0 | xargs -0 stat` (BusyBox, toybox).
    Stat,
}

impl Method {
    /// The word used in the script's protocol and in the `listing` label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Printf => "printf",
            Self::Stat => "stat",
        }
    }
}

/// How a listing that reached its end mark ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct End {
    /// Directories or files that could not be read for lack of permission: what lies there is not known.
    pub unreadable: u64,
    /// Files that vanished while the listing went on (a purge, a transfer): harmless.
    pub vanished: u64,
}
