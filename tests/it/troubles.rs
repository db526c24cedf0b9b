//! What the users of the old monitor suffered, one test each. The numbers are those of its list of known trouble.

use std::fs::File;

use testbed::broken::{BlackHole, Refusing};
use testbed::tree::Nights;
use testbed::{Login, Shell};

use crate::world::{
    HealthyAndBroken, PATIENT, World, assert_bad, assert_failed, assert_healthy, assert_kept, assert_logged,
    run_cli, value,
};

/// The series of a repo on node `N1` of hub A.
fn of(name: &str, repo: &str) -> String {
    format!("scm_backup_{name}{{hub=\"A\",node=\"N1\",repo=\"{repo}\"}}")
}

/// One node with a tree that was spoilt, as a scrape shows it, and as the tables do.
fn shown(spoil: impl FnOnce(&testbed::Tree)) -> (String, String) {
    let mut world = World::new();
    spoil(&world.good_tree("N1", "srv1"));
    let _node = world.sshd("N1");
    let config = world.hub("A", "srv1").write("A = N1", PATIENT);
    let metrics = world.serve(&config).text("/metrics").unwrap();
    let tables = String::from_utf8(run_cli(&config, &["probe"]).stdout).unwrap();
    (metrics, tables)
}

/// Known trouble 1.
#[test]
fn noise_of_a_login_shell_does_not_break_the_listing() {
    let mut nodes = HealthyAndBroken::new();
    let noise = "echo 'Welcome to N1'\n. /usr/local/env/env.bash\n\
        echo \"$HOME/.bash_profile: line 32: /data/env/local/env/env.bash: No such file or directory\"\n\
        echo \"$HOME/.bash_profile: line 32: /data/env/local/env/env.bash: No such file or directory\" >&2\n";
    let login = nodes.login().shell(Shell::Bash);
    let login =
        login.home_file(".bashrc", noise).home_file(".bash_profile", noise).home_file(".profile", noise);
    let _node = nodes.world.sshd_with("BAD", login);
    let exporter = nodes.serve("");
    assert_healthy(&exporter.text("/metrics").unwrap(), "A", "BAD");
}

/// Known trouble 2, where a login shell sets it.
#[test]
fn scm_fold_that_only_a_login_shell_sets_is_found() {
    for (shell, profile) in [(Shell::Bash, ".bash_profile"), (Shell::Sh, ".profile")] {
        let mut nodes = HealthyAndBroken::new();
        let set = format!("echo noise\nexport SCM_FOLD={}\n", nodes.world.fold("BAD").display());
        let login = Login::default().shell(shell).home_file(profile, &set);
        let _node = nodes.world.sshd_with("BAD", login);
        let exporter = nodes.serve("");
        assert_healthy(&exporter.text("/metrics").unwrap(), "A", "BAD");
    }
}

/// Known trouble 2, where nobody sets it.
#[test]
fn unset_scm_fold_is_a_clear_error() {
    let mut nodes = HealthyAndBroken::new();
    let _node = nodes.world.sshd_with("BAD", Login::default());
    let exporter = nodes.serve("");
    assert_bad(
        &exporter,
        "root_missing",
        &[
            "is not set on the node, not even in a login shell",
            "$SCM_FOLD/backup/srv1",
            "set `scm_fold` in [node BAD]",
        ],
    );
}

/// Known trouble 3.
#[test]
fn tarball_cut_by_a_timeout_alarms_at_once() {
    let sizes = |tree: &testbed::Tree, sidecars: bool| {
        tree.drop_repo("svn/env").unwrap();
        let nights = Nights { growth: 1_600_220, ..Nights::of_size(1_531_229_474) };
        tree.repo("svn/env", &if sidecars { nights } else { nights.without_sidecars() }).unwrap();
        let newest = tree.newest("svn/env").unwrap();
        File::options().write(true).open(newest).unwrap().set_len(1_147_682_816).unwrap();
    };
    for sidecars in [true, false] {
        let (metrics, tables) = shown(|tree| sizes(tree, sidecars));
        assert_eq!(value(&metrics, &of("tarball_size_bytes", "svn/env")), 1_147_682_816.0);
        assert_eq!(value(&metrics, &of("tarball_previous_size_bytes", "svn/env")), 1_529_629_254.0);
        assert_eq!(value(&metrics, &of("repo_status", "svn/env")), 2.0);
        assert_eq!(value(&metrics, &of("repo_status", "tracs/env")), 0.0);
        assert!(tables.contains("newest is 1.07 GiB, 0.75 of the largest recent one (1.42 GiB)"), "{tables}");
        if sidecars {
            assert_eq!(value(&metrics, &of("tarball_verified", "svn/env")), 0.0);
            let words = "newest is 1.07 GiB, its sidecar says 1.43 GiB";
            assert!(tables.contains(words), "{tables}");
        }
    }
}

/// Known trouble 4.
#[test]
fn newest_tarball_of_three_months_ago_alarms() {
    let (metrics, tables) = shown(|tree| {
        tree.repo("svn/env", &Nights::of_size(50_000_000).revision(3591).count(97)).unwrap();
        tree.drop_newest("svn/env", 90).unwrap();
    });
    assert!(value(&metrics, &of("tarball_age_seconds", "svn/env")) >= 90.0 * 86400.0);
    assert_eq!(value(&metrics, &of("tarballs", "svn/env")), 7.0);
    assert_eq!(value(&metrics, &of("repo_status", "svn/env")), 2.0);
    assert_eq!(value(&metrics, &of("repo_status", "tracs/env")), 0.0);
    assert!(tables.contains("newest is 9") && tables.contains("old, limit 26h"), "{tables}");
}

/// Known trouble 5.
#[test]
fn tarballs_that_pile_up_are_a_warning_long_before_the_disk_is_full() {
    let (metrics, tables) = shown(|tree| {
        tree.repo("svn/env", &Nights::of_size(50_000_000).revision(3591).count(37)).unwrap();
    });
    assert_eq!(value(&metrics, &of("tarballs", "svn/env")), 37.0);
    assert!(value(&metrics, &of("tarballs_size_bytes", "svn/env")) > 37.0 * 48e6);
    assert_eq!(value(&metrics, &of("repo_status", "svn/env")), 1.0);
    assert!(tables.contains("37 held, at most 30 expected (has purging stopped?)"), "{tables}");
    let size = value(&metrics, "scm_backup_filesystem_size_bytes{hub=\"A\",node=\"N1\"}");
    let avail = value(&metrics, "scm_backup_filesystem_avail_bytes{hub=\"A\",node=\"N1\"}");
    assert!(0.0 < avail && avail < size, "{avail} of {size}");
}

/// Known trouble 6.
#[test]
fn name_that_no_longer_resolves_is_said_so_and_its_sidecars_are_not_blamed() {
    let (mut nodes, node, exporter, before) = HealthyAndBroken::seen_well();
    nodes.world.client.set("BAD", "HostName", "hub-of-old.invalid").unwrap();
    node.kill_connections().unwrap();
    for _ in 0..3 {
        let after = assert_bad(
            &exporter,
            "resolve",
            &[
                "Could not resolve hostname hub-of-old.invalid",
                "check the spelling of \"BAD\"",
                "`host` in [node BAD]",
            ],
        );
        assert_kept(&before, &after, "BAD");
    }
    // It is said once, and not at each scrape.
    assert_eq!(exporter.log().matches("Could not resolve").count(), 1, "{}", exporter.log());
}

/// Known trouble 7.
#[test]
fn unreachable_nodes_neither_stop_the_others_nor_hang_the_run() {
    let mut nodes = HealthyAndBroken::new();
    let hole = BlackHole::start().unwrap();
    nodes.world.know("BAD", &hole);
    let nobody = Refusing::start().unwrap();
    nodes.world.know("B2", &nobody);
    nodes.world.sections("[node BAD]\ntimeout = 1");
    let config = nodes.world.write("A = BAD B2 GOOD", PATIENT);
    let exporter = nodes.world.serve(&config);
    let metrics = assert_bad(&exporter, "timeout", &["raise `timeout` (to connect)"]);
    assert_failed(&metrics, "A", "B2", "connect");
    assert_logged(&exporter, "B2", "connect", &["Connection refused"]);
    let run = run_cli(&config, &["probe"]);
    let tables = String::from_utf8(run.stdout).unwrap();
    assert_eq!(run.status.code(), Some(3), "{tables}");
    assert!(tables.contains("ok      svn/env"), "{tables}");
}

/// Known trouble 8.
#[test]
fn expected_repo_that_is_absent_alarms() {
    let (metrics, tables) = shown(|tree| tree.drop_repo("tracs/env").unwrap());
    assert_eq!(value(&metrics, &of("tarballs", "tracs/env")), 0.0);
    assert_eq!(value(&metrics, &of("repo_expected", "tracs/env")), 1.0);
    assert_eq!(value(&metrics, &of("repo_status", "tracs/env")), 2.0);
    assert_eq!(value(&metrics, &of("repo_status", "svn/env")), 0.0);
    assert!(
        tables.contains("tracs/env") && tables.contains("missing: expected, but there is no tarball"),
        "{tables}"
    );
}
