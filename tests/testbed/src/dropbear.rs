//! A node served by dropbear, as on a NAS.
//!
//! Dropbear takes the authorized keys from the home of the passwd entry and, before 2025.87, has no option for
//! another place. So that no home of a real user is touched, it is shown a passwd file of ours by libnss_wrapper,
//! which works as any user; dropbear itself clears its environment for the sessions.

use std::cell::Cell;
use std::fs::{self, Permissions};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, bail};
use tempfile::TempDir;

use crate::client::{Client, Node};
use crate::login::{Login, printed};
use crate::process::{Daemon, Process};
use crate::server::Server;
use crate::sshd::free_port;
use crate::{Result, tool};

/// A dropbear on loopback with an account of its own. Dropping it ends the server and every connection.
#[derive(Debug)]
pub struct Dropbear {
    // Before the directory: fields drop in order.
    server: Server,
    directory: TempDir,
    port: Cell<u16>,
    launcher: String,
    host_key: String,
}

impl Dropbear {
    /// Starts a dropbear that lets the client in to this account.
    ///
    /// # Errors
    /// When a tool is missing, the account is a plain one, or dropbear does not come up; the error shows its log.
    pub fn start(client: &Client, login: &Login) -> Result<Self> {
        let directory = tempfile::Builder::new().prefix("dropbear-").tempdir()?;
        let path = directory.path();
        let mark = format!("TESTBED_NODE={}", path.display());
        let launcher = login.install(path, &mark)?.launcher.context("a plain account needs an sshd")?;

        let login_home = path.join("login");
        let ssh = login_home.join(".ssh");
        fs::create_dir_all(&ssh)?;
        fs::write(ssh.join("authorized_keys"), format!("{}\n", client.public_key()))?;
        // Dropbear does not trust what others can write.
        for closed in [&login_home, &ssh, &ssh.join("authorized_keys")] {
            fs::set_permissions(closed, Permissions::from_mode(0o700))?;
        }
        let (user, group) = (rustix::process::getuid().as_raw(), rustix::process::getgid().as_raw());
        let entry = format!("{}:x:{user}:{group}::{}:/bin/sh\n", client.user(), login_home.display());
        fs::write(path.join("passwd"), entry)?;
        fs::write(path.join("group"), format!("testbed:x:{group}:\n"))?;

        let host_key = path.join("host_key");
        let made =
            printed(Command::new(tool::find("dropbearkey")?).args(["-t", "ed25519", "-f"]).arg(&host_key))?;
        let public = made.lines().find(|line| line.starts_with("ssh-ed25519 "));
        let host_key = public.context("dropbearkey shows no public key")?.to_owned();

        let node = Self { server: Server::new(mark), directory, port: Cell::new(0), launcher, host_key };
        for _ in 0..5 {
            node.port.set(free_port()?);
            match node.restart() {
                // Another took the port that was free.
                Err(_) if node.log().contains("Address already in use") => {}
                outcome => return outcome.map(|()| node),
            }
        }
        bail!("dropbear finds no free port")
    }

    /// Starts the listener again, on the same port. A listener that is there is ended first; its connections stay.
    ///
    /// # Errors
    /// When dropbear does not come up; the error shows its log.
    pub fn restart(&self) -> Result<()> {
        self.stop()?;
        let before = self.log().len();
        let mut command = Command::new(tool::find("dropbear")?);
        command.env("LD_PRELOAD", tool::find("libnss_wrapper.so")?);
        command.env("NSS_WRAPPER_PASSWD", self.file("passwd")).env("NSS_WRAPPER_GROUP", self.file("group"));
        command.args(["-F", "-E", "-s", "-p"]).arg(self.address().to_string());
        command
            .arg("-r")
            .arg(self.file("host_key"))
            .arg("-P")
            .arg(self.file("pid"))
            .arg("-c")
            .arg(&self.launcher);
        let mut daemon = Daemon::start("dropbear", &mut command, &self.file("log"))?;
        // Said after the sockets are set up.
        daemon.wait_for("listens", |log| log.get(before..)?.contains("Not backgrounding").then_some(()))?;
        self.server.listen(daemon);
        Ok(())
    }

    /// Ends the listener: nobody can connect any more. The connections that are open stay.
    ///
    /// # Errors
    /// When the listener does not end.
    pub fn stop(&self) -> Result<()> {
        self.server.stop()
    }

    /// Kills every connection and all that runs in its sessions; the listener stays.
    ///
    /// # Errors
    /// When a process cannot be ended.
    pub fn kill_connections(&self) -> Result<()> {
        self.server.kill_connections()
    }

    /// Every process of its connections and sessions.
    pub fn connections_and_sessions(&self) -> Vec<Process> {
        self.server.connections_and_sessions()
    }

    /// All that dropbear logged, over restarts.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.file("log")).unwrap_or_default()).into_owned()
    }

    /// How many clients were let in.
    pub fn logins(&self) -> usize {
        self.log().lines().filter(|line| line.contains("Pubkey auth succeeded")).count()
    }

    fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }
}

impl Node for Dropbear {
    fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port.get()).into()
    }

    fn host_key(&self) -> Option<String> {
        Some(self.host_key.clone())
    }
}
