//! Every metric and label that is asked for is in the golden exposition.

use std::collections::{BTreeMap, BTreeSet};

use crate::dashboard::{Dashboard, list, text};
use crate::history;
use crate::promql::Names;

const GOLDEN: &str = include_str!("../fixtures/golden/metrics.txt");

/// What Prometheus itself makes of every scrape and every rule.
const OF_PROMETHEUS: &str = "\
scrape_duration_seconds{} 0
scrape_samples_scraped{} 0
ALERTS{alertname=\"\",alertstate=\"\",severity=\"\",hub=\"\",node=\"\",repo=\"\"} 1
";

/// What Prometheus adds to every series.
const TARGET: [&str; 2] = ["job", "instance"];

/// Each metric with all its labels.
fn known() -> BTreeMap<String, BTreeSet<String>> {
    let mut known: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (metric, labels) in series(GOLDEN).into_iter().chain(series(OF_PROMETHEUS)) {
        known.entry(metric).or_default().extend(labels);
    }
    for labels in known.values_mut() {
        labels.extend(TARGET.map(str::to_owned));
    }
    known
}

/// The metric and the labels of each line of an exposition.
fn series(exposition: &str) -> Vec<(String, BTreeSet<String>)> {
    let lines = exposition.lines().filter(|line| !line.starts_with('#'));
    // An escaped quotation mark would end a text.
    lines.map(|line| Names::of(&line.replace("\\\\", "").replace("\\\"", "")).selectors[0].clone()).collect()
}

#[test]
fn every_metric_and_label_of_a_dashboard_is_in_the_golden_exposition() {
    let known = known();
    let mut faults = Vec::new();
    for dashboard in Dashboard::all() {
        for (place, expression) in dashboard.expressions() {
            let names = Names::of(&expression);
            assert!(!names.selectors.is_empty(), "{place}: asks for nothing: {expression}");
            let mut labels = names.made;
            for (metric, matched) in &names.selectors {
                let Some(has) = known.get(metric) else {
                    faults.push(format!("{place}: there is no metric {metric}"));
                    continue;
                };
                faults.extend(
                    matched.difference(has).map(|label| format!("{place}: {metric} has no label {label}")),
                );
                labels.extend(has.iter().cloned());
            }
            let unknown = names.groupings.difference(&labels);
            faults.extend(unknown.map(|label| format!("{place}: nothing there has a label {label}")));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// A legend's or a column's label is one that its query leaves.
#[test]
fn every_label_shown_is_one_that_its_query_gives() {
    let mut seen = 0;
    for dashboard in Dashboard::all() {
        for panel in dashboard.panels() {
            for target in panel.targets() {
                let groupings = Names::of(text(&target["expr"])).groupings;
                for part in text(&target["legendFormat"]).split("{{").skip(1) {
                    let label = part.split("}}").next().unwrap().trim();
                    assert!(groupings.contains(label), "{panel}: the legend shows {label}");
                    seen += 1;
                }
            }
            for step in list(&panel.json["transformations"]) {
                let Some(columns) = step["options"]["renameByName"].as_object() else { continue };
                let refs: Vec<&str> = panel.targets().iter().map(|target| text(&target["refId"])).collect();
                for column in columns.keys() {
                    let is_value = column.strip_prefix("Value #").is_some_and(|id| refs.contains(&id));
                    let is_label = panel
                        .targets()
                        .iter()
                        .any(|target| Names::of(text(&target["expr"])).groupings.contains(column));
                    assert!(is_value || is_label, "{panel}: no query gives the column {column}");
                    seen += 1;
                }
            }
        }
    }
    assert!(seen > 50, "only {seen} labels were looked at");
}

/// Else the queries would be tried on what the exporter does not give.
#[test]
fn history_of_the_tests_has_only_series_of_the_golden_exposition() {
    let known = known();
    let mut text = Vec::new();
    history::write(&mut text, 1_700_000_000, 0).unwrap();
    for (metric, labels) in series(&String::from_utf8(text).unwrap()) {
        let has = known.get(&metric).unwrap_or_else(|| panic!("there is no metric {metric}"));
        assert!(labels.is_subset(has), "{metric} has not all of {labels:?}");
    }
}
