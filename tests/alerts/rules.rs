//! The rules, as they stand in the file.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Path of the rules.
pub(crate) fn path() -> PathBuf {
    directory().join("scm-backup.rules.yml")
}

/// The directory of everything about alerts.
pub(crate) fn directory() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("alerts")
}

#[derive(Debug, Deserialize)]
struct File {
    groups: Vec<Group>,
}

#[derive(Debug, Deserialize)]
struct Group {
    rules: Vec<Rule>,
}

/// A rule, whether it records or alerts.
#[derive(Debug, Clone, Deserialize, Serialize)]
pub(crate) struct Rule {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) record: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) alert: Option<String>,
    pub(crate) expr: String,
    #[serde(rename = "for", skip_serializing_if = "Option::is_none")]
    pub(crate) wait: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) keep_firing_for: Option<String>,
    #[serde(default)]
    pub(crate) labels: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) annotations: BTreeMap<String, String>,
}

impl Rule {
    /// The alert's name.
    pub(crate) fn name(&self) -> &str {
        self.alert.as_deref().unwrap_or_default()
    }

    /// The alert's severity.
    pub(crate) fn severity(&self) -> &str {
        &self.labels["severity"]
    }
}

/// Every rule of the file.
pub(crate) fn all() -> Vec<Rule> {
    let text = std::fs::read_to_string(path()).unwrap();
    let file: File = serde_saphyr::from_str(&text).unwrap();
    file.groups.into_iter().flat_map(|group| group.rules).collect()
}

/// Those that alert.
pub(crate) fn alerts() -> Vec<Rule> {
    all().into_iter().filter(|rule| rule.alert.is_some()).collect()
}

/// The words of a text that begin with a prefix: metric names, alert names.
pub(crate) fn words<'a>(text: &'a str, prefix: &str) -> BTreeSet<&'a str> {
    text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == ':'))
        .filter(|word| word.starts_with(prefix))
        .collect()
}

/// A length of time as Prometheus writes it: `30m`, `1h`, `1d`.
pub(crate) fn seconds(text: &str) -> i64 {
    let (number, unit) = text.split_at(text.len() - 1);
    let unit = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86400,
        other => panic!("no unit of time: {other} in {text}"),
    };
    number.parse::<i64>().unwrap() * unit
}
