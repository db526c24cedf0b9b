//! Who may come in: HTTP basic authentication against bcrypt hashes.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::header::HeaderValue;
use ring::error::Unspecified;
use ring::{hmac, rand};
use tokio::sync::Semaphore;

/// Users and the hashes of their passwords.
///
/// A hash is slow to check by design, so it is checked off the server's thread, one at a time, and what was right once
/// is recognised by a keyed digest, of which there is at most one for each user.
pub(super) struct Users {
    hashes: Arc<BTreeMap<String, String>>,
    /// Makes the digests; it dies with the process.
    key: hmac::Key,
    known: Mutex<HashMap<String, hmac::Tag>>,
    checks: Semaphore,
}

impl std::fmt::Debug for Users {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Users").field(&self.hashes.keys()).finish()
    }
}

impl Users {
    /// Users with their bcrypt hashes, of which there is one at least.
    pub(super) fn new(hashes: BTreeMap<String, String>) -> Result<Self, Unspecified> {
        Ok(Self {
            hashes: Arc::new(hashes),
            key: hmac::Key::generate(hmac::HMAC_SHA256, &rand::SystemRandom::new())?,
            known: Mutex::default(),
            checks: Semaphore::new(1),
        })
    }

    /// Whether this Authorization header opens the door.
    pub(super) async fn admit(&self, authorization: Option<&HeaderValue>) -> bool {
        let Some((user, password)) = authorization.and_then(credentials) else { return false };
        if self.was_right(&user, &password) {
            return true;
        }
        let Ok(_turn) = self.checks.acquire().await else { return false };
        let hashes = self.hashes.clone();
        let (name, guess) = (user.clone(), password.clone());
        let checked = tokio::task::spawn_blocking(move || {
            // For a user that is not there, another's hash is checked, so that the time does not tell.
            let hash = hashes.get(&name).or_else(|| hashes.values().next());
            let is_right = hash.is_some_and(|hash| bcrypt::verify(guess, hash).unwrap_or(false));
            is_right && hashes.contains_key(&name)
        });
        let is_right = checked.await.unwrap_or(false);
        if is_right {
            let tag = hmac::sign(&self.key, password.as_slice());
            self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(user, tag);
        }
        is_right
    }

    fn was_right(&self, user: &str, password: &[u8]) -> bool {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(user).is_some_and(|tag| hmac::verify(&self.key, password, tag.as_ref()).is_ok())
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

    fn basic(plain: &str) -> HeaderValue {
        format!("Basic {}", STANDARD.encode(plain)).parse().unwrap()
    }

    #[tokio::test]
    async fn only_a_right_password_opens() {
        let hash = |password| bcrypt::hash(password, 4).unwrap();
        let hashes = [("alice", hash("open: sesame")), ("bob", hash("b"))];
        let hashes = hashes.map(|(user, hash)| (user.to_owned(), hash)).into();
        let users = Users::new(hashes).unwrap();
        // Twice: the second time it may be known already.
        for _ in 0..2 {
            assert!(users.admit(Some(&basic("alice:open: sesame"))).await);
            for wrong in
                ["alice:", "alice:b", "bob:open: sesame", "carol:open: sesame", "carol:b", "alice", ":"]
            {
                assert!(!users.admit(Some(&basic(wrong))).await, "{wrong}");
            }
            assert!(!users.admit(None).await);
            for nonsense in ["Basic", "Basic ???", "Bearer YTpi", ""] {
                assert!(!users.admit(Some(&nonsense.parse().unwrap())).await, "{nonsense}");
            }
        }
        assert!(!format!("{users:?}").contains('$'), "hashes are not shown");
    }
}
