//! What lies on a node: roots that are missing or closed, odd stamps, sidecars and strays. Beside each stands a
//! healthy node.

use std::fs::{self, File};

use jiff::Span;
use testbed::Tree;
use testbed::tree::sidecar_of;

use crate::world::{
    Closed, HealthyAndBroken, assert_bad, assert_healthy, assert_kept, run_cli, sample, value,
};

/// The series of a repo on `BAD`.
fn of(name: &str, repo: &str) -> String {
    format!("scm_backup_{name}{{hub=\"A\",node=\"BAD\",repo=\"{repo}\"}}")
}

/// The series of `BAD` itself.
fn of_bad(name: &str) -> String {
    format!("scm_backup_{name}{{hub=\"A\",node=\"BAD\"}}")
}

#[test]
fn missing_root_says_where_it_was_looked_for() {
    let (nodes, _bad, exporter, before) = HealthyAndBroken::seen_well();
    let backup = nodes.world.fold("BAD").join("backup");
    fs::rename(&backup, backup.with_extension("old")).unwrap();
    let after = assert_bad(
        &exporter,
        "root_missing",
        &[
            "the hub's directory does not exist on the node",
            "check that $SCM_FOLD/backup/srv1 exists",
            "`scm_fold` of node BAD",
        ],
    );
    // No word of zero tarballs: the disk may only not be mounted.
    assert_kept(&before, &after, "BAD");
}

#[test]
fn unreadable_root_says_what_to_allow() {
    let mut nodes = HealthyAndBroken::new();
    let login = nodes.login().unprivileged();
    let _bad = nodes.world.sshd_with("BAD", login);
    let exporter = nodes.serve("");
    let before = exporter.text("/metrics").unwrap();
    assert_healthy(&before, "A", "BAD");
    let root = nodes.world.fold("BAD").join("backup/srv1");
    for closed in [root.clone(), root.parent().unwrap().to_owned()] {
        let _closed = Closed::new(closed);
        let after = assert_bad(
            &exporter,
            "permission",
            &[
                "may not read the hub's directory",
                "give the login user read access to everything below $SCM_FOLD/backup/srv1",
            ],
        );
        assert_kept(&before, &after, "BAD");
    }
    assert_healthy(&exporter.text("/metrics").unwrap(), "A", "BAD");
}

#[test]
fn unreadable_directory_leaves_a_report_that_claims_nothing_of_what_was_not_seen() {
    let mut nodes = HealthyAndBroken::new();
    let login = nodes.login().unprivileged();
    let _bad = nodes.world.sshd_with("BAD", login);
    let root = nodes.world.fold("BAD").join("backup/srv1");
    let _closed = Closed::new(root.join("tracs"));
    let config = nodes.write("");
    let exporter = nodes.world.serve(&config);
    let metrics = assert_bad(
        &exporter,
        "permission",
        &[
            "1 directory or file below",
            "cannot be read, so the listing is incomplete",
            "give the login user read access",
        ],
    );
    assert_eq!(value(&metrics, &of("tarballs", "svn/env")), 7.0);
    assert_eq!(value(&metrics, &of("repo_status", "svn/env")), 0.0);
    assert!(value(&metrics, &of_bad("probe_timestamp_seconds")) > 0.0);
    assert_eq!(sample(&metrics, &of("tarballs", "tracs/env")), None);
    assert_eq!(sample(&metrics, &of("tarball_size_bytes", "tracs/env")), None);
    // What is expected and cannot be seen is a warning, and no alarm.
    assert_eq!(value(&metrics, &of("repo_status", "tracs/env")), 1.0);
    let tables = String::from_utf8(run_cli(&config, &["probe", "A", "BAD"]).stdout).unwrap();
    assert!(tables.contains("expected but not found; 1 directory or file could not be read"), "{tables}");
}

/// `BAD` with a tree that was spoilt, as a scrape shows it, what the tables say, and the log.
fn shown(spoil: impl FnOnce(&Tree)) -> (String, String, String) {
    let mut nodes = HealthyAndBroken::new();
    let login = nodes.login();
    spoil(&nodes.world.tree("BAD", "srv1"));
    let _bad = nodes.world.sshd_with("BAD", login);
    let config = nodes.write("");
    let exporter = nodes.world.serve(&config);
    let metrics = exporter.text("/metrics").unwrap();
    assert_healthy(&metrics, "A", "GOOD");
    assert_eq!(value(&metrics, &of_bad("probe_success")), 1.0, "{metrics}");
    // Its neighbour on the node is well.
    assert_eq!(value(&metrics, &of("repo_status", "tracs/env")), 0.0);
    let tables = String::from_utf8(run_cli(&config, &["probe", "A", "BAD"]).stdout).unwrap();
    (metrics, tables, exporter.log())
}

#[test]
fn stamp_that_no_calendar_has_is_a_counted_reject() {
    let (metrics, _, log) = shown(|tree| {
        tree.odd(b"svn/env/2013/02/31/021023/env-9999.tar.gz", 1).unwrap();
    });
    assert_eq!(value(&metrics, &of_bad("listing_rejects")), 1.0);
    assert_eq!(value(&metrics, &of("tarballs", "svn/env")), 7.0);
    assert_eq!(value(&metrics, &of("repo_status", "svn/env")), 0.0);
    assert!(log.contains("svn/env/2013/02/31/021023/env-9999.tar.gz"), "{log}");
}

#[test]
fn stamp_in_the_future_is_a_warning() {
    let (metrics, tables, _) = shown(|tree| {
        let stamp = tree.last_night().unwrap().checked_add(Span::new().days(3)).unwrap();
        let tarball = tree.tarball("svn/env", stamp, Some("3592"), 50_000_000).unwrap();
        tree.sidecar(&tarball, 50_000_000).unwrap();
    });
    assert!(value(&metrics, &of("tarball_age_seconds", "svn/env")) < -86400.0);
    assert_eq!(value(&metrics, &of("repo_status", "svn/env")), 1.0);
    // By how much depends on the time of day.
    let said =
        tables.lines().any(|line| line.contains("newest is stamped ") && line.ends_with(" in the future"));
    assert!(said, "{tables}");
}

#[test]
fn empty_tarball_alarms() {
    let (metrics, tables, _) = shown(|tree| tree.empty_newest("svn/env").unwrap());
    assert_eq!(value(&metrics, &of("tarball_size_bytes", "svn/env")), 0.0);
    assert_eq!(value(&metrics, &of("repo_status", "svn/env")), 2.0);
    assert!(tables.contains("newest is empty"), "{tables}");
}

#[test]
fn sidecar_that_is_garbage_or_gigantic_verifies_nothing() {
    let garble: [fn(&Tree); 4] = [
        |tree| tree.sidecar_text(&tree.newest("svn/env").unwrap(), "{'size': __import__('os')}").unwrap(),
        |tree| {
            fs::write(sidecar_of(&tree.newest("svn/env").unwrap()), b"\xff\0\n\x1b]0;x\x07F 1 1 x\n").unwrap()
        },
        |tree| fs::write(sidecar_of(&tree.newest("svn/env").unwrap()), "9".repeat(60_000)).unwrap(),
        |tree| {
            let sidecar = sidecar_of(&tree.newest("svn/env").unwrap());
            File::options().write(true).open(sidecar).unwrap().set_len(100_000_000_000).unwrap();
        },
    ];
    let mut nodes = HealthyAndBroken::new();
    let login = nodes.login();
    let tree = nodes.world.tree("BAD", "srv1");
    let _bad = nodes.world.sshd_with("BAD", login);
    let config = nodes.write("");
    let exporter = nodes.world.serve(&config);
    for spoil in garble {
        assert_healthy(&exporter.text("/metrics").unwrap(), "A", "BAD");
        spoil(&tree);
        let metrics = exporter.text("/metrics").unwrap();
        assert_healthy(&metrics, "A", "GOOD");
        assert_eq!(value(&metrics, &of("tarballs", "svn/env")), 7.0);
        assert_eq!(value(&metrics, &of("tarball_verified", "svn/env")), 0.0);
        assert_eq!(value(&metrics, &of("repo_status", "svn/env")), 2.0);
        assert_eq!(value(&metrics, &of("repo_status", "tracs/env")), 0.0);
        tree.sidecar(&tree.newest("svn/env").unwrap(), 50_000_000).unwrap();
    }
    tree.sidecar_text(&tree.newest("svn/env").unwrap(), "{}").unwrap();
    let tables = String::from_utf8(run_cli(&config, &["probe", "A", "BAD"]).stdout).unwrap();
    assert!(tables.contains("newest has a sidecar that cannot be parsed"), "{tables}");
}

#[test]
fn hundred_thousand_strays_are_counted_and_cost_no_memory() {
    let (nodes, _bad, exporter, before) = HealthyAndBroken::seen_well();

    let stray = nodes.world.fold("BAD").join("backup/srv1/svn/stray");
    fs::create_dir_all(&stray).unwrap();
    let long = "copy".repeat(40);
    for number in 0..100_000 {
        File::create(stray.join(format!("{long}-{number}.tar.gz"))).unwrap();
    }
    let after = exporter.text("/metrics").unwrap();
    assert_healthy(&after, "A", "BAD");
    assert_healthy(&after, "A", "GOOD");
    assert_eq!(value(&after, &of_bad("listing_rejects")), 100_000.0);
    // Their names alone are 18 MB.
    let resident = |metrics: &str| value(metrics, "process_resident_memory_bytes");
    assert!(resident(&after) - resident(&before) < 8e6, "{} {}", resident(&before), resident(&after));

    let log = exporter.log();
    let said: Vec<&str> = log.lines().filter(|line| line.contains("do not fit the layout")).collect();
    assert_eq!(said.len(), 1, "{log}");
    assert!(said[0].contains("rejects=100000"), "{}", said[0]);
    assert_eq!(said[0].matches("svn/stray/copy").count(), 5, "{}", said[0]);
}
