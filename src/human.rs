//! Formats sizes, numbers and durations for people.

use std::fmt;
use std::time::Duration;

use jiff::SignedDuration;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// Bytes to three figures in binary units: `1.07 GiB`, `184 MiB`, `512 B`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bytes(pub u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
        if self.0 < 1024 {
            return f.pad(&format!("{} B", self.0));
        }
        let mut value = self.0 as f64 / 1024.0;
        let mut unit = 0;
        // A value that would round up to 1024 belongs to the next unit.
        while value >= 1023.5 && unit + 1 < UNITS.len() {
            value /= 1024.0;
            unit += 1;
        }
        let places = match value {
            v if v < 9.995 => 2,
            v if v < 99.95 => 1,
            _ => 0,
        };
        f.pad(&format!("{value:.places$} {}", UNITS[unit]))
    }
}

/// How much a size has changed, given as the new one over the old one, in per cent: `+2.5%`, `-75.0%`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Change(pub(crate) f64);

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{:+.1}%", (self.0 - 1.0) * 100.0))
    }
}

/// A number of things in words: `1 repo`, `2 repos`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counted<'a>(pub u64, pub &'a str);

impl fmt::Display for Counted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(number, noun) = self;
        match (number, noun.strip_suffix('y')) {
            (1, _) => write!(f, "1 {noun}"),
            (number, Some(stem)) => write!(f, "{number} {stem}ies"),
            (number, None) => write!(f, "{number} {noun}s"),
        }
    }
}

/// A number of directories or files: `1 directory or file`, `2 directories or files`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Places(pub u64);

impl fmt::Display for Places {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            1 => f.write_str("1 directory or file"),
            number => write!(f, "{number} directories or files"),
        }
    }
}

/// An age in its two largest units: `3d 4h`, `26h 5m`, `40s`.
///
/// Below two days it counts hours only, so that an age has the same unit as a limit of `26h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Age(pub SignedDuration);

impl fmt::Display for Age {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs().unsigned_abs();
        let ((large, large_unit), (small, small_unit)) = match seconds {
            s if s >= 2 * DAY => ((s / DAY, "d"), (s % DAY / HOUR, "h")),
            s if s >= HOUR => ((s / HOUR, "h"), (s % HOUR / MINUTE, "m")),
            s if s >= MINUTE => ((s / MINUTE, "m"), (s % MINUTE, "s")),
            s => ((s, "s"), (0, "")),
        };
        let sign = if self.0.as_secs() < 0 { "-" } else { "" };
        match small {
            0 => f.pad(&format!("{sign}{large}{large_unit}")),
            _ => f.pad(&format!("{sign}{large}{large_unit} {small}{small_unit}")),
        }
    }
}

/// How long something took: `12.3 ms`, `1530.0 ms`, `12.5 s`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Took(pub(crate) Duration);

impl fmt::Display for Took {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_secs_f64() {
            seconds if seconds >= 10.0 => f.pad(&format!("{seconds:.1} s")),
            seconds => f.pad(&format!("{:.1} ms", seconds * 1e3)),
        }
    }
}

/// A limit, as somebody would write it in the configuration: `26h`, `7d`, `90m`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limit(pub Duration);

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        if self.0.subsec_nanos() != 0 {
            return f.pad(&format!("{}s", self.0.as_secs_f64()));
        }
        for (unit, letter) in [(DAY, "d"), (HOUR, "h"), (MINUTE, "m")] {
            if seconds >= unit && seconds.is_multiple_of(unit) {
                return f.pad(&format!("{}{letter}", seconds / unit));
            }
        }
        f.pad(&format!("{seconds}s"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noun_agrees_with_its_number() {
        let counted = |number, noun| Counted(number, noun).to_string();
        assert_eq!(counted(0, "repo"), "0 repos");
        assert_eq!(counted(1, "repo"), "1 repo");
        assert_eq!(counted(2, "directory"), "2 directories");
        assert_eq!(Places(1).to_string(), "1 directory or file");
        assert_eq!(Places(2).to_string(), "2 directories or files");
    }

    #[test]
    fn changes_have_a_sign_and_a_tenth_of_a_per_cent() {
        assert_eq!(Change(1.025).to_string(), "+2.5%");
        assert_eq!(Change(0.25).to_string(), "-75.0%");
        assert_eq!(Change(1.0).to_string(), "+0.0%");
    }

    #[test]
    fn bytes_have_three_figures_and_never_read_1024() {
        let of = |bytes| Bytes(bytes).to_string();
        assert_eq!(of(0), "0 B");
        assert_eq!(of(1023), "1023 B");
        assert_eq!(of(1024), "1.00 KiB");
        assert_eq!(of(1_147_682_816), "1.07 GiB");
        assert_eq!(of(1_529_629_254), "1.42 GiB");
        assert_eq!(of(184 << 20), "184 MiB");
        assert_eq!(of((1 << 20) - 1), "1.00 MiB");
        assert_eq!(of((10 << 20) - 1), "10.0 MiB");
        assert_eq!(of(u64::MAX), "16.0 EiB");
    }

    #[test]
    fn ages_count_hours_until_two_days() {
        let of = |seconds| Age(SignedDuration::from_secs(seconds)).to_string();
        assert_eq!(of(0), "0s");
        assert_eq!(of(40), "40s");
        assert_eq!(of(61), "1m 1s");
        assert_eq!(of(2 * 3600), "2h");
        assert_eq!(of(26 * 3600 + 300), "26h 5m");
        assert_eq!(of(48 * 3600), "2d");
        assert_eq!(of(76 * 3600 + 59), "3d 4h");
        assert_eq!(of(-3 * 3600), "-3h");
    }

    #[test]
    fn times_taken_are_in_milliseconds_up_to_ten_seconds() {
        let of = |milliseconds| Took(Duration::from_millis(milliseconds)).to_string();
        assert_eq!(of(0), "0.0 ms");
        assert_eq!(Took(Duration::from_micros(12_340)).to_string(), "12.3 ms");
        assert_eq!(of(1530), "1530.0 ms");
        assert_eq!(of(12_500), "12.5 s");
    }

    #[test]
    fn limits_read_as_they_are_written() {
        let of = |seconds| Limit(Duration::from_secs(seconds)).to_string();
        assert_eq!(of(26 * 3600), "26h");
        assert_eq!(of(7 * 86400), "7d");
        assert_eq!(of(5400), "90m");
        assert_eq!(of(61), "61s");
        assert_eq!(of(0), "0s");
        assert_eq!(Limit(Duration::from_millis(1500)).to_string(), "1.5s");
    }
}
