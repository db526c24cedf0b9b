//! Serving: load, bind, and serve until a signal to stop.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::exporter::Exporter;
use crate::http::{self, AllowedHost, App, WebConfig};
use crate::probe::local_files;
use crate::probe::runtime_dir::RuntimeDir;

/// How long to wait for ssh processes when the exporter stops; they are killed after two seconds.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// Flags of the server.
#[derive(Debug, Args)]
pub(super) struct Flags {
    /// Address to listen on; repeat for several
    #[arg(long = "web.listen-address", value_name = "ADDRESS", default_value = ":10222", value_parser = listen_address)]
    listen_addresses: Vec<String>,
    /// Web configuration file in the format of Prometheus: TLS and users
    #[arg(long = "web.config.file", value_name = "FILE")]
    web_config: Option<PathBuf>,
    /// Host name that requests may use, as a protection against DNS rebinding; repeat for several; by default every
    /// name is allowed
    #[arg(long = "web.allowed-host", value_name = "HOST[:PORT]")]
    allowed_hosts: Vec<AllowedHost>,
    /// Path of the metrics
    #[arg(long = "web.telemetry-path", value_name = "PATH", default_value = "/metrics", value_parser = telemetry_path)]
    telemetry_path: String,
    /// Greatest number of concurrent scrapes; 0 for no limit
    #[arg(long = "web.max-requests", value_name = "N", default_value_t = 100)]
    max_requests: usize,
    /// Greatest number of concurrent listings of nodes that answered last time; as many again for nodes never listed,
    /// and for nodes that hung
    #[arg(long = "probe.max-concurrent", value_name = "N", default_value_t = 64)]
    max_concurrent: usize,
}

/// Checks an address to listen on: an optional host, and a port. Only binding shows whether the host is valid.
fn listen_address(text: &str) -> Result<String, String> {
    let is_port = |port: &str| port.parse::<u16>().is_ok();
    match text.rsplit_once(':') {
        Some((host, port)) if is_port(port) && !host.contains(['/', ' ']) => Ok(text.to_owned()),
        None if is_port(text) => Err(format!("write :{text}")),
        _ => {
            Err("write HOST:PORT, such as 127.0.0.1:10222 or [::1]:10222, or :PORT for every address"
                .to_owned())
        }
    }
}

fn telemetry_path(path: &str) -> Result<String, String> {
    if http::is_free(path) && !path.contains(['?', '#', ' ']) {
        Ok(path.to_owned())
    } else {
        Err("expected a path such as /metrics that serves nothing else".to_owned())
    }
}

/// Serves until SIGTERM or SIGINT.
pub(super) fn run(files: Vec<PathBuf>, flags: Flags) -> ExitCode {
    let loaded = match super::load(&files) {
        Ok(loaded) => loaded,
        Err(faults) => return super::unusable(&files, &faults, 1),
    };
    for warning in local_files::warnings(&loaded.inventory) {
        tracing::warn!("{warning}");
    }
    let protection = match flags.web_config.as_deref().map(WebConfig::load).transpose() {
        Ok(protection) => protection.unwrap_or_default(),
        Err(error) => return super::fail(chain(&error), 1),
    };
    let dir = match RuntimeDir::create() {
        Ok(dir) => dir,
        Err(error) => return super::fail(error, 1),
    };
    raise_file_limit();
    let started = Exporter::new(files, loaded, dir, flags.max_concurrent).and_then(|exporter| {
        let exporter = Arc::new(exporter);
        let app = App::new(exporter.clone(), flags.telemetry_path, flags.max_requests)?;
        let app = app.only_as(flags.allowed_hosts).protected(protection);
        Ok((exporter, app, super::runtime()?))
    });
    let (exporter, app, runtime) = match started {
        Ok(started) => started,
        Err(error) => {
            return super::fail(format_args!("cannot start the server's threads: {error}"), 1);
        }
    };
    let status = runtime.block_on(serve(exporter, app, &flags.listen_addresses));
    // Work on other threads ends with the process.
    runtime.shutdown_background();
    status
}

async fn serve(exporter: Arc<Exporter>, app: App, listen_addresses: &[String]) -> ExitCode {
    let mut listeners = Vec::new();
    for address in listen_addresses {
        match http::bind(address).await {
            Ok(listener) => listeners.push(listener),
            Err(error) => return super::fail(format_args!("cannot listen on {address}: {error}"), 1),
        }
    }
    let stop = CancellationToken::new();
    let watching = match watch_signals(exporter.clone(), stop.clone()) {
        Ok(watching) => watching,
        Err(error) => return super::fail(format_args!("cannot watch for signals: {error}"), 1),
    };
    for listener in &listeners {
        if let Ok(address) = listener.local_addr() {
            tracing::info!(%address, "listening");
        }
    }
    let closing = async {
        stop.cancelled().await;
        // Every process has been killed by then. One that the kernel does not release is not waited for.
        if tokio::time::timeout(CLOSE_TIMEOUT, exporter.prober().close()).await.is_err() {
            tracing::warn!("ssh processes did not end in time");
        }
    };
    tokio::join!(http::serve(listeners, Arc::new(app), stop.clone()), closing);
    watching.abort();
    tracing::info!("stopped");
    ExitCode::SUCCESS
}

/// An error with its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |error| error.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

/// SIGHUP reloads; SIGTERM and SIGINT stop.
fn watch_signals(
    exporter: Arc<Exporter>,
    stop: CancellationToken,
) -> std::io::Result<tokio::task::JoinHandle<()>> {
    let mut hangup = signal(SignalKind::hangup())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = hangup.recv() => {
                    let exporter = exporter.clone();
                    // A signal to stop must not wait for it. The log has the error.
                    tokio::spawn(async move { drop(exporter.reload().await) });
                }
                _ = terminate.recv() => break,
                _ = interrupt.recv() => break,
            }
        }
        tracing::info!("stopping");
        stop.cancel();
    }))
}

/// Raises the soft limit of open files: every session and listing takes a few, and hundreds of nodes exceed the usual
/// 1024.
fn raise_file_limit() {
    let limit = getrlimit(Resource::Nofile);
    if limit.current < limit.maximum || limit.maximum.is_none() {
        let raised = Rlimit { current: limit.maximum.or(Some(65_536)), maximum: limit.maximum };
        if let Err(error) = setrlimit(Resource::Nofile, raised) {
            tracing::debug!(%error, "cannot raise the limit of open files");
        }
    }
}
