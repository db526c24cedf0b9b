//! What the rules refer to: metrics, runbooks, dashboards; and what refers to them.

use std::collections::BTreeSet;

use super::rules;

/// Everything about alerts that is text.
fn texts() -> Vec<(String, String)> {
    let directories = ["", "tests", "runbooks"].map(|name| rules::directory().join(name));
    let paths = directories.iter().flat_map(|directory| std::fs::read_dir(directory).unwrap());
    let files = paths.map(|entry| entry.unwrap().path()).filter(|path| path.is_file());
    files.map(|path| (path.display().to_string(), std::fs::read_to_string(&path).unwrap())).collect()
}

#[test]
fn every_metric_that_is_named_is_in_the_exposition() {
    let golden = include_str!("../fixtures/golden/metrics.txt");
    let known: BTreeSet<&str> = golden
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split(['{', ' ']).next())
        .collect();
    assert!(known.len() > 25, "{known:?}");
    for (file, text) in texts() {
        // Rules record under names with a colon before: `node:scm_backup_…`. Jobs are matched by a pattern.
        for name in rules::words(&text, "scm_backup_") {
            assert!(known.contains(name) || name == "scm_backup_nodes", "{file}: no metric {name}");
        }
    }
}

#[test]
fn every_record_that_is_used_is_recorded() {
    let text = std::fs::read_to_string(rules::path()).unwrap();
    for prefix in ["node:scm_backup_", "repo:scm_backup_"] {
        for name in rules::words(&text, prefix) {
            assert!(text.contains(&format!("- record: {name}\n")), "{name} is not recorded");
        }
    }
}

#[test]
fn every_alert_has_a_runbook_and_every_runbook_an_alert() {
    let alerts: BTreeSet<String> = rules::alerts().iter().map(|rule| format!("{}.md", rule.name())).collect();
    let runbooks = std::fs::read_dir(rules::directory().join("runbooks")).unwrap();
    let runbooks: BTreeSet<String> =
        runbooks.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(alerts, runbooks);
    for runbook in &runbooks {
        let text = std::fs::read_to_string(rules::directory().join("runbooks").join(runbook)).unwrap();
        for part in ["## What it means", "## How to investigate", "## What to do", "## When it resolves"] {
            assert!(text.contains(part), "{runbook} lacks {part}");
        }
    }
}

#[test]
fn every_alert_says_all_that_a_mail_needs() {
    for alert in rules::alerts() {
        let name = alert.name();
        let annotation =
            |key: &str| alert.annotations.get(key).unwrap_or_else(|| panic!("{name} has no {key}"));
        assert!(["critical", "warning", "none"].contains(&alert.severity()), "{name}");
        assert!(!annotation("summary").ends_with('.'), "{name}");
        assert!(annotation("description").ends_with(['.', '?']), "{name}");
        assert_eq!(annotation("runbook_url"), &format!("alerts/runbooks/{name}.md"));
        let dashboard = annotation("dashboard");
        let hub = alert.annotations["description"].contains("$labels.hub");
        let fits = match dashboard.strip_prefix("d/scm-backup-") {
            Some("hub?var-hub={{ $labels.hub | urlquery }}") => hub,
            Some("hubs" | "exporter") => !hub,
            _ => false,
        };
        assert!(fits, "{name}: {dashboard}");
    }
}

#[test]
fn template_that_alerts_share_is_written_once() {
    let text = std::fs::read_to_string(rules::path()).unwrap();
    let mut templates = Vec::new();
    for alert in rules::alerts() {
        templates.extend(alert.annotations.into_values().filter(|value| value.contains("{{")));
    }
    templates.sort();
    let shared: BTreeSet<&String> =
        templates.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| &pair[0]).collect();
    assert!(shared.len() >= 8, "{shared:?}");
    for template in shared {
        assert_eq!(text.matches(template.as_str()).count(), 1, "{template}");
    }
}

#[test]
fn every_alert_waits_long_enough_to_outlive_a_restart_of_prometheus() {
    // What --rules.alert.for-grace-period is unless set.
    let grace = 10 * 60;
    for alert in rules::alerts() {
        let wait = alert.wait.as_deref().map_or(0, rules::seconds);
        assert!(wait >= grace, "{}: {wait} s", alert.name());
    }
}

#[test]
fn every_time_that_is_told_is_cut_to_two_units() {
    let cut = r#"humanizeDuration | reReplaceAll "^(-?[0-9]+[dhm])( [1-9][0-9]*[hms])?( .*)?$" "$1$2" }}"#;
    for alert in rules::alerts() {
        for (key, text) in &alert.annotations {
            let (all, cut) = (text.matches("humanizeDuration").count(), text.matches(cut).count());
            assert_eq!(all, cut, "{}, {key}: {text}", alert.name());
        }
    }
}

#[test]
fn every_alert_is_in_the_table() {
    let table = std::fs::read_to_string(rules::directory().join("../docs/alerting.md")).unwrap();
    for alert in rules::alerts() {
        let row = format!("| [{0}](../alerts/runbooks/{0}.md) | {1} |", alert.name(), alert.severity());
        let both = format!("| [{0}](../alerts/runbooks/{0}.md) | critical, warning |", alert.name());
        assert!(table.contains(&row) || table.contains(&both), "no row {row}");
    }
}
