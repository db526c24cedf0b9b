//! A small world to test in: nodes with trees, an ssh client that knows them, a configuration.

use std::fs;
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
        Self { dir: tempfile::tempdir().unwrap(), client: Client::new().unwrap(), sections: String::new() }
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

    /// Runs the program by hand.
    pub fn by_hand(&self, config: &Path, args: &[&str]) -> Output {
        by_hand(config, args)
    }
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
