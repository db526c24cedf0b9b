//! The verdict in the program and the rules, held together.

use jiff::Timestamp;
use scm_backup_exporter::inventory::Target;
use scm_backup_exporter::report::Report;
use scm_backup_exporter::verdict::{self, Note};
use serde_json::json;

use super::rules;

/// Alerts of a repo that follow from a report alone, and so have their place in the verdict; `ScmBackupNodeBehind` compares
/// several reports.
const OF_VERDICT: [&str; 8] =
    ["TooOld", "Missing", "Empty", "Unverified", "Shrunk", "TooFew", "TooMany", "StampInFuture"];

/// Alerts of a node that follow from a report alone. `ScmBackupListingIncomplete` follows from how the last probe went.
const OF_NOTES: [&str; 3] = ["NothingHeld", "LockStale", "ClockOff"];

/// The alert that says what a note says. A new note does not compile until it is thought of.
fn alert_of(note: &Note) -> Option<&'static str> {
    match note {
        Note::NoTarballs => Some("NothingHeld"),
        Note::StaleLock { .. } | Note::FutureLock { .. } => Some("LockStale"),
        Note::ClockOff { .. } => Some("ClockOff"),
        Note::Inflated { .. } | Note::Incomplete { .. } | Note::ZoneShift { .. } | Note::Rejects { .. } => {
            None
        }
    }
}

/// What the verdict notes of a node, as series with these labels: 1 under the names of alerts that are to fire, 0 under the
/// others'. No exposition has that.
pub(crate) fn noted(target: &Target, report: &Report, now: Timestamp, own: &str) -> Vec<(String, f64)> {
    let notes = verdict::judge(target, report, now).notes;
    let noted = |alert: &str| notes.iter().any(|note| alert_of(note) == Some(alert));
    let (hub, node) = (&target.hub, &target.node);
    let of_alert = |alert: &str| {
        let series = format!("test:noted{{{own},hub=\"{hub}\",node=\"{node}\",alert=\"{alert}\"}}");
        (series, f64::from(u8::from(noted(alert))))
    };
    // Of a listing that is incomplete the rules remember what was known.
    let known = |alert: &&str| *alert != "NothingHeld" || report.unreadable == 0;
    OF_NOTES.into_iter().filter(known).map(of_alert).collect()
}

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
    let of_notes = OF_NOTES.map(|name| {
        let is_of = |rule: &&rules::Rule| rule.name().trim_start_matches("ScmBackup") == name;
        let expr = alerts.iter().find(is_of).unwrap().expr.trim();
        let noted = format!(
            "max by (hub, node) (test:noted{{alert=\"{name}\"}} \
             and on (hub, node, instance, job) node:scm_backup_freshest)"
        );
        format!(
            "or ({noted} == 1 unless on (hub, node) ({expr})) or ({noted} == 0 and on (hub, node) ({expr}))"
        )
    });
    let rules = [
        ("test:alarm", format!("({}) {carried}", of("critical"))),
        ("test:warn", format!("({}) {carried} or ({not_seen})", of("warning"))),
        ("test:status", status.to_owned()),
        (
            DIFFERENCE,
            format!(
                "(test:status == 2 unless on (hub, node, repo) test:alarm)
             or (test:status < 2 and on (hub, node, repo) test:alarm)
             or (test:status == 1 unless on (hub, node, repo) test:warn)
             or (test:status == 0 and on (hub, node, repo) test:warn)
             or ((test:alarm or test:warn) unless on (hub, node, repo) test:status) {}",
                of_notes.join(" ")
            ),
        ),
    ];
    let rules: Vec<_> = rules.iter().map(|(name, expr)| json!({"record": name, "expr": expr})).collect();
    json!({"groups": [{"name": "test", "rules": rules}]}).to_string()
}
