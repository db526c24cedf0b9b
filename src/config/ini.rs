//! Parses a file into sections. This is the only module that uses the `ini` crate.
//!
//! The crate alone is too lenient: a line without `=` becomes part of the next key, and an unclosed quote or bracket
//! swallows the lines after it. It also gives no line numbers. So it gets one header or one setting at a time, with its
//! indented continuation lines. Then a bad line never affects its neighbours, and the line number is known.

use ini::{Ini, ParseOption};

use super::diagnostic::{Diagnostics, Location};

/// A section of a file.
#[derive(Debug, Clone)]
pub(super) struct Written {
    /// The text between the brackets.
    pub(super) header: String,
    pub(super) location: Location,
    /// Its settings in order, including repeated keys.
    pub(super) settings: Vec<Setting>,
}

/// A setting and its location.
#[derive(Debug, Clone)]
pub(super) struct Setting {
    pub(super) key: String,
    /// Its lines are joined by newlines.
    pub(super) value: String,
    pub(super) location: Location,
}

impl Setting {
    /// Adds the likely reason to a message about the value, if the value shows one.
    pub(super) fn explained(&self, wrong: String) -> String {
        if self.value.contains('\n') {
            format!("{wrong} (an indented line continues the value above it)")
        } else if self.value.contains(" #") || self.value.contains(" ;") {
            format!("{wrong} (a comment needs a line of its own)")
        } else {
            wrong
        }
    }
}

/// The sections of a file in order. A part that cannot be parsed is a fault and is left out.
///
/// The syntax is that of Python's ConfigParser: indented lines continue a value, a backslash is literal, a comment needs
/// its own line. Quotes around a value are removed.
pub(super) fn parse(text: &str, file: &Location, diagnostics: &mut Diagnostics) -> Vec<Written> {
    let mut sections = Vec::<Written>::new();
    // Settings below a damaged header are skipped: each would only add a fault.
    let mut is_hidden = false;
    for item in items(text) {
        let line = item.line();
        if item.is_header() {
            let header = item.header();
            is_hidden = header.is_err();
            match header {
                Ok(header) => {
                    let location = file.section(&header, line);
                    sections.push(Written { header, location, settings: Vec::new() });
                }
                Err((line, wrong)) => diagnostics.broken(&file.line(line), wrong),
            }
        } else if !is_hidden {
            let Some(section) = sections.last_mut() else {
                diagnostics.fault(&file.line(line), "comes before any [section]; move it below one");
                continue;
            };
            match item.setting() {
                Ok((key, value)) => {
                    let location = section.location.setting(&key, line);
                    section.settings.push(Setting { key, value, location });
                }
                Err((line, wrong)) => diagnostics.damaged(&file.line(line), section.header.clone(), wrong),
            }
        }
    }
    sections
}

/// A header, or a setting with its continuation lines: each with its line number and content.
struct Item<'a> {
    lines: Vec<(usize, &'a str)>,
    is_indented: bool,
}

/// A key and its value.
type Pair = (String, String);

/// A line number and what is wrong there.
type Wrong = (usize, String);

/// Splits the text into items, without comments and empty lines.
fn items(text: &str) -> Vec<Item<'_>> {
    let mut items: Vec<Item<'_>> = Vec::new();
    for (position, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        let (number, content) = (position + 1, line.trim());
        if content.is_empty() || content.starts_with(['#', ';']) {
            continue;
        }
        let is_indented = line.starts_with(char::is_whitespace);
        let goes_on = is_indented && !(content.starts_with('[') && content.ends_with(']'));
        match items.last_mut().filter(|item| goes_on && !item.is_header()) {
            Some(item) => item.lines.push((number, content)),
            None => items.push(Item { lines: vec![(number, content)], is_indented }),
        }
    }
    items
}

impl Item<'_> {
    fn line(&self) -> usize {
        self.lines[0].0
    }

    fn is_header(&self) -> bool {
        self.lines[0].1.starts_with('[')
    }

    /// Parses it with the crate: a header, and settings.
    fn read(&self) -> Option<(Option<String>, Vec<Pair>)> {
        let options = ParseOption {
            enabled_quote: true,
            enabled_escape: false,
            enabled_indented_mutiline_value: true,
            enabled_preserve_key_leading_whitespace: false,
        };
        let lines: Vec<&str> = self.lines.iter().map(|(_, content)| *content).collect();
        let document = Ini::load_from_str_opt(&lines.join("\n "), options).ok()?;
        let header = document.sections().flatten().next().map(str::to_owned);
        let settings = document.iter().flat_map(|(_, settings)| settings.iter());
        Some((header, settings.map(|(key, value)| (key.to_owned(), value.to_owned())).collect()))
    }

    fn header(&self) -> Result<String, Wrong> {
        self.check_characters()?;
        let (line, content) = self.lines[0];
        let wrong = match self.read() {
            _ if self.is_indented => "an indented [section]; remove the indent",
            _ if content.contains('\\') => "a `\\` in a section's name; remove it",
            Some((Some(header), settings)) if settings.is_empty() => match header.as_str() {
                "" => "a section without a name; write one",
                header if header.contains('[') => "a `[` in a section's name; remove it",
                _ => return Ok(header),
            },
            _ if content.contains(']') => "text after the section's `]`; move it to a line of its own",
            _ => "the section's name is not closed; end the line with `]`",
        };
        Err((line, wrong.to_owned()))
    }

    fn setting(&self) -> Result<Pair, Wrong> {
        self.check_characters()?;
        let (line, content) = self.lines[0];
        let wrong = match content.split_once(['=', ':']) {
            _ if self.is_indented => "indented, but there is no value above to continue; remove the indent",
            None => "neither `key = value` nor a [section]; complete the line or remove it",
            Some(("", _)) => "no key before the `=`; write one",
            Some((key, _)) if key.contains('\\') => "a `\\` in a key; remove it",
            Some((_, value)) => {
                let goes_on = self.lines[1..].iter().copied();
                for (line, part) in std::iter::once((line, value.trim())).chain(goes_on) {
                    check_value(part).map_err(|wrong| (line, wrong))?;
                }
                match self.read() {
                    Some((None, mut settings)) if settings.len() == 1 => return Ok(settings.remove(0)),
                    _ => "cannot be read; write it as `key = value`",
                }
            }
        };
        Err((line, wrong.to_owned()))
    }

    fn check_characters(&self) -> Result<(), Wrong> {
        for (line, content) in &self.lines {
            if let Some(c) = content.chars().find(|c| c.is_control() && *c != '\t') {
                return Err((
                    *line,
                    format!("contains the control character U+{:04X}; remove it", u32::from(c)),
                ));
            }
        }
        Ok(())
    }
}

/// Rejects values that the crate would misread.
fn check_value(content: &str) -> Result<(), String> {
    let Some(quote) = content.chars().next().filter(|c| matches!(c, '"' | '\'')) else {
        return if content.ends_with('\\') {
            Err("ends in `\\`; to continue a value, indent the next line instead".to_owned())
        } else {
            Ok(())
        };
    };
    match content[1..].split_once(quote) {
        // The crate reads a quote after a backslash as part of the text.
        Some((within, "")) if within.chars().rev().take_while(|c| *c == '\\').count() % 2 == 0 => Ok(()),
        Some((_, after)) if !after.is_empty() => {
            Err(format!("text after the closing `{quote}`; quote the whole value or none of it"))
        }
        _ => Err(format!("the `{quote}` is not closed on this line; close it or remove it")),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use std::path::Path;

    use super::*;

    /// Every section with its line and its settings with theirs, and every fault as it prints.
    type Read = (Vec<(String, usize, Vec<(String, String, usize)>)>, Vec<String>);

    fn read(text: &str) -> Read {
        let mut diagnostics = Diagnostics::default();
        let sections = parse(text, &Location::file(Path::new("f"), 0), &mut diagnostics);
        let settings = |settings: Vec<Setting>| {
            settings.into_iter().map(|one| (one.key, one.value, one.location.line)).collect()
        };
        let sections =
            sections.into_iter().map(|one| (one.header, one.location.line, settings(one.settings))).collect();
        let faults = diagnostics
            .finish()
            .map_or_else(|faults| faults.faults().iter().map(ToString::to_string).collect(), |_| Vec::new());
        (sections, faults)
    }

    fn settings(text: &str) -> Vec<(String, String)> {
        let (mut sections, faults) = read(text);
        assert_eq!(faults, Vec::<String>::new());
        sections.remove(0).2.into_iter().map(|(key, value, _)| (key, value)).collect()
    }

    fn value(text: &str) -> String {
        settings(&format!("[s]\nk = {text}\n")).remove(0).1
    }

    #[test]
    fn a_value_is_read_as_config_parser_reads_it() {
        assert_eq!(value("a b "), "a b");
        assert_eq!(value(r"C:\new\table"), r"C:\new\table");
        assert_eq!(value("a = b : c # d ; e"), "a = b : c # d ; e");
        assert_eq!(value("a\n  b\n\tc\n\n  d"), "a\nb\nc\nd");
        assert_eq!(value("a\n  # a remark\n  b"), "a\nb");
        assert_eq!(value("don't \"do\" this"), "don't \"do\" this");
        assert_eq!(value(""), "");
        assert_eq!(settings("[s]\nk : v\n"), settings("[s]\nk=v"));
    }

    #[test]
    fn quotes_around_a_value_come_off() {
        assert_eq!(value("\"it's \""), "it's ");
        assert_eq!(value("'say \"x\"'"), "say \"x\"");
        assert_eq!(value(r#""a\nb""#), r"a\nb");
    }

    #[test]
    fn windows_files_read_as_unix_ones() {
        let unix = "[s]\nk = a\n  b\n\n[t]\nl = \"c\"\n";
        let windows = format!("\u{feff}{}", unix.replace('\n', "\r\n"));
        assert_eq!(read(&windows), read(unix));
    }

    #[test]
    fn repeated_sections_and_keys_are_all_there_in_order() {
        let (sections, faults) = read("[b]\nk = 1\nk = 2\n[a]\n[b]\nk = 3\n");
        assert_eq!(faults, Vec::<String>::new());
        let flat: Vec<_> =
            sections.iter().map(|(header, line, all)| (header.as_str(), *line, all.len())).collect();
        assert_eq!(flat, [("b", 1, 2), ("a", 4, 0), ("b", 5, 1)]);
        assert_eq!(sections[0].2[1], ("k".to_owned(), "2".to_owned(), 3));
    }

    #[test]
    fn a_broken_line_does_not_spoil_its_neighbours() {
        let (sections, faults) = read("[a]\nx = 1\ngarbage\ny = 2\n[b\nz = 3\n[c]\nw = 'open\nv = 4\n");
        let starts = ["f:3: neither", "f:5: the section's name", "f:8: the `'`"];
        assert_eq!(faults.len(), starts.len(), "{faults:?}");
        assert!(faults.iter().zip(starts).all(|(fault, start)| fault.starts_with(start)), "{faults:?}");
        let keys = sections.iter().flat_map(|(.., settings)| settings).map(|(key, ..)| key.as_str());
        assert_eq!(keys.collect::<Vec<_>>(), ["x", "y", "v"]);
    }

    /// Nothing that was written gets lost in the crate, and nothing gets there from a neighbour.
    #[test]
    fn every_line_becomes_a_part_of_its_own_section_or_a_mistake() {
        let alphabet = [
            "[", "]", "=", ":", "'", "\"", "\\", "\n", "\n ", " ", "#", ";", "k", "\t", "$", "é", "\u{a0}",
            "\r",
        ];
        let mut seed: u64 = 7;
        for _ in 0..20_000 {
            let mut text = String::from("[s]\n");
            for _ in 0..24 {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                text.push_str(alphabet[(seed >> 33) as usize % alphabet.len()]);
            }
            let whole = format!("{text}\n[last]\nkey = value\n");
            let (sections, faults) = read(&whole);
            let (header, _, last) = sections.last().unwrap();
            assert_eq!((header.as_str(), last.len()), ("last", 1), "{whole:?}");
            assert_eq!(last[0].1, "value", "{whole:?}");
            let line = |fault: &String| fault.split(':').nth(1).unwrap().parse::<usize>().unwrap();
            let mut lines: Vec<usize> = faults.iter().map(line).collect();
            lines.extend(
                sections.iter().flat_map(|(_, line, all)| all.iter().map(|one| one.2).chain([*line])),
            );
            let told = lines.len();
            lines.sort_unstable();
            lines.dedup();
            assert_eq!(lines.len(), told, "a line was read twice: {whole:?}");
            let written: Vec<&str> = whole.lines().collect();
            for (key, _, line) in sections.iter().flat_map(|(.., settings)| settings) {
                assert!(written[line - 1].contains(key.as_str()), "{whole:?}: {key:?}");
            }
            assert!(faults.iter().all(|fault| !fault.contains("cannot be read")), "{whole:?}: {faults:?}");
        }
    }
}
