//! Makes external text safe to show in labels, log lines, terminals and pages.
//!
//! [`is_hidden`] is the only table of characters that must not be shown literally. Names show them escaped
//! ([`escape_into`], [`Escaped`]), so that two names never look alike; in prose they are replaced ([`one_line`]).

use std::borrow::Cow;
use std::fmt::{self, Write as _};

/// Whether a character controls the display of text, or is invisible.
///
/// Control characters end a line or move a cursor. Direction marks reverse the text after them, so that a name reads like
/// another. Characters without a glyph (Unicode's `Default_Ignorable_Code_Point`, and its noncharacters) make different
/// names look the same.
pub fn is_hidden(c: char) -> bool {
    // Most text is ASCII.
    if c.is_ascii() {
        return c.is_ascii_control();
    }
    matches!(c,
        // Controls, line and paragraph separators, annotations.
        '\u{80}'..='\u{9f}' | '\u{2028}' | '\u{2029}' | '\u{fff9}'..='\u{fffb}'
        // Soft hyphen, joiners, fillers, and the mark of Arabic direction.
        | '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{3164}' | '\u{ffa0}'
        // Zero-width spaces and joiners, marks, embeddings and isolates of direction, invisible operators.
        | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        // Variation selectors, the byte order mark, tags, and what has no glyph beside them.
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{fff0}'..='\u{fff8}' | '\u{e0000}'..='\u{e0fff}'
        | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
        | '\u{fdd0}'..='\u{fdef}')
        || u32::from(c) & 0xfffe == 0xfffe
}

/// Appends bytes of a path as text that is safe to show. Characters that are [hidden](is_hidden), invalid UTF-8 and the
/// backslash itself are written `\xNN`, byte by byte, so that different bytes never give the same text.
pub fn escape_into(text: &mut String, bytes: &[u8]) {
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            if is_hidden(c) || c == '\\' {
                for byte in c.encode_utf8(&mut [0; 4]).bytes() {
                    // Writing to a String cannot fail.
                    let _ = write!(text, "\\x{byte:02x}");
                }
            } else {
                text.push(c);
            }
        }
        for byte in chunk.invalid() {
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
}

/// Text that a person wrote, on one line: [hidden](is_hidden) characters are written as in Rust, `\n` or `\u{200b}`.
#[derive(Debug, Clone, Copy)]
pub struct Escaped<'a>(pub &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|c| {
            if is_hidden(c) { write!(f, "{}", c.escape_default()) } else { f.write_char(c) }
        })
    }
}

/// One word for a POSIX shell, quoted if necessary.
pub fn shell_word(word: &str) -> Cow<'_, str> {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"@%+=:,./_-".contains(&b);
    if !word.is_empty() && word.bytes().all(is_plain) {
        Cow::Borrowed(word)
    } else {
        Cow::Owned(format!("'{}'", word.replace('\'', "'\\''")))
    }
}

/// Prose on one line: a space replaces each [hidden](is_hidden) character.
pub fn one_line(text: &str) -> String {
    text.trim().chars().map(|c| if is_hidden(c) { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn escaped(bytes: &[u8]) -> String {
        let mut text = String::new();
        escape_into(&mut text, bytes);
        text
    }

    #[test]
    fn text_that_can_be_seen_stays_as_it_is() {
        for text in
            ["plain name", "größe", "o\u{308}", "高能所", "Ελλάς", "עברית", "🦀", "a\u{a0}b", "\u{fffd}"]
        {
            assert_eq!(escaped(text.as_bytes()), text);
            assert_eq!(Escaped(text).to_string(), text);
            assert_eq!(one_line(text), text);
        }
    }

    #[test]
    fn what_steers_or_cannot_be_seen_never_passes() {
        let hidden = [
            0x00, 0x07, 0x0a, 0x1b, 0x7f, 0x85, 0x9b, 0xad, 0x34f, 0x61c, 0x115f, 0x17b4, 0x180b, 0x180e,
            0x200b, 0x200c, 0x200d, 0x200e, 0x200f, 0x2028, 0x2029, 0x202a, 0x202e, 0x2060, 0x2064, 0x2066,
            0x2069, 0x206f, 0x3164, 0xfe00, 0xfe0f, 0xfeff, 0xffa0, 0xfff0, 0xfff9, 0xfffb, 0xfdd0, 0xfdef,
            0xfffe, 0xffff, 0x1_d173, 0x1_fffe, 0x1_bca0, 0xe_0001, 0xe_0020, 0xe_007f, 0xe_0100, 0xe_01ef,
            0x10_ffff,
        ];
        for c in hidden.into_iter().filter_map(char::from_u32) {
            let text = format!("a{c}b");
            let bytes: String = c.to_string().bytes().map(|byte| format!("\\x{byte:02x}")).collect();
            assert_eq!(escaped(text.as_bytes()), format!("a{bytes}b"));
            assert_eq!(one_line(&text), "a b");
            assert!(!Escaped(&text).to_string().contains(c), "{text:?}");
        }
    }

    #[test]
    fn words_are_quoted_where_a_shell_would_alter_them() {
        for (word, quoted) in [
            ("user@[2001:db8::1]", "'user@[2001:db8::1]'"),
            ("/etc/it's", "'/etc/it'\\''s'"),
            ("", "''"),
            ("--config.file", "--config.file"),
            ("~/x", "'~/x'"),
        ] {
            assert_eq!(shell_word(word), quoted);
        }
    }

    #[test]
    fn different_bytes_are_escaped_differently() {
        assert_eq!(escaped(b"a\xffb"), "a\\xffb");
        assert_eq!(escaped(b"a\\xffb"), "a\\x5cxffb");
        assert_eq!(escaped(b"tab\tesc\x1b"), "tab\\x09esc\\x1b");
        assert_eq!(escaped("\u{202e}vne".as_bytes()), "\\xe2\\x80\\xaevne", "it would read as env");
    }
}
