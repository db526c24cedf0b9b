//! Memory grows with repos, not with tarballs. Alone in its file: it looks at the memory of its whole process.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;
use scm_backup_exporter::config;
use scm_backup_exporter::inventory::Target;
use scm_backup_exporter::listing::Parser;
use scm_backup_exporter::report::Builder;

const MEBIBYTE: u64 = 1 << 20;
const TARBALLS: u64 = 1_000_000;

/// What a pipe gives at once.
const CHUNK: usize = 64 * 1024;

const MARK: &str = "scm-backup-listing 1 ab12";

/// The most memory this process ever had resident, in bytes.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux tells a process about itself");
    let line =
        status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("VmHWM in /proc/self/status");
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

fn target() -> Arc<Target> {
    let text = "[HUB]\nZZ = SDU\n[ZZ]\nsrvnode = dayabay\n".to_owned();
    let loaded = config::parse(&[(PathBuf::from("config.ini"), text)], &|_| None).unwrap();
    loaded.inventory.target("ZZ", "SDU").cloned().unwrap()
}

#[test]
fn a_million_tarballs_take_less_than_32_mebibytes() {
    let mut parser = Parser::new("ab12");
    let mut builder = Builder::new(target());
    let mut text = Vec::with_capacity(2 * CHUNK);
    let before = peak();
    writeln!(text, "{MARK} BEGIN list=printf awk=yes bounded=yes epoch=1352822400 utc=+0000").unwrap();
    // Repo by repo, and then all in turn, with names that grow.
    for n in 0..TARBALLS {
        let (repo, night) = if n < TARBALLS / 2 { (n / 5_000, n % 5_000) } else { (n % 100, n / 100) };
        let (day, hour, minute) = (night / 500 % 28 + 1, night / 60 % 24, night % 60);
        let path =
            format!("svn/repo{repo}/2012/11/{day:02}/{hour:02}{minute:02}00/repo{repo}-{night}.tar.gz");
        writeln!(text, "F 5 1352822400 {path}\nD 12 0 12 {{'size': 5L}} {path}.dna").unwrap();
        if text.len() >= CHUNK {
            parser.push(&text, &mut |record| builder.record(record)).unwrap();
            text.clear();
        }
    }
    writeln!(text, "N {}", 2 * TARBALLS).unwrap();
    writeln!(text, "\n{MARK} END find=0 awk=0 denied=0 vanished=0 other=0").unwrap();
    parser.push(&text, &mut |record| builder.record(record)).unwrap();
    let report = builder.finish(parser.finish().unwrap(), Timestamp::UNIX_EPOCH).unwrap();
    let extra = peak() - before;
    assert_eq!((report.records, report.repos.len()), (TARBALLS, 100));
    assert!(extra < 32 * MEBIBYTE, "{} MiB more", extra / MEBIBYTE);
}
