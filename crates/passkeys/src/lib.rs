//! What a passkey made and signed, checked: registrations and assertions of Web Authentication
//! (W3C WebAuthn Level 3, §7.1 and §7.2).
//!
//! It promises: an assertion counts only if its signature is of the key that was registered, over
//! the very challenge that was expected, made at one of our origins, with the user present and
//! verified. Nothing is taken from a message that the signature does not cover.
//!
//! What a maker states about a device (attestation) is checked where somebody asks for it.
//!
//! It deliberately does not: make challenges, remember them or find whose key it is; ask for
//! attestation by itself, since it says what kind of device it was and not whose; take keys that
//! are used without verifying the user. No I/O, no clock, no randomness.

mod assertion;
mod attestation;
mod data;
mod key;
mod registration;

pub use assertion::Assertion;
pub use attestation::Makers;
pub use data::{Authenticator, Site};
pub use key::{ALGORITHMS, PublicKey};
pub use registration::{Registered, Registration};

use std::fmt;

/// The longest message of an authenticator that is looked at, in bytes; theirs have a few hundred.
pub const MAX_BYTES: usize = 16 * 1024;

/// Why a message does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// It is not in the form that the standard says; which part.
    Unreadable(&'static str),
    /// It is, and says or lacks something for which it does not count.
    Refused(&'static str),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(what) => write!(f, "{what} cannot be read: sign in again"),
            Self::Refused(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for Error {}
