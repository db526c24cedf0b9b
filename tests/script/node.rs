//! A directory that stands for a node: its tools, its home, its tarballs; and the script run there.

use std::ffi::OsStr;
use std::fs;
use std::io::{ErrorKind, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use scm_backup_exporter::listing::{Begin, End, ListingError, Parser, Record, Request};
use scm_backup_exporter::text::escape_into;
use tempfile::TempDir;

pub(crate) const NONCE: &str = "0123456789abcdef";

/// The tools that the script may call, and the `printf` that a csh needs for a forced command.
const TOOLS: [&str; 10] = ["awk", "date", "df", "find", "printf", "readlink", "sh", "sleep", "stat", "xargs"];

/// Where a program lies; a test that lacks it fails with what installs it.
pub(crate) fn program(name: &str) -> PathBuf {
    let package = match name {
        "busybox" | "dash" | "bash" | "toybox" | "tcsh" | "fish" | "zsh" | "gawk" | "mawk"
        | "original-awk" => name,
        "sshd" => "openssh-server",
        "ssh" | "ssh-keygen" => "openssh-client",
        "localedef" => "locales",
        "find" | "xargs" => "findutils",
        "setpriv" | "prlimit" => "util-linux",
        _ => "coreutils",
    };
    ["/usr/bin", "/bin", "/usr/sbin", "/usr/local/bin"]
        .iter()
        .map(|directory| Path::new(directory).join(name))
        .find(|path| path.exists())
        .unwrap_or_else(|| panic!("{name} is missing: apt-get install {package}"))
}

/// What lies in the `PATH` of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Userland {
    Gnu,
    BusyBox,
    /// With the `awk` and `sh` of BusyBox, since it has none.
    Toybox,
}

impl Userland {
    pub(crate) const ALL: [Self; 3] = [Self::Gnu, Self::BusyBox, Self::Toybox];

    fn provider(self, tool: &str) -> PathBuf {
        match (self, tool) {
            (Self::Gnu, "sh") => program("dash"),
            (Self::Gnu, "awk") => program("mawk"),
            (Self::Gnu, tool) => program(tool),
            (Self::Toybox, tool) if tool != "awk" && tool != "sh" => program("toybox"),
            _ => program("busybox"),
        }
    }
}

/// The shells that run the script, with the arguments that come before `-s`.
pub(crate) fn shells() -> [(&'static str, Vec<PathBuf>); 4] {
    [
        ("dash", vec![program("dash")]),
        ("bash", vec![program("bash")]),
        ("bash --posix", vec![program("bash"), "--posix".into()]),
        ("busybox ash", vec![program("busybox"), "ash".into()]),
    ]
}

pub(crate) struct Node {
    directory: TempDir,
    pub(crate) shell: Vec<PathBuf>,
    pub(crate) environment: Vec<(String, String)>,
    pub(crate) time_limit: Option<Duration>,
    /// Without the directories that the script adds to `PATH`.
    pub(crate) isolated: bool,
}

impl Node {
    pub(crate) fn new(userland: Userland) -> Self {
        let node = Self {
            directory: TempDir::new().unwrap(),
            shell: vec![program("dash")],
            environment: Vec::new(),
            time_limit: Some(Duration::from_secs(60)),
            isolated: false,
        };
        fs::set_permissions(node.directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
        for name in ["bin", "home", "tmp", "root"] {
            fs::create_dir(node.path(name)).unwrap();
        }
        for tool in TOOLS {
            symlink(userland.provider(tool), node.path("bin").join(tool)).unwrap();
        }
        node
    }

    /// A path of the node: `bin`, `home`, `tmp`, `root` or what a test adds.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn root(&self) -> String {
        self.path("root").to_str().unwrap().to_owned()
    }

    /// Writes a file below the root, its directories with it.
    pub(crate) fn file(&self, name: impl AsRef<[u8]>, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path("root").join(OsStr::from_bytes(name.as_ref()));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    /// A symbolic link below the root.
    pub(crate) fn link(&self, name: impl AsRef<[u8]>, target: impl AsRef<[u8]>) {
        let path = self.path("root").join(OsStr::from_bytes(name.as_ref()));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        symlink(OsStr::from_bytes(target.as_ref()), path).unwrap();
    }

    /// Puts a script of its own in the place of a tool. It sees the real one as `$real`, and only what the walk
    /// asks of it: the questions by which the script chooses its tools are answered by the real one.
    pub(crate) fn replace_tool(&self, tool: &str, body: &str) {
        let path = self.path("bin").join(tool);
        let (real, kept) = (self.path("bin").join(format!("real-{tool}")), self.path("real"));
        fs::create_dir_all(&kept).unwrap();
        // BusyBox and toybox go by the name they are called by.
        fs::rename(&path, kept.join(tool)).unwrap();
        let text = format!(
            "#!/bin/sh\nreal={0}/{tool}\ncase \"$*\" in '/ -prune'* | *' %Y /') exec $real \"$@\" ;; esac\n{body}\n",
            kept.display()
        );
        testbed::tool::make(&real, &text).unwrap();
        symlink(&real, &path).unwrap();
    }

    pub(crate) fn remove_tool(&self, tool: &str) {
        fs::remove_file(self.path("bin").join(tool)).unwrap();
    }

    pub(crate) fn set(&mut self, name: &str, value: impl Into<String>) {
        self.environment.push((name.to_owned(), value.into()));
    }

    /// A command as the node's account: never root, whom no permission stops.
    pub(crate) fn command(&self, words: &[PathBuf]) -> Command {
        let mut command = if rustix::process::geteuid().is_root() {
            let mut command = Command::new(program("setpriv"));
            command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).args(words);
            command
        } else {
            let mut command = Command::new(&words[0]);
            command.args(&words[1..]);
            command
        };
        command
            .env_clear()
            .env("PATH", self.path("bin"))
            .env("HOME", self.path("home"))
            .env("TMPDIR", self.path("tmp"))
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .current_dir("/");
        command
    }

    /// Puts a tool in the place of another that says so and hangs, whatever it is asked.
    pub(crate) fn hang_tool(&self, tool: &str) {
        fs::set_permissions(self.path("tmp"), fs::Permissions::from_mode(0o777)).unwrap();
        let path = self.path("bin").join(tool);
        self.remove_tool(tool);
        let (mark, sleep) = (self.path("tmp/hangs"), program("sleep"));
        let text = format!("#!/bin/sh\n: > {}\nexec {} 1000\n", mark.display(), sleep.display());
        testbed::tool::make(&path, &text).unwrap();
    }

    /// The watcher's pauses: so many are over as soon as a tool hangs, and the one after them lasts for ever.
    pub(crate) fn pauses(&self, number: usize) {
        fs::set_permissions(self.path("tmp"), fs::Permissions::from_mode(0o777)).unwrap();
        let body = format!(
            "cd {}\nif [ -e {number}.over ]; then : > waits; exec $real 1000; fi\n\
             while [ ! -e hangs ]; do $real 0.05; done\n\
             number=1; while [ -e $number.over ]; do number=$((number + 1)); done\n: > $number.over",
            self.path("tmp").display()
        );
        self.replace_tool("sleep", &body);
    }

    /// Lists the root as `root` gives it.
    pub(crate) fn list(&self, root: &str) -> Reply {
        let (command, script) = self.listing(root);
        run(command, script.as_bytes())
    }

    /// The command that lists the root, and what it reads.
    pub(crate) fn listing(&self, root: &str) -> (Command, String) {
        let request = Request { root, time_limit: self.time_limit };
        let mut words = self.shell.clone();
        words.extend(request.command("", NONCE).split_whitespace().map(PathBuf::from));
        let mut script = String::from_utf8(request.script()).unwrap();
        if self.isolated {
            let added = "PATH=${PATH-}:/usr/local/bin:/usr/bin:/bin\n";
            assert!(script.contains(added));
            script = script.replace(added, "");
        }
        (self.command(&words), script)
    }
}

/// Runs a command to its end and reads its reply.
pub(crate) fn run(mut command: Command, input: &[u8]) -> Reply {
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // It fits a pipe, so nothing waits for anything here; a forced command does not read it at all.
    match child.stdin.take().unwrap().write_all(input) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => panic!("{error}"),
        _ => {}
    }
    let output = child.wait_with_output().unwrap();
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    let status = output.status.code();
    assert!(!matches!(status, None | Some(127 | 255)), "{:?}: {stdout}{stderr}", output.status);

    let mut reply =
        Reply { begin: None, records: Vec::new(), room: None, outcome: Ok(End::default()), stdout, stderr };
    let mut parser = Parser::new(NONCE);
    let pushed = parser.push(&output.stdout, &mut |record| match record {
        Record::Begin(begin) => reply.begin = Some(begin),
        Record::Filesystem { size, avail } => reply.room = Some((size, avail)),
        record => reply.records.push(text(record)),
    });
    reply.records.sort();
    reply.outcome = pushed.and_then(|()| parser.finish());
    reply
}

/// What the script made of it.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) begin: Option<Begin>,
    /// Sorted, since the order is the file system's; see [`text`].
    pub(crate) records: Vec<String>,
    pub(crate) room: Option<(u64, u64)>,
    pub(crate) outcome: Result<End, ListingError>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Reply {
    /// The records that begin with this word.
    pub(crate) fn of(&self, kind: &str) -> Vec<&str> {
        let kind = format!("{kind} ");
        self.records.iter().filter_map(|record| record.strip_prefix(&kind)).collect()
    }

    #[track_caller]
    pub(crate) fn believed(self) -> Self {
        assert_eq!(self.outcome, Ok(End::default()), "{}{}", self.stdout, self.stderr);
        self
    }
}

fn text(record: Record<'_>) -> String {
    let escaped = |bytes: &[u8]| {
        let mut text = String::new();
        escape_into(&mut text, bytes);
        text
    };
    match record {
        Record::Root(path) => format!("root {}", escaped(path)),
        Record::Tarball { size, mtime, path } => format!("tarball {size} {mtime} {}", escaped(path)),
        Record::Sidecar { size, mtime, path, content } => {
            let content =
                content.map_or_else(|| "unread".to_owned(), |content| format!("<{}>", escaped(content)));
            format!("sidecar {size} {mtime} {content} {}", escaped(path))
        }
        Record::Lock { mtime, path } => format!("lock {mtime} {}", escaped(path)),
        Record::NewlineInName => "newline ".to_owned(),
        Record::Begin(_) | Record::Filesystem { .. } => format!("{record:?}"),
    }
}
