//! The command line, its exit statuses and the endpoints against their tables.

use std::collections::BTreeSet;
use std::process::{Command, Output};

use clap::CommandFactory as _;
use scm_backup_exporter::command::Cli;
use scm_backup_exporter::page::address;

use crate::page::{COMMAND_LINE, PAGES, all_blocks, assert_same, code_words, table, words_from};

fn run(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_scm-backup-exporter")).args(args).output().unwrap()
}

fn built() -> clap::Command {
    let mut command = Cli::command();
    command.build();
    command
}

/// What stands between backticks on all pages.
fn all_code_words<'a>() -> impl Iterator<Item = &'a str> {
    PAGES.iter().flat_map(|page| code_words(page.text))
}

/// Every flag of the program and its subcommands, with its default where it has one.
fn flags() -> BTreeSet<(String, Option<String>)> {
    let command = built();
    let of_all = std::iter::once(&command).chain(command.get_subcommands());
    of_all
        .flat_map(clap::Command::get_arguments)
        .filter_map(|flag| {
            let defaults = flag.get_default_values();
            let default = defaults.first().map(|value| value.to_string_lossy().into_owned());
            Some((format!("--{}", flag.get_long()?), default.filter(|_| flag.get_action().takes_values())))
        })
        .collect()
}

#[test]
fn table_of_flags_is_what_help_lists() {
    let rows = table(COMMAND_LINE.section("Flags"), "flag");
    let mut documented = BTreeSet::new();
    for row in &rows {
        for words in code_words(&row[0]) {
            let flag = words.split(' ').next().unwrap().to_owned();
            // That of --public-key depends on the node, and is told in words.
            let default = code_words(&row[2]).first().map(|word| (*word).to_owned());
            documented.insert((flag.clone(), default.filter(|_| flag != "--public-key")));
        }
    }
    assert_same(&documented, &flags());
}

#[test]
fn flags_named_on_any_page_exist() {
    let known: BTreeSet<_> = flags().into_iter().map(|(flag, _)| flag).collect();
    let is_flag = |c: char| c.is_ascii_lowercase() || c == '-' || c == '.';
    let named: BTreeSet<_> = PAGES.iter().flat_map(|page| words_from(page.text, " --", is_flag)).collect();
    // Those of other programs.
    let others = [
        "--bench",
        "--create-home",
        "--home-dir",
        "--lib",
        "--locked",
        "--now",
        "--path",
        "--profile",
        "--shell",
        "--system",
        "--test",
    ];
    for flag in named {
        let flag = flag.trim().trim_end_matches('.');
        if flag.chars().all(|c| c == '-') {
            // The line below a table's header.
            continue;
        }
        assert!(known.contains(flag) || others.contains(&flag), "{flag} is no flag");
    }
}

#[test]
fn table_of_commands_is_what_help_lists() {
    let rows = table(COMMAND_LINE.section("Commands"), "command");
    let documented = rows.iter().filter_map(|row| code_words(&row[0])[0].split(' ').nth(1)).collect();
    let command = built();
    assert_same(&documented, &command.get_subcommands().map(clap::Command::get_name).collect());
}

#[test]
fn subcommands_in_snippets_exist() {
    let command = built();
    let known: BTreeSet<_> = command.get_subcommands().map(clap::Command::get_name).collect();
    let blocks = all_blocks("sh");
    let lines = blocks.iter().flat_map(|block| block.lines()).chain(all_code_words());
    let mut seen = 0;
    for line in lines {
        let Some(rest) = line.strip_prefix("scm-backup-exporter ") else { continue };
        let word = rest.split(' ').next().unwrap();
        assert!(word.starts_with('-') || known.contains(word), "{line}");
        seen += 1;
    }
    assert!(seen >= 10, "only {seen} commands were found");
}

#[test]
fn make_targets_on_the_pages_exist() {
    let makefile = include_str!("../../Makefile");
    let blocks = all_blocks("sh");
    let lines = blocks.iter().flat_map(|block| block.lines()).chain(all_code_words());
    let targets: BTreeSet<_> = lines.filter_map(|line| line.strip_prefix("make ")).collect();
    assert!(targets.contains("demo") && targets.contains("test"));
    for line in targets {
        let (target, variable) = line.split_once(' ').unwrap_or((line, ""));
        assert!(makefile.contains(&format!("\n{target}:")), "there is no make {target}");
        let name = variable.split('=').next().unwrap();
        assert!(name.is_empty() || makefile.contains(&format!("$({name})")), "make {target} takes no {name}");
    }
}

/// The numbers in a command's cell of exit statuses.
fn statuses(command: &str) -> BTreeSet<i32> {
    let rows = table(COMMAND_LINE.section("Commands"), "command");
    let row = rows.iter().find(|row| code_words(&row[0])[0] == command).unwrap();
    row[2].split([' ', ',']).filter_map(|word| word.parse().ok()).collect()
}

#[test]
fn exit_statuses_are_as_documented() {
    let missing = ["--config.file", "/nonexistent/config.ini"];
    let with_config = |args: &[&str]| run(&[&missing, args].concat()).status.code().unwrap();
    assert_eq!(run(&["--no-such-flag"]).status.code(), Some(64));
    assert!(COMMAND_LINE.section("Commands").contains("A wrong command line exits with 64."));
    assert_eq!(with_config(&[]), 1);
    assert!(statuses("scm-backup-exporter").contains(&1));
    assert_eq!(with_config(&["check"]), 1);
    assert_eq!(statuses("scm-backup-exporter check"), BTreeSet::from([0, 1]));
    assert_eq!(with_config(&["check", "--live"]), 1);
    assert_eq!(statuses("scm-backup-exporter check --live"), BTreeSet::from([0, 1]));
    assert_eq!(with_config(&["authorized-key", "SDU"]), 1);
    assert_eq!(statuses("scm-backup-exporter authorized-key NODE"), BTreeSet::from([0, 1]));
    assert_eq!(with_config(&["probe"]), 3);
    // The integration tests meet all four; here help and the manual are held together.
    assert_eq!(statuses("scm-backup-exporter probe [HUB [NODE]]"), BTreeSet::from([0, 1, 2, 3]));
    let help = String::from_utf8(run(&["help", "probe"]).stdout).unwrap();
    let row = table(COMMAND_LINE.section("Commands"), "command")
        .into_iter()
        .find(|row| row[0].contains("probe [HUB"))
        .unwrap();
    assert!(help.contains(&format!("exit {}", row[2])), "{help}");
}

#[test]
fn manual_page_and_completions_are_printed() {
    let page = run(&["man"]);
    assert!(page.status.success());
    let page = String::from_utf8(page.stdout).unwrap();
    assert!(page.contains(".TH scm-backup-exporter 1") && page.contains("web.listen"), "{page}");
    let rows = table(COMMAND_LINE.section("Commands"), "command");
    let row = rows.iter().find(|row| row[0].contains("completions")).unwrap();
    let (_, shells) = row[1].split_once(": ").unwrap();
    let shells: BTreeSet<_> = shells.split(", ").flat_map(|words| words.split(" or ")).collect();
    let known = built();
    let completions = known.find_subcommand("completions").unwrap();
    let possible = completions.get_positionals().next().unwrap().get_possible_values();
    assert_same(&shells, &possible.iter().map(clap::builder::PossibleValue::get_name).collect());
    for shell in shells {
        let script = run(&["completions", shell]);
        assert!(script.status.success() && !script.stdout.is_empty(), "{shell}");
    }
}

#[test]
fn table_of_endpoints_is_what_the_server_knows() {
    let rows = table(COMMAND_LINE.section("HTTP endpoints"), "endpoint");
    let documented: BTreeSet<_> =
        rows.iter().flat_map(|row| code_words(&row[0])).map(|word| word.split('?').next().unwrap()).collect();
    // The tables of routes and of assets; the path of the metrics is a flag's default.
    let routes = include_str!("../../src/http/routes.rs").split("Path::Is(\"").skip(1);
    let assets = include_str!("../../src/http/assets.rs").split("\n    (\"").skip(1);
    let known = routes.chain(assets).map(|after| after.split('"').next().unwrap());
    // Below these there is a page or a plot for each name.
    let below = [("/hub/", "/hub/ZZ"), ("/plot/", "/plot/ZZ/SDU/svn/main.svg")];
    assert_eq!(below.map(|(start, _)| start), [address::HUBS, address::PLOTS]);
    let below = below.map(|(_, example)| example);
    assert_same(&documented, &known.chain(["/metrics"]).chain(below).collect());
}

/// A word that is defined nowhere: what stands in [HUB] is a node, and is known by its name.
#[test]
fn neither_help_nor_documents_speak_of_tags() {
    let mut command = built();
    let mut texts: Vec<_> = PAGES.iter().map(|page| (page.path.to_owned(), page.text.to_owned())).collect();
    for one in command.get_subcommands_mut() {
        texts.push((one.get_name().to_owned(), one.render_long_help().to_string()));
    }
    assert!(texts.len() > PAGES.len() + 5);
    for (name, text) in texts {
        let word = text.split(|c: char| !c.is_alphanumeric()).find(|word| ["tag", "tags"].contains(word));
        assert_eq!(word, None, "{name}:\n{text}");
    }
}
