//! What the printed configuration has Alertmanager say to a mail server that asks for TLS and a login.

use std::fs;
use std::path::{Path, PathBuf};

use testbed::smtp::Door;
use testbed::time_scale::{TimeScale, shipped_rules};
use testbed::{Alertmanager, Prometheus, SmtpSink, http, poll};

use crate::Files;

const NAME: &str = "backups";
const PASSWORD: &str = "correct: {{horse}} battery";

/// Files, among them a certificate for the mail server with its key, of an authority that nobody else knows.
struct Mailed {
    files: Files,
    certificate: PathBuf,
    key: PathBuf,
}

impl Mailed {
    fn new() -> Self {
        let files = Files::hubs(&[("A", "a@example.org")]);
        let signed = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        let (certificate, key) = (files.path("cert.pem"), files.path("key.pem"));
        fs::write(&certificate, signed.cert.pem()).unwrap();
        fs::write(&key, signed.signing_key.serialize_pem()).unwrap();
        Self { files, certificate, key }
    }

    fn sink(&self, tls: bool) -> SmtpSink {
        let tls = tls.then_some((self.certificate.as_path(), self.key.as_path()));
        SmtpSink::start_behind(&Door { tls, name: NAME, password: PASSWORD }).unwrap()
    }

    /// Alertmanager with the configuration for this server and this password, in a hurry; and something to mail.
    fn send(&self, sink: &SmtpSink, password: &str, environment: &[(&str, &Path)]) -> Alertmanager {
        let (templates, file) = (self.files.templates(&[]), self.files.path("password"));
        // Without an end of line, which this Alertmanager would take for a part of it.
        fs::write(&file, password).unwrap();
        let output = self.files.run(&[
            "--smtp.from=backup@example.org",
            "--smtp.smarthost",
            &sink.address().to_string(),
            "--smtp.auth-username",
            NAME,
            "--smtp.auth-password-file",
            file.to_str().unwrap(),
            "--mail.templates-file",
            templates.to_str().unwrap(),
        ]);
        let config = String::from_utf8(output.stdout).unwrap();
        let alertmanager =
            Alertmanager::start_with(&TimeScale::TEST.routes(&config).unwrap(), environment).unwrap();
        let labels =
            [("alertname", "ScmBackupTooOld"), ("hub", "A"), ("node", "N1"), ("severity", "critical")];
        alertmanager.tell(&labels).unwrap();
        alertmanager
    }

    /// The environment in which Alertmanager trusts the server.
    fn trust(&self) -> [(&str, &Path); 1] {
        [("SSL_CERT_FILE", &self.certificate)]
    }
}

/// Waits until Alertmanager has counted a mail that it tried in vain, and one that it gave up.
#[track_caller]
fn fails(alertmanager: &Alertmanager) {
    for metric in
        ["alertmanager_notification_requests_failed_total", "alertmanager_notifications_failed_total"]
    {
        let counted = poll::until(&format!("{metric} counts"), || {
            let text = http::get(&alertmanager.url("/metrics"), &[])?.text()?;
            let start = format!("{metric}{{integration=\"email\"}} ");
            let value = text.lines().find_map(|line| line.strip_prefix(&start));
            Ok(value.is_some_and(|value| value != "0").then_some(()))
        });
        counted.unwrap_or_else(|error| panic!("{error:#}\n{}", alertmanager.log()));
    }
}

#[test]
fn mail_goes_out_over_tls_after_a_login() {
    let mailed = Mailed::new();
    let sink = mailed.sink(true);
    let alertmanager = mailed.send(&sink, PASSWORD, &mailed.trust());
    let mail = sink.wait_for("a@example.org", |_| true);
    let mail = mail.unwrap_or_else(|error| panic!("{error:#}\n{}", alertmanager.log()));
    assert_eq!(mail.subject, "[scm-backup] hub A: 1 alarm (ScmBackupTooOld)");
    let steps = ["EHLO in clear", "EHLO in TLS", "AUTH PLAIN by backups accepted in TLS", "MAIL in TLS"];
    assert_eq!(sink.dialogue(), steps);
}

#[test]
fn wrong_password_sends_nothing_and_is_an_alert() {
    let mailed = Mailed::new();
    let sink = mailed.sink(true);
    let alertmanager = mailed.send(&sink, "wrong", &mailed.trust());
    fails(&alertmanager);
    let dialogue = sink.dialogue();
    assert!(dialogue.contains(&"AUTH PLAIN by backups refused in TLS".to_owned()), "{dialogue:?}");
    assert!(!dialogue.iter().any(|step| step.starts_with("MAIL")), "{dialogue:?}");
    assert_eq!(sink.mails().unwrap(), []);

    // The counter is the one that the rule looks at.
    let rules = mailed.files.path("rules.yml");
    fs::write(&rules, TimeScale::TEST.rules(&shipped_rules().unwrap()).unwrap()).unwrap();
    let prometheus = Prometheus::start(&format!(
        "global: {{scrape_interval: 2s, scrape_timeout: 2s, evaluation_interval: 1s}}\n\
         scrape_configs:\n  - job_name: alertmanager\n    static_configs:\n      - targets: ['{}']\n\
         rule_files: ['{}']\n",
        alertmanager.address(),
        rules.display()
    ))
    .unwrap();
    let firing = "ALERTS{alertname=\"ScmBackupMailFailing\",alertstate=\"firing\"}";
    prometheus.wait_for(firing, |samples| !samples.is_empty()).unwrap();
}

#[test]
fn server_without_tls_hears_neither_mail_nor_password() {
    let mailed = Mailed::new();
    let sink = mailed.sink(false);
    let alertmanager = mailed.send(&sink, PASSWORD, &[]);
    fails(&alertmanager);
    let dialogue = sink.dialogue();
    assert!(!dialogue.is_empty() && dialogue.iter().all(|step| step == "EHLO in clear"), "{dialogue:?}");
    assert!(
        alertmanager.log().contains("does not advertise the STARTTLS extension"),
        "{}",
        alertmanager.log()
    );
}

#[test]
fn server_with_a_certificate_of_an_unknown_authority_hears_neither_mail_nor_password() {
    let mailed = Mailed::new();
    let sink = mailed.sink(true);
    let alertmanager = mailed.send(&sink, PASSWORD, &[]);
    fails(&alertmanager);
    let dialogue = sink.dialogue();
    assert!(!dialogue.is_empty() && dialogue.iter().all(|step| step == "EHLO in clear"), "{dialogue:?}");
    assert!(alertmanager.log().contains("certificate signed by unknown authority"), "{}", alertmanager.log());
}
