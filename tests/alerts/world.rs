//! Hubs, nodes and exporters, step by step: from what lies on the nodes to what Prometheus scrapes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use scm_backup_exporter::inventory::{Connection, HostKeyChecking, Limits, Repo, Target};
use scm_backup_exporter::listing::Parser;
use scm_backup_exporter::listing::{FailCode, ListingError};
use scm_backup_exporter::metrics::{self, Exporter, Exposition, Format, Reload};
use scm_backup_exporter::probe::failure::{Cause, Denied, HostKey, Internal, Reason, Words};
use scm_backup_exporter::probe::ssh::Timings;
use scm_backup_exporter::probe::{ProbeResult, Snapshot, TargetState};
use scm_backup_exporter::report::{Builder, Report};

use super::events::{Events, time};
use super::nodes::{NONCE, Node};
use super::series::Recorder;
use super::{promtool, rules};

const REPOS: [&str; 3] = ["folders/setup", "svn/env", "tracs/env"];

/// How large a world is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    pub(crate) hubs: usize,
    pub(crate) repos: usize,
}

/// All of it.
pub(crate) struct World {
    /// When the story begins.
    start: i64,
    /// What Prometheus takes for the epoch.
    epoch: i64,
    step: i64,
    zone: TimeZone,
    events: Events,
    targets: Vec<Target>,
    nodes: Vec<Node>,
    /// By its name, what an exporter remembers.
    exporters: Vec<(&'static str, BTreeMap<usize, Arc<Report>>)>,
    recorder: Recorder,
    /// The metrics that are of interest; all of them if there is none.
    used: Vec<String>,
    mail_failures: f64,
}

impl World {
    /// Hubs with two nodes each, in Berlin, from midnight of a day.
    pub(crate) fn new(day: jiff::civil::Date, size: Size, step: i64, events: Events) -> Self {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let start = zone.to_timestamp(day.to_datetime(jiff::civil::Time::midnight())).unwrap().as_second();
        let repos = &REPOS[REPOS.len() - size.repos..];
        let places = ["A", "B"][..size.hubs].iter().flat_map(|hub| ["N1", "N2"].map(|node| (*hub, node)));
        let places: Vec<_> = places.collect();
        let targets = places.iter().map(|(hub, node)| target(hub, node, repos, &zone, &events)).collect();
        let nodes = places.iter().map(|(hub, node)| Node::new(hub, node, repos, start, &zone)).collect();
        let mut exporters = vec![("exporter", BTreeMap::new())];
        if events.of(0, &["other", "exporter"], "looks").is_some() {
            exporters.push(("other exporter", BTreeMap::new()));
        }
        let text = std::fs::read_to_string(rules::path()).unwrap();
        let used = [text, super::agreement::rule_file()];
        let used: BTreeSet<&str> = used.iter().flat_map(|text| rules::words(text, "scm_backup_")).collect();
        let used = used.into_iter().map(str::to_owned).collect();
        let recorder = Recorder::default();
        Self {
            start,
            epoch: start,
            step,
            zone,
            events,
            targets,
            nodes,
            exporters,
            recorder,
            used,
            mail_failures: 0.0,
        }
    }

    /// Lives for a while and gives the series of all scrapes, the first of them at Prometheus' epoch.
    pub(crate) fn evaluation(mut self, from: i64, until: i64) -> promtool::Evaluation {
        self.epoch = self.start + from;
        for at in (0..=until).step_by(usize::try_from(self.step).unwrap()) {
            self.live(at);
            if at >= from {
                self.scrape(at);
            }
        }
        promtool::Evaluation::new(self.step, self.recorder.into_series())
    }

    fn live(&mut self, at: i64) {
        for node in &mut self.nodes {
            node.live(self.start + at, self.step, &self.events, self.start, &self.zone);
        }
    }

    fn scrape(&mut self, at: i64) {
        let now = self.start + at;
        self.recorder.next();
        if self.events.of(at, &["alertmanager"], "fails").is_some() {
            self.mail_failures += 1.0;
        }
        let failures =
            "alertmanager_notification_requests_failed_total{instance=\"am\",integration=\"email\"}";
        self.recorder.sample(failures.to_owned(), self.mail_failures);
        for (name, reports) in &mut self.exporters {
            let place: Vec<&str> = name.split(' ').collect();
            if self.events.of(at, &place, "gone").is_some() {
                reports.clear();
                continue;
            }
            let instance = self.events.of(at, &place, "called").map_or(*name, |words| words[0].as_str());
            let own = format!("instance=\"{instance}\",job=\"scm_backup\"");
            let down = self.events.of(at, &place, "down").is_some();
            self.recorder.sample(format!("up{{{own}}}"), f64::from(u8::from(!down)));
            if down {
                reports.clear();
                continue;
            }
            let time = Timestamp::from_second(now).unwrap();
            let mut target_states = Vec::new();
            for (number, (target, node)) in self.targets.iter().zip(&self.nodes).enumerate() {
                let of_node = [place.join(" "), target.hub.clone(), target.node.clone()];
                let of_node: Vec<&str> = of_node.iter().map(String::as_str).collect();
                if self.events.of(at, &of_node[1..], "unconfigured").is_some() {
                    continue;
                }
                let sees = match self.events.of(at, &of_node[1..], &format!("hidden from {}", place[0])) {
                    Some(words) => Err(words[0].clone()),
                    None => node.listing(now, &self.events, self.start),
                };
                let mut failure = sees.as_ref().err().cloned();
                if let Ok(text) = &sees {
                    let (report, unreadable) = report(target, text, now);
                    failure = unreadable.then(|| "permission".to_owned());
                    reports.insert(number, Arc::new(report));
                }
                if let Some(report) = reports.get(&number) {
                    for (series, value) in super::agreement::noted(target, report, time, &own) {
                        self.recorder.sample(series, value);
                    }
                }
                target_states.push(TargetState {
                    report: reports.get(&number).cloned(),
                    last: Some(ProbeResult {
                        ended: time,
                        failure: failure.map(|reason| cause_of(&reason)),
                        timings: Timings { connect: Duration::ZERO, list: None },
                    }),
                    ..TargetState::new(Arc::new(target.clone()))
                });
            }
            let last_success = Timestamp::from_second(self.start).unwrap();
            let failed_since = self.events.of(at, &place, "reload fails").map(|_| last_success);
            let reload = Reload { failed_since, last_success };
            let exporter =
                Exporter { version: "0.0.0", reload, ssh_sessions: 0, logins_refused: None, process: None };
            // No rule reads what is configured of a hub.
            let snapshot = Snapshot { target_states, ..Snapshot::default() };
            let exposition = Exposition { now: time, snapshot, exporter: Some(exporter) };
            let text = metrics::encode(exposition, Format::Text).unwrap();
            for line in text.lines().filter(|line| !line.starts_with('#')) {
                take(&mut self.recorder, line, &own, &self.used, self.epoch);
            }
        }
    }
}

/// Takes a line of the exposition in. Times count from what Prometheus takes for the epoch here.
fn take(recorder: &mut Recorder, line: &str, own: &str, used: &[String], epoch: i64) {
    let (series, value) = line.rsplit_once(' ').unwrap();
    let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
    if !used.is_empty() && used.binary_search_by(|used| used.as_str().cmp(name)).is_err() {
        return;
    }
    let value: f64 = value.parse().unwrap();
    let value = if name.ends_with("_timestamp_seconds") { value - epoch as f64 } else { value };
    let comma = if labels == "}" { "" } else { "," };
    recorder.sample(format!("{name}{{{own}{comma}{labels}"), value);
}

/// What the program makes of a listing, and whether some of it could not be read.
fn report(target: &Target, text: &str, now: i64) -> (Report, bool) {
    let mut builder = Builder::new(Arc::new(target.clone()));
    let mut parser = Parser::new(NONCE);
    parser.push(text.as_bytes(), &mut |record| builder.record(record)).unwrap();
    let end = parser.finish().unwrap();
    (builder.finish(end, Timestamp::from_second(now).unwrap()).unwrap(), end.unreadable > 0)
}

/// A cause that has this reason.
fn cause_of(word: &str) -> Cause {
    let words = Words::new("simulated");
    let refused = |code| Cause::listing(ListingError::Refused(code));
    match Reason::ALL.into_iter().find(|reason| reason.as_str() == word).unwrap() {
        Reason::Resolve => Cause::Resolve(words),
        Reason::Connect => Cause::NoConnection(words),
        Reason::HostKey => Cause::HostKey(HostKey::Changed(words)),
        Reason::Auth => Cause::Denied(Denied {
            words,
            login: String::new(),
            kerberos: false,
            at_jump_host: false,
            key: None,
        }),
        Reason::Timeout => Cause::ConnectTimedOut(words),
        Reason::RootMissing => refused(FailCode::RootMissing),
        Reason::Permission => Cause::Unreadable { count: 1, root: "/data".into() },
        Reason::RemoteCommand => refused(FailCode::NoLister),
        Reason::Protocol => Cause::listing(ListingError::TooMuchNoise),
        Reason::Internal => Cause::Internal(Internal::Start(words)),
    }
}

fn target(hub: &str, node: &str, repos: &[&str], zone: &TimeZone, events: &Events) -> Target {
    let of = |verb: &str| events.of(0, &[hub, node], verb);
    let mut limits = Limits::default();
    if let Some(words) = of("max_age") {
        limits.max_age = (words[0] != "off").then(|| Duration::from_secs(time(&words[0]).unsigned_abs()));
    }
    if let Some(words) = of("min_tarballs") {
        limits.min_tarballs = words[0].parse().ok();
    }
    if let Some(words) = of("max_tarballs") {
        limits.max_tarballs = words[0].parse().ok();
    }
    let expected = repos.iter().map(|repo| Repo::from_label(repo)).collect();
    Target {
        hub: hub.to_owned(),
        node: node.to_owned(),
        connection: Connection {
            host: node.to_owned(),
            user: None,
            port: None,
            key_filename: None,
            gateway: None,
            shell: "sh".to_owned(),
            timeout: Duration::from_secs(2),
            host_key_checking: HostKeyChecking::Strict,
            known_hosts: None,
            ssh_config: None,
            verbose: false,
        },
        root: "/backup".to_owned(),
        timezone: Some(zone.clone()),
        expected: of("no select").is_none().then_some(expected),
        limits,
        repo_limits: BTreeMap::new(),
        probe_timeout: Duration::from_secs(60),
        min_probe_interval: Duration::ZERO,
    }
}
