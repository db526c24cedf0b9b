//! The stamp in a path: the hub's local time, without an offset.
//!
//! A stamp is stored as local time, packed so that it can be compared; only the few in a report become instants.
//! In the hour that is repeated when summer time ends, the order of two stamps can be wrong by less than that hour.

use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, Timestamp};

use super::path_error::PathError;

/// How far a file's own time may be from one of two possible instants and still decide between them.
const MTIME_DECIDES_WITHIN: SignedDuration = SignedDuration::from_hours(6);

/// A civil time as the decimal digits `YYYYMMDDHHMMSS`, checked against the calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Stamp(u64);

impl Stamp {
    /// Length of `YYYY/MM/DD/HHMMSS`.
    pub(super) const LEN: usize = 17;

    /// Reads `YYYY/MM/DD/HHMMSS`.
    pub(super) fn parse(text: &[u8; Self::LEN]) -> Result<Self, PathError<'_>> {
        if text[4] != b'/' || text[7] != b'/' || text[10] != b'/' {
            return Err(PathError::Layout);
        }
        let number = |from: usize, to: usize| {
            text[from..to].iter().try_fold(0_u64, |sum, byte| match byte {
                b'0'..=b'9' => Ok(sum * 10 + u64::from(byte - b'0')),
                _ => Err(PathError::Layout),
            })
        };
        let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
        let (hour, minute, second) = (number(11, 13)?, number(13, 15)?, number(15, 17)?);
        // Backups are no older than the epoch, and a time zone must not carry an instant past the year 9999.
        if !(1970..=9998).contains(&year) || day == 0 || day > days_in(year, month) {
            return Err(PathError::Day(&text[..10]));
        }
        if hour > 23 || minute > 59 || second > 59 {
            return Err(PathError::Time(&text[11..]));
        }
        let date = (year * 100 + month) * 100 + day;
        Ok(Self(((date * 100 + hour) * 100 + minute) * 100 + second))
    }

    /// The text it was parsed from.
    pub(super) fn to_text(self) -> String {
        let (date, time) = (self.0 / 1_000_000, self.0 % 1_000_000);
        format!("{:04}/{:02}/{:02}/{time:06}", date / 10_000, date / 100 % 100, date % 100)
    }

    /// The local time; [`Stamp::parse`] rules out `None`.
    fn civil(self) -> Option<DateTime> {
        let at = |place: u64, modulus: u64| i8::try_from(self.0 / place % modulus).ok();
        DateTime::new(
            i16::try_from(self.0 / 10_000_000_000).ok()?,
            at(100_000_000, 100)?,
            at(1_000_000, 100)?,
            at(10_000, 100)?,
            at(100, 100)?,
            at(1, 100)?,
            0,
        )
        .ok()
    }

    /// Local time as seconds since 1970, computed without a calendar, because plots need many of them.
    pub(super) fn wall_seconds(self) -> i64 {
        let at = |place: u64, modulus: u64| (self.0 / place % modulus) as i64;
        let (year, month, day) = (at(10_000_000_000, 10_000), at(100_000_000, 100), at(1_000_000, 100));
        // Years from March to February, so that the leap day is the last.
        let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
        let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 719_469;
        ((days * 24 + at(10_000, 100)) * 60 + at(100, 100)) * 60 + at(1, 100)
    }

    /// The instant it stands for in a zone.
    ///
    /// A time that the clock skips in spring is read as if the clock had not moved. A time that occurs twice in
    /// autumn is the candidate nearest to the file's own time (`mtime`, seconds since the epoch), if that is within
    /// six hours of one. Otherwise, as after a copy without times, it is the earlier: a tarball then seems an hour
    /// too old rather than an hour too young.
    pub(super) fn instant(self, zone: &TimeZone, mtime: i64) -> Timestamp {
        let Some(civil) = self.civil() else { return Timestamp::UNIX_EPOCH };
        let ambiguous = zone.to_ambiguous_timestamp(civil);
        let instant = match ambiguous.offset() {
            AmbiguousOffset::Fold { before, after } => before
                .to_timestamp(civil)
                .and_then(|earlier| Ok(nearest(earlier, after.to_timestamp(civil)?, mtime))),
            AmbiguousOffset::Unambiguous { .. } | AmbiguousOffset::Gap { .. } => ambiguous.compatible(),
        };
        instant.unwrap_or(Timestamp::UNIX_EPOCH)
    }
}

fn nearest(earlier: Timestamp, later: Timestamp, mtime: i64) -> Timestamp {
    let Ok(mtime) = Timestamp::from_second(mtime) else { return earlier };
    let distance = |from: Timestamp| mtime.duration_since(from).abs();
    if distance(later) < distance(earlier) && distance(later) <= MTIME_DECIDES_WITHIN {
        later
    } else {
        earlier
    }
}

fn days_in(year: u64, month: u64) -> u64 {
    match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => 29,
        2 => 28,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    fn stamp(text: &str) -> Stamp {
        Stamp::parse(text.as_bytes().try_into().unwrap()).unwrap()
    }

    fn reason(text: &str) -> String {
        Stamp::parse(text.as_bytes().try_into().unwrap()).unwrap_err().to_string()
    }

    /// The instant of a stamp in a zone, for a file written `after` seconds past an instant.
    fn instant(zone: &str, text: &str, mtime: &str) -> String {
        let mtime: Timestamp = mtime.parse().unwrap();
        stamp(text).instant(&TimeZone::get(zone).unwrap(), mtime.as_second()).to_string()
    }

    const LONG_AGO: &str = "2001-01-01T00:00:00Z";

    #[test]
    fn days_and_times_that_do_not_exist_are_named() {
        assert_eq!(reason("2013/02/31/000000"), "no such day 2013/02/31");
        assert_eq!(reason("2013/02/29/000000"), "no such day 2013/02/29");
        assert_eq!(reason("1900/01/01/000000"), "no such day 1900/01/01");
        assert_eq!(reason("2013/13/01/000000"), "no such day 2013/13/01");
        assert_eq!(reason("2013/00/01/000000"), "no such day 2013/00/01");
        assert_eq!(reason("2013/01/00/000000"), "no such day 2013/01/00");
        assert_eq!(reason("2013/01/01/240000"), "no such time 240000");
        assert_eq!(reason("2013/01/01/126000"), "no such time 126000");
        assert_eq!(reason("2013/01/01/120060"), "no such time 120060");
        assert_eq!(reason("2013/01/01/12006x"), PathError::Layout.to_string());
        assert_eq!(reason("2013/01-01/120000"), PathError::Layout.to_string());
        assert_eq!(stamp("2012/02/29/235959").to_text(), "2012/02/29/235959");
        assert_eq!(stamp("2000/02/29/000000").to_text(), "2000/02/29/000000");
    }

    #[test]
    fn stamps_order_as_on_the_wall() {
        assert!(stamp("2012/11/13/161023") < stamp("2012/11/13/161024"));
        assert!(stamp("2012/11/13/235959") < stamp("2012/11/14/000000"));
        assert!(stamp("2012/12/31/235959") < stamp("2013/01/01/000000"));
    }

    #[test]
    fn seconds_on_the_wall_are_those_of_a_calendar() {
        let mut day = jiff::civil::date(1970, 1, 1).at(2, 10, 23, 0);
        while day.year() < 2420 {
            let stamp = stamp(&day.strftime("%Y/%m/%d/%H%M%S").to_string());
            let expected = TimeZone::UTC.to_timestamp(day).unwrap().as_second();
            assert_eq!(stamp.wall_seconds(), expected, "{day}");
            // Every day of some years, and each month of others.
            let step = if day.year() % 100 < 5 { 1 } else { 13 };
            day = day.checked_add(jiff::Span::new().days(step)).unwrap();
        }
        assert_eq!(stamp("9998/12/31/235959").wall_seconds(), 253_370_764_799);
    }

    #[test]
    fn a_zone_without_summer_time_is_a_plain_offset() {
        assert_eq!(instant("Asia/Shanghai", "2012/11/13/161023", LONG_AGO), "2012-11-13T08:10:23Z");
        assert_eq!(instant("Asia/Shanghai", "2012/06/13/161023", LONG_AGO), "2012-06-13T08:10:23Z");
    }

    #[test]
    fn a_stamp_in_the_spring_gap_is_taken_as_if_the_clock_had_not_moved() {
        assert_eq!(instant("Europe/Berlin", "2012/03/25/023000", LONG_AGO), "2012-03-25T01:30:00Z");
        assert_eq!(instant("America/New_York", "2012/03/11/023000", LONG_AGO), "2012-03-11T07:30:00Z");
        // Lord Howe moves by half an hour.
        assert_eq!(instant("Australia/Lord_Howe", "2012/10/07/021500", LONG_AGO), "2012-10-06T15:45:00Z");
    }

    #[test]
    fn a_stamp_in_the_autumn_fold_follows_the_files_own_time() {
        let berlin = |mtime| instant("Europe/Berlin", "2012/10/28/023000", mtime);
        assert_eq!(berlin("2012-10-28T00:31:00Z"), "2012-10-28T00:30:00Z");
        assert_eq!(berlin("2012-10-28T01:31:00Z"), "2012-10-28T01:30:00Z");
        let new_york = |mtime| instant("America/New_York", "2012/11/04/013000", mtime);
        assert_eq!(new_york("2012-11-04T05:35:00Z"), "2012-11-04T05:30:00Z");
        assert_eq!(new_york("2012-11-04T06:35:00Z"), "2012-11-04T06:30:00Z");
        let lord_howe = |mtime| instant("Australia/Lord_Howe", "2012/04/01/014500", mtime);
        assert_eq!(lord_howe("2012-03-31T14:46:00Z"), "2012-03-31T14:45:00Z");
        assert_eq!(lord_howe("2012-03-31T15:16:00Z"), "2012-03-31T15:15:00Z");
    }

    #[test]
    fn a_stamp_in_the_fold_is_the_earlier_when_the_file_was_touched_days_later() {
        let berlin = |mtime| instant("Europe/Berlin", "2012/10/28/023000", mtime);
        assert_eq!(berlin("2012-10-30T00:00:00Z"), "2012-10-28T00:30:00Z");
        assert_eq!(berlin("2012-10-28T07:30:01Z"), "2012-10-28T00:30:00Z");
        assert_eq!(berlin("2012-10-28T07:30:00Z"), "2012-10-28T01:30:00Z");
    }
}
