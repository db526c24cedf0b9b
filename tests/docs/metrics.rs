//! The table of metrics against an exposition.

use std::collections::BTreeSet;

use crate::page::{METRICS, PAGES, assert_same, code_words, table, words_from};

const PREFIX: &str = "scm_backup_";

/// An exposition in which every family has a sample.
const EXPOSITION: &str = include_str!("../fixtures/golden/metrics.txt");

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
    let rows = table(METRICS.section("All metrics"), "metric");
    let documented: BTreeSet<_> = rows
        .iter()
        .map(|row| {
            let labels = row[1].split_whitespace().map(str::to_owned).collect();
            (code_words(&row[0])[0].to_owned(), labels)
        })
        .collect();
    assert_eq!(documented.len(), rows.len(), "a metric has two rows");
    assert_same(&documented, &series(EXPOSITION));
}

#[test]
fn every_metric_named_on_any_page_is_in_the_exposition() {
    let is_name = |c: char| c.is_ascii_lowercase() || c == '_';
    let named = PAGES.iter().flat_map(|page| words_from(page.text, PREFIX, is_name)).collect();
    let exposition = series(EXPOSITION);
    let names: BTreeSet<_> = exposition.iter().map(|(name, _)| name.as_str()).collect();
    assert_same(&named, &names);
}

#[test]
fn unit_in_the_table_is_the_unit_in_the_name() {
    for row in table(METRICS.section("All metrics"), "metric") {
        let (name, unit) = (code_words(&row[0])[0], row[2].as_str());
        match unit {
            "bytes" => assert!(name.ends_with("_bytes"), "{name}"),
            "seconds" => assert!(name.ends_with("_seconds"), "{name}"),
            "Unix time" => assert!(name.ends_with("_timestamp_seconds"), "{name}"),
            _ => assert!(!name.ends_with("_bytes") && !name.ends_with("_seconds"), "{name} in {unit}"),
        }
    }
}
