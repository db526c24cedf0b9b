//! What a Prometheus has of the scene, in the OpenMetrics format, for `promtool tsdb create-blocks-from`.

use std::io::{self, Write};

use crate::scene::{DAY, HUBS, Hub, MAX_AGE, REASONS, STEP, Target};

const OF_REPO: [&str; 14] = [
    "scm_backup_tarball_size_bytes",
    "scm_backup_tarball_previous_size_bytes",
    "scm_backup_tarball_timestamp_seconds",
    "scm_backup_tarball_age_seconds",
    "scm_backup_tarball_oldest_timestamp_seconds",
    "scm_backup_tarballs",
    "scm_backup_tarballs_size_bytes",
    "scm_backup_tarball_verified",
    "scm_backup_repo_expected",
    "scm_backup_repo_status",
    "scm_backup_max_age_seconds",
    "scm_backup_min_tarballs",
    "scm_backup_max_tarballs",
    "scm_backup_min_size_ratio",
];
const OF_NODE: [&str; 8] = [
    "scm_backup_probe_success",
    "scm_backup_probe_timestamp_seconds",
    "scm_backup_listing_records",
    "scm_backup_listing_rejects",
    "scm_backup_locked_timestamp_seconds",
    "scm_backup_filesystem_size_bytes",
    "scm_backup_filesystem_avail_bytes",
    "scm_backup_clock_offset_seconds",
];

/// Writes the days before `end`, a Unix time; with no days there is one sample of each series that is there at the end.
pub(crate) fn write(out: impl Write, end: i64, days: i64) -> io::Result<()> {
    let mut history = History { out, end, days };
    history.repos()?;
    history.nodes()?;
    history.exporter()?;
    history.alerts()?;
    writeln!(history.out, "# EOF")
}

struct History<W> {
    out: W,
    end: i64,
    days: i64,
}

impl<W: Write> History<W> {
    fn targets(&self) -> impl Iterator<Item = (&'static Hub, Target)> + use<W> {
        let end = self.end;
        HUBS.iter()
            .flat_map(move |hub| hub.nodes.iter().map(move |node| (hub, Target { hub: hub.name, node, end })))
    }

    fn family(&mut self, name: &str, kind: &str) -> io::Result<()> {
        writeln!(self.out, "# TYPE {name} {kind}")
    }

    fn series(&mut self, name: &str, labels: &str, value: impl Fn(i64) -> Option<f64>) -> io::Result<()> {
        let steps = self.days * DAY / STEP;
        for at in (0..=steps).rev().map(|step| self.end - step * STEP) {
            if let Some(value) = value(at) {
                let comma = if labels.is_empty() { "" } else { "," };
                writeln!(
                    self.out,
                    "{name}{{{labels}{comma}job=\"scm-backup\",instance=\"exporter:10222\"}} {value} {at}"
                )?;
            }
        }
        Ok(())
    }

    fn repos(&mut self) -> io::Result<()> {
        for metric in OF_REPO {
            self.family(metric, "gauge")?;
            for (hub, target) in self.targets() {
                for (repo, size) in hub.repos {
                    let labels = labels(target) + &format!(",repo=\"{repo}\"");
                    self.series(metric, &labels, |at| target.of_repo(metric, repo, *size, at))?;
                }
            }
        }
        Ok(())
    }

    fn nodes(&mut self) -> io::Result<()> {
        for metric in OF_NODE {
            self.family(metric, "gauge")?;
            for (_, target) in self.targets() {
                self.series(metric, &labels(target), |at| target.of_node(metric, at))?;
            }
        }
        let failure = "scm_backup_probe_failure";
        self.family(failure, "gauge")?;
        for (_, target) in self.targets() {
            for reason in REASONS {
                let labels = labels(target) + &format!(",reason=\"{reason}\"");
                self.series(failure, &labels, |at| Some(f64::from(target.failure(at) == Some(reason))))?;
            }
        }
        let duration = "scm_backup_probe_duration_seconds";
        self.family(duration, "gauge")?;
        for (_, target) in self.targets() {
            for (phase, seconds) in [("connect", 0.002), ("list", 0.3)] {
                let labels = labels(target) + &format!(",phase=\"{phase}\"");
                self.series(duration, &labels, |at| {
                    let took = seconds * (1.0 + (at / STEP % 7) as f64 / 10.0);
                    (phase == "connect" || target.failure(at).is_none()).then_some(took)
                })?;
            }
        }
        let info = "scm_backup_node_info";
        self.family(info, "gauge")?;
        for (_, target) in self.targets() {
            let labels = labels(target) + &format!(",address=\"{}\",listing=\"printf\"", target.node);
            self.series(info, &labels, |_| Some(1.0))?;
        }
        Ok(())
    }

    fn exporter(&mut self) -> io::Result<()> {
        let info = "scm_backup_hub_info";
        self.family(info, "gauge")?;
        for Hub { name, srvnode, .. } in &HUBS {
            let labels = format!(
                "hub=\"{name}\",srvnode=\"{srvnode}\",report_url=\"https://reports.example.org/{srvnode}/\",\
                 message=\"\",email=\"admin@example.org\""
            );
            self.series(info, &labels, |_| Some(1.0))?;
        }
        let started = (self.end - 20 * DAY) as f64;
        let constants = [
            ("scm_backup_exporter_build_info", "version=\"0.1.0\"", 1.0),
            ("scm_backup_config_last_reload_successful", "", 1.0),
            ("scm_backup_config_last_reload_success_timestamp_seconds", "", started),
            ("scm_backup_ssh_sessions", "", 4.0),
            ("process_open_fds", "", 17.0),
            ("process_max_fds", "", 1024.0),
            ("process_resident_memory_bytes", "", 1.6e7),
            ("process_start_time_seconds", "", started),
            // Of Prometheus itself.
            ("scrape_duration_seconds", "", 0.42),
            ("scrape_samples_scraped", "", 300.0),
        ];
        for (metric, labels, value) in constants {
            self.family(metric, "gauge")?;
            self.series(metric, labels, |_| Some(value))?;
        }
        let start = self.end - self.days * DAY;
        self.family("process_cpu_seconds", "counter")?;
        self.series("process_cpu_seconds_total", "", |at| Some((at - start).max(0) as f64 * 0.002))
    }

    /// One of the rules' alerts, which the dashboards mark on their graphs.
    fn alerts(&mut self) -> io::Result<()> {
        self.family("ALERTS", "gauge")?;
        for (hub, target) in self.targets() {
            for (repo, size) in hub.repos {
                let labels = format!(
                    "alertname=\"ScmBackupTooOld\",alertstate=\"firing\",severity=\"critical\",{},repo=\"{repo}\"",
                    labels(target)
                );
                self.series("ALERTS", &labels, |at| {
                    let age = target.of_repo("scm_backup_tarball_age_seconds", repo, *size, at)?;
                    (age > MAX_AGE).then_some(1.0)
                })?;
            }
        }
        Ok(())
    }
}

fn labels(target: Target) -> String {
    format!("hub=\"{}\",node=\"{}\"", target.hub, target.node)
}
