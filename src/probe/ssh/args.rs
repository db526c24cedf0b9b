//! The command line of the `ssh` master, and the equivalent that a person can type.

use std::ffi::OsString;
use std::path::Path;

use crate::inventory::{Connection, HostKeyChecking};
use crate::text::shell_word;

/// Arguments for a master that listens on `socket`.
///
/// The user's ssh configuration decides everything that is not set here. These options are what a probe relies on
/// whatever the configuration says: ssh asks no question, forwards nothing, stays in the foreground, detects a dead
/// link, and prints errors (which give the reason) but no banner.
pub(super) fn master(connection: &Connection, socket: &Path) -> Vec<OsString> {
    let mut args: Vec<OsString> = Vec::new();
    // In ssh the first value wins, so the command line overrides every configuration file.
    for option in [
        "BatchMode=yes",
        "ControlPersist=no",
        "ServerAliveInterval=15",
        "ServerAliveCountMax=3",
        "ClearAllForwardings=yes",
        "ForwardAgent=no",
        "ForwardX11=no",
        "PermitLocalCommand=no",
        "RemoteCommand=none",
        "RequestTTY=no",
        "ForkAfterAuthentication=no",
        "UpdateHostKeys=no",
        "VisualHostKey=no",
        "LogLevel=ERROR",
    ] {
        args.extend(["-o".into(), option.into()]);
    }
    // ssh takes whole seconds: rounded up, so that it never ends before `timeout`.
    let seconds = connection.timeout.as_millis().div_ceil(1000).max(1);
    args.extend(["-o".into(), format!("ConnectTimeout={seconds}").into()]);
    args.extend(["-o".into(), format!("StrictHostKeyChecking={}", strictness(connection)).into()]);
    args.extend(["-M".into(), "-N".into(), "-S".into(), socket.into()]);
    args.extend(destination_args(connection));
    args
}

/// Where to connect to, as arguments.
fn destination_args(connection: &Connection) -> Vec<OsString> {
    let mut args: Vec<OsString> = Vec::new();
    if let Some(file) = &connection.ssh_config {
        args.extend(["-F".into(), file.into()]);
    }
    if let Some(file) = &connection.known_hosts {
        let mut option = OsString::from("UserKnownHostsFile=");
        option.push(quoted(file));
        args.extend(["-o".into(), option]);
    }
    if let Some(file) = &connection.key_filename {
        // -i takes the path literally, except for percent signs.
        args.extend(["-i".into(), file.to_string_lossy().replace('%', "%%").into()]);
    }
    if let Some(gateway) = &connection.gateway {
        args.extend(["-J".into(), gateway.into()]);
    }
    if let Some(port) = connection.port {
        args.extend(["-p".into(), port.to_string().into()]);
    }
    if let Some(user) = &connection.user {
        args.extend(["-l".into(), user.into()]);
    }
    args.extend(["--".into(), connection.host.as_str().into()]);
    args
}

fn strictness(connection: &Connection) -> &'static str {
    match connection.host_key_checking {
        HostKeyChecking::Strict => "yes",
        HostKeyChecking::AcceptNew => "accept-new",
    }
}

/// A path as a quoted value of the ssh configuration, without expansions.
fn quoted(path: &Path) -> String {
    format!("\"{}\"", path.to_string_lossy().replace('%', "%%").replace('\\', "\\\\").replace('"', "\\\""))
}

/// The command that a person types to get the exporter's result; a remote command can follow.
pub fn manual_command(connection: &Connection) -> String {
    shell_line(
        ["ssh".into(), "-o".into(), "BatchMode=yes".into()].into_iter().chain(destination_args(connection)),
    )
}

/// The command that a person types to run a simple command on the node.
pub fn manual_command_running(connection: &Connection, words: &[&str]) -> String {
    let remote = shell_line(words.iter().map(OsString::from));
    // The local shell parses it first, then the node's.
    let remote = if remote.contains("'") { shell_line([OsString::from(remote)].into_iter()) } else { remote };
    format!("{} {remote}", manual_command(connection))
}

/// The same, but ssh asks about an unknown host key.
pub fn manual_command_asking(connection: &Connection) -> String {
    shell_line(
        ["ssh".into(), "-o".into(), "StrictHostKeyChecking=ask".into()]
            .into_iter()
            .chain(destination_args(connection)),
    )
}

fn shell_line(words: impl Iterator<Item = OsString>) -> String {
    let mut line = String::new();
    for word in words.filter(|word| word != "--") {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(&shell_word(&word.to_string_lossy()));
    }
    line
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::report::samples;

    /// To host C, with everything else left to ssh.
    fn connection() -> Connection {
        samples::target().connection
    }

    #[test]
    fn host_comes_last_and_behind_the_end_of_options() {
        let args = master(&connection(), Path::new("/run/x/1"));
        assert_eq!(&args[args.len() - 2..], ["--", "C"]);
        assert!(args.contains(&"StrictHostKeyChecking=yes".into()));
        assert!(args.contains(&"ConnectTimeout=2".into()));
    }

    #[test]
    fn ssh_never_gives_up_before_the_time_to_connect_is_over() {
        for (millis, seconds) in [(1, 1), (1000, 1), (1900, 2), (2000, 2)] {
            let connection = Connection { timeout: Duration::from_millis(millis), ..connection() };
            let option = format!("ConnectTimeout={seconds}");
            assert!(master(&connection, Path::new("/run/x/1")).contains(&option.into()), "{millis} ms");
        }
    }

    #[test]
    fn words_for_the_node_reach_it_whole() {
        let line = |path| manual_command_running(&connection(), &["ls", "-l", path]);
        assert_eq!(line("/data/scm"), "ssh -o BatchMode=yes C ls -l /data/scm");
        assert_eq!(line("/data/[ab]"), r"ssh -o BatchMode=yes C 'ls -l '\''/data/[ab]'\'''");
        assert_eq!(line("/data/a b"), r"ssh -o BatchMode=yes C 'ls -l '\''/data/a b'\'''");
    }

    #[test]
    fn line_by_hand_can_be_pasted_into_a_shell() {
        let mut connection = connection();
        connection.user = Some("backup".into());
        connection.port = Some(229);
        connection.known_hosts = Some("/etc/known hosts%1".into());
        assert_eq!(
            manual_command(&connection),
            "ssh -o BatchMode=yes -o 'UserKnownHostsFile=\"/etc/known hosts%%1\"' -p 229 -l backup C"
        );
    }
}
