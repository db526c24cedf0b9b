//! Each program of the file that Debian has too, started with the file's own flags, files and health check.

use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;
use testbed::process::Daemon;
use testbed::{Exporter, Prometheus, alertmanager, poll, tool};

use crate::container::{Container, Network};
use crate::file::{mounts, ports, project, services, texts};

/// The flags of a service, with the paths of this machine in the place of the container's. What a volume holds lies
/// below a directory.
fn flags(service: &Value, directory: &Path) -> Vec<String> {
    let mounts = mounts(service);
    texts(&service["command"])
        .into_iter()
        .map(|flag| {
            let Some((name, path)) = flag.split_once("=/") else { return flag.to_owned() };
            let path = format!("/{path}");
            let found = mounts.iter().find_map(|mount| {
                let rest = Path::new(&path).strip_prefix(&mount.target).ok()?;
                let source =
                    if mount.is_volume() { directory.join(&mount.source) } else { project(&mount.source) };
                // A file is mounted itself: joined with nothing it would be a directory.
                Some(if rest.as_os_str().is_empty() { source } else { source.join(rest) })
            });
            let here = found.unwrap_or_else(|| panic!("nothing is mounted where {flag} looks"));
            format!("{name}={}", here.display())
        })
        .collect()
}

/// The health check of a service, asked of another port.
fn is_healthy(service: &Value, port: u16) -> bool {
    let inside = ports(service)[0].1;
    let check = texts(&service["healthcheck"]["test"]);
    assert_eq!(check[0], "CMD");
    let asked: Vec<String> = check[1..]
        .iter()
        .map(|word| word.replace(&format!("127.0.0.1:{inside}"), &format!("127.0.0.1:{port}")))
        .collect();
    assert_ne!(asked, check[1..], "the health check asks no port");
    Command::new(tool::find(&asked[0]).unwrap()).args(&asked[1..]).output().unwrap().status.success()
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Starts a program of the file, and waits until its health check is content. What its volumes hold lies in a directory.
fn assert_runs(name: &str, program: &str, directory: &TempDir) {
    let services = services();
    let service = &services[name];
    let mut command = Command::new(tool::find(program).unwrap());
    let port = free_port();
    command.args(flags(service, directory.path())).arg(format!("--web.listen-address=127.0.0.1:{port}"));
    // Relative paths of the flags would be those of the project.
    command.current_dir(directory.path());
    let mut daemon = Daemon::start(name, &mut command, &directory.path().join("log")).unwrap();
    let healthy = poll::until(&format!("{name} is healthy"), || {
        anyhow::ensure!(daemon.process().is_some(), "{name} ended");
        Ok(is_healthy(service, port).then_some(()))
    });
    if let Err(error) = healthy {
        panic!("{error:#}; it says:\n{}", daemon.log());
    }
    daemon.stop().unwrap();
    assert!(!is_healthy(service, port), "the health check of {name} is content with nothing");
}

#[test]
fn prometheus_runs_with_the_flags_and_files_of_the_service() {
    assert_runs("prometheus", "prometheus", &TempDir::new().unwrap());
}

/// With the configuration and the templates that the service before it makes in the exporter's image.
#[test]
fn alertmanager_runs_with_what_is_made_for_it() {
    let container = Container::of("alertmanager-config");
    let said = container.printed(&Network::Own, &container.start());
    assert_eq!(said, "");
    // A second start makes them anew.
    container.printed(&Network::Own, &container.start());

    let services = services();
    let [made, _] = &mounts(&services["alertmanager"])[..] else { panic!("there are other mounts") };
    let directory = TempDir::new().unwrap();
    let volume = directory.path().join(&made.source);
    std::fs::create_dir(&volume).unwrap();
    let read = |name: &str| std::fs::read_to_string(container.outside("/tmp").join(name)).unwrap();
    let templates = read("scm-backup.tmpl");
    assert!(templates.contains("http://localhost:3000/"), "no links to Grafana:\n{templates}");
    std::fs::write(volume.join("scm-backup.tmpl"), templates).unwrap();
    let config = read("alertmanager.yml").replace(&made.target, volume.to_str().unwrap());
    std::fs::write(volume.join("alertmanager.yml"), &config).unwrap();

    alertmanager::check_config(&volume.join("alertmanager.yml")).unwrap();
    for (hub, receiver) in
        [("ZZ", "scm-backup hub ZZ"), ("C2", "scm-backup hub C2"), ("X", "scm-backup default")]
    {
        let labels = [("alertname", "ScmBackupTooOld"), ("hub", hub)];
        let receivers = alertmanager::receivers(&volume.join("alertmanager.yml"), &labels).unwrap();
        assert_eq!(receivers.trim(), receiver);
    }
    assert_runs("alertmanager", "prometheus-alertmanager", &directory);
}

/// Who is mailed by the files of the last start still is.
#[test]
fn configuration_with_a_fault_leaves_the_mails_as_they_were() {
    let container = Container::of("alertmanager-config");
    container.printed(&Network::Own, &container.start());
    let made = container.outside("/tmp").join("alertmanager.yml");
    let before = std::fs::read_to_string(&made).unwrap();
    container.write("/etc/scm-backup-exporter/config.ini", "[HUB]\n");
    let output = container.run(&Network::Own, &container.start());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(1) && said.contains("the configuration has faults"), "{said}");
    assert_eq!(std::fs::read_to_string(&made).unwrap(), before);
}

#[test]
fn exporter_runs_with_the_flags_and_files_of_the_service() {
    let services = services();
    let service = &services["exporter"];
    let directory = TempDir::new().unwrap();
    let flags = flags(service, directory.path());
    assert_eq!(flags.len(), 1);
    let program = Path::new(env!("CARGO_BIN_EXE_scm-backup-exporter"));
    let exporter = Exporter::start_with(program, &[], &flags, &[]).unwrap();
    assert!(is_healthy(service, exporter.address().port()));
    assert_eq!(ports(service)[0].1, 10222, "the port where it listens by itself");
}

/// promtool reads more of it than Prometheus does at its start.
#[test]
fn configuration_of_prometheus_is_sound() {
    testbed::prometheus::check_config(&project("deploy/compose/prometheus.yml")).unwrap();
    let config = std::fs::read_to_string(project("deploy/compose/prometheus.yml")).unwrap();
    drop(Prometheus::start(&config).unwrap());
}
