//! Lanes limit the number of concurrent logins and listings.
//!
//! Targets that hang must not delay the others. So each kind of target waits in its own lane, and gives its place back when
//! nothing happens for some time.

use std::future::Future;
use std::pin::pin;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, sleep, sleep_until};

/// How long a login may keep its place. A login takes a tenth of a second of work, on a busy machine with all places taken
/// hardly two seconds; a longer one waits for the other side.
pub(super) const LOGIN_LOAN: Duration = Duration::from_secs(2);

/// How long a listing may print nothing and keep its place.
pub(super) const SILENCE: Duration = Duration::from_secs(2);

/// The lane that a target waits in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// It answered last time.
    Proven,
    /// It was never tried.
    Untried,
    /// It did not answer last time, or not within its time.
    Failing,
}

/// A number of places for each [`Lane`].
#[derive(Debug)]
pub(super) struct Lanes {
    proven: Semaphore,
    untried: Semaphore,
    failing: Semaphore,
    sizes: [u32; 3],
}

/// Places in use, released when dropped.
pub(super) type Places<'a> = Vec<SemaphorePermit<'a>>;

impl Lanes {
    /// Creates lanes with these numbers of places (at least one each) for the proven, the untried and the failing.
    pub(super) fn new(sizes: [usize; 3]) -> Self {
        let sizes =
            sizes.map(|size| u32::try_from(size.clamp(1, Semaphore::MAX_PERMITS)).unwrap_or(u32::MAX));
        let [proven, untried, failing] = sizes.map(|size| Semaphore::new(size as usize));
        Self { proven, untried, failing, sizes }
    }

    /// Waits for a place; `None` if the lanes are closed.
    pub(super) async fn enter(&self, lane: Lane) -> Option<Places<'_>> {
        let lane = match lane {
            Lane::Proven => &self.proven,
            Lane::Untried => &self.untried,
            Lane::Failing => &self.failing,
        };
        Some(vec![lane.acquire().await.ok()?])
    }

    /// Waits for all places.
    pub(super) async fn enter_alone(&self) -> Option<Places<'_>> {
        let mut places = Vec::new();
        // Always in this order, which avoids a deadlock.
        for (lane, size) in [&self.proven, &self.untried, &self.failing].into_iter().zip(self.sizes) {
            places.push(lane.acquire_many(size).await.ok()?);
        }
        Some(places)
    }

    /// Exchanges places for one of the failing, as soon as that is free.
    pub(super) async fn move_aside<'a>(&'a self, places: &mut Places<'a>) {
        if let Ok(place) = self.failing.acquire().await {
            *places = vec![place];
        }
    }
}

/// When something was last heard of a listing.
#[derive(Debug)]
pub(super) struct Heard(Mutex<Instant>);

impl Heard {
    /// It begins now.
    pub(super) fn new() -> Self {
        Self(Mutex::new(Instant::now()))
    }

    /// It has printed something.
    pub(super) fn note(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    fn last(&self) -> Instant {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Does the work, and gives the place back when it ends or after `loan`.
pub(super) async fn lent<T>(place: Places<'_>, loan: Duration, work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    tokio::select! {
        done = &mut work => return done,
        () = sleep(loan) => drop(place),
    }
    work.await
}

/// Does the work, and gives the place back when it ends or is not heard of for as long as `silence`. In that case `then` is
/// done beside it.
pub(super) async fn lent_while_heard<T>(
    place: Places<'_>,
    silence: Duration,
    heard: &Heard,
    then: impl Future<Output = ()>,
    work: impl Future<Output = T>,
) -> T {
    let mut work = pin!(work);
    let mut last = heard.last();
    loop {
        tokio::select! {
            done = &mut work => return done,
            () = sleep_until(last + silence) => {}
        }
        let before = std::mem::replace(&mut last, heard.last());
        if before == last {
            break;
        }
    }
    drop(place);
    tokio::select! {
        done = &mut work => return done,
        () = then => {}
    }
    work.await
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test")]
mod tests {
    use std::future::pending;

    use tokio::time::{Instant, timeout};

    use super::*;

    /// Whether a place becomes free within the time.
    async fn finds_place(lanes: &Lanes, lane: Lane, within: Duration) -> bool {
        timeout(within, lanes.enter(lane)).await.is_ok()
    }

    #[tokio::test(start_paused = true)]
    async fn one_kind_waits_for_no_other() {
        let lanes = Lanes::new([1, 1, 0]);
        let _failing = lanes.enter(Lane::Failing).await.unwrap();
        let _untried = lanes.enter(Lane::Untried).await.unwrap();
        assert!(finds_place(&lanes, Lane::Proven, Duration::ZERO).await);
        assert!(!finds_place(&lanes, Lane::Failing, Duration::from_secs(3600)).await);
    }

    #[tokio::test(start_paused = true)]
    async fn place_of_a_login_that_hangs_goes_to_the_next() {
        let lanes = Lanes::new([1; 3]);
        let place = lanes.enter(Lane::Untried).await.unwrap();
        let begun = Instant::now();
        let hangs = lent(place, LOGIN_LOAN, pending::<()>());
        tokio::select! {
            () = hangs => unreachable!("it hangs"),
            next = lanes.enter(Lane::Untried) => assert!(next.is_some()),
        }
        assert_eq!(begun.elapsed().as_secs(), LOGIN_LOAN.as_secs());
    }

    #[tokio::test(start_paused = true)]
    async fn listing_keeps_its_place_while_it_prints_and_no_longer() {
        let lanes = Lanes::new([1; 3]);
        let place = lanes.enter(Lane::Proven).await.unwrap();
        let begun = Instant::now();
        let heard = Heard::new();
        let work = async {
            for _ in 0..10 {
                sleep(SILENCE / 2).await;
                heard.note();
            }
            pending::<()>().await;
        };
        tokio::select! {
            () = lent_while_heard(place, SILENCE, &heard, pending(), work) => unreachable!("it hangs"),
            next = lanes.enter(Lane::Proven) => assert!(next.is_some()),
        }
        assert_eq!(begun.elapsed().as_secs(), (SILENCE * 6).as_secs());
    }

    #[tokio::test(start_paused = true)]
    async fn listing_that_hangs_moves_aside_where_there_is_room() {
        for room in [true, false] {
            let (of_all, lanes) = (Lanes::new([1; 3]), Lanes::new([1; 3]));
            let _taken = if room { None } else { lanes.enter(Lane::Failing).await };
            let place = of_all.enter(Lane::Proven).await.unwrap();
            let mut turn = lanes.enter(Lane::Proven).await.unwrap();
            let aside = lanes.move_aside(&mut turn);
            let heard = Heard::new();
            let hangs = lent_while_heard(place, SILENCE, &heard, aside, pending::<()>());
            tokio::select! {
                () = hangs => unreachable!("it hangs"),
                found = finds_place(&lanes, Lane::Proven, SILENCE * 2) => assert_eq!(found, room),
            }
        }
    }
}
