//! A warm probe of one node with 3,000 tarballs over HTTP, beside what it could be compared with.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::ensure;
use jiff::Timestamp;
use scm_backup_exporter::listing::Request;
use testbed::tree::Nights;
use testbed::{Client, Exporter, Login, Sshd, Tree, poll};

mod goal;
mod nodes;
mod timing;

use goal::reached;
use timing::{Way, medians};

const REPOS: usize = 20;
const NIGHTS: usize = 150;
const TARBALLS: usize = REPOS * NIGHTS;

const ROUNDS: usize = 42;
/// The legacy way takes seconds.
const LEGACY_EVERY: usize = 14;

/// What it must reach against the same script over a bare session.
const GOAL: f64 = 1.15;

const NODE: &str = "N1";
const NONCE: &str = "0123456789abcdef";

fn main() -> anyhow::Result<()> {
    let directory = tempfile::tempdir()?;
    let fold = directory.path().join("fold");
    let tree = Tree::new(&fold, "srv1", "Asia/Shanghai", Timestamp::now())?;
    for number in 0..REPOS {
        let nights = Nights::of_size(50_000_000).count(NIGHTS).revision(4000);
        tree.repo(&format!("svn/repo{number:02}"), &nights)?;
    }
    let mut client = Client::new()?;
    let sshd = Sshd::start(&client, Login::with_fold(&fold))?;
    client.add(NODE, &sshd)?;
    let exporter = nodes::exporter(&client, directory.path(), &[NODE.to_owned()])?;
    let bare = Bare::connect(&client, directory.path(), &tree.root())?;

    println!("one sshd node, {TARBALLS} tarballs of {REPOS} repos, each with its sidecar");
    let took = medians(
        ROUNDS,
        vec![
            Way::new("a  /probe, session kept", 1, || probe(&exporter)),
            Way::new("b  ssh -S, the same script", 1, || bare.script()),
            Way::new("c  ssh -S, find -printf", 1, || bare.find()),
            Way::new("d  ssh anew, find -exec du (the legacy way)", LEGACY_EVERY, || {
                legacy(&client, &tree.root())
            }),
        ],
    )?;
    let against_script = ratio(took[0], took[1]);
    println!();
    println!("a/b {against_script:.2} (goal: {GOAL}, {})", reached(against_script <= GOAL));
    println!("a/c {:.2}", ratio(took[0], took[2]));
    println!("a/d {:.4}, that is 1/{:.0}", ratio(took[0], took[3]), ratio(took[3], took[0]));
    Ok(())
}

/// The probe as Prometheus asks for it.
fn probe(exporter: &Exporter) -> anyhow::Result<Duration> {
    let start = Instant::now();
    let text = exporter.text("/probe?hub=A&node=N1")?;
    let took = start.elapsed();
    let success = "scm_backup_probe_success{hub=\"A\",node=\"N1\"} 1";
    ensure!(text.lines().any(|line| line == success), "{}", exporter.log());
    Ok(took)
}

/// A new connection, and `du` once for each tarball.
fn legacy(client: &Client, root: &Path) -> anyhow::Result<Duration> {
    let command = format!("find {} -name '*.gz' -exec du --block-size=1M {{}} \\;", root.display());
    let (took, output) = output_of(client.ssh_command()?.args(["-n", NODE, &command]))?;
    ensure!(lines(&output) == TARBALLS, "{} lines", lines(&output));
    Ok(took)
}

/// A master without the exporter, and what is run over it. Dropping it ends it.
struct Bare<'a> {
    client: &'a Client,
    master: Child,
    socket: PathBuf,
    /// What the exporter sends.
    script: PathBuf,
    command: String,
    root: PathBuf,
}

impl<'a> Bare<'a> {
    fn connect(client: &'a Client, directory: &Path, root: &Path) -> anyhow::Result<Self> {
        let request =
            Request { root: "$SCM_FOLD/backup/srv1", time_limit: Some(Duration::from_secs(nodes::LIMIT)) };
        let script = directory.join("script");
        fs::write(&script, request.script())?;
        let socket = directory.join("socket");
        let mut command = client.ssh_command()?;
        command.args(["-M", "-N", "-S"]).arg(&socket).arg(NODE).stdin(Stdio::null());
        let bare = Self {
            client,
            master: command.spawn()?,
            socket,
            script,
            command: request.command("sh", NONCE),
            root: root.to_owned(),
        };
        poll::until("the bare session is up", || Ok(bare.socket.exists().then_some(())))?;
        Ok(bare)
    }

    fn script(&self) -> anyhow::Result<Duration> {
        let input = File::open(&self.script)?;
        let (took, output) = output_of(self.ssh()?.args([NODE, &self.command]).stdin(input))?;
        let records = format!("N {}", 2 * TARBALLS + REPOS);
        let text = String::from_utf8_lossy(&output);
        ensure!(text.lines().any(|line| line == records), "no line {records:?}");
        Ok(took)
    }

    fn find(&self) -> anyhow::Result<Duration> {
        let command = format!("find {} -type f -printf '%s %Ts %P\\n'", self.root.display());
        let (took, output) = output_of(self.ssh()?.args(["-n", NODE, &command]))?;
        ensure!(lines(&output) == 2 * TARBALLS, "{} lines", lines(&output));
        Ok(took)
    }

    fn ssh(&self) -> anyhow::Result<Command> {
        let mut command = self.client.ssh_command()?;
        command.arg("-S").arg(&self.socket);
        Ok(command)
    }
}

impl Drop for Bare<'_> {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.master.kill();
        let _ = self.master.wait();
    }
}

/// What a command prints, and how long it takes to its end.
fn output_of(command: &mut Command) -> anyhow::Result<(Duration, Vec<u8>)> {
    let start = Instant::now();
    let output = command.output()?;
    let took = start.elapsed();
    ensure!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok((took, output.stdout))
}

/// How many times the other a duration is.
fn ratio(this: Duration, other: Duration) -> f64 {
    this.as_secs_f64() / other.as_secs_f64()
}

fn lines(output: &[u8]) -> usize {
    output.iter().filter(|byte| **byte == b'\n').count()
}
