//! Nodes that hang keep no healthy one waiting. What is asserted is the order of events: the healthy report is there
//! while the others still hang.

use std::thread;

use testbed::broken::{Broken, Fault};
use testbed::{Exporter, Login, Signal, Sshd, http, poll};

use crate::world::{World, assert_failed, assert_healthy, program};

/// Lines of `[ENV]` by which nothing ends that hangs, as long as a test runs.
const ENDLESS: &str = "timeout = 600\nprobe_timeout = 600";

/// An account whose listings print nothing and never end.
const SILENT: &str = "exec sleep 3600\n";

/// One whose listings print now and then, never begin, and never end.
const NOISY: &str = "while echo noise; do sleep 0.2; done\n";

fn serve(world: &World, roster: &str, max_concurrent: &str) -> Exporter {
    let config = world.write(roster, ENDLESS);
    Exporter::start_with(program(), &[&config], &["--probe.max-concurrent", max_concurrent], &[]).unwrap()
}

/// Scrapes `hanging`, waits until that `hangs`, and asserts that meanwhile hub A is well on node `GOOD`.
#[track_caller]
fn assert_healthy_while(exporter: &Exporter, hanging: &str, hangs: impl Fn() -> bool) {
    let before = exporter.log().len();
    thread::scope(|scope| {
        let scrape = scope.spawn(|| exporter.get(hanging));
        poll::until("the others hang", || Ok(hangs().then_some(()))).unwrap();
        let metrics = exporter.text("/probe?hub=A&node=GOOD").unwrap();
        // ssh itself gives up on some after 45 seconds.
        let log = exporter.log();
        assert!(!scrape.is_finished() && !log[before..].contains("probe failed"), "{log}");
        // It answers the scrape with what there is.
        exporter.signal(Signal::TERM);
        scrape.join().unwrap().unwrap();
        assert_healthy(&metrics, "A", "GOOD");
    });
}

/// A healthy node GOOD.
fn good(world: &mut World) -> Sshd {
    world.good_tree("GOOD", "srv1");
    world.hub("A", "srv1");
    world.sshd("GOOD")
}

/// So many names of one server.
fn names_of(world: &mut World, server: &impl testbed::Node, number: usize) -> String {
    let names: Vec<String> = (0..number).map(|number| format!("B{number}")).collect();
    for name in &names {
        world.know(name, server);
    }
    names.join(" ")
}

#[test]
fn silent_nodes_delay_no_first_login() {
    let mut world = World::new();
    let _good = good(&mut world);
    let silent = Broken::start(Fault::SilentAfterBanner).unwrap();
    let names = names_of(&mut world, &silent, 33);
    let exporter = serve(&world, &format!("A = {names} GOOD"), "64");
    assert_healthy_while(&exporter, "/metrics", || silent.connections() >= 16);
}

#[test]
fn silent_listings_delay_no_first_report() {
    let mut world = World::new();
    let _good = good(&mut world);
    let silent = Sshd::start(&world.client, Login::default().script(SILENT)).unwrap();
    let names = names_of(&mut world, &silent, 8);
    let exporter = serve(&world, &format!("A = {names} GOOD"), "8");
    assert_healthy_while(&exporter, "/metrics", || silent.sessions() == 8);
}

#[test]
fn listing_of_a_node_that_was_never_tried_delays_no_proven_one() {
    let mut world = World::new();
    let _good = good(&mut world);
    let noisy = Sshd::start(&world.client, Login::default().script(NOISY)).unwrap();
    names_of(&mut world, &noisy, 1);
    let exporter = serve(&world, "A = B0 GOOD", "1");
    assert_healthy(&exporter.text("/probe?hub=A&node=GOOD").unwrap(), "A", "GOOD");
    assert_healthy_while(&exporter, "/probe?hub=A&node=B0", || noisy.sessions() == 1);
}

#[test]
fn listing_of_a_node_that_hung_before_delays_no_other() {
    let mut world = World::new();
    let _good = good(&mut world);
    let noisy = Sshd::start(&world.client, Login::default().script(NOISY)).unwrap();
    names_of(&mut world, &noisy, 1);
    let config = world.write("A = B0 GOOD", "timeout = 60\nprobe_timeout = 1");
    let exporter =
        Exporter::start_with(program(), &[&config], &["--probe.max-concurrent", "1"], &[]).unwrap();
    assert_failed(&exporter.text("/probe?hub=A&node=B0").unwrap(), "A", "B0", "timeout");
    world.write("A = B0 GOOD", ENDLESS);
    assert_eq!(http::request("POST", &exporter.url("/-/reload"), &[]).unwrap().status, 200);
    // GOOD was never tried.
    let before = noisy.sessions();
    assert_healthy_while(&exporter, "/probe?hub=A&node=B0", || noisy.sessions() > before);
}

#[test]
fn hubs_whose_listings_hang_delay_no_proven_one_on_their_node() {
    let mut world = World::new();
    world.good_tree("GOOD", "srv1");
    world.hub("A", "srv1");
    // It is told the directory on its standard input.
    let script = "IFS= read -r first\ncase $first in\n*srv1*) { printf '%s\\n' \"$first\"; cat; } | sh -c \"$SSH_ORIGINAL_COMMAND\" ;;\n*) exec sleep 3600 ;;\nesac\n";
    let login = Login::with_fold(&world.fold("GOOD")).script(script);
    let node = world.sshd_with("GOOD", login);
    let mut roster = "A = GOOD".to_owned();
    for number in 0..4 {
        world.hub(&format!("B{number}"), &format!("hangs{number}"));
        roster.push_str(&format!("\nB{number} = GOOD"));
    }
    let exporter = serve(&world, &roster, "64");
    assert_healthy(&exporter.text("/probe?hub=A").unwrap(), "A", "GOOD");
    thread::scope(|scope| {
        let others: Vec<_> = (0..4)
            .map(|number| {
                let exporter = &exporter;
                scope.spawn(move || exporter.get(&format!("/probe?hub=B{number}")))
            })
            .collect();
        poll::until("the others hang", || Ok((node.sessions() >= 4).then_some(()))).unwrap();
        let metrics = exporter.text("/probe?hub=A&node=GOOD").unwrap();
        assert!(others.iter().all(|other| !other.is_finished()));
        exporter.signal(Signal::TERM);
        for other in others {
            other.join().unwrap().unwrap();
        }
        assert_healthy(&metrics, "A", "GOOD");
    });
}

#[test]
fn hubs_that_answered_and_then_hang_all_at_once_delay_no_other_on_their_node() {
    const OTHERS: usize = 6;
    let mut world = World::new();
    let stale = world.dir.path().join("stale");
    let script = format!(
        "IFS= read -r first\ncase $first in\n*srv1*) ;;\n*) [ ! -e {} ] || exec sleep 3600 ;;\nesac\n\
        {{ printf '%s\\n' \"$first\"; cat; }} | sh -c \"$SSH_ORIGINAL_COMMAND\"\n",
        stale.display()
    );
    world.good_tree("GOOD", "srv1");
    world.hub("A", "srv1");
    let mut roster = "A = GOOD".to_owned();
    for number in 0..OTHERS {
        world.good_tree("GOOD", &format!("other{number}"));
        world.hub(&format!("B{number}"), &format!("other{number}"));
        roster.push_str(&format!("\nB{number} = GOOD"));
    }
    let login = Login::with_fold(&world.fold("GOOD")).script(&script);
    let node = world.sshd_with("GOOD", login);
    let exporter = serve(&world, &roster, "64");
    let metrics = exporter.text("/metrics").unwrap();
    assert_healthy(&metrics, "A", "GOOD");
    assert_healthy(&metrics, "B5", "GOOD");
    std::fs::write(&stale, "").unwrap();
    let before = node.sessions();
    thread::scope(|scope| {
        let others: Vec<_> = (0..OTHERS)
            .map(|number| {
                let exporter = &exporter;
                scope.spawn(move || exporter.get(&format!("/probe?hub=B{number}")))
            })
            .collect();
        poll::until("the others hang", || Ok((node.sessions() >= before + OTHERS).then_some(()))).unwrap();
        let taken = |metrics: &str| {
            let series = "scm_backup_probe_timestamp_seconds{hub=\"A\",node=\"GOOD\"}";
            crate::world::value(metrics, series)
        };
        let again = exporter.text("/probe?hub=A&node=GOOD").unwrap();
        assert!(others.iter().all(|other| !other.is_finished()));
        exporter.signal(Signal::TERM);
        for other in others {
            other.join().unwrap().unwrap();
        }
        assert_healthy(&again, "A", "GOOD");
        assert!(taken(&again) > taken(&metrics));
    });
}
