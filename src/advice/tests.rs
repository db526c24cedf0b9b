use super::*;
use crate::listing::Tool;
use crate::probe::failure::Words;
use crate::report::samples::target;

fn words() -> Words {
    Words::new("words of ssh")
}

fn denied() -> Denied {
    Denied { words: words(), login: "backup@C".into(), kerberos: false, at_jump_host: false, key: None }
}

#[track_caller]
fn of_listing(error: ListingError) -> String {
    of_cause(&Cause::listing(error), &target())
}

#[test]
fn changed_host_key_is_not_simply_to_be_added() {
    let advice = |host_key| of_cause(&Cause::HostKey(host_key), &target());
    let unknown = |missing| HostKey::Unknown { words: words(), missing };
    assert!(advice(unknown(None)).starts_with("verify the node's key"));
    assert!(advice(unknown(Some("/no".into()))).starts_with("/no does not exist: correct `known_hosts`"));
    assert!(advice(HostKey::Changed(words())).starts_with("the key has changed"));
    assert!(advice(HostKey::Revoked(words())).starts_with("the key is revoked"));
}

#[test]
fn key_file_that_is_of_no_use_is_all_that_is_spoken_of() {
    for (path, fault, said) in [
        ("/k", FileFault::Missing, "the key /k does not exist"),
        ("/k", FileFault::Unreadable("no".into()), "the key /k cannot be read: no"),
        ("/k", FileFault::NotAFile, "the key /k is not a file"),
        ("/k.pub", FileFault::PublicKey, "the private key, /k"),
        ("/k", FileFault::NoKey, "the file /k does not contain a private key"),
        ("/k", FileFault::Open(0o644), "(mode 0644): chmod 600 /k"),
    ] {
        let key = Some(KeyFile { path: path.into(), fault });
        let advice = of_cause(&Cause::Denied(Denied { key, ..denied() }), &target());
        assert!(advice.contains(said), "{advice}");
        assert!(!advice.contains("authorized"), "{advice}");
    }
}

#[test]
fn refused_login_names_the_account_and_the_nodes_own_line() {
    let advice = of_cause(&Cause::Denied(denied()), &target());
    assert!(advice.contains("`scm-backup-exporter authorized-key C`"), "{advice}");
    assert!(advice.starts_with("check that backup is the right account"), "{advice}");
    let mut configured = target();
    configured.connection.user = Some("bakcup".into());
    let advice = of_cause(&Cause::Denied(denied()), &configured);
    assert!(advice.starts_with("check that bakcup, the `user` of node C,"), "{advice}");
}

#[test]
fn refusal_by_a_jump_host_or_in_a_realm_has_its_own_hint() {
    let advice = |denied| of_cause(&Cause::Denied(denied), &target());
    assert!(!advice(denied()).contains("jump host") && !advice(denied()).contains("klist"));
    assert!(advice(Denied { kerberos: true, ..denied() }).contains("klist"));
    let advice = advice(Denied { at_jump_host: true, ..denied() });
    assert!(advice.contains("the jump host refuses the login"), "{advice}");
    assert!(advice.contains("to authorized_keys of backup@C; user and key"), "{advice}");
    assert!(!advice.contains("scm-backup-exporter authorized-key"), "{advice}");
}

#[test]
fn connection_by_a_jump_host_may_have_failed_there() {
    let mut target = target();
    target.connection.gateway = Some("jump@bastion".into());
    let advice = of_cause(&Cause::NoConnection(words()), &target);
    assert!(advice.starts_with("check that the jump host jump@bastion and the node are up"), "{advice}");
}

#[test]
fn root_that_is_nearly_one_of_those_allowed_is_told_apart_by_what_was_probably_meant() {
    let of = |allowed: &[&str]| {
        let allowed = allowed.iter().map(|root| (*root).to_owned()).collect();
        of_listing(ListingError::RootNotAllowed { allowed })
    };
    let srvnode = of(&["$SCM_FOLD/backup/cms01", "/other/backup/x"]);
    assert!(
        srvnode.starts_with("correct `srvnode` of hub C2, which is cms02: did you mean cms01?"),
        "{srvnode}"
    );
    let scm_fold = of(&["$SMC_FOLD/backup/cms02"]);
    assert!(scm_fold.contains("which is $SCM_FOLD: did you mean $SMC_FOLD?"), "{scm_fold}");
    assert!(!scm_fold.contains("srvnode"), "{scm_fold}");
    for advice in [srvnode, scm_fold] {
        assert_eq!(advice.matches("authorized-key C").count(), 1, "{advice}");
    }
}

#[test]
fn root_that_is_like_none_of_those_allowed_is_looked_for_a_misspelling_first() {
    let advice = of_listing(ListingError::RootNotAllowed { allowed: vec!["/quite/another".into()] });
    assert_eq!(advice.matches("authorized-key C").count(), 1, "{advice}");
    for value in ["`scm_fold` of node C, which is $SCM_FOLD", "`srvnode` of hub C2, which is cms02"] {
        assert!(advice.contains(value), "{advice}");
    }
}

#[test]
fn older_line_is_to_be_made_anew_and_nothing_else() {
    let advice = of_listing(ListingError::OtherVersion { found: "0".into() });
    assert!(advice.starts_with("add the output of `scm-backup-exporter authorized-key C`"), "{advice}");
    assert!(!advice.contains("profile"), "{advice}");
}

#[test]
fn advice_names_what_is_to_be_changed() {
    assert!(of_listing(ListingError::Refused(FailCode::RootVarUnset)).contains("`scm_fold` in [node C]"));
    assert!(of_listing(ListingError::OutOfTime).contains("`probe_timeout` in [node C]"));
    let failed = ListingError::RemoteTool { tool: Tool::Find, status: 1, complaint: None };
    assert!(of_listing(failed).contains("whether its disk"));
    let advice = |cause| of_cause(&cause, &target());
    let shell = Cause::NoShell { shell: "dash".into(), ended: Default::default() };
    assert!(advice(shell).contains("`shell` in [node C], which is dash now"));
    assert!(advice(Cause::ConnectTimedOut(words())).contains("`timeout` (to connect) in [node C]"));
    assert!(advice(Cause::Resolve(words())).contains("`host` in [node C]"));
    let socket = Cause::Internal(Internal::ControlSocket(words()));
    assert!(advice(socket).contains("the next login creates the sockets' directory again"));
    let directory = Cause::Internal(Internal::KnownHostsDirectory("/d".into()));
    assert_eq!(advice(directory), "set `known_hosts` in [node C] to the file in it");
    assert!(advice(Cause::Internal(Internal::NoUserName(words()))).contains("/etc/passwd"));
    assert!(advice(Cause::Internal(Internal::SshConfig(words()))).contains("ssh -G -o BatchMode=yes C"));
    let mut configured = target();
    configured.connection.ssh_config = Some("/no".into());
    let advice = of_cause(&Cause::Internal(Internal::SshConfig(words())), &configured);
    assert!(advice.starts_with("correct /no, or `ssh_config` in [node C];"), "{advice}");
}
