//! What was repaired on a node is seen by the exporter that runs, at its next scrape.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::Path;

use testbed::sshd::Options;
use testbed::{Exporter, Login, Sshd, http, poll, tool};

use crate::world::{
    AS_ASKED, Beside, Gate, PATIENT, World, assert_failed, assert_healthy, assert_logged, by_hand, program,
    sample,
};

/// Reads the configuration again.
fn reload(exporter: &Exporter) {
    assert_eq!(http::request("POST", &exporter.url("/-/reload"), &[]).unwrap().status, 200);
}

/// The line that allows what this configuration asks of node `N1`.
fn line(world: &World, config: &Path) -> String {
    let public_key = world.client.key().with_extension("pub");
    let line = by_hand(config, &["authorized-key", "N1", "--public-key", &public_key.to_string_lossy()]);
    assert!(line.status.success(), "{line:?}");
    String::from_utf8(line.stdout).unwrap()
}

/// Node `N1` that allows no more than its line.
fn node_with_line(world: &mut World, line: &str) -> Sshd {
    let node = Options::new(&world.client, Login::default().plain()).authorized_keys(line).start().unwrap();
    world.know("N1", &node);
    node
}

/// Only the sshd of root takes on an account's groups. What others can test of it is the forced command, below.
#[test]
fn account_that_has_joined_a_group_is_seen_at_the_next_scrape() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    const ACCOUNT: u32 = 65_530;
    const GROUP: u32 = 65_531;
    let mut world = World::new();
    let root = world.good_tree("N1", "srv1").root();
    chown(&root, None, Some(GROUP)).unwrap();
    fs::set_permissions(&root, fs::Permissions::from_mode(0o750)).unwrap();

    // No account of this machine is touched: sshd is shown accounts and groups of ours.
    let directory = world.dir.path().to_owned();
    let file = |name: &str| directory.join(name);
    let write = |name: &str, lines: &str| {
        let text = fs::read_to_string(Path::new("/etc").join(name)).unwrap();
        fs::write(file(name), format!("{text}{lines}\n")).unwrap();
    };
    write("passwd", &format!("scmbackup:x:{ACCOUNT}:{ACCOUNT}::/:/bin/sh"));
    write("group", &format!("scmbackup:x:{ACCOUNT}:\nkeepers:x:{GROUP}:"));
    fs::write(file("keys"), world.client.public_key()).unwrap();
    let environment = [
        ("LD_PRELOAD", tool::find("libnss_wrapper.so").unwrap()),
        ("NSS_WRAPPER_PASSWD", file("passwd")),
        ("NSS_WRAPPER_GROUP", file("group")),
    ];
    let node = Options::new(&world.client, Login::with_fold(&world.fold("N1")).plain())
        .set("UsePAM", "no")
        .set("AuthorizedKeysFile", &file("keys").display().to_string())
        .environment(environment.map(|(name, path)| (name.to_owned(), path.display().to_string())).into())
        .start()
        .unwrap();
    world.know("N1", &node);
    world.client.set("N1", "User", "scmbackup").unwrap();
    let config = world.hub("A", "srv1").write("A = N1", PATIENT);
    let exporter = world.serve(&config);
    assert_failed(&exporter.text("/metrics").unwrap(), "A", "N1", "permission");

    let groups = fs::read_to_string(file("group")).unwrap();
    // As `usermod -aG keepers scmbackup` does.
    fs::write(file("group"), groups.replace("keepers:x:65531:", "keepers:x:65531:scmbackup")).unwrap();
    assert_healthy(&exporter.text("/metrics").unwrap(), "A", "N1");
    assert_healthy(&exporter.text("/metrics").unwrap(), "A", "N1");
    assert_eq!(node.logins(), 2);
}

#[test]
fn line_renewed_after_a_refusal_is_seen_at_the_next_scrape() {
    let mut world = World::new();
    world.good_tree("N1", "srv1");
    let env = |fold: &str| format!("scm_fold = {}\n{PATIENT}", world.fold(fold).display());
    let (wrong, right) = (env("N0"), env("N1"));
    world.hub("A", "srv1");
    let old_line = line(&world, &world.write("A = N1", &wrong));
    let node = node_with_line(&mut world, &old_line);
    let config = world.write("A = N1", &right);
    let exporter = world.serve(&config);
    assert_failed(&exporter.text("/metrics").unwrap(), "A", "N1", "auth");

    node.authorize(&line(&world, &config)).unwrap();
    assert_healthy(&exporter.text("/metrics").unwrap(), "A", "N1");
    assert_eq!(node.logins(), 2);
}

#[test]
fn line_renewed_for_another_directory_is_used_from_the_reload_on() {
    let mut world = World::new();
    for fold in ["N1", "N2"] {
        world.good_tree(fold, "srv1");
    }
    let env = |fold: &str| format!("scm_fold = {}\n{PATIENT}", world.fold(fold).display());
    let (before, after) = (env("N1"), env("N2"));
    let config = world.hub("A", "srv1").write("A = N1", &before);
    let first = line(&world, &config);
    let node = node_with_line(&mut world, &first);
    let exporter = world.serve(&world.write("A = N1", &before));
    assert_healthy(&exporter.text("/metrics").unwrap(), "A", "N1");

    let config = world.write("A = N1", &after);
    node.authorize(&line(&world, &config)).unwrap();
    reload(&exporter);
    assert_healthy(&exporter.text("/metrics").unwrap(), "A", "N1");
    assert_eq!(node.logins(), 2);
}

#[test]
fn hub_that_a_reload_adds_is_probed_by_what_the_node_allows_now() {
    let mut world = World::new();
    world.good_tree("N1", "srv1");
    world.good_tree("N1", "srv2");
    let env = format!("scm_fold = {}\n{PATIENT}", world.fold("N1").display());
    let config = world.hub("A", "srv1").write("A = N1", &env);
    let first = line(&world, &config);
    let node = node_with_line(&mut world, &first);
    let exporter = world.serve(&world.write("A = N1", &env));
    assert_healthy(&exporter.text("/metrics").unwrap(), "A", "N1");

    let config = world.hub("B", "srv2").write("A = N1\nB = N1", &env);
    node.authorize(&line(&world, &config)).unwrap();
    reload(&exporter);
    let metrics = exporter.text("/metrics").unwrap();
    assert_healthy(&metrics, "A", "N1");
    assert_healthy(&metrics, "B", "N1");
    assert_eq!(node.logins(), 2);
}

/// `BAD` denies our key, and is left alone for it; then the key is put there.
fn denied_and_then_allowed() -> (Beside, Sshd, Exporter) {
    let mut beside = Beside::new();
    let bad = Options::new(&beside.world.client, beside.login()).authorized_keys("").start().unwrap();
    beside.world.know("BAD", &bad);
    let exporter = beside.serve("");
    assert_failed(&exporter.text("/metrics").unwrap(), "A", "BAD", "auth");
    bad.authorize(beside.world.client.public_key()).unwrap();
    assert_failed(&exporter.text("/metrics").unwrap(), "A", "BAD", "auth");
    assert_eq!(bad.connections(), 1);
    (beside, bad, exporter)
}

#[test]
fn reload_tries_a_node_that_is_left_alone() {
    let (_beside, bad, exporter) = denied_and_then_allowed();
    reload(&exporter);
    assert_healthy(&exporter.text("/metrics").unwrap(), "A", "BAD");
    assert_eq!(bad.connections(), 2);
}

#[test]
fn probe_now_tries_a_node_that_is_left_alone() {
    let (_beside, bad, exporter) = denied_and_then_allowed();
    let from_our_page = [("Sec-Fetch-Site", "same-origin")];
    let reply = http::request("POST", &exporter.url("/hub/A?node=BAD"), &from_our_page).unwrap();
    assert_eq!(reply.status, 303);
    assert_healthy(&exporter.text("/metrics").unwrap(), "A", "BAD");
    assert_eq!(bad.logins(), 1);
}

#[test]
fn node_that_still_refuses_after_a_reload_is_left_alone_for_longer() {
    let mut beside = Beside::new();
    let bad = Options::new(&beside.world.client, beside.login()).authorized_keys("").start().unwrap();
    beside.world.know("BAD", &bad);
    let exporter = beside.serve("");
    for reloads in 1..=2 {
        for _ in 0..2 {
            assert_failed(&exporter.text("/metrics").unwrap(), "A", "BAD", "auth");
        }
        assert_eq!(bad.connections(), reloads);
        reload(&exporter);
    }
}

#[test]
fn part_of_the_tree_that_cannot_be_read_is_asked_for_by_a_new_login_each_time() {
    let mut beside = Beside::new();
    let login = beside.login().unprivileged();
    let bad = beside.world.sshd_with("BAD", login);
    let closed = crate::world::Closed::new(beside.world.tree("BAD", "srv1").root().join("tracs"));
    let exporter = beside.serve("");
    for logins in 1..=2 {
        let metrics = exporter.text("/metrics").unwrap();
        assert_failed(&metrics, "A", "BAD", "permission");
        let read = "scm_backup_tarballs{hub=\"A\",node=\"BAD\",repo=\"svn/env\"}";
        assert_eq!(sample(&metrics, read), Some(7.0));
        assert_eq!(bad.logins(), logins);
    }
    drop(closed);
    for _ in 0..2 {
        assert_healthy(&exporter.text("/metrics").unwrap(), "A", "BAD");
        assert_eq!(bad.logins(), 3);
    }
    assert_eq!(beside.good.logins(), 1);
}

/// Hub A is well on node `N1`, and hub B has nothing there.
fn two_hubs(world: &mut World, login: Login) -> (Sshd, Exporter) {
    world.good_tree("N1", "srv1");
    let node = world.sshd_with("N1", login);
    let config = world.hub("A", "srv1").hub("B", "nowhere").write("A = N1\nB = N1", PATIENT);
    (node, Exporter::start(program(), &[&config]).unwrap())
}

#[test]
fn hub_that_keeps_failing_costs_the_others_on_its_node_no_login() {
    let mut world = World::new();
    let login = Login::with_fold(&world.fold("N1"));
    let (node, exporter) = two_hubs(&mut world, login);
    for scrapes in 1..=3 {
        let metrics = exporter.text("/metrics").unwrap();
        assert_healthy(&metrics, "A", "N1");
        assert_failed(&metrics, "B", "N1", "root_missing");
        assert_eq!(node.logins(), scrapes);
    }
    for _ in 0..3 {
        assert_healthy(&exporter.text("/probe?hub=A").unwrap(), "A", "N1");
    }
    assert_eq!(node.logins(), 3);
    assert_logged(&exporter, "N1", "root_missing", &["nowhere"]);
}

#[test]
fn listing_that_runs_while_its_session_is_replaced_is_not_cut_short() {
    let mut world = World::new();
    let gate = Gate::new(&world);
    let login = Login::with_fold(&world.fold("N1")).script(&(gate.script() + AS_ASKED));
    // Hub B goes through, as though somebody had waited before.
    let used = world.dir.path().join("gate.used");
    fs::write(&used, "").unwrap();
    let (node, exporter) = two_hubs(&mut world, login);
    assert_failed(&exporter.text("/probe?hub=B").unwrap(), "B", "N1", "root_missing");
    fs::remove_file(&used).unwrap();
    std::thread::scope(|scope| {
        let waits = scope.spawn(|| exporter.text("/probe?hub=A").unwrap());
        gate.wait_until_used();
        assert_failed(&exporter.text("/probe?hub=B").unwrap(), "B", "N1", "root_missing");
        assert_eq!((node.logins(), waits.is_finished()), (2, false));
        gate.open();
        assert_healthy(&waits.join().unwrap(), "A", "N1");
    });
    poll::until("the session before is gone", || Ok((exporter.ssh_processes().len() == 1).then_some(())))
        .unwrap();
}
