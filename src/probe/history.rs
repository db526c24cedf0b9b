//! The last probes of a target, for a person who wants to know since when it is so.

use std::collections::VecDeque;

use super::Attempt;

/// How many of the last probes are kept, and how many failures from before them.
const KEPT: usize = 50;

/// The last fifty probes, and the last fifty failures from before those: failures are what is looked for later.
#[derive(Debug, Clone, Default)]
pub struct History {
    /// The oldest first.
    last: VecDeque<Attempt>,
    /// The oldest first; all before those in `last`.
    failures_before: VecDeque<Attempt>,
}

impl History {
    /// Adds the probe that ended last.
    pub(super) fn push(&mut self, attempt: Attempt) {
        if self.last.len() == KEPT
            && let Some(oldest) = self.last.pop_front()
            && oldest.failure.is_some()
        {
            if self.failures_before.len() == KEPT {
                self.failures_before.pop_front();
            }
            self.failures_before.push_back(oldest);
        }
        self.last.push_back(attempt);
    }

    /// What is kept, the newest first.
    pub fn newest_first(&self) -> impl Iterator<Item = &Attempt> {
        self.last.iter().rev().chain(self.failures_before.iter().rev())
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::probe::failure::Cause;
    use crate::probe::ssh::Phases;

    /// A history of so many probes, one a second, of which those that `fails` says failed.
    fn history(probes: i64, fails: impl Fn(i64) -> bool) -> Vec<(i64, bool)> {
        let mut history = History::default();
        for second in 0..probes {
            history.push(Attempt {
                ended: Timestamp::from_second(second).unwrap_or_default(),
                failure: fails(second).then_some(Cause::ConnectionLost),
                phases: Phases::default(),
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
