//! The line in `authorized_keys` that allows the listings of some roots and nothing else.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use scm_backup_exporter::listing::{ListingError, Request, authorized_key_options};

use crate::node::{NONCE, Node, Reply, Userland, program, run, shells};

/// A node with two hubs' roots, one of them under a name that every layer of quoting has to survive.
struct Forced {
    node: Node,
    roots: [String; 2],
}

impl Forced {
    fn new() -> Self {
        let mut node = Node::new(Userland::Gnu);
        node.file("one/a.gz", "");
        node.file("it's \"two\" \\ %d ! größe $(x) `y`/b.gz", "");
        node.set("SCM_FOLD", node.root());
        let roots =
            ["$SCM_FOLD/one".to_owned(), format!("{}/it's \"two\" \\ %d ! größe $(x) `y`", node.root())];
        Self { node, roots }
    }

    fn requests(&self) -> [Request<'_>; 2] {
        [0, 1].map(|at| Request { root: &self.roots[at], time_limit: self.node.time_limit })
    }

    fn options(&self) -> String {
        let [one, two] = self.requests();
        authorized_key_options("sh", &[one, two, one])
    }

    /// What is answered to another root than those.
    fn refusal(&self) -> String {
        format!(" FAIL root_not_allowed\t{}\t{}\n", self.roots[0], self.roots[1])
    }

    /// What sshd hands to the login shell.
    fn command(&self) -> String {
        let options = self.options();
        let quoted = options.strip_prefix("restrict,command=\"").unwrap().strip_suffix('"').unwrap();
        quoted.replace("\\\"", "\"")
    }

    fn run(&self, login_shell: &[PathBuf], asked: &str) -> Reply {
        let mut words = login_shell.to_vec();
        words.extend(["-c".into(), self.command().into()]);
        let mut command = self.node.command(&words);
        command.env("SSH_ORIGINAL_COMMAND", asked);
        // What the client sends is not looked at.
        run(command, b"echo forged; exit 9\n")
    }
}

#[track_caller]
fn lists_each_root(forced: &Forced, mut list: impl FnMut(&str) -> Reply) {
    for (request, tarball) in forced.requests().iter().zip(["a.gz", "b.gz"]) {
        let reply = list(&request.command("sh", NONCE)).believed();
        assert_eq!(reply.of("tarball").len(), 1);
        assert!(reply.of("tarball")[0].ends_with(tarball), "{:?}", reply.records);
        assert!(reply.begin.unwrap().bounded);
    }
}

#[test]
fn every_login_shell_runs_the_forced_command() {
    let forced = Forced::new();
    let others = ["tcsh", "fish", "zsh"].map(|name| (name, vec![program(name)]));
    for (name, shell) in shells().into_iter().chain(others) {
        eprintln!("login shell {name}");
        lists_each_root(&forced, |asked| forced.run(&shell, asked));
    }
}

#[test]
fn only_allowed_roots_are_listed_whatever_is_asked() {
    let forced = Forced::new();
    let other = Request { root: "/etc", time_limit: None }.command("sh", NONCE);
    for asked in [
        other,
        format!("sh -s {NONCE}"),
        format!("sh -s {NONCE} *"),
        format!("sh -s {NONCE} {}", forced.roots[0]),
        format!("sh -s {NONCE} $(touch {}/trap)", forced.node.root()),
        format!("root=/etc; {NONCE} x"),
    ] {
        let reply = forced.run(&[program("dash")], &asked);
        // Without a nonce where it is looked for, there is no reply to us.
        let refused = reply.stdout.contains(&forced.refusal());
        assert!(refused && reply.records.is_empty(), "{asked}: {}", reply.stdout);
        assert!(reply.outcome.is_err());
    }
    for asked in ["", "cat /etc/passwd", "$(id)", "`id` '", "a\nb c"] {
        let reply = forced.run(&[program("dash")], asked);
        assert_eq!(reply.stdout, format!("\nscm-backup-listing 1 0{}", forced.refusal()), "{asked}");
    }
    assert!(!forced.node.path("root/trap").exists());
}

#[test]
fn a_command_of_100_kilobytes_costs_no_more_than_a_refusal() {
    let forced = Forced::new();
    let long = "a".repeat(100_000);
    for asked in [long.clone(), format!("sh -s {long} x"), "a ".repeat(50_000), " ".repeat(100_000)] {
        for (name, shell) in shells() {
            // A second of computing, which a busy machine does not make shorter; the shells need two milliseconds.
            let mut login_shell = vec![program("prlimit"), "--cpu=1".into()];
            login_shell.extend(shell.clone());
            let reply = forced.run(&login_shell, &asked);
            assert_eq!(reply.stdout, format!("\nscm-backup-listing 1 0{}", forced.refusal()), "{name}");
            let mut command = Command::new(program("prlimit"));
            command.arg("--cpu=1").args(shell).args(["-s", &asked, "x"]);
            let script = Request { root: "relative", time_limit: None }.script();
            let reply = run(command, &script);
            assert!(reply.stdout.ends_with(" FAIL root_not_absolute\n"), "{name}");
        }
    }
}

#[test]
fn a_nonce_is_hexadecimal_or_not_repeated() {
    let forced = Forced::new();
    let key = forced.requests()[0].command("sh", "").split_whitespace().last().unwrap().to_owned();
    let reply = forced.run(&[program("dash")], &format!("sh -s ;id>&2; {key}"));
    assert!(reply.stdout.starts_with("\nscm-backup-listing 1 0 BEGIN "), "{}", reply.stdout);
    assert!(matches!(reply.outcome, Err(ListingError::NoBegin { .. })));
}

#[test]
fn a_root_that_is_not_allowed_is_told_with_those_that_are() {
    let mut forced = Forced::new();
    forced.roots[0] = "/other".to_owned();
    let asked = Request { root: "$SCM_FOLD/one", time_limit: None }.command("sh", NONCE);
    let reply = forced.run(&[program("dash")], &asked);
    let allowed = forced.roots.iter().map(|root| root.replace('\\', "\\x5c")).collect();
    assert_eq!(reply.outcome, Err(ListingError::RootNotAllowed { allowed }));
}

#[test]
fn the_line_fits_an_old_sshd_and_is_one_line_of_ascii() {
    let options = Forced::new().options();
    // Old ones read lines of up to 8 KiB; a key of 4096 bits and its comment take about 800 bytes.
    assert!(options.len() + 800 < 8192, "{} bytes and a key", options.len());
    assert!(options.bytes().all(|byte| (b' '..=b'~').contains(&byte)));
}

/// A real sshd on loopback that admits us with one key, by the line under test.
struct Sshd {
    process: Child,
    port: u16,
    key: PathBuf,
}

impl Sshd {
    fn start(node: &Node, options: &str) -> Self {
        let directory = node.path("sshd");
        fs::create_dir(&directory).unwrap();
        let new_key = |name: &str| {
            let path = directory.join(name);
            let made = Command::new(program("ssh-keygen"))
                .args(["-q", "-t", "ed25519", "-N", "", "-f"])
                .arg(&path)
                .status()
                .unwrap();
            assert!(made.success());
            path
        };
        let (host_key, key) = (new_key("host"), new_key("user"));
        let public = fs::read_to_string(key.with_extension("pub")).unwrap();
        let keys = directory.join("authorized_keys");
        fs::write(&keys, format!("# comment\n{options} {public}")).unwrap();
        fs::set_permissions(&keys, fs::Permissions::from_mode(0o600)).unwrap();
        if rustix::process::geteuid().is_root() {
            // As the unit of Debian's openssh-server makes it.
            fs::create_dir_all("/run/sshd").unwrap();
        }
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let config = directory.join("config");
        let text = format!(
            "Port {port}\nListenAddress 127.0.0.1\nHostKey {}\nAuthorizedKeysFile {}\nPidFile none\nUsePAM no\n\
             StrictModes no\nPasswordAuthentication no\nPermitRootLogin forced-commands-only\n\
             SetEnv SCM_FOLD={}\n",
            host_key.display(),
            keys.display(),
            node.root(),
        );
        fs::write(&config, text).unwrap();
        let log = fs::File::create(directory.join("log")).unwrap();
        let process = Command::new(program("sshd"))
            .args(["-D", "-e", "-f"])
            .arg(&config)
            .stderr(log)
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let sshd = Self { process, port, key };
        let up = (0..200).any(|_| {
            thread::sleep(Duration::from_millis(25));
            TcpStream::connect(("127.0.0.1", port)).is_ok()
        });
        assert!(up, "{}", fs::read_to_string(directory.join("log")).unwrap());
        sshd
    }

    fn ssh(&self, words: &[&str]) -> Command {
        let mut command = Command::new(program("ssh"));
        command.args(["-F", "none", "-T", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no"]);
        command.args([
            "-o",
            "UserKnownHostsFile=/dev/null",
            "-o",
            "LogLevel=ERROR",
            "-o",
            "IdentitiesOnly=yes",
        ]);
        command.arg("-i").arg(&self.key).arg("-p").arg(self.port.to_string());
        command.arg("127.0.0.1").args(words);
        command
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn a_real_sshd_takes_the_line() {
    let forced = Forced::new();
    let sshd = Sshd::start(&forced.node, &forced.options());
    // The client's script for another root reaches a node that does not look at it.
    let script = Request { root: "/etc", time_limit: None }.script();
    lists_each_root(&forced, |asked| run(sshd.ssh(&[asked]), &script));
    let reply = run(sshd.ssh(&["cat", "/etc/passwd"]), b"");
    assert_eq!(reply.stdout, format!("\nscm-backup-listing 1 0{}", forced.refusal()));
    let reply = run(sshd.ssh(&[]), b"");
    assert_eq!(reply.stdout, format!("\nscm-backup-listing 1 0{}", forced.refusal()));
}
