//! The verdict: what a report means, given the limits and the time.
//!
//! This is the only place that judges. The metrics, the page, the tables and the alert rules show what is
//! decided here.

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Within every limit.
    #[default]
    Ok,
    /// Somebody should look within days.
    Warn,
    /// There is no backup to rely on.
    Alarm,
}
