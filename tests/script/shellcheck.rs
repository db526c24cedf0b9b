//! Every shell script of the project, and what is made of the probe script, as shellcheck sees them. What a script means as
//! it stands is allowed there, with the reason.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use scm_backup_exporter::listing::{Request, authorized_key_options};
use testbed::tool;

const REQUEST: Request<'_> =
    Request { root: "/srv/scm/it's $HOME", time_limit: Some(Duration::from_secs(60)) };

fn shellcheck(arguments: &[&str]) -> Command {
    let mut command = Command::new(tool::find("shellcheck").unwrap());
    // With the exceptions of the probe script, where none lie beside the script itself.
    command.current_dir(project().join("src/listing")).args(["--format=gcc", "--severity=style"]);
    command.args(arguments);
    command
}

fn project() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[track_caller]
fn assert_content(what: &str, output: &Output) {
    let said = [&output.stdout[..], &output.stderr].concat();
    assert!(output.status.success(), "{what}:\n{}", String::from_utf8_lossy(&said));
}

/// Checks a script that lies nowhere.
fn check_text(script: &[u8]) -> Output {
    let mut command = shellcheck(&["--shell=sh", "-"]);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(script).unwrap();
    child.wait_with_output().unwrap()
}

/// Files that a shell runs, by their names or by their first line.
fn scripts() -> Vec<PathBuf> {
    let (mut found, mut directories) = (Vec::new(), vec![project().to_owned()]);
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).unwrap().map(Result::unwrap) {
            let path = entry.path();
            if entry.file_type().unwrap().is_dir() {
                if ![".git", "target"].map(Some).contains(&path.file_name().unwrap().to_str()) {
                    directories.push(path);
                }
                continue;
            }
            let is_run_by_a_shell = |line: &[u8]| line.starts_with(b"#!/") && line.ends_with(b"sh");
            let text = fs::read(&path).unwrap();
            let first = text.split(|byte| *byte == b'\n').next().unwrap();
            if path.extension().is_some_and(|extension| extension == "sh") || is_run_by_a_shell(first) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

#[test]
fn shellcheck_finds_nothing_in_any_script() {
    let scripts = scripts();
    let names: Vec<String> =
        scripts.iter().map(|path| path.strip_prefix(project()).unwrap().display().to_string()).collect();
    for known in [".ci/run", "deploy/rootfs.sh", "src/listing/probe.sh", "tests/testbed/install-tools.sh"] {
        assert!(names.iter().any(|name| name == known), "{known} is not among {names:?}");
    }
    let paths: Vec<&str> = scripts.iter().map(|path| path.to_str().unwrap()).collect();
    assert_content("scripts", &shellcheck(&paths).output().unwrap());
}

#[test]
fn shellcheck_finds_nothing_in_what_a_node_is_sent() {
    assert_content("the probe script", &check_text(&REQUEST.script()));
    let faulty = check_text(b"if [ $1 == x ]; then rm -rf \"$2/*\"; fi\n");
    assert!(!faulty.status.success(), "a faulty script passes");
}

#[test]
fn shellcheck_finds_nothing_in_a_forced_command() {
    let options = authorized_key_options("sh", &[REQUEST, REQUEST]);
    let command = options.strip_prefix("restrict,command=\"").unwrap().strip_suffix('"').unwrap();
    let command = command.replace("\\\"", "\"");
    assert_content("the command", &check_text(command.as_bytes()));
    // What it hands to the shell.
    let prints = command.strip_suffix(" | sh").unwrap();
    let script = Command::new("sh").args(["-c", prints]).output().unwrap();
    assert!(script.status.success() && script.stdout.len() > 1000, "{script:?}");
    assert_content("the script in the command", &check_text(&script.stdout));
}
