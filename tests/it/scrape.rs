//! What a scrape gives.

use crate::world::{World, assert_healthy, value};

#[test]
fn scrape_shows_what_the_nodes_hold() {
    let mut world = World::new();
    world.good_tree("N1", "srv1");
    world.good_tree("N2", "srv1");
    let (_one, _two) = (world.sshd("N1"), world.sshd("N2"));
    let config = world.hub("A", "srv1").write("A = N1 N2", "");
    let exporter = world.serve(&config);

    let metrics = exporter.text("/metrics").unwrap();
    assert_healthy(&metrics, "A", "N1");
    assert_healthy(&metrics, "A", "N2");
    assert_eq!(
        value(&metrics, "scm_backup_tarball_size_bytes{hub=\"A\",node=\"N1\",repo=\"svn/env\"}"),
        50e6
    );
    assert_eq!(value(&metrics, "scm_backup_ssh_sessions"), 2.0);
}
