//! How views are written as JSON, whose field names are a promise to programs.

use std::fmt::Display;

use jiff::SignedDuration;
use serde::{Serialize, Serializer};

use super::limits_in_words;
use super::view::Overview;
use crate::inventory::Limits;
use crate::listing::Method;
use crate::verdict::{NodeProblem, RepoProblem, RepoVerdict, Status};

/// The overview as JSON, indented, with the field names of [`Overview`] and what it holds. What is not known is `null`.
///
/// # Errors
/// None that can happen: all keys are strings. A caller that prints it has errors of its own to return anyway.
pub fn json(overview: &Overview) -> serde_json::Result<String> {
    serde_json::to_string_pretty(overview)
}

/// Something that is said of a node or a repo.
#[derive(Serialize)]
struct ProblemJson {
    /// One word for programs, as `too_old`.
    word: &'static str,
    /// How bad it is.
    status: Status,
    /// A line for people.
    text: String,
}

impl From<&RepoProblem> for ProblemJson {
    fn from(problem: &RepoProblem) -> Self {
        Self { word: problem.code(), status: problem.status(), text: problem.to_string() }
    }
}

impl From<&NodeProblem> for ProblemJson {
    fn from(problem: &NodeProblem) -> Self {
        Self { word: problem.code(), status: problem.status(), text: problem.to_string() }
    }
}

pub(super) fn node_problems<S: Serializer>(problems: &[NodeProblem], to: S) -> Result<S::Ok, S::Error> {
    to.collect_seq(problems.iter().map(ProblemJson::from))
}

/// What is said of a repo.
pub(super) fn repo_verdict<S: Serializer>(verdict: &RepoVerdict, to: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Json {
        status: Status,
        /// The reasons, worst first.
        why: Vec<ProblemJson>,
        /// Whether the newest is excused because it is in transfer.
        in_transfer: bool,
    }
    let RepoVerdict { status, problems, in_transfer, held: _ } = verdict;
    let why = problems.iter().map(ProblemJson::from).collect();
    Json { status: *status, why, in_transfer: *in_transfer }.serialize(to)
}

/// Limits; `null`: switched off.
pub(super) fn limits<S: Serializer>(limits: &Limits, to: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Json {
        max_age_seconds: Option<f64>,
        min_tarballs: Option<u64>,
        max_tarballs: Option<u64>,
        min_size_ratio: Option<f64>,
        /// The same in words.
        text: String,
    }
    Json {
        max_age_seconds: limits.max_age.map(|age| age.as_secs_f64()),
        min_tarballs: limits.min_tarballs,
        max_tarballs: limits.max_tarballs,
        min_size_ratio: limits.min_size_ratio,
        text: limits_in_words(limits),
    }
    .serialize(to)
}

pub(super) fn seconds<S: Serializer>(span: &SignedDuration, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_f64(span.as_secs_f64())
}

pub(super) fn method<S: Serializer>(method: &Method, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(method.as_str())
}

/// As it is shown.
pub(super) fn display<S: Serializer>(value: &impl Display, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(value)
}
