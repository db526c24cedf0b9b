//! SSH sessions: kept, made anew, and never left behind.

use testbed::broken::{Broken, Fault};
use testbed::process::Process;
use testbed::{Exporter, poll};

use crate::world::{AS_ASKED, Gate, World, assert_healthy, program, reason, value};
use rustix::process::Signal;

#[test]
fn one_login_serves_many_scrapes() {
    let (_world, node, exporter, _) = World::seen_well();
    for _ in 0..5 {
        assert_healthy(&exporter.text("/metrics").unwrap(), "A", "N1");
    }
    assert_eq!(node.logins(), 1);
    assert_eq!(node.sessions(), 6);
    assert_eq!(exporter.ssh_processes().len(), 1);
}

#[test]
fn hubs_on_one_node_share_its_session() {
    let mut world = World::new();
    world.good_tree("N1", "srv1");
    world.good_tree("N1", "srv2");
    let node = world.sshd("N1");
    let config = world.hub("A", "srv1").hub("B", "srv2").write("A = N1\nB = N1", "");
    let exporter = world.serve(&config);
    let metrics = exporter.text("/metrics").unwrap();
    assert_healthy(&metrics, "A", "N1");
    assert_healthy(&metrics, "B", "N1");
    assert_eq!(node.logins(), 1);
    assert_eq!(value(&metrics, "scm_backup_ssh_sessions"), 1.0);
}

#[test]
fn session_whose_master_was_killed_is_made_anew_within_the_probe() {
    let (_world, node, exporter, _) = World::seen_well();
    for process in exporter.ssh_processes() {
        process.signal(Signal::KILL);
    }
    assert_healthy(&exporter.text("/metrics").unwrap(), "A", "N1");
    assert_eq!(node.logins(), 2);
}

#[test]
fn session_that_the_node_dropped_is_made_anew_within_the_probe() {
    let (_world, node, exporter, _) = World::seen_well();
    node.kill_connections().unwrap();
    assert_healthy(&exporter.text("/metrics").unwrap(), "A", "N1");
    assert_eq!(node.logins(), 2);
}

#[test]
fn master_killed_during_a_probe_fails_it_and_the_next_one_is_well() {
    let mut world = World::new();
    world.good_tree("N1", "srv1");
    // The first listing stops before its beginning until the gate is open.
    let gate = Gate::new(&world);
    let login = testbed::Login::with_fold(&world.fold("N1")).script(&(gate.script() + AS_ASKED));
    let node = world.sshd_with("N1", login);
    let config = world.hub("A", "srv1").write("A = N1", "");
    let exporter = world.serve(&config);

    let metrics = std::thread::scope(|scope| {
        let scrape = scope.spawn(|| exporter.text("/metrics").unwrap());
        gate.wait_until_used();
        for process in exporter.ssh_processes() {
            process.signal(Signal::KILL);
        }
        gate.open();
        scrape.join().unwrap()
    });
    // The session was new, so that its loss is the probe's failure; the next one is well again.
    assert_eq!(reason(&metrics, "A", "N1").as_deref(), Some("connect"), "{metrics}");
    assert_healthy(&exporter.text("/metrics").unwrap(), "A", "N1");
    assert_eq!(node.logins(), 2);
}

#[test]
fn nothing_is_left_after_sigterm_sigint_or_sigkill() {
    for signal in [Signal::TERM, Signal::INT, Signal::KILL] {
        let (world, _node, exporter, _) = World::seen_well();
        let masters = exporter.ssh_processes();
        assert_eq!(masters.len(), 1);
        let (status, directory) = exporter.end(signal).unwrap();
        assert_eq!(status.success(), signal != Signal::KILL, "{signal:?}: {status}");
        // The kernel tells the masters of a killed exporter; they take a moment.
        poll::until("the masters are gone", || {
            Ok(masters.iter().all(|master| !master.is_alive()).then_some(()))
        })
        .unwrap();
        if signal == Signal::KILL {
            // A killed process cannot remove its directory; its successor does.
            let config = world.dir.path().join("config.ini");
            let successor =
                Exporter::start_in(directory, program(), &[&config], &[] as &[&str], &[]).unwrap();
            assert!(
                successor.log().contains("removed the directory of a killed exporter"),
                "{}",
                successor.log()
            );
            let (_, directory) = successor.end(Signal::TERM).unwrap();
            assert_eq!(testbed::exporter::leftovers(&directory), [] as [&str; 0]);
        } else {
            assert_eq!(testbed::exporter::leftovers(&directory), [] as [&str; 0], "{signal:?}");
        }
    }
}

#[test]
fn stopping_while_a_login_hangs_leaves_nothing() {
    let mut world = World::new();
    let hanging = Broken::start(Fault::SilentAfterBanner).unwrap();
    world.know("N1", &hanging);
    let config = world.hub("A", "srv1").write("A = N1", "timeout = 60");
    let exporter = world.serve(&config);
    let masters: Vec<Process> = std::thread::scope(|scope| {
        let scrape = scope.spawn(|| exporter.get("/metrics"));
        let masters =
            poll::until("ssh connects", || Ok((hanging.connections() > 0).then(|| exporter.ssh_processes())))
                .unwrap();
        exporter.signal(Signal::TERM);
        // The scrape is answered with what there is.
        assert_eq!(scrape.join().unwrap().unwrap().status, 200);
        masters
    });
    assert!(!masters.is_empty());
    let (status, directory) = exporter.end(Signal::TERM).unwrap();
    assert!(status.success(), "{status}");
    assert_eq!(testbed::exporter::leftovers(&directory), [] as [&str; 0]);
}

#[test]
fn probe_through_a_jump_host_leaves_nothing_either() {
    let mut world = World::new();
    world.good_tree("N1", "srv1");
    let gateway = world.sshd("GW");
    let node = testbed::Sshd::start(&world.client, testbed::Login::with_fold(&world.fold("N1"))).unwrap();
    world.client.add_behind("GW", "N1", &node).unwrap();
    let config = world.hub("A", "srv1").write("A = N1", "");
    let exporter = world.serve(&config);
    assert_healthy(&exporter.text("/metrics").unwrap(), "A", "N1");
    assert_eq!((gateway.logins(), node.logins()), (1, 1));
    let (_, directory) = exporter.end(Signal::TERM).unwrap();
    assert_eq!(testbed::exporter::leftovers(&directory), [] as [&str; 0]);
}

#[test]
fn node_that_hangs_at_the_login_takes_no_turn_from_the_others() {
    let mut world = World::new();
    world.good_tree("N2", "srv1");
    let hanging = Broken::start(Fault::SilentAfterBanner).unwrap();
    world.know("N1", &hanging);
    let _good = world.sshd("N2");
    let config = world.hub("A", "srv1").write("A = N1 N2", "timeout = 60");
    let exporter =
        Exporter::start_with(program(), &[&config], &["--probe.max-concurrent", "1"], &[]).unwrap();
    std::thread::scope(|scope| {
        let hangs = scope.spawn(|| exporter.get("/probe?hub=A&node=N1"));
        poll::until("ssh connects", || Ok((hanging.connections() > 0).then_some(()))).unwrap();
        assert_healthy(&exporter.text("/probe?hub=A&node=N2").unwrap(), "A", "N2");
        assert!(!hangs.is_finished());
        exporter.signal(Signal::TERM);
        hangs.join().unwrap().unwrap();
    });
}
