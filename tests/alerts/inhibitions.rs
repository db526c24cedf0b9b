//! The inhibition table, evaluated as Alertmanager does.

use serde::Deserialize;

use super::promtool::Labels;
use super::rules;

#[derive(Debug, Deserialize)]
struct File {
    inhibit_rules: Vec<InhibitRule>,
}

#[derive(Debug, Deserialize)]
struct InhibitRule {
    source_matchers: Vec<String>,
    target_matchers: Vec<String>,
    #[serde(default)]
    equal: Vec<String>,
}

/// The table.
#[derive(Debug)]
pub(crate) struct Inhibitions(Vec<InhibitRule>);

impl Inhibitions {
    pub(crate) fn load() -> Self {
        let text = std::fs::read_to_string(rules::directory().join("inhibitions.yml")).unwrap();
        Self(serde_saphyr::from_str::<File>(&text).unwrap().inhibit_rules)
    }

    /// Whether an alert is silenced by one of those that fire. Those that are silenced silence all the same.
    pub(crate) fn silence(&self, alert: &Labels, firing: &[Labels]) -> bool {
        self.0.iter().any(|rule| {
            all(&rule.target_matchers, alert) && firing.iter().any(|source| rule.joins(source, alert))
        })
    }
}

impl InhibitRule {
    /// Whether the source silences the target, which is known to match.
    fn joins(&self, source: &Labels, target: &Labels) -> bool {
        // An alert that could be on both sides is not silenced by another such.
        let both_ways = all(&self.source_matchers, target) && all(&self.target_matchers, source);
        all(&self.source_matchers, source)
            && !both_ways
            && self.equal.iter().all(|name| source.get(name) == target.get(name))
    }
}

fn all(matchers: &[String], labels: &Labels) -> bool {
    matchers.iter().all(|matcher| matches(matcher, labels))
}

/// `name="value"`, `name=~"this|that"`, `name=~"Begin.+"`, and their contraries.
fn matches(matcher: &str, labels: &Labels) -> bool {
    let at = matcher.find(['=', '!']).unwrap();
    let value = labels.get(&matcher[..at]).map_or("", String::as_str);
    let operator = matcher[at..].split('"').next().unwrap();
    let wanted: String = serde_json::from_str(&matcher[at + operator.len()..]).unwrap();
    let one_of = || {
        wanted.split('|').any(|wanted| match wanted.strip_suffix(".+") {
            Some(beginning) => value.len() > beginning.len() && value.starts_with(beginning),
            None => {
                assert!(
                    wanted.chars().all(char::is_alphanumeric),
                    "more of a pattern than is read here: {wanted}"
                );
                value == wanted
            }
        })
    };
    match operator {
        "=" => value == wanted,
        "!=" => value != wanted,
        "=~" => one_of(),
        "!~" => !one_of(),
        other => panic!("no matcher: {other}"),
    }
}

/// Else both would end at once, and a mail would call resolved what it never told.
#[test]
fn what_silences_goes_on_firing_for_longer_than_what_it_silences() {
    let table = Inhibitions::load();
    let alerts = rules::alerts();
    let labels = |rule: &rules::Rule| {
        let mut labels: Labels = rule.labels.clone();
        labels.insert("alertname".into(), rule.name().into());
        labels
    };
    let keeps = |rule: &rules::Rule| rules::seconds(rule.keep_firing_for.as_deref().unwrap());
    for rule in &table.0 {
        let matching = |matchers: &[String]| -> Vec<&rules::Rule> {
            alerts.iter().filter(|alert| all(matchers, &labels(alert))).collect()
        };
        let (sources, targets) = (matching(&rule.source_matchers), matching(&rule.target_matchers));
        assert!(!sources.is_empty() && !targets.is_empty(), "{rule:?}");
        for (source, target) in sources.iter().flat_map(|source| targets.iter().map(move |it| (source, it))) {
            assert!(keeps(source) > keeps(target), "{} ends no later than {}", source.name(), target.name());
        }
    }
}

#[test]
fn a_stale_lock_silences_nothing() {
    let text = std::fs::read_to_string(rules::directory().join("inhibitions.yml")).unwrap();
    for line in text.lines().filter(|line| line.contains("source_matchers")) {
        assert!(!line.contains("ScmBackupLockStale"), "{line}");
    }
}

#[test]
fn every_alert_that_the_table_names_exists() {
    let text = std::fs::read_to_string(rules::directory().join("inhibitions.yml")).unwrap();
    let alerts = rules::alerts();
    for line in text.lines().filter(|line| !line.trim_start().starts_with('#')) {
        for name in rules::words(line, "ScmBackup").into_iter().filter(|name| *name != "ScmBackup") {
            assert!(alerts.iter().any(|alert| alert.name() == name), "no alert {name}");
        }
    }
}
