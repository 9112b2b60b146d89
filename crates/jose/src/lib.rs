//! Signed tokens of others, checked: the compact form of JWS (RFC 7515), JWK sets (RFC 7517) and
//! claims (RFC 7519), by the best practices of RFC 8725; the profiles that are taken here; and
//! [`SigningKey`], by which we sign with ES256 ourselves.
//!
//! It promises: a token counts only if a key of the set that was named made its signature, with an
//! algorithm of that key's kind that was expected; nothing is read out of a token that the
//! signature does not cover; whatever stands twice, is too long or is not understood but critical,
//! is refused. [`IdToken`], [`LogoutToken`], [`Workload`], [`DpopProof`] and [`SecurityEvent`] can
//! be made only by checking one.
//!
//! It deliberately does not: fetch keys or follow what a header names (`jku`, `x5u`), take
//! symmetric keys (`HS256`) or none at all, read encrypted tokens, remember what it saw. No I/O, no
//! clock, no randomness: the time is handed in, in seconds since 1970.

mod claims;
mod compact;
mod dpop;
mod event;
mod id_token;
mod json;
mod key;
mod logout_token;
mod metadata;
mod signing;
mod workload;

pub use claims::{Claims, SKEW};
pub use compact::{Compact, Header, MAX_BYTES};
pub use dpop::{DpopProof, PROOF_SECONDS, ProofOf};
pub use event::{EVENT_KIND, Event, SecurityEvent, Subject, Unheard};
pub use id_token::{IdToken, Wanted};
pub use key::{Algorithm, KeySet, PublicKey};
pub use logout_token::{LogoutToken, RECENT};
pub use metadata::Metadata;
pub use signing::SigningKey;
pub use workload::Workload;

use std::fmt;

/// Why a token does not count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// It is not in the form that the standard says; which part.
    Unreadable(&'static str),
    /// It is, and says or lacks something for which it does not count.
    Refused(&'static str),
    /// No key of the set has this id and algorithm: the set may be old.
    UnknownKey,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(what) => write!(f, "{what} cannot be read"),
            Self::Refused(why) => f.write_str(why),
            Self::UnknownKey => f.write_str("it is signed by no key that is known of its issuer"),
        }
    }
}

impl std::error::Error for Error {}
