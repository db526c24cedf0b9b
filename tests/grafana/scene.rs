//! Thirty days in the life of four hubs.
//!
//! ZZ, G and WW are well, but for ten minutes in which ZZ's node did not answer. C2 is in trouble: on node C the newest
//! `svn/env` was cut short, as once before, and `tracs/heprez` is gone; on H1, which does not answer since two days,
//! backups had stopped before, and nothing is purged.

/// Seconds between probes: less than the five minutes for which Prometheus takes a sample to be the newest.
pub(crate) const STEP: i64 = 285;
/// A day in seconds.
pub(crate) const DAY: i64 = 86_400;
/// How long it all goes back.
pub(crate) const DAYS: i64 = 30;
pub(crate) const MAX_AGE: f64 = 93_600.0;
const MAX_TARBALLS: f64 = 30.0;
const MIN_RATIO: f64 = 0.8;
const DISK: f64 = 2e12;
pub(crate) const REASONS: [&str; 10] = [
    "resolve",
    "connect",
    "host_key",
    "auth",
    "timeout",
    "root_missing",
    "permission",
    "remote_command",
    "protocol",
    "internal",
];

/// A hub.
pub(crate) struct Hub {
    pub(crate) name: &'static str,
    pub(crate) srvnode: &'static str,
    pub(crate) nodes: &'static [&'static str],
    /// With the size of a tarball in bytes.
    pub(crate) repos: &'static [(&'static str, f64)],
}

/// The hubs there are.
pub(crate) const HUBS: [Hub; 4] = [
    Hub {
        name: "ZZ",
        srvnode: "dayabay",
        nodes: &["SDU"],
        repos: &[
            ("svn/dybsvn", 1.53e9),
            ("tracs/dybsvn", 3.1e8),
            ("svn/dybaux", 8.4e7),
            ("tracs/dybaux", 2.1e6),
        ],
    },
    Hub {
        name: "C2",
        srvnode: "cms02",
        nodes: &["C", "H1"],
        repos: &[("svn/env", 1.9e9), ("tracs/env", 5.2e7), ("svn/heprez", 5.1e6), ("tracs/heprez", 9.3e6)],
    },
    Hub { name: "G", srvnode: "g4pb", nodes: &["Z9"], repos: &[("svn/env", 1.9e9)] },
    Hub {
        name: "WW",
        srvnode: "cms02",
        nodes: &["C"],
        repos: &[("svn/tracdev", 1.1e6), ("tracs/tracdev", 1.2e6)],
    },
];

/// What is true of one node of one hub.
#[derive(Clone, Copy)]
pub(crate) struct Target {
    pub(crate) hub: &'static str,
    pub(crate) node: &'static str,
    /// When the thirty days are over.
    pub(crate) end: i64,
}

impl Target {
    fn is(self, hub: &str, node: &str) -> bool {
        (self.hub, self.node) == (hub, node)
    }

    /// Why the probe at this time failed.
    pub(crate) fn failure(self, at: i64) -> Option<&'static str> {
        let since = self.end - at;
        let short = 9 * DAY..9 * DAY + 700;
        (self.is("C2", "H1") && since < 2 * DAY)
            .then_some("connect")
            .or((self.is("ZZ", "SDU") && short.contains(&since)).then_some("timeout"))
    }

    /// When the report was taken that is known at this time.
    fn seen(self, at: i64) -> i64 {
        (0..).map(|steps| at - steps * STEP).find(|then| self.failure(*then).is_none()).unwrap_or(at)
    }

    /// When the newest tarball that is known at this time was made.
    fn newest(self, repo: &str, at: i64) -> Option<i64> {
        let stopped = if self.is("C2", "H1") { self.end - 4 * DAY } else { i64::MAX };
        let gone = self.is("C2", "C") && repo == "tracs/heprez" && self.end - at < 6 * DAY;
        let until = self.seen(at).min(stopped);
        // Ten past two, and one repo after the other.
        let minute = 130 + 7 * (repo.len() as i64 % 5);
        let night = (until - minute * 60).div_euclid(DAY) * DAY + minute * 60;
        (!gone).then_some(night)
    }

    fn is_cut(self, repo: &str, made: i64) -> bool {
        let nights = (self.end - made).div_euclid(DAY);
        self.is("C2", "C") && repo == "svn/env" && [0, 17].contains(&nights)
    }

    fn size(self, repo: &str, base: f64, made: i64) -> f64 {
        let grown = 1.0 + 0.003 * (made - self.end + DAYS * DAY).div_euclid(DAY) as f64;
        (base * grown * if self.is_cut(repo, made) { 0.3 } else { 1.0 }).round()
    }

    fn held(self, repo: &str, at: i64) -> f64 {
        match self.newest(repo, at) {
            None => 0.0,
            Some(made) if self.is("C2", "H1") => (34 - (self.end - made).div_euclid(DAY)) as f64 + 2.0,
            Some(_) => 7.0,
        }
    }

    fn avail(self, at: i64) -> f64 {
        let days = (self.seen(at) - self.end + DAYS * DAY) as f64 / DAY as f64;
        match self.node {
            "H1" => DISK * 0.2 - 1.1e10 * days,
            "SDU" => DISK * 0.4,
            _ => DISK * 0.5 - 2e9 * days,
        }
    }

    /// The value of a repo's metric.
    pub(crate) fn of_repo(self, metric: &str, repo: &str, base: f64, at: i64) -> Option<f64> {
        let made = self.newest(repo, at);
        let age = made.map(|made| (at - made) as f64);
        let cut = made.is_some_and(|made| self.is_cut(repo, made));
        let held = self.held(repo, at);
        Some(match metric {
            "scm_backup_tarball_size_bytes" => self.size(repo, base, made?),
            "scm_backup_tarball_previous_size_bytes" => self.size(repo, base, made? - DAY),
            "scm_backup_tarball_timestamp_seconds" => made? as f64,
            "scm_backup_tarball_age_seconds" => age?,
            "scm_backup_tarball_oldest_timestamp_seconds" => made? as f64 - (held - 1.0) * DAY as f64,
            "scm_backup_tarballs" => held,
            "scm_backup_tarballs_size_bytes" => held * made.map_or(0.0, |made| self.size(repo, base, made)),
            "scm_backup_tarball_verified" => f64::from(made.is_some() && !cut),
            "scm_backup_repo_expected" | "scm_backup_min_tarballs" => 1.0,
            "scm_backup_repo_status" => match age {
                Some(age) if age <= MAX_AGE && !cut => f64::from(held > MAX_TARBALLS),
                _ => 2.0,
            },
            "scm_backup_max_age_seconds" => MAX_AGE,
            "scm_backup_max_tarballs" => MAX_TARBALLS,
            "scm_backup_min_size_ratio" => MIN_RATIO,
            _ => unreachable!("{metric}"),
        })
    }

    /// The value of a node's metric.
    pub(crate) fn of_node(self, metric: &str, at: i64) -> Option<f64> {
        Some(match metric {
            "scm_backup_probe_success" => f64::from(self.failure(at).is_none()),
            "scm_backup_probe_timestamp_seconds" => self.seen(at) as f64,
            "scm_backup_listing_records" => 28.0,
            "scm_backup_listing_rejects" => f64::from(self.is("C2", "C")) * 3.0,
            "scm_backup_locked_timestamp_seconds" if self.is("C2", "H1") => (self.end - 4 * DAY) as f64,
            "scm_backup_locked_timestamp_seconds" => return None,
            "scm_backup_filesystem_size_bytes" => DISK,
            "scm_backup_filesystem_avail_bytes" => self.avail(at),
            "scm_backup_clock_offset_seconds" => 0.4,
            _ => unreachable!("{metric}"),
        })
    }
}
