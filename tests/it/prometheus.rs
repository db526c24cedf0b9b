//! A real Prometheus scrapes the exporter of real nodes.

use testbed::tree::Nights;
use testbed::{Exporter, Prometheus, Sshd};

use crate::world::World;

/// Two nodes of one hub, with different sizes on them.
fn two_nodes() -> (World, [Sshd; 2], Exporter) {
    let mut world = World::new();
    for (node, size) in [("N1", 50_000_000), ("N2", 70_000_000)] {
        let tree = world.tree(node, "srv1");
        tree.repo("svn/env", &Nights::of_size(size).revision(3591)).unwrap();
        tree.repo("tracs/env", &Nights::of_size(9_000_000)).unwrap();
    }
    let nodes = [world.sshd("N1"), world.sshd("N2")];
    let config = world.hub("A", "srv1").write("A = N1 N2", "");
    let exporter = world.serve(&config);
    (world, nodes, exporter)
}

/// A Prometheus with this job, which scrapes as often as it can.
fn prometheus(job: &str) -> Prometheus {
    let config = format!(
        "global:\n  scrape_interval: 1s\n  scrape_timeout: 1s\nscrape_configs:\n  - job_name: scm_backup\n    {job}\n"
    );
    Prometheus::start(&config).unwrap()
}

/// Waits until a query gives these values, in the order of the label `by`.
#[track_caller]
fn assert_query(prometheus: &Prometheus, query: &str, by: &str, wanted: &[(&str, f64)]) {
    let is_it = |found: &[testbed::prometheus::Sample]| {
        let mut found: Vec<_> =
            found.iter().map(|sample| (sample.label(by).to_owned(), sample.value)).collect();
        found.sort_by(|one, other| one.0.cmp(&other.0));
        found.iter().map(|(label, value)| (label.as_str(), *value)).eq(wanted.iter().copied())
    };
    if let Err(error) = prometheus.wait_for(query, is_it) {
        panic!("{query}, wanted {wanted:?}: {error:?}");
    }
}

#[test]
fn prometheus_knows_what_lies_on_the_nodes_and_tells_old_from_cannot_see() {
    let (_world, nodes, exporter) = two_nodes();
    let prometheus = prometheus(&format!("static_configs: [{{targets: ['{}']}}]", exporter.address()));
    let both = |one, other| [("N1", one), ("N2", other)];
    let size = "scm_backup_tarball_size_bytes{repo=\"svn/env\"}";
    assert_query(&prometheus, size, "node", &both(50e6, 70e6));
    assert_query(&prometheus, "sum by (node) (scm_backup_tarballs)", "node", &both(14.0, 14.0));
    assert_query(&prometheus, "max by (node) (scm_backup_repo_status)", "node", &both(0.0, 0.0));
    // What the generic rule for age is made of.
    let age = "count by (node) (scm_backup_tarball_age_seconds < scm_backup_max_age_seconds)";
    assert_query(&prometheus, age, "node", &both(2.0, 2.0));
    assert_query(&prometheus, "scm_backup_probe_success", "node", &both(1.0, 1.0));
    assert_query(&prometheus, "scm_backup_hub_info * 2", "srvnode", &[("srv1", 2.0)]);

    nodes[1].stop().unwrap();
    nodes[1].kill_connections().unwrap();
    assert_query(&prometheus, "scm_backup_probe_success", "node", &both(1.0, 0.0));
    let reason = "scm_backup_probe_failure == 1";
    assert_query(&prometheus, reason, "reason", &[("connect", 1.0)]);
    assert_query(&prometheus, size, "node", &both(50e6, 70e6));
    // Only the report that stands still falls behind.
    let behind = "count by (node) (scm_backup_probe_timestamp_seconds < scalar(max(scm_backup_probe_timestamp_seconds)))";
    assert_query(&prometheus, behind, "node", &[("N2", 1.0)]);
    assert_query(&prometheus, "up", "job", &[("scm_backup", 1.0)]);
}

#[test]
fn service_discovery_gives_prometheus_every_target() {
    let (_world, _nodes, exporter) = two_nodes();
    let prometheus =
        prometheus(&format!("http_sd_configs: [{{url: '{}', refresh_interval: 1s}}]", exporter.url("/sd")));
    assert_query(&prometheus, "up", "instance", &[("A/N1", 1.0), ("A/N2", 1.0)]);
    let size = "scm_backup_tarball_size_bytes{repo=\"svn/env\"}";
    assert_query(&prometheus, size, "instance", &[("A/N1", 50e6), ("A/N2", 70e6)]);
    assert_query(&prometheus, size, "node", &[("N1", 50e6), ("N2", 70e6)]);
}
