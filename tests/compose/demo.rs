//! The nodes of the demo, by their own scripts: real sshd, on loopback.

use std::collections::BTreeMap;
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;
use testbed::process::Daemon;
use testbed::{Exporter, tool};

use crate::dockerfile::stage;
use crate::file::{project, services, texts};

const NODES: [&str; 3] = ["node-sdu", "node-c", "node-h1"];

/// Fields drop in order: the nodes end before their trees go.
struct Demo {
    exporter: Exporter,
    _nodes: Vec<Daemon>,
    _directory: TempDir,
}

fn replaced(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "{from:?} is not in\n{text}");
    text.replace(from, to)
}

/// The keys, made by the script of the service.
fn make_keys(directory: &Path) {
    let keys = &services()["keys"];
    let hosts = &texts(&keys["command"])[1..];
    assert_eq!(hosts, NODES);
    let mut command = Command::new("sh");
    command.arg(project("deploy/compose/keys.sh")).arg(directory).args(hosts);
    assert!(command.status().unwrap().success());
    // A second start changes nothing.
    let made = fs::read(directory.join("id_ed25519")).unwrap();
    assert!(command.status().unwrap().success());
    assert_eq!(fs::read(directory.join("id_ed25519")).unwrap(), made);
}

/// A node, by the script and with the arguments and variables of its service.
fn start_node(name: &str, port: u16, keys: &Path, directory: &Path) -> Daemon {
    // Which the script runs by its path.
    assert_eq!(tool::find("sshd").unwrap(), PathBuf::from("/usr/sbin/sshd"));
    if rustix::process::geteuid().is_root() {
        fs::create_dir_all("/run/sshd").unwrap();
    }
    let service = &services()[name];
    let mut command = Command::new("sh");
    command.arg(project("deploy/compose/node.sh")).args(texts(&service["command"]));
    for (variable, value) in service["environment"].as_object().into_iter().flatten() {
        command.env(variable, value.as_str().unwrap());
    }
    command.env("SCM_FOLD", directory.join(name)).env("KEYS", keys).env("PORT", port.to_string());
    let mut node = Daemon::start(name, &mut command, &directory.join(format!("{name}.log"))).unwrap();
    node.wait_for("listens", |log| log.contains("Server listening on").then_some(())).unwrap();
    node
}

/// The keys, the nodes, and an exporter with the configuration of the demo, but for the places.
fn start() -> Demo {
    let directory = tempfile::Builder::new().prefix("compose-").tempdir().unwrap();
    let keys = directory.path().join("keys");
    fs::create_dir(&keys).unwrap();
    make_keys(&keys);

    let user = String::from_utf8(Command::new("id").arg("-un").output().unwrap().stdout).unwrap();
    let mut config = fs::read_to_string(project("deploy/compose/demo.ini")).unwrap();
    config = replaced(&config, "\nuser = scm\n", &format!("\nuser = {}\n", user.trim()));
    config = replaced(&config, "\nport = 2222\n", "\n");
    let mut known = fs::read_to_string(keys.join("known_hosts")).unwrap();
    let mut nodes = Vec::new();
    for name in NODES {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        nodes.push(start_node(name, port, &keys, directory.path()));
        let fold = directory.path().join(name);
        let here = format!("host = 127.0.0.1\nport = {port}\nscm_fold = {}\n", fold.display());
        config = replaced(&config, &format!("host = {name}\n"), &here);
        known = replaced(&known, &format!("[{name}]:2222"), &format!("[127.0.0.1]:{port}"));
    }
    config = replaced(
        &config,
        "\nscm_fold = /srv/scm\n",
        &format!(
            "\nkey_filename = {keys}/id_ed25519\nknown_hosts = {keys}/known_here\ntimeout = 30\n",
            keys = keys.display()
        ),
    );
    fs::write(keys.join("known_here"), known).unwrap();
    let path = directory.path().join("config.ini");
    fs::write(&path, config).unwrap();
    let program = Path::new(env!("CARGO_BIN_EXE_scm-backup-exporter"));
    let exporter = Exporter::start(program, &[&path]).unwrap();
    Demo { exporter, _nodes: nodes, _directory: directory }
}

/// What a metric says of each repo, as `hub node repo`.
fn by_place(exposition: &str, metric: &str) -> BTreeMap<String, f64> {
    let lines = exposition.lines().filter_map(|line| line.strip_prefix(metric)?.strip_prefix('{'));
    lines
        .map(|line| {
            let (labels, value) = line.split_once("} ").unwrap();
            let place: Vec<&str> = labels.split('"').skip(1).step_by(2).collect();
            (place.join(" "), value.parse().unwrap())
        })
        .collect()
}

#[test]
fn nodes_of_the_demo_show_what_the_file_says_of_them() {
    let demo = start();
    let exposition = demo.exporter.get("/metrics").unwrap().text().unwrap();
    let success = by_place(&exposition, "scm_backup_probe_success");
    assert!(success.len() == 3 && success.values().all(|value| *value == 1.0), "{success:?}\n{exposition}");
    let alarms: Vec<String> = by_place(&exposition, "scm_backup_repo_status")
        .into_iter()
        .filter(|(_, status)| *status > 0.0)
        .map(|(place, _)| place)
        .collect();
    let wanted = [
        "C2 C svn/env",
        "C2 C tracs/heprez",
        "C2 H1 svn/env",
        "C2 H1 svn/heprez",
        "C2 H1 tracs/env",
        "C2 H1 tracs/heprez",
    ];
    assert_eq!(alarms, wanted);
    assert_eq!(by_place(&exposition, "scm_backup_tarballs")["C2 C tracs/heprez"], 0.0);
    assert_eq!(by_place(&exposition, "scm_backup_tarballs")["ZZ SDU svn/main"], 7.0);
    assert_eq!(by_place(&exposition, "scm_backup_tarball_verified")["C2 C svn/env"], 0.0);
    let age = by_place(&exposition, "scm_backup_tarball_age_seconds")["C2 H1 svn/env"];
    assert!((12.0..12.5).contains(&(age / 86_400.0)), "{age}");
}

#[test]
fn hosts_and_user_of_the_demo_are_those_of_the_file() {
    let config = fs::read_to_string(project("deploy/compose/demo.ini")).unwrap();
    let services = services();
    for name in NODES {
        assert!(config.contains(&format!("\nhost = {name}\n")));
        let srvnode = services[name]["command"][0].as_str().unwrap();
        assert!(config.contains(&format!("\nsrvnode = {srvnode}\n")), "{srvnode}");
    }
    let node = stage("node");
    let account = node.all("RUN").find(|command| command.starts_with("useradd ")).unwrap();
    assert!(config.contains("\nuser = scm\n") && account.contains(" scm && "), "{account}");
}
