//! One probe of a target: runs the script on the node, parses its output as it streams, and builds the report.

use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use tokio::time::Instant;

use super::failure::{Cause, Ended, Internal, Reason, Words, reason_of_listing};
use super::local_files;
use super::ssh::{CommandOutput, Lane, RemoteCommand, Sessions, Timings};
use crate::inventory::Target;
use crate::listing::{ListingError, Parser, Record, Request};
use crate::report::{Builder, Report};
use crate::workers::Workers;

/// The outcome of one probe.
#[derive(Debug)]
pub(super) struct ProbeOutput {
    pub(super) timings: Timings,
    /// The report, unless the listing cannot be trusted.
    pub(super) report: Option<Report>,
    /// Why the listing is incomplete. Together with a report: parts of the tree could not be read.
    pub(super) failure: Option<Cause>,
}

/// The request for a target's listing.
pub(crate) fn request(target: &Target) -> Request<'_> {
    Request { root: &target.root, time_limit: Some(target.probe_timeout) }
}

/// A listing that is being parsed.
#[derive(Debug)]
struct ListingReader {
    parser: Parser,
    builder: Builder,
    /// The exporter's clock when the listing began.
    begun: Option<Timestamp>,
    error: Option<ListingError>,
}

impl ListingReader {
    fn new(target: &Arc<Target>, nonce: &str) -> Self {
        Self { parser: Parser::new(nonce), builder: Builder::new(target.clone()), begun: None, error: None }
    }

    fn push(&mut self, chunk: &[u8]) -> ControlFlow<()> {
        let Self { parser, builder, begun, .. } = self;
        let pushed = parser.push(chunk, &mut |record: Record<'_>| {
            if let Record::Begin(_) = record {
                *begun = Some(Timestamp::now());
            }
            builder.record(record);
        });
        if let Err(error) = pushed {
            self.error = Some(error);
        }
        if self.error.is_some() || self.parser.is_complete() {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }

    fn finish(self) -> Result<Report, ListingError> {
        if let Some(error) = self.error {
            return Err(error);
        }
        let end = self.parser.finish()?;
        let taken = self.begun.unwrap_or_else(Timestamp::now);
        self.builder.finish(end, taken).ok_or(ListingError::NoBegin { last_words: None })
    }
}

/// Probes a target once, through a session whose login is later than `login_after`.
pub(super) async fn run(
    sessions: &Sessions,
    workers: &Workers,
    target: &Arc<Target>,
    login_after: Option<Instant>,
    lane: Lane,
) -> ProbeOutput {
    let nonce = match getrandom::u64() {
        Ok(number) => format!("{number:016x}"),
        Err(error) => {
            let failure = Cause::Internal(Internal::NoRandomness(Words::new(error.to_string())));
            return ProbeOutput { timings: Timings::default(), report: None, failure: Some(failure) };
        }
    };
    let request = request(target);
    let input = request.script();
    let command = request.command(&target.connection.shell, &nonce);
    let reader = Arc::new(Mutex::new(None));
    let remote =
        RemoteCommand { command: &command, input: &input, limit: target.probe_timeout, login_after, lane };
    let (timings, output) = sessions
        .run(&target.connection, &remote, || {
            *reader.lock().unwrap_or_else(PoisonError::into_inner) = Some(ListingReader::new(target, &nonce));
            let reader = reader.clone();
            move |chunk: &[u8]| match reader.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
                Some(reader) => reader.push(chunk),
                None => ControlFlow::Break(()),
            }
        })
        .await;
    let reader = reader.lock().unwrap_or_else(PoisonError::into_inner).take();
    match (output, reader) {
        (Ok(output), Some(reader)) => {
            log_stderr(target, &output);
            match reader.finish() {
                Ok(report) => {
                    let failure = (report.unreadable > 0)
                        .then(|| Cause::Unreadable { count: report.unreadable, root: report.root.clone() });
                    ProbeOutput { timings, report: Some(report), failure }
                }
                Err(error) => {
                    ProbeOutput { timings, report: None, failure: Some(explain(error, &output, target)) }
                }
            }
        }
        (Err(cause), _) => {
            let cause = local_files::explained(cause, &target.connection, workers).await;
            ProbeOutput { timings, report: None, failure: Some(cause) }
        }
        (Ok(_), None) => {
            ProbeOutput { timings, report: None, failure: Some(Cause::Internal(Internal::NeverRead)) }
        }
    }
}

/// The cause for an invalid listing, with the node's other output.
fn explain(error: ListingError, output: &CommandOutput, target: &Target) -> Cause {
    if reason_of_listing(&error) != Reason::Protocol {
        return Cause::listing(error);
    }
    let last = output.stderr.lines().map(str::trim).rfind(|line| !line.is_empty());
    let ended = Ended { status: output.status, last_words: last.map(Words::new) };
    // These statuses mean that the configured shell is missing or cannot be run.
    if matches!(output.status, Some(126 | 127)) {
        Cause::NoShell { shell: target.connection.shell.clone(), ended }
    } else {
        Cause::Listing { error, ended }
    }
}

fn log_stderr(target: &Target, output: &CommandOutput) {
    for line in output.stderr.lines().filter(|line| !line.trim().is_empty()) {
        let mut words = String::new();
        crate::text::escape_into(&mut words, line.trim().as_bytes());
        if target.connection.verbose {
            tracing::info!(hub = target.hub, node = target.node, "the node says: {words}");
        } else {
            tracing::debug!(hub = target.hub, node = target.node, "the node says: {words}");
        }
    }
}
