//! What stands around the program: Prometheus, systemd, paths.

use std::fs;

use clap::CommandFactory as _;
use scm_backup_exporter::command::Cli;
use scm_backup_exporter::http::WebConfig;
use testbed::prometheus::check_config;

use crate::page::{INSTALLATION, README, all_blocks, blocks};

const SCRAPE: &str = include_str!("../../deploy/prometheus.yml");
const UNIT: &str = include_str!("../../deploy/scm-backup-exporter.service");

#[track_caller]
fn assert_sound(config: &str) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("prometheus.yml");
    fs::write(&path, config).unwrap();
    check_config(&path).unwrap_or_else(|error| panic!("{error:#}\n{config}"));
}

#[test]
fn scrape_configuration_is_sound() {
    assert_sound(SCRAPE);
}

#[test]
fn scrape_configuration_with_what_is_commented_out_is_sound() {
    let is_yaml = |line: &str| line.starts_with("- ") || line.starts_with("  ");
    let commented: String = SCRAPE
        .lines()
        .filter_map(|line| line.strip_prefix("  # ").filter(|rest| is_yaml(rest)))
        .map(|line| format!("  {line}\n"))
        .collect();
    assert!(commented.contains("http_sd_configs"), "{commented}");
    assert_sound(&format!("scrape_configs:\n{commented}"));
}

#[test]
fn scrape_configurations_on_the_pages_are_sound() {
    let (web, scrape): (Vec<_>, Vec<_>) =
        all_blocks("yaml").into_iter().partition(|example| is_web_config(example));
    assert_eq!((web.len(), scrape.len()), (1, 4));
    for example in scrape {
        assert_sound(&example);
    }
}

fn is_web_config(example: &str) -> bool {
    example.starts_with("tls_server_config:\n")
}

#[test]
fn web_configuration_of_the_manual_is_accepted() {
    let directory = tempfile::tempdir().unwrap();
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::default().self_signed(&key).unwrap();
    fs::write(directory.path().join("exporter.crt"), certificate.pem()).unwrap();
    fs::write(directory.path().join("exporter.key"), key.serialize_pem()).unwrap();
    let example = all_blocks("yaml").into_iter().find(|example| is_web_config(example)).unwrap();
    let file = directory.path().join("web.yml");
    fs::write(&file, example).unwrap();
    let config = WebConfig::load(&file).unwrap_or_else(|error| panic!("{error}"));
    let shown = format!("{config:?}");
    assert!(shown.contains("tls: true") && shown.contains("prometheus"), "{shown}");
}

/// What ssh makes of the example, for one of its hosts.
fn ssh_settings(config: &std::path::Path, host: &str) -> String {
    let ssh = testbed::tool::find("ssh").unwrap();
    let output = std::process::Command::new(ssh).arg("-G").arg("-F").arg(config).arg(host).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn ssh_configuration_of_the_manual_means_what_it_says() {
    let examples = blocks(INSTALLATION.text, "sshconfig");
    let [example] = &examples[..] else { panic!("{examples:?}") };
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("config");
    fs::write(&config, example).unwrap();
    for (host, setting) in [
        ("SDU", "hostname sdu.example.org"),
        ("SDU", "port 2222"),
        ("SDU", "user backup"),
        ("C", "hostname 192.0.2.17"),
        ("C", "proxyjump jump@bastion.example.org"),
        ("C", "identityfile ~/.ssh/id_ed25519"),
        ("C", "identitiesonly yes"),
    ] {
        let settings = ssh_settings(&config, host);
        assert!(settings.lines().any(|line| line == setting), "{host}: no {setting:?} in\n{settings}");
    }
}

/// What runs by hand without a flag reads what the service reads.
#[test]
fn unit_and_pages_use_the_default_configuration_file() {
    let command = Cli::command();
    let flag = command.get_arguments().find(|flag| flag.get_long() == Some("config.file")).unwrap();
    let default = flag.get_default_values()[0].to_string_lossy().into_owned();
    assert!(
        UNIT.contains(&default)
            && [README, INSTALLATION].iter().all(|page| page.text.contains(&format!("`{default}`"))),
        "{default}"
    );
    let start = UNIT.lines().find(|line| line.starts_with("ExecStart=")).unwrap();
    assert_eq!(start, "ExecStart=/usr/local/bin/scm-backup-exporter $ARGS");
}

#[test]
fn unit_bounds_memory_tasks_and_files_as_the_manual_says_and_holds_200_nodes() {
    let of = |name: &str| UNIT.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('=')).unwrap();
    for name in ["TasksMax", "MemoryHigh", "MemoryMax", "LimitNOFILE"] {
        let line = format!("{name}={}", of(name));
        assert!(INSTALLATION.text.contains(&format!("`{line}`")), "{line}");
    }
    let ssh_processes = 2 * 200;
    // The runtime starts at most 512 threads beside the first.
    assert!(of("TasksMax").parse::<u64>().unwrap() >= ssh_processes + 513);
    // Megabytes of ssh, as measured, leave a third to the exporter.
    let megabytes: f64 = of("MemoryHigh").strip_suffix('M').unwrap().parse().unwrap();
    assert!(ssh_processes as f64 * 2.3 < megabytes * 2.0 / 3.0);
    assert_eq!(of("MemoryMax"), "2G");
    assert_eq!(of("OOMPolicy"), "continue");
}

#[test]
fn user_of_the_unit_is_the_one_that_is_made() {
    let made = "useradd --system --create-home --home-dir /var/lib/scm-backup-exporter --shell /bin/sh scm-backup-exporter";
    assert!(
        [README, INSTALLATION].iter().all(|page| page.text.contains(&format!("\n{made}\n")))
            && UNIT.contains(&format!("#   {made}\n"))
    );
    assert!(
        UNIT.contains("\nUser=scm-backup-exporter\n")
            && UNIT.contains("\nStateDirectory=scm-backup-exporter\n")
    );
}
