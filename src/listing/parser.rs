//! Parses the reply as a stream: finds the beginning and the end of the listing, and decides whether it is valid.

use memchr::memchr;

use super::bounds::{self, VERSION};
use super::error::{FailCode, ListingError, Tool};
use super::fields::{self, Ending, Line};
use super::{Begin, End, Record};
use crate::text::escape_into;

const MAGIC: &[u8] = b"scm-backup-listing ";

/// How much of a line from the node is repeated in an error, in bytes.
const QUOTED: usize = 200;

/// Parses one reply in chunks of any size; it keeps at most one line.
#[derive(Debug)]
pub struct Parser {
    /// The start of the marks.
    mark: Vec<u8>,
    stage: Stage,
    /// The unfinished line of the last chunk.
    unfinished: Vec<u8>,
    /// Record lines so far.
    received: u64,
    /// How many records the node counted.
    declared: Option<u64>,
}

#[derive(Debug)]
enum Stage {
    Noise { bytes: usize, last_line: Vec<u8> },
    Records(Begin),
    Ended(Begin, Ending),
}

impl Parser {
    /// No line of a listing may be longer, in bytes.
    pub const MAX_LINE: usize = bounds::MAX_LINE;

    /// No more may come before a listing, in bytes.
    pub const MAX_NOISE: usize = bounds::MAX_NOISE;

    /// Creates a parser for the reply to the request with this nonce.
    pub fn new(nonce: &str) -> Self {
        Self {
            mark: [MAGIC, VERSION.as_bytes(), b" ", nonce.as_bytes(), b" "].concat(),
            stage: Stage::Noise { bytes: 0, last_line: Vec::new() },
            unfinished: Vec::new(),
            received: 0,
            declared: None,
        }
    }

    /// Whether the end mark was read; later output is ignored.
    pub fn is_complete(&self) -> bool {
        matches!(self.stage, Stage::Ended(..))
    }

    /// Parses a chunk and passes each record to `sink`. After an error the parser must not be used.
    ///
    /// # Errors
    /// Every [`ListingError`] that can be detected before the reply ends.
    pub fn push(&mut self, chunk: &[u8], sink: &mut impl FnMut(Record<'_>)) -> Result<(), ListingError> {
        let mut rest = chunk;
        if !self.unfinished.is_empty() {
            let Some(end) = memchr(b'\n', rest) else { return self.keep(rest) };
            self.keep(&rest[..end])?;
            let mut line = std::mem::take(&mut self.unfinished);
            self.line(&line, sink)?;
            line.clear();
            self.unfinished = line;
            rest = &rest[end + 1..];
        }
        while let Some(end) = memchr(b'\n', rest) {
            self.line(&rest[..end], sink)?;
            rest = &rest[end + 1..];
        }
        self.keep(rest)
    }

    /// The result of the whole reply.
    ///
    /// # Errors
    /// [`ListingError::NoBegin`], [`Truncated`](ListingError::Truncated), [`CountMismatch`](ListingError::CountMismatch),
    /// [`OutOfTime`](ListingError::OutOfTime) or [`RemoteTool`](ListingError::RemoteTool): the records
    /// passed to the sink are then invalid.
    pub fn finish(self) -> Result<End, ListingError> {
        let (begin, ending) = match self.stage {
            Stage::Noise { last_line, .. } => {
                let words = if self.unfinished.is_empty() { last_line } else { self.unfinished };
                return Err(ListingError::NoBegin { last_words: (!words.is_empty()).then(|| quote(&words)) });
            }
            Stage::Records(_) => return Err(ListingError::Truncated { records: self.received }),
            Stage::Ended(begin, ending) => (begin, ending),
        };
        believe(&begin, &ending)?;
        match self.declared {
            Some(declared) if declared != self.received => {
                Err(ListingError::CountMismatch { declared, received: self.received })
            }
            None if begin.reads_sidecars => {
                Err(ListingError::CountMismatch { declared: 0, received: self.received })
            }
            _ => Ok(End { unreadable: ending.denied }),
        }
    }

    /// Keeps the beginning of a line until the rest arrives.
    fn keep(&mut self, part: &[u8]) -> Result<(), ListingError> {
        let length = self.unfinished.len() + part.len();
        match self.stage {
            Stage::Noise { bytes, .. } if bytes + length > Self::MAX_NOISE + Self::MAX_LINE => {
                Err(ListingError::TooMuchNoise)
            }
            Stage::Records(_) if length > Self::MAX_LINE => Err(ListingError::LineTooLong),
            Stage::Ended(..) => Ok(()),
            Stage::Noise { .. } | Stage::Records(_) => {
                self.unfinished.extend_from_slice(part);
                Ok(())
            }
        }
    }

    #[inline]
    fn line(&mut self, line: &[u8], sink: &mut impl FnMut(Record<'_>)) -> Result<(), ListingError> {
        match &mut self.stage {
            Stage::Records(begin) => {
                if line.len() > Self::MAX_LINE {
                    return Err(ListingError::LineTooLong);
                }
                match fields::line(line) {
                    Some(Line::Counted(record)) if self.declared.is_none() => {
                        self.received += 1;
                        sink(record);
                    }
                    Some(Line::About(record)) if self.received == 0 => sink(record),
                    Some(Line::Nonsense) if self.received == 0 => {}
                    Some(Line::Count(count)) if self.declared.is_none() => self.declared = Some(count),
                    _ if line.is_empty() => {}
                    _ => {
                        let begin = *begin;
                        let text = line.strip_prefix(&*self.mark).and_then(|text| text.strip_prefix(b"END "));
                        let ending = text.and_then(|text| fields::ending(text, &begin));
                        self.stage = Stage::Ended(begin, ending.ok_or_else(|| malformed(line))?);
                    }
                }
                Ok(())
            }
            Stage::Ended(..) => Ok(()),
            Stage::Noise { .. } => self.noise(line, sink),
        }
    }

    /// Handles a line before the listing, which may be its beginning.
    fn noise(&mut self, line: &[u8], sink: &mut impl FnMut(Record<'_>)) -> Result<(), ListingError> {
        if let Some(text) = line.strip_prefix(&*self.mark) {
            if let Some(text) = text.strip_prefix(b"BEGIN ") {
                let begin = fields::begin(text).ok_or_else(|| malformed(line))?;
                self.stage = Stage::Records(begin);
                sink(Record::Begin(begin));
                return Ok(());
            }
            let refusal = text.strip_prefix(b"FAIL ").and_then(refusal);
            return Err(refusal.unwrap_or_else(|| malformed(line)));
        }
        if let Some(found) = self.other_version(line) {
            return Err(ListingError::OtherVersion { found: quote(found) });
        }
        if let Stage::Noise { bytes, last_line } = &mut self.stage {
            *bytes += line.len() + 1;
            if *bytes > Self::MAX_NOISE {
                return Err(ListingError::TooMuchNoise);
            }
            if !line.trim_ascii().is_empty() {
                last_line.clear();
                last_line.extend_from_slice(&line[..line.len().min(QUOTED + 1)]);
            }
        }
        Ok(())
    }

    /// The version in a mark with the request's nonce, if it is another version.
    fn other_version<'a>(&self, line: &'a [u8]) -> Option<&'a [u8]> {
        let rest = line.strip_prefix(MAGIC)?;
        let space = memchr(b' ', rest)?;
        let nonce = &self.mark[MAGIC.len() + VERSION.len()..];
        rest[space..].starts_with(nonce).then_some(&rest[..space])
    }
}

/// Whether the tools succeeded: missing permission and vanished files make a listing partial, all other errors make it
/// invalid.
fn believe(begin: &Begin, ending: &Ending) -> Result<(), ListingError> {
    // What a tool exits with that the node's watcher has ended. Lines of authorized_keys that an earlier version made
    // run find by `timeout`, which exits so of its own accord too.
    let ended = |status| matches!(status, 124 | 137 | 143);
    if begin.bounded && (ended(ending.find) || ending.awk.is_some_and(ended)) {
        return Err(ListingError::OutOfTime);
    }
    let partial = ending.denied > 0 || ending.vanished > 0;
    let failed = |tool, status| {
        let complaint = ending.complaint.as_deref().map(quote);
        Err(ListingError::RemoteTool { tool, status, complaint })
    };
    match (ending.find, ending.stat, ending.awk) {
        (status, _, _) if status > 1 || status == 1 && !partial => failed(Tool::Find, status),
        // What `xargs` exits with when a `stat` exited with 1.
        (_, Some(status), _) if !matches!(status, 0 | 1 | 123) || status != 0 && !partial => {
            failed(Tool::Stat, status)
        }
        (_, _, Some(status)) if status != 0 => failed(Tool::Awk, status),
        (status, _, _) if ending.other > 0 => failed(Tool::Find, status),
        _ => Ok(()),
    }
}

/// What the script says instead of a listing: a code, or which roots it may list.
fn refusal(words: &[u8]) -> Option<ListingError> {
    match words.strip_prefix(b"root_not_allowed") {
        Some([]) => Some(ListingError::RootNotAllowed { allowed: Vec::new() }),
        Some([b'\t', roots @ ..]) => {
            let allowed = roots.split(|byte| *byte == b'\t').map(quote).collect();
            Some(ListingError::RootNotAllowed { allowed })
        }
        Some(_) => None,
        None => FailCode::from_word(words).map(ListingError::Refused),
    }
}

fn malformed(line: &[u8]) -> ListingError {
    ListingError::Malformed { line: quote(line) }
}

/// Bytes from the node as text that is safe to show, truncated.
fn quote(bytes: &[u8]) -> String {
    let mut text = String::new();
    escape_into(&mut text, &bytes[..bytes.len().min(QUOTED)]);
    if bytes.len() > QUOTED {
        text.push('…');
    }
    text
}
