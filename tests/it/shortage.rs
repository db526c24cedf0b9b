//! A machine that gives no more tasks, descriptors or directories; and work that never ends.

use std::fs::{self, Permissions};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};
use testbed::exporter::runtime_directory;
use testbed::login::quote;
use testbed::{Exporter, Signal, http, poll, tool};

use crate::world::{World, assert_healthy, assert_logged, program, reason, value};

/// Lets an exporter open nothing more; gives the limit before.
fn close_off(exporter: &Exporter) -> Rlimit {
    // It inherited the upper limit, which only root may raise. What is open stays open.
    let lowest = Rlimit { current: Some(3), maximum: getrlimit(Resource::Nofile).maximum };
    prlimit(Pid::from_raw(exporter.pid()), Resource::Nofile, lowest).unwrap()
}

/// The program behind some lines of a shell.
fn wrapped(world: &World, lines: &str) -> PathBuf {
    let path = world.dir.path().join("wrapped");
    fs::write(&path, format!("#!/bin/sh\n{lines}\n")).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
    path
}

/// A connection on which one request comes after the other.
struct Kept(BufReader<TcpStream>);

impl Kept {
    fn new(exporter: &Exporter) -> Self {
        let stream = TcpStream::connect(exporter.address()).unwrap();
        stream.set_read_timeout(Some(poll::BOUND)).unwrap();
        let mut kept = Self(BufReader::new(stream));
        assert!(kept.get("/-/healthy").ends_with("healthy\n"));
        kept
    }

    /// The body of a path.
    fn get(&mut self, path: &str) -> String {
        write!(self.0.get_mut(), "GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
        let mut length = 0;
        loop {
            let mut line = String::new();
            assert!(self.0.read_line(&mut line).unwrap() > 0, "{path}: closed");
            match line.trim().split_once(": ") {
                Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                    length = value.parse().unwrap();
                }
                _ if line.trim().is_empty() => break,
                _ => {}
            }
        }
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).unwrap();
        String::from_utf8(body).unwrap()
    }
}

#[test]
fn exporter_at_its_limit_of_tasks_answers_scrapes_and_pages() {
    let mut world = World::new();
    let config = world.hub("A", "srv1").write("A = N1", "");
    let directory = runtime_directory().unwrap();
    // Root has no such limit: then it is another account, which nobody else uses.
    let mut lower = Command::new(tool::find("prlimit").unwrap());
    let program = if rustix::process::geteuid().is_root() {
        let uid = 60_000 + std::process::id() % 5_000;
        lower.uid(uid).gid(uid);
        for path in [directory.path().to_owned(), directory.path().join("run")] {
            chown(path, Some(uid), Some(uid)).unwrap();
        }
        let copy = world.dir.path().join("exporter");
        fs::copy(program(), &copy).unwrap();
        let setpriv = tool::find("setpriv").unwrap();
        let (setpriv, copy) = (quote(&setpriv.to_string_lossy()), quote(&copy.to_string_lossy()));
        wrapped(&world, &format!("exec {setpriv} --reuid={uid} --regid={uid} --clear-groups {copy} \"$@\""))
    } else {
        program().to_owned()
    };
    let exporter = Exporter::start_in(directory, &program, &[&config], &[] as &[&str], &[]).unwrap();
    let lowered = lower.args(["--nproc=1:", "--pid", &exporter.pid().to_string()]).status().unwrap();
    assert!(lowered.success());
    for _ in 0..3 {
        let metrics = exporter.text("/metrics").unwrap();
        assert_eq!(reason(&metrics, "A", "N1").as_deref(), Some("internal"), "{metrics}");
    }
    assert_logged(&exporter, "N1", "internal", &["has reached its limit of processes", "TasksMax="]);
    for path in ["/", "/hub/A", "/plot/A/N1/svn/env.svg", "/-/healthy"] {
        assert_eq!(exporter.get(path).unwrap().status, 200, "{path}");
    }
    let reload = http::request("POST", &exporter.url("/-/reload"), &[]).unwrap();
    assert_eq!(reload.status, 200, "{:?}", reload.text());
}

#[test]
fn node_is_not_blamed_for_descriptors_that_we_lack() {
    let (_world, node, mut exporter, _) = World::seen_well();
    let mut kept = Kept::new(&exporter);
    let before = close_off(&exporter);
    let metrics = kept.get("/metrics");
    assert_eq!(reason(&metrics, "A", "N1").as_deref(), Some("internal"), "{metrics}");
    assert_logged(&exporter, "N1", "internal", &["out of file descriptors", "LimitNOFILE="]);
    let mut another = TcpStream::connect(exporter.address()).unwrap();
    exporter.wait_for_log("cannot accept a connection: ").unwrap();
    let pid = Pid::from_raw(exporter.pid());
    prlimit(pid, Resource::Nofile, before).unwrap();
    another.write_all(b"GET /-/healthy HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    another.set_read_timeout(Some(poll::BOUND)).unwrap();
    let mut reply = String::new();
    another.read_to_string(&mut reply).unwrap();
    assert!(reply.ends_with("healthy\n"), "{reply}");
    assert_healthy(&exporter.text("/metrics").unwrap(), "A", "N1");
    assert_eq!(node.logins(), 1, "the session was as good as before");
}

#[test]
fn idle_connections_leave_descriptors_to_the_nodes() {
    let mut world = World::new();
    world.good_tree("N1", "srv1");
    let _node = world.sshd("N1");
    let config = world.hub("A", "srv1").write("A = N1", "");
    let few = wrapped(&world, &format!("ulimit -n 64\nexec {} \"$@\"", quote(&program().to_string_lossy())));
    let mut exporter = Exporter::start(&few, &[&config]).unwrap();
    let mut kept = Kept::new(&exporter);
    let idle: Vec<TcpStream> = (0..100).map(|_| TcpStream::connect(exporter.address()).unwrap()).collect();
    exporter.wait_for_log("16 connections at once: further ones wait").unwrap();
    assert_healthy(&kept.get("/metrics"), "A", "N1");
    drop(idle);
    assert_healthy(&exporter.text("/metrics").unwrap(), "A", "N1");
    assert!(!exporter.log().contains("cannot accept"), "{}", exporter.log());
}

#[test]
fn removed_runtime_directory_is_made_again_at_the_next_login() {
    let (_world, node, exporter, _) = World::seen_well();
    let made = || -> Vec<PathBuf> {
        let entries = fs::read_dir(exporter.runtime_directory()).unwrap();
        entries.map(|entry| entry.unwrap().path()).collect()
    };
    let before = made();
    assert_eq!(before.len(), 1);
    fs::remove_dir_all(&before[0]).unwrap();
    for _ in 0..2 {
        assert_healthy(&exporter.text("/metrics").unwrap(), "A", "N1");
    }
    assert_eq!(node.logins(), 2);
    assert!(made().len() == 1 && made() != before, "{:?}", made());
    poll::until("the master that nobody reaches is gone", || {
        Ok((exporter.ssh_processes().len() == 1).then_some(()))
    })
    .unwrap();
    let (status, directory) = exporter.end(Signal::TERM).unwrap();
    assert!(status.success());
    assert_eq!(testbed::exporter::leftovers(&directory), [] as [String; 0]);
}

/// Puts a pipe that nobody writes to in the place of a file.
fn become_a_pipe(file: &Path) {
    fs::remove_file(file).unwrap();
    assert!(Command::new("mkfifo").arg(file).status().unwrap().success());
}

#[test]
fn configuration_that_became_a_pipe_is_refused_and_holds_nobody_up() {
    let (world, node, mut exporter, _) = World::seen_well();
    let config = world.dir.path().join("config.ini");
    let good = fs::read_to_string(&config).unwrap();
    become_a_pipe(&config);
    let reload = || http::request("POST", &exporter.url("/-/reload"), &[]).unwrap();
    let reply = reload();
    let words = reply.text().unwrap();
    assert!(reply.status == 500 && words.contains("config.ini is not a regular file"), "{words}");
    assert_healthy(&exporter.text("/metrics").unwrap(), "A", "N1");
    for path in ["/", "/hub/A"] {
        let page = exporter.text(path).unwrap();
        assert!(page.contains("Reloading the configuration has failed since"), "{page}");
    }
    exporter.signal(Signal::HUP);
    poll::until("the signal is heard", || {
        Ok((exporter.log().matches("configuration not reloaded").count() == 2).then_some(()))
    })
    .unwrap();
    fs::remove_file(&config).unwrap();
    fs::write(&config, good).unwrap();
    assert_eq!(reload().status, 200);
    assert!(!exporter.text("/").unwrap().contains("Reloading the configuration has failed since"));
    assert_eq!(value(&exporter.text("/metrics").unwrap(), "scm_backup_config_last_reload_successful"), 1.0);
    assert_eq!(node.logins(), 1);
    exporter.signal(Signal::TERM);
    assert!(exporter.wait().unwrap().success());
}
