//! Advice: what a person can do about a failed probe or a repo's problem.
//!
//! Log, terminal and pages show it. It depends only on the facts of the cause: this module reads no file, and no branch
//! depends on the wording of a message.

use std::path::Path;

use crate::config::suggest;
use crate::inventory::{HostKeyChecking, Target};
use crate::listing::{FailCode, ListingError};
use crate::probe::failure::{Cause, Denied, FileFault, HostKey, Internal, KeyFile};
use crate::probe::ssh;
use crate::verdict::RepoProblem;

/// What to do about a failed probe.
pub fn of_cause(cause: &Cause, target: &Target) -> String {
    let node = &target.node;
    let manual_command = ssh::manual_command(&target.connection);
    match cause {
        Cause::Resolve(_) => format!(
            "check the spelling of {:?}, add it to the ssh configuration, or set `host` in [node {node}]; {} shows the host name that ssh uses",
            target.connection.host,
            configured(target)
        ),
        Cause::Silent => format!("run ssh by hand to see its messages: {manual_command} true"),
        Cause::NoConnection(_) | Cause::ConnectionLost => {
            let is_up = match &target.connection.gateway {
                Some(gateway) => {
                    format!("the jump host {gateway} and the node are up and their sshds are listening")
                }
                None => "the node is up and its sshd is listening".to_owned(),
            };
            format!(
                "check that {is_up}: {manual_command} true; if it listens on another port, set `port` in [node {node}]"
            )
        }
        Cause::Disconnected(_) => format!(
            "look for the reason in the log of the node's sshd, because the quoted text is not authenticated; if ssh offered too many keys, set `key_filename` in [node {node}] and IdentitiesOnly in the ssh configuration; try {manual_command} true"
        ),
        Cause::SessionRefused(_) => {
            "raise MaxSessions in the node's sshd_config, or find out what else has sessions on that connection"
                .to_owned()
        }
        Cause::HostKey(host_key) => of_host_key(host_key, target),
        Cause::Denied(denied) | Cause::LeftAlone { denied, .. } => of_denial(denied, target),
        Cause::ConnectTimedOut(_) | Cause::LoginLate { cut: false, .. } => {
            format!(
                "try {manual_command} true; if the node is only slow, raise `timeout` (to connect) in [node {node}]"
            )
        }
        Cause::LoginLate { cut: true, .. } => {
            format!("try {manual_command} true; if the node is only slow, raise `probe_timeout` in [node {node}]")
        }
        Cause::ListingLate { .. } => format!(
            "if the node is only slow, raise `probe_timeout` in [node {node}]; to measure that, run on the node: time find {} >/dev/null",
            target.root
        ),
        Cause::Unreadable { root, .. } => of_closed_root(root),
        Cause::NoShell { shell, .. } => {
            format!("set `shell` in [node {node}], which is {shell} now, to a POSIX shell that the node has")
        }
        Cause::Listing { error, .. } => of_listing(error, target),
        Cause::Internal(internal) => of_internal(internal, target),
    }
}

/// The command that shows how the ssh configuration resolves the node.
fn configured(target: &Target) -> String {
    ssh::manual_command(&target.connection).replacen("ssh ", "ssh -G ", 1)
}

fn of_host_key(host_key: &HostKey, target: &Target) -> String {
    let asking = ssh::manual_command_asking(&target.connection);
    let add = "verify the node's key with its administrator, then log in once to add it to known_hosts";
    let changed = "the key has changed: ask the node's administrator why before you remove the old key from known_hosts, then try";
    match host_key {
        HostKey::Unknown { missing: Some(file), .. } => format!(
            "{} does not exist: correct `known_hosts` in [node {}]; to create it, {add}: {asking}",
            file.display(),
            target.node
        ),
        HostKey::Unknown { missing: None, .. } => format!("{add}: {asking}"),
        HostKey::NotVerified(_) if target.connection.host_key_checking == HostKeyChecking::Strict => {
            format!("{add}: {asking}")
        }
        // With `accept-new` ssh stores an unknown key, so only a changed key fails.
        HostKey::NotVerified(_) | HostKey::Changed(_) => format!("{changed} {asking}"),
        HostKey::Revoked(_) => {
            "the key is revoked: ask the node's administrator for the new key, and who may have the old one"
                .to_owned()
        }
    }
}

fn of_denial(denied: &Denied, target: &Target) -> String {
    let (node, connection) = (&target.node, &target.connection);
    let mut advice = if denied.at_jump_host {
        let host = connection.gateway.as_deref().unwrap_or("the jump host");
        let account = if denied.login.is_empty() {
            format!("the account used on {host}")
        } else {
            denied.login.clone()
        };
        format!(
            "the jump host refuses the login: add the exporter's plain public key to authorized_keys of {account}; user and key for the jump host come from the ssh configuration, not from [node {node}]"
        )
    } else {
        match &denied.key {
            Some(KeyFile { fault: FileFault::Encrypted, path }) => {
                format!("{}; if it is loaded there already, {}", of_encrypted(path), renew(node))
            }
            Some(key) => return of_key(key, node),
            None => format!("{}{}", of_account(denied, target), renew(node)),
        }
    };
    if denied.kerberos {
        advice.push_str("; with Kerberos, run klist to see whether the ticket has expired");
    }
    format!("{advice}; try {} true", ssh::manual_command(connection))
}

/// The account may be the wrong one: sshd refuses an unknown account like a wrong key.
fn of_account(denied: &Denied, target: &Target) -> String {
    let node = &target.node;
    match (&target.connection.user, denied.login.split_once('@')) {
        (Some(user), _) => {
            format!("check that {user}, the `user` of node {node}, is the right account; if it is, ")
        }
        (None, Some((user, _))) => {
            format!("check that {user} is the right account, or set `user` in [node {node}]; if it is, ")
        }
        (None, None) => String::new(),
    }
}

/// How to install or replace the node's line in `authorized_keys`.
fn renew(node: &str) -> String {
    format!(
        "add the output of `scm-backup-exporter authorized-key {node}` to its ~/.ssh/authorized_keys, replacing any older line"
    )
}

fn of_encrypted(path: &Path) -> String {
    format!(
        "the key {0} has a passphrase: load it into the agent of the user that runs the exporter (ssh-add {0}), or use a key without one",
        path.display()
    )
}

fn of_key(key: &KeyFile, node: &str) -> String {
    let path = key.path.display();
    match &key.fault {
        FileFault::Missing => {
            format!("the key {path} does not exist: correct `key_filename` in [node {node}]")
        }
        FileFault::Unreadable(problem) => format!(
            "the key {path} cannot be read: {problem}; correct `key_filename` in [node {node}], or make it readable for the user that runs the exporter"
        ),
        FileFault::NotAFile => {
            format!(
                "the key {path} is not a file: set `key_filename` in [node {node}] to the private key itself"
            )
        }
        FileFault::PublicKey => format!(
            "the key {path} is a public key: set `key_filename` in [node {node}] to the private key{}",
            match key.path.extension() {
                Some(extension) if extension == "pub" =>
                    format!(", {}", key.path.with_extension("").display()),
                _ => String::new(),
            }
        ),
        FileFault::NoKey => {
            format!(
                "the file {path} does not contain a private key: set `key_filename` in [node {node}] to one that does"
            )
        }
        FileFault::Open(mode) => {
            format!(
                "ssh ignores the key {path} because others can read it (mode {mode:04o}): chmod 600 {path}"
            )
        }
        FileFault::Encrypted => of_encrypted(&key.path),
    }
}

fn of_closed_root(root: &str) -> String {
    format!(
        "give the login user read access to everything below {root} on the node, or log in as another `user`; on the node, find {root} >/dev/null names what cannot be read"
    )
}

fn of_listing(error: &ListingError, target: &Target) -> String {
    let (node, root) = (&target.node, &target.root);
    match error {
        ListingError::Refused(code) => of_refusal(*code, target),
        ListingError::RootNotAllowed { allowed } => of_foreign_root(allowed, target),
        ListingError::OtherVersion { .. } => renew(node),
        ListingError::OutOfTime => format!("raise `probe_timeout` in [node {node}]"),
        ListingError::TooMuchNoise => format!(
            "make the account's profile scripts print nothing; see what the node prints: {} true",
            ssh::manual_command(&target.connection)
        ),
        ListingError::RemoteTool { .. } => of_broken_disk(root),
        ListingError::NoBegin { .. }
        | ListingError::Truncated { .. }
        | ListingError::CountMismatch { .. }
        | ListingError::Malformed { .. }
        | ListingError::LineTooLong => format!(
            "see what the node prints: echo 'echo hello' | {} {} -s; the account's profile scripts must not exit or read standard input, its login shell must run commands, and `shell` must be a POSIX shell",
            ssh::manual_command(&target.connection),
            target.connection.shell
        ),
    }
}

fn of_broken_disk(root: &str) -> String {
    format!(
        "run find {root} >/dev/null on the node to see whether its disk or mount fails or hangs; if not, look for a killed tool in the node's system log"
    )
}

/// The directory above backup/, and the one below it.
fn parts_of_root(root: &str) -> (&str, &str) {
    root.rsplit_once("/backup/").unwrap_or((root, ""))
}

/// What the root is made of, with where that is set.
fn values(target: &Target, and: &str) -> String {
    let (scm_fold, srvnode) = parts_of_root(&target.root);
    format!(
        "`scm_fold` of node {}, which is {scm_fold}, {and} `srvnode` of hub {}, which is {srvnode}",
        target.node, target.hub
    )
}

/// The node's line allows other roots: one of the two is misspelt, or the line is older than the configuration.
fn of_foreign_root(allowed: &[String], target: &Target) -> String {
    let (node, hub) = (&target.node, &target.hub);
    let (scm_fold, srvnode) = parts_of_root(&target.root);
    let renewed = renew(node);
    let Some((old_fold, old_srvnode)) =
        suggest(&target.root, allowed.iter().map(String::as_str)).map(parts_of_root)
    else {
        return format!("check the spelling of {}; if both are right, {renewed}", values(target, "and"));
    };
    let mut meant = Vec::new();
    if scm_fold != old_fold {
        meant.push(format!("`scm_fold` of node {node}, which is {scm_fold}: did you mean {old_fold}?"));
    }
    if srvnode != old_srvnode {
        meant.push(format!("`srvnode` of hub {hub}, which is {srvnode}: did you mean {old_srvnode}?"));
    }
    format!("correct {} If the configuration is right, {renewed}", meant.join(" And "))
}

fn of_refusal(code: FailCode, target: &Target) -> String {
    let (node, root) = (&target.node, &target.root);
    let (scm_fold, _) = parts_of_root(root);
    match code {
        FailCode::RootMissing => {
            format!(
                "check that {root} exists on the node; if the tarballs are elsewhere, correct {}",
                values(target, "or")
            )
        }
        FailCode::RootVarUnset => format!(
            "set `scm_fold` in [node {node}] to the directory on the node that contains backup/; now it gives {root}"
        ),
        FailCode::RootNotAbsolute | FailCode::BadRoot => format!(
            "set `scm_fold` in [node {node}] to the absolute path of the directory that contains backup/; now it gives {scm_fold}"
        ),
        FailCode::RootDenied => of_closed_root(root),
        FailCode::Stuck => of_broken_disk(root),
        FailCode::NoLister | FailCode::NoAwk => {
            "install findutils (or BusyBox with find, xargs and stat) and awk on the node".to_owned()
        }
    }
}

fn of_internal(internal: &Internal, target: &Target) -> String {
    match internal {
        Internal::Short { shortage, .. } => shortage.remedy().to_owned(),
        Internal::Start(_) => {
            "check whether the machine or the exporter's systemd unit has reached its limit of processes, files or memory".to_owned()
        }
        Internal::NoSsh(_) => "make sure that the user that runs the exporter can run ssh and has it in its PATH".to_owned(),
        Internal::SshConfig(_) => {
            let file = match &target.connection.ssh_config {
                Some(file) => format!("{}, or `ssh_config` in [node {}]", file.display(), target.node),
                None => "the ssh configuration of the user that runs the exporter".to_owned(),
            };
            format!("correct {file}; {} checks it", configured(target))
        }
        Internal::NoUserName(_) => {
            "ssh needs a name for the user that runs the exporter: add its number to /etc/passwd; in a container, run as the image's own user".to_owned()
        }
        Internal::ControlSocket(_) => {
            "free space where the exporter keeps its control sockets, or set XDG_RUNTIME_DIR to a directory of its user that nothing cleans up; the next login creates the sockets' directory again".to_owned()
        }
        Internal::KnownHostsDirectory(_) => {
            format!("set `known_hosts` in [node {}] to the file in it", target.node)
        }
        Internal::KnownHosts { file, .. } => format!(
            "make {} readable for the user that runs the exporter, or correct `known_hosts` in [node {}]",
            file.display(),
            target.node
        ),
        Internal::NoRandomness(_) | Internal::Stopping | Internal::NeverRead | Internal::Panicked => {
            "look in the exporter's log; if it does not explain the failure, please report a bug".to_owned()
        }
    }
}

/// What to do about a problem of a repo.
pub fn of_repo_problem(problem: &RepoProblem) -> &'static str {
    match problem {
        RepoProblem::Missing => {
            "Check the node; if the repo is not there, check whether the hub still backs it up and transfers it."
        }
        RepoProblem::NotSeen { .. } => "Give the login user read access to the whole tree on the node.",
        RepoProblem::TooOld { .. } => {
            "Find out on the hub why nothing has arrived since: check its nightly job, the transfer, and free space on the node."
        }
        RepoProblem::Empty
        | RepoProblem::NoSidecar
        | RepoProblem::Contradicted { .. }
        | RepoProblem::Garbled => {
            "Check the newest tarball and its sidecar; if the transfer was interrupted, transfer both again from the hub."
        }
        RepoProblem::Shrunk { .. } => {
            "Compare the newest tarball with those before it; if it is truncated, create and transfer it again; if its size is right, the problem clears after three more tarballs of that size."
        }
        RepoProblem::TooFew { .. } => "Check on the node whether something deleted older tarballs.",
        RepoProblem::TooMany { .. } => "Find out why older tarballs are no longer purged.",
        RepoProblem::Future { .. } => {
            "Check the hub's clock and its `timezone` in the exporter's configuration."
        }
    }
}

#[cfg(test)]
mod tests;
