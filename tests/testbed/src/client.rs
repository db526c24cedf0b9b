//! The client's side: a key, the known hosts, and an ssh configuration in which each node is a host alias.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Command, Output};

use anyhow::Context as _;
use tempfile::TempDir;

use crate::authority::Authority;
use crate::login::printed;
use crate::sshd::make_key;
use crate::{Result, tool};

/// What a client must know of a node.
pub trait Node {
    /// Where it listens.
    fn address(&self) -> SocketAddr;

    /// Its public host key, as in a `.pub` file; `None` when it has none to show.
    fn host_key(&self) -> Option<String>;
}

/// Where a listener of any kind is: a server without a host key.
impl Node for SocketAddr {
    fn address(&self) -> SocketAddr {
        *self
    }

    fn host_key(&self) -> Option<String> {
        None
    }
}

/// A user's ssh directory. Configuration files of the exporter name the aliases and `ssh_config = PATH`.
#[derive(Debug)]
pub struct Client {
    directory: TempDir,
    public_key: String,
    user: String,
    hosts: BTreeMap<String, Host>,
    authority: Option<String>,
}

#[derive(Debug)]
struct Host {
    address: SocketAddr,
    host_key: Option<String>,
    options: BTreeMap<String, String>,
}

impl Client {
    /// Makes a key; no node is known yet.
    ///
    /// # Errors
    /// When ssh-keygen is missing or fails.
    pub fn new() -> Result<Self> {
        let directory = tempfile::Builder::new().prefix("client-").tempdir()?;
        let key = directory.path().join("key");
        let public_key = make_key(&key)?;
        let user = printed(Command::new("id").arg("-un"))?.trim_end().to_owned();
        let client = Self { directory, public_key, user, hosts: BTreeMap::new(), authority: None };
        client.write()?;
        Ok(client)
    }

    /// Makes a node known by an alias, with its host key. An alias that is there already is replaced.
    ///
    /// # Errors
    /// When the files cannot be written.
    pub fn add(&mut self, alias: &str, node: &impl Node) -> Result<()> {
        let host = Host { address: node.address(), host_key: node.host_key(), options: BTreeMap::new() };
        self.hosts.insert(alias.to_owned(), host);
        self.write()
    }

    /// As [`Client::add`], for a node that is reached through another one.
    ///
    /// # Errors
    /// When the files cannot be written.
    pub fn add_behind(&mut self, gateway: &str, alias: &str, node: &impl Node) -> Result<()> {
        self.add(alias, node)?;
        self.set(alias, "ProxyJump", gateway)
    }

    /// As [`Client::add`], for a node that the configuration gives another port than it listens on here. Only
    /// root can listen on a port as 229; this one is reached whatever port is asked for.
    ///
    /// # Errors
    /// When BusyBox is missing or the files cannot be written.
    pub fn add_at_any_port(&mut self, alias: &str, node: &impl Node) -> Result<()> {
        let (address, busybox) = (node.address(), tool::find("busybox")?);
        let relay = format!("{} nc {} {}", busybox.display(), address.ip(), address.port());
        self.add(alias, node)?;
        // The known hosts go by address and port otherwise.
        self.set(alias, "HostKeyAlias", alias)?;
        self.set(alias, "ProxyCommand", &relay)
    }

    /// Sets an option of `ssh_config` for an alias, as `ConnectTimeout` or `HostName`.
    ///
    /// # Errors
    /// When the alias is not known or the files cannot be written.
    pub fn set(&mut self, alias: &str, option: &str, value: &str) -> Result<()> {
        let host = self.hosts.get_mut(alias).with_context(|| format!("no node {alias}"))?;
        host.options.insert(option.to_owned(), value.to_owned());
        self.write()
    }

    /// Takes a node's host key out of the known hosts.
    ///
    /// # Errors
    /// When the alias is not known or the files cannot be written.
    pub fn forget_host_key(&mut self, alias: &str) -> Result<()> {
        self.hosts.get_mut(alias).with_context(|| format!("no node {alias}"))?.host_key = None;
        self.write()
    }

    /// Takes every host key that the authority vouches for.
    ///
    /// # Errors
    /// When the files cannot be written.
    pub fn trust(&mut self, authority: &Authority) -> Result<()> {
        self.authority = Some(authority.public_key()?);
        self.write()
    }

    fn write(&self) -> Result<()> {
        let (mut config, mut known_hosts) = (String::new(), String::new());
        if let Some(key) = &self.authority {
            writeln!(known_hosts, "@cert-authority * {key}")?;
        }
        for (alias, host) in &self.hosts {
            writeln!(config, "Host {alias}")?;
            // The first value of an option counts.
            for (option, value) in &host.options {
                writeln!(config, "    {option} {value}")?;
            }
            writeln!(config, "    HostName {}\n    Port {}\n", host.address.ip(), host.address.port())?;
            if let Some(key) = &host.host_key {
                if let Some(name) = host.options.get("HostKeyAlias") {
                    writeln!(known_hosts, "{name} {}", key.trim_end())?;
                }
                writeln!(known_hosts, "[{}]:{} {}", host.address.ip(), host.address.port(), key.trim_end())?;
            }
        }
        writeln!(config, "Host *\n    User {}\n    IdentityFile {}", self.user, self.key().display())?;
        writeln!(
            config,
            "    IdentitiesOnly yes\n    IdentityAgent none\n    GlobalKnownHostsFile /dev/null"
        )?;
        writeln!(config, "    UserKnownHostsFile {}", self.known_hosts().display())?;
        fs::write(self.known_hosts(), known_hosts)?;
        fs::write(self.ssh_config(), config)?;
        Ok(())
    }

    /// The ssh configuration file.
    pub fn ssh_config(&self) -> PathBuf {
        self.directory.path().join("ssh_config")
    }

    /// The known hosts file.
    pub fn known_hosts(&self) -> PathBuf {
        self.directory.path().join("known_hosts")
    }

    /// The private key.
    pub fn key(&self) -> PathBuf {
        self.directory.path().join("key")
    }

    /// Protects the private key by a passphrase.
    ///
    /// # Errors
    /// When ssh-keygen fails.
    pub fn set_passphrase(&self, passphrase: &str) -> Result<()> {
        let mut command = Command::new(tool::find("ssh-keygen")?);
        printed(command.args(["-q", "-p", "-P", "", "-N", passphrase, "-f"]).arg(self.key()))?;
        Ok(())
    }

    /// The public key, as one line without its end.
    pub fn public_key(&self) -> &str {
        &self.public_key
    }

    /// The login name.
    pub fn user(&self) -> &str {
        &self.user
    }

    /// An `ssh` command with this configuration, to which options, alias and remote command are added.
    ///
    /// # Errors
    /// When ssh is missing.
    pub fn ssh_command(&self) -> Result<Command> {
        let mut command = Command::new(tool::find("ssh")?);
        command.arg("-F").arg(self.ssh_config()).args(["-o", "BatchMode=yes"]);
        Ok(command)
    }

    /// Runs a command on a node with the real `ssh`.
    ///
    /// # Errors
    /// When ssh is missing or cannot be started.
    pub fn ssh(&self, alias: &str, remote_command: &str) -> Result<Output> {
        Ok(self.ssh_command()?.args(["-n", alias, remote_command]).output()?)
    }
}
