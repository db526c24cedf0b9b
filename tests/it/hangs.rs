//! Tools that hang on a node, as on a stale mount, behind a real sshd.

use std::fs;
use std::path::{Path, PathBuf};

use testbed::login::quote;
use testbed::sshd::Options;
use testbed::{Login, Sshd, tool};

use crate::world::{Beside, PATIENT, World, assert_healthy, by_hand, sample, value};

/// A directory for the front of a node's PATH, where this tool hangs.
fn hanging(world: &World, name: &str) -> PathBuf {
    let bin = world.dir.path().join(format!("hanging-{name}"));
    fs::create_dir(&bin).unwrap();
    let text =
        format!("#!/bin/sh\n: > {}\nexec /bin/sleep 1000\n", quote(&bin.join("started").to_string_lossy()));
    tool::make(&bin.join(name), &text).unwrap();
    bin
}

fn with_path(login: Login, bin: &Path) -> Login {
    login.env("PATH", &format!("{}:/usr/bin:/bin", bin.display()))
}

#[test]
fn node_whose_df_hangs_loses_its_room_and_nothing_else() {
    let mut beside = Beside::new();
    let bin = hanging(&beside.world, "df");
    let login = with_path(beside.login(), &bin);
    let node = beside.world.sshd_with("BAD", login);
    let exporter = beside.serve("");
    let metrics = exporter.text("/metrics").unwrap();
    assert_healthy(&metrics, "A", "BAD");
    assert!(bin.join("started").exists());
    let room =
        |node| sample(&metrics, &format!("scm_backup_filesystem_size_bytes{{hub=\"A\",node=\"{node}\"}}"));
    assert_eq!(room("BAD"), None);
    assert!(room("GOOD").is_some());
    node.wait_until_idle().unwrap();
}

#[test]
fn node_whose_df_tells_nonsense_loses_its_room_and_nothing_else() {
    let mut beside = Beside::new();
    let bin = beside.world.dir.path().join("bin");
    fs::create_dir(&bin).unwrap();
    // 2^54 KiB.
    let text = "#!/bin/sh\necho 'Filesystem 1024-blocks Used Available Capacity Mounted on'\n\
        echo 'remote 18014398509481984 1 18014398509481983 1% /data'\n";
    tool::make(&bin.join("df"), text).unwrap();
    let login = with_path(beside.login(), &bin);
    let _node = beside.world.sshd_with("BAD", login);
    let metrics = beside.serve("").text("/metrics").unwrap();
    assert_healthy(&metrics, "A", "BAD");
    let room = sample(&metrics, "scm_backup_filesystem_avail_bytes{hub=\"A\",node=\"BAD\"}");
    assert_eq!(room, None);
}

/// A hub with one node that has a tree, where this tool is to hang: the tool's directory, and the configuration.
fn world_of(tool: &str) -> (World, PathBuf, PathBuf) {
    let mut world = World::new();
    world.good_tree("N1", "srv1");
    let bin = hanging(&world, tool);
    let config = world.hub("A", "srv1").sections("[node N1]\nprobe_timeout = 3").write("A = N1", PATIENT);
    (world, bin, config)
}

/// Probes three times in vain; the exporter, and with it its session, is there until after the node has been looked at.
#[track_caller]
fn leaves_nothing(mut world: World, node: &Sshd, bin: &Path, config: &Path) {
    world.know("N1", node);
    let exporter = world.serve(config);
    for _ in 0..3 {
        let metrics = exporter.text("/metrics").unwrap();
        assert_eq!(value(&metrics, "scm_backup_probe_success{hub=\"A\",node=\"N1\"}"), 0.0, "{metrics}");
    }
    assert!(bin.join("started").exists(), "{}", exporter.log());
    node.wait_until_idle().unwrap();
}

#[test]
fn nothing_of_a_probe_outlives_its_time_limit_on_the_node() {
    for tool in ["awk", "date", "find"] {
        let (world, bin, config) = world_of(tool);
        let login = with_path(Login::with_fold(&world.fold("N1")), &bin);
        let node = Sshd::start(&world.client, login).unwrap();
        leaves_nothing(world, &node, &bin, &config);
    }
}

#[test]
fn nothing_of_a_forced_command_outlives_its_time_limit_on_the_node() {
    let (world, bin, config) = world_of("awk");
    let public_key = world.client.key().with_extension("pub");
    let line = by_hand(&config, &["authorized-key", "N1", "--public-key", &public_key.to_string_lossy()]);
    let line = String::from_utf8(line.stdout).unwrap();
    let login = with_path(Login::with_fold(&world.fold("N1")).plain(), &bin);
    let node = Options::new(&world.client, login).authorized_keys(line.trim_end()).start().unwrap();
    leaves_nothing(world, &node, &bin, &config);
}
