//! Prometheus restarts, and no mail is the worse for it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use testbed::exporter::Exporter;
use testbed::tree::Nights;
use testbed::{Signal, poll};

use crate::mail::{A, B, HEARTBEAT, Watch};
use crate::world::{World, ZONE, program};

const C: &str = "c@example.org";

/// Hubs with their lines, each on the nodes that stand behind it.
fn hubs(world: &mut World, hubs: &[(&str, &str, &str)]) -> PathBuf {
    let mut roster = String::new();
    for (hub, nodes, lines) in hubs {
        let email = hub.to_lowercase();
        world.sections(&format!(
            "[hub {hub}]\nsrvnode = srv{hub}\ntimezone = {ZONE}\nselect = svn/env tracs/env\n\
             email = {email}@example.org\n{lines}"
        ));
        roster += &format!("{hub} = {nodes}\n");
    }
    world.write(&roster, "timeout = 30")
}

/// An alert at a restart of Prometheus.
#[derive(Debug)]
struct Across {
    /// When it was last looked at before, and since when it stood then; both are Unix times.
    before: (f64, f64),
    /// The same as it was first looked at after, once its state is in force again.
    after: (f64, f64),
}

impl Across {
    /// Whether it stands since the same time, as one that fires should.
    fn is_unmoved(&self) -> bool {
        self.before.1 == self.after.1
    }

    /// Whether the time for which it was pending still counts.
    fn goes_on(&self) -> bool {
        let age = |(now, since): (f64, f64)| now - since;
        // Prometheus keeps whole seconds.
        age(self.after) + 1.0 >= age(self.before)
    }
}

/// Restarts Prometheus. Gives the alerts about hubs that were active before by name, node and repo, once all of them
/// are active again.
fn restart(watch: &Watch) -> BTreeMap<String, Across> {
    restart_after(watch, None)
}

/// As [`restart`], as though Prometheus had been away for so long.
fn restart_after(watch: &Watch, away: Option<Duration>) -> BTreeMap<String, Across> {
    let prometheus = &watch.prometheus;
    let key = |labels: &BTreeMap<String, String>| {
        let words = ["alertname", "node", "repo"].map(|label| labels.get(label).cloned().unwrap_or_default());
        words.join(" ").trim_start_matches("ScmBackup").trim_end().to_owned()
    };
    let active = prometheus.query("ALERTS_FOR_STATE{hub!=\"\"}").unwrap();
    let active: Vec<String> = active.iter().map(|sample| key(&sample.labels)).collect();
    if away.is_none() {
        prometheus.stop().unwrap();
    }
    let stopped = Timestamp::now().as_millisecond() as f64 / 1000.0;
    away.map_or_else(|| prometheus.restart(), |away| prometheus.restart_after(away)).unwrap();
    poll::until(&format!("{active:?} are active again"), || {
        let mut across = BTreeMap::new();
        for series in prometheus.samples("ALERTS_FOR_STATE{hub!=\"\"}[1h]")? {
            let before = series.samples.iter().rfind(|(time, _)| *time <= stopped);
            let after = series.samples.iter().find(|(time, _)| *time > stopped);
            if let (Some(before), Some(after)) = (before, after) {
                across.insert(key(&series.labels), Across { before: *before, after: *after });
            }
        }
        Ok(active.iter().all(|key| across.contains_key(key)).then_some(across))
    })
    .unwrap()
}

/// Alerts that only say that not all is known.
const FALSELY: &str = "count_over_time(ALERTS{alertname=~\"ScmBackup(Missing|NeverSeen)\"}[1h])";

/// Restarts the exporter: what is known of this number of nodes, which are out of reach, is known to Prometheus alone.
fn forgetful(watch: Watch, config: &Path, nodes: usize) -> Watch {
    let Watch { exporter, .. } = watch;
    let address = exporter.address().to_string();
    let (_, directory) = exporter.end(Signal::TERM).unwrap();
    let flags = ["--web.listen-address", &address];
    let exporter = Exporter::start_in(directory, program(), &[config], &flags, &[]).unwrap();
    let watch = Watch { exporter, ..watch };
    for query in ["scm_backup_probe_failure{reason=~\"connect|host_key\"} == 1", "node:scm_backup_unreported"]
    {
        watch.prometheus.wait_for(query, |samples| samples.len() == nodes).unwrap();
    }
    watch
}

/// When Alertmanager takes an alert for over unless it is told of it again.
#[track_caller]
fn ends(watch: &Watch, alert: &str) -> Timestamp {
    let alerts = watch.mailing.alertmanager.alerts().unwrap();
    let found = alerts.iter().find(|one| one.label("alertname") == alert);
    found.unwrap_or_else(|| panic!("{alert} is over: {alerts:?}; {:?}", watch.subjects(A))).ends
}

#[test]
fn prometheus_restarts_and_what_fires_goes_on_while_nodes_are_out_of_reach() {
    let mut world = World::new();
    for (node, srvnode) in [("N1", "srvA"), ("N2", "srvB"), ("N3", "srvC")] {
        world.good_tree(node, srvnode);
    }
    let (_one, two, three) = (world.sshd("N1"), world.sshd("N2"), world.sshd("N3"));
    let config =
        hubs(&mut world, &[("A", "N1", "max_age = 1h"), ("B", "N2", "max_age = 1h"), ("C", "N3", "")]);
    let watch = Watch::start(&world, &config);
    let too_old = |hub: &str, node: &str| {
        format!("[scm-backup] hub {hub}: 2 alarms (svn/env on {node} too old, tracs/env on {node} too old)")
    };
    watch.mail(A, &too_old("A", "N1"));
    watch.mail(B, &too_old("B", "N2"));
    two.stop().unwrap();
    two.kill_connections().unwrap();
    three.replace_host_key().unwrap();
    three.kill_connections().unwrap();
    let unreachable = "[scm-backup] hub B: 1 alarm (node N2 cannot be looked at)";
    let changed = "[scm-backup] hub C: 1 alarm (host key of N3 changed or unknown)";
    watch.mail(B, unreachable);
    watch.mail(C, changed);

    let watch = forgetful(watch, &config, 2);

    let across = restart(&watch);
    for alert in [
        "TooOld N1 svn/env",
        "TooOld N1 tracs/env",
        "TooOld N2 svn/env",
        "TooOld N2 tracs/env",
        "NodeUnreachable N2",
        "HostKey N3",
    ] {
        assert!(across.get(alert).is_some_and(Across::is_unmoved), "{alert} of {across:#?}");
    }
    // What is carried has no gap and does not change.
    let known = "changes(repo:scm_backup_tarball_timestamp_seconds:last{hub=~\"B|C\"}[1h])";
    assert_eq!(
        watch.prometheus.query(known).unwrap().iter().map(|sample| sample.value).collect::<Vec<_>>(),
        [0.0; 4]
    );
    // It is told again only by and by.
    poll::until("one alert silences the other two of hub B", || {
        let alerts = watch.mailing.alertmanager.alerts()?;
        let of_b: Vec<_> = alerts.iter().filter(|alert| alert.label("hub") == "B").collect();
        let silenced = of_b.iter().filter(|alert| alert.inhibited).count();
        Ok(((of_b.len(), silenced) == (3, 2)).then_some(()))
    })
    .unwrap();
    let falsely =
        watch.prometheus.query("count_over_time(ALERTS{alertname=~\"ScmBackup(Missing|NeverSeen)\"}[1h])");
    assert_eq!(falsely.unwrap(), []);
    // Which of the first two comes first is open.
    for (to, mails) in [
        (A, &[too_old("A", "N1").as_str(), HEARTBEAT] as &[_]),
        (B, &[unreachable, &too_old("B", "N2"), HEARTBEAT]),
        (C, &[changed, HEARTBEAT]),
    ] {
        watch.mail(to, HEARTBEAT);
        let mut subjects = watch.subjects(to);
        subjects.sort();
        assert_eq!(subjects, mails);
    }
}

#[test]
fn prometheus_restarts_and_what_is_pending_fires_once_and_what_fires_is_not_resolved() {
    let mut world = World::new();
    world.good_tree("N1", "srvA").remove_newest_sidecar("svn/env").unwrap();
    let _node = world.sshd("N1");
    let config = hubs(&mut world, &[("A", "N1", "")]);
    let watch = Watch::start(&world, &config);
    let alert = "Unverified N1 svn/env";
    // It waits for a quarter of a minute.
    let pending = "time() - ALERTS_FOR_STATE{alertname=\"ScmBackupUnverified\"} > 5";
    watch.prometheus.wait_for(pending, |samples| !samples.is_empty()).unwrap();
    let across = restart(&watch);
    assert!(across[alert].goes_on(), "{across:?}");

    let mail = "[scm-backup] hub A: 1 alarm (svn/env on N1 not verified)";
    watch.mail(A, mail);
    let end = ends(&watch, "ScmBackupUnverified");
    let across = restart(&watch);
    assert!(across[alert].is_unmoved(), "{across:?}");
    // Had it begun anew, Alertmanager would have waited in vain, and taken it for over.
    poll::until("Alertmanager is told again", || {
        Ok((ends(&watch, "ScmBackupUnverified") > end).then_some(()))
    })
    .unwrap();
    watch.mail(A, HEARTBEAT);
    // Which of them came first is open.
    let mut subjects = watch.subjects(A);
    subjects.sort();
    assert_eq!(subjects, [mail, HEARTBEAT]);
}

#[test]
fn prometheus_restarts_and_where_all_is_well_nobody_gets_a_mail() {
    let mut world = World::new();
    let tree = world.good_tree("N1", "srvA");
    world.good_tree("N2", "srvB");
    let _nodes = (world.sshd("N1"), world.sshd("N2"));
    let config = hubs(&mut world, &[("A", "N1", ""), ("B", "N2", "")]);
    let watch = Watch::start(&world, &config);
    watch.mail(A, HEARTBEAT);
    watch.mail(B, HEARTBEAT);
    assert_eq!(restart(&watch).keys().collect::<Vec<_>>(), [""; 0]);

    // Whatever the restart had led to would have been mailed before this.
    tree.shrink_newest("svn/env", 50).unwrap();
    let mail = "[scm-backup] hub A: 1 alarm (svn/env on N1 cut short)";
    watch.mail(A, mail);
    tree.repo("svn/env", &Nights::of_size(50_000_000).revision(3591)).unwrap();
    let resolved = "[scm-backup] hub A: resolved (svn/env on N1 cut short)";
    watch.mail(A, resolved);
    assert_eq!(watch.subjects(A), [HEARTBEAT, mail, resolved]);
    assert_eq!(watch.subjects(B), [HEARTBEAT]);
}

#[test]
fn prometheus_is_away_for_twenty_minutes_or_three_hours_and_an_unreachable_node_is_still_that() {
    let mut world = World::new();
    world.good_tree("N1", "srvA");
    world.good_tree("N2", "srvB");
    let (_one, two) = (world.sshd("N1"), world.sshd("N2"));
    let config = hubs(&mut world, &[("A", "N1", ""), ("B", "N2", "max_age = 1h")]);
    let watch = Watch::start(&world, &config);
    watch.mail(B, "[scm-backup] hub B: 2 alarms (svn/env on N2 too old, tracs/env on N2 too old)");
    two.stop().unwrap();
    two.kill_connections().unwrap();
    watch.mail(B, "[scm-backup] hub B: 1 alarm (node N2 cannot be looked at)");
    let watch = forgetful(watch, &config, 1);

    // Less than the half hour for which what is known is carried, and more than the five minutes for which any sample counts.
    let away = Duration::from_secs(20 * 60);
    let across = restart_after(&watch, Some(away));
    for alert in ["TooOld N2 svn/env", "TooOld N2 tracs/env", "NodeUnreachable N2"] {
        assert!(across.get(alert).is_some_and(Across::is_unmoved), "{alert} of {across:#?}");
    }
    assert_eq!(watch.prometheus.query(FALSELY).unwrap(), []);

    // Longer than an alert is remembered, but a node that was seen is not called never seen.
    watch.prometheus.restart_after(Duration::from_secs(3 * 3600)).unwrap();
    let firing = "ALERTS{alertname=\"ScmBackupNodeUnreachable\",node=\"N2\",alertstate=\"firing\"}";
    watch.prometheus.wait_for(firing, |samples| !samples.is_empty()).unwrap();
    assert_eq!(watch.prometheus.query(FALSELY).unwrap(), []);
}
