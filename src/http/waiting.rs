//! Who waits for a password to be checked: few in all, and fewer of each peer, so that one who tries many passwords keeps
//! nobody else waiting.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

/// Logins that wait at once, the one being checked among them.
pub(super) const MOST_WAITING: usize = 16;

/// Logins of one peer that wait at once.
const MOST_OF_A_PEER: usize = 2;

/// The logins that wait, by peer.
#[derive(Debug, Default)]
pub(super) struct Waiting(Mutex<HashMap<IpAddr, usize>>);

/// One of the places; given back when it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    waiting: Arc<Waiting>,
    peer: IpAddr,
}

impl Waiting {
    /// A place for a login of this peer, unless too many wait.
    pub(super) fn enter(self: &Arc<Self>, peer: IpAddr) -> Option<Place> {
        let peer = household(peer);
        let mut places = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let own = places.get(&peer).copied().unwrap_or_default();
        if own >= MOST_OF_A_PEER || places.values().sum::<usize>() >= MOST_WAITING {
            return None;
        }
        places.insert(peer, own + 1);
        Some(Place { waiting: self.clone(), peer })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut places = self.waiting.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = places.get_mut(&self.peer) {
            *own -= 1;
            if *own == 0 {
                places.remove(&self.peer);
            }
        }
    }
}

/// The address that counts for a peer: with IPv6 everybody has 2⁶⁴ of them, which begin alike.
fn household(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn peer_that_tries_many_passwords_leaves_room_for_others() {
        let waiting = Arc::new(Waiting::default());
        let enter = |peer: &str| waiting.enter(peer.parse().unwrap());
        let mut of_one: Vec<_> = (0..40).filter_map(|_| enter("2001:db8::1")).collect();
        assert_eq!(of_one.len(), 2);
        assert!(enter("2001:db8::2:2").is_none(), "of the same network");
        assert!(enter("2001:db8:0:1::1").is_some());
        let of_another = enter("192.0.2.1").unwrap();
        assert!(enter("::ffff:192.0.2.1").is_some(), "its second, which is gone already");
        of_one.pop();
        assert!(enter("2001:db8::1").is_some(), "a place is given back");
        drop(of_another);
        drop(of_one);
        assert!(waiting.0.lock().unwrap().is_empty(), "nothing is kept of those who are gone");
    }

    #[test]
    fn all_together_are_bounded() {
        let waiting = Arc::new(Waiting::default());
        let enter = |n: u8| waiting.enter(IpAddr::from([192, 0, 2, n]));
        let places: Vec<_> = (0..40).filter_map(enter).collect();
        assert_eq!(places.len(), MOST_WAITING);
    }
}
