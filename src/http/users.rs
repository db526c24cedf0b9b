//! Who may come in: HTTP basic authentication against bcrypt hashes.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::net::IpAddr;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::header::HeaderValue;
use ring::{hmac, rand};

use super::throttle::Throttle;
use super::waiting::{MOST_WAITING, Waiting};
use crate::workers::Workers;

/// The longest password in bytes: bcrypt does not look at what comes after them.
const LONGEST_PASSWORD: usize = 72;

/// Users and the hashes of their passwords.
///
/// A hash is slow to check by design, so it is checked off the server's thread, one at a time, and what was right once
/// is recognised by a keyed digest, of which there is at most one for each user. Few may wait for a check.
pub(super) struct Users {
    hashes: Arc<Hashes>,
    /// Makes the digests; it dies with the process.
    key: hmac::Key,
    known: Mutex<HashMap<String, hmac::Tag>>,
    checker: Workers,
    waiting: Arc<Waiting>,
    refused: AtomicU64,
    log: Throttle,
}

/// Whether somebody may come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Admission {
    /// User and password are right.
    Admitted,
    /// They are not, or there are none.
    Refused,
    /// Nobody knows: too many wait for a check.
    Busy,
}

/// Why there can be no users.
#[derive(Debug, thiserror::Error)]
pub(super) enum UsersError {
    #[error("no randomness from the system")]
    Randomness,
    #[error("no thread to check passwords on")]
    Thread(#[from] io::Error),
}

impl std::fmt::Debug for Users {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Users").field(&self.hashes.of_users.keys()).finish()
    }
}

impl Users {
    /// Users with their bcrypt hashes, of which there is one at least.
    pub(super) fn new(hashes: BTreeMap<String, String>) -> Result<Self, UsersError> {
        Ok(Self {
            hashes: Arc::new(Hashes::new(hashes)),
            key: hmac::Key::generate(hmac::HMAC_SHA256, &rand::SystemRandom::new())
                .map_err(|_| UsersError::Randomness)?,
            known: Mutex::default(),
            checker: Workers::start("passwords", 1, MOST_WAITING)?,
            waiting: Arc::default(),
            refused: AtomicU64::new(0),
            log: Throttle::default(),
        })
    }

    /// Whether this Authorization header opens the door. One that does not is counted and logged; no header at all is how
    /// every browser begins.
    pub(super) async fn admit(&self, authorization: Option<&HeaderValue>, peer: IpAddr) -> Admission {
        let Some(authorization) = authorization else { return Admission::Refused };
        let admission = match credentials(authorization) {
            Some((user, password)) => self.check(user, password, peer).await,
            None => Admission::Refused,
        };
        if admission != Admission::Admitted {
            self.refused.fetch_add(1, Ordering::Relaxed);
            if let Some(unsaid) = self.log.note(Instant::now()) {
                let why = match admission {
                    Admission::Busy => "too many logins wait to be checked",
                    _ => "wrong user or password",
                };
                // What was given as a user may well be a password.
                tracing::warn!(%peer, unsaid, "login refused: {why}; further ones within a minute are only counted");
            }
        }
        admission
    }

    /// How many logins were refused.
    pub(super) fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    async fn check(&self, user: String, password: Vec<u8>, peer: IpAddr) -> Admission {
        if self.was_right(&user, &password) {
            return Admission::Admitted;
        }
        // That it is too long, or no text, says nothing about any user.
        if password.len() > LONGEST_PASSWORD || password.contains(&0) {
            return Admission::Refused;
        }
        let Some(place) = self.waiting.enter(peer) else { return Admission::Busy };
        let hashes = self.hashes.clone();
        let (name, guess) = (user.clone(), password.clone());
        let checked = self.checker.run(move || {
            let is_right = hashes.is_right(&name, &guess);
            // Not before: the check goes on, though the client may be gone.
            drop(place);
            is_right
        });
        match checked.await {
            Ok(true) => {
                let tag = hmac::sign(&self.key, &password);
                self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(user, tag);
                Admission::Admitted
            }
            Ok(false) => Admission::Refused,
            Err(_) => Admission::Busy,
        }
    }

    fn was_right(&self, user: &str, password: &[u8]) -> bool {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(user).is_some_and(|tag| hmac::verify(&self.key, password, tag.as_ref()).is_ok())
    }
}

/// The hashes, each with its cost: a check takes time in proportion to 2 to the power of that.
#[derive(Debug)]
struct Hashes {
    of_users: BTreeMap<String, (String, u32)>,
    highest_cost: u32,
}

impl Hashes {
    fn new(hashes: BTreeMap<String, String>) -> Self {
        let cost = |hash: &str| hash.parse::<bcrypt::HashParts>().map_or(0, |parts| parts.get_cost());
        let of_users: BTreeMap<_, _> = hashes
            .into_iter()
            .map(|(user, hash)| {
                let cost = cost(&hash);
                (user, (hash, cost))
            })
            .collect();
        let highest_cost = of_users.values().map(|(_, cost)| *cost).max().unwrap_or_default();
        Self { of_users, highest_cost }
    }

    /// Whether it is the user's password. Every check takes as long as one of the costliest hash, so that its time does not
    /// tell whether there is such a user.
    fn is_right(&self, user: &str, password: &[u8]) -> bool {
        let known = self.of_users.get(user);
        let is_right = known.is_some_and(|(hash, _)| bcrypt::verify(password, hash).unwrap_or(false));
        for cost in padding(known.map(|(_, cost)| *cost), self.highest_cost) {
            let _ = std::hint::black_box(bcrypt::hash_with_salt(password, cost, [0; 16]));
        }
        is_right
    }
}

/// The costs of what is computed besides a hash of `own` cost, so that all together takes as long as one of the highest.
fn padding(own: Option<u32>, highest: u32) -> Range<u32> {
    match own {
        // 2^own and 2^own, 2^(own + 1), … 2^(highest - 1) are 2^highest.
        Some(own) => own..highest,
        None => highest..highest + 1,
    }
}

/// The user and the password of a header of the kind Basic.
fn credentials(header: &HeaderValue) -> Option<(String, Vec<u8>)> {
    let (scheme, encoded) = header.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let plain = STANDARD.decode(encoded.trim()).ok()?;
    let colon = plain.iter().position(|byte| *byte == b':')?;
    Some((String::from_utf8(plain[..colon].to_vec()).ok()?, plain[colon + 1..].to_vec()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test")]
mod tests {
    use super::*;

    const PEER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    fn basic(plain: impl AsRef<[u8]>) -> HeaderValue {
        format!("Basic {}", STANDARD.encode(plain)).parse().unwrap()
    }

    fn users<const N: usize>(users: [(&str, String); N]) -> Users {
        Users::new(users.map(|(user, hash)| (user.to_owned(), hash)).into()).unwrap()
    }

    fn hash(password: impl AsRef<[u8]>) -> String {
        bcrypt::hash(password, 4).unwrap()
    }

    #[tokio::test]
    async fn only_a_right_password_opens() {
        let users = users([("alice", hash("open: sesame")), ("bob", hash("b"))]);
        // Twice: the second time it may be known already.
        for _ in 0..2 {
            assert_eq!(users.admit(Some(&basic("alice:open: sesame")), PEER).await, Admission::Admitted);
            for wrong in
                ["alice:", "alice:b", "bob:open: sesame", "carol:open: sesame", "carol:b", "alice", ":"]
            {
                assert_eq!(users.admit(Some(&basic(wrong)), PEER).await, Admission::Refused, "{wrong}");
            }
            assert_eq!(users.admit(None, PEER).await, Admission::Refused);
            for nonsense in ["Basic", "Basic ???", "Bearer YTpi", ""] {
                let nonsense = nonsense.parse().unwrap();
                assert_eq!(users.admit(Some(&nonsense), PEER).await, Admission::Refused, "{nonsense:?}");
            }
        }
        assert_eq!(users.refused(), 22, "those without a header are no attempts");
        assert!(!format!("{users:?}").contains('$'), "hashes are not shown");
    }

    #[tokio::test]
    async fn password_is_compared_to_its_last_byte() {
        let longest = "x".repeat(LONGEST_PASSWORD);
        let users = users([("alice", hash(&longest))]);
        let longer = basic(format!("alice:{longest}y"));
        assert_eq!(users.admit(Some(&longer), PEER).await, Admission::Refused);
        assert_eq!(users.admit(Some(&basic(format!("alice:{longest}"))), PEER).await, Admission::Admitted);
        assert_eq!(users.admit(Some(&longer), PEER).await, Admission::Refused);
        assert_eq!(users.admit(Some(&basic("alice:\0")), PEER).await, Admission::Refused);
    }

    #[tokio::test]
    async fn login_that_was_right_before_waits_for_nobody() {
        let users = users([("alice", hash("a"))]);
        assert_eq!(users.admit(Some(&basic("alice:a")), PEER).await, Admission::Admitted);
        let places = [users.waiting.enter(PEER).unwrap(), users.waiting.enter(PEER).unwrap()];
        assert_eq!(users.admit(Some(&basic("alice:b")), PEER).await, Admission::Busy);
        assert_eq!(users.admit(Some(&basic("alice:a")), PEER).await, Admission::Admitted);
        drop(places);
        assert_eq!(users.admit(Some(&basic("alice:b")), PEER).await, Admission::Refused);
    }

    #[test]
    fn every_check_costs_what_the_costliest_hash_does() {
        let work = |own: Option<u32>, highest| {
            let padding: u64 = padding(own, highest).map(|cost| 1 << cost).sum();
            own.map_or(0, |own| 1_u64 << own) + padding
        };
        for highest in 4..=31 {
            for own in (4..=highest).map(Some).chain([None]) {
                assert_eq!(work(own, highest), 1 << highest, "{own:?} of {highest}");
            }
        }
        let of = |cost| bcrypt::hash("x", cost).unwrap();
        let hashes = Hashes::new([("a".to_owned(), of(4)), ("b".to_owned(), of(6))].into());
        assert_eq!((hashes.of_users["a"].1, hashes.highest_cost), (4, 6));
        assert!(hashes.is_right("a", b"x") && hashes.is_right("b", b"x") && !hashes.is_right("c", b"x"));
    }
}
