//! A Kerberos realm: MIT's key distribution centre with one user and one node.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::Command;

use anyhow::bail;
use tempfile::TempDir;

use crate::login::printed;
use crate::process::Daemon;
use crate::sshd::free_port;
use crate::{Result, tool};

const REALM: &str = "TESTBED.EXAMPLE.ORG";

/// A realm on loopback whose one node is 127.0.0.1. Dropping it ends its server.
#[derive(Debug)]
pub struct Realm {
    // Before the directory: fields drop in order.
    _daemon: Daemon,
    directory: TempDir,
}

impl Realm {
    /// Sets up a realm that knows this user and starts its server.
    ///
    /// # Errors
    /// When a tool is missing or the server does not come up; the error shows what it printed.
    pub fn start(user: &str) -> Result<Self> {
        let directory = tempfile::Builder::new().prefix("kerberos-").tempdir()?;
        for _ in 0..5 {
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()?));
            write_configuration(&directory, address)?;
            set_up(&directory, user)?;
            let mut command = command(&directory, "krb5kdc")?;
            command.arg("-n");
            let log = directory.path().join("kdc.log");
            let mut daemon = Daemon::start("krb5kdc", &mut command, &log)?;
            match daemon.wait_for("commences operation", |log| log.contains("commencing").then_some(())) {
                // Another took the port that was free.
                Err(_) if daemon.log().contains("Address already in use") => {}
                Err(error) => return Err(error),
                Ok(()) => return Ok(Self { _daemon: daemon, directory }),
            }
        }
        bail!("krb5kdc finds no free port")
    }

    /// Gets the user a ticket.
    ///
    /// # Errors
    /// When kinit fails.
    pub fn get_ticket(&self, user: &str) -> Result<()> {
        let mut kinit = command(&self.directory, "kinit")?;
        kinit.args(["-k", "-t"]).arg(self.file("user.keytab")).arg(user);
        printed(&mut kinit)?;
        Ok(())
    }

    /// The variables that a client in the realm has in its environment: where the realm and its ticket are.
    pub fn of_client(&self) -> Vec<(String, String)> {
        environment(&self.directory, &[("KRB5_CONFIG", "krb5.conf"), ("KRB5CCNAME", "tickets")])
    }

    /// The variables that a node's sshd has in its environment: where the realm and its own key are.
    pub fn of_node(&self) -> Vec<(String, String)> {
        let mut variables =
            environment(&self.directory, &[("KRB5_CONFIG", "krb5.conf"), ("KRB5_KTNAME", "node.keytab")]);
        // One that is kept would lie in /var/tmp.
        variables.push(("KRB5RCACHENAME".into(), "none:".into()));
        variables
    }

    fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }
}

/// No name is looked up in the DNS, and the node is called as it is connected to.
fn write_configuration(directory: &TempDir, address: SocketAddr) -> Result<()> {
    let path = directory.path().display();
    let client = format!(
        "[libdefaults]\n default_realm = {REALM}\n dns_lookup_kdc = false\n dns_lookup_realm = false\n \
         dns_canonicalize_hostname = false\n rdns = false\n[realms]\n {REALM} = {{\n  kdc = {address}\n }}\n"
    );
    let server = format!(
        "[realms]\n {REALM} = {{\n  database_name = {path}/principal\n  key_stash_file = {path}/stash\n  \
         kdc_listen = {address}\n  kdc_tcp_listen = {address}\n }}\n[logging]\n kdc = STDERR\n"
    );
    fs::write(directory.path().join("krb5.conf"), client)?;
    fs::write(directory.path().join("kdc.conf"), server)?;
    Ok(())
}

/// Makes the realm's database and the keys of the user and the node, once.
fn set_up(directory: &TempDir, user: &str) -> Result<()> {
    if directory.path().join("stash").exists() {
        return Ok(());
    }
    printed(command(directory, "kdb5_util")?.args(["create", "-s", "-r", REALM, "-P", "testbed"]))?;
    for (principal, keytab) in [(user, "user.keytab"), ("host/127.0.0.1", "node.keytab")] {
        let keytab = directory.path().join(keytab);
        let add = format!("addprinc -randkey {principal}");
        let export = format!("ktadd -k {} {principal}", keytab.display());
        for query in [add, export] {
            printed(command(directory, "kadmin.local")?.args(["-q", &query]))?;
        }
    }
    Ok(())
}

fn command(directory: &TempDir, tool: &str) -> Result<Command> {
    let mut command = Command::new(tool::find(tool)?);
    let files = [("KRB5_CONFIG", "krb5.conf"), ("KRB5_KDC_PROFILE", "kdc.conf"), ("KRB5CCNAME", "tickets")];
    command.envs(environment(directory, &files));
    Ok(command)
}

fn environment(directory: &TempDir, files: &[(&str, &str)]) -> Vec<(String, String)> {
    let value = |file| directory.path().join(file).display().to_string();
    files.iter().map(|(name, file)| ((*name).to_owned(), value(file))).collect()
}
