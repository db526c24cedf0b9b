//! `probe`: probes once and prints the result as tables, JSON or metrics.

use std::io::{self, IsTerminal as _};
use std::path::PathBuf;
use std::process::ExitCode;

use jiff::Timestamp;

use super::probe_once::probe_once;
use super::{Output, names};
use crate::inventory::Inventory;
use crate::metrics::{self, Exposition, Format};
use crate::probe::{Scope, Snapshot};
use crate::table::{self, State, Terminal};

/// Exit status if nothing could be probed.
const COULD_NOT_LOOK: u8 = 3;

/// Probes the selected targets and prints the result.
pub(super) fn run(files: &[PathBuf], hub: Option<String>, node: Option<String>, output: Output) -> ExitCode {
    let inventory = match super::load(files) {
        Ok(loaded) => loaded.inventory,
        Err(faults) => {
            return super::unusable(files, &faults, COULD_NOT_LOOK);
        }
    };
    let scope = match scope(&inventory, hub, node) {
        Ok(scope) => scope,
        Err(error) => return super::fail(error, super::USAGE),
    };
    let snapshot = match probe_once(inventory, &scope) {
        Ok(snapshot) => snapshot,
        Err(error) => return super::fail(error, COULD_NOT_LOOK),
    };
    let now = Timestamp::now();
    let overview = table::overview(&snapshot, now);
    let text = match output {
        Output::Table => Ok(table::text(&overview, terminal())),
        Output::Json => table::json(&overview).map(|json| json + "\n").map_err(|error| error.to_string()),
        Output::Openmetrics => exposition(snapshot, now, Format::OpenMetrics),
        Output::Prometheus => exposition(snapshot, now, Format::Text),
    };
    match text {
        Ok(text) => {
            // The exit status of a failed write would mean a warning.
            let is_printed = super::print(text.as_bytes()) == ExitCode::SUCCESS;
            ExitCode::from(if is_printed { status(overview.state) } else { COULD_NOT_LOOK })
        }
        Err(error) => super::fail(error, COULD_NOT_LOOK),
    }
}

fn scope(inventory: &Inventory, hub: Option<String>, node: Option<String>) -> Result<Scope, String> {
    let Some(hub) = hub else { return Ok(Scope::All) };
    let Some(known) = inventory.hubs.get(&hub) else { return Err(names::no_hub(inventory, &hub)) };
    match node {
        None => Ok(Scope::Hub(hub)),
        Some(node) if known.targets.contains_key(&node) => Ok(Scope::Node(hub, node)),
        Some(node) => Err(names::no_node_of_hub(known, &node)),
    }
}

/// Colour and width of standard output, with respect to `NO_COLOR` and `CLICOLOR_FORCE`.
fn terminal() -> Terminal {
    let colour = anstream::AutoStream::choice(&io::stdout()) != anstream::ColorChoice::Never;
    let width = if io::stdout().is_terminal() { terminal_width() } else { None };
    Terminal { colour, width }
}

fn terminal_width() -> Option<u16> {
    let size = rustix::termios::tcgetwinsize(io::stdout()).ok()?;
    (size.ws_col > 0).then_some(size.ws_col)
}

fn exposition(snapshot: Snapshot, now: Timestamp, format: Format) -> Result<String, String> {
    metrics::encode(Exposition { now, snapshot, exporter: None }, format)
        .map_err(|_| "cannot encode the metrics".to_owned())
}

fn status(state: State) -> u8 {
    match state {
        State::Ok => 0,
        State::Warn => 1,
        State::Alarm => 2,
        State::Unseen => COULD_NOT_LOOK,
    }
}
