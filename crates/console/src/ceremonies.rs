//! Challenges that passkeys answer. One is made for each page that asks for a passkey, holds for
//! ten minutes and counts once.
//!
//! Nothing is kept of a challenge until it is answered: it carries its moment and a mark that only
//! the nodes of this store can make, so that a stranger who asks for a million pages fills no
//! memory. What was answered here is remembered until it is too old to be answered again; what
//! counted leaves its tag in the store, and counts on no other node either (decision 0043).

use crate::visit::fresh;
use aws_lc_rs::hmac;
use domain::members::ANYTHING;
use domain::people::{hex, unhex};
use kernel::{Error, Kernel, Moment, Result};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How long a page waits for its passkey.
const LIFE: Duration = Duration::from_secs(600);

/// The same in seconds, as cookies state it.
pub(crate) const SECONDS: u64 = LIFE.as_secs();

/// Answered challenges that are remembered at most; beyond it nobody signs in for a while, which
/// takes as many passkeys used within ten minutes.
const MOST: usize = 100_000;

/// Bytes: 16 random, 8 of the moment, 32 of the mark.
const BYTES: usize = 56;

/// What is said to whoever answers a challenge that counts no more.
pub(crate) const STALE: &str = "this page waited too long or was used already: open it again";

/// The challenges that one node gives out and takes back.
pub(crate) struct Ceremonies {
    key: hmac::Key,
    answered: Mutex<HashMap<Vec<u8>, Moment>>,
}

impl Ceremonies {
    /// Those of the store behind this kernel; none was answered here yet.
    pub(crate) fn new(kernel: &Kernel) -> Self {
        Self::under(kernel.derived("challenges").expose())
    }

    fn under(secret: &[u8; 32]) -> Self {
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, secret), answered: Mutex::default() }
    }

    /// A new challenge for this purpose, in hexadecimal.
    ///
    /// # Errors
    /// `Unavailable` without randomness.
    pub(crate) fn begin(&self, purpose: &str, now: Moment) -> Result<String> {
        let mut bytes = fresh()?.to_vec();
        bytes.extend_from_slice(&now.0.to_be_bytes());
        let mark = hmac::sign(&self.key, &marked(&bytes, purpose));
        bytes.extend_from_slice(mark.as_ref());
        Ok(hex(&bytes))
    }

    /// The challenge that a page was given for this purpose; it counts here no more from now on. On
    /// every node it is over with the operation that is asked for under [`once`].
    ///
    /// # Errors
    /// `Forbidden` for one that is not ours, too old, or was answered before.
    pub(crate) fn answered(&self, text: &str, purpose: &str, now: Moment) -> Result<Vec<u8>> {
        let (bytes, until) = self.known(text, purpose, now)?;
        let mut known = self.answered.lock().unwrap_or_else(PoisonError::into_inner);
        if known.contains_key(&bytes) {
            return Err(stale());
        }
        if known.len() >= MOST {
            known.retain(|_, until| *until > now);
        }
        if known.len() >= MOST {
            return Err(Error::unavailable("too many sign in at once: try again in ten minutes"));
        }
        known.insert(bytes.clone(), until);
        Ok(bytes)
    }

    /// The challenge that a page was given for this purpose, and until when it counts; it goes on
    /// counting, for what does no harm when it is sent twice.
    ///
    /// # Errors
    /// `Forbidden` for one that is not ours, or too old.
    pub(crate) fn known(
        &self,
        text: &str,
        purpose: &str,
        now: Moment,
    ) -> Result<(Vec<u8>, Moment)> {
        let bytes = unhex(text).filter(|bytes| bytes.len() == BYTES).ok_or_else(stale)?;
        let (stated, mark) = bytes.split_at_checked(24).ok_or_else(stale)?;
        let moment = stated.last_chunk::<8>().ok_or_else(stale)?;
        let until = Moment(u64::from_be_bytes(*moment)).after(LIFE);
        // `verify` compares in constant time.
        hmac::verify(&self.key, &marked(stated, purpose), mark).map_err(|_| stale())?;
        if until <= now {
            return Err(stale());
        }
        Ok((bytes, until))
    }

    /// Something of this name that only nodes of this store know of a challenge, in hexadecimal.
    pub(crate) fn derive(&self, challenge: &str, name: &str) -> String {
        hex(hmac::sign(&self.key, &named(challenge, name)).as_ref())
    }

    /// Whether this is what [`Ceremonies::derive`] gives; compares in constant time.
    pub(crate) fn derived(&self, challenge: &str, name: &str, given: &str) -> bool {
        let tag = unhex(given);
        tag.is_some_and(|tag| hmac::verify(&self.key, &named(challenge, name), &tag).is_ok())
    }
}

/// The key under which an operation is done that a challenge is used up by.
pub(crate) fn once(challenge: &[u8]) -> (String, [u8; 32]) {
    (format!("challenge {}", hex(&kernel::digest(challenge))), ANYTHING)
}

fn stale() -> Error {
    Error::forbidden(STALE)
}

/// When a challenge was made, by its bytes.
pub(crate) fn moment(bytes: &[u8]) -> Moment {
    let stated = bytes.get(16..24).and_then(|part| part.first_chunk::<8>());
    Moment(stated.map_or(0, |part| u64::from_be_bytes(*part)))
}

fn named(challenge: &str, name: &str) -> Vec<u8> {
    format!("bailee derived v1\0{name}\0{challenge}").into_bytes()
}

fn marked(stated: &[u8], purpose: &str) -> Vec<u8> {
    [b"bailee challenge v1".as_slice(), stated, purpose.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::{Ceremonies, LIFE};
    use kernel::Moment;

    #[test]
    fn a_challenge_is_ours_young_for_one_purpose_and_answered_once() {
        let (here, there) = (Ceremonies::under(&[1; 32]), Ceremonies::under(&[2; 32]));
        let now = Moment(1_795_356_131_000_000);
        let one = here.begin("sign-in", now).unwrap();
        assert!(one.len() == 112 && one != here.begin("sign-in", now).unwrap());
        assert!(here.answered(&one, "make person:eve", now).is_err());
        assert!(there.answered(&one, "sign-in", now).is_err());
        let mut other = one.clone();
        other.replace_range(0..2, if one.starts_with("00") { "01" } else { "00" });
        for bad in [other.as_str(), "", "zz", &one[2..]] {
            assert!(here.answered(bad, "sign-in", now).is_err(), "{bad}");
        }
        assert!(here.answered(&one, "sign-in", now.after(LIFE)).is_err());
        assert_eq!(here.answered(&one, "sign-in", now).unwrap().len(), 56);
        assert!(here.answered(&one, "sign-in", now).is_err());
        let other = Ceremonies::under(&[1; 32]);
        assert!(other.answered(&one, "sign-in", now).is_ok(), "it is of every node with this key");
        let state = here.derive(&one, "state");
        assert!(other.derived(&one, "state", &state) && !there.derived(&one, "state", &state));
    }
}
