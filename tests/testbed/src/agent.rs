//! A real ssh-agent: the one place where its key still is.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

use crate::login::printed;
use crate::process::Daemon;
use crate::sshd::make_key;
use crate::{Result, tool};

/// An agent with a key of its own, whose file is removed. Dropping it ends it.
#[derive(Debug)]
pub struct Agent {
    // Before the directory: fields drop in order.
    _daemon: Daemon,
    directory: TempDir,
    public_key: String,
}

impl Agent {
    /// Starts it and gives it a new key.
    ///
    /// # Errors
    /// When a tool is missing, the agent does not come up, or it does not take the key.
    pub fn start() -> Result<Self> {
        let directory = tempfile::Builder::new().prefix("agent-").tempdir()?;
        let key = directory.path().join("key");
        let public_key = make_key(&key)?;

        let mut command = Command::new(tool::find("ssh-agent")?);
        command.arg("-D").arg("-a").arg(directory.path().join("socket"));
        let mut daemon = Daemon::start("ssh-agent", &mut command, &directory.path().join("log"))?;
        // It prints its variables once it listens.
        daemon.wait_for("listens", |log| log.contains("SSH_AUTH_SOCK=").then_some(()))?;
        let agent = Self { _daemon: daemon, directory, public_key };
        printed(agent.ssh_add()?.arg("-q").arg(&key))?;
        fs::remove_file(key)?;
        Ok(agent)
    }

    /// Its socket, the value of `SSH_AUTH_SOCK`.
    pub fn socket(&self) -> PathBuf {
        self.directory.path().join("socket")
    }

    /// The public half of its key, as one line without its end.
    pub fn public_key(&self) -> &str {
        &self.public_key
    }

    /// Takes the key away from it, as `ssh-add -D` does and every start of the machine.
    ///
    /// # Errors
    /// When ssh-add fails.
    pub fn forget_keys(&self) -> Result<()> {
        printed(self.ssh_add()?.args(["-q", "-D"]))?;
        Ok(())
    }

    fn ssh_add(&self) -> Result<Command> {
        let mut command = Command::new(tool::find("ssh-add")?);
        command.env("SSH_AUTH_SOCK", self.socket());
        Ok(command)
    }
}
