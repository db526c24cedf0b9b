//! The file itself.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::Value;
use testbed::tool;

use crate::file::{Mount, mounts, ports, project, services, texts, yaml};

/// The specification's schema comes with docker-compose, which holds the file against it.
#[track_caller]
fn assert_valid(arguments: &[&str], file: &std::path::Path, is_valid: bool) {
    let mut command = Command::new(tool::find("docker-compose").unwrap());
    command.args(arguments).arg("--file").arg(file).args(["config", "--quiet"]);
    for variable in ["SCM_BACKUP_CONFIG", "SCM_BACKUP_SSH", "SCM_BACKUP_ALERTMANAGER"] {
        command.env_remove(variable);
    }
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.success(), is_valid, "{said}");
}

#[test]
fn file_keeps_the_compose_specification_with_and_without_the_demo() {
    let file = project("docker-compose.yml");
    assert_valid(&[], &file, true);
    assert_valid(&["--profile", "demo"], &file, true);
}

#[test]
fn key_that_compose_does_not_know_would_be_noticed() {
    let text = std::fs::read_to_string(project("docker-compose.yml")).unwrap();
    let file = tempfile::Builder::new().suffix(".yml").tempfile().unwrap();
    std::fs::write(file.path(), text.replacen("healthcheck:", "health_check:", 1)).unwrap();
    assert_valid(&["--profile", "demo"], file.path(), false);
}

#[test]
fn every_mounted_path_is_there_and_every_volume_declared() {
    let file = yaml("docker-compose.yml");
    let volumes: BTreeSet<&String> = file["volumes"].as_object().unwrap().keys().collect();
    let mut used = BTreeSet::new();
    for (name, service) in services() {
        for mount in mounts(&service) {
            if mount.is_volume() {
                assert!(volumes.contains(&mount.source), "{name}: no volume {}", mount.source);
                used.insert(mount.source.clone());
            } else {
                assert!(project(&mount.source).exists(), "{name}: there is no {}", mount.source);
                assert!(mount.read_only, "{name} may write to {}", mount.source);
            }
            assert!(mount.target.starts_with('/'), "{name}: {mount:?}");
        }
    }
    assert_eq!(volumes, used.iter().collect(), "a volume is not used");
}

#[test]
fn exporter_cannot_write_its_keys_nor_its_configuration() {
    let services = services();
    let mounts = mounts(&services["exporter"]);
    assert_eq!(mounts.len(), 2);
    assert!(mounts.iter().all(|mount| mount.read_only), "{mounts:?}");
    assert_eq!(services["exporter"]["read_only"], true);
}

#[test]
fn every_image_is_of_one_version() {
    for (name, service) in services() {
        let image = service["image"].as_str().unwrap_or_else(|| panic!("{name} has no image"));
        let (_, version) = image.rsplit_once(':').unwrap_or_else(|| panic!("{name}: {image} has no version"));
        let numbers = version.trim_start_matches('v').split('.');
        assert_eq!(numbers.filter(|number| number.parse::<u32>().is_ok()).count(), 3, "{name}: {image}");
    }
    let ours = format!("scm-backup-exporter:{}", env!("CARGO_PKG_VERSION"));
    assert_eq!(services()["exporter"]["image"], ours);
}

#[test]
fn what_goes_on_is_looked_after() {
    for (name, service) in services() {
        let ends = ["keys", "alertmanager-config"].contains(&&*name);
        assert_eq!(service["restart"] == "unless-stopped", !ends, "{name}");
        assert_eq!(service["healthcheck"]["test"].is_array(), !ends, "{name}: no health check");
    }
}

#[test]
fn only_the_demo_has_nodes_keys_and_the_mail_catcher() {
    let always: Vec<String> = services()
        .into_iter()
        .filter(|(_, service)| {
            let profiles = texts(&service["profiles"]);
            assert!(profiles.is_empty() || profiles == ["demo"], "{profiles:?}");
            profiles.is_empty()
        })
        .map(|(name, _)| name)
        .collect();
    assert_eq!(always, ["alertmanager", "alertmanager-config", "exporter", "grafana", "prometheus"]);
}

#[test]
fn there_is_no_secret_in_it() {
    for (name, service) in services() {
        let Some(environment) = service["environment"].as_object() else { continue };
        for variable in environment.keys() {
            let is_secret = ["PASSWORD", "SECRET", "TOKEN", "KEY"].iter().any(|word| variable.contains(word));
            assert!(!is_secret, "{name}: {variable}");
        }
    }
}

#[test]
fn published_ports_are_of_this_machine_only_and_each_is_one_services() {
    let mut taken = BTreeSet::new();
    for (name, service) in services() {
        for (outside, _) in ports(&service) {
            assert!(taken.insert(outside), "{name}: {outside} is taken");
        }
    }
    assert_eq!(taken, BTreeSet::from([3000, 8025, 9090, 9093, 10222]));
}

/// The health check of a service asks the port that is published.
#[test]
fn health_checks_ask_the_services_own_ports() {
    for (name, service) in services() {
        let check = texts(&service["healthcheck"]["test"]).join(" ");
        for (_, inside) in ports(&service) {
            let asks = check.contains(&format!("127.0.0.1:{inside}/"))
                // Mailpit knows its own.
                || name == "mail";
            assert!(asks, "{name}: {check}");
        }
    }
}

/// Where a service is looked for by another.
#[test]
fn services_find_each_other() {
    let services = services();
    let inside = |service: &str| ports(&services[service])[0].1;
    let address = |service: &str| format!("{service}:{}", inside(service));

    let prometheus = yaml("deploy/compose/prometheus.yml");
    let exporters = &prometheus["scrape_configs"][0]["static_configs"][0]["targets"];
    assert_eq!(texts(exporters), [address("exporter")]);
    let alertmanagers = &prometheus["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"];
    assert_eq!(texts(alertmanagers), [address("alertmanager")]);

    let source = &yaml("grafana/provisioning/datasources/prometheus.yml")["datasources"][0]["url"];
    assert_eq!(*source, format!("http://{}", address("prometheus")));

    assert_eq!(prometheus["scrape_configs"][1]["static_configs"][0]["targets"], *alertmanagers);

    let mails = texts(&services["alertmanager-config"]["command"]);
    let server = mails.iter().find_map(|flag| flag.strip_prefix("--smtp.smarthost=")).unwrap();
    assert_eq!(server.split(':').next(), Some("mail"));
    assert!(services.contains_key("mail"));

    let grafana = ports(&services["grafana"])[0].0;
    assert!(mails.contains(&&*format!("http://localhost:{grafana}")), "{mails:?}");
}

/// And it starts with them once they are whole.
#[test]
fn alertmanager_has_what_is_made_for_it() {
    let services = services();
    let (maker, reader) = (&services["alertmanager-config"], &services["alertmanager"]);
    let made = mounts(maker).into_iter().find(Mount::is_volume).unwrap();
    assert_eq!(made.target, texts(&maker["command"])[0]);
    let read = mounts(reader).into_iter().find(|mount| mount.source == made.source).unwrap();
    assert!(!made.read_only && read.read_only, "{made:?}, {read:?}");
    let here = format!("{}/", read.target);
    assert!(texts(&reader["command"]).contains(&&*format!("--config.file={here}alertmanager.yml")));
    assert!(texts(&maker["command"]).contains(&&*format!("--mail.templates-file={here}scm-backup.tmpl")));
    assert_eq!(reader["depends_on"]["alertmanager-config"]["condition"], "service_completed_successfully");
}

/// The hubs that mails are about are those that are monitored.
#[test]
fn mails_are_configured_by_the_exporters_own_file() {
    let services = services();
    let config = |service: &str| {
        let all = mounts(&services[service]);
        all.into_iter().find(|mount| mount.target.ends_with("/config.ini")).unwrap()
    };
    let (exporter, mails) = (config("exporter"), config("alertmanager-config"));
    assert_eq!((exporter.source, &exporter.target), (mails.source, &mails.target));
    for service in ["exporter", "alertmanager-config"] {
        let flag = format!("--config.file={}", exporter.target);
        assert!(texts(&services[service]["command"]).contains(&&*flag), "{service}");
    }
}

#[test]
fn prometheus_scrapes_as_in_an_installation_without_containers() {
    let (inside, outside) = (yaml("deploy/compose/prometheus.yml"), yaml("deploy/prometheus.yml"));
    assert_eq!(inside["global"], outside["global"]);
    let job = |file: &Value| file["scrape_configs"][0]["job_name"].clone();
    assert_eq!(job(&inside), job(&outside));
}

/// What Prometheus is told to read is what it has mounted.
#[test]
fn prometheus_finds_its_rules() {
    let files = &yaml("deploy/compose/prometheus.yml")["rule_files"][0];
    let (directory, pattern) = files.as_str().unwrap().rsplit_once('/').unwrap();
    let mounts = mounts(&services()["prometheus"]);
    let rules = mounts.iter().find(|mount| mount.target.starts_with(directory)).unwrap();
    assert!(rules.target.ends_with(pattern.trim_start_matches('*')), "{rules:?}");
    assert_eq!(rules.source, "./alerts/scm-backup.rules.yml");
}

/// What Grafana is told to read is what it has mounted.
#[test]
fn grafana_finds_its_dashboards() {
    let services = services();
    let grafana = &services["grafana"];
    let mounts = mounts(grafana);
    let outside = |path: &str| {
        mounts.iter().find_map(|mount| {
            let rest = path.strip_prefix(&mount.target)?;
            Some(project(&mount.source).join(rest.trim_start_matches('/')))
        })
    };
    let provider = yaml("grafana/provisioning/dashboards/scm-backup.yml");
    let path = provider["providers"][0]["options"]["path"].as_str().unwrap();
    assert_eq!(outside(path), Some(project("./grafana/dashboards").join("")));
    let home = grafana["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"].as_str().unwrap();
    assert!(outside(home).unwrap().is_file(), "{home}");
    assert!(outside("/etc/grafana/provisioning/datasources").unwrap().is_dir());
}
