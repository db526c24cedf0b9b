//! Each alert by itself: `alerts/tests/<alert>.yml`, for promtool.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Mutex;
use std::thread;

use serde::Deserialize;

use super::{promtool, rules};

#[derive(Debug, Deserialize)]
struct File {
    evaluation_interval: String,
    tests: Vec<Test>,
}

#[derive(Debug, Deserialize)]
struct Test {
    #[serde(default)]
    alert_rule_test: Vec<Check>,
}

#[derive(Debug, Deserialize)]
struct Check {
    alertname: String,
    eval_time: String,
    exp_alerts: Vec<Expected>,
}

#[derive(Debug, Deserialize)]
struct Expected {
    exp_labels: BTreeMap<String, String>,
}

/// The file of an alert's tests.
pub(crate) fn file_of(alert: &str) -> PathBuf {
    rules::directory().join(format!("tests/{alert}.yml"))
}

fn tests_of(alert: &str) -> File {
    let file = file_of(alert);
    let text = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    serde_saphyr::from_str(&text).unwrap()
}

/// The checks of one severity of an alert, as times and whether it is to fire, in each test.
fn courses(alert: &rules::Rule) -> Vec<Vec<(i64, bool)>> {
    let is_it = |expected: &Expected| expected.exp_labels["severity"] == alert.severity();
    let course = |test: Test| {
        let checks = test.alert_rule_test.iter().filter(|check| check.alertname == alert.name());
        checks.map(|check| (rules::seconds(&check.eval_time), check.exp_alerts.iter().any(is_it))).collect()
    };
    tests_of(alert.name()).tests.into_iter().map(course).collect()
}

#[test]
fn rules_are_what_promtool_takes_for_good() {
    let (content, said) = promtool::run(&["check", "rules"], &rules::path());
    assert!(content, "{said}");
}

#[test]
fn every_alert_fires_past_its_limits_and_not_before_and_resolves() {
    let names: Vec<String> = rules::alerts().iter().map(|rule| rule.name().to_owned()).collect();
    let queue = Mutex::new(names);
    let faults = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let Some(name) = queue.lock().unwrap().pop() else { break };
                    let (content, said) = promtool::run(&["test", "rules"], &file_of(&name));
                    if !content {
                        faults.lock().unwrap().push(said);
                    }
                }
            });
        }
    });
    let faults = faults.into_inner().unwrap();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn every_alert_is_tested_just_under_its_limits_past_them_and_after() {
    for alert in rules::alerts() {
        let interval = rules::seconds(&tests_of(alert.name()).evaluation_interval);
        let whole = |course: &Vec<(i64, bool)>| {
            assert!(course.is_sorted(), "{}: the checks are not in order", alert.name());
            let Some(first) = course.iter().position(|(_, fires)| *fires) else { return false };
            // Not one evaluation before, and not for ever.
            let before = first > 0 && course[first].0 - course[first - 1].0 <= interval;
            before && course[first..].iter().any(|(_, fires)| !fires)
        };
        assert!(courses(&alert).iter().any(whole), "{}, {}", alert.name(), alert.severity());
    }
}

#[test]
fn labels_in_annotations_are_those_that_the_expression_leaves() {
    for alert in rules::alerts() {
        let tests = tests_of(alert.name()).tests;
        let fired = tests.iter().flat_map(|test| &test.alert_rule_test).flat_map(|check| &check.exp_alerts);
        let fired: Vec<_> =
            fired.filter(|expected| expected.exp_labels["severity"] == alert.severity()).collect();
        assert!(!fired.is_empty(), "{}", alert.name());
        for text in alert.annotations.values() {
            for used in text.split("$labels.").skip(1) {
                let label: String =
                    used.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
                for expected in &fired {
                    assert!(expected.exp_labels.contains_key(&label), "{}: no label {label}", alert.name());
                }
            }
        }
    }
}
