//! Why a path does not fit the layout, and how paths of a node are shown.

use std::fmt;

use crate::text::escape_into;

/// How much of a path is shown when it is rejected.
const SHOWN: usize = 200;

/// Why a path does not fit the layout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PathError<'a> {
    /// Its directories are not those of the layout.
    Layout,
    /// No calendar has this day.
    Day(&'a [u8]),
    /// No clock shows this time.
    Time(&'a [u8]),
    /// The file is not named after its directory.
    File(&'a [u8]),
}

impl fmt::Display for PathError<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Layout => f.write_str("not <kind>/<name>/YYYY/MM/DD/HHMMSS/<file>"),
            Self::Day(day) => write!(f, "no such day {}", EscapedBytes(day)),
            Self::Time(time) => write!(f, "no such time {}", EscapedBytes(time)),
            Self::File(name) => {
                write!(f, "the file is not named {0}.tar.gz or {0}-<revision>.tar.gz", EscapedBytes(name))
            }
        }
    }
}

/// Bytes of a path as text that is safe to show, cut where they are very many.
pub(super) struct EscapedBytes<'a>(pub(super) &'a [u8]);

impl fmt::Display for EscapedBytes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        escape_into(&mut text, &self.0[..self.0.len().min(SHOWN)]);
        if self.0.len() > SHOWN {
            text.push('…');
        }
        f.write_str(&text)
    }
}
