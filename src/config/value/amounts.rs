//! Times, counts and ratios.

use std::time::Duration;

use super::{Read, quoted, unfit};

/// The longest duration that can be configured.
const DAY: Duration = Duration::from_secs(24 * 3600);
/// The longest age that can be configured.
const CENTURY: Duration = Duration::from_secs(36_525 * 24 * 3600);

/// A time: `26h`, `7d`, `1.5h`, `90m`, or seconds without a unit.
fn duration(text: &str, most: Duration, most_text: &str) -> Read<Duration> {
    let number = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match text[number.len()..].to_ascii_lowercase().as_str() {
        "ms" => Some(0.001),
        "" | "s" => Some(1.0),
        "m" | "min" => Some(60.0),
        "h" => Some(3600.0),
        "d" => Some(86_400.0),
        "w" => Some(604_800.0),
        _ => None,
    };
    let seconds =
        decimal(number.trim_end()).zip(unit).map(|(number, unit)| number * unit).ok_or_else(|| {
            unfit(text, "is not a time; write it like 26h, 7d, 90m, 10s, or in seconds without a unit")
        })?;
    Duration::try_from_secs_f64(seconds)
        .ok()
        .filter(|duration| *duration <= most)
        .ok_or_else(|| format!("{} is longer than {most_text}; write a shorter time", quoted(text)))
}

/// A decimal number without a sign or an exponent.
fn decimal(text: &str) -> Option<f64> {
    let plain = text.chars().all(|c| c.is_ascii_digit() || c == '.')
        && text.starts_with(|c: char| c.is_ascii_digit());
    text.parse().ok().filter(|number: &f64| plain && number.is_finite())
}

/// A time limit: more than 0, at most a day.
pub(in crate::config) fn wait(text: &str) -> Read<Duration> {
    let duration = duration(text, DAY, "a day")?;
    if duration.is_zero() {
        Err("0 leaves no time at all; write a time like 10s".to_owned())
    } else {
        Ok(duration)
    }
}

/// An interval: from 0 to a day.
pub(in crate::config) fn interval(text: &str) -> Read<Duration> {
    duration(text, DAY, "a day")
}

/// An age limit, or `off`.
pub(in crate::config) fn age(text: &str) -> Read<Option<Duration>> {
    limit(text, |text| {
        let age = duration(text, CENTURY, "a century")?;
        if age.is_zero() {
            Err("0 makes every tarball too old; write a time like 26h, or off".to_owned())
        } else {
            Ok(age)
        }
    })
}

/// A minimum count, or `off`.
pub(in crate::config) fn least(text: &str) -> Read<Option<u64>> {
    limit(text, count)
}

/// A maximum count, or `off`.
pub(in crate::config) fn most(text: &str) -> Read<Option<u64>> {
    limit(text, |text| match count(text)? {
        0 => Err("0 allows no tarball at all; write how many tarballs are allowed, or off".to_owned()),
        most => Ok(most),
    })
}

/// A ratio, or `off`.
pub(in crate::config) fn ratio(text: &str) -> Read<Option<f64>> {
    limit(text, |text| {
        decimal(text)
            .filter(|ratio| *ratio > 0.0 && *ratio <= 1.0)
            .ok_or_else(|| unfit(text, "is not a ratio above 0 and up to 1; write it like 0.8, or off"))
    })
}

fn limit<T>(text: &str, read: impl Fn(&str) -> Read<T>) -> Read<Option<T>> {
    if text.eq_ignore_ascii_case("off") { Ok(None) } else { read(text).map(Some) }
}

fn count(text: &str) -> Read<u64> {
    Some(text)
        .filter(|text| text.chars().all(|c| c.is_ascii_digit()))
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| unfit(text, "is not a count; write a whole number, or off"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_in_every_unit() {
        for (text, millis) in [
            ("26h", 93_600_000),
            ("1.5h", 5_400_000),
            ("90m", 5_400_000),
            ("7d", 604_800_000),
            ("1w", 604_800_000),
            ("2", 2_000),
            ("10 s", 10_000),
            ("250ms", 250),
            ("1H", 3_600_000),
        ] {
            assert_eq!(age(text), Ok(Some(Duration::from_millis(millis))), "{text}");
        }
        assert_eq!((age("off"), interval("0")), (Ok(None), Ok(Duration::ZERO)));
    }

    #[test]
    fn invalid_time_is_refused() {
        let endless = "9".repeat(400);
        for text in [
            "", "h", "-1h", "+1h", "1e3", "inf", "NaN", ".5h", "1.2.3h", "1y", "1h30m", "1 day", "٣h",
            &endless,
        ] {
            assert!(interval(text).is_err(), "{text}");
        }
        assert!(wait("86401").is_err() && wait("1d").is_ok() && wait("0").is_err());
        assert!(age("36526d").is_err() && age("36525d").is_ok());
    }

    #[test]
    fn counts_and_ratios_have_bounds() {
        assert_eq!((least("0"), most("30"), most("OFF")), (Ok(Some(0)), Ok(Some(30)), Ok(None)));
        assert_eq!((ratio("1"), ratio("0.8"), ratio("off")), (Ok(Some(1.0)), Ok(Some(0.8)), Ok(None)));
        for text in ["", "-1", "+1", "1.0", "18446744073709551616"] {
            assert!(least(text).is_err(), "{text}");
        }
        for text in ["0", "1.01", "80%", "-0.5", "nan"] {
            assert!(ratio(text).is_err(), "{text}");
        }
    }
}
