//! The table of metrics against an exposition.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use scm_backup_exporter::inventory::Repo;
use scm_backup_exporter::listing::Method;
use scm_backup_exporter::metrics::{self, Exporter, Format, Reload, Snapshot};
use scm_backup_exporter::probe::failure::{Failure, Reason};
use scm_backup_exporter::probe::ssh::Phases;
use scm_backup_exporter::probe::{Attempt, Sighting};
use scm_backup_exporter::report::{Filesystem, Lock, Rejects, RepoSummary, Report, Tarball, Verification};
use scm_backup_exporter::{config, metrics::ProcessUsage};

use crate::page::{README, assert_same, code_words, section, table, words_from};

const PREFIX: &str = "scm_backup_";

/// An exposition in which every family has a sample. A golden exposition can take its place.
fn exposition() -> String {
    let file = "[HUB]\nA = N\n[A]\nsrvnode = a\nselect = svn/x\n".to_owned();
    let inventory = config::parse(&[(PathBuf::from("a.ini"), file)], &|_| None).unwrap().inventory;
    let now = Timestamp::UNIX_EPOCH;
    let tarball = || Tarball { made: now, size: 1, path: String::new() };
    let found = RepoSummary {
        newest: tarball(),
        previous: Some(tarball()),
        oldest: now,
        count: 2,
        total_bytes: 2,
        verification: Verification::Verified,
        points: Box::default(),
    };
    let report = Report {
        taken: now,
        method: Method::Printf,
        root: "/backup/a".into(),
        clock_offset: 0.0,
        zone: TimeZone::UTC,
        repos: BTreeMap::from([(Repo::from_label("svn/x"), found)]),
        records: 2,
        rejects: Rejects::default(),
        unreadable: 0,
        lock: Some(Lock { since: now }),
        filesystem: Some(Filesystem { size: 2, avail: 1 }),
        zone_shift_hours: None,
    };
    let last = Attempt {
        ended: now,
        failure: Some(Failure::new(Reason::Connect, "refused")),
        phases: Phases { connect: Duration::ZERO, list: Some(Duration::ZERO) },
    };
    let sightings = inventory
        .targets()
        .map(|target| Sighting {
            target: Arc::clone(target),
            report: Some(Arc::new(report.clone())),
            last: Some(last.clone()),
        })
        .collect();
    let exporter = Exporter {
        version: "0",
        reload: Reload { successful: true, last_success: now },
        ssh_sessions: 0,
        process: ProcessUsage::of_us(),
    };
    let hubs = inventory.hubs.into_values().collect();
    metrics::encode(Snapshot { now, hubs, sightings, exporter: Some(exporter) }, Format::Text).unwrap()
}

/// Each series' name with the names of its labels, of those that are ours.
fn series(exposition: &str) -> BTreeSet<(String, BTreeSet<String>)> {
    exposition
        .lines()
        .filter(|line| line.starts_with(PREFIX))
        .map(|line| {
            let name = line.split(['{', ' ']).next().unwrap();
            let labels = line.split_once('{').map_or("", |(_, rest)| rest.rsplit_once('}').unwrap().0);
            (name.to_owned(), names(labels))
        })
        .collect()
}

/// The names of labels, whatever stands in their values.
fn names(labels: &str) -> BTreeSet<String> {
    let unescaped = labels.replace("\\\\", "").replace("\\\"", "");
    // Between quotes are values; a name stands before each.
    let outside = unescaped.split('"').step_by(2);
    outside.map(|text| text.trim_matches([',', '=']).to_owned()).filter(|name| !name.is_empty()).collect()
}

#[test]
fn table_of_metrics_is_the_exposition_with_its_labels() {
    let rows = table(section("Metrics"), "metric");
    let documented: BTreeSet<_> = rows
        .iter()
        .map(|row| {
            let labels = row[1].split_whitespace().map(str::to_owned).collect();
            (code_words(&row[0])[0].to_owned(), labels)
        })
        .collect();
    assert_eq!(documented.len(), rows.len(), "a metric has two rows");
    assert_same(&documented, &series(&exposition()));
}

#[test]
fn every_metric_named_anywhere_in_the_readme_is_in_the_exposition() {
    let named = words_from(README, PREFIX, |c| c.is_ascii_lowercase() || c == '_');
    let exposition = series(&exposition());
    let names: BTreeSet<_> = exposition.iter().map(|(name, _)| name.as_str()).collect();
    assert_same(&named, &names);
}

#[test]
fn unit_in_the_table_is_the_unit_in_the_name() {
    for row in table(section("Metrics"), "metric") {
        let (name, unit) = (code_words(&row[0])[0], row[2].as_str());
        match unit {
            "bytes" => assert!(name.ends_with("_bytes"), "{name}"),
            "seconds" => assert!(name.ends_with("_seconds"), "{name}"),
            "Unix time" => assert!(name.ends_with("_timestamp_seconds"), "{name}"),
            _ => assert!(!name.ends_with("_bytes") && !name.ends_with("_seconds"), "{name} in {unit}"),
        }
    }
}
