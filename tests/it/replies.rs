//! What a node prints: short, endless and garbled. Beside each stands a healthy node.

use std::fs;
use std::path::PathBuf;

use testbed::login::quote;
use testbed::{Exporter, Sshd, Userland, http};

use crate::world::{AS_ASKED, HealthyAndBroken, assert_bad, assert_healthy, assert_kept, sample, value};

/// The series of a repo on `BAD`.
fn of(name: &str, repo: &str) -> String {
    format!("scm_backup_{name}{{hub=\"A\",node=\"BAD\",repo=\"{repo}\"}}")
}

/// The lines of a script that begin a listing as the real one does.
const BEGIN: &str = "set -- $SSH_ORIGINAL_COMMAND\n\
    mark=\"scm-backup-listing 1 $3\"\n\
    printf '\\n%s BEGIN list=printf awk=yes bounded=no epoch=%s utc=+0000\\nR /data\\n' \"$mark\" \"$(date +%s)\"\n";

/// `BAD` answers well until it is spoilt; from then on by a script. What was known of it stays.
struct Turncoat {
    nodes: HealthyAndBroken,
    node: Sshd,
    exporter: Exporter,
    spoilt: PathBuf,
    before: String,
}

impl Turncoat {
    fn new(script: &str) -> Self {
        let mut nodes = HealthyAndBroken::new();
        let spoilt = nodes.world.dir.path().join("spoilt");
        let script = format!("if [ -e {} ]; then\n{script}\nexit\nfi\n{AS_ASKED}", spoilt.display());
        let login = nodes.login().script(&script);
        let node = nodes.world.sshd_with("BAD", login);
        let exporter = nodes.serve("");
        let before = exporter.text("/metrics").unwrap();
        assert_healthy(&before, "A", "BAD");
        fs::write(&spoilt, "").unwrap();
        Self { nodes, node, exporter, spoilt, before }
    }

    /// Twice fails for this reason, with these words in the log, and is well again when the node is.
    #[track_caller]
    fn fails(&self, reason: &str, words: &[&str]) {
        for _ in 0..2 {
            let after = assert_bad(&self.exporter, reason, words);
            assert_kept(&self.before, &after, "BAD");
        }
        fs::remove_file(&self.spoilt).unwrap();
        assert_healthy(&self.exporter.text("/metrics").unwrap(), "A", "BAD");
    }

    /// As `fails`, with a time limit that is there only while there is nothing else to wait for.
    #[track_caller]
    fn runs_out_of_time(&self, words: &[&str]) {
        let config = self.nodes.world.dir.path().join("config.ini");
        let patient = fs::read_to_string(&config).unwrap();
        fs::write(&config, patient.replace("[node BAD]\n", "[node BAD]\nprobe_timeout = 1\n")).unwrap();
        self.reload();
        let after = assert_bad(&self.exporter, "timeout", words);
        assert_kept(&self.before, &after, "BAD");
        fs::write(&config, patient).unwrap();
        self.reload();
        fs::remove_file(&self.spoilt).unwrap();
        assert_healthy(&self.exporter.text("/metrics").unwrap(), "A", "BAD");
    }

    fn reload(&self) {
        let reply = http::request("POST", &self.exporter.url("/-/reload"), &[]).unwrap();
        assert_eq!(reply.status, 200, "{:?}", reply.text());
    }
}

#[test]
fn output_cut_in_the_middle_is_no_short_listing() {
    let cut = "sh -c \"$SSH_ORIGINAL_COMMAND\" | head -n 9";
    Turncoat::new(cut)
        .fails("protocol", &["the listing ended early, after 5 records", "see what the node prints"]);
}

#[test]
fn output_without_its_last_line_is_no_listing() {
    let cut = "sh -c \"$SSH_ORIGINAL_COMMAND\" | sed '$d'";
    Turncoat::new(cut).fails("protocol", &["the listing ended early, after"]);
}

#[test]
fn records_that_get_lost_on_the_way_are_noticed() {
    let cut = "sh -c \"$SSH_ORIGINAL_COMMAND\" | sed '/^F .*svn.env/d'";
    Turncoat::new(cut).fails("protocol", &["the node counted", "arrived"]);
}

#[test]
fn garbage_instead_of_a_listing_is_shown_and_refused() {
    let garbage = "printf 'This account is currently not available.\\033[31m\\377\\n'; exit 1";
    Turncoat::new(garbage).fails(
        "protocol",
        &[
            "the node printed no listing",
            "This account is currently not available.\\x1b[31m\\xff",
            "exit status 1",
        ],
    );
}

#[test]
fn garbage_within_a_listing_is_shown_and_refused() {
    let garbage = format!("{BEGIN}head -c 3000 /dev/zero | tr '\\0' '\\377'; echo");
    Turncoat::new(&garbage).fails("protocol", &["the listing has a malformed line: \\xff\\xff"]);
}

#[test]
fn silence_instead_of_a_listing_is_refused() {
    Turncoat::new("exit 0")
        .fails("protocol", &["the node printed no listing", "profile scripts must not exit"]);
}

#[test]
fn last_line_of_standard_error_is_shown() {
    let wordy = "head -c 200000 /dev/zero | tr '\\0' '\\n' >&2; echo 'the disk is on fire' >&2; exit 1";
    Turncoat::new(wordy)
        .fails("protocol", &["the node printed no listing", "its last error line: the disk is on fire"]);
}

#[test]
fn endless_noise_is_cut_off() {
    let coat = Turncoat::new("while :; do echo 'welcome, welcome, welcome, welcome, welcome'; done");
    coat.fails(
        "protocol",
        &["more than 1.00 MiB before the listing", "make the account's profile scripts print nothing"],
    );
    coat.node.wait_until_idle().unwrap();
}

#[test]
fn endless_line_is_cut_off() {
    let coat = Turncoat::new(&format!("{BEGIN}cat /dev/zero"));
    coat.fails("protocol", &["the listing has a line of more than 64.0 KiB"]);
    coat.node.wait_until_idle().unwrap();
}

#[test]
fn listing_that_never_ends_runs_into_the_time_limit() {
    let endless = format!("{BEGIN}while :; do echo 'F 5 1 svn/env/2013/01/01/021023/env-1.tar.gz'; done");
    let coat = Turncoat::new(&endless);
    coat.runs_out_of_time(&["no complete listing within 1 s", "raise `probe_timeout` in [node BAD]"]);
    coat.node.wait_until_idle().unwrap();
}

#[test]
fn node_that_hangs_in_its_listing_runs_into_the_time_limit() {
    let coat = Turncoat::new(&format!("{BEGIN}exec sleep 1000"));
    coat.runs_out_of_time(&["no complete listing within 1 s"]);
}

#[test]
fn reply_to_another_request_does_not_count() {
    let other = "set -- $SSH_ORIGINAL_COMMAND\nsh -s 0123456789abcdef $4";
    Turncoat::new(other).fails("protocol", &["the node printed no listing"]);
}

#[test]
fn node_without_find_says_what_to_install() {
    let mut nodes = HealthyAndBroken::new();
    let without = |names: &[&str]| Userland::Without(names.iter().map(|name| (*name).to_owned()).collect());
    // The script looks into the usual directories too, and there this machine has it.
    let script = "set -- $SSH_ORIGINAL_COMMAND\nsed 's|:/usr/local/bin:/usr/bin:/bin$||' | sh -s $3 $4";
    let login = nodes.login().userland(without(&["find"])).script(script);
    let _bad = nodes.world.sshd_with("BAD", login);
    let exporter = nodes.serve("");
    assert_bad(&exporter, "remote_command", &["find", "install findutils"]);
}

#[test]
fn node_without_awk_lists_with_gnu_find_only_and_knows_no_sidecars() {
    let script = "set -- $SSH_ORIGINAL_COMMAND\nsed 's|:/usr/local/bin:/usr/bin:/bin$||' | sh -s $3 $4";
    let tools = ["cat", "date", "df", "printf", "readlink", "sed", "sh", "timeout"];
    let only =
        |more: &[&str]| Userland::Only(tools.iter().chain(more).map(|name| (*name).to_owned()).collect());
    let mut nodes = HealthyAndBroken::new();
    let login = nodes.login().userland(only(&["find"])).script(script);
    let bad = nodes.world.sshd_with("BAD", login);
    let exporter = nodes.serve("");
    let metrics = exporter.text("/metrics").unwrap();
    assert_healthy(&metrics, "A", "GOOD");
    assert_eq!(value(&metrics, &of("tarballs", "svn/env")), 7.0, "{}", exporter.log());
    assert_eq!(sample(&metrics, &of("tarball_verified", "svn/env")), None);
    assert_eq!(value(&metrics, &of("repo_status", "svn/env")), 0.0);
    drop((exporter, bad));

    let mut nodes = HealthyAndBroken::new();
    // A find that cannot print: stat is asked, and awk would have to sort out what it says.
    let bin = nodes.world.dir.path().join("bin");
    fs::create_dir(&bin).unwrap();
    for applet in ["find", "xargs", "stat"] {
        std::os::unix::fs::symlink(testbed::tool::find("busybox").unwrap(), bin.join(applet)).unwrap();
    }
    let script = format!("PATH={}:$PATH\n{script}", quote(&bin.to_string_lossy()));
    let login = nodes.login().userland(only(&[])).script(&script);
    let _bad = nodes.world.sshd_with("BAD", login);
    let exporter = nodes.serve("");
    assert_bad(&exporter, "remote_command", &["awk", "and awk on the node"]);
}

#[test]
fn node_whose_shell_is_not_there_says_so() {
    let mut nodes = HealthyAndBroken::new();
    let login = nodes.login();
    let _bad = nodes.world.sshd_with("BAD", login);
    let exporter = nodes.serve("shell = /opt/bin/bash");
    assert_bad(&exporter, "remote_command", &["/opt/bin/bash", "not found"]);
}
