//! The command line: subcommands, flags and exit statuses.

mod alertmanager_config;
mod authorized_key;
mod check;
mod completions;
mod logging;
mod names;
mod probe;
mod probe_once;
mod serve;

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, CommandFactory as _, Parser, Subcommand, ValueEnum};

use crate::config::{self, ConfigErrors, Loaded};
use crate::exporter::process_env;
use crate::probe::ssh::{trampoline, watchdog};

/// Exit status of a wrong command line, as in sysexits.h; 2 means an alarm.
const USAGE: u8 = 64;

/// Prometheus exporter for off-site backups: checks over SSH the nodes that hold backup tarballs.
///
/// Without a subcommand it serves metrics over HTTP and probes the nodes at each scrape.
#[derive(Debug, Parser)]
#[command(name = "scm-backup-exporter", version, args_conflicts_with_subcommands = false)]
pub struct Cli {
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    serve: serve::Flags,
    #[command(subcommand)]
    command: Option<Command>,
}

/// Flags of every subcommand.
#[derive(Debug, Args)]
struct Common {
    /// Configuration file; repeat to add further files
    #[arg(
        long = "config.file",
        value_name = "FILE",
        global = true,
        default_value = "/etc/scm-backup-exporter/config.ini"
    )]
    config_files: Vec<PathBuf>,
    /// Least severe messages to log, or a filter such as info,hyper=debug; by default info when serving, and error in
    /// subcommands, which print what they found
    #[arg(long = "log.level", value_name = "LEVEL", global = true, value_parser = logging::LogLevelParser)]
    log_level: Option<logging::LogLevel>,
    /// How messages are written on standard error
    #[arg(long = "log.format", value_name = "FORMAT", global = true, value_enum, default_value_t)]
    log_format: logging::LogFormat,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Load the configuration and report every fault and warning
    #[command(after_long_help = config::keys_help())]
    Check {
        /// Also probe every node, and print what was found or what to do
        #[arg(long)]
        live: bool,
    },
    /// Probe once and print the status tables; exit 0 ok, 1 warn, 2 alarm, 3 could not probe
    Probe {
        /// Only this hub
        hub: Option<String>,
        /// Only this node of the hub
        node: Option<String>,
        /// What to print
        #[arg(long, value_enum, default_value_t)]
        output: Output,
    },
    /// Print the line for a node's authorized_keys that allows the probe and nothing else
    AuthorizedKey {
        /// Name of the node, without user and port, as `check` shows it
        node: String,
        /// Public key file; by default the `.pub` file of the node's `key_filename`, or ~/.ssh/id_ed25519.pub
        #[arg(long, value_name = "FILE")]
        public_key: Option<PathBuf>,
    },
    /// Print an Alertmanager configuration that mails each hub's alerts to its `email` addresses
    AlertmanagerConfig(alertmanager_config::Flags),
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page
    Man,
}

/// The output format of `probe`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum Output {
    /// Tables for people
    #[default]
    Table,
    /// JSON
    Json,
    /// Metrics in the OpenMetrics format
    Openmetrics,
    /// Metrics in the Prometheus text format, for promtool and node_exporter's textfile collector
    Prometheus,
}

/// Runs the command line.
pub fn run(cli: Cli) -> ExitCode {
    let usual = if cli.command.is_none() { "info" } else { "error" };
    logging::init(cli.common.log_level.as_ref(), usual, cli.common.log_format);
    let files = cli.common.config_files;
    match cli.command {
        None => serve::run(files, cli.serve),
        Some(Command::Check { live }) => check::run(&files, live),
        Some(Command::Probe { hub, node, output }) => probe::run(&files, hub, node, output),
        Some(Command::AuthorizedKey { node, public_key }) => authorized_key::run(&files, &node, public_key),
        Some(Command::AlertmanagerConfig(flags)) => alertmanager_config::run(&files, flags),
        Some(Command::Completions { shell }) => print(completions::script(shell).as_bytes()),
        Some(Command::Man) => {
            let mut page = Vec::new();
            match clap_mangen::Man::new(Cli::command()).render(&mut page) {
                Ok(()) => print(&page),
                Err(error) => fail(error, 1),
            }
        }
    }
}

/// Explains a wrong command line, or shows the requested help.
pub fn usage(error: &clap::Error) -> ExitCode {
    let _ = error.print();
    if error.use_stderr() { ExitCode::from(USAGE) } else { ExitCode::SUCCESS }
}

/// Becomes an ssh master; see [`trampoline`].
pub fn ssh_master(mut args: impl Iterator<Item = OsString>) -> ExitCode {
    let parent = args.next().and_then(|pid| pid.to_str()?.parse().ok());
    let Some(parent) = parent else {
        return fail("this subcommand is internal to the exporter", USAGE);
    };
    match trampoline::become_ssh(parent, args) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            fail("terminating, ssh is not installed: apt-get install openssh-client", 255)
        }
        Err(error) => fail(format_args!("terminating, cannot become ssh: {error}"), 255),
    }
}

/// Ends the processes that a killed exporter leaves behind; see [`watchdog`].
pub fn ssh_watchdog() -> ExitCode {
    match watchdog::watch() {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// Loads the configuration, or prints its faults.
fn load(files: &[PathBuf]) -> Result<Loaded, ConfigErrors> {
    config::load(files, &process_env)
}

/// Prints the faults of the configuration, and an example if a file is missing.
fn unusable(files: &[PathBuf], faults: &ConfigErrors, status: u8) -> ExitCode {
    let status = fail(format_args!("the configuration has faults\n{faults}"), status);
    say_how_to_begin(files);
    status
}

/// Prints an example configuration if a configuration file is missing.
fn say_how_to_begin(files: &[PathBuf]) {
    if files.iter().any(|file| matches!(file.try_exists(), Ok(false))) {
        say(FIRST_CONFIGURATION);
    }
}

/// The hint for users without a configuration.
const FIRST_CONFIGURATION: &str = "
Give your file with --config.file FILE, or start with a small one such as:

  ; The hubs, and the nodes that store their tarballs. A node is a name that `ssh NODE` accepts.
  [HUB]
  ZZ = SDU

  ; The directory on the node that contains backup/.
  [ENV]
  scm_fold = /data/scm

  ; The hub's host name as it appears in the paths: /data/scm/backup/zz.example.org/...
  [ZZ]
  srvnode = zz.example.org

Then `scm-backup-exporter check --live` shows what the nodes answer.";

/// Prints on standard output. A closed pipe is no error.
fn print(bytes: &[u8]) -> ExitCode {
    let mut out = io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            fail(format_args!("cannot write the output: {error}"), 1)
        }
        _ => ExitCode::SUCCESS,
    }
}

/// Prints an error and returns the exit status.
fn fail(error: impl std::fmt::Display, status: u8) -> ExitCode {
    say(format_args!("error: {error}"));
    ExitCode::from(status)
}

/// Prints a message on standard error. A failed write (full disk, closed pipe) is ignored, where `eprintln` would panic.
fn say(message: impl std::fmt::Display) {
    let _ = writeln!(io::stderr(), "{message}");
}

/// The runtime: a single thread, the process's first, which lives as long as the process. The kernel ties a master to the
/// thread that started it (see [`trampoline`]), so that thread must not end early.
fn runtime() -> io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}
