//! One look at a target: run the script on the node, read what it prints as it streams, sum it up.

use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;

use super::failure::{Failure, Reason};
use super::ssh::{Job, Phases, Ran, Sessions};
use crate::human::Places;
use crate::inventory::Target;
use crate::listing::{FailCode, ListingError, Parser, Record, Request};
use crate::report::{Builder, Report};

/// What one look found out.
#[derive(Debug)]
pub(super) struct Look {
    pub(super) phases: Phases,
    /// A report, unless there is nothing to be believed.
    pub(super) report: Option<Report>,
    /// Why the listing is not complete. Beside a report: parts of the tree could not be read.
    pub(super) failure: Option<Failure>,
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

/// Looks at a target once.
pub(super) async fn look(sessions: &Sessions, target: &Arc<Target>) -> Look {
    let nonce = match getrandom::u64() {
        Ok(number) => format!("{number:016x}"),
        Err(error) => {
            let failure = Failure::new(Reason::Internal, format!("no randomness from the system: {error}"));
            return Look { phases: Phases::default(), report: None, failure: Some(failure) };
        }
    };
    let request = request(target);
    let input = request.script();
    let command = request.command(&target.connection.shell, &nonce);
    let reading = Arc::new(Mutex::new(None));
    let job = Job { command: &command, input: &input, limit: target.probe_timeout };
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
                    let failure = (report.unreadable > 0).then(|| {
                        let detail = format!(
                            "{} below {} cannot be read, so the listing is not complete",
                            Places(report.unreadable),
                            report.root
                        );
                        Failure::new(Reason::Permission, detail)
                    });
                    Look { phases, report: Some(report), failure }
                }
                Err(error) => Look { phases, report: None, failure: Some(explain(&error, &ran, target)) },
            }
        }
        (Err(failure), _) => Look { phases, report: None, failure: Some(failure) },
        (Ok(_), None) => Look {
            phases,
            report: None,
            failure: Some(Failure::new(Reason::Internal, "the listing was never read")),
        },
    }
}

/// A listing that cannot be believed, with what else the node said about it.
fn explain(error: &ListingError, ran: &Ran, target: &Target) -> Failure {
    let reason = match error {
        ListingError::Refused(code) => match code {
            FailCode::RootVarUnset
            | FailCode::RootMissing
            | FailCode::RootNotAbsolute
            | FailCode::BadRoot => Reason::RootMissing,
            FailCode::RootDenied => Reason::Permission,
            FailCode::RootNotAllowed => Reason::Auth,
            FailCode::NoLister | FailCode::NoAwk => Reason::RemoteCommand,
        },
        ListingError::RemoteTool { .. } => Reason::RemoteCommand,
        ListingError::OutOfTime => Reason::Timeout,
        _ => Reason::Protocol,
    };
    if reason != Reason::Protocol {
        return Failure::new(reason, error.to_string());
    }
    // These say that the shell named in the command is not there, or cannot be run.
    let missing_shell = ran.status.filter(|status| matches!(status, 126 | 127));
    let (reason, mut detail) = match missing_shell {
        Some(_) => {
            (Reason::RemoteCommand, format!("the node cannot run the shell {}", target.connection.shell))
        }
        None => (reason, error.to_string()),
    };
    if let Some(status) = ran.status.filter(|status| *status != 0) {
        detail.push_str(&format!("; exit status {status}"));
    }
    if let Some(words) = ran.stderr.lines().map(str::trim).rfind(|line| !line.is_empty()) {
        detail.push_str(&format!("; its last words: {words}"));
    }
    Failure::new(reason, detail)
}

fn log_stderr(target: &Target, ran: &Ran) {
    for line in ran.stderr.lines().filter(|line| !line.trim().is_empty()) {
        let mut words = String::new();
        crate::inventory::escape_into(&mut words, line.trim().as_bytes());
        if target.connection.verbose {
            tracing::info!(hub = target.hub, node = target.node, "the node says: {words}");
        } else {
            tracing::debug!(hub = target.hub, node = target.node, "the node says: {words}");
        }
    }
}
