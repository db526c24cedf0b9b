//! The exporter's container without Docker: the file system that the image has, made by the image's own script, and
//! programs in it as the container runs them. What Docker would do is read from the Dockerfile and the compose file.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;
use testbed::tool;

use crate::dockerfile::{instruction, words};
use crate::file::{Mount, mounts, project, services, texts};

/// The container of a service that has the exporter's image.
pub struct Container {
    directory: TempDir,
    service: Value,
    /// What is mounted, and what takes the place of its source here.
    mounts: Vec<(Mount, PathBuf)>,
}

/// Whom it can reach.
#[derive(PartialEq, Eq)]
pub enum Network {
    /// Itself: its ports are free whatever runs on the machine.
    Own,
    /// The machine's nodes, as a container reaches those of its network.
    Machine,
}

impl Container {
    /// The exporter, with the demo's configuration, and an ssh directory that is empty.
    pub fn new() -> Self {
        Self::of("exporter")
    }

    /// A service, with the demo's files, and volumes that are new.
    pub fn of(service: &str) -> Self {
        let directory = tempfile::Builder::new().prefix("container-").tempdir().unwrap();
        // For the account inside, which is another than root.
        fs::set_permissions(directory.path(), Permissions::from_mode(0o755)).unwrap();
        let service = services()[service].clone();
        assert_eq!(service["image"], services()["exporter"]["image"]);
        let mut container = Self { directory, service, mounts: Vec::new() };
        let made = Command::new("sh")
            .arg(project("deploy/rootfs.sh"))
            .arg(container.root())
            .arg(env!("CARGO_BIN_EXE_scm-backup-exporter"))
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        for mount in mounts(&container.service) {
            let outside = container.directory.path().join(mount.target.rsplit('/').next().unwrap());
            if mount.is_volume() {
                fs::create_dir(&outside).unwrap();
                // As Docker does with a new volume.
                let place = fs::metadata(container.root().join(&mount.target[1..])).unwrap();
                fs::set_permissions(&outside, place.permissions()).unwrap();
                if rustix::process::geteuid().is_root() {
                    chown(&outside, Some(place.uid()), Some(place.gid())).unwrap();
                }
            } else {
                // A copy, since the account may not get into the project's directory.
                fs::copy(project(&mount.source), &outside).unwrap();
                give_to_account(&outside);
            }
            container.mounts.push((mount, outside));
        }
        container
    }

    /// The file system of the image.
    pub fn root(&self) -> PathBuf {
        self.directory.path().join("rootfs")
    }

    /// Where a path that is mounted, or lies below one, is outside.
    pub fn outside(&self, target: &str) -> PathBuf {
        let found = self.mounts.iter().find_map(|(mount, outside)| {
            let rest = target.strip_prefix(&mount.target)?;
            // A file is mounted itself: joined with nothing it would be a directory.
            Some(if rest.is_empty() { outside.clone() } else { outside.join(rest.trim_start_matches('/')) })
        });
        found.unwrap_or_else(|| panic!("nothing is mounted at {target}"))
    }

    /// Writes a file into what is mounted, or below it, for the account to read.
    pub fn write(&self, target: &str, text: &str) {
        let path = self.outside(target);
        fs::write(&path, text).unwrap();
        give_to_account(&path);
    }

    /// The words that start the service, by the Dockerfile and the compose file.
    pub fn start(&self) -> Vec<String> {
        let image: Value = serde_json::from_str(&instruction("exporter", "ENTRYPOINT")).unwrap();
        let entrypoint = self.service.get("entrypoint").unwrap_or(&image);
        let run = [texts(entrypoint), texts(&self.service["command"])].concat();
        run.into_iter().map(str::to_owned).collect()
    }

    /// Runs a program to its end, with nothing to write to but what compose allows.
    pub fn run(&self, network: &Network, program: &[impl AsRef<str>]) -> Output {
        let mut command = self.as_account();
        command.args(["--unshare-user", "--uid", &account(), "--gid", &account()]);
        // As `init`, it reaps; and nothing outlives it.
        command.args(["--unshare-pid", "--unshare-ipc", "--die-with-parent"]);
        if *network == Network::Own {
            command.arg("--unshare-net");
        }
        // No new privileges is what it always sets.
        for capability in texts(&self.service["cap_drop"]) {
            command.args(["--cap-drop", capability]);
        }
        let bind = |read_only| if read_only { "--ro-bind" } else { "--bind" };
        command.arg(bind(self.service["read_only"] == true)).arg(self.root()).arg("/");
        command.args(["--proc", "/proc", "--dev", "/dev"]);
        for place in texts(&self.service["tmpfs"]) {
            let (path, mode) = place.split_once(":mode=").unwrap();
            command.args(["--perms", mode, "--tmpfs", path]);
        }
        for (mount, outside) in &self.mounts {
            // Docker makes what is not there to be mounted on.
            let place = self.root().join(&mount.target[1..]);
            if !place.exists() {
                fs::write(place, "").unwrap();
            }
            command.arg(bind(mount.read_only)).arg(outside).arg(&mount.target);
        }
        command.arg("--clearenv");
        for word in words(&instruction("exporter", "ENV")) {
            let (name, value) = word.split_once('=').unwrap();
            command.args(["--setenv", name, value]);
        }
        command.arg("--").args(program.iter().map(AsRef::as_ref)).output().unwrap()
    }

    /// As [`Container::run`], of what has to succeed; gives what it printed.
    #[track_caller]
    pub fn printed(&self, network: &Network, program: &[impl AsRef<str>]) -> String {
        let output = self.run(network, program);
        let [printed, said] =
            [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
        // Whoever may not make user namespaces reads it here.
        assert!(output.status.success(), "{}\n{printed}\n{said}", output.status);
        printed
    }

    /// Root really becomes the account. Whoever else runs the tests is the account inside only.
    fn as_account(&self) -> Command {
        let bwrap = tool::find("bwrap").unwrap();
        if !rustix::process::geteuid().is_root() {
            return Command::new(bwrap);
        }
        let mut command = Command::new(tool::find("setpriv").unwrap());
        command.args([&format!("--reuid={0}", account()), &format!("--regid={0}", account())]);
        command.arg("--clear-groups").arg(bwrap);
        command
    }
}

/// Nobody else may read a key: ssh would not use it.
fn give_to_account(path: &Path) {
    let mode = if path.is_dir() { 0o700 } else { 0o600 };
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    if rustix::process::geteuid().is_root() {
        let number = account().parse().unwrap();
        chown(path, Some(number), Some(number)).unwrap();
    }
}

/// Who runs the exporter, as a number: of the user and of its group.
pub fn account() -> String {
    let user = instruction("exporter", "USER");
    let (user, group) = user.split_once(':').unwrap();
    assert_eq!(user, group);
    user.to_owned()
}
