//! Checks the local files that `ssh` reads: its keys, known hosts and configuration.
//!
//! These checks can block, on a network file system for a long time. So they run only after a failed login, off the
//! server's thread, and when a configuration is checked.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use super::failure::{Cause, Denied, FileFault, HostKey, Internal, KeyFile};
use crate::inventory::{Connection, HostKeyChecking, Inventory};
use crate::workers::Workers;

/// How long a failure, or somebody who checks a configuration, waits for what our file system says.
const PATIENCE: Duration = Duration::from_secs(2);

/// How much of a key file is read: an RSA key of 16,384 bits has 12 KiB.
const MOST: u64 = 64 * 1024;

/// A failed login, with an explanation from the local files, if any.
pub(super) async fn explained(cause: Cause, connection: &Connection, workers: &Workers) -> Cause {
    let known = cause.clone();
    let connection = connection.clone();
    let asked = workers.run(move || explain(cause, &connection));
    match tokio::time::timeout(PATIENCE, asked).await {
        Ok(Ok(cause)) => cause,
        Ok(Err(_)) | Err(_) => known,
    }
}

fn explain(cause: Cause, connection: &Connection) -> Cause {
    match cause {
        Cause::Denied(denied) => Cause::Denied(with_key(denied, connection)),
        Cause::LeftAlone { denied, wait } => Cause::LeftAlone { denied: with_key(denied, connection), wait },
        Cause::HostKey(HostKey::Unknown { words, missing: None }) => {
            let usual = std::env::var_os("HOME").map(|home| Path::new(&home).join(".ssh/known_hosts"));
            let configured = connection.known_hosts.as_ref();
            let Some(file) = configured.or(usual.as_ref()) else {
                return Cause::HostKey(HostKey::Unknown { words, missing: None });
            };
            let file = file.clone();
            match fault(&file) {
                Some(FileFault::Unreadable(problem)) => {
                    Cause::Internal(Internal::KnownHosts { file, problem })
                }
                Some(FileFault::NotAFile) => Cause::Internal(Internal::KnownHostsDirectory(file)),
                Some(FileFault::Missing) => {
                    Cause::HostKey(HostKey::Unknown { words, missing: configured.cloned() })
                }
                _ => Cause::HostKey(HostKey::Unknown { words, missing: None }),
            }
        }
        other => other,
    }
}

/// The key is the node's: ssh does not use it for a jump host.
fn with_key(denied: Denied, connection: &Connection) -> Denied {
    let Some(path) = connection.key_filename.as_ref().filter(|_| !denied.at_jump_host) else {
        return denied;
    };
    let fault = fault_of_key(path);
    // ssh's message is about the last login, and the file may have been corrected since.
    let is_mended = |key: &KeyFile| {
        key.path == *path && matches!(key.fault, FileFault::Open(_) | FileFault::Unreadable(_))
    };
    let of_ssh = denied.key.filter(|key| !is_mended(key));
    let key = fault.map(|fault| KeyFile { path: path.clone(), fault }).or(of_ssh);
    Denied { key, ..denied }
}

/// What somebody should know of the files that a configuration names, a line for each. A file system that hangs is such a
/// thing, too.
pub(crate) fn warnings(inventory: &Inventory) -> Vec<String> {
    let inventory = inventory.clone();
    within(PATIENCE, move |asks| lines(&inventory, asks))
}

/// What a thread of its own finds out. When it asks the files of one node for longer than that, it is left behind.
fn within(
    patience: Duration,
    find_out: impl FnOnce(&dyn Fn(&str)) -> Vec<String> + Send + 'static,
) -> Vec<String> {
    enum Told {
        Asks(String),
        Found(Vec<String>),
    }
    let (tell, told) = mpsc::channel();
    let work = move || {
        // Nobody may be left to be told.
        let found = find_out(&|node| drop(tell.send(Told::Asks(node.to_owned()))));
        drop(tell.send(Told::Found(found)));
    };
    if thread::Builder::new().name("key files".to_owned()).spawn(work).is_err() {
        return vec!["the files for ssh are not checked: the system gives no further thread".to_owned()];
    }
    let mut asked = String::new();
    loop {
        match told.recv_timeout(patience) {
            Ok(Told::Asks(node)) => asked = node,
            Ok(Told::Found(found)) => return found,
            Err(_) => {
                return vec![format!(
                    "key_filename, known_hosts and ssh_config of node {asked} cannot be checked within {patience:?}: see to the file system that holds them"
                )];
            }
        }
    }
}

fn lines(inventory: &Inventory, asks: &dyn Fn(&str)) -> Vec<String> {
    let mut nodes: BTreeMap<(&str, &Path), (FileFault, BTreeSet<&str>)> = BTreeMap::new();
    for target in inventory.targets() {
        asks(&target.node);
        for (key, file, fault) in faults(&target.connection) {
            nodes.entry((key, file)).or_insert((fault, BTreeSet::new())).1.insert(&target.node);
        }
    }
    let line = |((key, file), (fault, nodes)): ((&str, &Path), (FileFault, BTreeSet<&str>))| {
        let what = match fault {
            FileFault::Missing => "does not exist: correct the path".to_owned(),
            FileFault::Unreadable(problem) => {
                format!("cannot be read by this user: {problem}; correct the path or the file's permissions")
            }
            FileFault::NotAFile => "is a directory: give the path of the file in it".to_owned(),
            FileFault::Open(mode) => format!(
                "is ignored by ssh because others can read it (mode {mode:04o}): chmod 600 {}",
                file.display()
            ),
            FileFault::NoKey => "does not contain a private key: give the path of the private key".to_owned(),
            // An agent may have the private key or its passphrase.
            FileFault::PublicKey | FileFault::Encrypted => return None,
        };
        let plural = if nodes.len() == 1 { "" } else { "s" };
        let nodes = nodes.into_iter().collect::<Vec<_>>().join(", ");
        Some(format!("{key} {} (node{plural} {nodes}) {what}", file.display()))
    };
    nodes.into_iter().filter_map(line).collect()
}

/// The faults of the files that a node's connection names, each with its configuration key.
fn faults(connection: &Connection) -> Vec<(&'static str, &Path, FileFault)> {
    let Connection { key_filename, known_hosts, ssh_config, host_key_checking, .. } = connection;
    let key = key_filename.iter().map(|file| ("key_filename", file, fault_of_key(file)));
    let others = [("known_hosts", known_hosts), ("ssh_config", ssh_config)];
    let others = others.into_iter().filter_map(|(name, file)| {
        let file = file.as_ref()?;
        Some((name, file, fault(file)))
    });
    let faults = key.chain(others).filter_map(|(name, file, fault)| Some((name, file.as_path(), fault?)));
    // With accept-new ssh creates this file itself.
    let is_made = |name: &str, fault: &FileFault| {
        name == "known_hosts"
            && *fault == FileFault::Missing
            && *host_key_checking == HostKeyChecking::AcceptNew
    };
    faults.filter(|(name, _, fault)| !is_made(name, fault)).collect()
}

/// Why a file cannot be read.
fn fault(path: &Path) -> Option<FileFault> {
    let opened = match fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => return Some(FileFault::NotAFile),
        // /dev/null is valid, and opening a pipe would block until something writes to it.
        Ok(metadata) if !metadata.is_file() => return None,
        Ok(_) => File::open(path).map(drop),
        Err(error) => Err(error),
    };
    opened.err().map(|error| match error.kind() {
        std::io::ErrorKind::NotFound => FileFault::Missing,
        _ => FileFault::Unreadable(error.to_string()),
    })
}

/// Why `ssh` cannot use a private key without interaction.
fn fault_of_key(path: &Path) -> Option<FileFault> {
    if let Some(fault) = fault(path) {
        return Some(fault);
    }
    let metadata = fs::metadata(path).ok().filter(fs::Metadata::is_file)?;
    let mut text = Vec::new();
    File::open(path).and_then(|file| file.take(MOST).read_to_end(&mut text)).ok()?;
    let text = String::from_utf8_lossy(&text);
    // Like ssh: the mode matters only if the user owns the file.
    let is_ours = metadata.uid() == rustix::process::geteuid().as_raw();
    if ["ssh-", "ecdsa-", "sk-"].iter().any(|kind| text.trim_start().starts_with(kind)) {
        Some(FileFault::PublicKey)
    } else if !text.contains("PRIVATE KEY-----") {
        Some(FileFault::NoKey)
    } else if is_ours && metadata.mode() & 0o077 != 0 {
        Some(FileFault::Open(metadata.mode() & 0o777))
    } else {
        has_passphrase(&text).then_some(FileFault::Encrypted)
    }
}

/// Whether a private key is encrypted, as far as its beginning tells.
fn has_passphrase(key: &str) -> bool {
    // OpenSSH's own format in base64: its magic, and `none` for the cipher.
    const PLAIN: &str = "b3BlbnNzaC1rZXktdjEAAAAABG5vbm";
    let mut lines = key.lines();
    match lines.next() {
        Some("-----BEGIN OPENSSH PRIVATE KEY-----") => {
            lines.next().is_some_and(|line| !line.starts_with(PLAIN))
        }
        // The older formats say so in the first or second line.
        Some(first) => {
            first.contains("ENCRYPTED") || lines.next().is_some_and(|line| line.contains("ENCRYPTED"))
        }
        None => false,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::report::samples::target;

    #[test]
    fn key_with_a_passphrase_is_told_by_its_beginning() {
        const OPENSSH: &str = "-----BEGIN OPENSSH PRIVATE KEY-----\n";
        assert!(has_passphrase(&format!(
            "{OPENSSH}b3BlbnNzaC1rZXktdjEAAAAACmFlczI1Ni1jdHIAAAAGYmNyeXB0AAAAGAAAABD\n"
        )));
        assert!(!has_passphrase(&format!(
            "{OPENSSH}b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtz\n"
        )));
        assert!(has_passphrase("-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n"));
        assert!(has_passphrase("-----BEGIN ENCRYPTED PRIVATE KEY-----\n"));
        assert!(!has_passphrase("-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEA\n"));
        assert!(!has_passphrase(""));
    }

    #[test]
    fn each_fault_of_a_key_file_is_told_from_the_others() {
        let dir = tempfile::tempdir().unwrap();
        let key = dir.path().join("key");
        let is = |text: &str, mode: u32| {
            fs::write(&key, text).unwrap();
            fs::set_permissions(&key, fs::Permissions::from_mode(mode)).unwrap();
            fault_of_key(&key)
        };
        const KEY: &str = "-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEA\n";
        assert_eq!(is(KEY, 0o600), None);
        assert_eq!(is(KEY, 0o400), None);
        assert_eq!(is(KEY, 0o640), Some(FileFault::Open(0o640)));
        assert_eq!(is("ssh-ed25519 AAAA root@here\n", 0o644), Some(FileFault::PublicKey));
        assert_eq!(is("PuTTY-User-Key-File-2: ssh-rsa\n", 0o600), Some(FileFault::NoKey));
        assert_eq!(fault_of_key(dir.path()), Some(FileFault::NotAFile));
        assert_eq!(fault_of_key(&dir.path().join("none")), Some(FileFault::Missing));
        assert!(matches!(fault_of_key(&key.join("below")), Some(FileFault::Unreadable(_))));
        assert_eq!(fault(Path::new("/dev/null")), None);
    }

    #[test]
    fn file_system_that_hangs_is_told_and_not_waited_for() {
        let (open, gate) = mpsc::channel::<()>();
        let found = within(Duration::from_millis(10), move |asks| {
            asks("SDU");
            let _ = gate.recv();
            Vec::new()
        });
        assert!(matches!(&*found, [line] if line.contains("of node SDU cannot be checked")), "{found:?}");
        drop(open);
        let found = within(Duration::MAX, |asks| {
            asks("SDU");
            vec!["a warning".to_owned()]
        });
        assert_eq!(found, ["a warning"]);
    }

    #[test]
    fn pipe_for_a_known_hosts_file_is_not_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let pipe = dir.path().join("pipe");
        let mode = rustix::fs::Mode::from_raw_mode(0o600);
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, mode, 0).unwrap();
        assert_eq!(fault(&pipe), None);
        assert_eq!(fault_of_key(&pipe), None);
    }

    #[test]
    fn known_hosts_that_ssh_makes_itself_may_be_missing() {
        let mut connection = target().connection;
        connection.known_hosts = Some("/nonexistent/known_hosts".into());
        assert_eq!(faults(&connection).len(), 1);
        connection.host_key_checking = HostKeyChecking::AcceptNew;
        assert_eq!(faults(&connection), []);
    }
}
