//! How a node is probed, and how its last probes went.

use jiff::{SignedDuration, Timestamp};

use crate::human::{Age, Took};
use crate::probe::{ProbeResult, TargetState, ssh};

/// What a person wants to know of a node that does not do as expected.
pub(super) struct Debug<'a> {
    /// How to reach it.
    pub(super) command: String,
    /// Its clock against ours, in words.
    pub(super) clock: String,
    /// The last first.
    pub(super) probes: Vec<Probe<'a>>,
}

pub(super) struct Probe<'a> {
    pub(super) ended: &'a Timestamp,
    /// `ok`, or the reason.
    pub(super) outcome: &'static str,
    pub(super) connect: Took,
    pub(super) list: String,
    pub(super) detail: String,
}

impl<'a> Debug<'a> {
    pub(super) fn new(known: &'a TargetState) -> Self {
        Self {
            command: format!("{} true", ssh::manual_command(&known.target.connection)),
            clock: known.report.as_ref().map_or_else(String::new, |report| clock(report.clock_offset)),
            probes: known.history.newest_first().map(probe).collect(),
        }
    }
}

fn clock(offset: f64) -> String {
    let offset = SignedDuration::try_from_secs_f64(offset).unwrap_or_default();
    match offset.as_secs() {
        0 => "within a second of".to_owned(),
        seconds if seconds < 0 => format!("{} behind", Age(offset.abs())),
        _ => format!("{} ahead of", Age(offset)),
    }
}

fn probe(result: &ProbeResult) -> Probe<'_> {
    let failure = result.failure.as_ref();
    Probe {
        ended: &result.ended,
        outcome: failure.map_or("ok", |failure| failure.reason().as_str()),
        connect: Took(result.timings.connect),
        list: result.timings.list.map_or_else(|| "not begun".to_owned(), |list| Took(list).to_string()),
        detail: failure.map_or_else(String::new, ToString::to_string),
    }
}
