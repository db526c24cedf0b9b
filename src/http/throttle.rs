//! Saying the same again and again, but not each time.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long nothing more is said after something was.
const PAUSE: Duration = Duration::from_secs(60);

/// What happens often and is said at most once a minute.
#[derive(Debug, Default)]
pub(super) struct Throttle(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    said: Option<Instant>,
    unsaid: u64,
}

impl Throttle {
    /// Notes that it happened; gives how often it did so unsaid before, when it is to be said now.
    pub(super) fn note(&self, now: Instant) -> Option<u64> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.said.is_some_and(|said| now.duration_since(said) < PAUSE) {
            state.unsaid += 1;
            return None;
        }
        state.said = Some(now);
        Some(std::mem::take(&mut state.unsaid))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_is_said_and_then_one_a_minute_with_how_many_were_not() {
        let (throttle, start) = (Throttle::default(), Instant::now());
        let after = |millis| throttle.note(start + Duration::from_millis(millis));
        assert_eq!(after(0), Some(0));
        for n in 1..600 {
            assert_eq!(after(n * 100), None, "{n}");
        }
        assert_eq!(after(60_000), Some(599));
        assert_eq!(after(60_100), None);
        assert_eq!(after(180_000), Some(1));
    }
}
