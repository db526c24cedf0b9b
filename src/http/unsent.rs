//! How much of the replies may wait in memory to be read. What a client leaves unread stays there for a minute, and many
//! clients can ask for what a node has inflated.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// So many KiB of replies in all.
const MOST: u32 = 256 << 10;

/// What is left of that.
#[derive(Debug, Clone)]
pub(super) struct Unsent(Arc<Semaphore>);

impl Default for Unsent {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(MOST as usize)))
    }
}

impl Unsent {
    /// Room for a reply of so many bytes, until it is dropped. One that is too large for all of it has it alone.
    pub(super) fn room_for(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        let kib = u32::try_from(bytes.div_ceil(1024)).map_or(MOST, |kib| kib.min(MOST));
        self.0.clone().try_acquire_many_owned(kib).ok()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn replies_together_are_bounded_and_a_single_one_is_not() {
        let unsent = Unsent::default();
        let half = MOST as usize / 2 * 1024;
        let two = [unsent.room_for(half).unwrap(), unsent.room_for(half).unwrap()];
        assert!(unsent.room_for(1).is_none());
        drop(two);
        let _large = unsent.room_for(half * 5).unwrap();
        assert!(unsent.room_for(1).is_none() && unsent.room_for(0).is_some());
    }
}
