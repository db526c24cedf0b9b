//! `check`: checks the configuration, and with `--live` the nodes.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use jiff::Timestamp;

use super::probe_once::probe_once;
use crate::advice;
use crate::config::{self, Loaded};
use crate::human::{Counted, Took};
use crate::inventory::Inventory;
use crate::probe::{Scope, TargetState, local_files};
use crate::verdict::{self, NodeProblem, Status};

/// Prints every fault and warning; with `live`, every node's result too.
pub(super) fn run(files: &[PathBuf], live: bool) -> ExitCode {
    let outcome = super::load(files);
    let mut seen = match &outcome {
        Ok(loaded) => local_files::warnings(&loaded.inventory),
        Err(_) => Vec::new(),
    };
    if live {
        seen.extend(as_root());
    }
    let printed = super::print(config::check_text(&outcome, &seen).as_bytes());
    match outcome {
        Err(_) => {
            super::say_how_to_begin(files);
            ExitCode::FAILURE
        }
        Ok(Loaded { inventory, .. }) if live => check_nodes(inventory),
        Ok(_) => printed,
    }
}

/// Warns that root's key is not the exporter's, which runs as a user of its own.
fn as_root() -> Option<String> {
    rustix::process::geteuid().is_root().then(|| {
        "running as root: this check uses root's keys, known_hosts and ssh configuration (/root/.ssh); to test the exporter's own, run it as the exporter's user: su - scm-backup-exporter"
            .to_owned()
    })
}

fn check_nodes(inventory: Inventory) -> ExitCode {
    let target_states = match probe_once(inventory, &Scope::All) {
        Ok(snapshot) => snapshot.target_states,
        Err(error) => return super::fail(error, 1),
    };
    let now = Timestamp::now();
    let mut text = String::from("\n");
    let said = target_states.iter().filter_map(|target_state| describe(&mut text, target_state, now)).max();
    text.push_str(&conclusion(&target_states, said));
    let printed = super::print(text.as_bytes());
    if target_states.iter().all(is_complete) { printed } else { ExitCode::FAILURE }
}

/// The last line. It is about listings only, so it mentions the worst status above for readers of this line alone.
fn conclusion(target_states: &[TargetState], said: Option<Status>) -> String {
    let above = match said {
        Some(Status::Alarm) => Some("there is an alarm above"),
        Some(Status::Warn) => Some("there is a warning above"),
        Some(Status::Ok) | None => None,
    };
    let all = Counted(target_states.len() as u64, "target");
    let (listings, joined) =
        match target_states.iter().filter(|target_state| !is_complete(target_state)).count() {
            0 => ("ok: every target gave a complete listing".to_owned(), "but"),
            failed => (format!("not ok: {failed} of {all} gave no complete listing"), "and"),
        };
    match above {
        Some(above) => format!("{listings}; {joined} {above}\n"),
        None => format!("{listings}\n"),
    }
}

fn is_complete(target_state: &TargetState) -> bool {
    target_state.last.as_ref().is_some_and(|last| last.failure.is_none())
}

/// Describes the result of one target and what to do about a failure. Returns the status of its report.
fn describe(text: &mut String, target_state: &TargetState, now: Timestamp) -> Option<Status> {
    let target = &target_state.target;
    // Writing to a String cannot fail.
    let _ = writeln!(text, "hub {} on node {} ({}):", target.hub, target.node, target.connection);
    if let Some(last) = &target_state.last {
        if let Some(failure) = &last.failure {
            let _ = writeln!(text, "  {}: {failure}", failure.reason());
            let _ = writeln!(text, "  to do: {}", advice::of_cause(failure, target));
        }
        let list = last.timings.list.map(|list| format!(", listing took {}", Took(list)));
        let connect = Took(last.timings.connect);
        let _ = writeln!(text, "  connecting took {connect}{}", list.unwrap_or_default());
    }
    let report = target_state.report.as_ref()?;
    let held: u64 = report.repos.values().map(|found| found.count).sum();
    let others = match report.records.saturating_sub(held) {
        others if others > 0 && target.expected.is_some() => {
            format!(", beside {others} of repos that are not in `select`")
        }
        _ => String::new(),
    };
    let (tarballs, repos) = (Counted(held, "tarball"), Counted(report.repos.len() as u64, "repo"));
    let _ = writeln!(
        text,
        "  {} holds {tarballs} of {repos}{others} (listed with {})",
        report.root,
        report.method.as_str()
    );
    let verdict = verdict::judge(target, report, now);
    for problem in &verdict.problems {
        match problem {
            NodeProblem::Rejects { .. } => {
                let _ = writeln!(text, "  note: {problem}, the first: {}", report.rejects.first.join("; "));
            }
            problem => {
                let _ = writeln!(text, "  {}: {problem}", problem.status());
            }
        }
    }
    for (repo, said) in verdict.repos.iter().filter(|(_, said)| !said.problems.is_empty()) {
        let _ = writeln!(text, "  {}: {repo}: {}", said.status, said.words().join("; "));
    }
    Some(verdict.status)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::inventory::{Repo, Target};
    use crate::probe::ProbeResult;
    use crate::probe::failure::Cause;
    use crate::probe::ssh::Timings;
    use crate::report::samples::{HOUR, TAKEN, at, healthy, report, target};
    use crate::report::{Rejects, Report};

    #[test]
    fn last_line_of_complete_listings_tells_of_an_alarm_too() {
        let last = ProbeResult { ended: at(TAKEN), failure: None, timings: Timings::default() };
        let said = |days: i64| {
            let found = report([("svn/env", healthy())]);
            let target_state = TargetState {
                report: Some(Arc::new(found)),
                last: Some(last.clone()),
                ..TargetState::new(Arc::new(target()))
            };
            let status = describe(&mut String::new(), &target_state, at(TAKEN + days * 24 * HOUR));
            conclusion(&[target_state], status)
        };
        assert_eq!(said(0), "ok: every target gave a complete listing\n");
        assert_eq!(said(2), "ok: every target gave a complete listing; but there is an alarm above\n");
    }

    #[test]
    fn last_line_of_failures_joins_an_alarm_to_them() {
        let last = |failure| Some(ProbeResult { ended: at(TAKEN), failure, timings: Timings::default() });
        let target = Arc::new(target());
        let failed =
            TargetState { last: last(Some(Cause::ConnectionLost)), ..TargetState::new(target.clone()) };
        let said = |target_states: &[TargetState], status| conclusion(target_states, status);
        let (one, both) = (std::slice::from_ref(&failed), [failed.clone(), failed.clone()]);
        assert_eq!(said(one, None), "not ok: 1 of 1 target gave no complete listing\n");
        assert_eq!(
            said(&both, Some(Status::Alarm)),
            "not ok: 2 of 2 targets gave no complete listing; and there is an alarm above\n"
        );
    }

    #[test]
    fn tarballs_of_repos_that_are_not_selected_are_told_apart() {
        let target = Target { expected: Some([Repo::from_label("svn/env")].into()), ..target() };
        let report = Report {
            records: 3000,
            rejects: Rejects { count: 2, first: vec!["svn/x: not a tarball".into()] },
            ..report([("svn/env", healthy())])
        };
        let target_state =
            TargetState { report: Some(Arc::new(report)), ..TargetState::new(Arc::new(target)) };
        let mut text = String::new();
        describe(&mut text, &target_state, at(TAKEN));
        assert_eq!(
            text,
            "hub C2 on node C (C):\n  \
             /data/backup/cms02 holds 7 tarballs of 1 repo, beside 2993 of repos that are not in `select` (listed with printf)\n  \
             note: 2 names do not fit the layout, the first: svn/x: not a tarball\n"
        );
    }
}
