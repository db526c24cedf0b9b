//! What the tables show, as values: made from a report and its verdict, worst first.
//!
//! The field names are those of the JSON output. Times are RFC 3339 in the zone of the stamps, sizes are bytes, ages seconds.
//! `null` is what is not known; an empty list or 0 is known to be nothing.

use std::cmp::Reverse;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;

use crate::human::Limit;
use crate::inventory::{Hub, Limits, Repo, Target};
use crate::probe::{TargetState, failure};
use crate::report::{Report, Tarball};
use crate::verdict::{self, NodeProblem, RepoProblem, RepoVerdict, Status, Tally};

/// What is known of some or all hubs.
#[derive(Debug, Clone, Serialize)]
pub struct Overview {
    /// The worst of the hubs.
    pub state: State,
    /// The hubs, worst first, then by name.
    pub hubs: Vec<HubView>,
}

impl Overview {
    /// An overview of these hubs.
    pub fn new(mut hubs: Vec<HubView>) -> Self {
        hubs.sort_by(|a, b| b.state.cmp(&a.state).then_with(|| a.hub.cmp(&b.hub)));
        Self { state: hubs.first().map_or(State::Ok, |hub| hub.state), hubs }
    }
}

/// How it stands with a node or a hub: a [`Status`], or that nobody could look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Within every limit.
    Ok,
    /// Somebody should look within days.
    Warn,
    /// The last probe failed, or there was none yet; the last report, if there is one, shows no alarm.
    Unseen,
    /// There is no backup to rely on.
    Alarm,
}

impl State {
    /// The word for it, in tables and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Unseen => "unseen",
            Self::Alarm => "alarm",
        }
    }
}

impl From<Status> for State {
    fn from(status: Status) -> Self {
        match status {
            Status::Ok => Self::Ok,
            Status::Warn => Self::Warn,
            Status::Alarm => Self::Alarm,
        }
    }
}

/// One hub.
#[derive(Debug, Clone, Serialize)]
pub struct HubView {
    /// Its name.
    pub hub: String,
    /// The worst of its nodes.
    pub state: State,
    /// Its host name, as in the paths.
    pub srvnode: String,
    /// The remark of the configuration.
    pub message: Option<String>,
    /// Where its report can be read.
    pub report_url: Option<String>,
    /// The repos of all its nodes together, as far as there are reports.
    pub tally: Tally,
    /// Its nodes, worst first, then by name.
    pub nodes: Vec<NodeView>,
}

impl HubView {
    /// A hub with these of its nodes.
    pub fn new(hub: &Hub, mut nodes: Vec<NodeView>) -> Self {
        nodes.sort_by(|a, b| b.state.cmp(&a.state).then_with(|| a.node.cmp(&b.node)));
        Self {
            hub: hub.name.clone(),
            state: nodes.first().map_or(State::Ok, |node| node.state),
            srvnode: hub.srvnode.clone(),
            message: hub.message.clone(),
            report_url: hub.report_url.clone(),
            tally: nodes.iter().filter_map(|node| node.report.as_ref()).map(|report| report.tally).sum(),
            nodes,
        }
    }
}

/// One node of a hub.
#[derive(Debug, Clone, Serialize)]
pub struct NodeView {
    /// Its name.
    pub node: String,
    /// How it stands: the worst of its report, and `unseen` when the last probe failed.
    pub state: State,
    /// Where it is reached: `user@host:port`.
    pub address: String,
    /// Why the last probe failed; `null` if it did not, or there was none yet.
    pub failure: Option<FailureView>,
    /// The last report, which can be older than the failure; `null` before the first.
    pub report: Option<ReportView>,
    /// What all this was made from: for the pages, which show more of it.
    #[serde(skip)]
    pub known: TargetState,
}

/// Why a probe failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FailureView {
    /// The value of the `reason` label.
    pub reason: failure::Reason,
    /// What happened, in words.
    pub message: String,
    /// What to do about it; `null` when there is no advice.
    pub advice: Option<String>,
}

impl NodeView {
    /// A node by what is known of it, judged at a time, and why the last probe failed.
    pub fn new(known: TargetState, failure: Option<FailureView>, now: Timestamp) -> Self {
        let target = &*known.target;
        let report = known.report.as_deref().map(|report| ReportView::new(target, report, now));
        let of_report = report.as_ref().map_or(State::Unseen, |report| report.tally.status.into());
        Self {
            node: target.node.clone(),
            state: if failure.is_some() { of_report.max(State::Unseen) } else { of_report },
            address: target.connection.to_string(),
            failure,
            report,
            known,
        }
    }
}

impl NodeView {
    /// Whether the report shows no tarball, where one repo at least should be.
    pub fn holds_nothing(&self) -> bool {
        let notes = self.report.iter().flat_map(|report| &report.notes);
        notes.into_iter().any(|note| note.word == NodeProblem::NoTarballs.code())
    }

    /// Whether the last probe read what it was allowed to read, and that was not all.
    pub fn is_seen_in_part(&self) -> bool {
        let denied = failure::Reason::Permission;
        let is_denied = self.failure.as_ref().is_some_and(|failure| failure.reason == denied);
        is_denied && self.report.as_ref().is_some_and(|report| report.unreadable > 0)
    }

    /// Room where the tarballs lie, where it is known.
    pub fn room(&self) -> Option<&FilesystemView> {
        self.report.as_ref()?.filesystem.as_ref()
    }
}

/// A report and what it means.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ReportView {
    /// When it was taken, by our clock.
    pub taken: String,
    /// How long ago that was.
    pub age_seconds: f64,
    /// The directory listed, on the node.
    pub root: String,
    /// The zone of the stamps, and of the times here.
    pub timezone: String,
    /// With what the node lists: `printf` or `stat`.
    pub listing: &'static str,
    /// Tarballs read, of all repos.
    pub records: u64,
    /// Names that do not fit the layout.
    pub rejects: u64,
    /// The first few of them, each with what is wrong with it.
    pub rejects_first: Vec<String>,
    /// Directories or files that could not be read.
    pub unreadable: u64,
    /// Since when the transfer lock stands; `null` when there is none.
    pub locked_since: Option<String>,
    /// Room where the tarballs lie; `null` if the node could not tell.
    pub filesystem: Option<FilesystemView>,
    /// The node's clock less ours.
    pub clock_offset_seconds: f64,
    /// How many repos are ok, warn and alarm, and the worst that is said of the node.
    pub tally: Tally,
    /// What concerns the node as a whole.
    pub notes: Vec<ProblemView>,
    /// Every repo that was found or is expected, worst first, then by name.
    pub repos: Vec<RepoView>,
}

/// Room on a file system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FilesystemView {
    /// All of it.
    pub size_bytes: u64,
    /// What is left for ordinary users.
    pub avail_bytes: u64,
}

/// Something that is said of a node or a repo.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProblemView {
    /// One word for programs, as `too_old`.
    pub word: &'static str,
    /// How bad it is.
    pub status: Status,
    /// A line for people.
    pub text: String,
}

impl ReportView {
    fn new(target: &Target, report: &Report, now: Timestamp) -> Self {
        let verdict = verdict::judge(target, report, now);
        let time = |at| rfc3339(at, &report.zone);
        let mut repos: Vec<RepoView> =
            verdict.repos.iter().map(|(repo, said)| RepoView::new(target, report, repo, said, now)).collect();
        repos.sort_by_key(|repo| Reverse(repo.status));
        Self {
            taken: time(report.taken),
            age_seconds: now.duration_since(report.taken).as_secs_f64(),
            root: report.root.clone(),
            timezone: zone_name(&report.zone, report.taken),
            listing: report.method.as_str(),
            records: report.records,
            rejects: report.rejects.count,
            rejects_first: report.rejects.first.clone(),
            unreadable: report.unreadable,
            locked_since: report.lock.as_ref().map(|lock| time(lock.since)),
            filesystem: report
                .filesystem
                .map(|room| FilesystemView { size_bytes: room.size, avail_bytes: room.avail }),
            clock_offset_seconds: report.clock_offset,
            tally: verdict.tally(),
            notes: verdict
                .problems
                .iter()
                .map(|note| ProblemView { word: note.code(), status: note.status(), text: note.to_string() })
                .collect(),
            repos,
        }
    }
}

/// One repo on one node.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RepoView {
    /// `<kind>/<name>`.
    pub repo: String,
    /// The verdict.
    pub status: Status,
    /// The reasons, worst first.
    pub why: Vec<ProblemView>,
    /// The first of them as the verdict gave it; none when all is well.
    #[serde(skip)]
    pub worst: Option<RepoProblem>,
    /// Whether the newest is excused because it is in transfer.
    pub in_transfer: bool,
    /// Whether the configuration names it.
    pub expected: bool,
    /// The newest tarball; `null` when none was found.
    pub newest: Option<TarballView>,
    /// What it is compared with, the largest of the three before it; `null` when there is none.
    pub previous: Option<TarballView>,
    /// The newest's size over that of `previous`; `null` when there is none, or it is empty.
    pub size_ratio: Option<f64>,
    /// Whether the newest's sidecar is there and gives its size; `null` when nothing is known.
    pub verified: Option<bool>,
    /// How many are held; `null` when none was found, but not all could be read.
    pub held: Option<u64>,
    /// All of them together; `null` as `held`.
    pub total_bytes: Option<u64>,
    /// When the oldest was made; `null` when none was found.
    pub oldest: Option<String>,
    /// What it is held to.
    pub limits: LimitsView,
}

/// A tarball.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TarballView {
    /// When it was made, by the stamp in its path.
    pub made: String,
    /// How long ago that was; negative for a stamp in the future.
    pub age_seconds: f64,
    /// Its size.
    pub size_bytes: u64,
    /// Its path below the root.
    pub path: String,
}

/// Limits; `null`: switched off.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LimitsView {
    /// The newest may be no older.
    pub max_age_seconds: Option<f64>,
    /// At least so many must be held.
    pub min_tarballs: Option<u64>,
    /// No more may be held.
    pub max_tarballs: Option<u64>,
    /// The newest's size over that of `previous` may be no smaller.
    pub min_size_ratio: Option<f64>,
    /// The same in words.
    pub text: String,
}

impl RepoView {
    fn new(target: &Target, report: &Report, repo: &Repo, said: &RepoVerdict, now: Timestamp) -> Self {
        let found = report.repos.get(repo);
        let tarball = |tarball: &Tarball| TarballView {
            made: rfc3339(tarball.made, &report.zone),
            age_seconds: now.duration_since(tarball.made).as_secs_f64(),
            size_bytes: tarball.size,
            path: tarball.path.clone(),
        };
        Self {
            repo: repo.to_string(),
            status: said.status,
            why: said
                .problems
                .iter()
                .map(|concern| ProblemView {
                    word: concern.code(),
                    status: concern.status(),
                    text: concern.to_string(),
                })
                .collect(),
            worst: said.problems.first().copied(),
            in_transfer: said.in_transfer,
            expected: target.expects(repo),
            newest: found.map(|found| tarball(&found.newest)),
            previous: found.and_then(|found| found.previous.as_ref()).map(tarball),
            size_ratio: found.and_then(|found| found.size_ratio()),
            verified: found.and_then(|found| found.verification.verified()),
            held: said.held,
            // Where none was found, as many bytes are held as tarballs: none, or nobody knows.
            total_bytes: found.map_or(said.held, |found| Some(found.total_bytes)),
            oldest: found.map(|found| rfc3339(found.oldest, &report.zone)),
            limits: LimitsView::new(target.limits_of(repo)),
        }
    }
}

impl LimitsView {
    fn new(limits: &Limits) -> Self {
        let held = match (limits.min_tarballs, limits.max_tarballs) {
            (Some(min), Some(max)) => Some(format!("{min} to {max} held")),
            (Some(min), None) => Some(format!("at least {min} held")),
            (None, Some(max)) => Some(format!("at most {max} held")),
            (None, None) => None,
        };
        let age = limits.max_age.map(|age| format!("newest at most {} old", Limit(age)));
        let ratio = limits
            .min_size_ratio
            .map(|ratio| format!("newest at least {ratio} of the largest of 3 before it"));
        let words: Vec<String> = [age, held, ratio].into_iter().flatten().collect();
        Self {
            max_age_seconds: limits.max_age.map(|age| age.as_secs_f64()),
            min_tarballs: limits.min_tarballs,
            max_tarballs: limits.max_tarballs,
            min_size_ratio: limits.min_size_ratio,
            text: if words.is_empty() { "none".to_owned() } else { words.join(", ") },
        }
    }
}

/// A time with its offset from UTC in the zone.
fn rfc3339(at: Timestamp, zone: &TimeZone) -> String {
    at.display_with_offset(zone.to_offset(at)).to_string()
}

/// The zone's name, or its offset where it has none.
pub(crate) fn zone_name(zone: &TimeZone, at: Timestamp) -> String {
    zone.iana_name().map_or_else(|| format!("UTC{}", zone.to_offset(at)), str::to_owned)
}
