//! Links lead somewhere.

use std::path::{Path, PathBuf};

use crate::page::prose;

const PAGES: [&str; 3] = ["README.md", "ARCHITECTURE.md", "CHANGELOG.md"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(page: &str) -> String {
    std::fs::read_to_string(root().join(page)).unwrap()
}

/// The pages with links: those above, and what is said of each alert.
fn linking() -> Vec<PathBuf> {
    let runbooks = std::fs::read_dir(root().join("alerts/runbooks")).unwrap();
    let runbooks = runbooks.map(|entry| entry.unwrap().path());
    PAGES.iter().chain(&["alerts/README.md"]).map(|page| root().join(page)).chain(runbooks).collect()
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
    assert!(followed >= 5, "only {followed} links were found");
}

#[test]
fn every_path_of_the_project_that_is_named_exists() {
    let mut named = 0;
    for page in PAGES {
        let text = read(page);
        let words = text.split(|c: char| c.is_whitespace() || "`()[],;|".contains(c));
        for word in words {
            let word = word.trim_end_matches(['.', ':']);
            if ["src/", "tests/", "deploy/", "benches/", ".ci/"].iter().any(|top| word.starts_with(top)) {
                assert!(root().join(word).exists(), "{page} names {word}, which is not there");
                named += 1;
            }
        }
    }
    assert!(named >= 2, "only {named} paths were found");
}
