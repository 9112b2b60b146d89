//! Challenges that passkeys answer. One is made for each page that asks for a passkey, holds for
//! ten minutes and counts once.
//!
//! Nothing is kept of a challenge until it is answered: it carries its moment and a mark that only
//! this server can make, so that a stranger who asks for a million pages fills no memory. What was
//! answered is remembered until it is too old to be answered again.

use crate::visit::fresh;
use aws_lc_rs::hmac;
use domain::people::{hex, unhex};
use kernel::{Error, Moment, Result};
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

/// The challenges of one server.
pub(crate) struct Ceremonies {
    key: Option<hmac::Key>,
    answered: Mutex<HashMap<Vec<u8>, Moment>>,
}

impl Ceremonies {
    /// None yet.
    pub(crate) fn new() -> Self {
        let secret = fresh().and_then(|one| Ok([one, fresh()?].concat()));
        let key = secret.ok().map(|secret| hmac::Key::new(hmac::HMAC_SHA256, &secret));
        Self { key, answered: Mutex::default() }
    }

    /// A new challenge for this purpose, in hexadecimal.
    ///
    /// # Errors
    /// `Unavailable` without randomness.
    pub(crate) fn begin(&self, purpose: &str, now: Moment) -> Result<String> {
        let mut bytes = fresh()?.to_vec();
        bytes.extend_from_slice(&now.0.to_be_bytes());
        let mark = self.mark(&bytes, purpose)?;
        bytes.extend_from_slice(mark.as_ref());
        Ok(hex(&bytes))
    }

    /// The challenge that a page was given for this purpose; it counts no more from now on.
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
        let key = self.key.as_ref().ok_or_else(stale)?;
        // `verify` compares in constant time.
        hmac::verify(key, &marked(stated, purpose), mark).map_err(|_| stale())?;
        if until <= now {
            return Err(stale());
        }
        Ok((bytes, until))
    }

    /// Something of this name that only this server knows of a challenge, in hexadecimal.
    ///
    /// # Errors
    /// `Unavailable` without randomness.
    pub(crate) fn derive(&self, challenge: &str, name: &str) -> Result<String> {
        let key = self.key.as_ref();
        let key = key.ok_or_else(|| Error::unavailable("the system gives no randomness"))?;
        Ok(hex(hmac::sign(key, &named(challenge, name)).as_ref()))
    }

    /// Whether this is what [`Ceremonies::derive`] gives; compares in constant time.
    pub(crate) fn derived(&self, challenge: &str, name: &str, given: &str) -> bool {
        let parts = self.key.as_ref().zip(unhex(given));
        parts.is_some_and(|(key, tag)| hmac::verify(key, &named(challenge, name), &tag).is_ok())
    }

    fn mark(&self, stated: &[u8], purpose: &str) -> Result<hmac::Tag> {
        let key = self.key.as_ref();
        let key = key.ok_or_else(|| Error::unavailable("the system gives no randomness"))?;
        Ok(hmac::sign(key, &marked(stated, purpose)))
    }
}

fn stale() -> Error {
    Error::forbidden("this page waited too long or was used already: open it again")
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
        let (here, there) = (Ceremonies::new(), Ceremonies::new());
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
    }
}
