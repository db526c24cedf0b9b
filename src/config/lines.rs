//! The lines of a file, checked before the `ini` crate sees them.
//!
//! That crate reads more than is meant: a line without `=` becomes part of the next key, an unclosed quote or
//! bracket swallows the lines after it, a backslash at the end joins two lines, and an indented comment becomes
//! part of a value. Each is a fault here, with its line number. What is passed on has none of them.

/// A line that cannot be read.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Mistake {
    /// Counted from 1.
    pub(super) line: usize,
    /// What may be missing because of it.
    pub(super) hides: Hidden,
    /// What is wrong and what to do.
    pub(super) text: String,
}

/// What is not known because a line could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Hidden {
    /// Nothing that has a meaning.
    Nothing,
    /// A setting of the section with this header.
    Setting(String),
    /// A whole section.
    Section,
}

/// What a line continues.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Above {
    /// Nothing: no section has begun.
    Nothing,
    /// A section without settings yet.
    Header,
    /// A setting, which an indented line goes on with.
    Setting,
    /// A setting that could not be read. What goes on with it is passed over: it would only give faults that
    /// are none.
    BrokenSetting,
    /// A header that could not be read; its settings are passed over for the same reason.
    BrokenHeader,
}

/// The text with comments and unreadable lines blank, and what was wrong with those lines.
pub(super) fn checked(text: &str) -> (String, Vec<Mistake>) {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut kept = String::with_capacity(text.len());
    let mut mistakes = Vec::new();
    let mut above = Above::Nothing;
    let mut header = None;
    for (position, line) in text.split('\n').enumerate() {
        let line = line.strip_suffix('\r').unwrap_or(line);
        match judge(line, above) {
            Ok(Line::Blank) => {}
            Ok(Line::Kept(now)) => {
                if now == Above::Header {
                    header = line.split(['[', ']']).nth(1).map(|name| name.trim().to_owned());
                }
                // A plain space, for the crate takes no other space for an indent.
                kept.push_str(if line.starts_with(char::is_whitespace) { " " } else { "" });
                kept.push_str(line.trim());
                above = now;
            }
            Err((wrong, now)) => {
                let hides = match (now, &header) {
                    (Above::BrokenHeader, _) => Hidden::Section,
                    (_, Some(header)) => Hidden::Setting(header.clone()),
                    (_, None) => Hidden::Nothing,
                };
                mistakes.push(Mistake { line: position + 1, hides, text: wrong });
                above = now;
            }
        }
        kept.push('\n');
    }
    (kept, mistakes)
}

enum Line {
    Blank,
    Kept(Above),
}

/// What is to be done with a line, or what is wrong with it and what that makes of the lines after it.
fn judge(line: &str, above: Above) -> Result<Line, (String, Above)> {
    let content = line.trim();
    if content.is_empty() || content.starts_with(['#', ';']) {
        return Ok(Line::Blank);
    }
    let indented = line.starts_with(char::is_whitespace);
    let header = content.starts_with('[');
    let (checked, good, broken) = match (indented, header) {
        (false, true) => (section(content), Above::Header, Above::BrokenHeader),
        (true, true) if content.ends_with(']') => {
            (Err("an indented [section]; remove the indent".to_owned()), above, Above::BrokenHeader)
        }
        _ => match (indented, above) {
            (_, Above::BrokenHeader) | (true, Above::BrokenSetting) => return Ok(Line::Blank),
            (_, Above::Nothing) => {
                (Err("stands before any [section]; put it below one".to_owned()), above, above)
            }
            (true, Above::Setting) => (value(content), above, above),
            (true, Above::Header) => (
                Err("indented, with no value above to go on with; remove the indent".to_owned()),
                above,
                above,
            ),
            (false, _) => (setting(content), Above::Setting, Above::BrokenSetting),
        },
    };
    let clean = content
        .chars()
        .find(|c| c.is_control() && *c != '\t')
        .map_or(Ok(()), |c| Err(format!("holds the control character U+{:04X}; remove it", u32::from(c))));
    clean.and(checked).map(|()| Line::Kept(good)).map_err(|wrong| (wrong, broken))
}

fn section(content: &str) -> Result<(), String> {
    let wrong = match content[1..].split_once(']') {
        None => "the section's name is not closed; end the line with `]`",
        Some((_, "")) if content[1..].contains('[') => "a `[` in a section's name; remove it",
        Some((name, "")) if name.trim().is_empty() => "a section without a name; give it one",
        Some((name, "")) if name.contains('\\') => "a `\\` in a section's name; remove it",
        Some((_, "")) => return Ok(()),
        Some(_) => "text after the section's `]`; move it to a line of its own",
    };
    Err(wrong.to_owned())
}

fn setting(content: &str) -> Result<(), String> {
    let wrong = match content.split_once(['=', ':']) {
        None => "neither `key = value` nor a [section]; complete the line or remove it",
        Some(("", _)) => "no key before the `=`; give one",
        Some((key, _)) if key.contains('\\') => "a `\\` in a key; remove it",
        Some((_, text)) => return value(text.trim()),
    };
    Err(wrong.to_owned())
}

fn value(content: &str) -> Result<(), String> {
    let Some(quote) = content.chars().next().filter(|c| matches!(c, '"' | '\'')) else {
        return if content.ends_with('\\') {
            Err("ends in `\\`; to go on with a value, indent the next line instead".to_owned())
        } else {
            Ok(())
        };
    };
    // As the crate sees it: a backslash takes the next character along, a quote too.
    let mut rest = content[1..].chars();
    loop {
        match rest.next() {
            None => return Err(format!("the `{quote}` is not closed on this line; close it or remove it")),
            Some('\\') => {
                let _ = rest.next();
            }
            Some(c) if c == quote => break,
            Some(_) => {}
        }
    }
    if rest.as_str().is_empty() {
        Ok(())
    } else {
        Err(format!("text after the closing `{quote}`; quote the whole value or none of it"))
    }
}
