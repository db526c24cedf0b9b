//! Reading and summing up the listing of a million tarballs, each with its sidecar.
//!
//! A *record* is one line of the listing, a tarball or a sidecar: two million of them. The times are CPU time of the
//! one thread that does the work, so that the neighbours on a shared machine count for less.

use std::fs;
use std::hint::black_box;
use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use jiff::Timestamp;
use procfs::process::Process;
use rustix::time::{ClockId, clock_gettime};
use scm_backup_exporter::config;
use scm_backup_exporter::inventory::Target;
use scm_backup_exporter::listing::{Parser, Record};
use scm_backup_exporter::report::{Builder, Report};

mod goal;
mod timing;

use goal::reached;
use timing::{Way, medians};

const TARBALLS: u64 = 1_000_000;
const RECORDS: u64 = 2 * TARBALLS;
const REPOS: u64 = 200;
const ROUNDS: usize = 7;

/// What a pipe gives at once.
const CHUNK: usize = 64 * 1024;

/// What it must reach, with summing up.
const GOAL_PER_SECOND: f64 = 5e6;
const GOAL_MIB: f64 = 32.0;

fn main() -> anyhow::Result<()> {
    let target = target()?;
    let runs = listing(|n| (n / (TARBALLS / REPOS), n % (TARBALLS / REPOS)))?;
    let mixed = listing(|n| (n % REPOS, n / REPOS))?;
    println!(
        "a listing of {TARBALLS} tarballs with their sidecars, {RECORDS} records of {REPOS} repos, {} MB",
        runs.len() / 1_000_000
    );
    // First, since memory that was used before and is free again would not count.
    for (what, listing) in [("repo by repo", &runs), ("repos in turn", &mixed)] {
        let extra = extra_memory(|| sum_up(listing, &target))?;
        println!("{what}: {extra:.1} MiB extra memory (goal: {GOAL_MIB}, {})", reached(extra < GOAL_MIB));
    }
    println!();
    let took = medians(
        ROUNDS,
        vec![
            Way::new("read, repo by repo", 1, || timed(|| read(&runs))),
            Way::new("read and sum up, repo by repo", 1, || timed(|| sum_up(&runs, &target).map(drop))),
            Way::new("read, repos in turn", 1, || timed(|| read(&mixed))),
            Way::new("read and sum up, repos in turn", 1, || timed(|| sum_up(&mixed, &target).map(drop))),
        ],
    )?;
    println!();
    for (what, took) in ["repo by repo", "repos in turn"].iter().zip(took.chunks(2)) {
        let rate = |took: Duration| RECORDS as f64 / took.as_secs_f64();
        println!(
            "{what}: {:.1} million records/s read, {:.1} million/s read and summed up (goal: {:.0}, {})",
            rate(took[0]) / 1e6,
            rate(took[1]) / 1e6,
            GOAL_PER_SECOND / 1e6,
            reached(rate(took[1]) >= GOAL_PER_SECOND),
        );
    }
    Ok(())
}

/// A listing; `order` gives repo and night of the tarball with a number.
fn listing(order: impl Fn(u64) -> (u64, u64)) -> anyhow::Result<Vec<u8>> {
    let mut text = Vec::with_capacity(240 << 20);
    let mark = "scm-backup-listing 1 ab12";
    writeln!(text, "{mark} BEGIN list=printf awk=yes bounded=yes epoch=1735689600 utc=+0000\nR /data")?;
    for n in 0..TARBALLS {
        let (repo, night) = order(n);
        let size = 50_000_000 + night * 40_961;
        let mtime = 1_577_836_800 + night * 3600;
        let (year, month, day) = (2020 + night / 24 / 336, night / 24 / 28 % 12 + 1, night / 24 % 28 + 1);
        let path = format!(
            "svn/repo{repo:03}/{year}/{month:02}/{day:02}/{:02}1023/repo{repo:03}-{night}.tar.gz",
            night % 24
        );
        writeln!(text, "F {size} {mtime} {path}")?;
        let sidecar = format!("{{'dig': '{night:032x}', 'size': {size}L}}");
        writeln!(text, "D {0} {mtime} {0} {sidecar} {path}.dna", sidecar.len())?;
    }
    writeln!(text, "N {RECORDS}\n\n{mark} END find=0 awk=0 denied=0 vanished=0 other=0")?;
    Ok(text)
}

/// Any target that looks at all repos.
fn target() -> anyhow::Result<Arc<Target>> {
    let dir = tempfile::tempdir()?;
    let path = dir.path().join("config.ini");
    fs::write(&path, "[HUB]\nA = N1\n[hub A]\nsrvnode = srv1\ntimezone = Asia/Shanghai\n")?;
    let loaded = config::load(&[path], &|_| None)?;
    loaded.inventory.target("A", "N1").cloned().context("the configuration names it")
}

fn read(listing: &[u8]) -> anyhow::Result<()> {
    let mut parser = Parser::new("ab12");
    for chunk in listing.chunks(CHUNK) {
        parser.push(chunk, &mut |record| {
            black_box(record);
        })?;
    }
    parser.finish()?;
    Ok(())
}

fn sum_up(listing: &[u8], target: &Arc<Target>) -> anyhow::Result<Report> {
    let mut parser = Parser::new("ab12");
    let mut builder = Builder::new(target.clone());
    for chunk in listing.chunks(CHUNK) {
        parser.push(chunk, &mut |record: Record<'_>| builder.record(record))?;
    }
    let report = builder.finish(parser.finish()?, Timestamp::UNIX_EPOCH).context("the listing begins")?;
    let repos = u64::try_from(report.repos.len())?;
    ensure!(report.records == TARBALLS && repos == REPOS && report.rejects.count == 0, "not what was listed");
    Ok(report)
}

fn timed(work: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<Duration> {
    let before = cpu_time()?;
    work()?;
    Ok(cpu_time()? - before)
}

/// CPU time of this thread.
fn cpu_time() -> anyhow::Result<Duration> {
    Ok(clock_gettime(ClockId::ThreadCPUTime).try_into()?)
}

/// By how much the most memory that was resident during the work is more than before it, in MiB.
fn extra_memory<T>(work: impl FnOnce() -> anyhow::Result<T>) -> anyhow::Result<f64> {
    // Sets the high-water mark to what is resident now.
    fs::write("/proc/self/clear_refs", "5")?;
    let before = high_water_mark()?;
    let result = work()?;
    let extra = high_water_mark()? - before;
    drop(result);
    Ok(extra as f64 / 1024.0)
}

/// In KiB.
fn high_water_mark() -> anyhow::Result<u64> {
    Process::myself()?.status()?.vmhwm.context("Linux tells VmHWM")
}
