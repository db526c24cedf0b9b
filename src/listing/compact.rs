//! Shortens the probe script before it is sent: comments go, and names become short.
//!
//! A line of `authorized_keys` then has room for several roots, and bash, which reads its standard input byte by byte,
//! has less to read.

/// The names of the script's functions and variables. None of them occurs in the protocol, in a tool's options or in the
/// environment. Those that save most come first and become one letter.
#[rustfmt::skip]
const NAMES: [&str; 67] = [
    "variable", "path", "text", "nonce", "fail", "value", "prints_number", "line", "expand_root",
    "count_complaints", "others", "denials", "newline", "pause", "ask_login_shell", "find_tools", "path_after",
    "told", "finish_records", "parent", "losses", "watched", "start_watcher", "stat_of_slash", "parents",
    "tools", "print_listing", "pid", "choose_tools", "resolve_root", "marked_line", "avail", "print_begin",
    "enter_root", "tree", "print_room", "total", "first", "below", "from_stat", "start",
    "grown", "state", "fields", "pair", "finish", "answer", "broken", "identify", "used", "lines",
    "shell", "sidecar", "watcher", "records", "mark", "prepare", "seen", "word", "walk", "entry",
    "watch", "ended", "ask", "got", "main", "own",
];

/// Letters that are no name in the script, and unlikely as the variable at the start of a root.
const LETTERS: &[u8] = b"abcdefghjklmnopqrstuvwxyz";

/// The script without comments, indentation and empty lines, its names short. No line within its quoted strings begins
/// with `#`, is empty, or needs its indentation.
pub(super) fn compact(script: &str) -> String {
    let mut text = String::with_capacity(script.len());
    for line in script.lines().map(str::trim_start) {
        if !line.is_empty() && !line.starts_with('#') {
            for part in line.split_inclusive(|c: char| !is_of_word(c)) {
                let word = part.trim_end_matches(|c: char| !is_of_word(c));
                shorten_into(&mut text, word);
                text.push_str(&part[word.len()..]);
            }
            text.push('\n');
        }
    }
    text
}

fn is_of_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

fn shorten_into(text: &mut String, word: &str) {
    match NAMES.iter().position(|name| *name == word) {
        Some(at) => {
            text.push(char::from(LETTERS[at % LETTERS.len()]));
            if let Some(digit) = (at / LETTERS.len()).checked_sub(1) {
                text.push_str(&digit.to_string());
            }
        }
        None => text.push_str(word),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const SCRIPT: &str = include_str!("probe.sh");

    fn words(text: &str) -> BTreeSet<&str> {
        text.split(|c: char| !is_of_word(c)).filter(|word| !word.is_empty()).collect()
    }

    #[test]
    fn every_name_is_the_scripts_and_becomes_another_short_one() {
        assert_eq!(NAMES.iter().collect::<BTreeSet<_>>().len(), NAMES.len());
        let (long, short) = (words(SCRIPT), compact(SCRIPT));
        for name in NAMES {
            assert!(long.contains(name), "{name} is no longer in the script");
            assert!(!words(&short).contains(name), "{name}");
        }
        let shortened: BTreeSet<String> = NAMES.iter().map(|name| compact(name)).collect();
        assert_eq!(shortened.len(), NAMES.len());
        // A variable that is not in the table keeps its name, which must differ from the short ones.
        let assigned =
            SCRIPT.split(|c: char| !is_of_word(c) && c != '=').filter_map(|word| word.split_once('='));
        for (name, _) in assigned.filter(|(name, _)| !NAMES.contains(name)) {
            assert!(!shortened.contains(name), "{name}");
        }
    }

    #[test]
    fn only_comments_indentation_and_empty_lines_are_removed() {
        assert_eq!(compact("# main\n\n    main() {\n  printf 'path' # \"$nonce\"x\n}\n").lines().count(), 3);
        assert!(
            compact("unset CDPATH -name root_missing mainly").contains("CDPATH -name root_missing mainly")
        );
    }
}
