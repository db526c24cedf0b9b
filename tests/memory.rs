//! Memory grows with repos, not with tarballs. Alone in its file: it looks at the memory of its whole process.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use scm_backup_exporter::inventory::{Connection, HostKeyChecking, Limits, Target};
use scm_backup_exporter::listing::{Begin, End, Method, Record};
use scm_backup_exporter::report::Builder;

const MEBIBYTE: u64 = 1 << 20;

/// The most memory this process ever had resident, in bytes.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux tells a process about itself");
    let line =
        status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("VmHWM in /proc/self/status");
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

fn target() -> Target {
    Target {
        hub: "ZZ".into(),
        node: "SDU".into(),
        connection: Connection {
            host: "SDU".into(),
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
        root: "/backup/dayabay".into(),
        timezone: None,
        expected: None,
        limits: Limits::default(),
        repo_limits: Default::default(),
        probe_timeout: Duration::from_secs(60),
        min_probe_interval: Duration::ZERO,
    }
}

#[test]
fn a_million_tarballs_take_less_than_32_mebibytes() {
    let mut builder = Builder::new(Arc::new(target()));
    let before = peak();
    let begin = Begin {
        method: Method::Printf,
        reads_sidecars: true,
        bounded: true,
        epoch: 1_352_822_400,
        utc_offset: 0,
    };
    builder.record(Record::Begin(begin));
    let mut path = Vec::new();
    for repo in 0..100 {
        for n in 0..10_000 {
            let (day, hour, minute) = (n / 500 % 28 + 1, n / 60 % 24, n % 60);
            path.clear();
            write!(path, "svn/repo{repo}/2012/11/{day:02}/{hour:02}{minute:02}00/repo{repo}-{n}.tar.gz")
                .unwrap();
            builder.record(Record::Tarball { size: 5, mtime: 1_352_822_400, path: &path });
            path.extend_from_slice(b".dna");
            builder.record(Record::Sidecar {
                size: 70,
                mtime: 0,
                path: &path,
                content: Some(b"{'size': 5L}"),
            });
        }
    }
    let report = builder.finish(End::default(), Timestamp::UNIX_EPOCH).unwrap();
    let extra = peak() - before;
    assert_eq!((report.records, report.repos.len()), (1_000_000, 100));
    assert!(extra < 32 * MEBIBYTE, "{} MiB more", extra / MEBIBYTE);
}
