//! Another configuration without a restart.

use std::fs;

use testbed::http::{self, Response};
use testbed::{Exporter, Signal, Sshd, poll};

use crate::world::{World, assert_healthy, sample, value};

const MAX_AGE: &str = "scm_backup_max_age_seconds{hub=\"A\",node=\"N1\",repo=\"svn/env\"}";
const SIZE: &str = "scm_backup_tarball_size_bytes{hub=\"A\",node=\"N1\",repo=\"svn/env\"}";
const SUCCESS: &str = "scm_backup_probe_success{hub=\"A\",node=\"N1\"}";
const RELOADED: &str = "scm_backup_config_last_reload_successful";

/// One node with the default limits.
fn one_node() -> (World, Sshd, Exporter) {
    let (world, node, exporter, metrics) = World::seen_well();
    assert_eq!((value(&metrics, MAX_AGE), value(&metrics, RELOADED)), (93_600.0, 1.0));
    (world, node, exporter)
}

fn reload(exporter: &Exporter) -> Response {
    http::request("POST", &exporter.url("/-/reload"), &[]).unwrap()
}

#[test]
fn reload_brings_new_limits_and_keeps_the_session() {
    let (world, node, exporter) = one_node();
    world.write("A = N1", "max_age = 48h");
    let reply = reload(&exporter);
    assert_eq!((reply.status, &*reply.text().unwrap()), (200, "configuration reloaded\n"));
    let metrics = exporter.text("/metrics").unwrap();
    assert_healthy(&metrics, "A", "N1");
    assert_eq!(value(&metrics, MAX_AGE), 172_800.0);
    assert_eq!(node.logins(), 1);
}

#[test]
fn hangup_reloads_and_keeps_the_report_of_a_node_that_is_gone() {
    let (world, node, mut exporter) = one_node();
    node.stop().unwrap();
    node.kill_connections().unwrap();
    world.write("A = N1", "max_age = 72h");
    exporter.signal(Signal::HUP);
    exporter.wait_for_log("configuration reloaded").unwrap();
    let metrics = exporter.text("/metrics").unwrap();
    assert_eq!((value(&metrics, SUCCESS), value(&metrics, SIZE)), (0.0, 50e6));
    assert_eq!(value(&metrics, MAX_AGE), 259_200.0);
}

#[test]
fn faulty_configuration_is_refused_with_every_fault_and_changes_nothing() {
    let (world, node, mut exporter) = one_node();
    let config = world.dir.path().join("config.ini");
    let good = fs::read_to_string(&config).unwrap();
    fs::write(&config, good.replace("[ENV]", "[ENV]\nmax_agee = 48h\nport = many")).unwrap();
    let reply = reload(&exporter);
    let words = reply.text().unwrap();
    assert_eq!(reply.status, 500, "{words}");
    for part in ["the one before stays in force", "config.ini", "ENV", "max_agee", "max_age", "port"] {
        assert!(words.contains(part), "{part}: {words}");
    }
    let metrics = exporter.text("/metrics").unwrap();
    assert_healthy(&metrics, "A", "N1");
    assert_eq!((value(&metrics, MAX_AGE), value(&metrics, RELOADED)), (93_600.0, 0.0));

    fs::remove_file(&config).unwrap();
    exporter.signal(Signal::HUP);
    exporter.wait_for_log("config.ini: does not exist").unwrap();
    assert_eq!(value(&exporter.text("/metrics?collect[]=exporter").unwrap(), RELOADED), 0.0);

    fs::write(&config, good).unwrap();
    assert_eq!(reload(&exporter).status, 200);
    assert_eq!(value(&exporter.text("/metrics").unwrap(), RELOADED), 1.0);
    assert_eq!(node.logins(), 1);
}

#[test]
fn node_that_is_no_longer_named_is_forgotten_with_its_session() {
    let (mut world, _node, exporter) = one_node();
    world.good_tree("N2", "srv1");
    let _other = world.sshd("N2");
    world.write("A = N2", "");
    assert_eq!(reload(&exporter).status, 200);
    let metrics = exporter.text("/metrics").unwrap();
    assert_healthy(&metrics, "A", "N2");
    assert_eq!(sample(&metrics, SUCCESS), None);
    assert_eq!(exporter.get("/probe?hub=A&node=N1").unwrap().status, 404);
    poll::until("its session is gone", || Ok((exporter.ssh_processes().len() == 1).then_some(()))).unwrap();
}
