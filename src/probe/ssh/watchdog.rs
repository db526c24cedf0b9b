//! Ends the masters' process groups if the exporter is killed.
//!
//! The kernel signals a master when the exporter dies (see [`trampoline`](super::trampoline)), but not the master's
//! children. So the exporter starts itself once more, with the hidden subcommand [`SUBCOMMAND`]: one process for all
//! masters. It reads the groups from a pipe, and sees the pipe close when the exporter is gone.

use std::collections::HashSet;
use std::io::{self, BufRead as _, PipeWriter, Write as _};
use std::process::Stdio;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Instant;

use rustix::process::{Pid, Signal, getpid, kill_process_group, setsid};
use tokio::process::{Child, Command};

use super::group;

/// Name of the hidden subcommand.
pub const SUBCOMMAND: &str = "ssh-watchdog";

/// The watchdog's process, started on demand, and the current groups.
#[derive(Debug, Default)]
pub(super) struct Watchdog(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    running: Option<Running>,
    groups: HashSet<Pid>,
}

#[derive(Debug)]
struct Running {
    process: Child,
    pipe: PipeWriter,
}

impl Watchdog {
    /// The pipe through which a trampoline announces its group, see [`watch_us`].
    pub(super) fn pipe(&self) -> io::Result<PipeWriter> {
        let State { running, groups } = &mut *self.state();
        if let Some(Running { process, pipe }) = running
            && matches!(process.try_wait(), Ok(None))
        {
            return pipe.try_clone();
        }
        // There is no watchdog yet, or it was killed.
        let Running { pipe, .. } = running.insert(Running::start()?);
        for group in &*groups {
            writeln!(pipe, "+{}", group.as_raw_nonzero())?;
        }
        pipe.try_clone()
    }

    /// Records the group of a new trampoline, which announces it to the watchdog itself.
    pub(super) fn note(&self, group: Pid) {
        self.state().groups.insert(group);
    }

    /// Removes a group that has ended.
    pub(super) fn forget(&self, group: Pid) {
        let State { running, groups } = &mut *self.state();
        groups.remove(&group);
        if let Some(Running { pipe, .. }) = running {
            // The watchdog may have been killed.
            let _ = writeln!(pipe, "-{}", group.as_raw_nonzero());
        }
    }

    /// Ends it, after the groups. Closing its pipe is not enough for one that somebody stopped.
    pub(super) async fn end(&self) {
        let running = self.state().running.take();
        if let Some(Running { mut process, pipe }) = running {
            drop(pipe);
            let _ = process.kill().await;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Running {
    fn start() -> io::Result<Self> {
        let (reader, pipe) = io::pipe()?;
        let process = Command::new("/proc/self/exe")
            .arg(SUBCOMMAND)
            .stdin(reader)
            .stdout(Stdio::null())
            // A reader of the exporter's output must see its end when the exporter is killed.
            .stderr(Stdio::null())
            .spawn()?;
        Ok(Self { process, pipe })
    }
}

/// Announces this process's group to the watchdog, which reads its standard output.
pub(super) fn watch_us() -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "+{}", getpid().as_raw_nonzero())?;
    out.flush()
}

/// Runs the watchdog: returns when the exporter and all its groups are gone.
pub fn watch() -> io::Result<()> {
    // A terminal's signals to the exporter must not reach the watchdog.
    setsid()?;
    let mut groups = HashSet::new();
    for line in io::stdin().lock().lines() {
        let line = line?;
        let (sign, number) = line.split_at_checked(1).unwrap_or_default();
        if let Some(group) = number.parse().ok().and_then(Pid::from_raw) {
            match sign {
                "+" => groups.insert(group),
                _ => groups.remove(&group),
            };
        }
    }
    for signal in [Signal::TERM, Signal::KILL] {
        let deadline = Instant::now() + group::PATIENCE;
        for group in &groups {
            let _ = kill_process_group(*group, signal);
        }
        while groups.iter().any(|group| group::is_there(*group)) && Instant::now() < deadline {
            thread::sleep(group::PAUSE);
        }
        groups.retain(|group| group::is_there(*group));
    }
    Ok(())
}
