//! The command line program.

use std::process::ExitCode;

use clap::Parser as _;
use scm_backup_exporter::command::{self, Cli};
use scm_backup_exporter::probe::ssh::{trampoline, watchdog};

fn main() -> ExitCode {
    // The two internal subcommands come first: they are only small steps between the exporter and ssh.
    let mut args = std::env::args_os().skip(1);
    match args.next() {
        Some(first) if first == trampoline::SUBCOMMAND => return command::ssh_master(args),
        Some(first) if first == watchdog::SUBCOMMAND => return command::ssh_watchdog(),
        _ => {}
    }
    match Cli::try_parse() {
        Ok(cli) => command::run(cli),
        Err(error) => command::usage(&error),
    }
}
