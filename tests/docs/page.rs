//! Reading a page of Markdown, as far as ours go.

use std::collections::BTreeSet;

pub(crate) const README: &str = include_str!("../../README.md");

/// A section, by its heading of the second level.
#[track_caller]
pub(crate) fn section(title: &str) -> &'static str {
    let heading = format!("\n## {title}\n");
    let (_, rest) = README.split_once(&heading).unwrap_or_else(|| panic!("README.md has no section {title}"));
    rest.split("\n## ").next().unwrap()
}

/// The rows of the table whose header begins with this cell, each as its cells.
#[track_caller]
pub(crate) fn table(section: &str, first: &str) -> Vec<Vec<String>> {
    let header = format!("| {first} |");
    let rows: Vec<_> = section
        .lines()
        .skip_while(|line| !line.starts_with(&header))
        .skip(2)
        .take_while(|line| line.starts_with('|'))
        .map(cells)
        .collect();
    assert!(!rows.is_empty(), "README.md has no table that begins with {first}");
    rows
}

fn cells(row: &str) -> Vec<String> {
    let inner = row.trim().strip_prefix('|').unwrap().strip_suffix('|').expect("a row ends with a bar");
    inner.replace("\\|", "\u{1}").split('|').map(|cell| cell.trim().replace('\u{1}', "|")).collect()
}

/// What stands between backticks, code blocks left out.
pub(crate) fn code_words(text: &str) -> Vec<&str> {
    prose(text).flat_map(|line| line.split('`').skip(1).step_by(2)).collect()
}

/// The lines outside of code blocks.
pub(crate) fn prose(text: &str) -> impl Iterator<Item = &str> {
    let mut in_block = false;
    text.lines().filter(move |line| {
        let fence = line.starts_with("```");
        in_block ^= fence;
        !in_block && !fence
    })
}

/// The code blocks of a language.
pub(crate) fn blocks(text: &str, language: &str) -> Vec<String> {
    let opening = format!("```{language}\n");
    text.split(&opening).skip(1).map(|rest| rest.split("\n```").next().unwrap().to_owned() + "\n").collect()
}

/// Every longest word that begins so and goes on with characters of this kind.
pub(crate) fn words_from<'a>(
    text: &'a str,
    start: &str,
    goes_on: impl Fn(char) -> bool,
) -> BTreeSet<&'a str> {
    text.match_indices(start)
        .map(|(at, _)| {
            let rest = &text[at..];
            let end = rest[start.len()..].find(|c| !goes_on(c)).map_or(rest.len(), |end| start.len() + end);
            &rest[..end]
        })
        .collect()
}

/// Fails with what is only in one of two sets.
#[track_caller]
pub(crate) fn assert_same<T: Ord + std::fmt::Debug>(documented: &BTreeSet<T>, real: &BTreeSet<T>) {
    let invented: Vec<_> = documented.difference(real).collect();
    let forgotten: Vec<_> = real.difference(documented).collect();
    assert!(
        invented.is_empty() && forgotten.is_empty(),
        "README.md names what is not there: {invented:?}; and does not name: {forgotten:?}"
    );
}
