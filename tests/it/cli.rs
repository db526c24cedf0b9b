//! The program by hand: tables, JSON, metrics, exit statuses.

use std::process::Command;

use crate::world::{World, program, run_cli};

#[test]
fn round_by_hand_shows_the_state_in_words_and_in_the_exit_status() {
    let mut world = World::new();
    let good = world.good_tree("N1", "srv1");
    let bad = world.good_tree("N2", "srv1");
    bad.drop_repo("tracs/env").unwrap();
    let (_one, _two) = (world.sshd("N1"), world.sshd("N2"));
    let config = world.hub("A", "srv1").write("A = N1 N2", "");

    let output = run_cli(&config, &["probe", "A", "N1"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(text.contains("ok      svn/env"), "{text}");

    let output = run_cli(&config, &["probe"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(text.contains("missing: expected, but there is no tarball"), "{text}");

    // One that was not written is no outcome, and above all not status 1.
    let full = std::fs::File::create("/dev/full").unwrap();
    let mut probe = Command::new(program());
    probe.arg("--config.file").arg(&config).args(["probe", "A", "N1"]).stdout(full);
    assert_eq!(probe.status().unwrap().code(), Some(3));

    good.repo("svn/env", &testbed::tree::Nights::of_size(50_000_000).revision(3591).count(40)).unwrap();
    assert_eq!(run_cli(&config, &["probe", "A", "N1"]).status.code(), Some(1));
    let metrics = run_cli(&config, &["probe", "A", "N1", "--output", "openmetrics"]);
    let metrics = String::from_utf8(metrics.stdout).unwrap();
    assert!(
        metrics.contains("\nscm_backup_tarballs{hub=\"A\",node=\"N1\",repo=\"svn/env\"} 40\n"),
        "{metrics}"
    );
    assert!(metrics.ends_with("# EOF\n"));
    let json = run_cli(&config, &["probe", "--output", "json"]);
    let json: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(json["hubs"][0]["nodes"][0]["node"], "N2");
    assert_eq!(json["state"], "alarm");
}

/// As on a full disk.
#[test]
fn messages_that_cannot_be_written_change_nothing() {
    let mut world = World::new();
    world.good_tree("N1", "srv1");
    let _one = world.sshd("N1");
    let config = world.hub("A", "srv1").write("A = N1", "");
    let status = |args: &[&str]| {
        let full = std::fs::File::create("/dev/full").unwrap();
        let mut probe = Command::new(program());
        probe.arg("--config.file").arg(&config).args(args).stderr(full);
        probe.output().unwrap().status.code()
    };
    assert_eq!(status(&["probe", "B"]), Some(64));
    assert_eq!(status(&["probe", "--log.level", "trace"]), Some(0));
    assert_eq!(status(&["--log.level", "x=y"]), Some(64));
}

#[test]
fn node_that_cannot_be_looked_at_is_status_3_with_what_to_do() {
    let mut world = World::new();
    let nobody = testbed::broken::Refusing::start().unwrap();
    world.know("N1", &nobody);
    let config = world.hub("A", "srv1").write("A = N1", "");
    let output = run_cli(&config, &["probe"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(3), "{text}");
    assert!(
        text.contains("Connection refused") && text.contains("to do: check that the node is up"),
        "{text}"
    );
}

#[test]
fn name_that_is_not_configured_is_a_wrong_command_line_and_what_was_meant_is_named() {
    let mut world = World::new();
    let config = world.hub("ZZ", "srv1").hub("WW", "srv2").write("ZZ = SDU C\nWW = C", "");
    for (args, status, expected) in [
        (&["probe", "B"][..], 64, "no hub \"B\" is configured; there are WW, ZZ"),
        (&["probe", "zz"], 64, "no hub \"zz\" is configured; did you mean `ZZ`? (there are WW, ZZ)"),
        (&["probe", "SDU"], 64, "\"SDU\" is a node; give its hub first: `probe ZZ SDU`"),
        (&["probe", "C"], 64, "\"C\" is a node; give its hub first: `probe WW C` or `probe ZZ C`"),
        (
            &["probe", "ZZ", "sdu"],
            64,
            "hub \"ZZ\" has no node \"sdu\"; did you mean `SDU`? (there are C, SDU)",
        ),
        (&["probe", "WW", "c"], 64, "hub \"WW\" has no node \"c\"; did you mean `C`?"),
        (&["probe", "WW", "SDU"], 64, "hub \"WW\" has no node \"SDU\"; there is only C"),
        (
            &["authorized-key", "sdu"],
            1,
            "no node \"sdu\" is configured; did you mean `SDU`? (there are C, SDU)",
        ),
        (&["authorized-key", "ZZ"], 1, "\"ZZ\" is a hub; give one of its nodes: C, SDU"),
    ] {
        let output = run_cli(&config, args);
        assert_eq!(String::from_utf8(output.stderr).unwrap(), format!("error: {expected}\n"), "{args:?}");
        assert_eq!(output.status.code(), Some(status), "{args:?}");
    }
}

#[test]
fn level_that_would_silence_the_log_is_a_wrong_command_line() {
    let world = World::new();
    let config = world.write("A = N1", "");
    for level in ["loud", "", "warn,loud"] {
        let output = run_cli(&config, &["check", "--log.level", level]);
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(64), "{level:?}: {text}");
        assert!(text.contains("error, warn, info, debug, trace"), "{level:?}: {text}");
    }
}

/// Filters may name modules, and `warning` is what other programs call `warn`.
#[test]
fn what_is_logged_is_what_was_asked_for() {
    let mut world = World::new();
    let nobody = testbed::broken::Refusing::start().unwrap();
    world.know("N1", &nobody);
    let config = world.hub("A", "srv1").write("A = N1", "");
    let logs = |level: &str| {
        let output = run_cli(&config, &["probe", "--log.level", level]);
        assert_eq!(output.status.code(), Some(3), "{level}");
        String::from_utf8(output.stderr).unwrap().contains("probe failed")
    };
    for level in ["warn", "warning", "WARNING", "error,scm_backup_exporter::probe=warning"] {
        assert!(logs(level), "{level}");
    }
    for level in ["error", "off", "hyper=trace"] {
        assert!(!logs(level), "{level}");
    }
}

#[test]
fn address_without_a_colon_is_a_wrong_command_line() {
    for (address, expected) in [
        ("10222", "write :10222"),
        ("localhost", "write HOST:PORT"),
        ("[::1]", "write HOST:PORT"),
        ("http://localhost:10222", "write HOST:PORT"),
        ("", "write HOST:PORT"),
    ] {
        let output = Command::new(program()).args(["--web.listen-address", address]).output().unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(64), "{address}: {text}");
        assert!(text.contains(expected), "{address}: {text}");
    }
}

/// The example is one that loads.
#[test]
fn missing_configuration_is_told_with_one_to_begin_with() {
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("config.ini");
    for (args, status) in [(&[][..], 1), (&["check"], 1), (&["probe"], 3), (&["authorized-key", "SDU"], 1)] {
        let output = run_cli(&config, args);
        let told = [output.stdout, output.stderr].concat();
        let told = String::from_utf8(told).unwrap();
        assert_eq!(output.status.code(), Some(status), "{args:?}: {told}");
        assert!(
            told.contains("config.ini: does not exist; create it, or name another file with --config.file"),
            "{told}"
        );
        let example: String =
            told.lines().filter_map(|line| Some(line.strip_prefix("  ")?.to_owned() + "\n")).collect();
        let written = dir.path().join("example.ini");
        std::fs::write(&written, example).unwrap();
        let checked = run_cli(&written, &["check"]);
        let text = String::from_utf8(checked.stdout).unwrap();
        assert_eq!(checked.status.code(), Some(0), "{text}");
        assert!(text.contains("ok: 1 hub, 1 target, 0 warnings"), "{text}");
    }
    let faulty = dir.path().join("example.ini");
    std::fs::write(&faulty, "[HUB]\n").unwrap();
    let output = run_cli(&faulty, &["check"]);
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "", "a file that is there needs no example");
}

#[test]
fn metrics_by_hand_are_what_promtool_and_a_strict_parser_take() {
    let mut world = World::new();
    world.good_tree("N1", "srv1");
    let _one = world.sshd("N1");
    let nobody = testbed::broken::Refusing::start().unwrap();
    world.know("N2", &nobody);
    let config = world.hub("A", "srv1").write("A = N1 N2", "");
    let printed = |format: &str| {
        let output = run_cli(&config, &["probe", "--output", format]);
        assert_eq!(output.status.code(), Some(3), "{format}");
        String::from_utf8(output.stdout).unwrap()
    };
    let text = printed("prometheus");
    testbed::prometheus::check_metrics(&text).unwrap();
    assert!(text.contains("\nscm_backup_tarballs{hub=\"A\",node=\"N1\",repo=\"svn/env\"} 7\n"), "{text}");
    // node_exporter refuses a file in which a sample has a time.
    let samples = text.lines().filter(|line| !line.starts_with('#'));
    for sample in samples {
        assert_eq!(
            sample.rsplit_once('}').map_or(sample, |(_, value)| value).split_whitespace().count(),
            1,
            "{sample}"
        );
    }
    testbed::prometheus::check_openmetrics(&printed("openmetrics")).unwrap();
}

#[test]
fn check_warns_of_files_that_ssh_will_not_find() {
    let mut world = World::new();
    let dir = world.dir.path().display().to_string();
    world.sections(&format!(
        "[node N1]\nkey_filename = /nonexistent/key\n[node N2]\nkey_filename = /nonexistent/key\nknown_hosts = {dir}"
    ));
    let config = world.hub("A", "srv1").write("A = N1 N2", "");
    let output = run_cli(&config, &["check"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{text}");
    for words in [
        "warning: key_filename /nonexistent/key (nodes N1, N2) does not exist: correct the path\n",
        &format!("warning: known_hosts {dir} (node N2) is a directory: give the path of the file in it\n"),
        "ok: 1 hub, 2 targets, 2 warnings\n",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
}

#[test]
fn live_check_by_root_says_whose_keys_it_uses() {
    let mut world = World::new();
    let nobody = testbed::broken::Refusing::start().unwrap();
    world.know("N1", &nobody);
    let config = world.hub("A", "srv1").write("A = N1", "");
    let said = |args: &[&str]| String::from_utf8(run_cli(&config, args).stdout).unwrap();
    let is_root = rustix::process::geteuid().is_root();
    let live = said(&["check", "--live"]);
    assert_eq!(
        live.contains("warning: running as root: this check uses root's keys, known_hosts"),
        is_root,
        "{live}"
    );
    assert!(live.contains("not ok: 1 of 1 target gave no complete listing\n"), "{live}");
    assert!(!said(&["check"]).contains("running as root"));
}

#[test]
fn live_check_says_what_every_node_answered() {
    let mut world = World::new();
    world.good_tree("N1", "srv1");
    let _one = world.sshd("N1");
    let nobody = testbed::broken::Refusing::start().unwrap();
    world.know("N2", &nobody);
    let config = world.hub("A", "srv1").write("A = N1 N2", "");
    let output = run_cli(&config, &["check", "--live"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("holds 14 tarballs of 2 repos (listed with printf)"), "{text}");
    assert!(text.contains("connect: ssh: connect to host"), "{text}");
    assert!(text.contains("not ok: 1 of 2 targets gave no complete listing"), "{text}");
    assert_eq!(run_cli(&config, &["check"]).status.code(), Some(0));
}
