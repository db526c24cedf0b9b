//! The four hubs of the legacy configuration on real nodes, the exporter, Prometheus scraping it, and the mails.
//!
//! All is well but for C2: on node C its newest `repos/env` was cut short and `tracs/heprez` is missing, and
//! nothing came to node H1 for twelve days.

mod mails;
mod ports;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::ensure;
use jiff::Timestamp;
pub use ports::Ports;
use rustix::process::Signal;
use tempfile::TempDir;

use crate::haste::Haste;
use crate::tree::Nights;
use crate::{
    Client, Dropbear, Exporter, Login, Mail, Mailing, Prometheus, Result, Shell, Sshd, Tree, Userland,
    exporter, prometheus,
};

/// The users' configuration files, as they have them.
const LEGACY: [(&str, &str); 2] = [
    ("libfab.cnf", include_str!("../demo/libfab.cnf")),
    ("scm_monitor.cnf", include_str!("../demo/scm_monitor.cnf")),
];

/// The scrape configuration that users are given.
const SCRAPE: &str = include_str!("../../../deploy/prometheus.yml");

/// Hub and node.
const TARGETS: [(&str, &str); 5] = [("C2", "C"), ("C2", "H1"), ("G", "Z9"), ("WW", "C"), ("ZZ", "SDU")];

const DYB: [&str; 4] = ["svn/dybsvn", "tracs/dybsvn", "svn/dybaux", "tracs/dybaux"];
const ENV: [&str; 8] = [
    "repos/env",
    "tracs/env",
    "repos/aberdeen",
    "tracs/aberdeen",
    "repos/tracdev",
    "tracs/tracdev",
    "repos/heprez",
    "tracs/heprez",
];

/// What a person at the graph page wants to see first.
const QUERY: &str = "scm_backup_repo_status > 0";

/// Who gets mail about C2, the hub that has trouble.
const OFFLINE: &str = "offline@example.org";

/// Who gets mail about the monitoring itself.
const DEFAULT: &str = "monitoring@example.org";

/// How quick it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// From one scrape to the next, in seconds.
    pub scrapes: u32,
    /// From one evaluation of the rules to the next, in seconds.
    pub rules: u32,
    /// The waits of alerts and mails.
    pub haste: Haste,
}

impl Pace {
    /// For a person. Since of the alerts' minutes a second is left, scrapes are that quick, too: or there would seem to
    /// be no exporter.
    pub const WATCHED: Self = Self { scrapes: 2, rules: 1, haste: Haste::DEMO };

    /// For nobody.
    pub const CHECK: Self = Self { scrapes: 2, rules: 1, haste: Haste::TEST };
}

/// A running demo. Dropping it, or [`Demo::end`], ends everything.
#[derive(Debug)]
pub struct Demo {
    // Fields drop in order, and in this order it is to end.
    prometheus: Prometheus,
    mailing: Mailing,
    exporter: Exporter,
    nodes: Nodes,
    configs: Vec<PathBuf>,
    program: PathBuf,
    directory: TempDir,
}

#[derive(Debug)]
struct Nodes {
    /// The client's files, which the exporter's configuration names.
    client: Client,
    _sshds: Vec<Sshd>,
    _nas: Dropbear,
}

/// What Prometheus knows of one repo on one node.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// 0 ok, 1 warn, 2 alarm.
    pub status: f64,
    /// How many tarballs are held.
    pub tarballs: Option<f64>,
    /// Size of the newest in bytes.
    pub size: Option<f64>,
    /// Age of the newest in seconds.
    pub age: Option<f64>,
}

/// Hub, node and repo.
pub type Place = (String, String, String);

impl Demo {
    /// Starts everything.
    ///
    /// # Errors
    /// When a part does not come up.
    pub fn start(program: &Path, pace: Pace) -> Result<Self> {
        Self::start_on(None, program, pace)
    }

    /// As [`Demo::start`], on these ports.
    ///
    /// # Errors
    /// When a part does not come up.
    pub fn start_on(ports: Option<Ports>, program: &Path, pace: Pace) -> Result<Self> {
        if let Some(ports) = &ports {
            ports.ensure_free()?;
        }
        ensure!(program.exists(), "there is no exporter at {}; run `cargo build`", program.display());
        let directory = tempfile::Builder::new().prefix("scm-backup-demo-").tempdir()?;
        make_trees(directory.path(), Timestamp::now())?;
        let nodes = Nodes::start(directory.path())?;
        let own = own_config(&nodes.client.ssh_config());
        let mut configs = Vec::new();
        for (name, text) in LEGACY.into_iter().chain([("demo.cnf", own.as_str())]) {
            let path = directory.path().join(name);
            fs::write(&path, text)?;
            configs.push(path);
        }
        let paths: Vec<&Path> = configs.iter().map(PathBuf::as_path).collect();
        let exporter = Exporter::start_on(ports.map_or(0, |ports| ports.exporter), program, &paths)?;
        let port = ports.map(|ports| ports.alertmanager);
        let mailing = Mailing::start_on(port, program, &paths, DEFAULT, pace.haste)?;
        let Pace { scrapes, rules, .. } = pace;
        let scrape = SCRAPE
            .replace("localhost:10222", &exporter.address().to_string())
            .replace("scrape_interval: 1m", &format!("scrape_interval: {scrapes}s"))
            .replace("scrape_timeout: 55s", &format!("scrape_timeout: {scrapes}s"))
            .replace("evaluation_interval: 15s", &format!("evaluation_interval: {rules}s"));
        let prometheus = mailing.watch_on(ports.map(|ports| ports.prometheus), &scrape)?;
        Ok(Self { prometheus, mailing, exporter, nodes, configs, program: program.to_owned(), directory })
    }

    /// The exporter.
    pub fn exporter(&self) -> &Exporter {
        &self.exporter
    }

    /// What scrapes the exporter.
    pub fn prometheus(&self) -> &Prometheus {
        &self.prometheus
    }

    /// Where to look, for a person.
    pub fn guide(&self) -> String {
        let configs: Vec<String> =
            self.configs.iter().map(|path| format!("--config.file {}", path.display())).collect();
        let (trees, ssh_config) = (self.directory.path().display(), self.nodes.client.ssh_config());
        [
            ("all at a glance", self.exporter.url("/")),
            ("its metrics", self.exporter.url("/metrics")),
            ("Prometheus", self.prometheus.url("/graph")),
            ("what is not well", self.prometheus.graph_url(QUERY)),
            // Debian's Prometheus has no page /alerts, and its Alertmanager none at all.
            ("its alerts", self.prometheus.graph_url("ALERTS")),
            (
                "what is told",
                format!("amtool alert --alertmanager.url={}", self.mailing.alertmanager.url("/")),
            ),
            ("mails, as HTML", self.mails_directory().display().to_string()),
            ("by hand", format!("{} probe {}", self.program.display(), configs.join(" "))),
            ("trees to break", format!("{trees}/{{SDU,Z9,C,H1}}/backup")),
            ("a node's shell", format!("ssh -F {} SDU", ssh_config.display())),
        ]
        .map(|(what, place)| format!("  {what:<17} {place}\n"))
        .concat()
    }

    /// What Prometheus knows of every repo, once it knows something of every node of the four hubs.
    ///
    /// # Errors
    /// When it does not come to that; the error shows what the scrapes said and the exporter's log.
    pub fn wait_for_rows(&self) -> Result<BTreeMap<Place, Row>> {
        let all_targets = |samples: &[prometheus::Sample]| {
            TARGETS.iter().all(|(hub, node)| {
                samples.iter().any(|sample| (sample.label("hub"), sample.label("node")) == (*hub, *node))
            })
        };
        let status = self.prometheus.wait_for("scm_backup_repo_status", all_targets);
        let status =
            status.map_err(|error| error.context(format!("the exporter says:\n{}", self.exporter.log())))?;
        let place = |sample: &prometheus::Sample| {
            let of = |name: &str| sample.label(name).to_owned();
            (of("hub"), of("node"), of("repo"))
        };
        let by_place = |query: &str| -> Result<BTreeMap<Place, f64>> {
            Ok(self.prometheus.query(query)?.iter().map(|sample| (place(sample), sample.value)).collect())
        };
        let tarballs = by_place("scm_backup_tarballs")?;
        let size = by_place("scm_backup_tarball_size_bytes")?;
        let age = by_place("scm_backup_tarball_age_seconds")?;
        let row = |sample: &prometheus::Sample| {
            let place = place(sample);
            let of = |values: &BTreeMap<Place, f64>| values.get(&place).copied();
            let row = Row { status: sample.value, tarballs: of(&tarballs), size: of(&size), age: of(&age) };
            (place, row)
        };
        Ok(status.iter().map(row).collect())
    }

    /// Waits for the mail about the hub that has trouble, once that is all told.
    ///
    /// # Errors
    /// When it does not come; the error shows what came.
    pub fn wait_for_mail(&self) -> Result<Mail> {
        let told = ["repos/env on C cut short", "tracs/heprez on C missing", "tracs/env on H1 too old"];
        self.mailing.sink.wait_for(OFFLINE, |mail| told.iter().all(|what| mail.text.contains(what)))
    }

    /// Ends everything.
    ///
    /// # Errors
    /// When the exporter panicked, did not end well, or left something.
    pub fn end(self) -> Result<()> {
        self.prometheus.stop()?;
        self.mailing.stop()?;
        let (status, runtime) = self.exporter.end(Signal::TERM)?;
        let log = exporter::log(&runtime);
        let panic: Vec<&str> = log.lines().skip_while(|line| !line.contains("panicked")).take(2).collect();
        ensure!(panic.is_empty(), "the exporter: {}", panic.join(" "));
        let left = exporter::leftovers(&runtime);
        ensure!(left.is_empty(), "the exporter left behind: {}", left.join(", "));
        ensure!(status.success(), "the exporter ended: {status}");
        Ok(())
    }
}

impl Nodes {
    fn start(trees: &Path) -> Result<Self> {
        let mut client = Client::new()?;
        let fold = |node: &str| trees.join(node);
        let sdu = Sshd::start(&client, Login::with_fold(&fold("SDU")))?;
        let c = Sshd::start(&client, Login::with_fold(&fold("C")).shell(Shell::Tcsh))?;
        // Its profile is noisy, and $SCM_FOLD is set nowhere else.
        let profile = format!(
            ". /usr/local/env/env.bash\nexport SCM_FOLD={}\necho welcome to H1\n",
            crate::login::quote(&fold("H1").to_string_lossy())
        );
        let h1 =
            Sshd::start(&client, Login::default().shell(Shell::Bash).home_file(".bash_profile", &profile))?;
        let nas = Login::with_fold(&fold("Z9")).shell(Shell::Ash).userland(Userland::Busybox);
        let z9 = Dropbear::start(&client, &nas)?;
        client.add("SDU", &sdu)?;
        client.add("C", &c)?;
        client.add("H1", &h1)?;
        client.add_at_any_port("Z9", &z9)?;
        Ok(Self { client, _sshds: vec![sdu, c, h1], _nas: z9 })
    }
}

/// One directory a node, each its `$SCM_FOLD`.
fn make_trees(directory: &Path, now: Timestamp) -> Result<()> {
    const MIB: u64 = 1 << 20;
    let repos = |tree: &Tree, names: &[&str], size: u64| -> Result<()> {
        for (name, nth) in names.iter().zip(1..) {
            let nights = Nights::of_size(size / nth);
            // Trac's tarballs bear no revision.
            tree.repo(
                name,
                &if name.starts_with("tracs/") { nights } else { nights.revision(19_000 / nth) },
            )?;
        }
        Ok(())
    };
    repos(&Tree::new(&directory.join("SDU"), "dayabay", "Asia/Shanghai", now)?, &DYB, 1_531_229_474)?;
    repos(
        &Tree::new(&directory.join("Z9"), "g4pb", "Asia/Taipei", now)?,
        &["svn/g4dae", "tracs/g4dae"],
        90 * MIB,
    )?;
    repos(&Tree::new(&directory.join("C"), "cms02", "Asia/Taipei", now)?, &ENV, 184 * MIB)?;

    let cut = Tree::new(&directory.join("C"), "cms01", "Asia/Taipei", now)?;
    repos(&cut, &ENV, 184 * MIB)?;
    cut.shrink_newest("repos/env", 75)?;
    cut.drop_repo("tracs/heprez")?;

    let stale = Tree::new(&directory.join("H1"), "cms01", "Asia/Taipei", now)?;
    for name in ENV {
        stale.repo(name, &Nights::of_size(52 * MIB).count(19))?;
    }
    stale.stale_by(12)
}

/// What the legacy files lack: sections for G and C2, time zones, and how our nodes are reached.
fn own_config(ssh_config: &Path) -> String {
    let env = ENV.join(" ");
    let ssh_config = ssh_config.display();
    // The legacy timeout of two seconds suits a quiet machine; these nodes may start beside a build.
    format!(
        "[ENV]
ssh_config = {ssh_config}
probe_timeout = 60

[ZZ]
timezone = Asia/Shanghai
email = dayabay@example.org

[WW]
timezone = Asia/Taipei
email = cms02@example.org

[hub G]
srvnode = g4pb
timezone = Asia/Taipei
email = g4pb@example.org

[hub C2]
srvnode = cms01
timezone = Asia/Taipei
select = {env}
email = {OFFLINE}

[node SDU]
timeout = 30

[node Z9]
timeout = 30

[node C]
timeout = 30

[node H1]
timeout = 30
"
    )
}

/// The rows as a table.
pub fn table(rows: &BTreeMap<Place, Row>) -> String {
    let known =
        |value: Option<f64>, unit: f64| value.map_or("-".to_owned(), |value| format!("{:.1}", value / unit));
    let mut text = format!(
        "{:<4} {:<5} {:<16} {:<6} {:>8} {:>10} {:>7}\n",
        "hub", "node", "repo", "status", "tarballs", "MiB", "hours"
    );
    for ((hub, node, repo), row) in rows {
        let status = match row.status {
            0.0 => "ok",
            1.0 => "warn",
            2.0 => "alarm",
            _ => "?",
        };
        let tarballs = row.tarballs.map_or("-".to_owned(), |count| count.to_string());
        let (size, age) = (known(row.size, 1_048_576.0), known(row.age, 3600.0));
        text += &format!("{hub:<4} {node:<5} {repo:<16} {status:<6} {tarballs:>8} {size:>10} {age:>7}\n");
    }
    text
}

/// Holds the rows against what was put on the nodes.
///
/// # Errors
/// Names what is not as it was made.
pub fn check(rows: &BTreeMap<Place, Row>) -> Result<()> {
    let mut wrong = Vec::new();
    for ((hub, node, repo), row) in rows {
        let unwell = match (hub.as_str(), node.as_str()) {
            ("C2", "C") => matches!(repo.as_str(), "repos/env" | "tracs/heprez"),
            pair => pair == ("C2", "H1"),
        };
        if unwell != (row.status > 0.0) {
            wrong.push(format!("{hub} {node} {repo} has status {}", row.status));
        }
    }
    // ZZ on SDU, G on Z9, WW on C, C2 on C and H1.
    let expected = DYB.len() + 2 + 3 * ENV.len();
    if rows.len() != expected {
        wrong.push(format!("there are {} repos, and not {expected}", rows.len()));
    }
    let missing =
        rows.iter().find(|((hub, node, repo), _)| hub == "C2" && node == "C" && repo == "tracs/heprez");
    if missing.is_none_or(|(_, row)| row.tarballs != Some(0.0)) {
        wrong.push("C2's tracs/heprez on C does not count 0".to_owned());
    }
    ensure!(wrong.is_empty(), "not as it was made: {}", wrong.join("; "));
    Ok(())
}
