//! Values: from text to what is meant, or what is wrong with it and what to write instead.

use std::net::Ipv6Addr;
use std::path::PathBuf;
use std::time::Duration;

use jiff::tz::TimeZone;
use url::Url;

use super::nearest::nearest;
use crate::inventory::{HostKeyChecking, Repo};

type Read<T> = Result<T, String>;

/// Longest wait that can be configured.
const DAY: Duration = Duration::from_secs(24 * 3600);
/// Greatest age that can be configured.
const CENTURY: Duration = Duration::from_secs(36_525 * 24 * 3600);

/// Text for a message: marked off, and cut where it is long.
pub(super) fn quoted(text: &str) -> String {
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("`{}…`", &text[..end]),
        None => format!("`{text}`"),
    }
}

/// A time: `26h`, `7d`, `1.5h`, `90m`, or seconds without a unit.
fn duration(text: &str, most: Duration, most_text: &str) -> Read<Duration> {
    let number = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match text[number.len()..].to_ascii_lowercase().as_str() {
        "ms" => Some(0.001),
        "" | "s" => Some(1.0),
        "m" | "min" => Some(60.0),
        "h" => Some(3600.0),
        "d" => Some(86_400.0),
        "w" => Some(604_800.0),
        _ => None,
    };
    let seconds =
        decimal(number.trim_end()).zip(unit).map(|(number, unit)| number * unit).ok_or_else(|| {
            format!(
                "{} is not a time; write it like 26h, 7d, 90m, 10s, or in seconds without a unit",
                quoted(text)
            )
        })?;
    Duration::try_from_secs_f64(seconds)
        .ok()
        .filter(|duration| *duration <= most)
        .ok_or_else(|| format!("{} is longer than {most_text}; write a shorter time", quoted(text)))
}

/// A decimal number without a sign or an exponent.
fn decimal(text: &str) -> Option<f64> {
    let plain = text.chars().all(|c| c.is_ascii_digit() || c == '.')
        && text.starts_with(|c: char| c.is_ascii_digit());
    text.parse().ok().filter(|number: &f64| plain && number.is_finite())
}

/// How long to wait for something: more than nothing, at most a day.
pub(super) fn wait(text: &str) -> Read<Duration> {
    let duration = duration(text, DAY, "a day")?;
    if duration.is_zero() {
        Err("0 leaves no time at all; write a time like 10s".to_owned())
    } else {
        Ok(duration)
    }
}

/// How long something stays good: nothing, or at most a day.
pub(super) fn interval(text: &str) -> Read<Duration> {
    duration(text, DAY, "a day")
}

/// An age limit, or `off`.
pub(super) fn age(text: &str) -> Read<Option<Duration>> {
    limit(text, |text| {
        let age = duration(text, CENTURY, "a century")?;
        if age.is_zero() {
            Err("0 makes every tarball too old; write a time like 26h, or off".to_owned())
        } else {
            Ok(age)
        }
    })
}

/// A least count, or `off`.
pub(super) fn least(text: &str) -> Read<Option<u64>> {
    limit(text, count)
}

/// A greatest count, or `off`.
pub(super) fn most(text: &str) -> Read<Option<u64>> {
    limit(text, |text| match count(text)? {
        0 => Err("0 allows no tarball at all; write how many may be held, or off".to_owned()),
        most => Ok(most),
    })
}

/// A ratio, or `off`.
pub(super) fn ratio(text: &str) -> Read<Option<f64>> {
    limit(text, |text| {
        decimal(text).filter(|ratio| *ratio > 0.0 && *ratio <= 1.0).ok_or_else(|| {
            format!("{} is not a ratio above 0 and up to 1; write it like 0.8, or off", quoted(text))
        })
    })
}

fn limit<T>(text: &str, read: impl Fn(&str) -> Read<T>) -> Read<Option<T>> {
    if text.eq_ignore_ascii_case("off") { Ok(None) } else { read(text).map(Some) }
}

fn count(text: &str) -> Read<u64> {
    Some(text)
        .filter(|text| text.chars().all(|c| c.is_ascii_digit()))
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| format!("{} is not a count; write a whole number, or off", quoted(text)))
}

/// Yes or no, in the words of Python's ConfigParser.
pub(super) fn yes_or_no(text: &str) -> Read<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "1" => Ok(true),
        "false" | "no" | "off" | "0" => Ok(false),
        _ => Err(format!("{} is neither true nor false; write one of them", quoted(text))),
    }
}

/// A TCP port.
pub(super) fn port(text: &str) -> Read<u16> {
    Some(text)
        .filter(|text| text.chars().all(|c| c.is_ascii_digit()))
        .and_then(|text| text.parse().ok())
        .filter(|port| *port != 0)
        .ok_or_else(|| format!("{} is not a port; write a number from 1 to 65535", quoted(text)))
}

/// A word that becomes part of a command line of ssh.
///
/// No leading dash, which would be an option, and nothing that means something to a shell: a `ProxyCommand`
/// or `Match exec` of the user's own configuration hands such words to one.
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
    match text.chars().find(|c| c.is_whitespace() || c.is_control() || "'\"`$\\;&<>|(){}*?!#".contains(*c)) {
        Some(c) if c.is_whitespace() => Err(format!("{} holds a space; write one {what}", quoted(text))),
        Some(c) => {
            Err(format!("{} holds {}, which no {what} has; remove it", quoted(text), quoted(&c.to_string())))
        }
        None => Ok(text),
    }
}

/// A host name, an address (IPv6 with or without brackets) or an alias of the ssh configuration.
pub(super) fn host(text: &str) -> Read<String> {
    let host = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let host = word(host, "host")?;
    if host.contains('@') {
        return Err(format!("{} names a user; give that as `user`", quoted(text)));
    }
    let address = host.split_once('%').map_or(host, |(address, _)| address);
    if (host.contains(':') || host != text) && address.parse::<Ipv6Addr>().is_err() {
        return Err(format!("{} is no host; give a port as `port`", quoted(text)));
    }
    if host.contains(['/', ',', '[', ']']) || host.contains('%') && !host.contains(':') {
        return Err(format!("{} is no host; write a name, an address or an ssh alias", quoted(text)));
    }
    Ok(host.to_owned())
}

/// A login name.
pub(super) fn user(text: &str) -> Read<String> {
    let user = word(text, "user")?;
    if user.contains(['@', ':', '/', '%']) {
        return Err(format!("{} is no user; write the login name alone", quoted(text)));
    }
    Ok(user.to_owned())
}

/// Jump hosts, as for `ssh -J`.
pub(super) fn gateway(text: &str) -> Read<String> {
    for hop in text.split(',') {
        word(hop, "gateway")?;
        if hop.contains("@-") {
            return Err(format!("{} holds a host that starts with `-`; write the gateway", quoted(text)));
        }
    }
    Ok(text.to_owned())
}

/// The shell on the node, by name or path.
pub(super) fn shell(text: &str) -> Read<String> {
    let shell = word(text, "shell")?;
    if shell.starts_with('~') {
        return Err(format!(
            "{} is on the node, where `~` is not looked up; write the path out",
            quoted(text)
        ));
    }
    Ok(shell.to_owned())
}

/// A file on this machine.
pub(super) fn path(text: &str) -> Read<PathBuf> {
    if text.chars().any(char::is_control) {
        return Err("holds a control character or a line break; write one path".to_owned());
    }
    if !text.starts_with('/') {
        return Err(format!("{} is not an absolute path; start it with `/` or `~/`", quoted(text)));
    }
    Ok(PathBuf::from(text))
}

/// What to do about host keys.
pub(super) fn host_key_checking(text: &str) -> Read<HostKeyChecking> {
    match text {
        "strict" => Ok(HostKeyChecking::Strict),
        "accept-new" => Ok(HostKeyChecking::AcceptNew),
        _ => Err(format!("{} is not known; write strict or accept-new", quoted(text))),
    }
}

/// A time zone by its IANA name.
pub(super) fn timezone(text: &str) -> Read<TimeZone> {
    TimeZone::get(text).map_err(|_| {
        let database = jiff::tz::db();
        let known: Vec<String> = database.available().map(|name| name.as_str().to_owned()).collect();
        match nearest(text, known.iter().map(String::as_str)) {
            Some(meant) => format!("{} is no time zone; did you mean `{meant}`?", quoted(text)),
            None => format!("{} is no time zone; write an IANA name like Asia/Shanghai", quoted(text)),
        }
    })
}

/// The address of a page.
pub(super) fn page(text: &str) -> Read<String> {
    let clean = !text.contains(|c: char| c.is_whitespace() || c.is_control());
    Url::parse(text)
        .ok()
        .filter(|url| clean && matches!(url.scheme(), "http" | "https") && url.has_host())
        .map(|_| text.to_owned())
        .ok_or_else(|| format!("{} is not the address of a page; write http://… or https://…", quoted(text)))
}

/// A remark: one line of text.
pub(super) fn remark(text: &str) -> Read<String> {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().any(char::is_control) {
        return Err("holds a control character; remove it".to_owned());
    }
    Ok(line)
}

/// The host name of a hub as it stands in paths: one component of a path.
pub(super) fn srvnode(text: &str) -> Read<String> {
    let odd = |c: char| c.is_whitespace() || c.is_control() || "/$`\\'\"".contains(c);
    if text.contains(odd) || matches!(text, "." | "..") || text.starts_with(['-', '~']) {
        return Err(format!(
            "{} is not one directory name; write the hub's host name as in the paths",
            quoted(text)
        ));
    }
    Ok(text.to_owned())
}

/// The directory on the node that holds `backup/`, with a leading variable written `$NAME`.
pub(super) fn scm_fold(text: &str) -> Read<String> {
    let (start, rest) = match text.strip_prefix('$') {
        Some(variable) => {
            let (name, rest) = match variable.strip_prefix('{') {
                Some(braced) => braced.split_once('}').unwrap_or(("", "")),
                None => variable.split_at(variable.find('/').unwrap_or(variable.len())),
            };
            let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
            if name.is_empty() || !plain || name.starts_with(|c: char| c.is_ascii_digit()) {
                return Err(format!(
                    "{} does not start with a plain variable; write $NAME or $NAME/…",
                    quoted(text)
                ));
            }
            (format!("${name}"), rest)
        }
        None => match text.strip_prefix('~') {
            Some(rest) => ("~".to_owned(), rest),
            None => (String::new(), text),
        },
    };
    if !(rest.starts_with('/') || rest.is_empty() && !start.is_empty()) {
        return Err(format!(
            "{} is not a directory of the node; start it with `/`, `~/` or `$NAME`",
            quoted(text)
        ));
    }
    match rest.chars().find(|c| c.is_control() || matches!(c, '$' | '`')) {
        Some(c) if c.is_control() => {
            Err("holds a control character or a line break; write one directory".to_owned())
        }
        Some(c) => Err(format!(
            "{} holds {} in the middle; only its start can be a variable",
            quoted(text),
            quoted(&c.to_string())
        )),
        None => Ok(start + rest.trim_end_matches('/')),
    }
}

/// A repo, `kind/name`.
pub(super) fn repo(text: &str) -> Read<Repo> {
    let good =
        |part: &str| !part.is_empty() && !matches!(part, "." | "..") && !part.contains(char::is_control);
    match text.split_once('/') {
        Some((kind, name)) if good(kind) && good(name) && !name.contains('/') => Ok(Repo::from_label(text)),
        _ => Err(format!("{} is not a repo; write `kind/name`, as in `svn/dybsvn`", quoted(text))),
    }
}

/// Repos, separated by spaces.
pub(super) fn repos(text: &str) -> Read<Vec<Repo>> {
    if text.trim().is_empty() {
        return Err("names no repo; remove the key to take every repo found".to_owned());
    }
    text.split_whitespace().map(repo).collect()
}

/// Mail addresses, separated by spaces.
pub(super) fn emails(text: &str) -> Read<Vec<String>> {
    text.split_whitespace().map(email).collect()
}

fn email(text: &str) -> Read<String> {
    let odd = |c: char| c.is_control() || c.is_whitespace() || "\"'`<>()[]\\,;:$|".contains(c);
    if text.contains([',', ';']) {
        return Err(format!("{} is not a mail address; separate addresses by spaces", quoted(text)));
    }
    match text.split_once('@') {
        Some((local, domain))
            if !local.is_empty()
                && !local.starts_with('-')
                && !domain.contains('@')
                && !text.contains(odd)
                && domain.split('.').all(|part| !part.is_empty()) =>
        {
            Ok(text.to_owned())
        }
        _ => Err(format!("{} is not a mail address; write it like who@example.org", quoted(text))),
    }
}
