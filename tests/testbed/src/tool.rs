//! The programs that the testbed runs, and where they come from.

use std::env;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context as _, bail, ensure};

use crate::Result;

/// Program, Debian package, and whether the demo runs it; `install-tools.sh` reads the same file.
const TABLE: &str = include_str!("../tools.txt");

/// A line of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Tool {
    name: &'static str,
    package: &'static str,
    runs: &'static str,
}

/// Set in the process of the demo.
static DEMO_ONLY: AtomicBool = AtomicBool::new(false);

/// From now on finds what `make demo` installs, and nothing else: what the demo runs without being marked is found out where
/// everything is installed.
pub fn find_only_what_the_demo_installs() {
    DEMO_ONLY.store(true, Ordering::Relaxed);
}

/// Where a tool is, by the name it has in `tools.txt`.
///
/// # Errors
/// When it is not there: the error names the command that installs it.
pub fn find(name: &str) -> Result<PathBuf> {
    find_in(name, &places(), DEMO_ONLY.load(Ordering::Relaxed))
}

fn find_in(name: &str, places: &[PathBuf], demo_only: bool) -> Result<PathBuf> {
    let tool = tools()
        .find(|tool| tool.name == name)
        .with_context(|| format!("{name} is not in tests/testbed/tools.txt"))?;
    ensure!(!demo_only || tool.runs == "demo", "{name} is not marked `demo` in tests/testbed/tools.txt");
    let Some(path) = places.iter().map(|place| place.join(name)).find(|path| path.exists()) else {
        bail!("missing {name}: apt-get install {}", tool.package);
    };
    Ok(path)
}

fn tools() -> impl Iterator<Item = Tool> {
    TABLE.lines().filter(|line| !line.starts_with('#')).filter_map(|line| {
        let mut words = line.split_whitespace();
        Some(Tool { name: words.next()?, package: words.next()?, runs: words.next()? })
    })
}

/// The same places as `install-tools.sh` looks in. The sbin directories are not in everybody's PATH.
fn places() -> Vec<PathBuf> {
    let mut places: Vec<PathBuf> =
        env::var_os("PATH").map(|path| env::split_paths(&path).collect()).unwrap_or_default();
    places.extend(["/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/lib"].map(PathBuf::from));
    if let Ok(directories) = fs::read_dir("/usr/lib") {
        let of_machine = |path: &Path| path.to_string_lossy().ends_with("-linux-gnu");
        places.extend(directories.flatten().map(|entry| entry.path()).filter(|path| of_machine(path)));
    }
    places.push("/usr/lib/python3/dist-packages".into());
    places.push("/usr/share/bash-completion".into());
    places
}

/// Makes an executable script.
///
/// Another process writes it: while a file is open for writing here, so it is in a child that another thread is just
/// starting, and as long nobody can run it ("Text file busy").
///
/// # Errors
/// When it cannot be written.
pub fn make(path: &Path, text: &str) -> Result<()> {
    let mut install = Command::new("install");
    install.args(["-m", "755", "/dev/stdin"]).arg(path).stdin(Stdio::piped());
    let mut install = install.spawn()?;
    if let Some(mut input) = install.stdin.take() {
        input.write_all(text.as_bytes())?;
    }
    let status = install.wait()?;
    ensure!(status.success(), "cannot make {}: {status}", path.display());
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn missing_tool_names_the_command_that_installs_it() {
        let error = find_in("sshd", &["/nonexistent".into()], false).unwrap_err();
        assert_eq!(error.to_string(), "missing sshd: apt-get install openssh-server");
    }

    #[test]
    fn tool_outside_the_table_is_an_error_that_names_the_table() {
        assert!(find("frobnicate").unwrap_err().to_string().contains("tools.txt"));
    }

    #[test]
    fn every_tool_of_the_table_is_here() {
        for tool in tools() {
            find(tool.name).unwrap();
        }
    }

    #[test]
    fn table_is_whole() {
        let lines = TABLE.lines().filter(|line| !line.starts_with('#'));
        assert!(lines.clone().all(|line| line.split_whitespace().count() == 3));
        assert_eq!(tools().count(), lines.count());
        assert!(tools().all(|tool| ["demo", "test"].contains(&tool.runs)));
    }

    #[test]
    fn demo_finds_only_what_it_installs() {
        let error = find_in("chromium", &places(), true).unwrap_err();
        assert_eq!(error.to_string(), "chromium is not marked `demo` in tests/testbed/tools.txt");
        find_in("sshd", &places(), true).unwrap();
    }

    /// A machine with nothing of the table in its PATH, and no apt: what is wanted is told.
    fn wanted(arguments: &[&str]) -> BTreeSet<String> {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/install-tools.sh");
        let directory = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("/usr/bin/dirname", directory.path().join("dirname")).unwrap();
        // What is found at its fixed places is there on this machine; the words are held together without it.
        let mut command = std::process::Command::new("/bin/sh");
        command.arg(script).args(arguments).env_clear().env("PATH", directory.path());
        let output = command.output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        let line = said.lines().find_map(|line| line.strip_prefix("tools: missing:"));
        line.unwrap_or_default().split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn only_what_the_demo_runs_is_installed_for_it() {
        let (all, demo) = (wanted(&[]), wanted(&["demo"]));
        let marked: BTreeSet<String> =
            tools().filter(|tool| tool.runs == "demo").map(|tool| tool.name.to_owned()).collect();
        assert!(demo.contains("prometheus") && demo.contains("tcsh"), "{demo:?}");
        assert_eq!(demo, all.intersection(&marked).cloned().collect());
        assert!(all.contains("fish") && !demo.contains("fish"));
    }
}
