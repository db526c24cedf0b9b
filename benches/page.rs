//! What the pages cost the exporter: the page of a hub with 200 repos, and a plot that is drawn already.
//!
//! Over HTTP the whole process is measured, connections and compressing included. The nodes of a test hold few tarballs;
//! so that the page of a hub with as many as are ever plotted is written in this process too.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use jiff::Timestamp;
use procfs::process::Process;
use rustix::time::{ClockId, clock_gettime};
use scm_backup_exporter::config;
use scm_backup_exporter::inventory::Repo;
use scm_backup_exporter::listing::Parser;
use scm_backup_exporter::page::plot::Theme;
use scm_backup_exporter::page::{self, PageContext};
use scm_backup_exporter::probe::{Scope, Snapshot, TargetState};
use scm_backup_exporter::report::{Builder, MOST_POINTS};
use scm_backup_exporter::table;
use testbed::tree::Nights;
use testbed::{Client, Exporter, Login, Sshd, Tree};

mod goal;
mod nodes;
mod timing;

use goal::reached;
use timing::{Way, medians};

const REPOS: usize = 200;
const NIGHTS: usize = 10;
const ROUNDS: usize = 21;
/// Requests at a time: the kernel counts CPU time in hundredths of a second.
const REQUESTS: u32 = 200;

const PAGE_GOAL: Duration = Duration::from_millis(5);
const PLOT_GOAL: Duration = Duration::from_micros(200);

fn main() -> anyhow::Result<()> {
    let snapshot = full()?;
    println!("in this process, {REPOS} repos with {MOST_POINTS} tarballs each:");
    let took = medians(
        ROUNDS,
        vec![
            Way::new("judge and write the page", 1, || timed(|| write(&snapshot))),
            Way::new("draw one plot", 1, || timed(|| draw(&snapshot))),
        ],
    )?;
    println!("the page: goal {PAGE_GOAL:?}, {}", reached(took[0] <= PAGE_GOAL));
    println!("\nover HTTP, {REPOS} repos with {NIGHTS} tarballs each, all of the exporter's CPU:");
    let client_directory = tempfile::tempdir()?;
    let mut client = Client::new()?;
    let sshd = server(&client, client_directory.path())?;
    client.add("N1", &sshd)?;
    let exporter = nodes::exporter(&client, client_directory.path(), &["N1".to_owned()])?;
    exporter.text("/probe?hub=A")?;
    let gzip = [("Accept-Encoding", "gzip")];
    let plot = "/plot/A/N1/svn/repo0.svg";
    let etag = exporter.get(plot)?.header("etag").context("a plot has an ETag")?.to_owned();
    for (what, path, headers, status, goal) in [
        ("the hub's page", "/hub/A", &[][..], 200, PAGE_GOAL),
        ("the hub's page, compressed", "/hub/A", &gzip[..], 200, PAGE_GOAL),
        ("a plot drawn already", plot, &[], 200, PLOT_GOAL),
        ("a plot that the client has", plot, &[("If-None-Match", etag.as_str())], 304, PLOT_GOAL),
    ] {
        let cost = cost(&exporter, path, headers, status)?;
        println!("{what:<30} {:.2} ms (goal: {goal:?}, {})", cost.as_secs_f64() * 1e3, reached(cost <= goal));
    }
    Ok(())
}

/// What one request costs the exporter.
fn cost(exporter: &Exporter, path: &str, headers: &[(&str, &str)], status: u16) -> anyhow::Result<Duration> {
    let before = process_time(exporter)?;
    for _ in 0..REQUESTS {
        let response = exporter.get_with(path, headers)?;
        ensure!(response.status == status, "{path}: {}", response.status);
    }
    Ok((process_time(exporter)? - before) / REQUESTS)
}

fn process_time(exporter: &Exporter) -> anyhow::Result<Duration> {
    let stat = Process::new(exporter.pid())?.stat()?;
    Ok(Duration::from_secs(stat.utime + stat.stime) / u32::try_from(procfs::ticks_per_second())?)
}

fn server(client: &Client, directory: &std::path::Path) -> anyhow::Result<Sshd> {
    let fold = directory.join("fold");
    let tree = Tree::new(&fold, "srv1", "Asia/Shanghai", Timestamp::now())?;
    for number in 0..REPOS {
        tree.repo(&format!("svn/repo{number}"), &Nights::of_size(50_000_000).count(NIGHTS))?;
    }
    Sshd::start(client, Login::with_fold(&fold))
}

/// A target with as many points as are ever kept.
fn full() -> anyhow::Result<Snapshot> {
    let directory = tempfile::tempdir()?;
    let path: PathBuf = directory.path().join("config.ini");
    fs::write(
        &path,
        "[HUB]\nA = N1\n[hub A]\nsrvnode = srv1\ntimezone = Asia/Shanghai\nmax_tarballs = off\n",
    )?;
    let inventory = config::load(&[path], &|_| None)?.inventory;
    let target = inventory.target("A", "N1").cloned().context("the configuration names it")?;
    let mut parser = Parser::new("ab12");
    let mut builder = Builder::new(target.clone());
    let mark = "scm-backup-listing 1 ab12";
    let mut text =
        format!("{mark} BEGIN list=printf awk=yes bounded=yes epoch=1735689600 utc=+0000\nR /data\n");
    for repo in 0..REPOS {
        for night in 0..MOST_POINTS {
            let (year, month, day) = (2020 + night / 336, night / 28 % 12 + 1, night % 28 + 1);
            let path =
                format!("svn/repo{repo:03}/{year}/{month:02}/{day:02}/021023/repo{repo:03}-{night}.tar.gz");
            text += &format!("F {} 1577836800 {path}\n", 50_000_000 + night * 40_961);
        }
    }
    text += &format!("N {}\n\n{mark} END find=0 awk=0 denied=0 vanished=0 other=0\n", REPOS * MOST_POINTS);
    parser.push(text.as_bytes(), &mut |record| builder.record(record))?;
    let report =
        builder.finish(parser.finish()?, Timestamp::from_second(1_735_689_600)?).context("it begins")?;
    let repos = &report.repos;
    ensure!(
        repos.len() == REPOS && repos.values().all(|repo| repo.points.len() == MOST_POINTS),
        "not all points"
    );
    let target_state = TargetState { report: Some(Arc::new(report)), ..TargetState::new(target) };
    Ok(Snapshot { inventory: Arc::new(inventory), scope: Scope::All, target_states: vec![target_state] })
}

fn write(snapshot: &Snapshot) -> anyhow::Result<()> {
    let context = PageContext {
        now: Timestamp::from_second(1_735_690_000)?,
        telemetry_path: "/metrics".to_owned(),
        reload_failed_since: None,
    };
    let overview = table::overview(snapshot, context.now);
    let page = page::hub(&context, &overview.hubs[0], false)?;
    ensure!(page.matches("<img").count() == REPOS, "not a plot for each repo");
    Ok(())
}

fn draw(snapshot: &Snapshot) -> anyhow::Result<()> {
    let TargetState { target, report, .. } = &snapshot.target_states[0];
    let repo = Repo::from_label("svn/repo007");
    let plot = page::plot_of(target, report.as_deref(), &repo).context("it is held")?;
    let svg = plot.svg(Theme::Light).map_err(anyhow::Error::msg)?;
    ensure!(svg.contains("polyline"), "no line");
    Ok(())
}

/// CPU time of this thread.
fn timed(work: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<Duration> {
    let now = || -> anyhow::Result<Duration> { Ok(clock_gettime(ClockId::ThreadCPUTime).try_into()?) };
    let before = now()?;
    work()?;
    Ok(now()? - before)
}
