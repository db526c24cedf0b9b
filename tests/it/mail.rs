//! From a broken tree to the mail in somebody's box, and back.

use std::fs;
use std::path::{Path, PathBuf};

use testbed::haste::Haste;
use testbed::mailing::Mailing;
use testbed::tree::Nights;
use testbed::{Exporter, Mail, Prometheus, http, poll};

use crate::world::{World, ZONE, program};

pub const A: &str = "a@example.org";
pub const B: &str = "b@example.org";
const DEFAULT: &str = "default@example.org";

/// The sign of life, which everybody gets.
pub const HEARTBEAT: &str = "[scm-backup] the backups are being watched: the weekly sign of life";

/// Exporter, Prometheus, Alertmanager and a mail server, all of it in a hurry.
pub struct Watch {
    pub exporter: Exporter,
    pub prometheus: Prometheus,
    pub mailing: Mailing,
    pub config: PathBuf,
}

impl Watch {
    pub fn start(world: &World, config: &Path) -> Self {
        let exporter = world.serve(config);
        // The first scrape of a Prometheus in such a hurry does not wait for the first report.
        exporter.text("/metrics").unwrap();
        let mailing = Mailing::start(program(), &[config], DEFAULT, Haste::TEST).unwrap();
        let scrape = format!(
            "global: {{scrape_interval: 2s, scrape_timeout: 2s, evaluation_interval: 1s}}\n\
             scrape_configs:\n  - job_name: scm_backup\n    static_configs:\n      - targets: ['{}']\n",
            exporter.address()
        );
        let prometheus = mailing.watch(&scrape).unwrap();
        Self { exporter, prometheus, mailing, config: config.to_owned() }
    }

    /// Changes the configuration of the running exporter.
    fn reconfigure(&self, from: &str, to: &str) {
        let text = fs::read_to_string(&self.config).unwrap();
        assert!(text.contains(from), "{text}");
        fs::write(&self.config, text.replace(from, to)).unwrap();
        assert_eq!(http::request("POST", &self.exporter.url("/-/reload"), &[]).unwrap().status, 200);
    }

    #[track_caller]
    pub fn mail(&self, to: &str, subject: &str) -> Mail {
        let waited = self.mailing.sink.wait_for(to, |mail| mail.subject == subject);
        waited.unwrap_or_else(|error| {
            let alerts = self.prometheus.query("ALERTS");
            panic!("{error:#}\nalerts: {alerts:#?}\n{}", self.mailing.alertmanager.log())
        })
    }

    /// Waits until Alertmanager knows these many alerts of a name, all of them silenced by another.
    #[track_caller]
    pub fn silenced(&self, name: &str, count: usize) {
        poll::until(&format!("{count} {name} are silenced"), || {
            let alerts = self.mailing.alertmanager.alerts()?;
            let of_name: Vec<_> = alerts.iter().filter(|alert| alert.label("alertname") == name).collect();
            Ok((of_name.len() == count && of_name.iter().all(|alert| alert.inhibited)).then_some(()))
        })
        .unwrap();
    }

    /// The subjects of all mails to an address, as they came.
    pub fn subjects(&self, to: &str) -> Vec<String> {
        let mails = self.mailing.sink.mails().unwrap();
        mails.into_iter().filter(|mail| mail.to == [to]).map(|mail| mail.subject).collect()
    }
}

/// Hub A on node N1 and hub B on node N2, whose mail goes to two people.
fn two_hubs(world: &mut World) -> PathBuf {
    let hub = |name: &str, email: &str| {
        format!(
            "[hub {name}]\nsrvnode = srv{name}\ntimezone = {ZONE}\nselect = svn/env tracs/env\nmax_age = 3d\n\
             email = {email}\nreporturl = http://report.example.org/{name}/\nmessage = of <hub> {name}"
        )
    };
    world.sections(&hub("A", A)).sections(&hub("B", B));
    world.write("A = N1\nB = N2", "timeout = 30")
}

#[test]
fn trouble_is_mailed_once_to_whom_it_concerns_and_so_is_its_end() {
    let mut world = World::new();
    let tree = world.good_tree("N1", "srvA");
    world.good_tree("N2", "srvB");
    let (_one, two) = (world.sshd("N1"), world.sshd("N2"));
    let config = two_hubs(&mut world);
    let watch = Watch::start(&world, &config);
    for to in [A, B, DEFAULT] {
        let mail = watch.mail(to, HEARTBEAT);
        assert!(mail.text.contains("\nOn node N1 (hub A): 2 ok; N2 (hub B): 2 ok\n"), "{}", mail.text);
    }

    // A transfer that was cut.
    tree.shrink_newest("svn/env", 50).unwrap();
    let mail = watch.mail(A, "[scm-backup] hub A: 1 alarm (svn/env on N1 cut short)");
    let row = format!("\nALARM  {:<44} ", "svn/env on N1 cut short");
    for part in [
        "On node N1: 1 ok, 1 alarm\nof <hub> A\n",
        &row,
        "  newest: 23.84 MiB (before: up to ",
        "\n  look:  scm-backup-exporter probe A N1\n",
        "\nReport:    http://report.example.org/A/\n",
    ] {
        assert!(mail.text.contains(part), "no {part:?} in:\n{}", mail.text);
    }
    for part in [">23.84 MiB</td>", "of &lt;hub&gt; A", "<a href=\"http://report.example.org/A/\""] {
        assert!(mail.html.contains(part), "no {part:?} in:\n{}", mail.html);
    }
    tree.repo("svn/env", &Nights::of_size(50_000_000).revision(3591)).unwrap();
    let mail = watch.mail(A, "[scm-backup] hub A: resolved (svn/env on N1 cut short)");
    assert!(mail.text.contains("\nAll of it is over:\n") && !mail.text.contains("23.84"), "{}", mail.text);

    // A node that is out of reach, and its backups grow old meanwhile: one cause, one mail.
    two.stop().unwrap();
    two.kill_connections().unwrap();
    let mail = watch.mail(B, "[scm-backup] hub B: 1 alarm (node N2 cannot be looked at)");
    assert!(mail.text.contains("no connection"), "{}", mail.text);
    let limit = "email = b@example.org\nmax_age = ";
    watch.reconfigure("max_age = 3d\nemail = b@example.org", &format!("{limit}1h"));
    watch.silenced("ScmBackupTooOld", 2);
    watch.reconfigure(&format!("{limit}1h"), &format!("{limit}3d"));
    watch.silenced("ScmBackupTooOld", 0);
    two.restart().unwrap();
    watch.mail(B, "[scm-backup] hub B: resolved (node N2 cannot be looked at)");

    let of = |hub: &str, what: &str| {
        [
            HEARTBEAT.to_owned(),
            format!("[scm-backup] hub {hub}: 1 alarm ({what})"),
            format!("[scm-backup] hub {hub}: resolved ({what})"),
        ]
    };
    assert_eq!(watch.subjects(A), of("A", "svn/env on N1 cut short"));
    assert_eq!(watch.subjects(B), of("B", "node N2 cannot be looked at"));
    let others = watch.subjects(DEFAULT);
    assert!(!others.iter().any(|subject| subject.contains("hub ")), "{others:?}");
}

#[test]
fn mail_server_that_is_not_there_is_itself_an_alert() {
    let mut world = World::new();
    world.good_tree("N1", "srvA");
    world.good_tree("N2", "srvB");
    let (_one, _two) = (world.sshd("N1"), world.sshd("N2"));
    let config = two_hubs(&mut world);
    let watch = Watch::start(&world, &config);
    watch.mailing.sink.stop().unwrap();
    // Something to mail.
    world.tree("N1", "srvA").drop_repo("tracs/env").unwrap();
    let failed = "alertmanager_notification_requests_failed_total{integration=\"email\"} > 0";
    watch.prometheus.wait_for(failed, |samples| !samples.is_empty()).unwrap();
    let firing = "ALERTS{alertname=\"ScmBackupMailFailing\",alertstate=\"firing\"}";
    watch.prometheus.wait_for(firing, |samples| !samples.is_empty()).unwrap();
}
