//! Entries: what a leaf says, and what it hides until it is opened.
//!
//! A leaf is a small JSON object whose bytes the writer fixes. Per field it holds a commitment:
//!
//! ```text
//! commitment = SHA-256( lp("bailee-field/v1") || lp(log) || u64be(index)
//!                        || lp(name) || salt || lp(value) )
//! lp(x)      = length of x in four big-endian bytes, then x
//! salt       = HMAC-SHA-256(seed, name), the seed being 32 random bytes per entry
//! ```
//!
//! Promises: a leaf binds its log and its index, so it cannot be replayed elsewhere; without the
//! salt a commitment tells nothing, not even of a value that is easily guessed; one field can be
//! shown while the others stay hidden; destroying seed and salts erases for good and breaks no
//! proof.
//! Does not: say whether a value is true, or keep seeds. A verifier sees `withheld` and `erased`
//! alike: only the log's owner knows which.

mod leaf;
mod opening;

pub(crate) use leaf::split_epoch;
pub use leaf::{Draft, Leaf, same_log, slot_of};
pub use opening::{FieldState, Opening, OpeningError, Shown, StoredOpening};

use aws_lc_rs::hmac;

use crate::{Hash, Malformed, sha256};

/// The `format` member of every leaf.
pub const FORMAT: &str = "bailee-entry/v1";

/// Longest kind and field name in bytes: the stored form counts a name in one byte.
pub const MAX_NAME: usize = 255;

/// Most fields of an entry. With it, a leaf stays below a bundle's limit of 65,535 bytes.
pub const MAX_FIELDS: usize = 128;

/// Latest time, in microseconds since 1970 (about the year 2255), and exactly what a JSON number
/// holds in every language.
pub const MAX_TIME: u64 = (1 << 53) - 1;

/// Longest value of a field in bytes: the list of what one request touched has to fit.
pub const MAX_VALUE: usize = 1 << 20;

/// Begins every commitment, so that no other use of SHA-256 here can be mistaken for one.
const FIELD_CONTEXT: &[u8] = b"bailee-field/v1";

/// Checks a kind or field name: 1 to [`MAX_NAME`] visible ASCII characters except `"` and `\`.
///
/// # Errors
/// When `name` is not of that form.
pub fn check_name(name: &str) -> Result<(), Malformed> {
    let good = |b: u8| b.is_ascii_graphic() && b != b'"' && b != b'\\';
    if name.is_empty() || name.len() > MAX_NAME || !name.bytes().all(good) {
        return Err(Malformed::quoting(
            "a kind or field name has 1 to 255 visible ASCII characters",
            name,
        ));
    }
    Ok(())
}

/// The salts of one entry's fields.
pub(crate) struct Salts(hmac::Key);

impl Salts {
    pub(crate) fn new(seed: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, seed))
    }

    pub(crate) fn of(&self, name: &str) -> [u8; 32] {
        let mut salt = [0; 32];
        salt.copy_from_slice(hmac::sign(&self.0, name.as_bytes()).as_ref());
        salt
    }
}

/// Computes the commitments of one entry's fields, sharing a buffer among them.
pub(crate) struct Committer {
    buffer: Vec<u8>,
    prefix: usize,
}

impl Committer {
    pub(crate) fn new(log: &str, index: u64) -> Self {
        let mut buffer = Vec::with_capacity(256);
        push_part(&mut buffer, FIELD_CONTEXT);
        push_part(&mut buffer, log.as_bytes());
        buffer.extend_from_slice(&index.to_be_bytes());
        let prefix = buffer.len();
        Self { buffer, prefix }
    }

    pub(crate) fn commit(&mut self, name: &str, salt: &[u8; 32], value: &str) -> Hash {
        self.buffer.truncate(self.prefix);
        push_part(&mut self.buffer, name.as_bytes());
        self.buffer.extend_from_slice(salt);
        push_part(&mut self.buffer, value.as_bytes());
        sha256(&self.buffer)
    }
}

/// The commitment to one field of entry `index` of `log`, see the module's formula.
#[must_use]
pub fn commitment(log: &str, index: u64, name: &str, salt: &[u8; 32], value: &str) -> Hash {
    Committer::new(log, index).commit(name, salt, value)
}

/// The salt of field `name` under an entry's seed.
#[must_use]
pub fn salt(seed: &[u8; 32], name: &str) -> [u8; 32] {
    Salts::new(seed).of(name)
}

/// Appends a part after its length. Parts are bounded far below 2^32 by the limits of this module.
fn push_part(out: &mut Vec<u8>, part: &[u8]) {
    out.extend_from_slice(&(part.len() as u32).to_be_bytes());
    out.extend_from_slice(part);
}
