//! A real Alertmanager, and amtool, which judges its configuration and templates.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{Command, Output};

use anyhow::{Context as _, bail, ensure};
use jiff::Timestamp;
use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;

use crate::process::Daemon;
use crate::sshd::free_port;
use crate::{Result, http, tool};

/// An Alertmanager on loopback that knows no alert yet and belongs to no cluster. Dropping it ends it.
#[derive(Debug)]
pub struct Alertmanager {
    // Before the directory: fields drop in order.
    daemon: RefCell<Daemon>,
    _directory: TempDir,
    address: SocketAddr,
}

/// An alert that it knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alert {
    /// The labels, `alertname` among them.
    pub labels: BTreeMap<String, String>,
    /// Whether another alert silences it.
    pub inhibited: bool,
    /// When it takes the alert for over unless it is told of it again.
    pub ends: Timestamp,
}

impl Alert {
    /// The value of a label; empty when it is not there.
    pub fn label(&self, name: &str) -> &str {
        self.labels.get(name).map_or("", String::as_str)
    }
}

impl Alertmanager {
    /// Starts it with the text of a configuration file, and waits until it is ready.
    ///
    /// # Errors
    /// When a tool is missing, amtool objects to the configuration, or it does not come up.
    pub fn start(config: &str) -> Result<Self> {
        Self::start_with(config, &[])
    }

    /// As [`Alertmanager::start`], with more environment variables.
    ///
    /// # Errors
    /// When a tool is missing, amtool objects to the configuration, or it does not come up.
    pub fn start_with(config: &str, environment: &[(&str, &Path)]) -> Result<Self> {
        Self::start_on(None, config, environment)
    }

    /// As [`Alertmanager::start_with`], on this port.
    ///
    /// # Errors
    /// When a tool is missing, amtool objects to the configuration, or it does not come up.
    pub(crate) fn start_on(port: Option<u16>, config: &str, environment: &[(&str, &Path)]) -> Result<Self> {
        let directory = tempfile::Builder::new().prefix("alertmanager-").tempdir()?;
        let path = directory.path().join("alertmanager.yml");
        fs::write(&path, config)?;
        check_config(&path)?;
        for _ in 0..5 {
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port.map_or_else(free_port, Ok)?));
            let mut command = Command::new(tool::find("prometheus-alertmanager")?);
            command.arg(format!("--config.file={}", path.display()));
            command.arg(format!("--storage.path={}", directory.path().join("data").display()));
            command.arg(format!("--web.listen-address={address}"));
            // Empty, so that it looks for no others.
            command.args(["--cluster.listen-address=", "--data.retention=240h"]);
            command.envs(environment.iter().copied());
            let mut daemon = Daemon::start("alertmanager", &mut command, &directory.path().join("log"))?;
            match daemon.wait_for("listens", |log| log.contains("Listening on").then_some(())) {
                // Another took the port that was free.
                Err(_) if daemon.log().contains("address already in use") => {}
                Err(error) => return Err(error),
                Ok(()) => return Ok(Self { daemon: RefCell::new(daemon), _directory: directory, address }),
            }
        }
        bail!("alertmanager finds no free port")
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// A URL of it, from a path as `/#/alerts`.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The alerts that it knows to be firing, those included that others silence.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn alerts(&self) -> Result<Vec<Alert>> {
        let text = http::get(&self.url("/api/v2/alerts"), &[])?.text()?;
        let answer: Value = serde_json::from_str(&text).with_context(|| text.clone())?;
        answer.as_array().context("the answer is no list of alerts")?.iter().map(alert).collect()
    }

    /// Tells it that an alert with these labels fires.
    ///
    /// # Errors
    /// What amtool objects to.
    pub fn tell(&self, labels: &[(&str, &str)]) -> Result<()> {
        let url = format!("--alertmanager.url={}", self.url(""));
        let labels: Vec<String> = labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mut arguments: Vec<&std::ffi::OsStr> = vec!["alert".as_ref(), "add".as_ref(), url.as_ref()];
        arguments.extend(labels.iter().map(AsRef::<std::ffi::OsStr>::as_ref));
        amtool(&arguments).map(drop)
    }

    /// All it logged.
    pub fn log(&self) -> String {
        self.daemon.borrow().log()
    }

    /// Ends it.
    ///
    /// # Errors
    /// When it cannot be waited for.
    pub fn stop(&self) -> Result<()> {
        self.daemon.borrow().signal(Signal::TERM);
        self.daemon.borrow_mut().stop()
    }
}

fn alert(value: &Value) -> Result<Alert> {
    let labels = value["labels"].as_object().context("an alert has no labels")?;
    let labels =
        labels.iter().map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned()));
    let by = value["status"]["inhibitedBy"].as_array().context("an alert has no status")?;
    let ends = value["endsAt"].as_str().context("an alert has no end")?.parse()?;
    Ok(Alert { labels: labels.collect(), inhibited: !by.is_empty(), ends })
}

/// Has amtool look at a configuration file and the templates it names.
///
/// # Errors
/// What amtool objects to.
pub fn check_config(path: &Path) -> Result<()> {
    amtool(&["check-config".as_ref(), path.as_os_str()]).map(drop)
}

/// The receivers that a configuration file sends an alert with these labels to.
///
/// # Errors
/// What amtool objects to.
pub fn receivers(path: &Path, labels: &[(&str, &str)]) -> Result<String> {
    // amtool reads each as a matcher.
    let labels: Vec<String> = labels
        .iter()
        .map(|(name, value)| format!("{name}=\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\"")))
        .collect();
    let option = format!("--config.file={}", path.display());
    let mut arguments = vec!["config".as_ref(), "routes".as_ref(), "test".as_ref(), option.as_ref()];
    arguments.extend(labels.iter().map(AsRef::<std::ffi::OsStr>::as_ref));
    Ok(amtool(&arguments)?.trim_end().to_owned())
}

/// What a kind of template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Of a subject or a plain text.
    Text,
    /// Of HTML, in which what is put in is escaped.
    Html,
}

/// Renders a template, as `scm_backup.subject`, of a file with the data of a notification, which is JSON as
/// Alertmanager's `template.Data`.
///
/// # Errors
/// What amtool objects to.
pub fn render(templates: &Path, name: &str, kind: Kind, data: &Value) -> Result<String> {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("data.json");
    fs::write(&path, data.to_string())?;
    let text = format!("{{{{ template \"{name}\" . }}}}");
    let kind = match kind {
        Kind::Text => "text",
        Kind::Html => "html",
    };
    amtool(&[
        "template".as_ref(),
        "render".as_ref(),
        "--template.glob".as_ref(),
        templates.as_os_str(),
        "--template.text".as_ref(),
        text.as_ref(),
        "--template.type".as_ref(),
        kind.as_ref(),
        "--template.data".as_ref(),
        path.as_os_str(),
    ])
}

fn amtool(arguments: &[&std::ffi::OsStr]) -> Result<String> {
    let mut command = Command::new(tool::find("amtool")?);
    // A user's own settings, among them an address, are none of ours.
    let empty = tempfile::tempdir()?;
    let Output { status, stdout, stderr } = command.args(arguments).env("HOME", empty.path()).output()?;
    let (out, objections) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    ensure!(status.success(), "{command:?}: {status}: {objections}{out}");
    Ok(out.into_owned())
}
