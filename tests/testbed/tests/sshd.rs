//! The sshd nodes do what the tests that stand on them rely on.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Stdio};

use testbed::client::Node as _;
use testbed::process::Process;
use testbed::sshd::Options;
use testbed::{Client, Login, Shell, Sshd, Userland, poll};

fn node(login: Login) -> (Client, Sshd) {
    let mut client = Client::new().unwrap();
    let node = Sshd::start(&client, login).unwrap();
    client.add("NODE", &node).unwrap();
    (client, node)
}

/// What a command prints on a node, which must succeed.
fn said(client: &Client, command: &str) -> String {
    let output = client.ssh("NODE", command).unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn refusal(client: &Client) -> String {
    let output = client.ssh("NODE", "echo in").unwrap();
    assert_eq!(output.status.code(), Some(255), "{output:?}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A remote command that goes on, seen running.
fn running(client: &Client, node: &Sshd) -> Child {
    let mut command = client.ssh_command().unwrap();
    let child =
        command.args(["NODE", "sleep 600"]).stdin(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    poll::until("it runs", || {
        Ok(node.commands().iter().any(|one| one.command_line().contains("sleep")).then_some(()))
    })
    .unwrap();
    child
}

#[test]
fn command_runs_in_the_nodes_own_home_and_environment() {
    let (client, node) = node(Login::with_fold(Path::new("/srv/it's a fold")).env("LC_ALL", "C"));
    let home = node.home().display().to_string();
    assert_eq!(
        said(&client, "echo $SCM_FOLD; pwd; echo $HOME $LC_ALL"),
        format!("/srv/it's a fold\n{home}\n{home} C\n")
    );
    assert_eq!((node.connections(), node.logins(), node.sessions()), (1, 1, 1));
}

#[test]
fn login_shells_are_the_real_ones() {
    for (shell, question, answer) in [
        (Shell::Sh, "echo ${ZSH_VERSION-posix}", "posix"),
        (Shell::Bash, "echo ${BASH_VERSION:+bash}", "bash"),
        (Shell::Tcsh, "if ($?tcsh) echo tcsh", "tcsh"),
        (Shell::Fish, "string replace x fish x", "fish"),
        (Shell::Zsh, "echo ${ZSH_VERSION:+zsh}", "zsh"),
        (Shell::Ash, "echo ash; exit 0; busybox", "ash"),
    ] {
        let (client, _node) = node(Login::default().shell(shell));
        assert_eq!(said(&client, question).trim_end(), answer);
    }
}

#[test]
fn bash_reads_its_noisy_profile_once() {
    let (client, _node) = node(Login::default().shell(Shell::Bash).home_file(".bashrc", "echo noise\n"));
    assert_eq!(said(&client, "echo word"), "noise\nword\n");
}

#[test]
fn userlands_hold_what_they_say() {
    let (client, _node) = node(Login::default().shell(Shell::Ash).userland(Userland::Busybox));
    assert!(said(&client, "find --help 2>&1; true").contains("BusyBox"));
    let (client, _node) = node(Login::default().userland(Userland::Toybox));
    assert!(said(&client, "find --help 2>&1; true").contains("Toybox"));
    let (client, _node) = node(Login::default().userland(Userland::Without(vec!["find".into()])));
    assert_eq!(said(&client, "command -v find || command -v stat").lines().count(), 1);
}

#[test]
fn script_answers_in_the_place_of_the_command() {
    let (client, _node) = node(Login::default().script("echo \"asked: $SSH_ORIGINAL_COMMAND\"; head -c 3\n"));
    assert_eq!(said(&client, "sh -s nonce"), "asked: sh -s nonce\n");
}

#[test]
fn forced_command_of_a_plain_accounts_key_is_obeyed() {
    let mut client = Client::new().unwrap();
    let line =
        format!("command=\"echo forced $SCM_FOLD $SSH_ORIGINAL_COMMAND\",restrict {}", client.public_key());
    let login = Login::with_fold(Path::new("/srv/fold")).plain();
    let node = Options::new(&client, login).authorized_keys(&line).start().unwrap();
    client.add("NODE", &node).unwrap();
    assert_eq!(said(&client, "word"), "forced /srv/fold word\n");
}

#[test]
fn host_key_that_is_unknown_or_changed_is_refused() {
    let (mut client, node) = node(Login::default());
    node.replace_host_key().unwrap();
    assert!(refusal(&client).contains("REMOTE HOST IDENTIFICATION HAS CHANGED"));
    client.forget_host_key("NODE").unwrap();
    assert!(refusal(&client).contains("Host key verification failed"));
    client.add("NODE", &node).unwrap();
    assert_eq!(said(&client, "echo in"), "in\n");
}

#[test]
fn key_that_is_not_authorized_is_refused() {
    let mut client = Client::new().unwrap();
    let node = Options::new(&client, Login::default()).authorized_keys("").start().unwrap();
    client.add("NODE", &node).unwrap();
    assert!(refusal(&client).contains("Permission denied"));
    assert_eq!((node.connections(), node.logins()), (1, 0));
}

#[test]
fn node_behind_another_is_reached_through_it() {
    let (mut client, gateway) = node(Login::default());
    let inner = Sshd::start(&client, Login::default().env("INNER", "yes")).unwrap();
    client.add("GATE", &gateway).unwrap();
    client.add_behind("GATE", "NODE", &inner).unwrap();
    assert_eq!(said(&client, "echo $INNER"), "yes\n");
    assert_eq!(gateway.logins(), 1);
}

#[test]
fn node_at_any_port_is_reached_at_another() {
    let mut client = Client::new().unwrap();
    let node = Sshd::start(&client, Login::default()).unwrap();
    client.add_at_any_port("NODE", &node).unwrap();
    let output = client.ssh_command().unwrap().args(["-n", "-p", "229", "NODE", "echo in"]).output().unwrap();
    assert_eq!(output.stdout, b"in\n", "{output:?}");
}

#[test]
fn listener_and_connections_end_separately() {
    let (client, node) = node(Login::default());
    let mut ssh = running(&client, &node);
    node.stop().unwrap();
    assert!(TcpStream::connect(node.address()).is_err());
    assert!(ssh.try_wait().unwrap().is_none(), "the connection outlives its listener");
    node.restart().unwrap();
    assert_eq!(said(&client, "echo again"), "again\n");
    node.kill_connections().unwrap();
    assert!(!poll::until_ended(&mut ssh).unwrap().success());
    assert!(node.connections_and_sessions().is_empty());
    assert_eq!(said(&client, "echo still"), "still\n");
}

#[test]
fn dropped_node_leaves_no_process() {
    let (client, node) = node(Login::default());
    let mut ssh = running(&client, &node);
    let processes = node.connections_and_sessions();
    assert!(processes.len() >= 2, "connection and command: {processes:?}");
    drop(node);
    assert!(!poll::until_ended(&mut ssh).unwrap().success());
    assert!(!processes.iter().any(Process::is_alive));
}

#[test]
fn idle_node_is_seen_as_idle() {
    let (client, node) = node(Login::default());
    let mut ssh = running(&client, &node);
    ssh.kill().unwrap();
    ssh.wait().unwrap();
    node.kill_connections().unwrap();
    node.wait_until_idle().unwrap();
}
