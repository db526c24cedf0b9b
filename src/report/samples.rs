//! A target and reports of it, for tests.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::{Rejects, RepoSummary, Report, Tarball, Verification};
use crate::inventory::{Connection, HostKeyChecking, Limits, Repo, Target};
use crate::listing::Method;

/// 2012-11-13T16:00:00Z, midnight in Shanghai: when every sample is taken.
pub(crate) const TAKEN: i64 = 1_352_822_400;

/// An hour in seconds.
pub(crate) const HOUR: i64 = 3600;

pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap_or_default()
}

fn zone() -> TimeZone {
    TimeZone::get("Asia/Shanghai").unwrap_or(TimeZone::UTC)
}

/// Node C of hub C2, in Shanghai's zone, with default limits, expecting nothing by name.
pub(crate) fn target() -> Target {
    Target {
        hub: "C2".into(),
        node: "C".into(),
        connection: Connection {
            host: "C".into(),
            user: None,
            port: None,
            key_filename: None,
            gateway: None,
            shell: "sh".into(),
            timeout: Duration::from_secs(2),
            host_key_checking: HostKeyChecking::Strict,
            known_hosts: None,
            ssh_config: None,
            verbose: false,
        },
        root: "$SCM_FOLD/backup/cms02".into(),
        timezone: Some(zone()),
        expected: None,
        limits: Limits::default(),
        repo_limits: BTreeMap::new(),
        probe_timeout: Duration::from_secs(60),
        min_probe_interval: Duration::ZERO,
    }
}

/// A report of these repos, without problems.
pub(crate) fn report<const N: usize>(repos: [(&str, RepoSummary); N]) -> Report {
    let repos: BTreeMap<_, _> =
        repos.into_iter().map(|(repo, found)| (Repo::from_label(repo), found)).collect();
    Report {
        taken: at(TAKEN),
        method: Method::Printf,
        root: "/data/backup/cms02".into(),
        clock_offset: 0.0,
        zone: zone(),
        records: repos.values().map(|found| found.count).sum(),
        repos,
        rejects: Rejects::default(),
        surplus: 0,
        unreadable: 0,
        lock: None,
        filesystem: None,
        zone_shift_hours: None,
    }
}

/// Seven verified tarballs of one size, the newest eight hours old.
pub(crate) fn healthy() -> RepoSummary {
    let made = |days: i64| at(TAKEN - 8 * HOUR - days * 24 * HOUR);
    RepoSummary {
        newest: Tarball { made: made(0), size: 1_531_229_474, path: "newest".into() },
        previous: Some(Tarball { made: made(1), size: 1_529_629_254, path: "previous".into() }),
        oldest: made(6),
        count: 7,
        total_bytes: 7 * 1_531_229_474,
        verification: Verification::Verified,
        points: Box::default(),
    }
}
