//! Reports: a listing summarised by repo, in memory that grows with the number of repos, not of tarballs.
//!
//! The module is pure: no clock, no I/O.

mod accumulator;
mod bound;
mod builder;
#[cfg(test)]
mod builder_tests;
mod layout;
mod path_error;
mod points;
#[cfg(test)]
pub(crate) mod samples;
mod sidecar;
mod stamp;
mod zone_shift;

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::inventory::Repo;
use crate::listing::Method;

pub use builder::Builder;
pub use points::{MOST_POINTS, Point};

/// The summary of a complete or nearly complete listing of a target.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// When the listing began, by the exporter's clock.
    pub taken: Timestamp,
    /// The tool that the node lists with.
    pub method: Method,
    /// The real path of the root on the node.
    pub root: String,
    /// The node's clock minus the exporter's, in seconds.
    pub clock_offset: f64,
    /// The zone that the stamps were read in: the hub's, or else the node's own offset from UTC.
    pub zone: TimeZone,
    /// The repos found, without ignored ones.
    pub repos: BTreeMap<Repo, RepoSummary>,
    /// Tarballs read, of all repos.
    pub records: u64,
    /// Names that do not fit the layout.
    pub rejects: Rejects,
    /// Tarballs of repos that are ignored because the target has too many repos or too long names; normally 0.
    pub surplus: u64,
    /// How many directories or files could not be read. Unless it is 0, absence proves nothing.
    pub unreadable: u64,
    /// The transfer lock, if there is one.
    pub lock: Option<Lock>,
    /// Sizes of the tarballs' file system, if the node could tell.
    pub filesystem: Option<Filesystem>,
    /// Whole hours by which the stamps in the paths are ahead of the files' own times, if all agree on a number other
    /// than 0: the hub's `timezone` is then missing or wrong.
    pub zone_shift_hours: Option<i32>,
}

impl Report {
    /// Whether it is young enough to be served without a new probe (`min_probe_interval`).
    pub fn is_younger_than(&self, interval: Duration, now: Timestamp) -> bool {
        let age = now.duration_since(self.taken);
        !age.is_negative() && age.unsigned_abs() < interval
    }
}

/// The tarballs of one repo, summarised.
#[derive(Debug, Clone, PartialEq)]
pub struct RepoSummary {
    /// The newest tarball by its stamp.
    pub newest: Tarball,
    /// The tarball it is compared with: the largest of the three before it, or of as many as there are, so that a
    /// truncated one is no measure for the next.
    pub previous: Option<Tarball>,
    /// When the oldest tarball was made.
    pub oldest: Timestamp,
    /// How many there are.
    pub count: u64,
    /// Their total size in bytes.
    pub total_bytes: u64,
    /// Whether the newest agrees with its sidecar.
    pub verification: Verification,
    /// At most the newest [`MOST_POINTS`] tarballs, oldest first, for the plot; fewer if the target has very many repos.
    pub points: Box<[Point]>,
}

/// One tarball.
#[derive(Debug, Clone, PartialEq)]
pub struct Tarball {
    /// When it was made: the stamp in its path, in the hub's zone.
    pub made: Timestamp,
    /// Size in bytes.
    pub size: u64,
    /// Path below the root, escaped as a repo label is.
    pub path: String,
}

/// What the sidecar says about a repo's newest tarball.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verification {
    /// The repo has no sidecars at all, so their absence means nothing.
    NoSidecars,
    /// The sidecar could not be read on the node (no `awk`), so nothing is known.
    Unknown,
    /// The sidecar gives the tarball's size.
    Verified,
    /// The sidecar is missing: still in transfer, or the transfer failed.
    Missing,
    /// The sidecar gives another size.
    Contradicted {
        /// The size it gives, in bytes.
        says: u64,
    },
    /// The sidecar cannot be parsed.
    Garbled,
}

impl Verification {
    /// Whether the newest tarball has a sidecar that gives its size; `None` if unknown.
    pub fn verified(self) -> Option<bool> {
        match self {
            Self::Verified => Some(true),
            Self::Missing | Self::Contradicted { .. } | Self::Garbled => Some(false),
            Self::NoSidecars | Self::Unknown => None,
        }
    }
}

impl RepoSummary {
    /// The newest tarball's size divided by that of [`RepoSummary::previous`]; `None` if there is none or it is empty.
    pub fn size_ratio(&self) -> Option<f64> {
        let previous = self.previous.as_ref().filter(|previous| previous.size > 0)?;
        Some(self.newest.size as f64 / previous.size as f64)
    }
}

/// Names that do not fit the layout.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rejects {
    /// How many.
    pub count: u64,
    /// The first few, each with the reason.
    pub first: Vec<String>,
}

/// A transfer lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lock {
    /// When it was created, by the node's clock.
    pub since: Timestamp,
}

/// Sizes of a file system, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Filesystem {
    /// The total size.
    pub size: u64,
    /// The space available to ordinary users.
    pub avail: u64,
}
