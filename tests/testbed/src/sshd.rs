//! A node served by OpenSSH's own `sshd`.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};
use tempfile::TempDir;

use crate::authority::Authority;
use crate::client::{Client, Node};
use crate::login::{Login, printed};
use crate::process::{Daemon, Process};
use crate::server::Server;
use crate::{Result, poll, tool};

/// An sshd on loopback with an account of its own. Dropping it ends the server and every connection.
#[derive(Debug)]
pub struct Sshd {
    // Before the directory: fields drop in order.
    server: Server,
    directory: TempDir,
    port: Cell<u16>,
    environment: Vec<(String, String)>,
}

/// How an [`Sshd`] is set up.
#[derive(Debug)]
pub struct Options {
    login: Login,
    authorized_keys: String,
    lines: Vec<(String, String)>,
    environment: Vec<(String, String)>,
}

impl Options {
    /// An sshd that lets the client in to this account.
    pub fn new(client: &Client, login: Login) -> Self {
        let authorized_keys = client.public_key().to_owned() + "\n";
        Self { login, authorized_keys, lines: Vec::new(), environment: Vec::new() }
    }

    /// Sets a keyword of `sshd_config`, as `MaxStartups` to `1:100:1` or `PubkeyAuthentication` to `no`.
    #[must_use]
    pub fn set(mut self, keyword: &str, value: &str) -> Self {
        self.lines.push((keyword.to_owned(), value.to_owned()));
        self
    }

    /// Replaces the authorized keys. A `command=` there has its effect only with [`Login::plain`].
    #[must_use]
    pub fn authorized_keys(self, text: &str) -> Self {
        Self { authorized_keys: text.to_owned() + "\n", ..self }
    }

    /// Sets the environment of sshd itself, which its sessions do not have.
    #[must_use]
    pub fn environment(self, environment: Vec<(String, String)>) -> Self {
        Self { environment, ..self }
    }

    /// Starts it on a free port.
    ///
    /// # Errors
    /// When a tool is missing or sshd does not come up; the error shows its log.
    pub fn start(self) -> Result<Sshd> {
        Sshd::set_up(&self)
    }
}

impl Sshd {
    /// Starts an sshd that lets the client in to this account.
    ///
    /// # Errors
    /// When a tool is missing or sshd does not come up; the error shows its log.
    pub fn start(client: &Client, login: Login) -> Result<Self> {
        Options::new(client, login).start()
    }

    fn set_up(options: &Options) -> Result<Self> {
        let directory = tempfile::Builder::new().prefix("sshd-").tempdir()?;
        let mark = format!("TESTBED_NODE={}", directory.path().display());
        let installed = options.login.install(directory.path(), &mark)?;
        make_key(&directory.path().join("host_key"))?;
        fs::write(directory.path().join("authorized_keys"), &options.authorized_keys)?;

        // The first value of a keyword counts: the caller's come first.
        let mut text = String::new();
        for (keyword, value) in &options.lines {
            writeln!(text, "{keyword} {value}")?;
        }
        let path = directory.path().display();
        writeln!(text, "HostKey {path}/host_key\nAuthorizedKeysFile {path}/authorized_keys\nPidFile none")?;
        writeln!(
            text,
            "LogLevel VERBOSE\nStrictModes no\nPermitRootLogin yes\nPermitUserRC no\nUseDNS no\nX11Forwarding no"
        )?;
        writeln!(
            text,
            "PasswordAuthentication no\nKbdInteractiveAuthentication no\nUsePAM {}",
            yes_or_no(needs_pam()?)
        )?;
        if penalizes_sources()? {
            // Every client of every test has the one address.
            writeln!(text, "PerSourcePenalties no")?;
        }
        write!(text, "SetEnv")?;
        let mut environment = installed.environment;
        if let Some(launcher) = installed.launcher {
            // The user's own shell runs the launcher: an empty home and a high SHLVL keep it from reading profiles.
            let empty = directory.path().join("empty");
            fs::create_dir_all(&empty)?;
            let of_shell = [("HOME", empty.display().to_string()), ("SHLVL", "9".to_owned()), mark_of(&mark)];
            environment = of_shell.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
            writeln!(text, "{}\nForceCommand {launcher}", environment_words(&environment)?)?;
        } else {
            writeln!(text, "{}", environment_words(&environment)?)?;
        }
        fs::write(directory.path().join("sshd_config"), text)?;

        let of_sshd = options.environment.clone();
        let node = Self { server: Server::new(mark), directory, port: Cell::new(0), environment: of_sshd };
        node.listen_on_free_port()?;
        Ok(node)
    }

    /// Another may take a free port before sshd does; then there is another free port.
    fn listen_on_free_port(&self) -> Result<()> {
        for _ in 0..5 {
            self.port.set(free_port()?);
            match self.restart() {
                Err(_) if self.log().contains("Address already in use") => {}
                outcome => return outcome,
            }
        }
        bail!("sshd finds no free port")
    }

    /// Starts the listener again, on the same port. A listener that is there is ended first; its connections stay.
    ///
    /// # Errors
    /// When sshd does not come up; the error shows its log.
    pub fn restart(&self) -> Result<()> {
        self.stop()?;
        if rustix::process::geteuid().is_root() {
            // Compiled in; the package's service makes it in the same way.
            fs::create_dir_all("/run/sshd").context("sshd needs /run/sshd")?;
        }
        let before = self.log().len();
        let mut command = Command::new(tool::find("sshd")?);
        command.args(["-D", "-e", "-o"]).arg(format!("ListenAddress={}", self.address()));
        command.arg("-f").arg(self.file("sshd_config"));
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        let mut daemon = Daemon::start("sshd", &mut command, &self.file("log"))?;
        let listening = format!("Server listening on {} port {}.", self.address().ip(), self.port.get());
        daemon.wait_for("listens", |log| log.get(before..)?.contains(&listening).then_some(()))?;
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

    /// Every process of its connections and sessions, those included that outlive their connection.
    pub fn connections_and_sessions(&self) -> Vec<Process> {
        self.server.connections_and_sessions()
    }

    /// The processes that run in its sessions: the remote commands.
    pub fn commands(&self) -> Vec<Process> {
        self.server.commands()
    }

    /// Waits until no remote command runs any more, by itself.
    ///
    /// # Errors
    /// When some stay; the error shows their command lines.
    pub fn wait_until_idle(&self) -> Result<()> {
        let mut last = Vec::new();
        let waited = poll::until("no remote command runs", || {
            last = self.commands();
            Ok(last.is_empty().then_some(()))
        });
        waited.with_context(|| last.iter().map(Process::command_line).collect::<Vec<_>>().join("\n"))
    }

    /// Makes a new host key and restarts: the node is then another than the clients know.
    ///
    /// # Errors
    /// When the key cannot be made or sshd does not come up.
    pub fn replace_host_key(&self) -> Result<()> {
        make_key(&self.file("host_key"))?;
        self.restart()
    }

    /// Has the authority vouch for the host key under this name, and restarts: sshd then shows the certificate.
    ///
    /// # Errors
    /// When ssh-keygen fails or sshd does not come up.
    pub fn certify_host_key(&self, authority: &Authority, name: &str) -> Result<()> {
        authority.certify_host(&self.file("host_key.pub"), name)?;
        let mut text = fs::read_to_string(self.file("sshd_config"))?;
        writeln!(text, "HostCertificate {}", self.file("host_key-cert.pub").display())?;
        fs::write(self.file("sshd_config"), text)?;
        self.restart()
    }

    /// Replaces the authorized keys, from the next login on.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn authorize(&self, authorized_keys: &str) -> Result<()> {
        Ok(fs::write(self.file("authorized_keys"), authorized_keys.trim_end().to_owned() + "\n")?)
    }

    /// All that sshd logged, over restarts.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.file("log")).unwrap_or_default()).into_owned()
    }

    /// How many clients connected, whether or not they were let in.
    pub fn connections(&self) -> usize {
        self.count("Connection from ")
    }

    /// How many clients were let in.
    pub fn logins(&self) -> usize {
        self.count("Accepted publickey for ") + self.count("Accepted gssapi-with-mic for ")
    }

    /// How many commands were run.
    pub fn sessions(&self) -> usize {
        self.count("Starting session: ")
    }

    /// The home directory of its account.
    pub fn home(&self) -> PathBuf {
        self.file("home")
    }

    fn count(&self, start: &str) -> usize {
        self.log().lines().filter(|line| line.starts_with(start)).count()
    }

    fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }
}

impl Node for Sshd {
    fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port.get()).into()
    }

    fn host_key(&self) -> Option<String> {
        fs::read_to_string(self.file("host_key.pub")).ok()
    }
}

/// Makes an ed25519 key, in the place of one that is there. Gives its public half, as one line without its end.
pub(crate) fn make_key(path: &Path) -> Result<String> {
    for old in [path.to_owned(), path.with_extension("pub")] {
        if old.exists() {
            fs::remove_file(old)?;
        }
    }
    printed(
        Command::new(tool::find("ssh-keygen")?)
            .args(["-q", "-t", "ed25519", "-N", "", "-C", "testbed", "-f"])
            .arg(path),
    )?;
    Ok(fs::read_to_string(path.with_extension("pub"))?.trim_end().to_owned())
}

/// A port that was free a moment ago.
pub(crate) fn free_port() -> Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

fn environment_words(environment: &BTreeMap<String, String>) -> Result<String> {
    let mut words = String::new();
    for (name, value) in environment {
        if value.contains(['"', '\n']) {
            bail!("sshd's SetEnv cannot hold the value of {name}: {value}");
        }
        write!(words, " \"{name}={value}\"")?;
    }
    Ok(words)
}

fn mark_of(mark: &str) -> (&str, String) {
    let (name, value) = mark.split_once('=').unwrap_or((mark, ""));
    (name, value.to_owned())
}

fn yes_or_no(yes: bool) -> &'static str {
    if yes { "yes" } else { "no" }
}

/// sshd lets nobody into an account with a locked password, unless PAM, which it asks as root only, has no objection.
fn needs_pam() -> Result<bool> {
    if !rustix::process::geteuid().is_root() {
        return Ok(false);
    }
    let shadow = fs::read_to_string("/etc/shadow").context("cannot see whether root's password is locked")?;
    Ok(shadow.lines().any(|line| line.starts_with("root:!")))
}

/// Since 9.8 sshd refuses, for a while, an address that failed before.
fn penalizes_sources() -> Result<bool> {
    let output = Command::new(tool::find("ssh")?).arg("-V").output()?;
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let version = text
        .strip_prefix("OpenSSH_")
        .and_then(|rest| rest.split(|c: char| !c.is_ascii_digit() && c != '.').next());
    let mut numbers = version.unwrap_or_default().split('.').map(|number| number.parse::<u32>().unwrap_or(0));
    Ok((numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)) >= (9, 8))
}
