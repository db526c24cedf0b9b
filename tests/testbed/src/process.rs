//! Processes: what we started, what they started, and ending both by their own handles.
//!
//! sshd puts every connection into a session and process group of its own, and a connection outlives the
//! listener, so groups do not find them. What does: the tree of parents, and a mark in the environment.

use std::fs::{self, File, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use crate::{Result, poll};

/// A process, told from a later one of the same number by the time it started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Process {
    /// Its number.
    pub pid: i32,
    /// Clock ticks from boot to its start.
    started: u64,
    parent: i32,
}

impl Process {
    /// The process of this number, unless it ended (a zombie has).
    pub fn of_pid(pid: i32) -> Option<Self> {
        // The name, in parentheses, may hold anything: the fields are counted from its end.
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let fields: Vec<&str> = stat[stat.rfind(')')? + 1..].split_whitespace().collect();
        if matches!(*fields.first()?, "Z" | "X") {
            return None;
        }
        Some(Self { pid, started: fields.get(19)?.parse().ok()?, parent: fields.get(1)?.parse().ok()? })
    }

    /// Every process of the machine.
    pub fn all() -> Vec<Self> {
        let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
        entries
            .flatten()
            .filter_map(|entry| Self::of_pid(entry.file_name().to_str()?.parse().ok()?))
            .collect()
    }

    /// Whether it still runs.
    pub fn is_alive(&self) -> bool {
        Self::of_pid(self.pid).is_some_and(|now| now.started == self.started)
    }

    /// Its command line, the arguments parted by spaces; empty when it ended.
    pub fn command_line(&self) -> String {
        let bytes = fs::read(format!("/proc/{}/cmdline", self.pid)).unwrap_or_default();
        String::from_utf8_lossy(&bytes).replace('\0', " ").trim_end().to_owned()
    }

    /// Whether its environment, as it was at its start, has this entry, as in `NAME=value`.
    pub fn has_environment(&self, entry: &str) -> bool {
        fs::read(format!("/proc/{}/environ", self.pid))
            .is_ok_and(|bytes| bytes.split(|byte| *byte == 0).any(|one| one == entry.as_bytes()))
    }

    /// Sends it a signal; one that ended meanwhile is left in peace, and so is its successor.
    pub fn signal(&self, signal: Signal) {
        let Some(pid) = Pid::from_raw(self.pid) else { return };
        // The handle first, then the look whether it is still the same: no other can come in between.
        let Ok(handle) = pidfd_open(pid, PidfdFlags::empty()) else { return };
        if self.is_alive() {
            // It may end at any time, which is what is wanted.
            let _ = pidfd_send_signal(handle, signal);
        }
    }
}

/// These processes and all that descend from them, as far as the parents are alive.
pub fn with_descendants(roots: &[Process]) -> Vec<Process> {
    let all = Process::all();
    let mut tree: Vec<Process> = roots.iter().copied().filter(Process::is_alive).collect();
    let mut next = 0;
    while let Some(parent) = tree.get(next).map(|process| process.pid) {
        let children = all.iter().filter(|process| process.parent == parent);
        let new: Vec<Process> =
            children.filter(|child| tree.iter().all(|known| known.pid != child.pid)).copied().collect();
        tree.extend(new);
        next += 1;
    }
    tree
}

/// Kills processes and waits until they are gone.
///
/// # Errors
/// When one of them does not go.
pub fn kill_all(mut find: impl FnMut() -> Vec<Process>) -> Result<()> {
    poll::until("the processes are gone", || {
        let found = find();
        for process in &found {
            process.signal(Signal::KILL);
        }
        Ok(found.is_empty().then_some(()))
    })
}

/// A server of ours that runs in the foreground in its own process group, its output in a file.
#[derive(Debug)]
pub struct Daemon {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Daemon {
    /// Starts it; what it prints is appended to the log.
    ///
    /// # Errors
    /// When the log cannot be written or the program cannot be started.
    pub fn start(name: &str, command: &mut Command, log: &Path) -> Result<Self> {
        let output: File = OpenOptions::new().create(true).append(true).open(log)?;
        command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
        // A Ctrl-C on the terminal is for us alone: we end our servers in order.
        command.process_group(0);
        let child = poll::until(&format!("{name} can be started"), || match command.spawn() {
            Ok(child) => Ok(Some(child)),
            // Just written, it may still be open in a child that another thread is about to start.
            Err(error) if error.kind() == ErrorKind::ExecutableFileBusy => Ok(None),
            Err(error) => Err(error).with_context(|| format!("cannot start {name}")),
        })?;
        Ok(Self { name: name.to_owned(), child, log: log.to_owned() })
    }

    /// Its number.
    pub fn pid(&self) -> i32 {
        i32::try_from(self.child.id()).unwrap_or(i32::MAX)
    }

    /// It as a process; `None` when it ended.
    pub fn process(&self) -> Option<Process> {
        Process::of_pid(self.pid())
    }

    /// All it printed so far.
    pub fn log(&self) -> String {
        read_lossy(&self.log)
    }

    /// Waits until its log holds what is looked for.
    ///
    /// # Errors
    /// When it ended before, or takes too long; the error shows the log's end.
    pub fn wait_for<T>(&mut self, what: &str, mut look: impl FnMut(&str) -> Option<T>) -> Result<T> {
        let waited = poll::until(&format!("{} {what}", self.name), || {
            // The state first: what it printed before it ended still counts.
            let ended = self.child.try_wait()?;
            let found = look(&read_lossy(&self.log));
            match (found, ended) {
                (None, Some(status)) => bail!("{} ended: {status}", self.name),
                (found, _) => Ok(found),
            }
        });
        waited.map_err(|error| anyhow!("{error:#}; it says:\n{}", tail(&self.log())))
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        if let Some(process) = self.process() {
            process.signal(signal);
        }
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// When it does not end within the bound; the error shows the log's end.
    pub fn wait(&mut self, bound: Duration) -> Result<ExitStatus> {
        let waited =
            poll::until_within(bound, &format!("{} ends", self.name), || Ok(self.child.try_wait()?));
        waited.map_err(|error| anyhow!("{error:#}; it says:\n{}", tail(&self.log())))
    }

    /// Ends it: SIGTERM, and SIGKILL when that is not enough.
    ///
    /// # Errors
    /// When it cannot be waited for.
    pub fn stop(&mut self) -> Result<()> {
        if self.child.try_wait()?.is_some() {
            return Ok(());
        }
        self.signal(Signal::TERM);
        if self.wait(Duration::from_secs(10)).is_err() {
            self.child.kill()?;
            self.child.wait()?;
        }
        Ok(())
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // Nobody is left to hear of a failure.
        let _ = self.stop();
    }
}

fn read_lossy(path: &Path) -> String {
    String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).into_owned()
}

/// The last lines, which say why.
fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(20)..].join("\n")
}
