//! The verdict in the program and the rules, held together.

use serde_json::json;

use super::rules;

/// Alerts of a repo that follow from a report alone, and so have their place in the verdict; `ScmBackupNodeBehind` compares
/// several reports.
const OF_VERDICT: [&str; 8] =
    ["TooOld", "Missing", "Empty", "Unverified", "Shrunk", "TooFew", "TooMany", "StampInFuture"];

/// What has a sample only where the verdict and the rules, without their `for`, differ.
pub(crate) const DIFFERENCE: &str = "test:difference";

/// Rules that record [`DIFFERENCE`].
pub(crate) fn rule_file() -> String {
    let alerts = rules::alerts();
    let of = |severity: &str| {
        let is_of = |rule: &&rules::Rule| {
            let name = rule.name().trim_start_matches("ScmBackup");
            OF_VERDICT.contains(&name) && rule.severity() == severity
        };
        let all: Vec<String> =
            alerts.iter().filter(is_of).map(|rule| format!("({})", rule.expr.trim())).collect();
        assert!(all.len() >= 4);
        all.join(" or ")
    };
    // Of repos that are not in the report the rules remember what was known; the verdict says that they were not seen.
    let carried = "unless on (hub, node, repo) repo:scm_backup_carried";
    let not_seen = "max by (hub, node, repo) (scm_backup_repo_expected) == 1 \
                    unless on (hub, node, repo) scm_backup_tarballs";
    let status = "max by (hub, node, repo) (scm_backup_repo_status \
                  and on (hub, node, instance, job) node:scm_backup_freshest)";
    let rules = [
        ("test:alarm", format!("({}) {carried}", of("critical"))),
        ("test:warn", format!("({}) {carried} or ({not_seen})", of("warning"))),
        ("test:status", status.to_owned()),
        (
            DIFFERENCE,
            "(test:status == 2 unless on (hub, node, repo) test:alarm)
             or (test:status < 2 and on (hub, node, repo) test:alarm)
             or (test:status == 1 unless on (hub, node, repo) test:warn)
             or (test:status == 0 and on (hub, node, repo) test:warn)
             or ((test:alarm or test:warn) unless on (hub, node, repo) test:status)"
                .to_owned(),
        ),
    ];
    let rules: Vec<_> = rules.iter().map(|(name, expr)| json!({"record": name, "expr": expr})).collect();
    json!({"groups": [{"name": "test", "rules": rules}]}).to_string()
}
