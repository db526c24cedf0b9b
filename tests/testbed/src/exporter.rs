//! The exporter as a process of its own, as a service manager starts it.

use std::ffi::OsStr;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

use anyhow::Context as _;
use rustix::process::Signal;
use tempfile::TempDir;

use crate::http::{self, Response};
use crate::process::{Daemon, Process};
use crate::{Result, poll};

/// A running exporter. Dropping it ends it with SIGTERM.
#[derive(Debug)]
pub struct Exporter {
    // Before the directory: fields drop in order, and the exporter still cleans up below it.
    daemon: Daemon,
    directory: TempDir,
    address: SocketAddr,
}

impl Exporter {
    /// Starts the program with these configuration files on a free port, and waits until it listens.
    ///
    /// # Errors
    /// When it does not come up; the error shows what it printed.
    pub fn start(program: &Path, configs: &[&Path]) -> Result<Self> {
        Self::start_on(0, program, configs)
    }

    /// As [`Exporter::start`], on this port.
    ///
    /// # Errors
    /// When it does not come up; the error shows what it printed.
    pub(crate) fn start_on(port: u16, program: &Path, configs: &[&Path]) -> Result<Self> {
        Self::run(port, runtime_directory()?, program, configs, &[] as &[&str], &[])
    }

    /// As [`Exporter::start`], with more arguments and environment variables.
    ///
    /// # Errors
    /// When it does not come up; the error shows what it printed.
    pub fn start_with(
        program: &Path,
        configs: &[&Path],
        arguments: &[impl AsRef<OsStr>],
        environment: &[(&str, &str)],
    ) -> Result<Self> {
        Self::start_in(runtime_directory()?, program, configs, arguments, environment)
    }

    /// As [`Exporter::start_with`], in the runtime directory that another one left behind.
    ///
    /// # Errors
    /// When it does not come up; the error shows what it printed.
    pub fn start_in(
        directory: TempDir,
        program: &Path,
        configs: &[&Path],
        arguments: &[impl AsRef<OsStr>],
        environment: &[(&str, &str)],
    ) -> Result<Self> {
        Self::run(0, directory, program, configs, arguments, environment)
    }

    fn run(
        port: u16,
        directory: TempDir,
        program: &Path,
        configs: &[&Path],
        arguments: &[impl AsRef<OsStr>],
        environment: &[(&str, &str)],
    ) -> Result<Self> {
        let mut command = Command::new(program);
        for config in configs {
            command.arg("--config.file").arg(config);
        }
        command.args(["--web.listen-address", &format!("127.0.0.1:{port}")]).args(arguments);
        command.env_remove("RUNTIME_DIRECTORY").env("XDG_RUNTIME_DIR", runtime_of(&directory));
        command.envs(environment.iter().copied());
        let log = directory.path().join("log");
        // A predecessor's log names another address.
        fs::write(&log, "")?;
        let mut daemon = Daemon::start("scm-backup-exporter", &mut command, &log)?;
        let address = daemon.wait_for("listens", listening_address)?;
        Ok(Self { daemon, directory, address })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// A URL of it, from a path as `/metrics`.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// GET of a path.
    ///
    /// # Errors
    /// When no answer comes.
    pub fn get(&self, path: &str) -> Result<Response> {
        http::get(&self.url(path), &[])
    }

    /// GET of a path with request headers.
    ///
    /// # Errors
    /// When no answer comes.
    pub fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Result<Response> {
        http::get(&self.url(path), headers)
    }

    /// The body of a path that must answer 200.
    ///
    /// # Errors
    /// When it does not; the error shows the log.
    pub fn text(&self, path: &str) -> Result<String> {
        let response = self.get(path).with_context(|| self.log())?;
        anyhow::ensure!(
            response.status == 200,
            "{path}: {}: {:?}\n{}",
            response.status,
            response.text(),
            self.log()
        );
        response.text()
    }

    /// All it printed, without colours.
    pub fn log(&self) -> String {
        without_escapes(&self.daemon.log())
    }

    /// Waits until a line of its log holds this text, and gives the line.
    ///
    /// # Errors
    /// When none does.
    pub fn wait_for_log(&mut self, text: &str) -> Result<String> {
        self.daemon.wait_for(&format!("logs {text:?}"), |log| {
            without_escapes(log).lines().find(|line| line.contains(text)).map(str::to_owned)
        })
    }

    /// Its process number.
    pub fn pid(&self) -> i32 {
        self.daemon.pid()
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        self.daemon.signal(signal);
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// When it does not end.
    pub fn wait(&mut self) -> Result<ExitStatus> {
        self.daemon.wait(poll::BOUND)
    }

    /// Ends it with a signal and hands over its runtime directory, to look at or to start a successor in.
    ///
    /// # Errors
    /// When it does not end.
    pub fn end(mut self, signal: Signal) -> Result<(ExitStatus, TempDir)> {
        self.signal(signal);
        let status = self.wait()?;
        Ok((status, self.directory))
    }

    /// The directory it keeps its control sockets in.
    pub fn runtime_directory(&self) -> PathBuf {
        runtime_of(&self.directory)
    }

    /// The ssh processes it runs.
    pub fn ssh_processes(&self) -> Vec<Process> {
        ssh_processes(&self.directory)
    }

    /// What there is of it besides itself: see [`leftovers`].
    pub fn leftovers(&self) -> Vec<String> {
        leftovers(&self.directory)
    }
}

/// A directory for an exporter's runtime files; a short path, since sockets need that.
///
/// # Errors
/// When it cannot be made.
pub fn runtime_directory() -> Result<TempDir> {
    use std::os::unix::fs::PermissionsExt as _;
    let directory = tempfile::Builder::new().prefix("sbe").tempdir_in("/tmp")?;
    let runtime = runtime_of(&directory);
    fs::create_dir(&runtime)?;
    // As a login session makes it.
    fs::set_permissions(runtime, fs::Permissions::from_mode(0o700))?;
    Ok(directory)
}

/// What an exporter left: the ssh processes that name its directory, and the files in it.
pub fn leftovers(directory: &TempDir) -> Vec<String> {
    let mut found: Vec<String> = ssh_processes(directory).iter().map(Process::command_line).collect();
    let mut directories = vec![runtime_of(directory)];
    while let Some(next) = directories.pop() {
        for entry in fs::read_dir(next).into_iter().flatten().flatten() {
            found.push(entry.path().display().to_string());
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                directories.push(entry.path());
            }
        }
    }
    found
}

/// All that an exporter printed, its last words included, without colours.
pub fn log(directory: &TempDir) -> String {
    without_escapes(&String::from_utf8_lossy(&fs::read(directory.path().join("log")).unwrap_or_default()))
}

fn runtime_of(directory: &TempDir) -> PathBuf {
    directory.path().join("run")
}

fn ssh_processes(directory: &TempDir) -> Vec<Process> {
    let runtime = runtime_of(directory).display().to_string();
    let ours = |process: &Process| {
        let line = process.command_line();
        line.contains(&runtime)
            && line.split(' ').next().is_some_and(|program| program.trim_end_matches(':').ends_with("ssh"))
    };
    Process::all().into_iter().filter(ours).collect()
}

/// The address of the line that says `listening address=127.0.0.1:PORT`.
fn listening_address(log: &str) -> Option<SocketAddr> {
    let log = without_escapes(log);
    // A line still being written may lack the end of its port.
    let whole = &log[..=log.rfind('\n')?];
    let line = whole.lines().find(|line| line.contains("listening") && line.contains("address="))?;
    let value = line.split("address=").nth(1)?;
    value.trim_start_matches('"').split(|c: char| c.is_whitespace() || c == '"').next()?.parse().ok()
}

/// A text without the escape sequences that colour it.
pub fn without_escapes(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text.split("\x1b[");
    plain.push_str(rest.next().unwrap_or_default());
    for part in rest {
        plain.push_str(part.split_once(|c: char| c.is_ascii_alphabetic()).map_or("", |(_, text)| text));
    }
    plain
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
mod tests {
    use super::*;

    #[test]
    fn address_is_read_from_a_coloured_line() {
        let log = "\x1b[2m2026-01-01\x1b[0m \x1b[32m INFO\x1b[0m listening \x1b[3maddress\x1b[0m\x1b[2m=\x1b[0m127.0.0.1:40123 tls=false\n";
        assert_eq!(listening_address(log), Some("127.0.0.1:40123".parse().unwrap()));
    }

    #[test]
    fn half_a_line_gives_no_address() {
        assert_eq!(listening_address("INFO listening address=127.0.0.1:4"), None);
    }
}
