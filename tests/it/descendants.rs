//! What a master starts, as a jump host's `ssh -W` or a `ProxyCommand`, ends with it, whichever way it ends.

use std::os::unix::net::UnixListener;
use std::process::Command;
use std::thread;

use testbed::broken::{Broken, Fault};
use testbed::process::Process;
use testbed::sshd::Options;
use testbed::{Exporter, Login, Node, Signal, Sshd, poll, tool};

use crate::world::{World, assert_failed, assert_healthy, program};

/// An exporter of which every descendant can be told by its environment.
struct Marked {
    mark: String,
    exporter: Exporter,
}

impl Marked {
    fn start(world: &World, roster: &str, env: &str) -> Self {
        let path = world.dir.path().display().to_string();
        let config = world.write(roster, env);
        let environment = [("TESTED_EXPORTER", path.as_str())];
        let exporter = Exporter::start_with(program(), &[&config], &[] as &[&str], &environment).unwrap();
        Self { mark: format!("TESTED_EXPORTER={path}"), exporter }
    }

    /// The exporter itself, its watchdog, and all that they started.
    fn family(&self) -> Vec<Process> {
        family(&self.mark)
    }

    /// The masters and what they started.
    fn offspring(&self) -> Vec<Process> {
        let is_ours = |process: &Process| {
            process.pid == self.exporter.pid() || process.command_line().contains("ssh-watchdog")
        };
        self.family().into_iter().filter(|process| !is_ours(process)).collect()
    }

    /// Ends the exporter and asserts that nothing is left of it.
    #[track_caller]
    fn assert_ends(self, signal: Signal) {
        let Self { mark, exporter } = self;
        exporter.end(signal).unwrap();
        assert_none(&format!("{signal:?} of the exporter"), || family(&mark));
    }
}

fn family(mark: &str) -> Vec<Process> {
    Process::all().into_iter().filter(|process| process.has_environment(mark)).collect()
}

/// Waits until none is left.
#[track_caller]
fn assert_none(after: &str, mut find: impl FnMut() -> Vec<Process>) {
    let mut last = Vec::new();
    let gone = poll::until("nothing is left", || {
        last = find();
        Ok(last.is_empty().then_some(()))
    });
    let lines: Vec<String> = last.iter().map(Process::command_line).collect();
    assert!(gone.is_ok(), "left after {after}: {lines:#?}");
}

/// A jump host, and node `N1` behind it, which shows its banner and no more.
fn silent_behind_a_jump_host(world: &mut World) -> (Sshd, Broken) {
    let gateway = world.sshd_with("GW", Login::default());
    let silent = Broken::start(Fault::SilentAfterBanner).unwrap();
    world.client.add_behind("GW", "N1", &silent).unwrap();
    world.hub("A", "srv1");
    (gateway, silent)
}

#[test]
fn probes_of_a_silent_node_leave_nothing_here_and_on_the_jump_host() {
    let mut world = World::new();
    let (gateway, silent) = silent_behind_a_jump_host(&mut world);
    let marked = Marked::start(&world, "A = N1", "timeout = 3");
    for _ in 0..3 {
        assert_failed(&marked.exporter.text("/metrics").unwrap(), "A", "N1", "timeout");
    }
    assert!(silent.connections() > 0);
    assert_none("the probes", || marked.offspring());
    assert_none("the probes on the jump host", || gateway.connections_and_sessions());
    marked.assert_ends(Signal::TERM);
}

#[test]
fn login_that_hangs_behind_a_jump_host_ends_with_the_exporter() {
    for signal in [Signal::TERM, Signal::INT, Signal::KILL] {
        let mut world = World::new();
        let (gateway, silent) = silent_behind_a_jump_host(&mut world);
        let marked = Marked::start(&world, "A = N1", "timeout = 600\nprobe_timeout = 600");
        let url = marked.exporter.url("/metrics");
        let scrape = thread::spawn(move || testbed::http::get(&url, &[]));
        poll::until("the node is reached", || Ok((silent.connections() > 0).then_some(()))).unwrap();
        assert!(marked.offspring().len() >= 2);
        marked.assert_ends(signal);
        assert_none(&format!("{signal:?} on the jump host"), || gateway.connections_and_sessions());
        // A killed exporter answers nothing.
        let _ = scrape.join().unwrap();
    }
}

#[test]
fn login_that_fails_in_any_phase_leaves_nothing() {
    let mut world = World::new();
    world.hub("A", "srv1");
    let gateway = Options::new(&world.client, Login::default()).set("MaxStartups", "100").start().unwrap();
    world.know("GW", &gateway);
    let faults = [
        Fault::SilentBeforeBanner,
        Fault::SilentAfterBanner,
        Fault::EndlessBanner,
        Fault::GarbageBanner,
        Fault::Closes,
    ];
    let broken: Vec<Broken> = faults.iter().map(|fault| Broken::start(*fault).unwrap()).collect();
    for (number, server) in broken.iter().enumerate() {
        world.client.add_behind("GW", &format!("N{number}"), server).unwrap();
    }
    // An agent that never answers: the login hangs while it is made.
    let node = Sshd::start(&world.client, Login::default()).unwrap();
    world.client.add_behind("GW", "AUTH", &node).unwrap();
    let socket = world.dir.path().join("agent");
    let _agent = UnixListener::bind(&socket).unwrap();
    world.client.set("AUTH", "IdentityAgent", &socket.display().to_string()).unwrap();
    // The jump host itself says nothing.
    let silent = Broken::start(Fault::SilentAfterBanner).unwrap();
    world.know("GW2", &silent);
    world.client.add_behind("GW2", "JUMP", &node).unwrap();
    // The login succeeds, and the listing hangs.
    let hangs = Sshd::start(&world.client, Login::default().script("exec sleep 3600\n")).unwrap();
    world.client.add_behind("GW", "LIST", &hangs).unwrap();

    let marked = Marked::start(&world, "A = N0 N1 N2 N3 N4 AUTH JUMP LIST", "timeout = 3\nprobe_timeout = 6");
    let metrics = marked.exporter.text("/metrics").unwrap();
    for node in ["N0", "N1", "AUTH", "JUMP", "LIST"] {
        assert_failed(&metrics, "A", node, "timeout");
    }
    assert_eq!((hangs.sessions(), node.logins()), (1, 0));
    assert_none("the probes", || marked.offspring());
    assert_none("the probes on the jump host", || gateway.connections_and_sessions());
    marked.assert_ends(Signal::TERM);
}

/// Node `N1` behind a shell pipeline of which one part goes on whatever it is asked.
fn behind_a_stubborn_proxy(world: &mut World) -> Sshd {
    world.good_tree("N1", "srv1");
    let node = world.sshd("N1");
    let relay = format!(
        "sh -c 'trap \"\" TERM HUP; {busybox} nc {ip} {port}; while :; do sleep 1; done' | cat",
        busybox = tool::find("busybox").unwrap().display(),
        ip = node.address().ip(),
        port = node.address().port(),
    );
    world.client.set("N1", "ProxyCommand", &relay).unwrap();
    world.hub("A", "srv1");
    node
}

#[test]
fn proxy_command_that_heeds_no_signal_ends_with_the_exporter() {
    for signal in [Signal::TERM, Signal::KILL] {
        let mut world = World::new();
        let node = behind_a_stubborn_proxy(&mut world);
        let marked = Marked::start(&world, "A = N1", crate::world::PATIENT);
        assert_healthy(&marked.exporter.text("/metrics").unwrap(), "A", "N1");
        // The master, the shell, nc and cat.
        assert!(marked.offspring().len() >= 4);
        marked.assert_ends(signal);
        assert_none("that on the node", || node.connections_and_sessions());
    }
}

#[test]
fn proxy_command_ends_with_a_master_that_was_killed() {
    let mut world = World::new();
    let node = behind_a_stubborn_proxy(&mut world);
    let marked = Marked::start(&world, "A = N1", crate::world::PATIENT);
    assert_healthy(&marked.exporter.text("/metrics").unwrap(), "A", "N1");
    let before = marked.offspring();
    for master in marked.exporter.ssh_processes() {
        master.signal(Signal::KILL);
    }
    assert_none("the master", || before.iter().copied().filter(Process::is_alive).collect());
    assert_healthy(&marked.exporter.text("/metrics").unwrap(), "A", "N1");
    assert_eq!(node.logins(), 2);
    marked.assert_ends(Signal::TERM);
}

#[test]
fn watchdog_that_was_killed_has_a_successor() {
    let mut world = World::new();
    let _node = behind_a_stubborn_proxy(&mut world);
    let marked = Marked::start(&world, "A = N1", crate::world::PATIENT);
    assert_healthy(&marked.exporter.text("/metrics").unwrap(), "A", "N1");
    for process in marked.family().iter().filter(|process| process.command_line().contains("watchdog")) {
        process.signal(Signal::KILL);
    }
    for master in marked.exporter.ssh_processes() {
        master.signal(Signal::KILL);
    }
    assert_healthy(&marked.exporter.text("/metrics").unwrap(), "A", "N1");
    marked.assert_ends(Signal::KILL);
}

#[test]
fn watchdog_that_was_stopped_ends_with_the_exporter() {
    let mut world = World::new();
    let _node = behind_a_stubborn_proxy(&mut world);
    let marked = Marked::start(&world, "A = N1", crate::world::PATIENT);
    assert_healthy(&marked.exporter.text("/metrics").unwrap(), "A", "N1");
    for process in marked.family().iter().filter(|process| process.command_line().contains("watchdog")) {
        process.signal(Signal::STOP);
    }
    marked.assert_ends(Signal::TERM);
}

#[test]
fn interrupted_probe_by_hand_leaves_nothing() {
    let mut world = World::new();
    let (gateway, silent) = silent_behind_a_jump_host(&mut world);
    let config = world.write("A = N1", "timeout = 600\nprobe_timeout = 600");
    let path = world.dir.path().display().to_string();
    let mark = format!("TESTED_EXPORTER={path}");
    let mut probe = Command::new(program());
    probe.arg("--config.file").arg(&config).arg("probe").env("TESTED_EXPORTER", &path);
    let mut probe = probe.spawn().unwrap();
    poll::until("the node is reached", || Ok((silent.connections() > 0).then_some(()))).unwrap();
    probe.kill().unwrap();
    probe.wait().unwrap();
    assert_none("a killed probe", || family(&mark));
    assert_none("a killed probe on the jump host", || gateway.connections_and_sessions());
}
