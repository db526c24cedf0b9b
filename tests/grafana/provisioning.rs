//! What Grafana reads at its start.

use std::fs;
use std::path::Path;

use serde_json::Value;

fn provisioned(file: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("grafana/provisioning").join(file);
    serde_saphyr::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn data_source_is_one_that_the_variable_finds() {
    let file = provisioned("datasources/prometheus.yml");
    let source = &file["datasources"][0];
    assert_eq!(file["apiVersion"], 1);
    assert_eq!([&source["type"], &source["access"]], ["prometheus", "proxy"]);
    assert_eq!(source["isDefault"], true);
}

/// `$__rate_interval` is made of it.
#[test]
fn data_source_knows_the_scrape_interval() {
    let scrape =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/prometheus.yml")).unwrap();
    let scrape: Value = serde_saphyr::from_str(&scrape).unwrap();
    let interval = &provisioned("datasources/prometheus.yml")["datasources"][0]["jsonData"]["timeInterval"];
    assert_eq!(*interval, scrape["global"]["scrape_interval"]);
}

#[test]
fn dashboards_come_from_files_that_the_browser_does_not_change() {
    let file = provisioned("dashboards/scm-backup.yml");
    let provider = &file["providers"][0];
    assert_eq!(file["apiVersion"], 1);
    assert_eq!(provider["type"], "file");
    assert_eq!(provider["allowUiUpdates"], false);
    assert!(provider["options"]["path"].as_str().unwrap().starts_with('/'));
}
