//! Tokens that are bound to a key (DPoP, RFC 9449), and the codes by which programs without a
//! browser get them (RFC 8628): what nodes make and recognize, and what this one saw.
//!
//! Codes and nonces are made under a key that all nodes of a store have, and are kept nowhere. The
//! ids of proofs are remembered here for as long as a repetition could count; on other nodes the
//! tag counts that an operation left in the store (decision 0043).

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::members::{ANYTHING, DEVICE_LIFE, LENGTH, LETTERS};
use domain::people::hex;
use hyper::http::{HeaderMap, HeaderValue};
use jose::{DpopProof, PROOF_SECONDS, ProofOf};
use kernel::{Kernel, Moment};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};

/// How long a nonce counts, in seconds.
const NONCE_SECONDS: u64 = 300;

/// Seconds between two questions about one code.
pub(crate) const INTERVAL: u64 = 5;

/// Ids that are remembered. Beyond it nobody is taken, instead of taking something twice.
const MOST: usize = 200_000;

/// Bytes of a tag.
const TAG: usize = 16;

/// Why a proof does not count.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Unproven {
    /// It has no nonce of this server, or one that is too old: a new one is in the answer.
    Nonce,
    /// Something else.
    Proof(String),
}

/// A proof that is right, and may have been sent before.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Proved {
    /// The thumbprint of the key.
    pub(crate) thumbprint: [u8; 32],
    id: [u8; 32],
    idempotency_key: Option<String>,
}

/// What is said to whoever sends a proof a second time.
pub(crate) const AGAIN: &str = "this proof was sent before: make one for each request";

/// The proof that a request came with, by which its operations are done once on all nodes.
pub(crate) struct Shown {
    id: [u8; 32],
    idempotency_key: Option<String>,
    operations: AtomicU32,
}

impl Shown {
    /// Whether it was signed for a request with this idempotency key.
    pub(crate) fn binds(&self, key: &str) -> bool {
        self.idempotency_key.as_deref() == Some(key)
    }

    /// The key under which the next operation of the request is done.
    pub(crate) fn once(&self) -> (String, [u8; 32]) {
        let nth = self.operations.fetch_add(1, Ordering::Relaxed);
        (format!("proof {} {nth}", hex(&self.id)), ANYTHING)
    }
}

impl Proved {
    /// Whether it was signed for a request with another idempotency key than this one.
    pub(crate) fn is_for_another(&self, key: Option<&[u8]>) -> bool {
        self.idempotency_key.as_deref().is_some_and(|own| key != Some(own.as_bytes()))
    }
}

impl From<Proved> for Shown {
    fn from(proved: Proved) -> Self {
        let Proved { id, idempotency_key, .. } = proved;
        Self { id, idempotency_key, operations: AtomicU32::new(0) }
    }
}

/// The proofs that a request carries.
pub(crate) fn proofs(headers: &HeaderMap) -> Vec<HeaderValue> {
    headers.get_all("dpop").iter().cloned().collect()
}

/// What was seen, with the second until which it counts.
type Seen = Mutex<HashMap<[u8; 32], u64>>;

/// Makes and recognizes them.
pub(crate) struct Keyed {
    key: hmac::Key,
    proofs: Seen,
    polls: Seen,
}

impl Keyed {
    /// Those of the store behind this kernel; nothing was seen here yet.
    pub(crate) fn new(kernel: &Kernel) -> Self {
        Self::under(kernel.derived("keyed").expose())
    }

    fn under(secret: &[u8; 32]) -> Self {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
        Self { key, proofs: Mutex::default(), polls: Mutex::default() }
    }

    fn tag(&self, what: &str, bytes: &[u8]) -> Vec<u8> {
        hmac::sign(&self.key, &[what.as_bytes(), &[0], bytes].concat()).as_ref().to_vec()
    }

    /// Bytes under a tag of this store's nodes, as text.
    fn made(&self, what: &str, bytes: &[u8]) -> String {
        let tag = self.tag(what, bytes);
        URL_SAFE_NO_PAD.encode([bytes, tag.get(..TAG).unwrap_or_default()].concat())
    }

    /// The bytes, if a node of this store made them.
    fn known(&self, what: &str, text: &str) -> Option<Vec<u8>> {
        let all = URL_SAFE_NO_PAD.decode(text).ok().filter(|_| text.len() <= 128)?;
        let (bytes, tag) = all.split_at_checked(all.len().checked_sub(TAG)?)?;
        let own = self.tag(what, bytes);
        let same = aws_lc_rs::constant_time::verify_slices_are_equal(own.get(..TAG)?, tag).is_ok();
        same.then(|| bytes.to_vec())
    }

    /// A nonce for proofs.
    pub(crate) fn nonce(&self, now: Moment) -> String {
        self.made("nonce", &seconds(now).to_be_bytes())
    }

    fn is_nonce(&self, text: &str, now: u64) -> bool {
        let made = self.known("nonce", text).and_then(|bytes| bytes.try_into().ok());
        made.map(u64::from_be_bytes).is_some_and(|made| now.abs_diff(made) <= NONCE_SECONDS)
    }

    /// A device code out of random bits.
    pub(crate) fn device_code(&self, random: [u8; 16], now: Moment) -> String {
        let until = seconds(now.after(DEVICE_LIFE));
        self.made("device", &[&random[..], &until.to_be_bytes()].concat())
    }

    /// The code that a person types in for it, without the dash.
    pub(crate) fn user_code(&self, device_code: &str) -> String {
        let tag = self.tag("user", device_code.as_bytes());
        let letter = |byte: &u8| LETTERS.get(usize::from(*byte) % LETTERS.len());
        tag.iter().filter_map(letter).map(|one| char::from(*one)).take(LENGTH).collect()
    }

    /// Until when a device code of this store counts, in seconds since 1970.
    pub(crate) fn device_until(&self, device_code: &str) -> Option<u64> {
        let bytes = self.known("device", device_code)?;
        let until = bytes.get(16..).and_then(|until| until.try_into().ok());
        until.map(u64::from_be_bytes)
    }

    /// Whether it is too early to ask about this code again.
    pub(crate) fn is_early(&self, device_code: &str, now: Moment) -> bool {
        let hash = kernel::digest(device_code.as_bytes());
        !remember(&self.polls, hash, seconds(now), INTERVAL - 1).unwrap_or(false)
    }

    /// The proof of a request, if it is one. It still has to be the first of its id, which
    /// [`Keyed::once`] says: that is kept only for those whose token counts, so that strangers
    /// cannot fill what is remembered.
    ///
    /// # Errors
    /// Why it does not count.
    pub(crate) fn proved(
        &self,
        proofs: &[HeaderValue],
        of: ProofOf<'_>,
        now: Moment,
    ) -> Result<Proved, Unproven> {
        let because = |why: &str| Unproven::Proof(why.to_owned());
        let [one] = proofs else {
            return Err(because("send one proof of the key in the field `DPoP`"));
        };
        let text = one.to_str().map_err(|_| because("the proof is no text"))?;
        let now = seconds(now);
        let proof = DpopProof::check(text, of, now);
        let proof = proof.map_err(|error| Unproven::Proof(error.to_string()))?;
        if !proof.nonce.as_deref().is_some_and(|nonce| self.is_nonce(nonce, now)) {
            return Err(Unproven::Nonce);
        }
        let id = kernel::digest(&[&proof.thumbprint[..], proof.id.as_bytes()].concat());
        let (thumbprint, idempotency_key) = (proof.thumbprint, proof.idempotency_key);
        Ok(Proved { thumbprint, id, idempotency_key })
    }

    /// Takes a proof, once on this node; what it is taken for makes it once on all.
    ///
    /// # Errors
    /// Why it does not count.
    pub(crate) fn once(&self, proved: &Proved, now: Moment) -> Result<(), Unproven> {
        let because = |why: &str| Unproven::Proof(why.to_owned());
        match remember(&self.proofs, proved.id, seconds(now), 2 * PROOF_SECONDS) {
            Some(true) => Ok(()),
            Some(false) => Err(because(AGAIN)),
            None => Err(because("too many proofs are remembered: try again in two minutes")),
        }
    }
}

/// Remembers something for so many seconds; whether it is new, or nothing if there is no room.
fn remember(seen: &Seen, id: [u8; 32], now: u64, for_seconds: u64) -> Option<bool> {
    let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
    if seen.get(&id).is_some_and(|until| now <= *until) {
        return Some(false);
    }
    if seen.len() >= MOST {
        seen.retain(|_, until| now <= *until);
    }
    if seen.len() >= MOST {
        return None;
    }
    seen.insert(id, now + for_seconds);
    Some(true)
}

/// Seconds since 1970.
pub(crate) fn seconds(moment: Moment) -> u64 {
    moment.0 / 1_000_000
}

#[cfg(test)]
mod tests {
    use super::{INTERVAL, Keyed, NONCE_SECONDS, seconds};
    use kernel::Moment;
    use std::time::Duration;

    const NOW: Moment = Moment(1_795_356_131_000_000);

    #[test]
    fn only_nodes_of_this_store_make_codes_and_nonces_and_they_end() {
        let (ours, others) = (Keyed::under(&[1; 32]), Keyed::under(&[2; 32]));
        let another = Keyed::under(&[1; 32]);
        let code = ours.device_code([1; 16], NOW);
        assert_eq!(ours.device_until(&code), Some(seconds(NOW) + 600));
        assert_eq!(another.device_until(&code), Some(seconds(NOW) + 600));
        assert_eq!(another.user_code(&code), ours.user_code(&code));
        assert_eq!(others.device_until(&code), None);
        assert_eq!(ours.user_code(&code).len(), 8);
        assert_ne!(ours.user_code(&code), others.user_code(&code));
        assert_ne!(code, ours.device_code([2; 16], NOW));
        let mut changed = code.into_bytes();
        for at in 0..changed.len() {
            let before = changed[at];
            changed[at] = if before == b'A' { b'B' } else { b'A' };
            let text = String::from_utf8(changed.clone()).unwrap();
            assert!(ours.device_until(&text).is_none(), "{text}");
            changed[at] = before;
        }
        let nonce = ours.nonce(NOW);
        assert!(ours.is_nonce(&nonce, seconds(NOW) + NONCE_SECONDS));
        assert!(!ours.is_nonce(&nonce, seconds(NOW) + NONCE_SECONDS + 1));
        assert!(another.is_nonce(&nonce, seconds(NOW)));
        assert!(!others.is_nonce(&nonce, seconds(NOW)));
        assert!(ours.device_until(&nonce).is_none() && !ours.is_nonce("", 0));
    }

    #[test]
    fn questions_keep_their_distance() {
        let keyed = Keyed::under(&[1; 32]);
        assert!(!keyed.is_early("a", NOW));
        assert!(keyed.is_early("a", NOW.after(Duration::from_secs(INTERVAL - 1))));
        assert!(!keyed.is_early("b", NOW));
        assert!(!keyed.is_early("a", NOW.after(Duration::from_secs(INTERVAL))));
    }
}
