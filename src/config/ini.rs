//! The only place that knows the `ini` crate.

use ini::{Ini, ParseOption};

use super::lines::checked;
pub(super) use super::lines::{Hidden, Mistake};

/// A section as it stands in a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Section {
    /// What stands between the brackets.
    pub(super) header: String,
    /// Keys and values in order, repeated keys included; the lines of a value are joined by newlines.
    pub(super) settings: Vec<(String, String)>,
}

/// The sections of a text in order, and the lines that could not be read, which are left out.
///
/// Values are as Python's ConfigParser users know them: indented lines go on with a value, a backslash is a
/// backslash, a comment has a line of its own. Quotes around a value come off.
pub(super) fn parse(text: &str) -> (Vec<Section>, Vec<Mistake>) {
    let (text, mut mistakes) = checked(text);
    let options = ParseOption {
        enabled_quote: true,
        enabled_escape: false,
        enabled_indented_mutiline_value: true,
        enabled_preserve_key_leading_whitespace: false,
    };
    let document = Ini::load_from_str_opt(&text, options).unwrap_or_else(|error| {
        let text = format!("{}; correct the line", error.msg);
        mistakes.push(Mistake { line: error.line, hides: Hidden::Section, text });
        Ini::new()
    });
    let sections = document
        .iter()
        .filter_map(|(header, settings)| {
            let settings = settings.iter().map(|(key, value)| (key.to_owned(), value.to_owned()));
            Some(Section { header: header?.to_owned(), settings: settings.collect() })
        })
        .collect();
    (sections, mistakes)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    fn settings(text: &str) -> Vec<(String, String)> {
        let (mut sections, mistakes) = parse(text);
        assert_eq!(mistakes, []);
        sections.remove(0).settings
    }

    fn value(text: &str) -> String {
        settings(&format!("[s]\nk = {text}\n")).remove(0).1
    }

    #[test]
    fn a_value_is_read_as_config_parser_reads_it() {
        assert_eq!(value("a b "), "a b");
        assert_eq!(value(r"C:\new\table"), r"C:\new\table");
        assert_eq!(value("a = b : c # d ; e"), "a = b : c # d ; e");
        assert_eq!(value("a\n  b\n\tc\n\n  d"), "a\nb\nc\n\nd");
        assert_eq!(value("a\n  # a remark\n  b").replace("\n\n", "\n"), "a\nb");
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
        assert_eq!(parse(&windows), parse(unix));
    }

    #[test]
    fn repeated_sections_and_keys_are_all_there_in_order() {
        let (sections, mistakes) = parse("[b]\nk = 1\nk = 2\n[a]\n[b]\nk = 3\n");
        assert_eq!(mistakes, []);
        let flat: Vec<_> = sections.iter().map(|s| (s.header.as_str(), s.settings.len())).collect();
        assert_eq!(flat, [("b", 2), ("a", 0), ("b", 1)]);
        assert_eq!(sections[0].settings[1].1, "2");
    }

    #[test]
    fn a_broken_line_does_not_spoil_its_neighbours() {
        let (sections, mistakes) = parse("[a]\nx = 1\ngarbage\ny = 2\n[b\nz = 3\n[c]\nw = 'open\nv = 4\n");
        let lines: Vec<_> = mistakes.iter().map(|mistake| mistake.line).collect();
        assert_eq!(lines, [3, 5, 8]);
        let keys = sections.iter().flat_map(|section| &section.settings).map(|(key, _)| key.as_str());
        assert_eq!(keys.collect::<Vec<_>>(), ["x", "y", "v"]);
    }

    /// The crate must find exactly the headers and settings that the line check let pass.
    #[test]
    fn the_crate_reads_nothing_but_what_the_line_check_saw() {
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
            let (kept, _) = checked(&text);
            let unindented =
                || kept.lines().filter(|line| !line.is_empty() && !line.starts_with([' ', '\t']));
            let headers = unindented().filter(|line| line.starts_with('[')).count();
            let (sections, mistakes) = parse(&text);
            let found: usize = sections.iter().map(|section| section.settings.len()).sum();
            assert!(mistakes.iter().all(|mistake| !mistake.text.contains("EOF")), "{text:?} {mistakes:?}");
            assert_eq!((sections.len(), found), (headers, unindented().count() - headers), "{text:?}");
            assert!(
                sections.iter().flat_map(|s| &s.settings).all(|(key, _)| !key.contains('\n')),
                "{text:?}"
            );
        }
    }
}
