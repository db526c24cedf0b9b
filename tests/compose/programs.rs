//! Each program of the file that Debian has too, started with the file's own flags, files and health check.

use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;
use testbed::process::Daemon;
use testbed::{Exporter, Prometheus, poll, tool};

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
            let mount = mounts.iter().find(|mount| mount.target == path);
            let mount = mount.unwrap_or_else(|| panic!("nothing is mounted where {flag} looks"));
            let here = if mount.is_volume() { directory.join(&mount.source) } else { project(&mount.source) };
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

/// Starts a program of the file, and waits until its health check is content.
fn assert_runs(name: &str, program: &str) {
    let services = services();
    let service = &services[name];
    let directory = TempDir::new().unwrap();
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
    assert_runs("prometheus", "prometheus");
}

#[test]
fn alertmanager_runs_with_the_flags_and_files_of_the_service() {
    assert_runs("alertmanager", "prometheus-alertmanager");
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

/// What the exporter prints of the demo's hubs; to make the files anew is to print it into them.
#[test]
fn mails_of_the_demo_are_what_the_exporter_prints_of_its_hubs() {
    let services = services();
    let template = mounts(&services["alertmanager"]).remove(1).target;
    let port = ports(&services["grafana"])[0].0;
    let grafana = format!("--mail.grafana-url=http://localhost:{port}");
    let in_place = format!("--mail.templates-file={template}");
    let mail = ["--smtp.smarthost=mail:1025", "--smtp.require-tls=false", "--smtp.from=backups@example.org"];
    let configuration = [mail.as_slice(), &["--mail.default-to=admin@example.org", &in_place]].concat();
    for (file, arguments) in
        [("alertmanager.yml", configuration), ("scm-backup.tmpl", vec!["--templates", &grafana])]
    {
        let mut command = Command::new(env!("CARGO_BIN_EXE_scm-backup-exporter"));
        command.arg("--config.file").arg(project("deploy/compose/demo.ini")).arg("alertmanager-config");
        let output = command.args(&arguments).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let kept = std::fs::read_to_string(project("deploy/compose").join(file)).unwrap();
        assert_eq!(kept, String::from_utf8(output.stdout).unwrap(), "print {file} anew with {arguments:?}");
    }
}

/// promtool reads more of it than Prometheus does at its start.
#[test]
fn configuration_of_prometheus_is_sound() {
    testbed::prometheus::check_config(&project("deploy/compose/prometheus.yml")).unwrap();
    let config = std::fs::read_to_string(project("deploy/compose/prometheus.yml")).unwrap();
    drop(Prometheus::start(&config).unwrap());
}
