//! The command line program.

use std::process::ExitCode;

use clap::Parser as _;
use scm_backup_exporter::command::{self, Cli};
use scm_backup_exporter::probe::ssh::{guard, watchdog};

fn main() -> ExitCode {
    // These come before everything: they are no more than small steps between us and ssh.
    let mut args = std::env::args_os().skip(1);
    match args.next() {
        Some(first) if first == guard::SUBCOMMAND => return command::ssh_master(args),
        Some(first) if first == watchdog::SUBCOMMAND => return command::ssh_watchdog(),
        _ => {}
    }
    match Cli::try_parse() {
        Ok(cli) => command::run(cli),
        Err(error) => command::usage(&error),
    }
}
