//! The exposition against the files that hold it, and what those must show.

use std::fs;
use std::process::Command;

use scm_backup_exporter::metrics::Format;

use crate::scene::{exposition, fixture};

/// The environment variable that has the files written anew.
const RENEW: &str = "UPDATE_GOLDEN";

/// Compares with a file. Writing it anew fails too, so that no suite passes by it.
#[track_caller]
fn assert_golden(name: &str, found: &str) {
    let path = fixture(name);
    if std::env::var_os(RENEW).is_some() {
        fs::write(&path, found).unwrap();
        panic!("{} is written anew: look at `git diff`, and run the test without {RENEW}", path.display());
    }
    let wanted = fs::read_to_string(&path).unwrap_or_default();
    if wanted == found {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let beside = directory.path().join(name);
    fs::write(&beside, found).unwrap();
    let diff = Command::new("diff").arg("-uN").args([&path, &beside]).output().unwrap();
    panic!(
        "{name} differs (-wanted +found):\n{}\nif that is meant: {RENEW}=1 cargo test --test golden",
        String::from_utf8_lossy(&diff.stdout)
    );
}

#[test]
fn open_metrics_is_as_in_the_file() {
    assert_golden("metrics.om", &exposition(Format::OpenMetrics));
}

#[test]
fn text_is_as_in_the_file() {
    assert_golden("metrics.txt", &exposition(Format::Text));
}

#[test]
fn same_snapshot_always_gives_the_same_bytes() {
    assert_eq!(exposition(Format::OpenMetrics), exposition(Format::OpenMetrics));
}
