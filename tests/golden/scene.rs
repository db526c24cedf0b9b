//! A snapshot made as the exporter makes one, from the bytes that nodes printed.

use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use scm_backup_exporter::config;
use scm_backup_exporter::inventory::Inventory;
use scm_backup_exporter::listing::Parser;
use scm_backup_exporter::metrics::{Exporter, Exposition, Format, ProcessUsage, Reload, encode};
use scm_backup_exporter::probe::failure::{Cause, Denied, Words};
use scm_backup_exporter::probe::ssh::Timings;
use scm_backup_exporter::probe::{ProbeResult, Scope, Snapshot, TargetState};
use scm_backup_exporter::report::{Builder, Report};

/// A file of this test.
pub fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/golden").join(name)
}

/// The exposition of the scene.
pub fn exposition(format: Format) -> String {
    encode(Exposition { now: now(), snapshot: snapshot(), exporter: Some(exporter()) }, format).unwrap()
}

/// Midnight in Shanghai.
pub fn now() -> Timestamp {
    "2012-11-13T16:00:00Z".parse().unwrap()
}

/// Two hubs whose targets are each in a state of its own.
pub fn snapshot() -> Snapshot {
    let loaded =
        config::load(&[fixture("config.ini")], &|_| None).unwrap_or_else(|faults| panic!("{faults}"));
    assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
    let mut inventory = loaded.inventory;
    let hour_ago = now() - SignedDuration::from_hours(1);
    let half_a_day_ago = now() - SignedDuration::from_hours(12);
    let target_states = vec![
        // Healthy but for what the repos say.
        target_state(&inventory, "C2", "C", Some(now()), Some(None)),
        // Locked; lists with stat.
        target_state(&inventory, "C2", "H1", Some(now()), Some(None)),
        // Not asked yet.
        target_state(&inventory, "C2", "NEW", None, None),
        // A part of it cannot be read.
        target_state(&inventory, "C2", "PKU", Some(hour_ago), Some(Some(unreadable()))),
        // Never seen.
        target_state(&inventory, "C2", "z9.example.org", None, Some(Some(Cause::Resolve(words())))),
        // Seen half a day ago.
        target_state(&inventory, "ZZ", "SDU", Some(half_a_day_ago), Some(Some(denied()))),
    ];
    let targets: Vec<_> = inventory.targets().collect();
    assert_eq!(target_states.iter().map(|target_state| &target_state.target).collect::<Vec<_>>(), targets);
    // A configuration makes one line of it.
    inventory.hubs.values_mut().next().unwrap().message.as_mut().unwrap().push_str("\nand a second line");
    Snapshot { inventory: inventory.into(), scope: Scope::All, target_states }
}

fn exporter() -> Exporter {
    let process = ProcessUsage {
        cpu_seconds: 12.34,
        open_fds: 17,
        max_fds: Some(524_288),
        virtual_bytes: 12_345_678,
        resident_bytes: 9_876_543,
        start_seconds: 1_352_736_000.25,
    };
    let last_success = now() - SignedDuration::from_hours(24);
    let reload = Reload { failed_since: Some(now()), last_success };
    Exporter { version: "1.2.3", reload, ssh_sessions: 2, logins_refused: Some(3), process: Some(process) }
}

/// What is known of a target whose report, if there is one, was `taken` then; `last` says whether a probe ended, and
/// with what failure.
fn target_state(
    inventory: &Inventory,
    hub: &str,
    node: &str,
    taken: Option<Timestamp>,
    last: Option<Option<Cause>>,
) -> TargetState {
    let target = inventory.target(hub, node).unwrap_or_else(|| panic!("no {hub} {node}")).clone();
    let report = taken.map(|taken| {
        let reply = std::fs::read(fixture(&format!("{hub}-{node}.reply"))).unwrap();
        read(&reply, taken, Builder::new(target.clone())).into()
    });
    let last = last.map(|failure| ProbeResult {
        ended: now(),
        timings: Timings {
            connect: Duration::from_micros(1500),
            list: report.is_some().then_some(Duration::from_millis(250)),
        },
        failure,
    });
    TargetState { report, last, ..TargetState::new(target) }
}

fn words() -> Words {
    Words::new("as the scene wants it")
}

fn unreadable() -> Cause {
    Cause::Unreadable { count: 1, root: "/data".into() }
}

fn denied() -> Cause {
    Cause::Denied(Denied {
        words: words(),
        login: String::new(),
        kerberos: false,
        at_jump_host: false,
        key: None,
    })
}

/// The report of a reply that comes in pieces, as a network may cut it.
fn read(reply: &[u8], taken: Timestamp, mut builder: Builder) -> Report {
    let mut parser = Parser::new("ab12");
    for piece in reply.chunks(97) {
        parser.push(piece, &mut |record| builder.record(record)).unwrap();
    }
    builder.finish(parser.finish().unwrap(), taken).unwrap()
}
