//! The command line program.

use std::process::ExitCode;

use clap::Parser as _;
use scm_backup_exporter::command::{self, Cli};
use scm_backup_exporter::probe::ssh::guard;

fn main() -> ExitCode {
    // The guard comes before everything: it only becomes ssh.
    let mut args = std::env::args_os().skip(1);
    if args.next().is_some_and(|first| first == guard::SUBCOMMAND) {
        return command::ssh_master(args);
    }
    match Cli::try_parse() {
        Ok(cli) => command::run(cli),
        Err(error) => command::usage(&error),
    }
}
