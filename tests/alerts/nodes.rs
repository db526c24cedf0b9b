//! Simulated nodes: what the nights and their troubles leave on them, and how they list it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::events::{Events, time};

/// When a night's backup begins, by the clock on the hub's wall.
const BACKUP: jiff::civil::Time = jiff::civil::time(2, 0, 0, 0);
/// From then until the transfer begins, and until it ends.
const TRANSFER: (i64, i64) = (10 * 60, 50 * 60);
/// How many nights a node keeps.
const KEPT: usize = 7;
/// A repo's tarball in the first night, which is counted in days since the epoch, and how it grows each night.
const FIRST_SIZE: f64 = 1_500_000_000.0;
const FIRST_NIGHT: i64 = 20_000;
const GROWTH: f64 = 1.001;
/// Size of a node's disk.
const DISK: u64 = 1_000_000_000_000;

/// The mark of every listing.
pub(crate) const NONCE: &str = "ab12";

/// One tarball on a node.
#[derive(Debug, Clone)]
struct Tarball {
    /// `YYYY/MM/DD/HHMMSS`.
    stamp: String,
    mtime: i64,
    size: u64,
    sidecar: Option<String>,
}

/// What one hub has on one node.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    hub: String,
    node: String,
    held: BTreeMap<String, Vec<Tarball>>,
    transfer: Option<(i64, i64)>,
}

impl Node {
    /// A node with a week of nights before `now`.
    pub(crate) fn new(hub: &str, node: &str, repos: &[&str], now: i64, zone: &TimeZone) -> Self {
        let held = repos.iter().map(|repo| ((*repo).to_owned(), Vec::new())).collect();
        let mut new = Self { hub: hub.to_owned(), node: node.to_owned(), held, transfer: None };
        let calm = Events::default();
        for night in (0..=9).rev() {
            let until = now - night * 86400;
            new.live(until, 86400, &calm, 0, zone);
        }
        new
    }

    /// Goes through one step that ends at `now`; the events count from `start`.
    pub(crate) fn live(&mut self, now: i64, step: i64, events: &Events, start: i64, zone: &TimeZone) {
        let place = [self.hub.clone(), self.node.clone()];
        let place = [place[0].as_str(), place[1].as_str()];
        for moment in backups(now - 2 * 86400, now, zone) {
            let late = events.of(moment - start, &place, "late").map_or(0, |words| time(&words[0]));
            let (begin, end) = (moment + TRANSFER.0 + late, moment + TRANSFER.1 + late);
            let none = events.of(moment - start, &place, "no transfer").is_some_and(|_| true)
                || events.of(moment - start, &place, "no backup").is_some();
            if none {
                continue;
            }
            if (now - step + 1..=now).contains(&begin) {
                self.transfer = Some((begin, end));
                self.receive(moment, false, events, start, zone);
            }
            if (now - step + 1..=now).contains(&end) {
                self.transfer = None;
                self.receive(moment, true, events, start, zone);
            }
        }
        for (repo, held) in &mut self.held {
            if events.of(now - start, &[place[0], place[1], repo], "removed").is_some() {
                held.clear();
            }
        }
    }

    /// Takes in the tarballs of a night: first in part and without sidecars, then whole.
    fn receive(&mut self, moment: i64, whole: bool, events: &Events, start: i64, zone: &TimeZone) {
        let at = moment - start;
        let nights = (moment.div_euclid(86400) - FIRST_NIGHT) as f64;
        for (repo, held) in &mut self.held {
            let place = [self.hub.as_str(), self.node.as_str(), repo.as_str()];
            let of = |verb| events.of(at, &place, verb);
            if of("no transfer").is_some() || of("no backup").is_some() {
                continue;
            }
            let ahead = of("stamped").map_or(0, |words| time(&words[0]));
            let stamp = Timestamp::from_second(moment + ahead).unwrap().to_zoned(zone.clone());
            let stamp = stamp.strftime("%Y/%m/%d/%H%M%S").to_string();
            let factor = of("shrunk to").map_or(1.0, |words| percent(&words[0]));
            let full = (FIRST_SIZE * GROWTH.powf(nights) * factor) as u64;
            let arrived = match of("cut at") {
                Some(words) => (full as f64 * percent(&words[0])) as u64,
                None if of("empty").is_some() => 0,
                None if whole => full,
                None => full / 3,
            };
            let sidecar = match () {
                () if !whole || of("without sidecar").is_some() => None,
                () if of("garbled sidecar").is_some() => Some("{'dig':".to_owned()),
                () if of("empty").is_some() => {
                    Some("{'dig': '7b87e78cc03ea544e2ad3abae46eecd1', 'size': 0L}".to_owned())
                }
                () => Some(format!("{{'dig': '7b87e78cc03ea544e2ad3abae46eecd1', 'size': {full}L}}")),
            };
            held.retain(|tarball| tarball.stamp != stamp);
            held.push(Tarball { stamp, mtime: moment + 300, size: arrived, sidecar });
            held.sort_by(|a, b| a.stamp.cmp(&b.stamp));
            if whole && of("no purge").is_none() {
                let kept = of("keeps").map_or(KEPT, |words| words[0].parse().unwrap());
                held.drain(..held.len().saturating_sub(kept));
            }
        }
    }

    /// What the probe script prints here, or why it does not.
    pub(crate) fn listing(&self, now: i64, events: &Events, start: i64) -> Result<String, String> {
        let place = [self.hub.as_str(), self.node.as_str()];
        let of = |verb| events.of(now - start, &place, verb);
        if let Some(words) = of("unreachable") {
            return Err(words[0].clone());
        }
        let clock = of("clock").map_or(0, |words| match words[0].strip_prefix('-') {
            Some(slow) => -time(slow),
            None => time(&words[0]),
        });
        let mark = format!("scm-backup-listing 1 {NONCE}");
        let mut text =
            format!("{mark} BEGIN list=printf awk=yes bounded=yes epoch={} utc=+0100\n", now + clock);
        text.push_str("R /backup\n");
        let _ = writeln!(text, "S {} {}", DISK / 1024, self.avail(now, events, start) / 1024);
        let ahead = of("locked ahead").map_or(0, |words| time(&words[0]));
        let lock = match events.since(now - start, &place, "locked") {
            Some(since) => Some(since + start + ahead),
            None => self.transfer.map(|(begin, _)| begin),
        };
        let (mut records, mut denied) = (0, 0);
        if let Some(since) = lock {
            let _ = writeln!(text, "K {since} LOCKED");
            records += 1;
        }
        for (repo, held) in &self.held {
            if events.of(now - start, &[place[0], place[1], repo], "unreadable").is_some() {
                denied += 1;
                continue;
            }
            let name = repo.split_once('/').unwrap().1;
            for tarball in held {
                let Tarball { stamp, mtime, size, sidecar } = tarball;
                let path = format!("{repo}/{stamp}/{name}.tar.gz");
                let _ = writeln!(text, "F {size} {mtime} {path}");
                records += 1;
                if let Some(content) = sidecar {
                    let length = content.len();
                    let _ = writeln!(text, "D {length} {mtime} {length} {content} {path}.dna");
                    records += 1;
                }
            }
        }
        let find = u8::from(denied > 0);
        let _ =
            writeln!(text, "N {records}\n\n{mark} END find={find} awk=0 denied={denied} vanished=0 other=0");
        Ok(text)
    }

    fn avail(&self, now: i64, events: &Events, start: i64) -> u64 {
        let place = [self.hub.as_str(), self.node.as_str()];
        let held: u64 = self.held.values().flatten().map(|tarball| tarball.size).sum();
        let grown = events.since(now - start, &place, "disk fills by").map_or(0, |since| {
            let words = events.of(now - start, &place, "disk fills by").unwrap();
            words[0].parse::<u64>().unwrap() * 1_000_000_000 * (now - start - since) as u64 / 86400
        });
        let used = events
            .of(now - start, &place, "disk used")
            .map_or(0, |words| (DISK as f64 * percent(&words[0])) as u64);
        DISK.saturating_sub(held + grown + used)
    }
}

/// The moments of backups from one time to another, inclusive.
fn backups(from: i64, to: i64, zone: &TimeZone) -> Vec<i64> {
    let first = Timestamp::from_second(from).unwrap().to_zoned(zone.clone()).date();
    let moment = |day: i64| {
        let date = first.checked_add(jiff::Span::new().days(day)).unwrap();
        zone.to_timestamp(date.to_datetime(BACKUP)).unwrap().as_second()
    };
    (0..).map(moment).take_while(|moment| *moment <= to).filter(|moment| *moment >= from).collect()
}

fn percent(text: &str) -> f64 {
    text.trim_end_matches('%').parse::<f64>().unwrap() / 100.0
}
