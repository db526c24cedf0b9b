//! Builds a [`Report`] from records, in memory that grows with the number of repos.
//!
//! A record allocates nothing: each repo keeps a handful of files in memory that is reused. The number of repos is bounded
//! too (see [`Bound`]), since a node can invent any number.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone};

use super::accumulator::RepoAccumulator;
use super::bound::{Bound, MOST_REPOS};
use super::layout::{BackupPath, SIDECAR_SUFFIX, parse_path};
use super::path_error::EscapedBytes;
use super::points::share_of;
use super::sidecar::SidecarContent;
use super::zone_shift::whole_hours;
use super::{Filesystem, Lock, Rejects, Report};
use crate::inventory::{Repo, Target};
use crate::listing::{Begin, End, Record};
use crate::text::escape_into;

/// How many rejects are kept as messages.
const REJECTS_KEPT: usize = 5;

/// The directory below the root that exists during a transfer.
const LOCK: &[u8] = b"LOCKED";

/// Builds the report of one listing from its records.
///
/// [`Report::records`] counts every tarball that fits the layout, including those of ignored repos. Sidecars are never
/// rejects: one that fits no tarball is ignored.
#[derive(Debug)]
pub struct Builder {
    target: Arc<Target>,
    begin: Option<Begin>,
    root: String,
    filesystem: Option<Filesystem>,
    lock: Option<Lock>,
    records: u64,
    rejects: Rejects,
    accumulators: Vec<RepoAccumulator>,
    /// Indices in `accumulators` of dropped repos, for reuse.
    free: Vec<usize>,
    /// The repos that are kept if the configuration does not name them.
    bound: Bound,
    /// Tarballs of repos that are not kept.
    surplus: u64,
    /// How many plot points each repo may keep.
    share: usize,
    by_prefix: HashMap<Arc<[u8]>, usize>,
    /// The repo of the previous record: tarballs of one repo come in runs.
    last: Option<usize>,
}

/// How a repo's files are treated.
enum Slot {
    /// They are summarised at this index.
    Held(usize),
    /// They are only counted.
    PassedOver,
    /// There are too many repos, or their names are too long.
    TooMuch,
}

impl Builder {
    /// A builder for one listing of a target.
    pub fn new(target: Arc<Target>) -> Self {
        Self {
            target,
            begin: None,
            root: String::new(),
            filesystem: None,
            lock: None,
            records: 0,
            rejects: Rejects::default(),
            accumulators: Vec::new(),
            free: Vec::new(),
            bound: Bound::default(),
            surplus: 0,
            share: share_of(0),
            by_prefix: HashMap::new(),
            last: None,
        }
    }

    /// Adds a record.
    pub fn record(&mut self, record: Record<'_>) {
        match record {
            Record::Begin(begin) => self.begin = Some(begin),
            Record::Root(root) => {
                self.root.clear();
                escape_into(&mut self.root, root);
            }
            Record::Filesystem { size, avail } => self.filesystem = Some(Filesystem { size, avail }),
            Record::Tarball { size, mtime, path } => self.tarball(size, mtime, path),
            Record::Sidecar { path, content, .. } => self.sidecar(path, content),
            Record::Lock { mtime, path } => {
                if path == LOCK {
                    self.lock = Some(Lock { since: instant(mtime) });
                }
            }
            Record::NewlineInName => {
                self.reject(|| "a name that contains a newline, and everything below it".to_owned())
            }
        }
    }

    /// The report of a listing that has reached its end mark; `taken` is the exporter's clock at its first record.
    ///
    /// `None` if the listing never began, which the parser rules out.
    pub fn finish(mut self, end: End, taken: Timestamp) -> Option<Report> {
        let begin = self.begin?;
        let zone = self.target.timezone.clone().unwrap_or_else(|| {
            // An offset beyond all zones counts as none.
            TimeZone::fixed(Offset::from_seconds(begin.utc_offset).unwrap_or(Offset::UTC))
        });
        self.accumulators.retain(|accumulator| accumulator.selected);
        let newest = self.accumulators.iter().filter_map(|accumulator| {
            let newest = &accumulator.tarballs.as_ref()?.newest;
            Some((newest.stamp.instant(&zone, newest.mtime).as_second(), newest.mtime))
        });
        Some(Report {
            taken,
            method: begin.method,
            clock_offset: begin.epoch as f64 - taken.as_millisecond() as f64 / 1e3,
            zone_shift_hours: whole_hours(newest, begin.epoch),
            repos: self
                .accumulators
                .iter_mut()
                .filter_map(|accumulator| {
                    Some((accumulator.repo.clone(), accumulator.summary(&zone, self.share)?))
                })
                .collect(),
            zone,
            root: self.root,
            records: self.records,
            rejects: self.rejects,
            surplus: self.surplus,
            unreadable: end.unreadable,
            lock: self.lock,
            filesystem: self.filesystem,
        })
    }

    fn tarball(&mut self, size: u64, mtime: i64, path: &[u8]) {
        match parse_path(path, self.repo_before()) {
            Ok(Some(BackupPath { repo, stamp, file })) => match self.slot(repo) {
                Slot::Held(at) => {
                    self.records += 1;
                    self.accumulators[at].add_tarball(stamp, file, size, mtime, self.share);
                }
                Slot::PassedOver => self.records += 1,
                Slot::TooMuch => {
                    self.records += 1;
                    self.surplus += 1;
                }
            },
            Ok(None) => {}
            Err(why) => self.reject(|| format!("{}: {why}", EscapedBytes(path))),
        }
    }

    fn sidecar(&mut self, path: &[u8], content: Option<&[u8]>) {
        let Some(path) = path.strip_suffix(SIDECAR_SUFFIX) else { return };
        let Ok(Some(BackupPath { repo, stamp, file })) = parse_path(path, self.repo_before()) else { return };
        if let Slot::Held(at) = self.slot(repo) {
            let reads_sidecars = self.begin.is_some_and(|begin| begin.reads_sidecars);
            self.accumulators[at].add_sidecar(stamp, file, || SidecarContent::of(content, reads_sidecars));
        }
    }

    fn repo_before(&self) -> &[u8] {
        self.last.map_or(b"", |at| &self.accumulators[at].prefix)
    }

    fn slot(&mut self, prefix: &[u8]) -> Slot {
        if self.last.is_none() || self.repo_before() != prefix {
            match self.by_prefix.get(prefix) {
                Some(at) => self.last = Some(*at),
                None => {
                    if let Some(refused) = self.admit(prefix) {
                        return refused;
                    }
                }
            }
        }
        match self.last {
            Some(at) if self.accumulators[at].selected => Slot::Held(at),
            _ => Slot::PassedOver,
        }
    }

    /// Creates an accumulator for a new repo, or says how else to treat it.
    fn admit(&mut self, prefix: &[u8]) -> Option<Slot> {
        let slash = memchr::memchr(b'/', prefix)?;
        let repo = Repo::from_path(&prefix[..slash], &prefix[slash + 1..]);
        let selected = self.target.selects(&repo);
        // The configuration bounds the number of repos that it names.
        let bounded = selected && self.target.expected.is_none();
        if bounded && !self.bound.admits(&repo) {
            return Some(Slot::TooMuch);
        }
        if !selected && self.accumulators.len() >= MOST_REPOS {
            return Some(Slot::PassedOver);
        }
        let prefix: Arc<[u8]> = prefix.into();
        let accumulator = RepoAccumulator::new(Arc::clone(&prefix), repo.clone(), selected);
        let at = match self.free.pop() {
            Some(at) => {
                self.accumulators[at] = accumulator;
                at
            }
            None => {
                self.accumulators.push(accumulator);
                self.accumulators.len() - 1
            }
        };
        self.by_prefix.insert(prefix, at);
        self.last = Some(at);
        self.share = share_of(self.accumulators.len());
        if bounded {
            for at in self.bound.keep(repo, at) {
                self.let_go(at);
            }
            if self.last.is_none() {
                return Some(Slot::TooMuch);
            }
        }
        None
    }

    /// Drops a repo that exceeds the limits.
    fn let_go(&mut self, at: usize) {
        let gone = &mut self.accumulators[at];
        self.surplus += gone.records;
        self.by_prefix.remove(&gone.prefix);
        // This also frees its memory, and keeps it out of the report.
        *gone = RepoAccumulator::new(Arc::from([]), Repo::from_label(""), false);
        self.free.push(at);
        if self.last == Some(at) {
            self.last = None;
        }
    }

    fn reject(&mut self, words: impl FnOnce() -> String) {
        self.rejects.count += 1;
        if self.rejects.first.len() < REJECTS_KEPT {
            self.rejects.first.push(words());
        }
    }
}

/// A node's file time, limited to what the calendar can represent.
fn instant(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap_or(if seconds < 0 { Timestamp::MIN } else { Timestamp::MAX })
}
