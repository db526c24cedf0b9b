//! The exposition: what is known, as metrics.
//!
//! A [`Snapshot`] is an owned copy of everything one exposition says, taken after the probes; encoding it waits
//! for nothing and always gives the same bytes for the same snapshot. A value that is not known has no series.
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
use crate::inventory::Hub;
use crate::probe::TargetState;

/// Everything one exposition says.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// The time of the scrape: ages are taken at it.
    pub now: Timestamp,
    /// The hubs of the targets.
    pub hubs: Vec<Hub>,
    /// The targets, sorted by hub and node.
    pub target_states: Vec<TargetState>,
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

/// The exposition of a snapshot.
pub fn encode(snapshot: Snapshot, format: Format) -> Result<String, fmt::Error> {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Whole(snapshot)));
    let mut body = String::new();
    prometheus_client::encoding::text::encode(&mut body, &registry)?;
    Ok(match format {
        Format::OpenMetrics => body,
        Format::Text => text::from_open_metrics(&body),
    })
}

/// The one collector: it encodes a snapshot in its sorted order, as a hash map of metrics could not.
#[derive(Debug)]
struct Whole(Snapshot);

impl Collector for Whole {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        nodes::encode(&self.0, &mut encoder)?;
        match &self.0.exporter {
            Some(exporter) => exporter.encode(&mut encoder),
            None => Ok(()),
        }
    }
}
