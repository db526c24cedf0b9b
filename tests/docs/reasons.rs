//! The closed set of reasons against the troubleshooting table, and what that says to do against the program's own advice.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use scm_backup_exporter::advice;
use scm_backup_exporter::config::{self, known_keys};
use scm_backup_exporter::listing::{FailCode, ListingError, Tool};
use scm_backup_exporter::probe::failure::{
    Cause, Denied, Ended, FileFault, HostKey, Internal, KeyFile, Reason, Words,
};

use crate::page::{TROUBLESHOOTING, assert_same, code_words, table};

#[test]
fn every_reason_has_a_row_that_says_what_to_do() {
    let rows = table(TROUBLESHOOTING.section("By reason"), "reason");
    let documented = rows.iter().map(|row| code_words(&row[0])[0]).collect();
    assert_same(&documented, &BTreeSet::from(Reason::ALL.map(Reason::as_str)));
    for row in rows {
        assert!(row.len() == 3 && row.iter().all(|cell| !cell.is_empty()), "{row:?}");
    }
}

/// Whatever the program names, the table names, and the other way round.
#[test]
fn table_names_the_keys_and_commands_that_the_advice_names() {
    let text = "[HUB]\nA = SDU\n[hub A]\nsrvnode = srv1\n";
    let loaded = config::parse(&[(PathBuf::from("config.ini"), text.to_owned())], &|_| None).unwrap();
    let target = loaded.inventory.target("A", "SDU").unwrap();
    let mut advice: BTreeMap<Reason, String> = BTreeMap::new();
    for cause in causes() {
        *advice.entry(cause.reason()).or_default() += &advice::of_cause(&cause, target);
    }
    let mut told: Vec<String> = known_keys().map(|key| format!("`{}`", key.name)).collect();
    told.extend(
        [
            "authorized-key SDU",
            "known_hosts",
            "MaxSessions",
            "IdentitiesOnly",
            "klist",
            "chmod 600",
            "ssh-add",
            "findutils",
            "-G",
        ]
        .map(str::to_owned),
    );
    let rows = table(TROUBLESHOOTING.section("By reason"), "reason");
    for row in rows {
        let reason =
            Reason::ALL.into_iter().find(|reason| reason.as_str() == code_words(&row[0])[0]).unwrap();
        let named =
            |text: &str| told.iter().filter(|word| text.contains(*word)).cloned().collect::<BTreeSet<_>>();
        assert_eq!(named(&row[2]), named(&advice[&reason]), "{reason}: {row:?}");
    }
}

/// A cause of each kind.
fn causes() -> Vec<Cause> {
    let words = || Words::new("words");
    let denied =
        Denied { words: words(), login: "u@SDU".into(), kerberos: true, at_jump_host: false, key: None };
    let key =
        |fault| Cause::Denied(Denied { key: Some(KeyFile { path: "/key".into(), fault }), ..denied.clone() });
    let file: PathBuf = "/file".into();
    let second = Duration::from_secs(1);
    let mut causes = vec![
        Cause::Resolve(words()),
        Cause::NoConnection(words()),
        Cause::Silent,
        Cause::Disconnected(words()),
        Cause::ConnectionLost,
        Cause::SessionRefused(words()),
        Cause::HostKey(HostKey::Unknown { words: words(), missing: Some(file.clone()) }),
        Cause::HostKey(HostKey::Changed(words())),
        Cause::HostKey(HostKey::Revoked(words())),
        Cause::HostKey(HostKey::NotVerified(words())),
        Cause::Denied(Denied { at_jump_host: true, ..denied.clone() }),
        Cause::LeftAlone { denied: denied.clone(), wait: 1 },
        key(FileFault::Missing),
        key(FileFault::Unreadable("denied".into())),
        key(FileFault::NotAFile),
        key(FileFault::PublicKey),
        key(FileFault::NoKey),
        key(FileFault::Open(0o644)),
        key(FileFault::Encrypted),
        Cause::ConnectTimedOut(words()),
        Cause::LoginLate { limit: second, cut: true },
        Cause::ListingLate { limit: second },
        Cause::Unreadable { count: 1, root: "/root".into() },
        Cause::NoShell { shell: "sh".into(), ended: Ended::default() },
        Cause::listing(ListingError::NoBegin { last_words: None }),
        Cause::listing(ListingError::OtherVersion { found: "0".into() }),
        Cause::listing(ListingError::OutOfTime),
        Cause::listing(ListingError::TooMuchNoise),
        Cause::listing(ListingError::RootNotAllowed { allowed: Vec::new() }),
        Cause::listing(ListingError::RemoteTool { tool: Tool::Find, status: 1, complaint: None }),
        Cause::Internal(Internal::Start(words())),
        Cause::Internal(Internal::NoSsh(words())),
        Cause::Internal(Internal::SshConfig(words())),
        Cause::Internal(Internal::NoUserName(words())),
        Cause::Internal(Internal::ControlSocket(words())),
        Cause::Internal(Internal::KnownHosts { file: file.clone(), problem: "denied".into() }),
        Cause::Internal(Internal::KnownHostsDirectory(file)),
        Cause::Internal(Internal::Panicked),
    ];
    causes.extend(FailCode::ALL.map(|code| Cause::listing(ListingError::Refused(code))));
    let kinds: BTreeSet<u8> = causes.iter().map(kind).collect();
    assert_eq!(kinds, (0..KINDS).collect(), "a cause is missing here");
    causes
}

/// A new cause does not compile here, so that it is not forgotten above.
fn kind(cause: &Cause) -> u8 {
    match cause {
        Cause::Resolve(_) => 0,
        Cause::NoConnection(_) => 1,
        Cause::Silent => 2,
        Cause::Disconnected(_) => 3,
        Cause::ConnectionLost => 4,
        Cause::SessionRefused(_) => 5,
        Cause::HostKey(_) => 6,
        Cause::Denied(_) => 7,
        Cause::LeftAlone { .. } => 8,
        Cause::ConnectTimedOut(_) => 9,
        Cause::LoginLate { .. } => 10,
        Cause::ListingLate { .. } => 11,
        Cause::Unreadable { .. } => 12,
        Cause::NoShell { .. } => 13,
        Cause::Listing { .. } => 14,
        Cause::Internal(_) => 15,
    }
}

const KINDS: u8 = 16;
