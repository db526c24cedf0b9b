//! Writing metric families: one descriptor, then a sample for each row that has a value.

use std::fmt;

use prometheus_client::encoding::{
    DescriptorEncoder, EncodeGaugeValue, EncodeLabelSet, GaugeValueEncoder, LabelSetEncoder,
};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;

/// A metric family's descriptor. The unit is appended to the name, as OpenMetrics requires.
#[derive(Debug, Clone, Copy)]
pub(super) struct Family {
    pub(super) name: &'static str,
    pub(super) unit: Option<&'static Unit>,
    pub(super) help: &'static str,
}

/// A sample's value: whole numbers stay whole.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Value {
    Count(u64),
    Whole(i64),
    Real(f64),
}

impl EncodeGaugeValue for Value {
    fn encode(&self, encoder: &mut GaugeValueEncoder<'_>) -> Result<(), fmt::Error> {
        match self {
            Self::Count(value) => value.encode(encoder),
            Self::Whole(value) => value.encode(encoder),
            Self::Real(value) => value.encode(encoder),
        }
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Count(value.into())
    }
}

/// A sample's labels, in the order in which they are written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Labels<'a, const N: usize>(pub(super) [(&'static str, &'a str); N]);

impl<const N: usize> EncodeLabelSet for Labels<'_, N> {
    fn encode(&self, encoder: &mut LabelSetEncoder<'_>) -> Result<(), fmt::Error> {
        for label in self.0 {
            prometheus_client::encoding::EncodeLabel::encode(&label, encoder.encode_label())?;
        }
        Ok(())
    }
}

/// Writes a family of gauges, or nothing if there are no samples.
pub(super) fn gauges<'a, const N: usize>(
    encoder: &mut DescriptorEncoder<'_>,
    family: Family,
    samples: impl IntoIterator<Item = (Labels<'a, N>, Value)>,
) -> Result<(), fmt::Error> {
    let mut samples = samples.into_iter().peekable();
    if samples.peek().is_none() {
        return Ok(());
    }
    let mut metric = encoder.encode_descriptor(family.name, family.help, family.unit, MetricType::Gauge)?;
    for (labels, value) in samples {
        metric.encode_family(&labels)?.encode_gauge(&value)?;
    }
    Ok(())
}

/// Writes a family of one gauge without labels.
pub(super) fn gauge(
    encoder: &mut DescriptorEncoder<'_>,
    family: Family,
    value: Value,
) -> Result<(), fmt::Error> {
    encoder.encode_descriptor(family.name, family.help, family.unit, MetricType::Gauge)?.encode_gauge(&value)
}

/// Writes an info family: constant facts as labels. `_info` is appended to the name.
pub(super) fn infos<'a, const N: usize>(
    encoder: &mut DescriptorEncoder<'_>,
    family: Family,
    samples: impl IntoIterator<Item = Labels<'a, N>>,
) -> Result<(), fmt::Error> {
    let mut samples = samples.into_iter().peekable();
    if samples.peek().is_none() {
        return Ok(());
    }
    let mut metric = encoder.encode_descriptor(family.name, family.help, family.unit, MetricType::Info)?;
    for labels in samples {
        metric.encode_info(&labels)?;
    }
    Ok(())
}
