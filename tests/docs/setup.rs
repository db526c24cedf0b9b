//! What stands around the program: Prometheus, systemd, paths.

use std::fs;

use clap::CommandFactory as _;
use scm_backup_exporter::command::Cli;
use testbed::prometheus::check_config;

use crate::page::{README, blocks};

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
fn scrape_configurations_in_the_readme_are_sound() {
    let examples = blocks(README, "yaml");
    assert_eq!(examples.len(), 3);
    for example in examples {
        assert_sound(&example);
    }
}

/// What runs by hand without a flag reads what the service reads.
#[test]
fn unit_and_readme_use_the_default_configuration_file() {
    let command = Cli::command();
    let flag = command.get_arguments().find(|flag| flag.get_long() == Some("config.file")).unwrap();
    let default = flag.get_default_values()[0].to_string_lossy().into_owned();
    assert!(UNIT.contains(&default) && README.contains(&format!("`{default}`")), "{default}");
    let start = UNIT.lines().find(|line| line.starts_with("ExecStart=")).unwrap();
    assert_eq!(start, "ExecStart=/usr/local/bin/scm-backup-exporter $ARGS");
}

#[test]
fn unit_bounds_memory_tasks_and_files_as_the_readme_says_and_holds_200_nodes() {
    let of = |name: &str| UNIT.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('=')).unwrap();
    for name in ["TasksMax", "MemoryHigh", "MemoryMax", "LimitNOFILE"] {
        let line = format!("{name}={}", of(name));
        assert!(README.contains(&format!("`{line}`")), "{line}");
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
    assert!(README.contains(&format!("\n{made}\n")) && UNIT.contains(&format!("#   {made}\n")));
    assert!(
        UNIT.contains("\nUser=scm-backup-exporter\n")
            && UNIT.contains("\nStateDirectory=scm-backup-exporter\n")
    );
}
