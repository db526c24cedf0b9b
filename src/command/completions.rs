//! `completions`: prints a script that completes commands, flags, their values and file names.
//!
//! `clap_complete` writes the scripts, but two of them do not work for this program and are corrected here. The
//! integration tests press TAB in the real shells.

use clap::CommandFactory as _;
use clap_complete::Shell;

use super::Cli;

/// The program's name.
const NAME: &str = "scm-backup-exporter";

/// The script for a shell.
pub(super) fn script(shell: Shell) -> String {
    match shell {
        Shell::Bash => bash(),
        Shell::Fish => generated(shell, NAME) + &fish(),
        _ => generated(shell, NAME),
    }
}

fn generated(shell: Shell, name: &str) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), name, &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

/// The generated script writes a hyphen in the program's name in two ways and then finds no subcommand. So it gets a name
/// without a hyphen; only the `complete` lines need the real name.
fn bash() -> String {
    let plain = NAME.replace('-', "_");
    generated(Shell::Bash, &plain)
        .lines()
        .map(|line| match line.strip_suffix(&plain).filter(|_| line.trim_start().starts_with("complete ")) {
            Some(start) => format!("{start}{NAME}\n"),
            None => format!("{line}\n"),
        })
        .collect()
}

/// The generated script finds the subcommand with fish's `argparse`, which rejects flags with a dot in their names, so that
/// nothing is completed. The function here has the same name and replaces it. The values of positional arguments, which
/// the generated script lacks, are added.
fn fish() -> String {
    let mut command = Cli::command();
    command.build();
    let valued: Vec<String> = std::iter::once(&command)
        .chain(command.get_subcommands())
        .flat_map(clap::Command::get_opts)
        .filter_map(|flag| Some(format!("--{}", flag.get_long()?)))
        .collect();
    let (plain, valued) = (NAME.replace('-', "_"), valued.join(" "));
    let mut values = String::new();
    for subcommand in command.get_subcommands() {
        for value in subcommand.get_positionals().flat_map(clap::Arg::get_possible_values) {
            let (subcommand, value) = (subcommand.get_name(), value.get_name());
            let when = format!("__fish_{plain}_using_subcommand {subcommand}");
            values += &format!("complete -c {NAME} -n \"{when}\" -f -a {value}\n");
        }
    }
    format!(
        "
# Prints the subcommand, if there is one yet.
function __fish_{plain}_needs_command
    set -l words (commandline -opc)
    set -e words[1]
    while set -q words[1]
        if contains -- $words[1] {valued}
            # Its value is the next word.
            set -e words[1]
        else if not string match -q -- '-*' $words[1]
            echo $words[1]
            return 1
        end
        set -q words[1]; and set -e words[1]
    end
    return 0
end

{values}"
    )
}
