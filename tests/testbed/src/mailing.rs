//! The way of an alert to a mail: the shipped rules in Prometheus, Alertmanager with the configuration that the
//! exporter prints, and a mail server that keeps what it gets.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::ensure;
use tempfile::TempDir;

use crate::haste::{Haste, shipped_rules};
use crate::{Alertmanager, Prometheus, Result, SmtpSink, poll};

/// What stands behind Prometheus. Dropping it ends it.
#[derive(Debug)]
pub struct Mailing {
    /// What sends the mails.
    pub alertmanager: Alertmanager,
    /// What keeps them.
    pub sink: SmtpSink,
    directory: TempDir,
    haste: Haste,
}

impl Mailing {
    /// Starts it for the hubs of these configuration files.
    ///
    /// # Errors
    /// When a part does not come up, or the exporter refuses to print a configuration.
    pub fn start(program: &Path, configs: &[&Path], default_to: &str, haste: Haste) -> Result<Self> {
        Self::start_on(None, program, configs, default_to, haste)
    }

    /// As [`Mailing::start`], with Alertmanager on this port.
    ///
    /// # Errors
    /// When a part does not come up, or the exporter refuses to print a configuration.
    pub(crate) fn start_on(
        port: Option<u16>,
        program: &Path,
        configs: &[&Path],
        default_to: &str,
        haste: Haste,
    ) -> Result<Self> {
        let sink = SmtpSink::start()?;
        let directory = tempfile::Builder::new().prefix("mailing-").tempdir()?;
        fs::write(directory.path().join("rules.yml"), haste.rules(&shipped_rules()?)?)?;
        let templates = directory.path().join("scm-backup.tmpl");
        let print = |arguments: &[&str]| {
            let mut command = Command::new(program);
            for config in configs {
                command.arg("--config.file").arg(config);
            }
            let output = command.arg("alertmanager-config").args(arguments).output()?;
            let said = String::from_utf8_lossy(&output.stderr);
            ensure!(output.status.success(), "{command:?}: {}: {said}", output.status);
            Ok(String::from_utf8(output.stdout)?)
        };
        fs::write(&templates, print(&["--templates"])?)?;
        let config = print(&[
            "--smtp.smarthost",
            &sink.address().to_string(),
            "--smtp.from=scm-backup@example.org",
            "--smtp.require-tls=false",
            "--mail.default-to",
            default_to,
            "--mail.templates-file",
            &templates.display().to_string(),
        ])?;
        let alertmanager = Alertmanager::start_on(port, &haste.routes(&config)?, &[])?;
        Ok(Self { alertmanager, sink, directory, haste })
    }

    /// Starts a Prometheus, and has it watch by the rules once it has scraped the exporter and found Alertmanager: to
    /// rules in such a hurry an exporter that was not scraped yet is one that is absent, and what fires before
    /// Alertmanager is found is told late. The text of its configuration ends with its `scrape_configs`.
    ///
    /// # Errors
    /// When it does not come up, does not scrape the exporter, or does not find Alertmanager.
    pub fn watch(&self, scrape_config: &str) -> Result<Prometheus> {
        self.watch_on(None, scrape_config)
    }

    /// As [`Mailing::watch`], with Prometheus on this port.
    ///
    /// # Errors
    /// When it does not come up, does not scrape the exporter, or does not find Alertmanager.
    pub(crate) fn watch_on(&self, port: Option<u16>, scrape_config: &str) -> Result<Prometheus> {
        let (address, rules) = (self.alertmanager.address(), self.directory.path().join("rules.yml"));
        let config = format!(
            "{scrape_config}
  - job_name: alertmanager
    static_configs:
      - targets: ['{address}']

alerting:
  alertmanagers:
    - static_configs:
        - targets: ['{address}']
"
        );
        let prometheus = Prometheus::start_on(port, &config, &[&self.haste.grace_period()])?;
        prometheus.wait_for("scm_backup_exporter_build_info", |samples| !samples.is_empty())?;
        poll::until("prometheus has found Alertmanager", || {
            let found = prometheus.api("/api/v1/alertmanagers")?;
            Ok(found["activeAlertmanagers"].as_array().is_some_and(|found| !found.is_empty()).then_some(()))
        })?;
        prometheus.reconfigure(&format!("{config}rule_files: ['{}']\n", rules.display()))?;
        Ok(prometheus)
    }

    /// Ends it.
    ///
    /// # Errors
    /// When something cannot be waited for.
    pub fn stop(&self) -> Result<()> {
        self.alertmanager.stop()?;
        self.sink.stop()
    }
}
