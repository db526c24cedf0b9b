//! A small world to test in: nodes with trees, an ssh client that knows them, a configuration.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use jiff::Timestamp;
use tempfile::TempDir;
use testbed::tree::Nights;
use testbed::{Client, Exporter, Login, Node, Sshd, Tree};

/// The zone of every hub here: one that never changes its clock.
pub const ZONE: &str = "Asia/Shanghai";

/// Nodes, client and configuration. Servers end when they are dropped.
pub struct World {
    pub dir: TempDir,
    pub client: Client,
    sections: String,
}

impl World {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        // For nodes whose account is another than ours.
        fs::set_permissions(dir.path(), Permissions::from_mode(0o755)).unwrap();
        Self { dir, client: Client::new().unwrap(), sections: String::new() }
    }

    /// Hub A with one healthy node `N1`, an exporter that has a session on it, and its first exposition.
    #[track_caller]
    pub fn seen_well() -> (Self, Sshd, Exporter, String) {
        let mut world = Self::new();
        world.good_tree("N1", "srv1");
        let node = world.sshd("N1");
        let config = world.hub("A", "srv1").write("A = N1", "");
        let exporter = world.serve(&config);
        let metrics = exporter.text("/metrics").unwrap();
        assert_healthy(&metrics, "A", "N1");
        (world, node, exporter, metrics)
    }

    /// A node's `$SCM_FOLD`.
    pub fn fold(&self, node: &str) -> PathBuf {
        self.dir.path().join(node)
    }

    /// The tree of a hub on a node.
    pub fn tree(&self, node: &str, srvnode: &str) -> Tree {
        Tree::new(&self.fold(node), srvnode, ZONE, Timestamp::now()).unwrap()
    }

    /// A tree with two good repos, `svn/env` and `tracs/env`.
    pub fn good_tree(&self, node: &str, srvnode: &str) -> Tree {
        let tree = self.tree(node, srvnode);
        tree.repo("svn/env", &Nights::of_size(50_000_000).revision(3591)).unwrap();
        tree.repo("tracs/env", &Nights::of_size(9_000_000)).unwrap();
        tree
    }

    /// A plain sshd that is known by the node's name.
    pub fn sshd(&mut self, node: &str) -> Sshd {
        let login = Login::with_fold(&self.fold(node));
        self.sshd_with(node, login)
    }

    /// An sshd with this account, known by the node's name.
    pub fn sshd_with(&mut self, node: &str, login: Login) -> Sshd {
        let sshd = Sshd::start(&self.client, login).unwrap();
        self.know(node, &sshd);
        sshd
    }

    /// Makes any server known by a name.
    pub fn know(&mut self, node: &str, server: &impl Node) {
        self.client.add(node, server).unwrap();
    }

    /// Adds sections to the configuration.
    pub fn sections(&mut self, text: &str) -> &mut Self {
        self.sections.push_str(text);
        self.sections.push('\n');
        self
    }

    /// Adds a hub with its nodes that selects `svn/env` and `tracs/env`.
    pub fn hub(&mut self, hub: &str, srvnode: &str) -> &mut Self {
        self.sections(&format!(
            "[hub {hub}]\nsrvnode = {srvnode}\ntimezone = {ZONE}\nselect = svn/env tracs/env"
        ))
    }

    /// Writes the configuration: `[HUB]` and `[ENV]` with these lines, then the sections.
    pub fn write(&self, roster: &str, env: &str) -> PathBuf {
        let path = self.dir.path().join("config.ini");
        let ssh_config = self.client.ssh_config();
        let text = format!(
            "[HUB]\n{roster}\n[ENV]\nssh_config = {}\n{env}\n{}",
            ssh_config.display(),
            self.sections
        );
        fs::write(&path, text).unwrap();
        path
    }

    /// A running exporter with this configuration.
    pub fn serve(&self, config: &Path) -> Exporter {
        Exporter::start(program(), &[config]).unwrap()
    }
}

/// A healthy node `GOOD` of hub A, and the place for a bad one, `BAD`, beside it.
pub struct Beside {
    pub world: World,
    pub good: Sshd,
}

impl Beside {
    /// Both nodes hold good trees; the server of `BAD` is still to come.
    pub fn new() -> Self {
        let mut world = World::new();
        world.good_tree("GOOD", "srv1");
        world.good_tree("BAD", "srv1");
        let good = world.sshd("GOOD");
        world.hub("A", "srv1");
        Self { world, good }
    }

    /// `BAD` with a plain sshd whose troubles are still to come, an exporter that has seen it well, and what that then
    /// gave.
    #[track_caller]
    pub fn seen_well() -> (Self, Sshd, Exporter, String) {
        let mut beside = Self::new();
        let login = beside.login();
        let bad = beside.world.sshd_with("BAD", login);
        let exporter = beside.serve("");
        let metrics = exporter.text("/metrics").unwrap();
        assert_healthy(&metrics, "A", "BAD");
        (beside, bad, exporter, metrics)
    }

    /// The good account of `BAD`, to be spoilt.
    pub fn login(&self) -> Login {
        Login::with_fold(&self.world.fold("BAD"))
    }

    /// An exporter for both nodes; `lines` are those of `[node BAD]`.
    pub fn serve(&mut self, lines: &str) -> Exporter {
        let config = self.write(lines);
        self.world.serve(&config)
    }

    /// The configuration of both nodes. A quiet machine needs none of the time that they are given.
    pub fn write(&mut self, lines: &str) -> PathBuf {
        self.world.sections(&format!("[node BAD]\n{lines}"));
        self.world.write("A = BAD GOOD", PATIENT)
    }
}

/// Lines of `[ENV]` with time for a loaded machine.
pub const PATIENT: &str = "timeout = 30\nprobe_timeout = 60";

/// Scrapes; asserts that node `BAD` fails for this reason alone, that the log says so in these words, and that
/// node `GOOD` is well in the same scrape. Gives the exposition.
#[track_caller]
pub fn assert_bad(exporter: &Exporter, reason: &str, words: &[&str]) -> String {
    let metrics = exporter.text("/metrics").unwrap();
    assert_failed(&metrics, "A", "BAD", reason);
    assert_healthy(&metrics, "A", "GOOD");
    assert_logged(exporter, "BAD", reason, words);
    metrics
}

/// Asserts that a node's last probe failed for this reason, and no other.
#[track_caller]
pub fn assert_failed(exposition: &str, hub: &str, node: &str, reason: &str) {
    assert_eq!(self::reason(exposition, hub, node).as_deref(), Some(reason), "{exposition}");
    let labels = format!("{{hub=\"{hub}\",node=\"{node}\"");
    assert_eq!(value(exposition, &format!("scm_backup_probe_success{labels}}}")), 0.0);
    let start = format!("scm_backup_probe_failure{labels},");
    let reasons: Vec<&str> = exposition.lines().filter(|line| line.starts_with(&start)).collect();
    assert_eq!(reasons.len(), 10, "{exposition}");
    assert_eq!(reasons.iter().filter(|line| line.ends_with(" 0")).count(), 9, "{reasons:?}");
}

/// Asserts that a warning about a node gives this reason and holds these words.
#[track_caller]
pub fn assert_logged(exporter: &Exporter, node: &str, reason: &str, words: &[&str]) {
    let log = exporter.log();
    assert!(!log.contains("panicked"), "{log}");
    let (node, reason) = (format!("node=\"{node}\""), format!("reason={reason}"));
    let is_it =
        |line: &&str| line.contains("probe failed: ") && line.contains(&node) && line.contains(&reason);
    let said: Vec<&str> = log.lines().filter(|line| line.contains("WARN")).filter(is_it).collect();
    assert!(said.iter().any(|line| words.iter().all(|word| line.contains(word))), "{words:?}: {log}");
}

/// The lines of a node's repos and of its report, without what grows by itself.
pub fn report_lines(exposition: &str, node: &str) -> Vec<String> {
    let label = format!("node=\"{node}\"");
    let of_probe = ["scm_backup_probe_success", "scm_backup_probe_failure", "scm_backup_probe_duration"];
    let is_kept = |line: &&str| {
        line.contains(&label)
            && !line.starts_with("scm_backup_tarball_age_seconds")
            && !of_probe.iter().any(|name| line.starts_with(name))
    };
    exposition.lines().filter(is_kept).map(str::to_owned).collect()
}

/// Asserts that what was known of a node still stands, its time included.
#[track_caller]
pub fn assert_kept(before: &str, after: &str, node: &str) {
    let lines = report_lines(before, node);
    assert!(lines.iter().any(|line| line.starts_with("scm_backup_probe_timestamp_seconds")), "{before}");
    assert_eq!(lines, report_lines(after, node));
}

/// A file or directory that nobody but root can read, until this is dropped.
pub struct Closed(PathBuf);

impl Closed {
    pub fn new(path: PathBuf) -> Self {
        fs::set_permissions(&path, Permissions::from_mode(0o000)).unwrap();
        Self(path)
    }
}

impl Drop for Closed {
    fn drop(&mut self) {
        // So that it can be removed.
        let _ = fs::set_permissions(&self.0, Permissions::from_mode(0o755));
    }
}

/// A file that a node's script waits for, and a mark by which it says so.
pub struct Gate(PathBuf);

impl Gate {
    pub fn new(world: &World) -> Self {
        Self(world.dir.path().join("gate"))
    }

    /// Lines of a script that wait, the first time they are run, until the gate is open.
    pub fn script(&self) -> String {
        format!(
            "if [ ! -e {gate}.used ]; then : > {gate}.used; while [ ! -e {gate} ]; do sleep 0.05; done; fi\n",
            gate = self.0.display()
        )
    }

    /// Waits until somebody waits.
    pub fn wait_until_used(&self) {
        let used = self.0.with_extension("used");
        testbed::poll::until("a listing waits at the gate", || Ok(used.exists().then_some(()))).unwrap();
    }

    pub fn open(&self) {
        fs::write(&self.0, "").unwrap();
    }
}

/// What a script does in the end that is no more than delayed or spoilt: what the client asked for.
pub const AS_ASKED: &str = "exec sh -c \"$SSH_ORIGINAL_COMMAND\"\n";

/// A script that lists ten thousand repos with names of 255 bytes, which end in this one, repeated.
pub fn inflated(filler: &str) -> String {
    format!(
        "set -- $SSH_ORIGINAL_COMMAND\n\
        mark=\"scm-backup-listing 1 $3\"\n\
        printf '\\n%s BEGIN list=printf awk=yes bounded=no epoch=%s utc=+0000\\nR /data\\n' \"$mark\" \"$(date +%s)\"\n\
        long=$(printf '%250s' '' | LC_ALL=C sed 's/ /{filler}/g')\n\
        LC_ALL=C awk -v long=\"$long\" 'BEGIN {{ for (n = 0; n < 10000; n++) {{\n\
            name = sprintf(\"%05d%s\", n, long)\n\
            print \"F 5 1352822400 svn/\" name \"/2012/11/13/161023/\" name \".tar.gz\" }} }}'\n\
        printf 'N 10000\\n\\n%s END find=0 awk=0 denied=0 vanished=0 other=0\\n' \"$mark\"\n"
    )
}

/// The program under test.
pub fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_scm-backup-exporter"))
}

/// Runs the program by hand with a configuration.
pub fn by_hand(config: &Path, args: &[&str]) -> Output {
    Command::new(program()).arg("--config.file").arg(config).args(args).output().unwrap()
}

/// The value of the one sample with this name and these labels, given as they stand in the exposition.
#[track_caller]
pub fn value(exposition: &str, series: &str) -> f64 {
    sample(exposition, series).unwrap_or_else(|| panic!("no {series} in:\n{exposition}"))
}

/// As [`value`], or `None` when there is no such sample.
pub fn sample(exposition: &str, series: &str) -> Option<f64> {
    let line = exposition
        .lines()
        .find(|line| line.strip_prefix(series).is_some_and(|rest| rest.starts_with(' ')))?;
    Some(line[series.len()..].trim().parse().unwrap())
}

/// The reason of a node's last failure, from its series.
pub fn reason(exposition: &str, hub: &str, node: &str) -> Option<String> {
    let start = format!("scm_backup_probe_failure{{hub=\"{hub}\",node=\"{node}\",reason=\"");
    let line = exposition.lines().find(|line| line.starts_with(&start) && line.ends_with("\"} 1"))?;
    Some(line[start.len()..].split('"').next().unwrap().to_owned())
}

/// Asserts that a node's series are those of a good tree.
#[track_caller]
pub fn assert_healthy(exposition: &str, hub: &str, node: &str) {
    let of = |name: &str| value(exposition, &format!("{name}{{hub=\"{hub}\",node=\"{node}\"}}"));
    assert_eq!(of("scm_backup_probe_success"), 1.0, "{exposition}");
    for repo in ["svn/env", "tracs/env"] {
        let of = |name: &str| {
            value(exposition, &format!("{name}{{hub=\"{hub}\",node=\"{node}\",repo=\"{repo}\"}}"))
        };
        assert_eq!(of("scm_backup_tarballs"), 7.0);
        assert_eq!(of("scm_backup_tarball_verified"), 1.0);
        assert_eq!(of("scm_backup_repo_status"), 0.0);
    }
}
