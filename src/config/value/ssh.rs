//! Values that become part of an ssh command line.

use std::net::Ipv6Addr;

use super::{Read, quoted, unfit};
use crate::text::is_hidden;

/// A TCP port.
pub(in crate::config) fn port(text: &str) -> Read<u16> {
    Some(text)
        .filter(|text| text.chars().all(|c| c.is_ascii_digit()))
        .and_then(|text| text.parse().ok())
        .filter(|port| *port != 0)
        .ok_or_else(|| unfit(text, "is not a port; write a number from 1 to 65535"))
}

/// A word that becomes part of an ssh command line.
///
/// It must not start with a dash, like an option, or contain shell syntax: a `ProxyCommand` or `Match exec` of the user's
/// configuration passes such words to a shell.
fn word<'a>(text: &'a str, what: &str) -> Read<&'a str> {
    if text.is_empty() {
        return Err(format!("the {what} is missing; write one"));
    }
    if text.starts_with('-') {
        return Err(format!(
            "{} starts with `-`, which ssh would take for an option; write the {what}",
            quoted(text)
        ));
    }
    match text.chars().find(|c| c.is_whitespace() || is_hidden(*c) || "'\"`$\\;&<>|(){}*?!#".contains(*c)) {
        Some(c) if c.is_whitespace() => Err(format!("{} contains a space; write one {what}", quoted(text))),
        Some(c) => Err(format!(
            "{} contains {}, which is not allowed in a {what}; remove it",
            quoted(text),
            quoted(&c.to_string())
        )),
        None => Ok(text),
    }
}

/// A host name, an address (IPv6 with or without brackets) or an alias of the ssh configuration.
pub(in crate::config) fn host(text: &str) -> Read<String> {
    let host = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let host = word(host, "host")?;
    if host.contains('@') {
        return Err(unfit(text, "names a user; give that as `user`"));
    }
    let address = host.split_once('%').map_or(host, |(address, _)| address);
    if (host.contains(':') || host != text) && address.parse::<Ipv6Addr>().is_err() {
        return Err(unfit(text, "is not a host; give a port as `port`"));
    }
    if host.contains(['/', ',', '[', ']', '=']) || host.contains('%') && !host.contains(':') {
        return Err(unfit(text, "is not a host; write a name, an address or an ssh alias"));
    }
    Ok(host.to_owned())
}

/// A login name.
pub(in crate::config) fn user(text: &str) -> Read<String> {
    let user = word(text, "user")?;
    if user.contains(['@', ':', '/', '%']) {
        return Err(unfit(text, "is not a user; write the login name alone"));
    }
    Ok(user.to_owned())
}

/// Jump hosts, as for `ssh -J`.
pub(in crate::config) fn gateway(text: &str) -> Read<String> {
    if text.contains(char::is_whitespace) {
        return Err(unfit(text, "contains a space; separate jump hosts by commas only"));
    }
    for hop in text.split(',') {
        word(hop, "gateway")?;
        if hop.contains("@-") {
            return Err(unfit(text, "contains a host that starts with `-`; write the gateway"));
        }
    }
    Ok(text.to_owned())
}

/// The shell on the node, by name or path.
pub(in crate::config) fn shell(text: &str) -> Read<String> {
    let shell = word(text, "shell")?;
    if shell.starts_with('~') {
        return Err(unfit(text, "is a path on the node, where `~` is not expanded; write the full path"));
    }
    Ok(shell.to_owned())
}
