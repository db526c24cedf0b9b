//! The history of a target's probes, to show since when a problem exists.

use std::collections::VecDeque;

use super::ProbeResult;

/// How many of the last probes are kept, and how many earlier failures.
const KEPT: usize = 50;

/// The last fifty probes, and the last fifty failures before those, because people search for failures.
#[derive(Debug, Clone, Default)]
pub struct History {
    /// Oldest first.
    last: VecDeque<ProbeResult>,
    /// Oldest first; all are earlier than those in `last`.
    failures_before: VecDeque<ProbeResult>,
}

impl History {
    /// Adds the latest probe.
    pub(super) fn push(&mut self, result: ProbeResult) {
        if self.last.len() == KEPT
            && let Some(oldest) = self.last.pop_front()
            && oldest.failure.is_some()
        {
            if self.failures_before.len() == KEPT {
                self.failures_before.pop_front();
            }
            self.failures_before.push_back(oldest);
        }
        self.last.push_back(result);
    }

    /// The stored probes, newest first.
    pub fn newest_first(&self) -> impl Iterator<Item = &ProbeResult> {
        self.last.iter().rev().chain(self.failures_before.iter().rev())
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::probe::failure::Cause;
    use crate::probe::ssh::Timings;

    /// A history of `count` probes, one a second; `fails` selects those that failed.
    fn history(probes: i64, fails: impl Fn(i64) -> bool) -> Vec<(i64, bool)> {
        let mut history = History::default();
        for second in 0..probes {
            history.push(ProbeResult {
                ended: Timestamp::from_second(second).unwrap_or_default(),
                failure: fails(second).then_some(Cause::ConnectionLost),
                timings: Timings::default(),
            });
        }
        history.newest_first().map(|probe| (probe.ended.as_second(), probe.failure.is_some())).collect()
    }

    #[test]
    fn last_fifty_are_kept_with_the_newest_first() {
        assert_eq!(history(0, |_| false), []);
        let kept = history(120, |_| false);
        assert_eq!(kept, (70..120).rev().map(|second| (second, false)).collect::<Vec<_>>());
    }

    #[test]
    fn failures_outlast_successes() {
        let kept = history(200, |second| second % 50 == 3);
        assert_eq!(kept.len(), 53);
        assert_eq!(kept[50..], [(103, true), (53, true), (3, true)]);
    }

    #[test]
    fn node_that_always_fails_does_not_fill_the_memory() {
        let kept = history(1_000, |_| true);
        assert_eq!(kept.len(), 100);
        assert_eq!((kept[0], kept[99]), ((999, true), (900, true)));
    }
}
