//! What is in the exporter's image, and that it is enough.

use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use jiff::Timestamp;
use testbed::tree::Nights;
use testbed::{Client, Login, Node as _, Sshd, Tree};

use crate::container::{Container, Network, account};
use crate::dockerfile::instruction;
use crate::file::{services, texts};

/// All but the libraries.
const FILES: [&str; 8] = [
    "bin/busybox",
    "bin/sh",
    "bin/wget",
    "etc/group",
    "etc/nsswitch.conf",
    "etc/passwd",
    "usr/bin/ssh",
    EXPORTER,
];
const EXPORTER: &str = "usr/local/bin/scm-backup-exporter";

/// Of all but the exporter, in bytes: a sixth of what Debian's own slim image takes, without ssh.
const MOST: u64 = 16 << 20;

/// Everything below a directory, by its path.
fn everything(root: &Path) -> Vec<(String, Metadata)> {
    let (mut found, mut directories) = (Vec::new(), vec![root.to_owned()]);
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).unwrap().map(Result::unwrap) {
            let (path, about) = (entry.path(), entry.metadata().unwrap());
            found.push((path.strip_prefix(root).unwrap().to_str().unwrap().to_owned(), about));
            if found.last().unwrap().1.is_dir() {
                directories.push(path);
            }
        }
    }
    found.sort_by(|one, other| one.0.cmp(&other.0));
    found
}

/// So there is no other shell, no package manager and no interpreter.
#[test]
fn image_holds_the_exporter_ssh_one_busybox_their_libraries_and_nothing_else() {
    let container = Container::new();
    let found = everything(&container.root());
    let is_library = |path: &str| path.starts_with("lib") && path.contains(".so.");
    let files = found.iter().filter(|(_, about)| !about.is_dir());
    let size: u64 = files.clone().filter(|(path, _)| path != EXPORTER).map(|(_, about)| about.size()).sum();
    let (libraries, others): (Vec<_>, Vec<_>) =
        files.map(|(path, _)| path).partition(|path| is_library(path));
    assert_eq!(others, FILES.iter().collect::<Vec<_>>());
    println!("{} libraries; {size} bytes without the exporter", libraries.len());
    assert!(size < MOST, "{size} bytes");
}

#[test]
fn nothing_in_it_is_setuid_nor_to_be_changed_by_the_account() {
    let container = Container::new();
    for (path, about) in everything(&container.root()) {
        let is_home = path.starts_with("home/scm");
        assert_eq!(about.mode() & 0o6000, 0, "{path} is setuid or setgid");
        assert_eq!(
            about.mode() & 0o022 != 0,
            path == "tmp" || about.is_symlink(),
            "{path}: {:o}",
            about.mode()
        );
        // Root gives the home to the account. Whoever is not root is the account.
        if rustix::process::geteuid().is_root() {
            let owner = if is_home { account().parse().unwrap() } else { 0 };
            assert_eq!((about.uid(), about.gid()), (owner, owner), "{path}");
        }
        if is_home {
            assert_eq!(about.mode() & 0o777, 0o700, "{path}");
        }
    }
}

/// Which is the last step of the build.
#[test]
fn programs_of_the_image_find_their_libraries() {
    let check = instruction("exporter", "RUN");
    for program in ["scm-backup-exporter", "ssh", "wget"] {
        assert!(check.contains(&format!("{program} -")), "{check}");
    }
    let printed = Container::new().printed(&Network::Own, &["sh", "-c", &check]);
    assert!(
        printed.starts_with(concat!("scm-backup-exporter ", env!("CARGO_PKG_VERSION"), "\n")),
        "{printed}"
    );
}

#[test]
fn account_is_no_ones_and_can_write_to_tmp_only() {
    let container = Container::new();
    let script = "busybox id -u; busybox id -g; busybox whoami; echo $HOME
        for place in / /etc /usr/local/bin /home/scm /home/scm/.ssh /tmp; do
            (: >$place/new) 2>/dev/null && echo $place
        done; true";
    let printed = container.printed(&Network::Own, &["sh", "-c", script]);
    let account = account();
    assert_eq!(printed.lines().collect::<Vec<_>>(), [&account, &account, "scm", "/home/scm", "/tmp"]);
}

/// Words of a command for a shell.
fn quoted(words: &[impl AsRef<str>]) -> String {
    let quote = |word: &str| {
        assert!(!word.contains('\''), "{word}");
        format!("'{word}'")
    };
    words.iter().map(|word| quote(word.as_ref())).collect::<Vec<_>>().join(" ")
}

/// The health check, word for word, fails before the exporter listens and succeeds once it does. Told to stop, it
/// ends well.
#[test]
fn container_becomes_healthy_and_stops_when_told() {
    let container = Container::new();
    let services = services();
    let check = texts(&services["exporter"]["healthcheck"]["test"]);
    assert_eq!(check[0], "CMD");
    let (check, run) = (quoted(&check[1..]), quoted(&container.start()));
    let script = format!(
        "if {check}; then echo healthy without it; exit 1; fi
        {run} & tries=0
        until {check}; do
            tries=$((tries + 1)); [ $tries -le 600 ] || exit 1
            busybox sleep 0.1
        done
        kill $! && wait $!"
    );
    let printed = container.printed(&Network::Own, &["sh", "-c", &script]);
    assert_eq!(printed.trim(), "healthy");
}

/// By name, key and known hosts of the ssh directory that is mounted, in a zone, and through a jump host, to which ssh
/// finds its way by the shell.
#[test]
fn exporter_in_the_image_looks_at_a_node_behind_a_jump_host() {
    let container = Container::new();
    let fold = tempfile::tempdir().unwrap();
    let tree = Tree::new(fold.path(), "srv1", "Asia/Shanghai", Timestamp::now()).unwrap();
    tree.repo("svn/env", &Nights::of_size(50_000_000).revision(3591)).unwrap();
    let client = Client::new().unwrap();
    let jump = Sshd::start(&client, Login::default()).unwrap();
    let node = Sshd::start(&client, Login::with_fold(fold.path())).unwrap();

    // The jump host's name is looked up in here, in the file that Docker writes for each container; the node's out there.
    fs::write(container.root().join("etc/hosts"), "127.0.0.1 jump\n").unwrap();
    let (mut config, mut known) = (String::new(), String::new());
    for (name, host, sshd) in [("jump", "jump", &jump), ("node", "127.0.0.1", &node)] {
        let (port, user) = (sshd.address().port(), client.user());
        config += &format!("Host {name}\n    HostName {host}\n    Port {port}\n    User {user}\n");
        known += &format!("[{host}]:{port} {}", sshd.host_key().unwrap());
    }
    container.write("/home/scm/.ssh/config", &config);
    container.write("/home/scm/.ssh/known_hosts", &known);
    container.write("/home/scm/.ssh/id_ed25519", &fs::read_to_string(client.key()).unwrap());
    container.write(
        "/etc/scm-backup-exporter/config.ini",
        "[HUB]\nA = node\n[hub A]\nsrvnode = srv1\ntimezone = Asia/Shanghai\nselect = svn/env\n\
         [node node]\ngateway = jump\ntimeout = 60\n",
    );
    for command in [&["check"][..], &["check", "--live"], &["probe"]] {
        let mut run = container.start();
        run.extend(command.iter().map(|word| (*word).to_owned()));
        let printed = container.printed(&Network::Machine, &run);
        println!("{printed}");
        assert!(command != ["probe"] || printed.contains("svn/env"), "{printed}");
    }
    assert_eq!((jump.logins(), node.logins()), (2, 2));
    assert_eq!(node.sessions(), 2);
}
