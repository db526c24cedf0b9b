//! What the master's standard error says about why it ended.
//!
//! `ssh` gives one exit status (255) for everything, so the words are all there is. They have been stable for
//! many releases; what is not recognised is `connect`, with the words shown.

use crate::probe::failure::{Failure, Reason};

/// Words of ssh and the reason they stand for; the first that occurs decides, so what is more telling comes
/// first: a changed host key also prints "Host key verification failed", and a jump host that fails also
/// prints that the connection was closed.
const WORDS: &[(&str, Reason)] = &[
    ("Bad configuration option", Reason::Internal),
    ("terminating, ", Reason::Internal),
    ("Can't open user config file", Reason::Internal),
    ("Bad owner or permissions", Reason::Internal),
    ("No user exists for uid", Reason::Internal),
    ("too long for Unix domain socket", Reason::Internal),
    ("unix_listener:", Reason::Internal),
    ("REMOTE HOST IDENTIFICATION HAS CHANGED", Reason::HostKey),
    ("is marked as revoked", Reason::HostKey),
    ("revoked by file", Reason::HostKey),
    ("host key is known for", Reason::HostKey),
    ("Host key verification failed", Reason::HostKey),
    ("Could not resolve hostname", Reason::Resolve),
    ("Permission denied (", Reason::Auth),
    ("Too many authentication failures", Reason::Auth),
    ("No more authentication methods", Reason::Auth),
    ("Load key", Reason::Auth),
    ("Connection timed out", Reason::Timeout),
    ("Operation timed out", Reason::Timeout),
    ("timed out during banner exchange", Reason::Timeout),
    ("not responding", Reason::Timeout),
    // What a jump host's sshd says of the node behind it.
    ("open failed: connect failed: Name or service not known", Reason::Resolve),
    ("open failed: connect failed: Temporary failure in name resolution", Reason::Resolve),
    ("open failed: connect failed: No address associated with hostname", Reason::Resolve),
    ("open failed: ", Reason::Connect),
    ("connect to host", Reason::Connect),
];

/// Words of a server that is only too busy at the moment (MaxStartups), so that another try may succeed.
const BUSY: &[&str] = &[
    "kex_exchange_identification: Connection closed by remote host",
    "kex_exchange_identification: read: Connection reset by peer",
    "Connection reset by",
    "Exceeded MaxStartups",
    "Not allowed at this time",
];

/// The failure behind what a master printed before it ended.
pub(super) fn failure(stderr: &str) -> Failure {
    match deciding(stderr) {
        Some((Reason::HostKey, line)) if stderr.contains("IDENTIFICATION HAS CHANGED") => {
            let whose =
                line_with(stderr, "Offending").or_else(|| line_with(stderr, "Host key for")).unwrap_or(line);
            Failure::new(Reason::HostKey, format!("the node's host key has changed ({})", whose.trim()))
        }
        Some((reason, line)) => Failure::new(reason, line),
        None => {
            // The last one tells only that the connection is gone, where a ProxyCommand says before it why.
            let mut last: Vec<&str> =
                stderr.lines().rev().map(str::trim).filter(|line| !line.is_empty()).take(3).collect();
            last.reverse();
            let words = if last.is_empty() { "ssh ended without a word".to_owned() } else { last.join("; ") };
            Failure::new(Reason::Connect, words)
        }
    }
}

/// Whether it is worth trying again at once. A jump host that refused the login, or could not reach the node, also
/// shows as a closed connection, and is not asked again.
pub(super) fn is_busy(stderr: &str) -> bool {
    deciding(stderr).is_none() && BUSY.iter().any(|words| stderr.contains(words))
}

/// The first reason whose words occur, and the line that they stand in.
fn deciding(stderr: &str) -> Option<(Reason, &str)> {
    WORDS.iter().find_map(|(words, reason)| Some((*reason, line_with(stderr, words)?)))
}

fn line_with<'a>(text: &'a str, words: &str) -> Option<&'a str> {
    text.lines().map(str::trim).find(|line| line.contains(words))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(stderr: &str, reason: Reason, detail: &str) {
        let failure = failure(stderr);
        assert_eq!((failure.reason, failure.detail.as_str()), (reason, detail));
    }

    #[test]
    fn unknown_host_key() {
        check(
            "No ED25519 host key is known for [127.0.0.1]:40123 and you have requested strict checking.\r\nHost key verification failed.\r\n",
            Reason::HostKey,
            "No ED25519 host key is known for [127.0.0.1]:40123 and you have requested strict checking.",
        );
    }

    #[test]
    fn changed_host_key_names_the_line_to_look_at() {
        let stderr = "@@@@@@@@@@@@\r\n@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\r\n@@@@@@@@@@@@\r\n\
            IT IS POSSIBLE THAT SOMEONE IS DOING SOMETHING NASTY!\r\n\
            Offending ED25519 key in /home/u/.ssh/known_hosts:3\r\n\
            Host key for [127.0.0.1]:40123 has changed and you have requested strict checking.\r\nHost key verification failed.\r\n";
        check(
            stderr,
            Reason::HostKey,
            "the node's host key has changed (Offending ED25519 key in /home/u/.ssh/known_hosts:3)",
        );
    }

    #[test]
    fn revoked_host_key_is_said_to_be_one() {
        let line = "The ED25519 host key for c.example.org is marked as revoked.";
        check(
            &format!(
                "@       WARNING: REVOKED HOST KEY DETECTED!               @\r\n{line}\r\n\
                ED25519 host key for c.example.org was revoked and you have requested strict checking.\r\n\
                Host key verification failed.\r\n"
            ),
            Reason::HostKey,
            line,
        );
        let line = "Host key ED25519 SHA256:abc revoked by file /etc/ssh/revoked";
        check(&format!("{line}\r\nHost key verification failed.\r\n"), Reason::HostKey, line);
    }

    #[test]
    fn name_that_does_not_resolve() {
        let line = "ssh: Could not resolve hostname cms99: Name or service not known";
        check(&format!("{line}\r\n"), Reason::Resolve, line);
    }

    #[test]
    fn jump_host_that_fails_shows_its_own_reason() {
        check(
            "u@gw: Permission denied (publickey).\r\nkex_exchange_identification: Connection closed by remote host\r\n",
            Reason::Auth,
            "u@gw: Permission denied (publickey).",
        );
    }

    #[test]
    fn refused_and_timed_out_connections_differ() {
        let refused = "ssh: connect to host 127.0.0.1 port 1: Connection refused";
        check(refused, Reason::Connect, refused);
        let slow = "ssh: connect to host 10.0.0.1 port 22: Connection timed out";
        check(slow, Reason::Timeout, slow);
        let banner = "Connection timed out during banner exchange";
        check(&format!("{banner}\r\nConnection to 127.0.0.1 port 9 timed out\r\n"), Reason::Timeout, banner);
    }

    #[test]
    fn broken_ssh_configuration_is_our_own_fault() {
        check(
            "/home/u/.ssh/config: line 3: Bad configuration option: hostnam\r\n/home/u/.ssh/config: terminating, 1 bad configuration options\r\n",
            Reason::Internal,
            "/home/u/.ssh/config: line 3: Bad configuration option: hostnam",
        );
    }

    #[test]
    fn account_without_a_name_is_our_own_fault() {
        let line = "No user exists for uid 54321";
        check(&format!("{line}\r\n"), Reason::Internal, line);
    }

    #[test]
    fn proxy_command_that_is_missing_is_named() {
        let closed = "kex_exchange_identification: Connection closed by remote host";
        let missing = "/bin/sh: 1: nc: not found";
        check(&format!("{missing}\n{closed}\r\n"), Reason::Connect, &format!("{missing}; {closed}"));
    }

    #[test]
    fn silence_is_still_a_failure() {
        check("", Reason::Connect, "ssh ended without a word");
    }

    #[test]
    fn full_server_is_worth_another_try() {
        assert!(is_busy("kex_exchange_identification: Connection closed by remote host\r\n"));
        assert!(!is_busy("u@h: Permission denied (publickey).\r\n"));
    }

    #[test]
    fn jump_host_that_cannot_reach_the_node_shows_why() {
        let closed = "kex_exchange_identification: Connection closed by remote host\r\n";
        for (line, reason) in [
            ("ssh: connect to host 10.0.0.1 port 22: Connection refused", Reason::Connect),
            ("channel 0: open failed: connect failed: Connection refused", Reason::Connect),
            ("channel 0: open failed: connect failed: Connection timed out", Reason::Timeout),
            ("channel 0: open failed: connect failed: Name or service not known", Reason::Resolve),
            ("channel 0: open failed: administratively prohibited: open failed", Reason::Connect),
        ] {
            let stderr = format!("{line}\r\nstdio forwarding failed\r\n{closed}");
            check(&stderr, reason, line);
            assert!(!is_busy(&stderr));
        }
    }

    #[test]
    fn jump_host_that_refused_the_login_is_not_asked_again() {
        assert!(!is_busy(
            "u@gw: Permission denied (publickey).\r\nkex_exchange_identification: Connection closed by remote host\r\n"
        ));
    }
}
