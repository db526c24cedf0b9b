//! `make demo`: the whole pipeline on this machine, to look at and to break.

use std::env;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, bail};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use testbed::Result;
use testbed::demo::{self, Demo, Pace, Ports};
use testbed::tool;

/// How often is looked for mails and signals.
const LOOK: Duration = Duration::from_millis(200);

const USAGE: &str = "usage: demo [--check] [--port N] [--exporter PATH]

  --check          show what Prometheus sees, hold it against what was made, wait for the mail, and end
  --port N         the exporter's port; Prometheus and Alertmanager have the two behind it [default: 10222, of --check any]
  --exporter PATH  the scm-backup-exporter to run, unless it is beside this program";

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("demo: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let (mut check, mut program, mut ports) = (false, None, None);
    let mut arguments = env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--check" => check = true,
            "--exporter" => program = Some(PathBuf::from(arguments.next().context(USAGE)?)),
            "--port" => ports = Some(Ports::from_first(&arguments.next().context(USAGE)?)?),
            "-h" | "--help" => {
                println!("{USAGE}");
                return Ok(());
            }
            _ => bail!("unknown argument {argument}\n{USAGE}"),
        }
    }
    let program = match program {
        Some(path) => path.canonicalize().with_context(|| format!("no exporter at {}", path.display()))?,
        None => env::current_exe()?.with_file_name("scm-backup-exporter"),
    };
    tool::find_only_what_the_demo_installs();
    if check {
        return run_check(ports, &program);
    }
    run_until_signal(ports.map_or_else(|| Ports::from_first(Ports::DEFAULT), Ok)?, &program)
}

fn run_check(ports: Option<Ports>, program: &Path) -> Result<()> {
    let demo = Demo::start_on(ports, program, Pace::CHECK)?;
    let rows = demo.wait_for_rows()?;
    print!("{}", demo::table(&rows));
    demo::check(&rows)?;
    let mail = demo.wait_for_mail()?;
    println!("mail to {}: {}", mail.to.join(", "), mail.subject);
    demo.end()?;
    println!("demo: as it was made");
    Ok(())
}

fn run_until_signal(ports: Ports, program: &Path) -> Result<()> {
    // From here on a signal is kept, so that one that comes early ends in order, too.
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])?;
    println!("starting four nodes, the exporter, Prometheus, Alertmanager and a mail server ...");
    let demo = Demo::start_on(Some(ports), program, Pace::WATCHED)?;
    println!("\n{}", demo.guide());
    println!("An alert waits a second for each of its minutes. Then its mail comes, and is shown here.");
    println!("Ctrl-C ends everything.");
    let mut shown = demo.mails();
    while signals.pending().next().is_none() {
        print!("{}", shown.new_ones()?);
        thread::sleep(LOOK);
    }
    println!("ending ...");
    demo.end()?;
    println!("nothing is left");
    Ok(())
}
