//! Dropbear, the broken servers and Prometheus do what the tests that stand on them rely on.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::io::{ErrorKind, Read as _};
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

use testbed::broken::{BlackHole, Broken, Fault, Refusing};
use testbed::client::Node as _;
use testbed::process::Process;
use testbed::{Client, Dropbear, Login, Prometheus, Shell, Userland, poll, prometheus};

#[test]
fn command_runs_on_dropbear_with_busybox_alone() {
    let mut client = Client::new().unwrap();
    let login = Login::with_fold(Path::new("/volume1/scm")).shell(Shell::Ash).userland(Userland::Busybox);
    let node = Dropbear::start(&client, &login).unwrap();
    client.add("NAS", &node).unwrap();
    let output = client.ssh("NAS", "echo $SCM_FOLD; find --help 2>&1 | head -n 1").unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.starts_with("/volume1/scm\nBusyBox"), "{output:?}\n{}", node.log());
    assert_eq!(node.logins(), 1);
}

#[test]
fn dropped_dropbear_leaves_no_process() {
    let mut client = Client::new().unwrap();
    let node = Dropbear::start(&client, &Login::default()).unwrap();
    client.add("NAS", &node).unwrap();
    let mut ssh = client.ssh_command().unwrap().args(["-n", "NAS", "sleep 600"]).spawn().unwrap();
    poll::until("it runs", || {
        Ok(node
            .connections_and_sessions()
            .iter()
            .any(|one| one.command_line().contains("sleep"))
            .then_some(()))
    })
    .unwrap();
    let processes = node.connections_and_sessions();
    assert!(processes.len() >= 2, "connection and command: {processes:?}");
    drop(node);
    assert!(!poll::until_ended(&mut ssh).unwrap().success());
    assert!(!processes.iter().any(Process::is_alive));
}

#[test]
fn broken_servers_are_broken_as_they_say() {
    for (fault, start) in [
        (Fault::Closes, None),
        (Fault::SilentBeforeBanner, Some("")),
        (Fault::SilentAfterBanner, Some("SSH-2.0-")),
        (Fault::GarbageBanner, Some("HTTP/1.1")),
        (Fault::EndlessBanner, Some("please wait")),
        (Fault::Greets("hello\r\n"), Some("hello\r\nSSH-2.0-")),
        (Fault::Disconnects("bye"), Some("SSH-2.0-")),
        (Fault::Offers("none"), Some("SSH-2.0-")),
    ] {
        let server = Broken::start(fault).unwrap();
        let mut client = TcpStream::connect(server.address()).unwrap();
        client.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
        let mut buffer = [0; 16];
        let read = match client.read(&mut buffer) {
            Ok(0) => None,
            Ok(length) => Some(String::from_utf8_lossy(&buffer[..length]).into_owned()),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::WouldBlock);
                Some(String::new())
            }
        };
        assert_eq!(read.is_some(), start.is_some(), "{fault:?}");
        assert!(read.unwrap_or_default().starts_with(start.unwrap_or_default()), "{fault:?}");
        assert_eq!(server.connections(), 1);
    }
}

#[test]
fn black_hole_neither_accepts_nor_refuses() {
    let hole = BlackHole::start().unwrap();
    let error = TcpStream::connect_timeout(&hole.address(), Duration::from_millis(300)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    let nobody = Refusing::start().unwrap();
    let error = TcpStream::connect(nobody.address()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
}

#[test]
fn prometheus_scrapes_and_answers() {
    let prometheus = Prometheus::start("global: {scrape_interval: 1s}\n").unwrap();
    assert!(prometheus.query("up").unwrap().is_empty());
    let own = prometheus.url("").replace("http://", "");
    prometheus
        .reconfigure(&format!(
            "global: {{scrape_interval: 1s}}\nscrape_configs: [{{job_name: own, static_configs: [{{targets: ['{own}']}}]}}]\n"
        ))
        .unwrap();
    let up = prometheus
        .wait_for("up{job=\"own\"}", |samples| samples.iter().any(|sample| sample.value == 1.0))
        .unwrap();
    assert_eq!(up[0].label("instance"), own);
    assert!(prometheus.query("up{").is_err());
}

#[test]
fn judges_object_to_bad_expositions() {
    prometheus::check_metrics("# HELP a_bytes A.\n# TYPE a_bytes gauge\na_bytes 1\n").unwrap();
    prometheus::check_metrics("a_bytes{ 1\n").unwrap_err();
    prometheus::check_openmetrics("# TYPE a gauge\na 1\n# EOF\n").unwrap();
    prometheus::check_openmetrics("# TYPE a gauge\na 1\n").unwrap_err();
}
