//! Parses one line of a listing. `None` is a line that does not follow the grammar.

use memchr::memmem;

use super::{Begin, Method, Record};

/// A line between BEGIN and END.
pub(super) enum Line<'a> {
    /// A line that the node counts as a record.
    Counted(Record<'a>),
    /// A line about the listing as a whole.
    About(Record<'a>),
    /// How many records the node counted.
    Count(u64),
    /// Impossible sizes of a file system. Only they are ignored, not the listing.
    Nonsense,
}

/// Reads a line between BEGIN and END.
#[inline]
pub(super) fn line(line: &[u8]) -> Option<Line<'_>> {
    if line == b"X" {
        return Some(Line::Counted(Record::NewlineInName));
    }
    let (kind, rest) = line.split_first_chunk::<2>()?;
    let mut fields = Fields(rest);
    Some(match kind {
        b"F " => {
            let (size, mtime) = (fields.unsigned()?, fields.signed()?);
            Line::Counted(Record::Tarball { size, mtime, path: fields.path()? })
        }
        b"D " => {
            let (size, mtime) = (fields.unsigned()?, fields.signed()?);
            let content = fields.content()?;
            Line::Counted(Record::Sidecar { size, mtime, path: fields.path()?, content })
        }
        b"K " => Line::Counted(Record::Lock { mtime: fields.signed()?, path: fields.path()? }),
        b"R " => Line::About(Record::Root(fields.path()?)),
        b"S " => {
            let (size, avail) = (fields.digits()?, fields.digits()?);
            fields.0.is_empty().then_some(())?;
            room(size, avail).map_or(Line::Nonsense, Line::About)
        }
        b"N " => Line::Count(whole(rest)?),
        _ => return None,
    })
}

/// Sizes in KiB, if a real file system can have them.
fn room(size: &[u8], avail: &[u8]) -> Option<Record<'static>> {
    let size = whole(size)?.checked_mul(1024)?;
    let avail = whole(avail)?.checked_mul(1024)?;
    // 2^63 is what the largest of today's file systems can address.
    (0 < size && size < 1 << 63 && avail <= size).then_some(Record::Filesystem { size, avail })
}

/// The rest of a line, field by field; a field ends at its space.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    /// Digits of any number, and the space after them, if any.
    fn digits(&mut self) -> Option<&'a [u8]> {
        let end = self.0.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(self.0.len());
        let (digits, rest) = self.0.split_at(end);
        self.0 = rest.strip_prefix(b" ").unwrap_or(rest);
        (end > 0).then_some(digits)
    }

    #[inline]
    fn unsigned(&mut self) -> Option<u64> {
        let (value, rest) = digits(self.0)?;
        self.0 = rest.strip_prefix(b" ")?;
        Some(value)
    }

    #[inline]
    fn signed(&mut self) -> Option<i64> {
        if let Some(rest) = self.0.strip_prefix(b"-") {
            self.0 = rest;
            return 0i64.checked_sub_unsigned(self.unsigned()?);
        }
        i64::try_from(self.unsigned()?).ok()
    }

    /// The content of a sidecar: `Some(None)` when it was not read.
    fn content(&mut self) -> Option<Option<&'a [u8]>> {
        if let Some(rest) = self.0.strip_prefix(b"- ") {
            self.0 = rest;
            return Some(None);
        }
        let length = usize::try_from(self.unsigned()?).ok()?;
        let (content, rest) = self.0.split_at_checked(length)?;
        self.0 = rest.strip_prefix(b" ")?;
        Some(Some(content))
    }

    fn path(self) -> Option<&'a [u8]> {
        (!self.0.is_empty()).then_some(self.0)
    }
}

/// The number at the start of the bytes, and the rest.
#[inline]
fn digits(bytes: &[u8]) -> Option<(u64, &[u8])> {
    // So many digits always fit.
    let (head, tail) = bytes.split_at(bytes.len().min(19));
    let mut value = 0u64;
    for (at, byte) in head.iter().enumerate() {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return (at > 0).then_some((value, &bytes[at..]));
        }
        value = value * 10 + u64::from(digit);
    }
    let length = tail.iter().take_while(|byte| byte.is_ascii_digit()).count();
    for byte in &tail[..length] {
        value = value.checked_mul(10)?.checked_add(u64::from(byte - b'0'))?;
    }
    (!head.is_empty()).then_some((value, &tail[length..]))
}

/// A number that makes up the whole text.
fn whole(bytes: &[u8]) -> Option<u64> {
    digits(bytes).and_then(|(value, rest)| rest.is_empty().then_some(value))
}

/// Parses the fields of BEGIN.
pub(super) fn begin(text: &[u8]) -> Option<Begin> {
    let mut words = text.split(|byte| *byte == b' ');
    let mut value = |key: &[u8]| words.next()?.strip_prefix(key)?.strip_prefix(b"=");
    let begin = Begin {
        method: match value(b"list")? {
            b"printf" => Method::Printf,
            b"stat" => Method::Stat,
            _ => return None,
        },
        reads_sidecars: yes_no(value(b"awk")?)?,
        bounded: yes_no(value(b"bounded")?)?,
        epoch: i64::try_from(whole(value(b"epoch")?)?).ok()?,
        utc_offset: utc_offset(value(b"utc")?)?,
    };
    words.next().is_none().then_some(begin)
}

fn yes_no(word: &[u8]) -> Option<bool> {
    match word {
        b"yes" => Some(true),
        b"no" => Some(false),
        _ => None,
    }
}

/// Seconds east of UTC, of `+0530`.
fn utc_offset(word: &[u8]) -> Option<i32> {
    let (sign, rest) = word.split_first()?;
    if rest.len() != 4 {
        return None;
    }
    let hours_minutes = i32::try_from(whole(rest)?).ok()?;
    let (hours, minutes) = (hours_minutes / 100, hours_minutes % 100);
    if hours > 24 || minutes > 59 {
        return None;
    }
    match sign {
        b'+' => Some(hours * 3600 + minutes * 60),
        b'-' => Some(-(hours * 3600 + minutes * 60)),
        _ => None,
    }
}

/// The fields of END.
#[derive(Debug, Default)]
pub(super) struct Ending {
    pub(super) find: u8,
    /// Only where the node lists with `stat`.
    pub(super) stat: Option<u8>,
    /// Only where the node has an `awk`.
    pub(super) awk: Option<u8>,
    pub(super) denied: u64,
    pub(super) vanished: u64,
    pub(super) other: u64,
    pub(super) complaint: Option<Vec<u8>>,
}

/// Parses the fields of END for a listing with this BEGIN.
pub(super) fn ending(text: &[u8], begin: &Begin) -> Option<Ending> {
    let (text, complaint) = match memmem::find(text, b" complaint=") {
        Some(at) => (&text[..at], Some(text[at + b" complaint=".len()..].to_vec())),
        None => (text, None),
    };
    let mut words = text.split(|byte| *byte == b' ');
    let mut value = |key: &[u8]| whole(words.next()?.strip_prefix(key)?.strip_prefix(b"=")?);
    let mut status = |key: &[u8]| u8::try_from(value(key)?).ok();
    let ending = Ending {
        find: status(b"find")?,
        stat: if begin.method == Method::Stat { Some(status(b"stat")?) } else { None },
        awk: if begin.reads_sidecars { Some(status(b"awk")?) } else { None },
        denied: value(b"denied")?,
        vanished: value(b"vanished")?,
        other: value(b"other")?,
        complaint,
    };
    words.next().is_none().then_some(ending)
}
