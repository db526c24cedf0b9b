//! A real Prometheus, and the tools that judge an exposition.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;

use crate::process::Daemon;
use crate::sshd::free_port;
use crate::{Result, http, poll, tool};

/// A Prometheus on loopback with an empty database. Dropping it ends it.
#[derive(Debug)]
pub struct Prometheus {
    // Before the directory: fields drop in order.
    daemon: RefCell<Daemon>,
    directory: TempDir,
    address: SocketAddr,
    flags: Vec<String>,
}

/// One sample of an instant query.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// The labels, the metric's name among them as `__name__`.
    pub labels: BTreeMap<String, String>,
    /// The value.
    pub value: f64,
}

/// The samples of one series.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// The labels, the metric's name among them as `__name__`.
    pub labels: BTreeMap<String, String>,
    /// Unix time and value of each sample, in the order of time.
    pub samples: Vec<(f64, f64)>,
}

impl Sample {
    /// The value of a label; empty when it is not there, as Prometheus has it.
    pub fn label(&self, name: &str) -> &str {
        self.labels.get(name).map_or("", String::as_str)
    }
}

impl Prometheus {
    /// Starts it with the text of a configuration file, and waits until it is ready.
    ///
    /// # Errors
    /// When a tool is missing, promtool objects to the configuration, or it does not come up.
    pub fn start(config: &str) -> Result<Self> {
        Self::start_with(config, &[])
    }

    /// As [`Prometheus::start`], with more flags.
    ///
    /// # Errors
    /// When a tool is missing, promtool objects to the configuration, or it does not come up.
    pub fn start_with(config: &str, flags: &[&str]) -> Result<Self> {
        Self::start_on(None, config, flags)
    }

    /// As [`Prometheus::start_with`], on this port.
    ///
    /// # Errors
    /// When a tool is missing, promtool objects to the configuration, or it does not come up.
    pub(crate) fn start_on(port: Option<u16>, config: &str, flags: &[&str]) -> Result<Self> {
        Self::start_in(tempfile::Builder::new().prefix("prometheus-").tempdir()?, port, config, flags)
    }

    /// Starts it with what a file in the OpenMetrics format says was, and scrapes nothing.
    ///
    /// # Errors
    /// When a tool is missing, promtool objects to the file, or it does not come up.
    pub fn start_with_history(openmetrics: &Path) -> Result<Self> {
        let directory = tempfile::Builder::new().prefix("prometheus-").tempdir()?;
        fill(&directory.path().join("data"), openmetrics)?;
        Self::start_in(directory, None, "{}\n", &["--storage.tsdb.retention.time=10y"])
    }

    fn start_in(directory: TempDir, port: Option<u16>, config: &str, flags: &[&str]) -> Result<Self> {
        let path = directory.path().join("prometheus.yml");
        fs::write(&path, config)?;
        check_config(&path)?;
        let flags: Vec<String> = flags.iter().map(|flag| (*flag).to_owned()).collect();
        for _ in 0..5 {
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port.map_or_else(free_port, Ok)?));
            if let Some(daemon) = serve(directory.path(), address, &flags)? {
                return Ok(Self { daemon: RefCell::new(daemon), directory, address, flags });
            }
        }
        bail!("prometheus finds no free port")
    }

    /// Ends it and starts it anew, with what it knows and at the same address, and waits until it is ready.
    ///
    /// # Errors
    /// When it does not come up.
    pub fn restart(&self) -> Result<()> {
        self.stop()?;
        let daemon = poll::until(&format!("{} is free again", self.address), || {
            serve(self.directory.path(), self.address, &self.flags)
        })?;
        *self.daemon.borrow_mut() = daemon;
        Ok(())
    }

    /// As [`Prometheus::restart`], but as though it had been away for so long: all that it knows of the last hour happened
    /// that much earlier.
    ///
    /// # Errors
    /// When it does not come up, or does not tell what it knows.
    pub fn restart_after(&self, away: Duration) -> Result<()> {
        let known = self.samples("{__name__=~\".+\"}[1h]")?;
        self.stop()?;
        let (data, file) = (self.directory.path().join("data"), self.directory.path().join("known"));
        fs::write(&file, openmetrics(&known, away.as_secs_f64()))?;
        fs::remove_dir_all(&data)?;
        fill(&data, &file)?;
        self.restart()
    }

    /// A URL of it, from a path as `/graph`.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The URL of its page for a query.
    pub fn graph_url(&self, query: &str) -> String {
        self.url(&format!("/graph?g0.expr={}&g0.tab=1", escaped(query)))
    }

    /// The answer of its API to an instant query.
    ///
    /// # Errors
    /// When it does not answer, or objects to the query.
    pub fn query(&self, query: &str) -> Result<Vec<Sample>> {
        let data = self.api(&format!("/api/v1/query?query={}", escaped(query)))?;
        let results = data["result"].as_array().context("the answer has no result")?;
        results.iter().map(sample).collect()
    }

    /// The answer to an instant query at another time than now.
    ///
    /// # Errors
    /// When it does not answer, or objects to the query.
    pub fn query_at(&self, query: &str, time: i64) -> Result<Vec<Sample>> {
        let data = self.api(&format!("/api/v1/query?query={}&time={time}", escaped(query)))?;
        data["result"].as_array().context("the answer has no result")?.iter().map(sample).collect()
    }

    /// Every sample, as a Unix time with a value, of the series that a query over a range gives, as `up[5m]`.
    ///
    /// # Errors
    /// When it does not answer, or objects to the query.
    pub fn samples(&self, query: &str) -> Result<Vec<Series>> {
        let data = self.api(&format!("/api/v1/query?query={}", escaped(query)))?;
        data["result"].as_array().context("the answer has no result")?.iter().map(series).collect()
    }

    /// How many series with how many points together a range query gives; the times are Unix times.
    ///
    /// # Errors
    /// When it does not answer, or objects to the query.
    pub fn count_range(&self, query: &str, start: i64, end: i64, step: i64) -> Result<(usize, usize)> {
        let query = escaped(query);
        let data =
            self.api(&format!("/api/v1/query_range?query={query}&start={start}&end={end}&step={step}"))?;
        let series = data["result"].as_array().context("the answer has no result")?;
        let points = series.iter().filter_map(|series| series["values"].as_array()).map(Vec::len).sum();
        Ok((series.len(), points))
    }

    /// Asks a query again and again until its answer will do.
    ///
    /// # Errors
    /// When none does; the error shows the last answer, the targets' errors and the log.
    pub fn wait_for(&self, query: &str, will_do: impl Fn(&[Sample]) -> bool) -> Result<Vec<Sample>> {
        let mut last = Vec::new();
        let waited = poll::until(&format!("{query} has the answer"), || {
            last = self.query(query)?;
            Ok(will_do(&last).then(|| last.clone()))
        });
        waited.with_context(|| {
            format!("last answer {last:?}; targets' errors {:?}; {}", self.target_errors(), self.log())
        })
    }

    /// What went wrong with the last scrape of each target, empty where nothing did.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn target_errors(&self) -> Result<Vec<String>> {
        let data = self.api("/api/v1/targets?state=active")?;
        let targets = data["activeTargets"].as_array().context("the answer has no targets")?;
        Ok(targets.iter().map(|target| target["lastError"].as_str().unwrap_or_default().to_owned()).collect())
    }

    /// The data of an answer of its API, from a path with a query string.
    ///
    /// # Errors
    /// When it does not answer, or with an error.
    pub fn api(&self, path: &str) -> Result<Value> {
        let text = http::get(&self.url(path), &[])?.text()?;
        let mut answer: Value = serde_json::from_str(&text).with_context(|| text.clone())?;
        ensure!(answer["status"] == "success", "prometheus answers {path}: {text}");
        Ok(answer["data"].take())
    }

    /// Gives it another configuration, and waits until that is in force.
    ///
    /// # Errors
    /// When promtool or Prometheus objects to it.
    pub fn reconfigure(&self, config: &str) -> Result<()> {
        let path = self.directory.path().join("prometheus.yml");
        fs::write(&path, config)?;
        check_config(&path)?;
        let response = http::request("POST", &self.url("/-/reload"), &[])?;
        ensure!(response.status == 200, "prometheus does not reload: {}", response.text()?);
        Ok(())
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

/// Makes a database of what a file in the OpenMetrics format says.
fn fill(data: &Path, openmetrics: &Path) -> Result<()> {
    let mut promtool = Command::new(tool::find("promtool")?);
    // promtool reads the whole file once for each block.
    promtool.args(["tsdb", "create-blocks-from", "--max-block-duration=480h", "--quiet", "openmetrics"]);
    judged(promtool.arg(openmetrics).arg(data), "")
}

/// Samples as text, so many seconds earlier; so are the times that are Prometheus' own.
fn openmetrics(known: &[Series], earlier: f64) -> String {
    let mut text = String::new();
    for Series { labels, samples } in known {
        let name = labels.get("__name__").map_or("", String::as_str);
        let others: Vec<String> = labels
            .iter()
            .filter(|(label, _)| *label != "__name__")
            .map(|(label, value)| {
                let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
                format!("{label}=\"{value}\"")
            })
            .collect();
        for (time, value) in samples {
            let value = if name == "ALERTS_FOR_STATE" { value - earlier } else { *value };
            let line = format!("{name}{{{}}} {value} {:.3}\n", others.join(","), time - earlier);
            text.push_str(&line);
        }
    }
    text + "# EOF\n"
}

/// Starts it with the files of a directory, and waits until it is ready; `None` when the port is another's.
fn serve(directory: &Path, address: SocketAddr, flags: &[String]) -> Result<Option<Daemon>> {
    let mut command = Command::new(tool::find("prometheus")?);
    command.arg(format!("--config.file={}", directory.join("prometheus.yml").display()));
    command.arg(format!("--storage.tsdb.path={}", directory.join("data").display()));
    command.arg(format!("--web.listen-address={address}")).arg("--web.enable-lifecycle");
    // Started anew, it finds Alertmanager only some seconds after its rules begin: what fired before is told again after
    // this time, and Alertmanager waits for four of them before it takes an alert for over.
    command.arg("--rules.alert.resend-delay=15s");
    command.args(flags);
    let log = directory.join("log");
    // What a predecessor logged stays.
    let before = fs::metadata(&log).map_or(0, |log| log.len());
    let mut daemon = Daemon::start("prometheus", &mut command, &log)?;
    let new = |log: &str| log.get(usize::try_from(before).ok()?..).map(str::to_owned);
    let is_ready = |log: &str| new(log)?.contains("Server is ready to receive").then_some(());
    match daemon.wait_for("is ready", is_ready) {
        Err(_) if new(&daemon.log()).is_some_and(|log| log.contains("address already in use")) => Ok(None),
        Err(error) => Err(error),
        Ok(()) => Ok(Some(daemon)),
    }
}

/// Has promtool look at a configuration file.
///
/// # Errors
/// What promtool objects to.
pub fn check_config(path: &Path) -> Result<()> {
    judged(Command::new(tool::find("promtool")?).args(["check", "config"]).arg(path), "")
}

/// Has promtool look at an exposition in the text format: it must parse, and keep the conventions.
///
/// # Errors
/// What promtool objects to.
pub fn check_metrics(exposition: &str) -> Result<()> {
    judged(Command::new(tool::find("promtool")?).args(["check", "metrics"]), exposition)
}

/// Has the strict parser of Python's `prometheus_client` read an exposition in the OpenMetrics format.
///
/// # Errors
/// What the parser objects to.
pub fn check_openmetrics(exposition: &str) -> Result<()> {
    tool::find("prometheus_client")?;
    // Debian's own, which the package belongs to, whatever comes first in the PATH.
    let mut command = Command::new("/usr/bin/python3");
    command.args(["-c", OPENMETRICS]);
    judged(&mut command, exposition)
}

const OPENMETRICS: &str = "
import sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse
families = list(parse(sys.stdin.buffer.read().decode('utf-8')))
assert families, 'no metrics'
";

/// Feeds a judge, who objects by his exit status or by a word on standard error.
fn judged(command: &mut Command, input: &str) -> Result<()> {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    // A judge that has heard enough closes; his verdict counts.
    let _ = child.stdin.take().context("standard input is a pipe")?.write_all(input.as_bytes());
    let output = child.wait_with_output()?;
    let objections = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success() && objections.trim().is_empty(),
        "{command:?}: {}: {objections}",
        output.status
    );
    Ok(())
}

fn sample(result: &Value) -> Result<Sample> {
    let value = result["value"][1].as_str().context("a sample has no value")?;
    Ok(Sample { labels: labels(result)?, value: value.parse()? })
}

fn series(result: &Value) -> Result<Series> {
    let samples = result["values"].as_array().context("a series has no samples")?.iter().map(|pair| {
        let time = pair[0].as_f64().context("a sample has no time")?;
        Ok((time, pair[1].as_str().context("a sample has no value")?.parse()?))
    });
    Ok(Series { labels: labels(result)?, samples: samples.collect::<Result<_>>()? })
}

fn labels(result: &Value) -> Result<BTreeMap<String, String>> {
    let labels = result["metric"].as_object().context("a sample has no labels")?;
    Ok(labels
        .iter()
        .map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned()))
        .collect())
}

/// A text as part of a query string.
fn escaped(text: &str) -> String {
    text.bytes().fold(String::new(), |mut escaped, byte| {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                escaped.push(char::from(byte))
            }
            _ => escaped.push_str(&format!("%{byte:02X}")),
        }
        escaped
    })
}
