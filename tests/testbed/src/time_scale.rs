//! The alert rules and the mails' routes as they are shipped, but quicker: what takes a quarter of an hour takes a
//! second. Only times of waiting change; the times that are looked back over stay as they are.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, ensure};

use crate::Result;

/// How many times quicker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeScale {
    /// The waits of alerts, before they fire and before they end.
    pub alerts: u32,
    /// The wait for further alerts before the first mail about a group.
    pub group_wait: u32,
    /// The wait between two mails about a group.
    pub group_interval: u32,
}

impl TimeScale {
    /// For a person who looks on: of every minute's wait a second.
    pub const DEMO: Self = Self { alerts: 60, group_wait: 60, group_interval: 60 };

    /// For a test: the longer waits stay longer than the shorter ones, on which the inhibitions rest. The shortest, of
    /// ten minutes, is longer than a scrape every two seconds is when it fails once.
    pub const TEST: Self = Self { alerts: 240, group_wait: 120, group_interval: 1800 };

    /// The alert rules, from the text of their file.
    ///
    /// # Errors
    /// When a wait cannot be read, or there is none.
    pub fn rules(self, rules: &str) -> Result<String> {
        let quicker = hasten(rules, "for", self.alerts)?;
        hasten(&quicker, "keep_firing_for", self.alerts)
    }

    /// The flag of Prometheus for the shortest `for` that outlives its restart: ten minutes, unless set.
    pub fn grace_period(self) -> String {
        let grace = Duration::from_secs(600) / self.alerts;
        format!("--rules.alert.for-grace-period={}ms", grace.as_millis())
    }

    /// A configuration of Alertmanager.
    ///
    /// # Errors
    /// When a wait cannot be read, or there is none.
    pub fn routes(self, config: &str) -> Result<String> {
        let quicker = hasten(config, "group_wait", self.group_wait)?;
        hasten(&quicker, "group_interval", self.group_interval)
    }
}

/// The alert rules that users are given.
///
/// # Errors
/// When they cannot be read.
pub fn shipped_rules() -> Result<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../alerts/scm-backup.rules.yml");
    fs::read_to_string(&path).with_context(|| format!("no alert rules at {}", path.display()))
}

/// Divides the value of every line that gives this key a time.
fn hasten(text: &str, key: &str, times: u32) -> Result<String> {
    let mut changed = 0;
    let mut hastened = String::with_capacity(text.len());
    for line in text.lines() {
        match line.trim_start().strip_prefix(key).and_then(|rest| rest.strip_prefix(':')) {
            Some(value) => {
                let (value, remark) = value.split_once('#').unwrap_or((value, ""));
                ensure!(remark.is_empty(), "there is a remark behind a time: {line}");
                let time = duration(value.trim().trim_matches(['"', '\'']))
                    .with_context(|| format!("not a time: {line}"))?;
                let indent = &line[..line.len() - line.trim_start().len()];
                let milliseconds = (time / times).as_millis().max(1);
                hastened.push_str(&format!("{indent}{key}: {milliseconds}ms"));
                changed += 1;
            }
            None => hastened.push_str(line),
        }
        hastened.push('\n');
    }
    ensure!(changed > 0, "there is no `{key}` to hasten");
    Ok(hastened)
}

/// A time as Prometheus writes it: `15m`, `1h30m`.
fn duration(text: &str) -> Option<Duration> {
    const UNITS: [(&str, u64); 5] = [("d", 86_400), ("h", 3600), ("m", 60), ("s", 1), ("w", 604_800)];
    let mut rest = text;
    let mut seconds = 0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let (number, unit) = rest.split_at(digits);
        let end = unit.find(|c: char| c.is_ascii_digit()).unwrap_or(unit.len());
        let (unit, next) = unit.split_at(end);
        let (_, factor) = UNITS.iter().find(|(name, _)| *name == unit)?;
        seconds += number.parse::<u64>().ok()? * factor;
        rest = next;
    }
    (!text.is_empty()).then(|| Duration::from_secs(seconds))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
mod tests {
    use super::*;

    #[test]
    fn waits_are_divided_and_what_is_looked_back_over_stays() {
        let rules = "- alert: A\n  expr: x[1d] # for: 1h\n  for: 15m\n  keep_firing_for: 1h30m\n";
        assert_eq!(
            TimeScale::TEST.rules(rules).unwrap(),
            "- alert: A\n  expr: x[1d] # for: 1h\n  for: 3750ms\n  keep_firing_for: 22500ms\n"
        );
    }

    #[test]
    fn text_without_a_wait_or_with_one_that_cannot_be_read_is_an_error() {
        assert!(hasten("expr: x\n", "for", 60).is_err());
        assert!(hasten("for: soon\n", "for", 60).is_err());
        assert!(hasten("for: 15m # a while\n", "for", 60).is_err());
        assert_eq!(hasten("group_wait: \"2m\"\n", "group_wait", 120).unwrap(), "group_wait: 1000ms\n");
    }
}
