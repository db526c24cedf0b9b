//! What is wrong with a node's repos, in few words, and what to type next.

use crate::advice;
use crate::inventory::Target;
use crate::probe::ssh;
use crate::table::{NodeView, RepoView, ReportView};
use crate::verdict::{RepoProblem, Status};

/// Repos that are named before "and more".
const NAMED: usize = 3;

/// Repos of one node that have the same thing the matter with them.
#[derive(Debug)]
pub(super) struct ProblemGroup {
    pub(super) status: Status,
    /// Which: a few by name.
    pub(super) repos: String,
    /// What is the matter with the first of them.
    pub(super) text: String,
    /// What to do.
    pub(super) advice: &'static str,
    /// What to type for it, where something can be typed.
    pub(super) command: Option<String>,
}

/// Whether something is to be typed on a node.
pub(super) fn has_commands(problem_groups: &[ProblemGroup]) -> bool {
    problem_groups.iter().any(|group| group.command.is_some())
}

/// The problems of a node, grouped, worst first; none before its first report.
pub(super) fn problem_groups(node: &NodeView) -> Vec<ProblemGroup> {
    let Some(report) = &node.report else { return Vec::new() };
    let target = &node.known.target;
    let mut groups: Vec<(RepoProblem, Vec<&RepoView>)> = Vec::new();
    for repo in report.repos.iter().filter(|repo| repo.verdict.status > Status::Ok) {
        let Some(&worst) = repo.verdict.problems.first() else { continue };
        let alike = |of: &RepoProblem| (of.code(), of.status()) == (worst.code(), worst.status());
        match groups.iter_mut().find(|(problem, _)| alike(problem)) {
            Some((_, repos)) => repos.push(repo),
            None => groups.push((worst, vec![repo])),
        }
    }
    groups
        .into_iter()
        .map(|(problem, repos)| ProblemGroup {
            status: problem.status(),
            text: text(&repos),
            advice: advice::of_repo_problem(&problem),
            command: command(&problem, target, report, repos[0]),
            repos: names(&repos),
        })
        .collect()
}

/// What is the matter with the first of them; with its name where it is not quite the same with the others.
fn text(repos: &[&RepoView]) -> String {
    let mut texts = repos.iter().filter_map(|repo| repo.verdict.problems.first()).map(ToString::to_string);
    let first = texts.next().unwrap_or_default();
    if texts.all(|text| text == first) { first } else { format!("{first} ({})", repos[0].repo) }
}

fn names(repos: &[&RepoView]) -> String {
    let first: Vec<&str> = repos.iter().take(NAMED).map(|repo| repo.repo.as_str()).collect();
    match repos.len().saturating_sub(NAMED) {
        0 => first.join(", "),
        more => format!("{} and {more} more", first.join(", ")),
    }
}

/// A look at the place in question. None for names that cannot be typed as they are shown.
fn command(problem: &RepoProblem, target: &Target, report: &ReportView, repo: &RepoView) -> Option<String> {
    let (kind, _) = repo.repo.as_str().split_once('/')?;
    // A tarball lies four directories below its repo: year, month, day and time.
    let above = |levels: usize| {
        let path = repo.newest.as_ref()?.path.as_str();
        (0..levels).try_fold(path, |path, _| path.rsplit_once('/').map(|(above, _)| above)).map(str::to_owned)
    };
    let (list, below) = match problem {
        RepoProblem::Missing => ("-l", kind.to_owned()),
        RepoProblem::TooOld { .. } | RepoProblem::Future { .. } => ("-l", above(3)?),
        RepoProblem::Empty
        | RepoProblem::NoSidecar
        | RepoProblem::Contradicted { .. }
        | RepoProblem::Garbled => ("-l", above(1)?),
        RepoProblem::Shrunk { .. } | RepoProblem::TooFew { .. } | RepoProblem::TooMany { .. } => {
            ("-lR", repo.repo.to_string())
        }
        RepoProblem::NotSeen { .. } => return None,
    };
    let path = format!("{}/{below}", report.root);
    (!path.contains('\\')).then(|| ssh::manual_command_running(&target.connection, &["ls", list, &path]))
}
