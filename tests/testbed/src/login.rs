//! What a user meets on a node after the login: home, environment, programs and login shell.
//!
//! All nodes log in as the user who runs the tests. What makes them differ is a launcher, the server's
//! forced command: it makes up the environment and runs the chosen shell with `-c COMMAND`, as sshd does.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};

use crate::{Result, tool};

/// The login shell.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Shell {
    /// `/bin/sh`.
    #[default]
    Sh,
    /// GNU bash; under ssh it reads `~/.bashrc` even for a command.
    Bash,
    /// The C shell.
    Tcsh,
    /// Fish.
    Fish,
    /// The Z shell.
    Zsh,
    /// BusyBox ash.
    Ash,
    /// Another program, as one that does not exist.
    Other(PathBuf),
}

/// The programs in the PATH.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Userland {
    /// The machine's own.
    #[default]
    Full,
    /// BusyBox applets and nothing else, `sh` included.
    Busybox,
    /// Toybox commands, and the machine's `sh`, which toybox lacks.
    Toybox,
    /// These programs of the machine only.
    Only(Vec<String>),
    /// The machine's own but for these.
    Without(Vec<String>),
}

/// A node's account. The default is a plain `/bin/sh` with the machine's programs and an empty home.
#[derive(Debug, Clone, Default)]
pub struct Login {
    shell: Shell,
    userland: Userland,
    environment: BTreeMap<String, String>,
    home_files: Vec<(String, String)>,
    script: Option<String>,
    plain: bool,
    unprivileged: bool,
}

impl Login {
    /// The default account, with `SCM_FOLD` set for every command.
    pub fn with_fold(fold: &Path) -> Self {
        Self::default().env("SCM_FOLD", &fold.to_string_lossy())
    }

    /// Sets the login shell.
    #[must_use]
    pub fn shell(self, shell: Shell) -> Self {
        Self { shell, ..self }
    }

    /// Sets the programs in the PATH.
    #[must_use]
    pub fn userland(self, userland: Userland) -> Self {
        Self { userland, ..self }
    }

    /// Sets an environment variable for every command.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Puts a file into the home, as `.bash_profile` or `.config/fish/config.fish`.
    #[must_use]
    pub fn home_file(mut self, name: &str, text: &str) -> Self {
        self.home_files.push((name.to_owned(), text.to_owned()));
        self
    }

    /// Runs this `sh` script instead of what the client asks for, which it finds in `SSH_ORIGINAL_COMMAND`.
    /// For nodes that answer with rubbish.
    #[must_use]
    pub fn script(self, script: &str) -> Self {
        Self { script: Some(script.to_owned()), ..self }
    }

    /// Runs commands as nobody where the tests run as root, whom no permission stops.
    #[must_use]
    pub fn unprivileged(self) -> Self {
        Self { unprivileged: true, ..self }
    }

    /// Leaves the launcher out: the user's own login shell runs, and a `command=` in the authorized keys
    /// has its effect. Environment and home are this account's all the same, on an sshd.
    #[must_use]
    pub fn plain(self) -> Self {
        Self { plain: true, ..self }
    }

    /// Lays the account out below a directory.
    pub(crate) fn install(&self, directory: &Path, mark: &str) -> Result<Installed> {
        let home = directory.join("home");
        fs::create_dir_all(&home)?;
        for (name, text) in &self.home_files {
            let path = home.join(name);
            fs::create_dir_all(path.parent().unwrap_or(&home))?;
            fs::write(path, text)?;
        }
        let path = self.userland.install(&directory.join("bin"))?;
        let shell = self.shell.path(directory)?;

        let mut environment = self.environment.clone();
        let mut default = |name: &str, value: String| {
            environment.entry(name.to_owned()).or_insert(value);
        };
        default("HOME", home.to_string_lossy().into_owned());
        default("PATH", path);
        default("SHELL", shell.to_string_lossy().into_owned());
        let (name, value) = mark.split_once('=').context("a mark is NAME=value")?;
        default(name, value.to_owned());

        let launcher =
            if self.plain { None } else { Some(self.launcher(directory, &home, &shell, &environment)?) };
        Ok(Installed { environment, launcher })
    }

    fn launcher(
        &self,
        directory: &Path,
        home: &Path,
        shell: &Path,
        environment: &BTreeMap<String, String>,
    ) -> Result<String> {
        let mut text = format!("cd {} || exit 1\n", quote(&home.to_string_lossy()));
        text.push_str("exec ");
        if self.unprivileged && rustix::process::geteuid().is_root() {
            // What it runs and reads lies in a directory that was made for root alone.
            fs::set_permissions(directory, Permissions::from_mode(0o755))?;
            let setpriv = tool::find("setpriv")?;
            write!(text, "{} --reuid=65534 --regid=65534 --clear-groups ", setpriv.display())?;
        }
        text.push_str("/usr/bin/env -i USER=\"$USER\" LOGNAME=\"$USER\" SSH_CLIENT=\"$SSH_CLIENT\" SSH_CONNECTION=\"$SSH_CONNECTION\"");
        for (name, value) in environment {
            write!(text, " {name}={}", quote(value))?;
        }
        if let Some(script) = &self.script {
            let path = directory.join("script");
            fs::write(&path, script)?;
            write!(
                text,
                " SSH_ORIGINAL_COMMAND=\"$SSH_ORIGINAL_COMMAND\" /bin/sh {}",
                quote(&path.to_string_lossy())
            )?;
        } else {
            let shell = quote(&shell.to_string_lossy());
            write!(text, " {shell} ${{SSH_ORIGINAL_COMMAND+-c}} \"${{SSH_ORIGINAL_COMMAND--l}}\"")?;
        }
        text.push('\n');
        let path = directory.join("launcher");
        fs::write(&path, text)?;
        Ok(format!("/bin/sh {}", path.display()))
    }
}

/// An account as it was laid out.
#[derive(Debug)]
pub(crate) struct Installed {
    pub(crate) environment: BTreeMap<String, String>,
    /// The forced command; `None` when there is to be none.
    pub(crate) launcher: Option<String>,
}

impl Shell {
    fn path(&self, directory: &Path) -> Result<PathBuf> {
        match self {
            Self::Sh => Ok("/bin/sh".into()),
            Self::Bash => tool::find("bash"),
            Self::Tcsh => tool::find("tcsh"),
            Self::Fish => tool::find("fish"),
            Self::Zsh => tool::find("zsh"),
            Self::Ash => {
                // BusyBox goes by the name it is called by.
                let path = directory.join("ash");
                if path.symlink_metadata().is_err() {
                    symlink(tool::find("busybox")?, &path)?;
                }
                Ok(path)
            }
            Self::Other(path) => Ok(path.clone()),
        }
    }
}

impl Userland {
    /// Lays the programs out and gives the PATH.
    fn install(&self, bin: &Path) -> Result<String> {
        const MACHINE: &str = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin";
        if *self == Self::Full {
            return Ok(MACHINE.to_owned());
        }
        fs::create_dir_all(bin)?;
        let link = |name: &str, program: &Path| -> Result<()> {
            let path = bin.join(name);
            if path.symlink_metadata().is_err() {
                symlink(program, path)?;
            }
            Ok(())
        };
        match self {
            Self::Full => {}
            Self::Busybox => {
                let busybox = tool::find("busybox")?;
                for applet in printed(Command::new(&busybox).arg("--list"))?.split_whitespace() {
                    link(applet, &busybox)?;
                }
            }
            Self::Toybox => {
                let toybox = tool::find("toybox")?;
                for command in printed(&mut Command::new(&toybox))?.split_whitespace() {
                    link(command, &toybox)?;
                }
                link("sh", Path::new("/bin/sh"))?;
            }
            Self::Only(names) => {
                for name in names {
                    let program = MACHINE
                        .split(':')
                        .map(|place| Path::new(place).join(name))
                        .find(|path| path.exists());
                    link(name, &program.with_context(|| format!("no {name} on this machine"))?)?;
                }
            }
            Self::Without(names) => {
                for place in MACHINE.split(':') {
                    for entry in fs::read_dir(place)?.flatten() {
                        let name = entry.file_name();
                        if !names.iter().any(|unwanted| name == unwanted.as_str()) {
                            link(&name.to_string_lossy(), &entry.path())?;
                        }
                    }
                }
            }
        }
        Ok(bin.to_string_lossy().into_owned())
    }
}

/// A text as one word of a POSIX shell.
pub fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// What a command prints, which must succeed.
pub(crate) fn printed(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("cannot run {command:?}"))?;
    ensure!(
        output.status.success(),
        "{command:?}: {}: {}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(String::from_utf8(output.stdout)?)
}
