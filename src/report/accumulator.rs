//! Accumulates the tarballs and sidecars of one repo during a listing.

use std::cmp::Ordering;
use std::sync::Arc;

use jiff::tz::TimeZone;

use super::points::Points;
use super::sidecar::{SidecarContent, Sidecars};
use super::stamp::Stamp;
use super::{RepoSummary, Tarball, Verification};
use crate::inventory::Repo;
use crate::text::escape_into;

/// One repo of the listing: it keeps a few tarballs and sidecars, however many are listed.
#[derive(Debug)]
pub(super) struct RepoAccumulator {
    /// `<kind>/<name>`, as bytes.
    pub(super) prefix: Arc<[u8]>,
    /// The same as a label.
    pub(super) repo: Repo,
    /// Whether the repo is selected. An ignored repo is kept only so that its tarballs can be skipped quickly.
    pub(super) selected: bool,
    /// How many tarballs were listed, duplicates included.
    pub(super) records: u64,
    /// Its tarballs; `None` if only sidecars were listed so far.
    pub(super) tarballs: Option<Tarballs>,
    /// Its sidecars.
    pub(super) sidecars: Sidecars,
}

/// How many previous tarballs the newest is compared with. A truncated tarball is no measure for the next: a second one is
/// detected as long as one of these is complete.
const COMPARED: usize = 3;

/// The tarballs of a repo.
#[derive(Debug)]
pub(super) struct Tarballs {
    /// The last by stamp, then by name.
    pub(super) newest: File,
    /// At most [`COMPARED`] before it, newest first.
    before: Vec<File>,
    oldest: (Stamp, i64),
    count: u64,
    total_bytes: u64,
    points: Points,
}

/// One file in a dated directory.
#[derive(Debug)]
pub(super) struct File {
    pub(super) stamp: Stamp,
    name: Vec<u8>,
    size: u64,
    pub(super) mtime: i64,
}

impl File {
    fn new(stamp: Stamp, name: &[u8], size: u64, mtime: i64) -> Self {
        Self { stamp, name: name.to_owned(), size, mtime }
    }

    /// Overwrites it with another file, reusing its memory.
    fn set(&mut self, stamp: Stamp, name: &[u8], size: u64, mtime: i64) {
        self.name.clear();
        self.name.extend_from_slice(name);
        (self.stamp, self.size, self.mtime) = (stamp, size, mtime);
    }

    fn key(&self) -> (Stamp, &[u8]) {
        (self.stamp, &self.name)
    }

    fn to_tarball(&self, repo: &Repo, zone: &TimeZone) -> Tarball {
        let mut path = format!("{repo}/{}/", self.stamp.to_text());
        escape_into(&mut path, &self.name);
        Tarball { made: self.stamp.instant(zone, self.mtime), size: self.size, path }
    }
}

impl RepoAccumulator {
    /// An empty accumulator.
    pub(super) fn new(prefix: Arc<[u8]>, repo: Repo, selected: bool) -> Self {
        Self { prefix, repo, selected, records: 0, tarballs: None, sidecars: Sidecars::default() }
    }

    /// Adds a tarball; `share` is the number of plot points.
    pub(super) fn add_tarball(&mut self, stamp: Stamp, name: &[u8], size: u64, mtime: i64, share: usize) {
        self.records += 1;
        match &mut self.tarballs {
            Some(tarballs) => {
                tarballs.points.add(stamp, size, share);
                tarballs.add(stamp, name, size, mtime);
            }
            None => {
                let mut points = Points::default();
                points.add(stamp, size, share);
                self.tarballs = Some(Tarballs {
                    newest: File::new(stamp, name, size, mtime),
                    before: Vec::new(),
                    oldest: (stamp, mtime),
                    count: 1,
                    total_bytes: size,
                    points,
                });
            }
        }
    }

    /// Adds the sidecar of the tarball of this name.
    pub(super) fn add_sidecar(&mut self, stamp: Stamp, name: &[u8], says: impl FnOnce() -> SidecarContent) {
        let newest = self.tarballs.as_ref().map(|tarballs| tarballs.newest.key());
        self.sidecars.add((stamp, name), newest, says);
    }

    /// The repo's summary; `None` if it has only sidecars.
    pub(super) fn summary(&mut self, zone: &TimeZone, share: usize) -> Option<RepoSummary> {
        let points = std::mem::take(&mut self.tarballs.as_mut()?.points);
        let tarballs = self.tarballs.as_ref()?;
        let (oldest, oldest_mtime) = tarballs.oldest;
        Some(RepoSummary {
            newest: tarballs.newest.to_tarball(&self.repo, zone),
            previous: tarballs.largest_before().map(|file| file.to_tarball(&self.repo, zone)),
            oldest: oldest.instant(zone, oldest_mtime),
            count: tarballs.count,
            total_bytes: tarballs.total_bytes,
            verification: self.verification(&tarballs.newest),
            points: points.newest(share),
        })
    }

    fn verification(&self, newest: &File) -> Verification {
        match self.sidecars.of(newest.key()) {
            Some(SidecarContent::Size(says)) if says == newest.size => Verification::Verified,
            Some(SidecarContent::Size(says)) => Verification::Contradicted { says },
            Some(SidecarContent::Garbled) => Verification::Garbled,
            Some(SidecarContent::Unread) => Verification::Unknown,
            None if self.sidecars.seen() => Verification::Missing,
            None => Verification::NoSidecars,
        }
    }
}

impl Tarballs {
    fn add(&mut self, stamp: Stamp, name: &[u8], size: u64, mtime: i64) {
        let key = (stamp, name);
        match key.cmp(&self.newest.key()) {
            Ordering::Greater => {
                let newest = self.file(stamp, name, size, mtime);
                self.before.insert(0, std::mem::replace(&mut self.newest, newest));
            }
            // A directory that changes during the listing can give a name twice; a tarball must not be its own predecessor.
            Ordering::Equal => return,
            Ordering::Less => match self.before.binary_search_by(|file| key.cmp(&file.key())) {
                Ok(_) => return,
                Err(COMPARED..) => {}
                Err(at) => {
                    let file = self.file(stamp, name, size, mtime);
                    self.before.insert(at, file);
                }
            },
        }
        if stamp < self.oldest.0 {
            self.oldest = (stamp, mtime);
        }
        self.count += 1;
        self.total_bytes = self.total_bytes.saturating_add(size);
    }

    /// Keeps a file, reusing the memory of the one it replaces.
    fn file(&mut self, stamp: Stamp, name: &[u8], size: u64, mtime: i64) -> File {
        if self.before.len() == COMPARED
            && let Some(mut file) = self.before.pop()
        {
            file.set(stamp, name, size, mtime);
            return file;
        }
        File::new(stamp, name, size, mtime)
    }

    /// The largest of those before the newest; among equals, the newest.
    fn largest_before(&self) -> Option<&File> {
        self.before.iter().rev().max_by_key(|file| file.size)
    }
}
