//! What a mail looks like.

use std::fs;
use std::process::Command;

use serde_json::{Value, json};
use testbed::alertmanager::{self, Kind};

use crate::Files;

/// An alert as a template sees it.
fn alert(status: &str, name: &str, labels: &Value, annotations: &Value) -> Value {
    let mut labels = labels.clone();
    labels["alertname"] = json!(name);
    json!({
        "status": status, "labels": labels, "annotations": annotations, "generatorURL": "", "fingerprint": "f",
        "startsAt": "2026-11-22T03:10:00Z",
        "endsAt": if status == "resolved" { "2026-11-22T09:40:00Z" } else { "0001-01-01T00:00:00Z" },
    })
}

/// One about a repo of hub C2, as the rules word it.
fn about(status: &str, repo: &str) -> Value {
    let labels = json!({"hub": "C2", "node": "H1", "repo": repo, "severity": "critical"});
    let annotations = json!({
        "summary": format!("{repo} on H1 too old"),
        "description": format!("The newest backup of {repo} (hub C2) on node H1 is 12d 3h old, past its limit of 1d 2h."),
        "runbook_url": "alerts/runbooks/ScmBackupTooOld.md",
        "dashboard": "d/scm-backup-hub?var-hub=C2",
        "age": "12d 3h", "size": "1.425 GiB", "previous_size": "1.423 GiB", "held": "7",
        "nodes": "C: 6 ok, 2 alarm; H1: 8 alarm",
        "report_url": "http://report.example.org/cms01/", "message": "a remark & more",
    });
    alert(status, "ScmBackupTooOld", &labels, &annotations)
}

fn notification(hub: &str, alerts: &[Value]) -> Value {
    let group = if hub.is_empty() { json!({}) } else { json!({ "hub": hub }) };
    json!({
        "receiver": "r", "status": "firing", "alerts": alerts, "groupLabels": group, "commonLabels": {},
        "commonAnnotations": {}, "externalURL": "http://alertmanager",
    })
}

/// Subject, text and HTML of a notification's mail.
#[track_caller]
fn mail(templates: &[&str], data: &Value) -> [String; 3] {
    let files = Files::hubs(&[("A", "a@example.org")]);
    let path = files.templates(templates);
    [("subject", Kind::Text), ("text", Kind::Text), ("html", Kind::Html)]
        .map(|(name, kind)| alertmanager::render(&path, &format!("scm_backup.{name}"), kind, data).unwrap())
}

#[test]
fn mail_tells_hub_conclusion_ages_sizes_and_what_to_do() {
    let missing = alert(
        "firing",
        "ScmBackupMissing",
        &json!({"hub": "C2", "node": "C", "repo": "tracs/x", "severity": "warning"}),
        &json!({"summary": "tracs/x on C missing", "description": "None is held."}),
    );
    let links = [
        "--mail.grafana-url=https://grafana.example.org/",
        "--mail.documentation-url=https://doc.example.org/x",
    ];
    // The warning comes first, and is told last.
    let [subject, text, html] = mail(&links, &notification("C2", &[missing, about("firing", "tracs/env")]));
    assert_eq!(
        subject,
        "[scm-backup] hub C2: 1 alarm, 1 warning (tracs/env on H1 too old, tracs/x on C missing)"
    );
    assert_eq!(
        text,
        "hub C2: 1 alarm, 1 warning
On node C: 6 ok, 2 alarm; H1: 8 alarm
a remark & more

state  what                                                age         size
ALARM  tracs/env on H1 too old                          12d 3h    1.425 GiB
warn   tracs/x on C missing                                  -            -

ALARM: tracs/env on H1 too old
  The newest backup of tracs/env (hub C2) on node H1 is 12d 3h old, past its
  limit of 1d 2h.
  newest: 1.425 GiB (before: up to 1.423 GiB), 12d 3h old, 7 held
  since 2026-11-22 03:10 UTC
  look:  scm-backup-exporter probe C2 H1
  to do: https://doc.example.org/x/alerts/runbooks/ScmBackupTooOld.md

warn: tracs/x on C missing
  None is held.
  since 2026-11-22 03:10 UTC
  look:  scm-backup-exporter probe C2 C

Dashboard: https://grafana.example.org/d/scm-backup-hub?var-hub=C2
Report:    http://report.example.org/cms01/
"
    );
    for part in [
        "<a href=\"https://grafana.example.org/d/scm-backup-hub?var-hub=C2\"",
        "<a href=\"https://doc.example.org/x/alerts/runbooks/ScmBackupTooOld.md\"",
        "<a href=\"http://report.example.org/cms01/\"",
        "a remark &amp; more",
        ">12d 3h</td>",
        ">1.425 GiB</td>",
        "scm-backup-exporter probe C2 H1</code>",
    ] {
        assert!(html.contains(part), "no {part} in:\n{html}");
    }
}

#[test]
fn mail_names_no_grafana_where_none_is_given() {
    let [_, text, html] = mail(&[], &notification("C2", &[about("firing", "tracs/env")]));
    for part in [&text, &html] {
        assert!(
            !part.contains("Grafana") && !part.contains("Dashboard") && !part.contains("d/scm"),
            "{part}"
        );
        assert!(part.contains("http://report.example.org/cms01/"), "{part}");
    }
}

#[test]
fn resolved_mail_says_so_and_tells_no_age_of_then() {
    let [subject, text, html] = mail(&[], &notification("C2", &[about("resolved", "tracs/env")]));
    assert_eq!(subject, "[scm-backup] hub C2: resolved (tracs/env on H1 too old)");
    assert!(text.contains("All of it is over:\n\nresolved: tracs/env on H1 too old\n  since 2026-11-22 03:10 UTC, until 2026-11-22 09:40 UTC\n"), "{text}");
    for part in [&text, &html] {
        assert!(!part.contains("12d") && !part.contains("8 alarm") && part.contains("resolved"), "{part}");
    }
    let both = notification("C2", &[about("firing", "svn/env"), about("resolved", "tracs/env")]);
    let [subject, text, _] = mail(&[], &both);
    assert_eq!(subject, "[scm-backup] hub C2: 1 alarm (svn/env on H1 too old)");
    assert!(text.contains("\n\nNo longer so:\n\nresolved: tracs/env on H1 too old\n"), "{text}");
}

#[test]
fn subject_of_many_alerts_stays_short_and_one_line() {
    let many: Vec<Value> =
        (0..60).map(|nth| about("firing", &format!("tracs/a\nrather\tlong-name-{nth}"))).collect();
    let [subject, text, _] = mail(&[], &notification(&format!("hub\r\n{}", "x".repeat(80)), &many));
    assert!(subject.chars().count() <= 160 && !subject.contains(char::is_control), "{subject:?}");
    let [subject, ..] = mail(&[], &notification("C2", &many));
    assert!(
        subject.starts_with("[scm-backup] hub C2: 60 alarms (tracs/a rather long-name-0 on H1 too old, ")
    );
    assert!(subject.ends_with("…)") && subject.chars().count() <= 120, "{subject:?}");
    let longest = text.lines().map(|line| line.chars().count()).max().unwrap();
    assert!(longest <= 78 + "hub ".len(), "{longest} columns:\n{text}");
}

#[test]
fn labels_are_escaped_in_html_and_quoted_in_the_command() {
    let labels = json!({"hub": "a\"b", "node": "it's", "repo": "<script>x</script>", "severity": "critical"});
    let annotations = json!({
        "summary": "<script>x</script> on it's missing",
        "description": "<img src=x onerror=y>",
        "report_url": "javascript:alert(1)",
        "message": "{{ .Labels }}</p><script>",
        "nodes": "<b>",
    });
    let data =
        notification("<script>x</script>", &[alert("firing", "ScmBackupMissing", &labels, &annotations)]);
    let [_, text, html] = mail(&[], &data);
    for bad in ["<script", "<img", "<b>on", "<b></p>", "javascript:alert"] {
        assert!(!html.contains(bad), "{bad} in:\n{html}");
    }
    assert!(html.contains("&lt;script&gt;x&lt;/script&gt; on it&#39;s missing"), "{html}");
    assert!(text.contains("  look:  scm-backup-exporter probe 'a\"b' 'it'\\''s'\n"), "{text}");
}

#[test]
fn alert_without_hub_severity_or_annotations_is_still_told() {
    let data = notification("", &[alert("firing", "Odd", &json!({}), &json!({}))]);
    let [subject, text, html] = mail(&[], &data);
    assert_eq!(subject, "[scm-backup] the monitoring itself: 1 warning (Odd)");
    assert!(
        text.contains("\nwarn   Odd  ") && text.contains("look:  scm-backup-exporter check --live\n"),
        "{text}"
    );
    for part in [subject, text, html] {
        assert!(!part.contains("no value") && !part.contains("nil"), "{part}");
    }
}

#[test]
fn sign_of_life_is_no_alarm() {
    let annotations = json!({
        "description": "This mail comes once a week.", "summary": "s", "nodes": "C (hub C2): 6 ok",
        "dashboard": "d/scm-backup-hubs",
    });
    let data = notification(
        "",
        &[alert("firing", "ScmBackupHeartbeat", &json!({"severity": "none"}), &annotations)],
    );
    let [subject, text, html] = mail(&[], &data);
    assert_eq!(subject, "[scm-backup] the backups are being watched: the weekly sign of life");
    assert_eq!(
        text,
        "The backups are being watched.\n\nThis mail comes once a week.\nOn node C (hub C2): 6 ok\n\n"
    );
    assert!(html.contains("This mail comes once a week.") && !html.contains("warning"), "{html}");
}

/// How wide a page is that is shown in a window of this width: more than that means scrolling sideways.
fn width_in_browser(html: &str, window: u32) -> u32 {
    let directory = tempfile::tempdir().unwrap();
    let page = directory.path().join("page.html");
    let source = json!(html).to_string().replace('<', "\\u003c");
    let script = format!(
        "<body><script>
        const frame = document.createElement('iframe');
        frame.width = {window}; frame.height = 600; frame.srcdoc = {source};
        frame.onload = () => document.title = 'width ' + frame.contentDocument.documentElement.scrollWidth + '.';
        document.body.append(frame);
        </script></body>"
    );
    fs::write(&page, script).unwrap();
    let mut chromium = Command::new(testbed::tool::find("chromium").unwrap());
    chromium.args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]);
    chromium.args(["--disable-background-networking", "--disable-component-update", "--disable-sync"]);
    chromium.arg(format!("--user-data-dir={}", directory.path().join("profile").display()));
    // Chromium leaves files in the temporary directory; so it has one that goes with it.
    chromium.env("TMPDIR", directory.path());
    let output = chromium.arg("--dump-dom").arg(format!("file://{}", page.display())).output().unwrap();
    let dom = String::from_utf8_lossy(&output.stdout);
    let width = dom.split_once("width ").and_then(|(_, rest)| rest.split_once('.')).map(|(width, _)| width);
    width.and_then(|width| width.parse().ok()).unwrap_or_else(|| panic!("{output:?}"))
}

#[test]
fn html_mail_fits_a_phone_and_a_screen() {
    let long =
        "tracs/a-very-long-name-that-has-no-space-anywhere-in-it-and-no-end-either-as-far-as-one-can-see";
    let alerts = [about("firing", "repos/aberdeen"), about("firing", long), about("resolved", long)];
    let [_, _, html] = mail(&[], &notification("C2", &alerts));
    assert!(width_in_browser(&html, 380) <= 380);
    assert!(width_in_browser(&html, 1200) <= 1200);
    // The measure itself.
    assert!(width_in_browser(&html.replace("overflow-wrap:anywhere", "white-space:nowrap"), 380) > 380);
}
