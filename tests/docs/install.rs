//! Installing and upgrading, as the manual and the Makefile have it.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use tempfile::TempDir;

use crate::page::{PAGES, all_blocks};

const PROGRAM: &str = "usr/local/bin/scm-backup-exporter";

/// Writes a script that can be run.
fn script(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, format!("#!/bin/sh\n{text}\n")).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// A program that is installed and runs, until what it reads ends.
struct Running {
    child: Child,
    path: PathBuf,
}

impl Running {
    fn below(root: &Path) -> Self {
        let path = root.join(PROGRAM);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::copy("/bin/cat", &path).unwrap();
        let child = Command::new(&path).stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        Self { child, path }
    }

    /// It is another file now, and what ran goes on.
    #[track_caller]
    fn assert_replaced_by(mut self, text: &str) {
        assert!(fs::read_to_string(&self.path).unwrap().contains(text));
        assert_eq!(fs::metadata(&self.path).unwrap().mode() & 0o777, 0o755);
        assert!(self.child.try_wait().unwrap().is_none(), "what ran has ended");
        drop(self.child.stdin.take());
        assert!(self.child.wait().unwrap().success());
    }
}

#[test]
fn staged_program_takes_the_place_of_one_that_runs() {
    let home = tempfile::tempdir().unwrap();
    let running = Running::below(home.path());
    script(&home.path().join("target/stage").join(PROGRAM), "echo new");
    let commands = all_blocks("sh");
    let command = commands.iter().find(|block| block.contains("target/stage/usr/local")).unwrap().trim();
    let command = command.strip_suffix(" /usr").unwrap();
    let line = format!("{command} {}/usr", home.path().display());
    let output = Command::new("sh").args(["-c", &line]).current_dir(&home).output().unwrap();
    assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    running.assert_replaced_by("echo new");
}

/// A machine for `make install`: what stands for Rust and the linker, and what cargo would have built.
struct Machine {
    directory: TempDir,
}

impl Machine {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let new = Self { directory };
        new.tool("cargo", "echo cargo 1.89.0 '(c24e10642 2025-06-23)'");
        new.tool("rustc", "echo rustc 1.89.0 '(29483883e 2025-08-04)'");
        new.tool("cc", "echo /usr/lib/crt1.o");
        for tool in ["make", "sh", "sed", "awk", "sort", "head", "install", "dirname"] {
            let mut places = ["/usr/bin", "/bin"].map(|place| Path::new(place).join(tool)).into_iter();
            let found = places.find(|path| path.exists()).unwrap();
            symlink(found, new.bin().join(tool)).unwrap();
        }
        script(&new.path("target/release/scm-backup-exporter"), "echo new");
        new
    }

    fn path(&self, below: &str) -> PathBuf {
        self.directory.path().join(below)
    }

    fn bin(&self) -> PathBuf {
        self.path("bin")
    }

    fn tool(&self, name: &str, text: &str) {
        script(&self.bin().join(name), text);
    }

    fn install(&self) -> Output {
        Command::new(self.bin().join("make"))
            .arg("--no-print-directory")
            .arg("install")
            .arg(format!("DESTDIR={}", self.directory.path().display()))
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .env_clear()
            .env("PATH", self.bin())
            .env("CARGO_TARGET_DIR", self.path("target"))
            .output()
            .unwrap()
    }

    /// What `make install` complains of.
    #[track_caller]
    fn assert_refuses(&self, words: &[&str]) {
        let output = self.install();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && words.iter().all(|word| said.contains(word)), "{said}");
        assert!(!self.path(PROGRAM).exists());
    }
}

#[test]
fn make_install_takes_the_place_of_a_program_that_runs() {
    let machine = Machine::new();
    let running = Running::below(machine.directory.path());
    let output = machine.install();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    running.assert_replaced_by("echo new");
    assert!(machine.path("usr/local/lib/systemd/system/scm-backup-exporter.service").exists());
}

#[test]
fn make_install_says_what_to_type_where_rust_is_absent_or_too_old() {
    let machine = Machine::new();
    machine.tool("cargo", "echo cargo 1.63.0");
    machine.tool("rustc", "echo rustc 1.63.0");
    machine.assert_refuses(&["is version 1.63.0", "Rust 1.89 or later is needed", "https://sh.rustup.rs"]);
    machine.tool("rustup", "true");
    machine.assert_refuses(&["type: rustup update stable"]);
    fs::remove_file(machine.bin().join("rustc")).unwrap();
    machine.tool("cargo", "echo cargo 1.100.0");
    machine.assert_refuses(&["there is no rustc here"]);
}

#[test]
fn make_install_says_what_to_type_where_nothing_links() {
    let machine = Machine::new();
    machine.tool("cc", "echo crt1.o");
    machine.assert_refuses(&["no C library to link with", "apt-get install gcc libc6-dev"]);
    fs::remove_file(machine.bin().join("cc")).unwrap();
    machine.assert_refuses(&["there is no linker here", "apt-get install gcc libc6-dev"]);
}

/// What ssh is told by hand has to say all that the configuration says, as the printed command does.
#[test]
fn documents_leave_the_ssh_command_to_check_live() {
    let runbooks = fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/alerts/runbooks")).unwrap();
    let runbooks = runbooks.map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap());
    for text in runbooks.chain(PAGES.iter().map(|page| page.text.to_owned())) {
        for by_hand in ["ssh -G", "ssh -v", "ssh NODE", "ssh SDU", "ssh HOST"] {
            let line = text.lines().find(|line| line.contains(by_hand));
            assert_eq!(line, None, "{by_hand} knows nothing of the configuration");
        }
    }
}
