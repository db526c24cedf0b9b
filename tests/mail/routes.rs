//! Who gets mail about what.

use std::fs;

use testbed::alertmanager::{check_config, receivers};

use crate::Files;

/// Names that a configuration file, a matcher or a template could trip over.
const ODD_HUBS: [&str; 9] = ["C2", "a\"b", "{{x}}", "a'b", "日本", "a~b", "{a}", "a#b", "*&!%|>@`"];

/// One alert of each kind: with a repo, with a node, with a hub only.
const ALERTS: [&str; 3] = ["ScmBackupTooOld", "ScmBackupNodeUnreachable", "ScmBackupLockStale"];

#[test]
fn hub_of_any_name_gets_its_own_mail_and_no_other() {
    let hubs: Vec<(&str, String)> =
        ODD_HUBS.iter().zip(1..).map(|(hub, nth)| (*hub, format!("h{nth}@example.org"))).collect();
    let named: Vec<(&str, &str)> = hubs.iter().map(|(hub, email)| (*hub, email.as_str())).collect();
    let files = Files::hubs(&named);
    let (config, warnings) = files.printed(&[]);
    assert_eq!(warnings, "");
    for (hub, email) in &hubs {
        for alert in ALERTS {
            let labels = [("alertname", alert), ("hub", *hub), ("node", "N1"), ("severity", "critical")];
            assert_eq!(receivers(&config, &labels).unwrap(), format!("scm-backup hub {hub}"));
        }
        assert_eq!(fs::read_to_string(&config).unwrap().matches(email.as_str()).count(), 3, "{email}");
    }
    let of = |labels: &[(&str, &str)]| receivers(&config, labels).unwrap();
    assert_eq!(of(&[("alertname", "ScmBackupExporterAbsent")]), "scm-backup default");
    assert_eq!(of(&[("alertname", "ScmBackupTooOld"), ("hub", "C")]), "scm-backup default");
    assert_eq!(of(&[("alertname", "ScmBackupHeartbeat")]), "scm-backup heartbeat");
    assert_eq!(of(&[("alertname", "Another"), ("hub", "C2")]), "scm-backup default");
}

#[test]
fn two_hubs_with_one_address_have_a_receiver_each() {
    let files = Files::hubs(&[("A", "a@example.org"), ("B", "a@example.org b@example.org")]);
    let (config, _) = files.printed(&[]);
    let of = |hub| receivers(&config, &[("alertname", "ScmBackupMissing"), ("hub", hub)]).unwrap();
    assert_eq!((of("A"), of("B")), ("scm-backup hub A".into(), "scm-backup hub B".into()));
    let text = fs::read_to_string(&config).unwrap();
    // Its hubs', and once each as default and for the sign of life.
    assert_eq!(text.matches("to: a@example.org").count(), 4, "{text}");
    assert_eq!(text.matches("to: b@example.org").count(), 3, "{text}");
}

#[test]
fn address_that_a_hub_names_twice_gets_each_mail_once() {
    let files = Files::hubs(&[("A", "a@example.org b@example.org a@example.org")]);
    let text = fs::read_to_string(files.printed(&[]).0).unwrap();
    // Its hub's, as default and for the sign of life.
    assert_eq!(text.matches("to: a@example.org").count(), 3, "{text}");
}

#[test]
fn hub_without_addresses_goes_to_the_default_and_a_warning_says_so() {
    let files = Files::hubs(&[("A", "a@example.org"), ("B", "")]);
    let arguments = ["--mail.default-to=d@example.org", "--mail.default-to=d@example.org"];
    let (config, warnings) = files.printed(&arguments);
    assert_eq!(
        warnings,
        "warning: hub B has no `email`: its mail goes to the default receiver (d@example.org)\n"
    );
    assert_eq!(
        receivers(&config, &[("alertname", "ScmBackupMissing"), ("hub", "B")]).unwrap(),
        "scm-backup default"
    );
    let text = fs::read_to_string(&config).unwrap();
    assert_eq!(text.matches("to: d@example.org").count(), 2, "named twice, one mail each:\n{text}");
}

#[test]
fn without_any_address_there_is_no_configuration() {
    let files = Files::hubs(&[("A", "")]);
    let said = files.refused(&[]);
    assert!(said.starts_with("error: nobody would receive mail: set `email`"), "{said}");
}

#[test]
fn login_goes_by_a_file_and_tls_is_on_unless_switched_off() {
    let files = Files::hubs(&[("A", "a@example.org")]);
    let login = ["--smtp.auth-username=us{{er", "--smtp.auth-password-file=/etc/smtp.password"];
    let (config, _) = files.printed(&login);
    let text = fs::read_to_string(&config).unwrap();
    assert!(text.contains("smtp_auth_password_file: /etc/smtp.password\n"), "{text}");
    assert!(text.contains("smtp_require_tls: true\n"), "{text}");
    let (config, _) = files.printed(&["--smtp.require-tls=false"]);
    assert!(fs::read_to_string(config).unwrap().contains("smtp_require_tls: false\n"));
    assert!(files.refused(&login[..1]).contains("need each other"));
}

#[test]
fn addresses_and_servers_that_are_none_are_refused() {
    let files = Files::hubs(&[("A", "a@example.org")]);
    for bad in ["nobody", "a b@c", "a@b@c", "a..b@c", "A <a@b>", "a@b,c@d", "a@b\nTo: c@d"] {
        let default = format!("--mail.default-to={bad}");
        assert!(files.refused(&[&default]).contains("is not a mail address"), "{bad}");
        let from = ["--smtp.smarthost=localhost:25", "--smtp.from", bad];
        let output = files.run(&from);
        assert_eq!(output.status.code(), Some(64), "{bad}");
    }
    for bad in ["localhost", "localhost:", "localhost:0", ":25", "a:b:25", "[::1:25", "a b:25", "a:99999"] {
        let output = files.run(&["--smtp.from=a@b", "--smtp.smarthost", bad]);
        assert_eq!(output.status.code(), Some(64), "{bad}");
    }
    let (_, _) = files.printed(&["--mail.default-to=x{{y@example.org"]);
    let (_, _) = Files::hubs(&[("A", "ü{{x}}@example.org")]).printed(&[]);
}

#[test]
fn server_by_its_ipv6_address_is_accepted_by_alertmanager() {
    let files = Files::hubs(&[("A", "a@example.org")]);
    let output = files.run(&["--smtp.from=a@b", "--smtp.smarthost=[::1]:25"]);
    let path = files.path("alertmanager.yml");
    fs::write(&path, &output.stdout).unwrap();
    check_config(&path).unwrap();
}

#[test]
fn address_of_links_is_that_of_a_page() {
    let files = Files::hubs(&[("A", "a@example.org")]);
    for bad in ["grafana", "javascript:alert(1)", "ftp://x", "http://x y"] {
        let output = files.run(&["--templates", "--mail.grafana-url", bad]);
        assert_eq!(output.status.code(), Some(64), "{bad}");
    }
}
