//! TAB, pressed in real shells that have our completions where each shell looks for them.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use testbed::terminal::Terminal;
use testbed::tool;

use crate::world::program;

/// What is typed after the program's name, and the arguments that it then has.
const TYPED: &[(&str, &str)] = &[
    ("pro\t", "probe"),
    ("alertm\t", "alertmanager-config"),
    ("--config.f\t", "--config.file"),
    ("--config.file my-con\t", "--config.file|my-config.ini"),
    ("--config.file sub/\t", "--config.file|sub/deeper.ini"),
    ("--web.max\t", "--web.max-requests"),
    ("--log.level war\t", "--log.level|warn"),
    ("--log.format js\t", "--log.format|json"),
    ("--config.file my-config.ini pro\t", "--config.file|my-config.ini|probe"),
    ("--config.file=my-config.ini pro\t", "--config.file=my-config.ini|probe"),
    ("probe --out\t", "probe|--output"),
    ("probe --output open\t", "probe|--output|openmetrics"),
    ("probe --config.file my-con\t", "probe|--config.file|my-config.ini"),
    ("check --li\t", "check|--live"),
    ("authorized-key --pub\t", "authorized-key|--public-key"),
    ("authorized-key --public-key my-con\t", "authorized-key|--public-key|my-config.ini"),
    ("alertmanager-config --smtp.fr\t", "alertmanager-config|--smtp.from"),
    (
        "--web.listen-address 127.0.0.1:1 --log.level debug che\t",
        "--web.listen-address|127.0.0.1:1|--log.level|debug|check",
    ),
    ("completions zs\t", "completions|zsh"),
];

/// A home with files to be completed, and the program, which only says how it was called.
struct Home(tempfile::TempDir);

impl Home {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        for file in ["my-config.ini", "sub/deeper.ini"] {
            write(&dir.path().join(file), "");
        }
        let stub = dir.path().join("bin/scm-backup-exporter");
        write(&stub, "#!/bin/sh\nIFS='|'\nprintf 'called[%s]\\n' \"$*\"\n");
        fs::set_permissions(stub, Permissions::from_mode(0o755)).unwrap();
        Self(dir)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// Writes the completions for a shell into a file of the home.
    fn completions(&self, shell: &str, file: &str) {
        let output = Command::new(program()).args(["completions", shell]).output().unwrap();
        assert!(output.status.success());
        write(&self.path().join(file), &String::from_utf8(output.stdout).unwrap());
    }

    /// Types every line in a shell, and asserts what each became.
    #[track_caller]
    fn assert_completed(&self, shell: &str, args: &[&str]) {
        let mut command = Command::new(tool::find(shell).unwrap());
        let path = format!("{}:/usr/bin:/bin", self.path().join("bin").display());
        command.args(args).current_dir(self.path());
        command.env("HOME", self.path()).env("ZDOTDIR", self.path()).env("PATH", path);
        for directory in ["XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME"] {
            command.env(directory, self.path().join(directory));
        }
        let mut terminal = Terminal::start(&command).unwrap();
        for (position, (typed, expected)) in TYPED.iter().enumerate() {
            terminal.until_written("ready> ", position + 1).unwrap();
            let before = terminal.screen().len();
            terminal.press(&format!("scm-backup-exporter {typed}\r")).unwrap();
            terminal.until_written("called[", position + 1).unwrap();
            terminal.until_written("ready> ", position + 2).unwrap();
            let written = terminal.screen()[before..].to_owned();
            assert!(written.contains(&format!("called[{expected}]")), "{shell}: {typed:?}: {written}");
        }
    }
}

fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

#[test]
fn tab_completes_in_bash_by_itself() {
    let home = Home::new();
    home.completions("bash", "completions.bash");
    write(&home.path().join(".bashrc"), "PS1='ready> '\n. ~/completions.bash\n");
    home.assert_completed("bash", &["--noprofile", "--rcfile", ".bashrc", "-i"]);
}

#[test]
fn tab_completes_in_bash_with_its_completion_package() {
    let home = Home::new();
    home.completions("bash", "XDG_DATA_HOME/bash-completion/completions/scm-backup-exporter");
    let package = tool::find("bash_completion").unwrap();
    write(&home.path().join(".bashrc"), &format!("PS1='ready> '\n. {}\n", package.display()));
    home.assert_completed("bash", &["--noprofile", "--rcfile", ".bashrc", "-i"]);
}

#[test]
fn tab_completes_in_zsh() {
    let home = Home::new();
    home.completions("zsh", "functions/_scm-backup-exporter");
    let setup = "PS1='ready> '\nfpath=(~/functions $fpath)\nautoload -U compinit\ncompinit -u -D\n";
    write(&home.path().join(".zshrc"), setup);
    home.assert_completed("zsh", &["-d", "-i"]);
}

#[test]
fn tab_completes_in_fish() {
    let home = Home::new();
    home.completions("fish", "XDG_CONFIG_HOME/fish/completions/scm-backup-exporter.fish");
    let setup = "function fish_prompt; echo -n 'ready> '; end\nfunction fish_greeting; end\n";
    write(&home.path().join("XDG_CONFIG_HOME/fish/config.fish"), setup);
    home.assert_completed("fish", &["-i"]);
}
