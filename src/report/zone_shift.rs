//! Detects stamps in another time zone than the configured one.
//!
//! The stamp is the time when a backup begins, the file's own time (mtime) the time when it ends. So a tarball's mtime is
//! shortly after its stamp, if the transfer preserves times (`rsync -t`, `scp -p`). A missing or wrong `timezone` moves
//! all stamps by the same number of whole hours (zones at half hours are not detected).
//!
//! - **Stamps ahead of mtimes** have no other cause, so one repo is enough evidence. A large tarball can take long to
//!   write, so a repo that is not ahead by whole hours neither proves nor refutes a shift.
//! - **Mtimes later than the stamps** also result from a transfer that does not preserve times, some hours after each
//!   backup. Only three or more repos that all agree are evidence.

/// How far a difference may be from a whole hour: time to write the tarball, and clock differences.
const TOLERANCE: i64 = 15 * 60;

/// How many repos must agree when mtimes lie after the stamps.
const AGREEING: usize = 3;

/// The greatest difference between two zones' clocks, in hours.
const FARTHEST: i64 = 26;

const HOUR: i64 = 3600;

/// How far the stamp of a repo's newest tarball is ahead of its mtime.
enum Lead {
    /// This many whole hours, possibly 0.
    Hours(i64),
    /// This many seconds, which is not a whole number of hours.
    Odd(i64),
}

/// The whole hours by which stamps are ahead of mtimes; `None` if there is no shift or it is unclear. It takes stamp and
/// mtime (seconds since the epoch) of each repo's newest tarball, and the node's clock.
pub(super) fn whole_hours(newest: impl Iterator<Item = (i64, i64)>, now: i64) -> Option<i32> {
    let leads: Vec<Lead> = newest
        // A time that was never set or is in the future proves nothing.
        .filter(|(_, mtime)| *mtime > 24 * HOUR && *mtime <= now.saturating_add(TOLERANCE))
        .map(|(stamp, mtime)| lead(stamp.saturating_sub(mtime)))
        .collect();
    let shift =
        leads.iter().find_map(|lead| if let Lead::Hours(hours) = lead { Some(*hours) } else { None })?;
    let agrees = |lead: &Lead| match lead {
        Lead::Hours(hours) => *hours == shift,
        Lead::Odd(seconds) => shift > 0 && (TOLERANCE..shift * HOUR).contains(seconds),
    };
    let enough = shift > 0 || (shift < 0 && leads.len() >= AGREEING);
    (enough && leads.iter().all(agrees)).then(|| i32::try_from(shift).ok())?
}

fn lead(seconds: i64) -> Lead {
    let hours = seconds.saturating_add(HOUR / 2).div_euclid(HOUR);
    if hours.abs() <= FARTHEST && (seconds - hours * HOUR).abs() <= TOLERANCE {
        Lead::Hours(hours)
    } else {
        Lead::Odd(seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_352_822_400;

    /// The shift if stamps are ahead of mtimes by these minutes.
    fn shift(minutes: &[i64]) -> Option<i32> {
        let stamp = NOW - 1000 * HOUR;
        whole_hours(minutes.iter().map(|minutes| (stamp, stamp - minutes * 60)), NOW)
    }

    #[test]
    fn stamps_close_to_mtimes_are_no_shift() {
        assert_eq!(shift(&[]), None);
        assert_eq!(shift(&[0, -3, -10]), None);
        assert_eq!(shift(&[-40, -3, -10]), None);
    }

    #[test]
    fn stamps_ahead_of_mtimes_are_a_shift_from_one_repo_on() {
        assert_eq!(shift(&[8 * 60 - 2]), Some(8));
        assert_eq!(shift(&[8 * 60 - 2, 8 * 60 - 10, 8 * 60 + 1]), Some(8));
        assert_eq!(shift(&[8 * 60 - 2, 7 * 60 + 20]), Some(8), "a tarball that took forty minutes to write");
    }

    #[test]
    fn mtimes_later_than_the_stamps_are_a_shift_only_when_three_repos_agree() {
        assert_eq!(shift(&[-7 * 60, -7 * 60 - 5, -7 * 60 - 10]), Some(-7));
        assert_eq!(shift(&[-7 * 60, -7 * 60 - 5]), None);
        assert_eq!(shift(&[-7 * 60, -7 * 60 - 5, -7 * 60 - 25]), None);
    }

    #[test]
    fn repos_that_disagree_are_no_shift() {
        assert_eq!(shift(&[8 * 60, 7 * 60]), None);
        assert_eq!(shift(&[8 * 60, 0]), None);
        assert_eq!(shift(&[8 * 60, -3 * 24 * 60 - 30]), None);
        assert_eq!(shift(&[8 * 60, 9 * 60 - 20]), None);
    }

    #[test]
    fn mtimes_that_make_no_sense_are_passed_over() {
        assert_eq!(
            whole_hours([(NOW, 0), (NOW, NOW + 8 * HOUR), (i64::MAX, i64::MIN)].into_iter(), NOW),
            None
        );
        assert_eq!(whole_hours([(NOW, 0), (NOW, NOW - 8 * HOUR)].into_iter(), NOW), Some(8));
    }

    #[test]
    fn months_are_no_zone() {
        assert_eq!(shift(&[30 * 24 * 60]), None);
        assert_eq!(shift(&[-30 * 24 * 60; 5]), None);
    }
}
