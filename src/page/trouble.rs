//! What is wrong with a node's repos, in few words, and what to type next.

use crate::inventory::Target;
use crate::probe::ssh;
use crate::table::{RepoView, ReportView};
use crate::verdict::Status;

/// Repos that are named before "and more".
const NAMED: usize = 3;

/// Repos of one node that have the same thing the matter with them.
#[derive(Debug)]
pub(super) struct Trouble {
    pub(super) status: Status,
    /// Which: a few by name.
    pub(super) repos: String,
    /// What is the matter with the first of them.
    pub(super) text: String,
    /// What to do.
    pub(super) say: &'static str,
    /// What to type for it, where something can be typed.
    pub(super) command: Option<String>,
}

/// Whether something is to be typed on a node.
pub(super) fn has_commands(troubles: &[Trouble]) -> bool {
    troubles.iter().any(|trouble| trouble.command.is_some())
}

/// The troubles of a node, worst first.
pub(super) fn troubles(target: &Target, report: &ReportView) -> Vec<Trouble> {
    let mut groups: Vec<(&'static str, Status, Vec<&RepoView>)> = Vec::new();
    for repo in report.repos.iter().filter(|repo| repo.status > Status::Ok) {
        let Some(worst) = repo.why.first() else { continue };
        match groups.iter_mut().find(|(word, status, _)| (*word, *status) == (worst.word, worst.status)) {
            Some((_, _, repos)) => repos.push(repo),
            None => groups.push((worst.word, worst.status, vec![repo])),
        }
    }
    groups
        .into_iter()
        .map(|(word, status, repos)| Trouble {
            status,
            text: text(&repos),
            say: say(word),
            command: command(word, target, report, repos[0]),
            repos: names(&repos),
        })
        .collect()
}

/// What is the matter with the first of them; with its name where it is not quite the same with the others.
fn text(repos: &[&RepoView]) -> String {
    let mut texts = repos.iter().filter_map(|repo| repo.why.first()).map(|worst| worst.text.as_str());
    let first = texts.next().unwrap_or_default();
    if texts.all(|text| text == first) { first.to_owned() } else { format!("{first} ({})", repos[0].repo) }
}

fn names(repos: &[&RepoView]) -> String {
    let first: Vec<&str> = repos.iter().take(NAMED).map(|repo| repo.repo.as_str()).collect();
    match repos.len().saturating_sub(NAMED) {
        0 => first.join(", "),
        more => format!("{} and {more} more", first.join(", ")),
    }
}

fn say(word: &str) -> &'static str {
    match word {
        "missing" => {
            "See what the node holds; if it is not there, see whether the hub still makes and sends it."
        }
        "too_old" => {
            "See what came last; then see on the hub why nothing was sent since: its nightly job, the transfer, room on the node."
        }
        "empty" | "no_sidecar" | "contradicted" | "garbled" => {
            "Look at the newest and its sidecar; if the transfer was cut, send it again from the hub."
        }
        "shrunk" => {
            "Compare the newest with those before it; if it was cut, make and send it again; if it is right, three more such nights settle it."
        }
        "too_few" => "See on the node whether something removed older ones.",
        "too_many" => "See why nothing purges the older ones any more.",
        "future" => "See whether the hub's clock and its `timezone` here are right.",
        _ => "Let the login user read the whole tree on the node.",
    }
}

/// A look at the place in question. None for names that cannot be typed as they are shown.
fn command(word: &str, target: &Target, report: &ReportView, repo: &RepoView) -> Option<String> {
    let (kind, _) = repo.repo.split_once('/')?;
    // A tarball lies four directories below its repo: year, month, day and time.
    let above = |levels: usize| {
        let path = repo.newest.as_ref()?.path.as_str();
        (0..levels).try_fold(path, |path, _| path.rsplit_once('/').map(|(above, _)| above)).map(str::to_owned)
    };
    let below = match word {
        "missing" => kind.to_owned(),
        "too_old" | "future" => above(3)?,
        "empty" | "no_sidecar" | "contradicted" | "garbled" => above(1)?,
        "shrunk" | "too_few" | "too_many" => repo.repo.clone(),
        _ => return None,
    };
    let list = if matches!(word, "shrunk" | "too_few" | "too_many") { "-lR" } else { "-l" };
    let path = format!("{}/{below}", report.root);
    (!path.contains('\\')).then(|| ssh::by_hand_running(&target.connection, &["ls", list, &path]))
}
