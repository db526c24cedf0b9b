//! Two hundred nodes in one scrape.
//!
//! They are ten sshd listeners, each with a tree of its own and known by twenty names. The exporter knows nodes by their
//! names: each has a connection, a login, an ssh master and a session of its own.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use jiff::Timestamp;
use procfs::process::Process;
use testbed::tree::Nights;
use testbed::{Client, Exporter, Login, Sshd, Tree, sshd};

mod goal;
mod nodes;

use goal::reached;

const SERVERS: usize = 10;
const NAMES_PER_SERVER: usize = 20;
const NODES: usize = SERVERS * NAMES_PER_SERVER;
const REPOS: usize = 5;
const NIGHTS: usize = 7;
const WARM_SCRAPES: usize = 5;

/// What it must reach: the exporter's own CPU time of a node.
const GOAL: Duration = Duration::from_millis(5);

fn main() -> anyhow::Result<()> {
    let directory = tempfile::tempdir()?;
    let mut client = Client::new()?;
    let mut servers = Vec::new();
    let mut aliases = Vec::new();
    for number in 0..SERVERS {
        let sshd = server(&client, &directory.path().join(format!("fold{number}")))?;
        for name in 0..NAMES_PER_SERVER {
            let alias = format!("N{number}x{name}");
            client.add(&alias, &sshd)?;
            aliases.push(alias);
        }
        servers.push(sshd);
    }
    let exporter = nodes::exporter(&client, directory.path(), &aliases)?;

    println!(
        "{NODES} nodes of {} tarballs and as many sidecars: {SERVERS} sshd, known by {NAMES_PER_SERVER} names each",
        REPOS * NIGHTS
    );
    let cold = Cost::of_scrape(&exporter)?;
    cold.print("first scrape, with the logins");
    let mut warm = Vec::new();
    for _ in 0..WARM_SCRAPES {
        let cost = Cost::of_scrape(&exporter)?;
        cost.print("scrape with kept sessions");
        warm.push(cost);
    }
    let sessions: usize = servers.iter().map(Sshd::sessions).sum();
    ensure!(
        sessions == NODES * (1 + WARM_SCRAPES),
        "{sessions} listings, which is not one a node and scrape"
    );
    let own = warm.iter().map(|cost| cost.own).sum::<Duration>() / u32::try_from(NODES * WARM_SCRAPES)?;
    println!();
    println!(
        "the exporter's own CPU: {} a node with the login, {} a node with kept sessions (goal: {}, {})",
        ms(cold.own / u32::try_from(NODES)?),
        ms(own),
        ms(GOAL),
        reached(own <= GOAL)
    );
    let status = Process::new(exporter.pid())?.status()?;
    for (what, kib) in
        [("resident memory of the exporter", status.vmrss), ("the most it ever was", status.vmhwm)]
    {
        println!("{what}: {:.1} MiB", kib.context("Linux tells it")? as f64 / 1024.0);
    }
    Ok(())
}

fn server(client: &Client, fold: &Path) -> anyhow::Result<Sshd> {
    let tree = Tree::new(fold, "srv1", "Asia/Shanghai", Timestamp::now())?;
    for number in 0..REPOS {
        tree.repo(&format!("svn/repo{number}"), &Nights::of_size(50_000_000).count(NIGHTS))?;
    }
    // Twenty clients come at once.
    sshd::Options::new(client, Login::with_fold(fold)).set("MaxStartups", "100").start()
}

/// What one scrape cost.
struct Cost {
    wall: Duration,
    /// CPU time of the exporter's process.
    own: Duration,
    /// CPU time of its ssh masters.
    masters: Duration,
}

impl Cost {
    /// Scrapes once; all nodes must be well.
    fn of_scrape(exporter: &Exporter) -> anyhow::Result<Self> {
        let (own, masters, start) = (own_time(exporter)?, time_of_masters(exporter), Instant::now());
        let text = exporter.text("/metrics?collect[]=nodes")?;
        let wall = start.elapsed();
        let well = text
            .lines()
            .filter(|line| line.starts_with("scm_backup_probe_success{") && line.ends_with("} 1"))
            .count();
        ensure!(well == NODES, "{well} of {NODES} nodes are well:\n{}", exporter.log());
        Ok(Self { wall, own: own_time(exporter)? - own, masters: time_of_masters(exporter) - masters })
    }

    fn print(&self, what: &str) {
        println!(
            "{what}: {:.2} s; CPU: {} the exporter, {} its ssh masters",
            self.wall.as_secs_f64(),
            ms(self.own),
            ms(self.masters)
        );
    }
}

fn own_time(exporter: &Exporter) -> anyhow::Result<Duration> {
    cpu_time(exporter.pid()).context("the exporter has ended")
}

fn time_of_masters(exporter: &Exporter) -> Duration {
    exporter.ssh_processes().iter().filter_map(|process| cpu_time(process.pid)).sum()
}

/// User and system time of a process, without its children's; `None` when it has ended.
fn cpu_time(pid: i32) -> Option<Duration> {
    let stat = Process::new(pid).ok()?.stat().ok()?;
    Some(Duration::from_secs(stat.utime + stat.stime) / u32::try_from(procfs::ticks_per_second()).ok()?)
}

fn ms(duration: Duration) -> String {
    format!("{:.1} ms", duration.as_secs_f64() * 1e3)
}
