//! The newest tarballs of a repo as plot points: only stamp and size, in bounded memory.

use super::stamp::Stamp;

/// How many points a repo keeps.
pub const MOST_POINTS: usize = 400;

/// How many points a target keeps; its repos share them.
const MOST_IN_ALL: usize = 400_000;

/// One tarball in a plot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Point {
    stamp: Stamp,
    /// Its size in bytes.
    pub size: u64,
}

impl Point {
    /// When it was made: local time of the hub's zone, as seconds since 1970.
    pub fn made(self) -> i64 {
        self.stamp.wall_seconds()
    }
}

/// How many points each repo may keep, given their number.
pub(super) fn share_of(repos: usize) -> usize {
    (MOST_IN_ALL / repos.max(1)).clamp(2, MOST_POINTS)
}

/// Collects points in any order.
#[derive(Debug, Default)]
pub(super) struct Points(Vec<Point>);

impl Points {
    /// Adds a point. Beyond twice `share` the older half is dropped at once, which makes this cheap.
    pub(super) fn add(&mut self, stamp: Stamp, size: u64, share: usize) {
        if self.0.len() >= 2 * share {
            self.keep_newest(share);
        }
        self.0.push(Point { stamp, size });
    }

    fn keep_newest(&mut self, share: usize) {
        let excess = self.0.len().saturating_sub(share);
        if excess > 0 {
            self.0.select_nth_unstable(excess - 1);
            self.0.drain(..excess);
        }
    }

    /// The newest points, oldest first, without duplicates.
    pub(super) fn newest(mut self, share: usize) -> Box<[Point]> {
        self.0.sort_unstable();
        // A directory that changes during the listing can give a name twice.
        self.0.dedup();
        let excess = self.0.len().saturating_sub(share);
        self.0.drain(..excess);
        self.0.into_boxed_slice()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn stamp(day: usize) -> Stamp {
        let (year, month, day) = (2000 + day / 336, day / 28 % 12 + 1, day % 28 + 1);
        let text = format!("{year}/{month:02}/{day:02}/021023");
        Stamp::parse(text.as_bytes().try_into().unwrap()).unwrap()
    }

    #[test]
    fn newest_are_kept_in_whatever_order_they_come() {
        for step in [1, 1_999, 777] {
            let mut points = Points::default();
            for n in 0..2_000 {
                let day = n * step % 2_000;
                points.add(stamp(day), day as u64, MOST_POINTS);
                assert!(points.0.len() <= 2 * MOST_POINTS);
            }
            let kept = points.newest(MOST_POINTS);
            let sizes: Vec<u64> = kept.iter().map(|point| point.size).collect();
            assert_eq!(sizes, (1_600..2_000).collect::<Vec<_>>(), "in steps of {step}");
            assert_eq!(kept[399].made(), 1_134_353_423, "2005-12-12T02:10:23");
        }
    }

    #[test]
    fn tarball_that_is_listed_twice_is_one_point() {
        let mut points = Points::default();
        points.add(stamp(1), 5, MOST_POINTS);
        points.add(stamp(1), 5, MOST_POINTS);
        assert_eq!(points.newest(MOST_POINTS).len(), 1);
    }

    #[test]
    fn very_many_repos_share_what_one_target_may_keep() {
        assert_eq!([share_of(0), share_of(1), share_of(1_000)], [400; 3]);
        assert_eq!((share_of(10_000), share_of(1_000_000)), (40, 2));
    }
}
