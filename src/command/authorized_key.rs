//! `authorized-key`: prints the `authorized_keys` line that allows the probe and nothing else.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::names;
use crate::inventory::{Connection, Inventory, Target};
use crate::listing::authorized_key_options;
use crate::probe::{request, ssh};
use crate::text::shell_word;

/// What the node is to run, in words that every login shell takes alike. The last line that is there may lack its end,
/// and would else run into ours; an empty line does no harm.
const APPEND: &str =
    "'umask 077; mkdir -p ~/.ssh; echo >> ~/.ssh/authorized_keys; cat >> ~/.ssh/authorized_keys'";

/// Prints the line for a node. A node can store tarballs of several hubs, and the line allows them all.
pub(super) fn run(files: &[PathBuf], node: &str, public_key: Option<PathBuf>) -> ExitCode {
    let inventory = match super::load(files) {
        Ok(loaded) => loaded.inventory,
        Err(faults) => return super::unusable(files, &faults, 1),
    };
    match lines(&inventory, node, public_key) {
        Ok(lines) => {
            let ended =
                super::print(lines.iter().map(|(_, line)| line.as_str()).collect::<String>().as_bytes());
            if io::stdout().is_terminal() {
                super::say(how_to_send(&lines));
            }
            ended
        }
        Err(error) => super::fail(error, 1),
    }
}

/// Explains how to send the lines to the node, because a terminal cuts pasted lines.
fn how_to_send(lines: &[(&Connection, String)]) -> String {
    let longest = lines.iter().map(|(_, line)| line.len()).max().unwrap_or_default();
    let this = std::env::args().map(|word| shell_word(&word).into_owned()).collect::<Vec<_>>().join(" ");
    let mut text = format!(
        "\nDo not paste this line: it has {longest} bytes, and a terminal cuts pasted lines at 4096. Send it through a login that may write the file:\n"
    );
    for (connection, _) in lines {
        text.push_str(&format!("  {this} | {} {APPEND}\n", ssh::manual_command_asking(connection)));
    }
    text.push_str("First remove any older line with this key: sshd uses the first line that has the key.");
    text
}

/// The lines of a node, each with its connection.
fn lines<'a>(
    inventory: &'a Inventory,
    node: &str,
    public_key: Option<PathBuf>,
) -> Result<Vec<(&'a Connection, String)>, String> {
    let mut by_connection: BTreeMap<&Connection, Vec<&Target>> = BTreeMap::new();
    for target in inventory.targets().filter(|target| target.node == node) {
        by_connection.entry(&target.connection).or_default().push(target);
    }
    if by_connection.is_empty() {
        return Err(names::no_node(inventory, node));
    }
    let mut lines = Vec::new();
    for (connection, targets) in by_connection {
        let file = match &public_key {
            Some(file) => file.clone(),
            None => default_public_key(connection)?,
        };
        let key = read_public_key(&file)?;
        let requests: Vec<_> = targets.into_iter().map(request).collect();
        lines.push((connection, format!("{} {key}\n", authorized_key_options(&connection.shell, &requests))));
    }
    Ok(lines)
}

fn default_public_key(connection: &Connection) -> Result<PathBuf, String> {
    if let Some(private) = &connection.key_filename {
        let mut public = private.as_os_str().to_owned();
        public.push(".pub");
        return Ok(public.into());
    }
    match std::env::var_os("HOME") {
        Some(home) => Ok(Path::new(&home).join(".ssh/id_ed25519.pub")),
        None => Err("HOME is not set: name the public key file with --public-key".to_owned()),
    }
}

/// The key as one line. The file must contain a public key, since it is printed.
fn read_public_key(file: &Path) -> Result<String, String> {
    let text = std::fs::read_to_string(file).map_err(|error| {
        format!(
            "cannot read the public key {}: {error}; make one with `ssh-keygen -t ed25519`, or name the file with --public-key",
            file.display()
        )
    })?;
    let line = text.trim();
    let is_public_key =
        ["ssh-", "ecdsa-", "sk-"].iter().any(|kind| line.starts_with(kind)) && !line.contains('\n');
    if is_public_key {
        Ok(line.to_owned())
    } else {
        Err(format!("{} does not contain exactly one public key", file.display()))
    }
}
