//! The exposition: the targets' states as metrics.
//!
//! An [`Exposition`] holds everything that it says, taken after the probes; encoding it waits for nothing and always
//! gives the same bytes for the same values. A value that is not known has no series.
//! This is the only place that knows `prometheus-client`.

mod exporter;
mod families;
mod nodes;
mod text;

use std::fmt;

use jiff::Timestamp;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::registry::Registry;

pub use self::exporter::{Exporter, ProcessUsage, Reload};
use crate::probe::Snapshot;

/// All data of an exposition.
#[derive(Debug, Clone)]
pub struct Exposition {
    /// The time of the scrape: ages are taken at it.
    pub now: Timestamp,
    /// The targets; none where they are not asked for.
    pub snapshot: Snapshot,
    /// The exporter's own state, where it is asked for.
    pub exporter: Option<Exporter>,
}

/// The formats an exposition can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// OpenMetrics 1.0.
    OpenMetrics,
    /// The Prometheus text format 0.0.4.
    Text,
}

impl Format {
    /// The value of the Content-Type header.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
        }
    }
}

/// The text of an exposition.
pub fn encode(exposition: Exposition, format: Format) -> Result<String, fmt::Error> {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Whole(exposition)));
    let mut body = String::new();
    prometheus_client::encoding::text::encode(&mut body, &registry)?;
    Ok(match format {
        Format::OpenMetrics => body,
        Format::Text => text::from_open_metrics(&body),
    })
}

/// The one collector: it encodes an exposition in its sorted order, as a hash map of metrics could not.
#[derive(Debug)]
struct Whole(Exposition);

impl Collector for Whole {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        nodes::encode(&self.0, &mut encoder)?;
        match &self.0.exporter {
            Some(exporter) => exporter.encode(&mut encoder),
            None => Ok(()),
        }
    }
}
