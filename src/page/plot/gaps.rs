//! Where tarballs are missing: by their own rhythm, since nobody says how often a hub makes them.

/// Seconds.
const HOUR: f64 = 3600.0;
const DAY: f64 = 24.0 * HOUR;

/// A time without tarballs where some were due.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Gap {
    /// The tarball before it, in days.
    pub(super) from: f64,
    /// The tarball after it, or the end of the plot, in days.
    pub(super) to: f64,
    /// How many are missing.
    pub(super) missing: u64,
}

/// The gaps between tarballs made at these times, and from the last to `until`; all in days, sorted.
pub(super) fn gaps(made: &[f64], until: f64) -> Vec<Gap> {
    let Some(last) = made.last() else { return Vec::new() };
    let usual = usual_interval(made);
    let between = made.windows(2).map(|pair| (pair[0], pair[1]));
    let inner = between.filter(|(from, to)| to - from > 1.5 * usual).map(|(from, to)| Gap {
        from,
        to,
        missing: ((to - from) / usual).round() as u64 - 1,
    });
    // The next one is late only when it is half an interval overdue, as between two.
    let behind = until - last;
    let open = (behind > 1.5 * usual).then(|| Gap {
        from: *last,
        to: until,
        missing: ((behind / usual + 0.5).floor() as u64).saturating_sub(1).max(1),
    });
    inner.chain(open).collect()
}

/// The median time from one tarball to the next, in days; a day where there is but one. Where there are two it is no less than
/// the time between them: nobody knows whether one is missing there.
pub(super) fn usual_interval(made: &[f64]) -> f64 {
    let mut intervals: Vec<f64> = made.windows(2).map(|pair| pair[1] - pair[0]).collect();
    // Made again at once, or twice in a night: no rhythm.
    intervals.retain(|interval| *interval > 0.5 * HOUR / DAY);
    if intervals.len() < 2 {
        return intervals.first().map_or(1.0, |interval| interval.max(1.0));
    }
    let middle = intervals.len() / 2;
    *intervals.select_nth_unstable_by(middle, f64::total_cmp).1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nights_in_a_row_have_no_gap() {
        assert_eq!(gaps(&[], 5.0), []);
        assert_eq!(gaps(&[1.1, 2.1, 3.1, 4.2], 4.9), []);
        assert_eq!(gaps(&[1.0], 1.5), []);
    }

    #[test]
    fn missing_night_is_a_gap() {
        assert_eq!(gaps(&[1.0, 2.0, 4.0, 5.0, 6.0], 6.5), [Gap { from: 2.0, to: 4.0, missing: 1 }]);
        let several = gaps(&[1.0, 2.0, 3.0, 7.0, 8.0], 9.0);
        assert_eq!(several, [Gap { from: 3.0, to: 7.0, missing: 3 }]);
    }

    #[test]
    fn nights_since_the_newest_are_a_gap() {
        assert_eq!(gaps(&[1.0, 2.0, 3.0], 15.2), [Gap { from: 3.0, to: 15.2, missing: 11 }]);
        assert_eq!(gaps(&[3.0], 5.0), [Gap { from: 3.0, to: 5.0, missing: 1 }]);
    }

    #[test]
    fn rhythm_is_that_of_the_tarballs() {
        let weekly = [7.0, 14.0, 21.0, 35.0, 42.0];
        assert_eq!(gaps(&weekly, 47.0), [Gap { from: 21.0, to: 35.0, missing: 1 }]);
        assert_eq!(gaps(&[7.0, 14.0], 17.0), []);
        assert_eq!(gaps(&[7.0, 14.0], 28.5), [Gap { from: 14.0, to: 28.5, missing: 1 }]);
        let twice_a_night = [1.0, 1.01, 2.0, 2.01, 3.0, 3.01, 5.0];
        assert_eq!(gaps(&twice_a_night, 5.5).len(), 1);
    }
}
