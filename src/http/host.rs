//! By which names the server may be asked.
//!
//! A page of a foreign name whose address is changed to ours (DNS rebinding) is of one origin with us, as a browser sees it,
//! and may read everything. Only the `Host` header tells the two apart.

use std::fmt;
use std::str::FromStr;

use hyper::header::HOST;
use hyper::{HeaderMap, Uri};

/// A name, or an address, by which the server may be asked: `backup.example.org`, `192.0.2.1` or `[2001:db8::1]`; with a
/// port, at that port only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllowedHost {
    /// In lower case, without a dot at its end; an IPv6 address in brackets.
    name: String,
    port: Option<u16>,
}

impl FromStr for AllowedHost {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "{text:?} is no host: give a name or an address as in backup.example.org or [2001:db8::1], with a port if it is to count"
            )
        };
        let (name, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((address, port)) => {
                let address: std::net::Ipv6Addr = address.parse().map_err(|_| wrong())?;
                (format!("[{address}]"), port)
            }
            None => {
                let at = text.find(':').unwrap_or(text.len());
                let name = text[..at].trim_end_matches('.').to_ascii_lowercase();
                let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
                if name.is_empty() || !name.chars().all(is_part) {
                    return Err(wrong());
                }
                (name, &text[at..])
            }
        };
        let port = match port.strip_prefix(':') {
            Some(port) => Some(port.parse().map_err(|_| wrong())?),
            None if port.is_empty() => None,
            None => return Err(wrong()),
        };
        Ok(Self { name, port })
    }
}

impl fmt::Display for AllowedHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

impl AllowedHost {
    /// Whether it allows what a request asks for.
    fn allows(&self, asked: &Self) -> bool {
        self.name == asked.name && (self.port.is_none() || self.port == asked.port)
    }
}

/// Whether a request says more than once whom it asks, so that two servers on its way may understand it in two ways.
pub(super) fn is_ambiguous(headers: &HeaderMap) -> bool {
    headers.get_all(HOST).iter().nth(1).is_some()
}

/// Whether a request asks by one of these names; an empty list allows every name. `default_port` is that of a `Host` without one.
pub(super) fn is_allowed(allowed: &[AllowedHost], uri: &Uri, headers: &HeaderMap, default_port: u16) -> bool {
    if allowed.is_empty() {
        return true;
    }
    // The address of a request to a proxy counts more than its header.
    let of_header = || headers.get(HOST).and_then(|host| host.to_str().ok());
    let asked = uri.authority().map(|authority| authority.as_str()).or_else(of_header);
    let asked = asked.and_then(|host| host.trim().parse::<AllowedHost>().ok());
    asked.is_some_and(|mut asked| {
        asked.port.get_or_insert(default_port);
        allowed.iter().any(|allowed| allowed.allows(&asked))
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn allowed(list: &[&str], host: &str) -> bool {
        let list: Vec<AllowedHost> = list.iter().map(|host| host.parse().unwrap()).collect();
        let headers = HeaderMap::from_iter([(HOST, host.parse().unwrap())]);
        is_allowed(&list, &Uri::from_static("/metrics"), &headers, 80)
    }

    #[test]
    fn names_are_compared_as_names() {
        for host in ["backup.example.org", "BACKUP.example.org:10222", "backup.example.org.:1"] {
            assert!(allowed(&["localhost", "Backup.Example.org"], host), "{host}");
        }
        for host in ["evil.example", "backup.example.org.evil.example", "x@backup.example.org", "", "::1"] {
            assert!(!allowed(&["localhost", "backup.example.org"], host), "{host}");
        }
        for host in ["[::1]", "[::1]:10222", "[0:0:0:0:0:0:0:1]:10222"] {
            assert!(allowed(&["[::1]"], host), "{host}");
        }
        assert!(allowed(&[], "anything"));
    }

    #[test]
    fn port_counts_where_one_is_given() {
        assert!(allowed(&["localhost:10222"], "localhost:10222"));
        assert!(!allowed(&["localhost:10222"], "localhost:80"));
        assert!(!allowed(&["localhost:10222"], "localhost"));
        assert!(allowed(&["localhost:80"], "localhost"), "the usual port need not be said");
        assert!(allowed(&["[::1]:80"], "[::1]"));
    }

    #[test]
    fn address_of_a_request_to_a_proxy_counts_more_than_its_header() {
        let list = ["localhost".parse().unwrap()];
        let headers = HeaderMap::from_iter([(HOST, "localhost".parse().unwrap())]);
        assert!(!is_allowed(&list, &Uri::from_static("http://evil.example/"), &headers, 80));
        assert!(is_allowed(&list, &Uri::from_static("http://localhost:80/"), &HeaderMap::new(), 80));
        assert!(!is_allowed(&list, &Uri::from_static("/"), &HeaderMap::new(), 80), "nobody is asked");
    }

    #[test]
    fn what_is_no_host_is_told() {
        for text in [
            "",
            "http://localhost",
            "localhost/",
            "::1",
            "[::1",
            "[localhost]",
            "a:b",
            "a:70000",
            "[::1]1",
            "*",
        ] {
            assert!(text.parse::<AllowedHost>().is_err(), "{text}");
        }
        assert_eq!("[0:0::1]:80".parse::<AllowedHost>().unwrap().to_string(), "[::1]:80");
    }
}
