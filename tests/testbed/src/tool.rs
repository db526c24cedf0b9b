//! The programs that the testbed runs, and where they come from.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

use crate::Result;

/// Program and Debian package, a pair a line; `install-tools.sh` reads the same file.
const TABLE: &str = include_str!("../tools.txt");

/// Where a tool is, by the name it has in `tools.txt`.
///
/// # Errors
/// When it is not there: the error names the command that installs it.
pub fn find(name: &str) -> Result<PathBuf> {
    find_in(name, &places())
}

fn find_in(name: &str, places: &[PathBuf]) -> Result<PathBuf> {
    let package = package_of(name).with_context(|| format!("{name} is not in tests/testbed/tools.txt"))?;
    let Some(path) = places.iter().map(|place| place.join(name)).find(|path| path.exists()) else {
        bail!("missing {name}: apt-get install {package}");
    };
    Ok(path)
}

fn package_of(name: &str) -> Option<&'static str> {
    TABLE
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once(char::is_whitespace))
        .find(|(program, _)| *program == name)
        .map(|(_, package)| package.trim())
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

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
mod tests {
    use super::*;

    #[test]
    fn missing_tool_names_the_command_that_installs_it() {
        let error = find_in("sshd", &["/nonexistent".into()]).unwrap_err();
        assert_eq!(error.to_string(), "missing sshd: apt-get install openssh-server");
    }

    #[test]
    fn tool_outside_the_table_is_an_error_that_names_the_table() {
        assert!(find("frobnicate").unwrap_err().to_string().contains("tools.txt"));
    }

    #[test]
    fn every_tool_of_the_table_is_here() {
        for line in TABLE.lines().filter(|line| !line.starts_with('#')) {
            let name = line.split_whitespace().next().unwrap();
            find(name).unwrap();
        }
    }
}
