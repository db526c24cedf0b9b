//! The project's pages, and reading Markdown as far as they use it.

use std::collections::BTreeSet;

/// A page of the project: its path, and what it says.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Page {
    pub(crate) path: &'static str,
    pub(crate) text: &'static str,
}

macro_rules! pages {
    ($($name:ident = $path:literal;)*) => {
        $(pub(crate) const $name: Page = Page { path: $path, text: include_str!(concat!("../../", $path)) };)*
        /// Every page that is held to the program.
        pub(crate) const PAGES: &[Page] = &[$($name),*];
    };
}

pages! {
    README = "README.md";
    ARCHITECTURE = "ARCHITECTURE.md";
    CONTRIBUTING = "CONTRIBUTING.md";
    INSTALLATION = "docs/installation.md";
    CONFIGURATION = "docs/configuration.md";
    METRICS = "docs/metrics.md";
    ALERTING = "docs/alerting.md";
    DASHBOARDS = "docs/dashboards.md";
    READERS = "docs/pages.md";
    COMMAND_LINE = "docs/command-line.md";
    TROUBLESHOOTING = "docs/troubleshooting.md";
    TIME_ZONES = "docs/time-zones.md";
    PERFORMANCE = "docs/performance.md";
    DECISIONS = "docs/decisions.md";
}

impl Page {
    /// A section, by its heading of the second level.
    #[track_caller]
    pub(crate) fn section(self, title: &str) -> &'static str {
        let heading = format!("\n## {title}\n");
        let (_, rest) =
            self.text.split_once(&heading).unwrap_or_else(|| panic!("{} has no section {title}", self.path));
        rest.split("\n## ").next().unwrap()
    }
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
    assert!(!rows.is_empty(), "no page has a table there that begins with {first}");
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

/// The code blocks of a language on all pages.
pub(crate) fn all_blocks(language: &str) -> Vec<String> {
    PAGES.iter().flat_map(|page| blocks(page.text, language)).collect()
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
        "the pages name what is not there: {invented:?}; and do not name: {forgotten:?}"
    );
}
