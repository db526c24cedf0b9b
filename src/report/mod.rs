//! What a probe found out: a listing, summarised per repo in memory that grows with repos, not with tarballs.
//!
//! All of it is pure: no clock, no input or output.

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

/// What one complete or nearly complete listing of a target says.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// When the listing began, by our clock.
    pub taken: Timestamp,
    /// With what the node lists.
    pub method: Method,
    /// Where the root really lies on the node.
    pub root: String,
    /// The node's clock less ours, in seconds.
    pub clock_offset: f64,
    /// The zone that the stamps were read in: the hub's, or else the node's own offset from UTC.
    pub zone: TimeZone,
    /// The repos found, of those that are looked at.
    pub repos: BTreeMap<Repo, RepoSummary>,
    /// Tarballs read, of all repos.
    pub records: u64,
    /// Names that do not fit the layout.
    pub rejects: Rejects,
    /// Tarballs of repos that are not looked at, because the target has more repos, or longer names, than are told apart;
    /// 0 for nearly every target.
    pub surplus: u64,
    /// How many directories or files could not be read; unless it is 0, absence proves nothing.
    pub unreadable: u64,
    /// The transfer lock, if one stands.
    pub lock: Option<Lock>,
    /// Room where the tarballs lie, if the node could tell.
    pub filesystem: Option<Filesystem>,
    /// Whole hours by which the stamps in the paths run ahead of the files' own times, when all agree on a
    /// number other than 0: the hub's `timezone` is then missing or wrong.
    pub zone_shift_hours: Option<i32>,
}

impl Report {
    /// Whether it is so new that no other is wanted yet (`min_probe_interval`).
    pub fn is_younger_than(&self, interval: Duration, now: Timestamp) -> bool {
        let age = now.duration_since(self.taken);
        !age.is_negative() && age.unsigned_abs() < interval
    }
}

/// What is held of one repo.
#[derive(Debug, Clone, PartialEq)]
pub struct RepoSummary {
    /// The newest tarball by its stamp.
    pub newest: Tarball,
    /// What it is compared with: the largest of the three before it, or of as many as are held. One that was cut short is no
    /// measure for the next.
    pub previous: Option<Tarball>,
    /// When the oldest was made.
    pub oldest: Timestamp,
    /// How many are held.
    pub count: u64,
    /// All of them together, in bytes.
    pub total_bytes: u64,
    /// Whether the newest is what its sidecar says.
    pub verification: Verification,
    /// The newest [`MOST_POINTS`] tarballs at most, the oldest first, to be plotted; fewer where there are very many repos.
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

/// What the sidecars say of a repo's newest tarball.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verification {
    /// The repo has no sidecars at all, so their absence says nothing.
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
    /// The sidecar cannot be understood.
    Garbled,
}

impl Verification {
    /// Whether the newest tarball's sidecar is there and gives its size; `None` when nothing is known.
    pub fn verified(self) -> Option<bool> {
        match self {
            Self::Verified => Some(true),
            Self::Missing | Self::Contradicted { .. } | Self::Garbled => Some(false),
            Self::NoSidecars | Self::Unknown => None,
        }
    }
}

impl RepoSummary {
    /// The newest tarball's size over that of [`RepoSummary::previous`]; `None` without one that has a size.
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
    /// The first few, each with what is wrong with it.
    pub first: Vec<String>,
}

/// A transfer lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lock {
    /// Since when it stands, by the node's clock.
    pub since: Timestamp,
}

/// Room on a file system, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Filesystem {
    /// All of it.
    pub size: u64,
    /// What is left for ordinary users.
    pub avail: u64,
}
