//! An SSH server's processes: the listener, its connections, and what runs in their sessions.

use std::cell::RefCell;

use rustix::process::Signal;

use crate::Result;
use crate::process::{Daemon, Process, kill_all, with_descendants};

/// The processes of one node. Dropping it ends them all.
#[derive(Debug)]
pub(crate) struct Server {
    /// Stands in the environment of all that runs in a session, as `NAME=value`.
    mark: String,
    listener: RefCell<Option<Daemon>>,
    /// Connections that were open when their listener ended.
    orphans: RefCell<Vec<Process>>,
}

impl Server {
    pub(crate) fn new(mark: String) -> Self {
        Self { mark, listener: RefCell::new(None), orphans: RefCell::new(Vec::new()) }
    }

    /// Takes over a listener.
    pub(crate) fn listen(&self, daemon: Daemon) {
        self.listener.replace(Some(daemon));
    }

    /// Ends the listener; its connections stay.
    pub(crate) fn stop(&self) -> Result<()> {
        let Some(mut daemon) = self.listener.take() else { return Ok(()) };
        if let Some(listener) = daemon.process() {
            // Stopped, it cannot fork a connection that we would not know of.
            listener.signal(Signal::STOP);
            let connections =
                with_descendants(&[listener]).into_iter().filter(|process| *process != listener);
            self.orphans.borrow_mut().extend(connections);
            listener.signal(Signal::KILL);
        }
        daemon.stop()
    }

    /// Kills every connection and all that runs in its sessions; the listener stays.
    pub(crate) fn kill_connections(&self) -> Result<()> {
        kill_all(|| self.connections_and_sessions())
    }

    /// Every process of its connections and sessions, those included that outlive their connection.
    pub(crate) fn connections_and_sessions(&self) -> Vec<Process> {
        let listener = self.listener.borrow().as_ref().and_then(Daemon::process);
        let mut roots = self.orphans.borrow().clone();
        roots.extend(listener);
        roots.extend(self.commands());
        let mut found = with_descendants(&roots);
        found.retain(|process| Some(*process) != listener);
        found.sort_unstable();
        found.dedup();
        found
    }

    /// The processes that run in its sessions.
    pub(crate) fn commands(&self) -> Vec<Process> {
        Process::all().into_iter().filter(|process| process.has_environment(&self.mark)).collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Nobody is left to hear of a failure.
        let _ = self.stop();
        let _ = self.kill_connections();
    }
}
