//! The table of keys and the examples against what is read.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;

use scm_backup_exporter::config::{self, ConfigErrors, Loaded};

use crate::page::{CONFIGURATION, all_blocks, assert_same, code_words, table};

fn load(text: String) -> Result<Loaded, ConfigErrors> {
    let env = |name: &str| (name == "HOME").then(|| "/home/me".to_owned());
    config::parse(&[(PathBuf::from("example.ini"), text)], &env)
}

/// A configuration of one hub and one node, with one more line in its hub's section or in `[ENV]`.
fn with(kind: &str, line: &str) -> String {
    let line = |of: &str| if of == kind { line } else { "" };
    let srvnode = if line("hub").starts_with("srvnode") { "" } else { "srvnode = zz.example.org" };
    format!("[HUB]\nZZ = SDU\n[ENV]\n{}\n[ZZ]\n{srvnode}\n{}\n", line("ENV"), line("hub"))
}

#[test]
fn table_of_keys_is_what_the_program_knows() {
    let documented: BTreeSet<_> = table(CONFIGURATION.section("Keys"), "key").into_iter().collect();
    let real: BTreeSet<_> = config::known_keys()
        .map(|key| {
            let name = format!("`{}`", key.name);
            vec![name, key.sections, key.meaning, key.default.to_owned(), key.example.to_owned()]
        })
        .collect();
    assert_same(&documented, &real);
}

#[test]
fn help_of_check_explains_every_key() {
    let help =
        Command::new(env!("CARGO_BIN_EXE_scm-backup-exporter")).args(["check", "--help"]).output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    // Its lines are as long as the terminal is wide.
    let words = |text: &str| text.replace('`', "").split_whitespace().collect::<Vec<_>>().join(" ");
    let help = words(&help);
    for key in config::known_keys() {
        let told = format!("{} (in {}) {}", key.name, key.sections, key.meaning);
        assert!(help.contains(&words(&told)), "{told}: {help}");
    }
}

#[test]
fn defaults_in_the_table_are_those_that_hold() {
    let plain = format!("{:?}", load(with("", "")).unwrap().inventory);
    let mut checked = 0;
    for row in table(CONFIGURATION.section("Keys"), "key") {
        let key = code_words(&row[0])[0];
        let Some(default) = code_words(&row[3]).first().copied().filter(|word| *word != "[HUB]") else {
            continue;
        };
        let set =
            load(with("ENV", &format!("{key} = {default}"))).unwrap_or_else(|faults| panic!("{faults}"));
        assert_eq!(format!("{:?}", set.inventory), plain, "{key} = {default}");
        checked += 1;
    }
    assert!(checked >= 10, "only {checked} defaults were found");
}

#[test]
fn examples_in_the_table_are_accepted_and_change_something() {
    let plain = format!("{:?}", load(with("", "")).unwrap().inventory);
    for row in table(CONFIGURATION.section("Keys"), "key") {
        let (key, example) = (code_words(&row[0])[0], code_words(&row[4]));
        let Some(example) = example.first() else { continue };
        let kind = if row[1].contains("ENV") { "ENV" } else { "hub" };
        let set = load(with(kind, &format!("{key} = {example}"))).unwrap_or_else(|faults| panic!("{faults}"));
        let is_sample = key == "srvnode";
        assert!(is_sample || format!("{:?}", set.inventory) != plain, "{key} = {example} changes nothing");
    }
}

#[test]
fn configurations_on_the_pages_load_without_a_warning() {
    let examples = all_blocks("ini");
    assert!(examples.len() >= 2, "only {} examples were found", examples.len());
    for example in examples {
        let loaded = load(example).unwrap_or_else(|faults| panic!("{faults}"));
        assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
    }
}

#[test]
fn example_configuration_loads_without_a_warning_and_names_every_key() {
    let text = include_str!("../../deploy/scm-backup-exporter.ini");
    let loaded = load(text.to_owned()).unwrap_or_else(|faults| panic!("{faults}"));
    assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
    let set: BTreeSet<_> = text
        .lines()
        .filter_map(|line| line.trim_start_matches(['#', ';', ' ']).split_once(" = "))
        .map(|(key, _)| key)
        .collect();
    for config::KeyDoc { name: key, .. } in config::known_keys() {
        let is_obsolete = matches!(key, "dbpath" | "jspath");
        assert_eq!(set.contains(key), !is_obsolete, "{key}");
    }
}
