//! From what fires to what is told: the mails that Alertmanager would send.

use std::collections::BTreeMap;

use super::inhibitions::Inhibitions;
use super::promtool::Labels;

/// What was told so far.
///
/// An alert is told when it fires and nothing silences it, and is told to be resolved when it ends and nothing silences
/// it. One that ends in silence is forgotten. How Alertmanager gathers alerts into one mail is left out.
#[derive(Debug)]
pub(crate) struct Mails {
    inhibitions: Inhibitions,
    told: BTreeMap<String, Labels>,
    /// A line for each: when, what, which alert of what.
    pub(crate) lines: Vec<String>,
}

impl Mails {
    pub(crate) fn new() -> Self {
        Self { inhibitions: Inhibitions::load(), told: BTreeMap::new(), lines: Vec::new() }
    }

    /// Takes in all that fires at a time; the heartbeat does not count.
    pub(crate) fn at(&mut self, time: i64, firing: &[Labels]) {
        let time = format!("{:02}:{:02}", time / 3600, time % 3600 / 60);
        let now: BTreeMap<String, &Labels> = firing
            .iter()
            .filter(|alert| alert["alertname"] != "ScmBackupHeartbeat")
            .map(|alert| (key(alert), alert))
            .collect();
        let ended: Vec<String> = self.told.keys().filter(|key| !now.contains_key(*key)).cloned().collect();
        for key in ended {
            if let Some(labels) = self.told.remove(&key)
                && !self.inhibitions.silence(&labels, firing)
            {
                self.lines.push(format!("{time} resolved {key}"));
            }
        }
        for (key, labels) in now {
            if !self.told.contains_key(&key) && !self.inhibitions.silence(labels, firing) {
                self.lines.push(format!("{time} {key}"));
                self.told.insert(key, labels.clone());
            }
        }
    }
}

/// `critical TooOld A N1 svn/env`.
fn key(alert: &Labels) -> String {
    let name = alert["alertname"].trim_start_matches("ScmBackup");
    let place = ["hub", "node", "repo", "job", "instance"].into_iter().filter_map(|label| alert.get(label));
    let words = [&alert["severity"], name].into_iter().map(ToString::to_string).chain(place.cloned());
    words.collect::<Vec<_>>().join(" ")
}
