//! Derived keys, tags, authentication codes and hashes over several parts.
//!
//! Every part is preceded by its length, so `["ab", "c"]` and `["a", "bc"]` never meet. Each keyed
//! function begins with a name of its own, so one key may serve several of them, and
//! [`crate::seal`] too, without one result helping to find another. A part is shorter than 4 GiB.

use std::iter;

use subtle::ConstantTimeEq;

use crate::primitive;
use crate::secret::{Key, Secret};

const DERIVE: &[u8] = b"bailee-derive/v1";
const MAC: &[u8] = b"bailee-mac/v1";
const TAG: &[u8] = b"bailee-tag/v1";

/// A key derived from `key` for the use `label` and the object named by `parts`:
/// HKDF-Expand-SHA256 (RFC 5869), `info` = `bailee-derive/v1`, label, parts, each length-prefixed.
#[must_use]
pub fn derive(key: &Key, label: &[u8], parts: &[&[u8]]) -> Key {
    let mut info = Vec::new();
    for part in [DERIVE, label].iter().chain(parts) {
        push_part(&mut info, part);
    }
    let mut derived = Secret::new([0; 32]);
    #[expect(clippy::expect_used, reason = "one block of output is always within RFC 5869's 255")]
    primitive::hkdf_expand(key.expose(), &[&info], derived.expose_mut()).expect("32 bytes");
    derived
}

/// A 16-byte name for `parts` that only the holder of `key` can compute or guess at: the first half
/// of HMAC-SHA-256 over `bailee-tag/v1` and the parts, each length-prefixed.
///
/// Among a billion objects under one key two share a tag with a probability of about 2^-69.
#[must_use]
pub fn tag(key: &Key, parts: &[&[u8]]) -> [u8; 16] {
    let mac = keyed(key, TAG, parts);
    let mut out = [0; 16];
    for (slot, byte) in out.iter_mut().zip(mac) {
        *slot = byte;
    }
    out
}

/// HMAC-SHA-256 (RFC 2104) over `bailee-mac/v1` and `parts`, each length-prefixed. To check one,
/// use [`verify_mac`]: `==` would tell by its time how much of a forgery is right.
#[must_use]
pub fn mac(key: &Key, parts: &[&[u8]]) -> [u8; 32] {
    keyed(key, MAC, parts)
}

/// Whether `expected` is [`mac`] of `parts`, compared in constant time. False for another length.
#[must_use]
pub fn verify_mac(key: &Key, parts: &[&[u8]], expected: &[u8]) -> bool {
    mac(key, parts).ct_eq(expected).into()
}

/// SHA-256 (FIPS 180-4) over `parts`, each length-prefixed. Give the format's name as first part:
/// unlike the keyed functions this one adds none.
#[must_use]
pub fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    let mut state = primitive::Sha256::new();
    for part in parts {
        state.update(&length(part));
        state.update(part);
    }
    state.finish()
}

/// SHA-256 (FIPS 180-4) of the bytes as they are, as `sha256sum` prints it: for what people compare
/// by hand, and never for what is sealed or signed, where [`sha256`] keeps parts apart.
#[must_use]
pub fn digest(bytes: &[u8]) -> [u8; 32] {
    let mut state = primitive::Sha256::new();
    state.update(bytes);
    state.finish()
}

/// Appends the length of `part` as 4 bytes, big-endian, and `part`.
pub(crate) fn push_part(out: &mut Vec<u8>, part: &[u8]) {
    out.extend_from_slice(&length(part));
    out.extend_from_slice(part);
}

fn keyed(key: &Key, name: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut state = primitive::Hmac::new(key.expose());
    for part in iter::once(&name).chain(parts) {
        state.update(&length(part));
        state.update(part);
    }
    state.finish()
}

/// The length prefix of `part`: 4 bytes, big-endian.
pub(crate) fn length(part: &[u8]) -> [u8; 4] {
    #[expect(
        clippy::expect_used,
        reason = "4 GiB is beyond every limit above; a shortened length would be ambiguous"
    )]
    u32::try_from(part.len()).expect("a part is shorter than 4 GiB").to_be_bytes()
}
