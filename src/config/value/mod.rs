//! Parses values. An error says what is wrong and what to write instead.

mod amounts;
mod folders;
mod ssh;

use std::path::PathBuf;

use jiff::tz::TimeZone;
use url::Url;

use super::suggest::suggest;
use crate::inventory::{HostKeyChecking, Repo};
use crate::text::is_hidden;

pub(super) use amounts::{age, interval, least, most, ratio, wait};
pub(super) use folders::{scm_fold, srvnode};
pub(super) use ssh::{gateway, host, port, shell, user};

type Read<T> = Result<T, String>;

/// Wildcards of a shell.
const WILDCARDS: [char; 4] = ['*', '?', '[', ']'];
/// Characters that users may try as separators of a list; only spaces are.
const SEPARATORS: [char; 2] = [',', ';'];

/// Text for a message: quoted, and truncated if it is long.
pub(super) fn quoted(text: &str) -> String {
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("`{}…`", &text[..end]),
        None => format!("`{text}`"),
    }
}

/// The message for an invalid value.
fn unfit(text: &str, wrong: &str) -> String {
    format!("{} {wrong}", quoted(text))
}

/// A boolean, in the notation of Python's ConfigParser.
pub(super) fn yes_or_no(text: &str) -> Read<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "1" => Ok(true),
        "false" | "no" | "off" | "0" => Ok(false),
        _ => Err(unfit(text, "is neither true nor false; write one of them")),
    }
}

/// A file on this machine.
pub(super) fn path(text: &str) -> Read<PathBuf> {
    if text.chars().any(is_hidden) {
        return Err("contains a control or invisible character; write one path".to_owned());
    }
    if !text.starts_with('/') {
        return Err(unfit(text, "is not an absolute path; start it with `/` or `~/`"));
    }
    Ok(PathBuf::from(text))
}

/// What to do about host keys.
pub(super) fn host_key_checking(text: &str) -> Read<HostKeyChecking> {
    match text {
        "strict" => Ok(HostKeyChecking::Strict),
        "accept-new" => Ok(HostKeyChecking::AcceptNew),
        _ => Err(unfit(text, "is not known; write strict or accept-new")),
    }
}

/// A time zone by its IANA name.
pub(super) fn timezone(text: &str) -> Read<TimeZone> {
    // jiff knows `Etc/Unknown`, and reads its stamps as UTC.
    TimeZone::get(text).ok().filter(|zone| !zone.is_unknown()).ok_or_else(|| {
        let database = jiff::tz::db();
        let known: Vec<String> = database.available().map(|name| name.as_str().to_owned()).collect();
        // An abbreviation or an offset is no misspelling, and its neighbours are hours away: `CST` is not `CET`.
        let misspelt = text.len() > 5 && !text.contains(|c: char| c.is_ascii_digit());
        match suggest(text, known.iter().map(String::as_str)).filter(|_| misspelt) {
            Some(meant) => format!("{} is not a time zone; did you mean `{meant}`?", quoted(text)),
            None => format!("{} is not a time zone; write an IANA name like Asia/Shanghai", quoted(text)),
        }
    })
}

/// The address of a page, for the key `reporturl`.
///
/// # Errors
/// Says what is wrong with it.
pub fn page(text: &str) -> Result<String, String> {
    let clean = !text.contains(|c: char| c.is_whitespace() || is_hidden(c));
    Url::parse(text)
        .ok()
        .filter(|url| clean && matches!(url.scheme(), "http" | "https") && url.has_host())
        .map(|_| text.to_owned())
        .ok_or_else(|| unfit(text, "is not the address of a page; write http://… or https://…"))
}

/// A remark: one line of text.
pub(super) fn remark(text: &str) -> Read<String> {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().any(char::is_control) {
        return Err("contains a control character; remove it".to_owned());
    }
    Ok(line)
}

/// A repo, `kind/name`.
pub(super) fn repo(text: &str) -> Read<Repo> {
    as_repo(text).ok_or_else(|| no_repos(&[text]))
}

/// Repos, separated by spaces.
pub(super) fn repos(text: &str) -> Read<Vec<Repo>> {
    words(text, as_repo, |bad| {
        let wrong = no_repos(bad);
        let hint = if bad.iter().any(|text| text.contains(WILDCARDS)) {
            ", or remove the key to take every repo found"
        } else {
            ""
        };
        wrong + hint
    })
}

fn as_repo(text: &str) -> Option<Repo> {
    let odd = |c: char| is_hidden(c) || WILDCARDS.contains(&c) || SEPARATORS.contains(&c);
    let good = |part: &str| !part.is_empty() && !matches!(part, "." | "..") && !part.contains(odd);
    let (kind, name) = text.split_once('/')?;
    (good(kind) && good(name) && !name.contains('/')).then(|| Repo::from_label(text))
}

/// The message for values that are no repos. Wildcards and separators are rejected, because they would name a repo that no
/// node has, and the real ones would not be expected.
fn no_repos(bad: &[&str]) -> String {
    let what = are_not(bad, "a repo", "repos");
    if bad.iter().any(|text| text.contains(WILDCARDS)) {
        format!("{what}; wildcards are not supported, name each repo")
    } else if bad.iter().any(|text| text.contains(SEPARATORS)) {
        format!("{what}; separate repos by spaces")
    } else {
        format!("{what}; write `kind/name`, as in `svn/dybsvn`")
    }
}

/// Mail addresses, separated by spaces.
pub(super) fn emails(text: &str) -> Read<Vec<String>> {
    words(text, email, |bad| {
        let what = are_not(bad, "a mail address", "mail addresses");
        if bad.iter().any(|text| text.contains(SEPARATORS)) {
            format!("{what}; separate addresses by spaces")
        } else {
            format!("{what}; write it like who@example.org")
        }
    })
}

/// One mail address, for the key `email`.
///
/// # Errors
/// Says what is wrong with it.
pub fn mail_address(text: &str) -> Result<String, String> {
    email(text).ok_or_else(|| unfit(text, "is not a mail address; write it like who@example.org"))
}

/// A mail address that Alertmanager and mail servers accept, without those that need quotes.
fn email(text: &str) -> Option<String> {
    let odd = |c: char| is_hidden(c) || c.is_whitespace() || "\"'`<>()[]\\,;:$|".contains(c);
    let (local, domain) = text.split_once('@')?;
    let good = !local.starts_with('-')
        && local.split('.').all(|part| !part.is_empty())
        && !domain.contains('@')
        && !text.contains(odd)
        && domain.split('.').all(|part| !part.is_empty());
    good.then(|| text.to_owned())
}

/// Parses every word of a text, or reports all bad ones.
fn words<T>(text: &str, read: impl Fn(&str) -> Option<T>, wrong: impl Fn(&[&str]) -> String) -> Read<Vec<T>> {
    let bad: Vec<&str> = text.split_whitespace().filter(|word| read(word).is_none()).collect();
    if bad.is_empty() { Ok(text.split_whitespace().filter_map(read).collect()) } else { Err(wrong(&bad)) }
}

fn are_not(bad: &[&str], one: &str, several: &str) -> String {
    let list = bad.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(", ");
    if bad.len() == 1 { format!("{list} is not {one}") } else { format!("{list} are not {several}") }
}
