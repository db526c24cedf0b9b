//! The nodes in `[HUB]`: `SDU`, `Z9:229`, `user@host:port`.

use super::value;

/// A node in a hub's line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NodeAddress {
    /// The original text.
    pub(super) text: String,
    /// The host part, which ssh also connects to unless a section sets `host`.
    pub(super) label: String,
    /// Login name, where the address gives one.
    pub(super) user: Option<String>,
    /// Port, where the address gives one.
    pub(super) port: Option<u16>,
}

impl NodeAddress {
    /// Parses `[user@]host[:port]`; an IPv6 address must be in brackets.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if text.contains([',', ';']) && text != ";" {
            return Err(format!("{} is not a node; separate nodes by spaces", value::quoted(text)));
        }
        let (user, address) = match text.rsplit_once('@') {
            Some((user, address)) => (Some(user), address),
            None => (None, text),
        };
        let (host, port) = match address.rsplit_once(']') {
            Some((_, "")) => (address, None),
            Some((host, rest)) => match rest.strip_prefix(':') {
                Some(port) => (&address[..=host.len()], Some(port)),
                None => return Err(format!("{} is not a node; write `[::1]:22`", value::quoted(text))),
            },
            None => match address.split_once(':') {
                Some((_, port)) if port.contains(':') => {
                    return Err(format!(
                        "{} is not a node; put an IPv6 address in brackets",
                        value::quoted(text)
                    ));
                }
                Some((host, port)) => (host, Some(port)),
                None => (address, None),
            },
        };
        let of_address = |wrong: String| {
            let address = value::quoted(text);
            if wrong.contains(&address) { wrong } else { format!("in {address}: {wrong}") }
        };
        Ok(Self {
            text: text.to_owned(),
            label: value::host(host).map_err(of_address)?,
            user: user.map(value::user).transpose().map_err(of_address)?,
            port: port.map(value::port).transpose().map_err(of_address)?,
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    fn parts(text: &str) -> (String, Option<String>, Option<u16>) {
        let address = NodeAddress::parse(text).unwrap();
        (address.label, address.user, address.port)
    }

    #[test]
    fn a_node_has_a_host_and_may_have_user_and_port() {
        assert_eq!(parts("SDU"), ("SDU".into(), None, None));
        assert_eq!(parts("Z9:229"), ("Z9".into(), None, Some(229)));
        assert_eq!(parts("a@b.example:22"), ("b.example".into(), Some("a".into()), Some(22)));
        assert_eq!(parts("a@[fe80::1%eth0]:22"), ("fe80::1%eth0".into(), Some("a".into()), Some(22)));
        assert_eq!(parts("[::1]"), ("::1".into(), None, None));
    }

    #[test]
    fn what_ssh_could_take_for_an_option_or_a_shell_for_syntax_is_refused() {
        for text in
            ["-oProxyCommand=x", "-l@b", "a@-b", "@b", "a@", "b:", "b:0", "b:65536", "b:+22", "a;b", "$(x)"]
        {
            assert!(NodeAddress::parse(text).is_err(), "{text}");
        }
        for text in ["::1", "[::1", "[::1]22", "a@b@c", "[]", "[x]", "=", "a%b"] {
            assert!(NodeAddress::parse(text).is_err(), "{text}");
        }
    }
}
