//! What tables and pages show, as values: made from a report and its verdict, worst first.
//!
//! Times, states and problems are values until they are shown. The field names are those of the JSON output, in which times
//! are RFC 3339 in the zone of the stamps, sizes are bytes, ages seconds. `null` is what is not known; an empty list or 0 is
//! known to be nothing.

use std::cmp::Reverse;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::json;
use super::time::{LocalTime, zone_name};
use crate::inventory::{Hub, Limits, Repo, Target};
use crate::listing::Method;
use crate::probe::{TargetState, failure};
use crate::report::{Report, Tarball};
use crate::verdict::{self, NodeProblem, RepoVerdict, Status, Tally};

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
        self.report.as_ref().is_some_and(|report| report.notes.contains(&NodeProblem::NoTarballs))
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
#[derive(Debug, Clone, Serialize)]
pub struct ReportView {
    /// When it was taken, by our clock.
    pub taken: LocalTime,
    /// How long ago that was.
    #[serde(rename = "age_seconds", serialize_with = "json::seconds")]
    pub age: SignedDuration,
    /// The directory listed, on the node.
    pub root: String,
    /// The zone of the stamps, and of the times here.
    pub timezone: String,
    /// With what the node lists: `printf` or `stat`.
    #[serde(serialize_with = "json::method")]
    pub listing: Method,
    /// Tarballs read, of all repos.
    pub records: u64,
    /// Names that do not fit the layout.
    pub rejects: u64,
    /// The first few of them, each with what is wrong with it.
    pub rejects_first: Vec<String>,
    /// Directories or files that could not be read.
    pub unreadable: u64,
    /// Since when the transfer lock stands; `null` when there is none.
    pub locked_since: Option<LocalTime>,
    /// Room where the tarballs lie; `null` if the node could not tell.
    pub filesystem: Option<FilesystemView>,
    /// The node's clock less ours.
    pub clock_offset_seconds: f64,
    /// How many repos are ok, warn and alarm, and the worst that is said of the node.
    pub tally: Tally,
    /// What concerns the node as a whole.
    #[serde(serialize_with = "json::node_problems")]
    pub notes: Vec<NodeProblem>,
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

impl ReportView {
    fn new(target: &Target, report: &Report, now: Timestamp) -> Self {
        let verdict = verdict::judge(target, report, now);
        let time = |at| LocalTime::new(at, &report.zone);
        let tally = verdict.tally();
        let repos = verdict.repos.into_iter();
        let mut repos: Vec<RepoView> =
            repos.map(|(repo, verdict)| RepoView::new(target, report, repo, verdict, now)).collect();
        repos.sort_by_key(|repo| Reverse(repo.verdict.status));
        Self {
            taken: time(report.taken),
            age: now.duration_since(report.taken),
            root: report.root.clone(),
            timezone: zone_name(&report.zone, report.taken),
            listing: report.method,
            records: report.records,
            rejects: report.rejects.count,
            rejects_first: report.rejects.first.clone(),
            unreadable: report.unreadable,
            locked_since: report.lock.as_ref().map(|lock| time(lock.since)),
            filesystem: report
                .filesystem
                .map(|room| FilesystemView { size_bytes: room.size, avail_bytes: room.avail }),
            clock_offset_seconds: report.clock_offset,
            tally,
            notes: verdict.problems,
            repos,
        }
    }
}

/// One repo on one node.
#[derive(Debug, Clone, Serialize)]
pub struct RepoView {
    /// `<kind>/<name>`.
    #[serde(serialize_with = "json::display")]
    pub repo: Repo,
    /// What is said of it: `status`, `why` and `in_transfer`.
    #[serde(flatten, serialize_with = "json::repo_verdict")]
    pub verdict: RepoVerdict,
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
    pub oldest: Option<LocalTime>,
    /// What it is held to.
    #[serde(serialize_with = "json::limits")]
    pub limits: Limits,
}

/// A tarball.
#[derive(Debug, Clone, Serialize)]
pub struct TarballView {
    /// When it was made, by the stamp in its path.
    pub made: LocalTime,
    /// How long ago that was; negative for a stamp in the future.
    #[serde(rename = "age_seconds", serialize_with = "json::seconds")]
    pub age: SignedDuration,
    /// Its size.
    pub size_bytes: u64,
    /// Its path below the root.
    pub path: String,
}

impl RepoView {
    fn new(target: &Target, report: &Report, repo: Repo, verdict: RepoVerdict, now: Timestamp) -> Self {
        let found = report.repos.get(&repo);
        let tarball = |tarball: &Tarball| TarballView {
            made: LocalTime::new(tarball.made, &report.zone),
            age: now.duration_since(tarball.made),
            size_bytes: tarball.size,
            path: tarball.path.clone(),
        };
        Self {
            expected: target.expects(&repo),
            newest: found.map(|found| tarball(&found.newest)),
            previous: found.and_then(|found| found.previous.as_ref()).map(tarball),
            size_ratio: found.and_then(|found| found.size_ratio()),
            verified: found.and_then(|found| found.verification.verified()),
            held: verdict.held,
            // Where none was found, as many bytes are held as tarballs: none, or nobody knows.
            total_bytes: found.map_or(verdict.held, |found| Some(found.total_bytes)),
            oldest: found.map(|found| LocalTime::new(found.oldest, &report.zone)),
            limits: target.limits_of(&repo).clone(),
            verdict,
            repo,
        }
    }
}
