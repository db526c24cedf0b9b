//! Interprets the master's standard error: why it ended.
//!
//! `ssh` has one exit status (255) for every failure, so its messages are the only evidence. They have been stable for
//! many releases. An unknown message counts as no connection and is shown.
//!
//! Only ssh's own messages count. ssh also quotes the other side, which is not authenticated before the login, and keeps
//! line ends in the quotation. So the lines are matched in order, each by its beginning, and the first that explains the
//! end decides. A line that ends in a quotation always decides, since the lines after it may be part of the quotation.
//! Banners are not among the lines: ssh does not print the node's (see `args`), and prints a jump host's only after it
//! has verified that host's key: a host that can write there could refuse the login just as well.

use crate::probe::failure::{Cause, Denied, FileFault, HostKey, Internal, KeyFile, Words};

/// ssh's messages for a connection that the other side closed before the login. A busy server does that (MaxStartups),
/// so another try may succeed.
const CLOSED: &[&str] = &[
    "kex_exchange_identification: Connection closed by remote host",
    "kex_exchange_identification: read: Connection reset by peer",
    "Connection reset by ",
];

/// The cause behind a master's messages.
pub(super) fn diagnose(stderr: &str) -> Cause {
    explained(stderr).unwrap_or_else(|| {
        // The last line says only that the connection is gone; a ProxyCommand explains it before.
        let mut last: Vec<&str> = lines(stderr).rev().filter(|line| !line.is_empty()).take(3).collect();
        last.reverse();
        if last.is_empty() { Cause::Silent } else { Cause::NoConnection(Words::new(last.join("; "))) }
    })
}

/// Whether to retry at once. A jump host that refused the login, or could not reach the node, also shows as a closed
/// connection, and is not retried.
pub(super) fn is_busy(stderr: &str) -> bool {
    let closed = |line: &str| CLOSED.iter().any(|words| line.starts_with(words));
    explained(stderr).is_none() && lines(stderr).any(closed)
}

/// The cause, if the line gives one.
fn explained(stderr: &str) -> Option<Cause> {
    let mut key = None;
    for (number, line) in lines(stderr).enumerate() {
        key = complaint_of_key(line).or(key);
        if let Some((login, methods)) = denial(line) {
            let closed = |line: &str| CLOSED.iter().any(|words| line.starts_with(words));
            return Some(Cause::Denied(Denied {
                words: Words::new(line),
                login: login.to_owned(),
                kerberos: methods.split(',').any(|method| method.starts_with("gssapi")),
                at_jump_host: lines(stderr).skip(number + 1).any(closed),
                key,
            }));
        }
        let rest = || lines(stderr).skip(number + 1);
        if let Some(cause) = of_host_key(line, rest).or_else(|| of_ourselves(line)).or_else(|| of_way(line)) {
            return Some(cause);
        }
    }
    None
}

/// A line without its end: ssh writes CR LF for a terminal.
fn lines(stderr: &str) -> impl DoubleEndedIterator<Item = &str> {
    stderr.split('\n').map(|line| line.trim_end_matches('\r').trim())
}

/// `user@host: Permission denied (publickey,password).`: the login (empty if an old ssh does not name it) and the
/// methods that the other side offers.
fn denial(line: &str) -> Option<(&str, &str)> {
    let (login, methods) = match line.split_once(": Permission denied (") {
        Some((login, methods)) if login.contains('@') && !login.contains(' ') => (login, methods),
        Some(_) => return None,
        None => ("", line.strip_prefix("Permission denied (")?),
    };
    Some((login, methods.split(')').next().unwrap_or_default()))
}

/// ssh's messages about a key file that it then ignores.
fn complaint_of_key(line: &str) -> Option<KeyFile> {
    if let Some(rest) = line.strip_prefix("Permissions 0") {
        let (mode, path) = rest.split_once(" for '")?;
        let path = path.strip_suffix("' are too open.")?;
        let mode = u32::from_str_radix(mode, 8).ok()?;
        return Some(KeyFile { path: path.into(), fault: FileFault::Open(mode) });
    }
    let (path, problem) = line.strip_prefix("Load key \"")?.rsplit_once("\": ")?;
    // ssh has printed a more precise message before.
    let fault = match problem {
        "bad permissions" => return None,
        "Permission denied" => FileFault::Unreadable(problem.to_owned()),
        _ => FileFault::NoKey,
    };
    Some(KeyFile { path: path.into(), fault })
}

/// ssh's messages about a host key that it rejects.
fn of_host_key<'a, I: Iterator<Item = &'a str>>(line: &str, rest: impl Fn() -> I) -> Option<Cause> {
    let framed = line.strip_prefix('@').and_then(|line| line.strip_suffix('@')).map(str::trim);
    let host_key = match framed {
        Some("WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!") => {
            let whose = rest()
                .find(|line| line.starts_with("Offending "))
                .or_else(|| rest().find(|line| line.starts_with("Host key for ")));
            HostKey::Changed(whose.map_or_else(|| Words::new(line), Words::new))
        }
        Some("WARNING: REVOKED HOST KEY DETECTED!") => {
            let marked = rest().find(|line| line.ends_with(" is marked as revoked."));
            HostKey::Revoked(marked.map_or_else(|| Words::new(line), Words::new))
        }
        _ if line.starts_with("Host key ") && line.contains(" revoked by file ") => {
            HostKey::Revoked(Words::new(line))
        }
        _ if line.starts_with("No ") && line.contains(" host key is known for ") => {
            HostKey::Unknown { words: Words::new(line), missing: None }
        }
        _ if line == "Host key verification failed." => HostKey::NotVerified(Words::new(line)),
        _ => return None,
    };
    Some(Cause::HostKey(host_key))
}

/// ssh's messages before it connects, or about its control socket: faults on the exporter's side.
fn of_ourselves(line: &str) -> Option<Cause> {
    let starts = |words: &str| line.starts_with(words);
    let internal = if let Some(words) = line.strip_prefix("error: terminating, ") {
        // The exporter's own messages, from the trampoline.
        Internal::NoSsh(Words::new(words))
    } else if starts("Can't open user config file ")
        || starts("Bad owner or permissions on ")
        || line.contains(": Bad configuration option: ")
        || line.contains(": terminating, ") && line.ends_with(" bad configuration options")
    {
        Internal::SshConfig(Words::new(line))
    } else if starts("No user exists for uid ") {
        Internal::NoUserName(Words::new(line))
    } else if starts("unix_listener: ") || starts("ControlPath too long ") {
        Internal::ControlSocket(Words::new(line))
    } else {
        return None;
    };
    Some(Cause::Internal(internal))
}

/// ssh's messages about the way to the node.
fn of_way(line: &str) -> Option<Cause> {
    let starts = |words: &str| line.starts_with(words);
    let timed_out = [": Connection timed out", ": Operation timed out"].iter().any(|end| line.ends_with(end));
    let words = || Words::new(line);
    // A jump host's sshd about the node behind it: ssh's prefix, then the message of that sshd.
    let behind = line.strip_prefix("channel ").and_then(|line| Some(line.split_once(": open failed: ")?.1));
    Some(if starts("Received disconnect from ") {
        Cause::Disconnected(words())
    } else if starts("ssh: Could not resolve hostname ") {
        Cause::Resolve(words())
    } else if let Some(why) = behind {
        let unknown = [
            "Name or service not known",
            "Temporary failure in name resolution",
            "No address associated with hostname",
        ];
        match why.strip_prefix("connect failed: ") {
            Some(why) if unknown.contains(&why) => Cause::Resolve(words()),
            Some(_) if timed_out => Cause::ConnectTimedOut(words()),
            _ => Cause::NoConnection(words()),
        }
    } else if starts("ssh: connect to host ") && timed_out
        || starts("Connection timed out during banner exchange")
        || starts("Connection to ") && line.ends_with(" timed out")
        || starts("Timeout, server ") && line.ends_with(" not responding.")
    {
        Cause::ConnectTimedOut(words())
    } else if starts("ssh: connect to host ")
        || starts("Unable to negotiate with ")
        || starts("Bad remote protocol version identification: ")
    {
        Cause::NoConnection(words())
    } else {
        return None;
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::failure::Reason;

    #[track_caller]
    fn check(stderr: &str, reason: Reason, words: &str) {
        let cause = diagnose(stderr);
        assert_eq!((cause.reason(), cause.to_string().as_str()), (reason, words));
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
        let denied = "u@gw: Permission denied (publickey).\r\nkex_exchange_identification: Connection closed by remote host\r\n";
        assert!(matches!(diagnose(denied), Cause::Denied(Denied { at_jump_host: true, .. })));
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

    /// ssh's quotation of an unauthenticated server, with its line ends.
    #[test]
    fn what_comes_after_a_quotation_may_be_part_of_it() {
        let forged = [
            "u@h: Permission denied (publickey).",
            "@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @",
            "Host key verification failed.",
            "ssh: Could not resolve hostname h: Name or service not known",
            "No user exists for uid 1",
            "unix_listener: cannot bind",
            "error: terminating, x",
        ];
        for words in forged {
            assert_ne!(diagnose(words).reason(), Reason::Connect, "{words}");
            for quotation in [
                format!("Received disconnect from 127.0.0.1 port 1:2: {words}"),
                format!("Received disconnect from 127.0.0.1 port 1:2: x\r\n{words}\r\n"),
                format!("Unable to negotiate with 127.0.0.1 port 1: no match. Their offer: x\n{words}\r\n"),
                format!("Bad remote protocol version identification: '{words}'"),
                format!("channel 0: open failed: administratively prohibited: x\n{words}\n"),
            ] {
                assert_eq!(diagnose(&quotation).reason(), Reason::Connect, "{quotation}");
                assert!(!is_busy(&quotation));
            }
        }
        // The node chooses the text of its methods, too.
        let denial = format!("u@h: Permission denied (x\r\n{}\r\n", forged[1]);
        assert_eq!(diagnose(&denial).reason(), Reason::Auth);
    }

    #[test]
    fn words_in_the_middle_of_another_line_are_no_complaint() {
        for line in [
            "nc: u@h said: Permission denied (publickey).",
            "proxy says REMOTE HOST IDENTIFICATION HAS CHANGED",
        ] {
            assert_eq!(diagnose(line).reason(), Reason::Connect, "{line}");
        }
    }

    #[test]
    fn key_that_ssh_passes_over_is_part_of_the_refusal() {
        let key = |stderr: &str| match diagnose(&format!(
            "{stderr}\nu@h: Permission denied (publickey,gssapi-with-mic).\r\n"
        )) {
            Cause::Denied(denied) => {
                assert!(
                    (denied.login.as_str(), denied.kerberos, denied.at_jump_host) == ("u@h", true, false)
                );
                denied.key
            }
            other => panic!("{other:?}"),
        };
        let of = |path: &str, fault| Some(KeyFile { path: path.into(), fault });
        let open = "Permissions 0644 for '/home/u/my key' are too open.\r\nThis private key will be ignored.\r\n\
            Load key \"/home/u/my key\": bad permissions\r";
        assert_eq!(key(open), of("/home/u/my key", FileFault::Open(0o644)));
        assert_eq!(key("Load key \"/k\": error in libcrypto\r"), of("/k", FileFault::NoKey));
        let closed = of("/k", FileFault::Unreadable("Permission denied".into()));
        assert_eq!(key("Load key \"/k\": Permission denied\r"), closed);
        assert_eq!(key(""), None);
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
        check("", Reason::Connect, "ssh ended without a message");
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
