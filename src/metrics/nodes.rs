//! The metrics of hubs, nodes and repos.

use std::fmt;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::registry::Unit;

use super::Exposition;
use super::families::{Family, Labels, Value, gauges, infos};
use crate::inventory::{Hub, Limits, Repo, Target};
use crate::probe::failure::Reason;
use crate::probe::{Snapshot, TargetState};
use crate::report::RepoSummary;
use crate::verdict::{self, Status};

/// One repo of one target, with all data of its series.
struct Row<'a> {
    target: &'a Target,
    repo: &'a Repo,
    limits: &'a Limits,
    /// Its tarballs; `None` if there are none, or nothing is known.
    summary: Option<&'a RepoSummary>,
    /// How many are held; `None` when that is not known.
    held: Option<u64>,
    /// `None` before the first report.
    status: Option<Status>,
    now: Timestamp,
}

impl Row<'_> {
    fn labels(&self) -> Labels<'_, 3> {
        Labels([("hub", &self.target.hub), ("node", &self.target.node), ("repo", self.repo.as_str())])
    }
}

/// The rows of one target, sorted by repo.
fn rows(target_state: &TargetState, now: Timestamp) -> Vec<Row<'_>> {
    let target = &*target_state.target;
    let report = target_state.report.as_deref();
    let verdict = report.map(|report| verdict::judge(target, report, now));
    let expected = target.expected.iter().flatten();
    let found = report.into_iter().flat_map(|report| report.repos.keys());
    let mut repos: Vec<&Repo> = expected.chain(found).collect();
    repos.sort_unstable();
    repos.dedup();
    repos
        .into_iter()
        .map(|repo| {
            let summary = report.and_then(|report| report.repos.get(repo));
            let judged = verdict.as_ref().and_then(|verdict| verdict.repos.get(repo));
            Row {
                target,
                repo,
                limits: target.limits_of(repo),
                summary,
                held: judged.and_then(|judged| judged.held),
                status: judged.map(|judged| judged.status),
                now,
            }
        })
        .collect()
}

/// Whole where it is, and never rounded: rules over the metrics must say what the verdict says.
fn seconds(span: SignedDuration) -> Value {
    match span.subsec_nanos() {
        0 => Value::Whole(span.as_secs()),
        _ => Value::Real(span.as_secs_f64()),
    }
}

/// A limit too long for the type becomes the longest span.
fn limit(limit: Duration) -> Value {
    seconds(SignedDuration::try_from(limit).unwrap_or(SignedDuration::MAX))
}

/// Computes one sample of a repo.
type OfRow = fn(&Row<'_>) -> Option<Value>;

/// The families of a repo.
const OF_REPO: &[(Family, OfRow)] = &[
    (
        Family {
            name: "scm_backup_tarball_size",
            unit: Some(&Unit::Bytes),
            help: "Size of the newest tarball.",
        },
        |row| Some(Value::Count(row.summary?.newest.size)),
    ),
    (
        Family {
            name: "scm_backup_tarball_previous_size",
            unit: Some(&Unit::Bytes),
            help: "What the newest is compared with: size of the largest of the three tarballs before it, or of as many as are held.",
        },
        |row| Some(Value::Count(row.summary?.previous.as_ref()?.size)),
    ),
    (
        Family {
            name: "scm_backup_tarball_timestamp",
            unit: Some(&Unit::Seconds),
            help: "When the newest tarball was made: the stamp in its path, read in the hub's time zone.",
        },
        |row| Some(Value::Whole(row.summary?.newest.made.as_second())),
    ),
    (
        Family {
            name: "scm_backup_tarball_age",
            unit: Some(&Unit::Seconds),
            help: "Age of the newest tarball at the time of the scrape; below 0 where its stamp lies in the future.",
        },
        |row| Some(seconds(row.now.duration_since(row.summary?.newest.made))),
    ),
    (
        Family {
            name: "scm_backup_tarball_oldest_timestamp",
            unit: Some(&Unit::Seconds),
            help: "When the oldest tarball held was made.",
        },
        |row| Some(Value::Whole(row.summary?.oldest.as_second())),
    ),
    (
        Family {
            name: "scm_backup_tarballs",
            unit: None,
            help: "How many tarballs are held; 0 for an expected repo that is not there.",
        },
        |row| row.held.map(Value::Count),
    ),
    (
        Family {
            name: "scm_backup_tarballs_size",
            unit: Some(&Unit::Bytes),
            help: "Size of all tarballs held together.",
        },
        |row| match row.summary {
            Some(summary) => Some(Value::Count(summary.total_bytes)),
            None => row.held.map(Value::Count),
        },
    ),
    (
        Family {
            name: "scm_backup_tarball_verified",
            unit: None,
            help: "Whether the newest tarball's sidecar is there and gives its size; absent where a repo has no sidecars at all.",
        },
        |row| row.summary?.verification.verified().map(Value::from),
    ),
    (
        Family {
            name: "scm_backup_repo_expected",
            unit: None,
            help: "1 for a repo that must be there, 0 for one found without being selected.",
        },
        |row| row.status.map(|_| row.target.expects(row.repo).into()),
    ),
    (
        Family { name: "scm_backup_repo_status", unit: None, help: "The verdict: 0 ok, 1 warn, 2 alarm." },
        |row| {
            row.status.map(|status| {
                Value::Count(match status {
                    Status::Ok => 0,
                    Status::Warn => 1,
                    Status::Alarm => 2,
                })
            })
        },
    ),
    (
        Family {
            name: "scm_backup_max_age",
            unit: Some(&Unit::Seconds),
            help: "The newest tarball may be no older than this.",
        },
        |row| row.limits.max_age.map(limit),
    ),
    (
        Family {
            name: "scm_backup_min_tarballs",
            unit: None,
            help: "At least so many tarballs must be held.",
        },
        |row| row.limits.min_tarballs.map(Value::Count),
    ),
    (
        Family {
            name: "scm_backup_max_tarballs",
            unit: None,
            help: "No more tarballs than this may be held.",
        },
        |row| row.limits.max_tarballs.map(Value::Count),
    ),
    (
        Family {
            name: "scm_backup_min_size_ratio",
            unit: None,
            help: "The newest tarball's size over that of the largest of the three before it may be no smaller than this.",
        },
        |row| row.limits.min_size_ratio.map(Value::Real),
    ),
];

/// Computes one sample of a target.
type OfTarget = fn(&TargetState) -> Option<Value>;

/// The families of a target that have no further labels.
const OF_TARGET: &[(Family, OfTarget)] = &[
    (
        Family {
            name: "scm_backup_probe_success",
            unit: None,
            help: "Whether the last probe gave a complete listing; absent before the first has ended.",
        },
        |target_state| Some(target_state.last.as_ref()?.failure.is_none().into()),
    ),
    (
        Family {
            name: "scm_backup_probe_timestamp",
            unit: Some(&Unit::Seconds),
            help: "When the report that the target's series come from was taken; it stands still while probes fail.",
        },
        |target_state| Some(Value::Whole(target_state.report.as_ref()?.taken.as_second())),
    ),
    (
        Family {
            name: "scm_backup_listing_records",
            unit: None,
            help: "Tarballs read from the last listing, of all repos.",
        },
        |target_state| Some(Value::Count(target_state.report.as_ref()?.records)),
    ),
    (
        Family {
            name: "scm_backup_listing_rejects",
            unit: None,
            help: "Names in the last listing that are not counted: they do not fit the layout, or are of more repos than are told apart.",
        },
        |target_state| {
            let report = target_state.report.as_ref()?;
            Some(Value::Count(report.rejects.count.saturating_add(report.surplus)))
        },
    ),
    (
        Family {
            name: "scm_backup_locked_timestamp",
            unit: Some(&Unit::Seconds),
            help: "Since when the transfer lock stands; absent when there is none.",
        },
        |target_state| Some(Value::Whole(target_state.report.as_ref()?.lock.as_ref()?.since.as_second())),
    ),
    (
        Family {
            name: "scm_backup_filesystem_size",
            unit: Some(&Unit::Bytes),
            help: "Size of the file system where the tarballs lie.",
        },
        |target_state| Some(Value::Count(target_state.report.as_ref()?.filesystem?.size)),
    ),
    (
        Family {
            name: "scm_backup_filesystem_avail",
            unit: Some(&Unit::Bytes),
            help: "What is left for ordinary users on the file system where the tarballs lie.",
        },
        |target_state| Some(Value::Count(target_state.report.as_ref()?.filesystem?.avail)),
    ),
    (
        Family {
            name: "scm_backup_clock_offset",
            unit: Some(&Unit::Seconds),
            help: "The node's clock less the exporter's, as of the last listing.",
        },
        |target_state| Some(Value::Real(target_state.report.as_ref()?.clock_offset)),
    ),
];

/// Writes the families of hubs, nodes and repos.
pub(super) fn encode(exposition: &Exposition, encoder: &mut DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
    let Exposition { now, snapshot, .. } = exposition;
    let rows: Vec<Row<'_>> =
        snapshot.target_states.iter().flat_map(|target_state| rows(target_state, *now)).collect();
    for (family, value) in OF_REPO {
        gauges(encoder, *family, rows.iter().filter_map(|row| Some((row.labels(), value(row)?))))?;
    }
    for (family, value) in OF_TARGET {
        let samples = snapshot
            .target_states
            .iter()
            .filter_map(|target_state| Some((labels(target_state), value(target_state)?)));
        gauges(encoder, *family, samples)?;
    }
    encode_failures(snapshot, encoder)?;
    encode_durations(snapshot, encoder)?;
    encode_infos(snapshot, encoder)
}

fn labels(target_state: &TargetState) -> Labels<'_, 2> {
    Labels([("hub", &target_state.target.hub), ("node", &target_state.target.node)])
}

fn encode_failures(snapshot: &Snapshot, encoder: &mut DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
    let family = Family {
        name: "scm_backup_probe_failure",
        unit: None,
        help: "1 for the reason why the last probe gave no complete listing, 0 for the other reasons.",
    };
    let samples = snapshot.target_states.iter().flat_map(|target_state| {
        target_state.last.iter().flat_map(move |last| {
            Reason::ALL.into_iter().map(move |reason| {
                let Labels([hub, node]) = labels(target_state);
                let is_it = last.failure.as_ref().is_some_and(|failure| failure.reason() == reason);
                (Labels([hub, node, ("reason", reason.as_str())]), is_it.into())
            })
        })
    });
    gauges(encoder, family, samples)
}

fn encode_durations(snapshot: &Snapshot, encoder: &mut DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
    let family = Family {
        name: "scm_backup_probe_duration",
        unit: Some(&Unit::Seconds),
        help: "How long the phases of the last probe took: connect (next to nothing with a kept session) and list.",
    };
    let samples = snapshot.target_states.iter().flat_map(|target_state| {
        let Labels([hub, node]) = labels(target_state);
        let timings = target_state.last.as_ref().map(|last| last.timings);
        [
            ("connect", timings.map(|timings| timings.connect)),
            ("list", timings.and_then(|timings| timings.list)),
        ]
        .into_iter()
        .filter_map(move |(phase, took)| {
            Some((Labels([hub, node, ("phase", phase)]), Value::Real(took?.as_secs_f64())))
        })
    });
    gauges(encoder, family, samples)
}

fn encode_infos(snapshot: &Snapshot, encoder: &mut DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
    let family = Family { name: "scm_backup_hub", unit: None, help: "What is configured of a hub." };
    let hubs: Vec<(&Hub, String)> = snapshot.hubs().map(|(hub, _)| (hub, hub.email.join(" "))).collect();
    let samples = hubs.iter().map(|(hub, email)| {
        Labels([
            ("hub", hub.name.as_str()),
            ("srvnode", hub.srvnode.as_str()),
            ("report_url", hub.report_url.as_deref().unwrap_or_default()),
            ("message", hub.message.as_deref().unwrap_or_default()),
            ("email", email.as_str()),
        ])
    });
    infos(encoder, family, samples)?;

    let family = Family {
        name: "scm_backup_node",
        unit: None,
        help: "How a node is reached, and with what it lists its files (empty before the first report).",
    };
    let addresses: Vec<String> = snapshot
        .target_states
        .iter()
        .map(|target_state| target_state.target.connection.to_string())
        .collect();
    let samples = snapshot.target_states.iter().zip(&addresses).map(|(target_state, address)| {
        let Labels([hub, node]) = labels(target_state);
        let listing = target_state.report.as_ref().map_or("", |report| report.method.as_str());
        Labels([hub, node, ("address", address.as_str()), ("listing", listing)])
    });
    infos(encoder, family, samples)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_never_rounded() {
        assert_eq!(seconds(SignedDuration::from_secs(93_600)), Value::Whole(93_600));
        assert_eq!(seconds(SignedDuration::new(93_600, 1_000_000)), Value::Real(93_600.001));
        assert_eq!(seconds(SignedDuration::from_millis(-1500)), Value::Real(-1.5));
        assert_eq!(limit(Duration::from_millis(500)), Value::Real(0.5));
        assert_eq!(limit(Duration::MAX), Value::Real(SignedDuration::MAX.as_secs_f64()));
    }
}
