//! Times as a hub's zone shows them.

use std::fmt;

use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone};
use serde::{Serialize, Serializer};

/// A time, and how far the zone in which it is shown is from UTC then. Its `Display` is RFC 3339, and so it stands in JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LocalTime {
    at: Timestamp,
    offset: Offset,
}

impl LocalTime {
    /// A time as it is shown in a zone.
    pub(super) fn new(at: Timestamp, zone: &TimeZone) -> Self {
        Self { at, offset: zone.to_offset(at) }
    }

    /// The time to the minute, without its offset, which stands above it once.
    pub(crate) fn wall_clock(self) -> String {
        self.offset.to_datetime(self.at).strftime("%Y-%m-%d %H:%M").to_string()
    }

    /// The same time in UTC, to the minute.
    pub(crate) fn utc(self) -> String {
        Self { offset: Offset::UTC, ..self }.wall_clock() + " UTC"
    }
}

impl fmt::Display for LocalTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.at.display_with_offset(self.offset))
    }
}

impl Serialize for LocalTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The zone's name, or its offset where it has none.
pub(crate) fn zone_name(zone: &TimeZone, at: Timestamp) -> String {
    zone.iana_name().map_or_else(|| format!("UTC{}", zone.to_offset(at)), str::to_owned)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn same_time_is_shown_in_the_zone_and_in_utc() {
        let zone = TimeZone::get("Asia/Shanghai").unwrap();
        let time = LocalTime::new("2012-11-13T16:00:59.5Z".parse().unwrap(), &zone);
        assert_eq!(time.to_string(), "2012-11-14T00:00:59.5+08:00");
        assert_eq!(time.wall_clock(), "2012-11-14 00:00");
        assert_eq!(time.utc(), "2012-11-13 16:00 UTC");
    }
}
