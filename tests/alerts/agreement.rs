//! The verdict in the program and the rules, held together.

use super::rules;

/// Alerts of a repo that follow from a report alone, and so have their place in the verdict; `ScmBackupNodeBehind` compares
/// several reports.
const OF_VERDICT: [&str; 8] = ["TooOld", "Missing", "Empty", "Unverified", "Shrunk", "TooFew", "TooMany", "StampInFuture"];

/// Expressions that have a sample only where the verdict and the rules differ.
pub(crate) fn differences() -> Vec<String> {
    let status = "max by (hub, node, repo) (scm_backup_repo_status \
                  and on (hub, node, instance, job) node:scm_backup_freshest)";
    let of = |severity: &str| {
        let alerts = rules::alerts();
        let is_of = |rule: &&rules::Rule| {
            let name = rule.name().trim_start_matches("ScmBackup");
            OF_VERDICT.contains(&name) && rule.severity() == severity
        };
        let all: Vec<String> = alerts.iter().filter(is_of).map(|rule| format!("({})", rule.expr.trim())).collect();
        assert!(all.len() >= 4);
        // Of repos that are not in the report the rules remember what was known; the verdict says that they were not seen.
        format!("(({}) unless on (hub, node, repo) repo:scm_backup_carried)", all.join(" or "))
    };
    let (alarm, warn) = (of("critical"), of("warning"));
    let not_seen = "(max by (hub, node, repo) (scm_backup_repo_expected) == 1 \
                    unless on (hub, node, repo) scm_backup_tarballs)";
    vec![
        format!("({status}) == 2 unless on (hub, node, repo) {alarm}"),
        format!("{alarm} and on (hub, node, repo) ({status}) < 2"),
        format!("({status}) == 1 unless on (hub, node, repo) ({warn} or {not_seen})"),
        format!("({warn} or {not_seen}) and on (hub, node, repo) ({status}) == 0"),
        format!("({alarm} or {warn}) unless on (hub, node, repo) ({status})"),
    ]
}
