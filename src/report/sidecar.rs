//! Sidecars: the text of a Python dict, `{'dig': '7b87e78cc03ea544e2ad3abae46eecd1', 'size': 1915051630L}`.

use super::stamp::Stamp;

/// How many sidecars of a repo are kept until its newest tarball is known.
///
/// A listing may give all sidecars before all tarballs. The newest tarball's sidecar is then lost only if more than
/// this many sidecars are stamped later than any tarball, and the tarball counts as having none.
const REMEMBERED: usize = 8;

/// The content of a sidecar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SidecarContent {
    /// It gives this size in bytes.
    Size(u64),
    /// It cannot be parsed, or is far too long.
    Garbled,
    /// It was not read: the node has no `awk`.
    Unread,
}

impl SidecarContent {
    /// Parses the content of a sidecar.
    pub(super) fn of(content: Option<&[u8]>, reads_sidecars: bool) -> Self {
        match content {
            Some(text) => size_in(text).map_or(Self::Garbled, Self::Size),
            None if reads_sidecars => Self::Garbled,
            None => Self::Unread,
        }
    }
}

/// The sidecars of one repo that may turn out to be its newest tarball's.
#[derive(Debug, Default)]
pub(super) struct Sidecars {
    seen: bool,
    /// Ordered by their tarballs.
    latest: Vec<Sidecar>,
}

#[derive(Debug)]
struct Sidecar {
    stamp: Stamp,
    file: Vec<u8>,
    says: SidecarContent,
}

impl Sidecars {
    /// Adds a sidecar if it can still matter, given the newest tarball so far.
    pub(super) fn add(
        &mut self,
        key: (Stamp, &[u8]),
        newest: Option<(Stamp, &[u8])>,
        says: impl FnOnce() -> SidecarContent,
    ) {
        self.seen = true;
        if newest.is_some_and(|newest| key < newest) {
            return;
        }
        let later_from = self.latest.partition_point(|sidecar| sidecar.key() < key);
        if self.latest.len() < REMEMBERED {
            self.latest.insert(later_from, Sidecar { stamp: key.0, file: key.1.to_owned(), says: says() });
        } else if let Some(at) = later_from.checked_sub(1) {
            // The earliest is replaced, and its memory reused.
            self.latest[..=at].rotate_left(1);
            let sidecar = &mut self.latest[at];
            (sidecar.stamp, sidecar.says) = (key.0, says());
            sidecar.file.clear();
            sidecar.file.extend_from_slice(key.1);
        }
    }

    /// Whether the repo has any sidecar.
    pub(super) fn seen(&self) -> bool {
        self.seen
    }

    /// The content of this tarball's sidecar; `None` if it has none.
    pub(super) fn of(&self, key: (Stamp, &[u8])) -> Option<SidecarContent> {
        self.latest.iter().find(|sidecar| sidecar.key() == key).map(|sidecar| sidecar.says)
    }
}

impl Sidecar {
    fn key(&self) -> (Stamp, &[u8]) {
        (self.stamp, &self.file)
    }
}

/// The size in a sidecar's text; `None` if the text is not such a dict, in any order and spacing, quoted either way
/// and with or without Python 2's `L`.
fn size_in(text: &[u8]) -> Option<u64> {
    let mut rest = Cursor(text);
    let mut size = None;
    rest.byte(b'{')?;
    while rest.byte(b'}').is_none() {
        let key = rest.string()?;
        rest.byte(b':')?;
        match key {
            b"size" if size.is_none() => size = Some(rest.number()?),
            b"size" => return None,
            b"dig" => {
                let dig = rest.string()?;
                if dig.len() != 32 || !dig.iter().all(u8::is_ascii_hexdigit) {
                    return None;
                }
            }
            _ => {
                rest.string().map(drop).or_else(|| rest.number().map(drop))?;
            }
        }
        if rest.byte(b',').is_none() {
            rest.byte(b'}')?;
            break;
        }
    }
    rest.0.trim_ascii().is_empty().then_some(size)?
}

/// The rest of the text.
struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    /// Consumes this byte and the blanks before it, or nothing if another byte follows.
    fn byte(&mut self, wanted: u8) -> Option<()> {
        self.0 = self.0.trim_ascii_start().strip_prefix(&[wanted])?;
        Some(())
    }

    /// Consumes a string without escapes.
    fn string(&mut self) -> Option<&'a [u8]> {
        let (quote, rest) =
            self.0.trim_ascii_start().split_first().filter(|(quote, _)| b"'\"".contains(quote))?;
        let end = memchr::memchr(*quote, rest)?;
        let (text, rest) = (&rest[..end], &rest[end + 1..]);
        if text.contains(&b'\\') {
            return None;
        }
        self.0 = rest;
        Some(text)
    }

    /// Consumes a whole number.
    fn number(&mut self) -> Option<u64> {
        let text = self.0.trim_ascii_start();
        let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let number = std::str::from_utf8(&text[..digits]).ok()?.parse().ok()?;
        let rest = &text[digits..];
        self.0 = rest.strip_prefix(b"L").unwrap_or(rest);
        Some(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_the_dict_gives_the_size() {
        let dig = "7b87e78cc03ea544e2ad3abae46eecd1";
        for text in [
            format!("{{'dig': '{dig}', 'size': 1915051630L}}"),
            format!("{{'dig': '{dig}', 'size': 1915051630}}"),
            format!("{{'size': 1915051630L, 'dig': '{dig}'}}"),
            format!("{{\"size\":1915051630,\"dig\":\"{dig}\"}}"),
            format!("  {{ 'size' : 1915051630L , 'dig' : '{dig}' , }}  "),
            format!("{{'size': 1915051630, 'dig': '{dig}', 'rev': 3591L, 'host': 'hub'}}"),
            "{'size':1915051630}".to_owned(),
        ] {
            assert_eq!(size_in(text.as_bytes()), Some(1_915_051_630), "{text}");
        }
    }

    #[test]
    fn anything_else_is_garbled() {
        for text in [
            "",
            "{}",
            "{,}",
            "garbage",
            "{'size': }",
            "{'size': -1}",
            "{'size': 1e9}",
            "{'size': '12'}",
            "{'size': 12LL}",
            "{'size': 99999999999999999999}",
            "{'size': 12",
            "{'size': 12}}",
            "{'size': 12} x",
            "{'size': 12 'dig': 'x'}",
            "{'size': 12, 'size': 12}",
            "{'size': 12, 'dig': 'short'}",
            "{'dig': '7b87e78cc03ea544e2ad3abae46eecd1'}",
            "{'si\\'ze': 12}",
            "{size: 12}",
            "{'size\": 12}",
        ] {
            assert_eq!(size_in(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn an_unread_sidecar_is_garbled_only_where_the_node_reads_them() {
        assert_eq!(SidecarContent::of(None, true), SidecarContent::Garbled);
        assert_eq!(SidecarContent::of(None, false), SidecarContent::Unread);
        assert_eq!(SidecarContent::of(Some(b"{'size': 5}"), true), SidecarContent::Size(5));
    }
}
