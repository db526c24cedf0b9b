//! One look at a target: run the script on the node, read what it prints as it streams, sum it up.

use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use tokio::time::Instant;

use super::failure::{Cause, Ended, Internal, Reason, Words, reason_of_listing};
use super::local_files;
use super::ssh::{Job, Lane, Phases, Ran, Sessions};
use crate::inventory::Target;
use crate::listing::{ListingError, Parser, Record, Request};
use crate::report::{Builder, Report};
use crate::workers::Workers;

/// What one look found out.
#[derive(Debug)]
pub(super) struct Look {
    pub(super) phases: Phases,
    /// A report, unless there is nothing to be believed.
    pub(super) report: Option<Report>,
    /// Why the listing is not complete. Beside a report: parts of the tree could not be read.
    pub(super) failure: Option<Cause>,
}

/// What a target's node is asked to list.
pub(crate) fn request(target: &Target) -> Request<'_> {
    Request { root: &target.root, time_limit: Some(target.probe_timeout) }
}

/// A listing as it is being read.
#[derive(Debug)]
struct Reading {
    parser: Parser,
    builder: Builder,
    /// Our clock when the listing began.
    begun: Option<Timestamp>,
    error: Option<ListingError>,
}

impl Reading {
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

/// Looks at a target once, over no session from before `login_after`.
pub(super) async fn look(
    sessions: &Sessions,
    workers: &Workers,
    target: &Arc<Target>,
    login_after: Option<Instant>,
    lane: Lane,
) -> Look {
    let nonce = match getrandom::u64() {
        Ok(number) => format!("{number:016x}"),
        Err(error) => {
            let failure = Cause::Internal(Internal::NoRandomness(Words::new(error.to_string())));
            return Look { phases: Phases::default(), report: None, failure: Some(failure) };
        }
    };
    let request = request(target);
    let input = request.script();
    let command = request.command(&target.connection.shell, &nonce);
    let reading = Arc::new(Mutex::new(None));
    let job = Job { command: &command, input: &input, limit: target.probe_timeout, login_after, lane };
    let (phases, ran) = sessions
        .run(&target.connection, &job, || {
            *reading.lock().unwrap_or_else(PoisonError::into_inner) = Some(Reading::new(target, &nonce));
            let reading = reading.clone();
            move |chunk: &[u8]| match reading.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
                Some(reading) => reading.push(chunk),
                None => ControlFlow::Break(()),
            }
        })
        .await;
    let reading = reading.lock().unwrap_or_else(PoisonError::into_inner).take();
    match (ran, reading) {
        (Ok(ran), Some(reading)) => {
            log_stderr(target, &ran);
            match reading.finish() {
                Ok(report) => {
                    let failure = (report.unreadable > 0)
                        .then(|| Cause::Unreadable { count: report.unreadable, root: report.root.clone() });
                    Look { phases, report: Some(report), failure }
                }
                Err(error) => Look { phases, report: None, failure: Some(explain(error, &ran, target)) },
            }
        }
        (Err(cause), _) => {
            let cause = local_files::explained(cause, &target.connection, workers).await;
            Look { phases, report: None, failure: Some(cause) }
        }
        (Ok(_), None) => Look { phases, report: None, failure: Some(Cause::Internal(Internal::NeverRead)) },
    }
}

/// A listing that cannot be believed, with what else the node said about it.
fn explain(error: ListingError, ran: &Ran, target: &Target) -> Cause {
    if reason_of_listing(&error) != Reason::Protocol {
        return Cause::listing(error);
    }
    let last = ran.stderr.lines().map(str::trim).rfind(|line| !line.is_empty());
    let ended = Ended { status: ran.status, last_words: last.map(Words::new) };
    // These say that the shell named in the command is not there, or cannot be run.
    if matches!(ran.status, Some(126 | 127)) {
        Cause::NoShell { shell: target.connection.shell.clone(), ended }
    } else {
        Cause::Listing { error, ended }
    }
}

fn log_stderr(target: &Target, ran: &Ran) {
    for line in ran.stderr.lines().filter(|line| !line.trim().is_empty()) {
        let mut words = String::new();
        crate::text::escape_into(&mut words, line.trim().as_bytes());
        if target.connection.verbose {
            tracing::info!(hub = target.hub, node = target.node, "the node says: {words}");
        } else {
            tracing::debug!(hub = target.hub, node = target.node, "the node says: {words}");
        }
    }
}
