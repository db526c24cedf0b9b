//! Links lead somewhere.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::page::{ARCHITECTURE, PAGES, README, assert_same, code_words, prose, table};

/// Pages that are held to the tree only, and not to the program: what has changed, and what is said of the alerts.
const FURTHER: [&str; 2] = ["CHANGELOG.md", "alerts/README.md"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(page: &str) -> String {
    std::fs::read_to_string(root().join(page)).unwrap()
}

/// What paths of the project begin with.
const TOP: [&str; 8] = ["src/", "tests/", "deploy/", "benches/", "alerts/", "docs/", "grafana/", ".ci/"];

/// Every page but the runbooks, by its path.
fn pages() -> impl Iterator<Item = &'static str> {
    PAGES.iter().map(|page| page.path).chain(FURTHER)
}

/// The pages with links: those, and what is said of each alert.
fn linking() -> Vec<PathBuf> {
    let runbooks = std::fs::read_dir(root().join("alerts/runbooks")).unwrap();
    let runbooks = runbooks.map(|entry| entry.unwrap().path());
    pages().map(|page| root().join(page)).chain(runbooks).collect()
}

/// The targets of the links of a page.
fn links(text: &str) -> Vec<&str> {
    text.split("](").skip(1).map(|rest| rest.split(')').next().unwrap()).collect()
}

/// The anchors of a page's headings, as the usual renderers make them.
fn anchors(text: &str) -> Vec<String> {
    prose(text)
        .filter(|line| line.starts_with('#'))
        .map(|line| {
            let heading = line.trim_start_matches('#').trim().to_lowercase();
            heading
                .chars()
                .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
                .map(|c| if c == ' ' { '-' } else { c })
                .collect()
        })
        .collect()
}

#[test]
fn every_link_leads_to_a_file_or_a_heading() {
    let mut followed = 0;
    for page in linking() {
        let text = std::fs::read_to_string(&page).unwrap();
        for link in links(&text) {
            if link.starts_with("https://") {
                continue;
            }
            let (file, anchor) = link.split_once('#').map_or((link, None), |(file, a)| (file, Some(a)));
            let target = if file.is_empty() { page.clone() } else { page.with_file_name(file) };
            assert!(target.exists(), "{} links to {link}", page.display());
            if let Some(anchor) = anchor {
                let target = std::fs::read_to_string(target).unwrap();
                assert!(
                    anchors(&target).iter().any(|known| known == anchor),
                    "{} links to {link}",
                    page.display()
                );
            }
            followed += 1;
        }
    }
    assert!(followed >= 80, "only {followed} links were found");
}

#[test]
fn every_path_of_the_project_that_is_named_exists() {
    let mut named = 0;
    for page in pages() {
        let text = read(page);
        let words = text.split(|c: char| c.is_whitespace() || "`()[],;|".contains(c));
        for word in words {
            let word = word.split('#').next().unwrap().trim_end_matches(['.', ':']);
            if TOP.iter().any(|top| word.starts_with(top)) && !word.contains("NAME") {
                assert!(root().join(word).exists(), "{page} names {word}, which is not there");
                named += 1;
            }
        }
    }
    assert!(named >= 30, "only {named} paths were found");
}

#[test]
fn every_page_of_the_manual_is_held_to_the_program_and_in_the_index() {
    let files = std::fs::read_dir(root().join("docs")).unwrap().map(|entry| entry.unwrap().file_name());
    let files = files.map(|name| format!("docs/{}", name.to_str().unwrap()));
    let manual: Vec<String> = files.filter(|path| path.ends_with(".md")).collect();
    assert!(manual.len() >= 10, "{manual:?}");
    let index = README.section("Documentation");
    for path in &manual {
        assert!(PAGES.iter().any(|page| page.path == path), "{path} is held to nothing: add it to page.rs");
        assert!(index.contains(&format!("]({path})")), "README.md does not list {path}");
    }
}

#[test]
fn first_page_and_architecture_stay_short() {
    for (page, most) in [(README, 200), (ARCHITECTURE, 150)] {
        let lines = page.text.lines().count();
        assert!(lines <= most, "{} has {lines} lines; the manual is docs/", page.path);
    }
}

#[test]
fn pictures_of_the_first_page_say_what_they_show_and_are_soon_loaded() {
    let pictures: Vec<(&str, &str)> = README
        .text
        .split("![")
        .skip(1)
        .map(|rest| rest.split_once("](").unwrap())
        .map(|(shown, rest)| (shown, rest.split(')').next().unwrap()))
        .collect();
    assert_eq!(pictures.len(), 2, "{pictures:?}");
    for (shown, file) in pictures {
        assert!(shown.split(' ').count() >= 4, "{file}: {shown:?}");
        let size = std::fs::metadata(root().join(file)).unwrap().len();
        assert!(size <= 150_000, "{file} has {size} bytes");
    }
}

#[test]
fn every_module_has_a_row_in_the_architecture() {
    let lib = include_str!("../../src/lib.rs");
    let module = |line: &'static str| line.trim_start_matches("pub ").strip_prefix("mod ")?.strip_suffix(';');
    let modules: BTreeSet<&str> = lib.lines().filter_map(module).collect();
    let rows = table(ARCHITECTURE.section("The pipeline"), "module");
    // `probe::ssh` is a part of `probe`.
    let named = rows.iter().map(|row| code_words(&row[0])[0].split("::").next().unwrap()).collect();
    assert_same(&named, &modules);
}

#[test]
fn nothing_has_two_headings_of_one_name() {
    for page in PAGES {
        let anchors = anchors(page.text);
        let distinct: BTreeSet<_> = anchors.iter().collect();
        assert_eq!(distinct.len(), anchors.len(), "{}: {anchors:?}", page.path);
    }
}
