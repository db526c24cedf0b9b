//! What both the parser and its errors name: the version of the grammar, and how much is read.

/// The version of the grammar.
pub(super) const VERSION: &str = "1";

/// No line of a listing may be longer, in bytes.
pub(super) const MAX_LINE: usize = 64 * 1024;

/// No more may come before a listing, in bytes.
pub(super) const MAX_NOISE: usize = 1024 * 1024;
