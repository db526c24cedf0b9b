//! The exporter's stage, with a stand-in that does only what the stage looks at.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use testbed::{Exporter, Signal, exporter, poll};

/// A program of this text, which says that it listens, in colour.
fn stand_in(directory: &Path, text: &str) -> PathBuf {
    let path = directory.join("scm-backup-exporter");
    let listens = r"printf '\033[32mINFO\033[0m listening \033[3maddress\033[0m=127.0.0.1:1\n' >&2";
    fs::write(&path, format!("#!/bin/sh\n{listens}\n{text}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

#[test]
fn exporter_that_cleans_up_leaves_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let program = stand_in(
        directory.path(),
        r#"trap 'rm "$XDG_RUNTIME_DIR/socket"; exit 0' TERM; touch "$XDG_RUNTIME_DIR/socket"; echo "$@" ready
        while :; do sleep 0.05; done"#,
    );
    let mut exporter = Exporter::start(&program, &[Path::new("a.cnf"), Path::new("b.cnf")]).unwrap();
    assert_eq!(exporter.url("/metrics"), "http://127.0.0.1:1/metrics");
    let arguments = exporter.wait_for_log("ready").unwrap();
    assert_eq!(arguments, "--config.file a.cnf --config.file b.cnf --web.listen-address 127.0.0.1:0 ready");
    assert_eq!(exporter.leftovers().len(), 1);
    let (status, runtime) = exporter.end(Signal::TERM).unwrap();
    assert!(status.success());
    assert_eq!(exporter::leftovers(&runtime), Vec::<String>::new());
}

#[test]
fn what_a_killed_exporter_leaves_is_seen_and_handed_to_its_successor() {
    let directory = tempfile::tempdir().unwrap();
    // A child whose command line looks like a master's, and its socket.
    let first = stand_in(
        directory.path(),
        r#"touch "$XDG_RUNTIME_DIR/socket"
        bash -c 'exec -a "ssh -M -S $XDG_RUNTIME_DIR/socket" sleep 600' & echo ready; wait"#,
    );
    let mut exporter = Exporter::start(&first, &[]).unwrap();
    exporter.wait_for_log("ready").unwrap();
    poll::until("it runs ssh", || Ok((exporter.ssh_processes().len() == 1).then_some(()))).unwrap();
    let (status, runtime) = exporter.end(Signal::KILL).unwrap();
    assert!(!status.success());
    assert_eq!(exporter::leftovers(&runtime).len(), 2, "{:?}", exporter::leftovers(&runtime));

    let next = stand_in(directory.path(), r#"ls "$XDG_RUNTIME_DIR"; exec sleep 600"#);
    let mut exporter = Exporter::start_in(runtime, &next, &[], &[] as &[&str], &[]).unwrap();
    exporter.wait_for_log("socket").unwrap();
    for process in exporter.ssh_processes() {
        process.signal(Signal::KILL);
    }
    poll::until("it is gone", || Ok(exporter.ssh_processes().is_empty().then_some(()))).unwrap();
}

#[test]
fn exporter_that_ends_at_once_shows_what_it_said() {
    let directory = tempfile::tempdir().unwrap();
    let program = directory.path().join("scm-backup-exporter");
    fs::write(&program, "#!/bin/sh\necho 'a.cnf: unknown key'\nexit 1\n").unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let error = Exporter::start(&program, &[]).unwrap_err().to_string();
    assert!(error.contains("unknown key") && error.contains("exit status: 1"), "{error}");
}
