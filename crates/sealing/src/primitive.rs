//! The primitives, each with one way to use it. Everything in this crate goes through here, and the
//! Wycheproof vectors run against exactly these functions.
//!
//! Failures here are failures of the library (lengths are fixed by the callers), except
//! [`gcm_open`], where failure is the answer.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::{digest, hkdf, hmac};

/// The library refused, or the ciphertext is not authentic. There is nothing else to know.
#[derive(Debug)]
pub(crate) struct Failed;

/// A length that HKDF-Expand is asked for.
struct Length(usize);

impl hkdf::KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

/// HMAC-SHA-256 (RFC 2104, FIPS 198-1), fed piece by piece.
pub(crate) struct Hmac(hmac::Context);

impl Hmac {
    pub(crate) fn new(key: &[u8]) -> Self {
        Self(hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, key)))
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub(crate) fn finish(self) -> [u8; 32] {
        copied(self.0.sign().as_ref())
    }
}

/// SHA-256 (FIPS 180-4), fed piece by piece.
pub(crate) struct Sha256(digest::Context);

impl Sha256 {
    pub(crate) fn new() -> Self {
        Self(digest::Context::new(&digest::SHA256))
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub(crate) fn finish(self) -> [u8; 32] {
        copied(self.0.finish().as_ref())
    }
}

/// HKDF-Expand with SHA-256 (RFC 5869 §2.3) over the concatenation of `info`, filling `out`: at
/// most 8,160 bytes. There is no extract step, because every key given here is already uniform.
pub(crate) fn hkdf_expand(key: &[u8; 32], info: &[&[u8]], out: &mut [u8]) -> Result<(), Failed> {
    hkdf::Prk::new_less_safe(hkdf::HKDF_SHA256, key)
        .expand(info, Length(out.len()))
        .and_then(|okm| okm.fill(out))
        .map_err(|_| Failed)
}

/// AES-256-GCM (NIST SP 800-38D) with a 96-bit nonce and a 128-bit tag. `ciphertext` is as long as
/// `plaintext`, `tag` is 16 bytes.
///
/// The pair of key and nonce must never come twice; [`crate::seal`] derives both from a fresh salt.
pub(crate) fn gcm_seal(
    key: &[u8; 32],
    nonce: [u8; 12],
    aad: &[u8],
    plaintext: &[u8],
    ciphertext: &mut [u8],
    tag: &mut [u8],
) -> Result<(), Failed> {
    let key = gcm_key(key)?;
    let nonce = Nonce::assume_unique_for_key(nonce);
    key.seal_out_of_place_scatter(nonce, Aad::from(aad), plaintext, ciphertext, &[], tag)
        .map_err(|_| Failed)
}

/// Checks and decrypts; `plaintext` is as long as `ciphertext` and is worthless after a failure.
pub(crate) fn gcm_open(
    key: &[u8; 32],
    nonce: [u8; 12],
    aad: &[u8],
    ciphertext: &[u8],
    tag: &[u8],
    plaintext: &mut [u8],
) -> Result<(), Failed> {
    let key = gcm_key(key)?;
    let nonce = Nonce::assume_unique_for_key(nonce);
    key.open_separate_gather(nonce, Aad::from(aad), ciphertext, tag, plaintext).map_err(|_| Failed)
}

fn gcm_key(key: &[u8; 32]) -> Result<LessSafeKey, Failed> {
    UnboundKey::new(&AES_256_GCM, key).map(LessSafeKey::new).map_err(|_| Failed)
}

/// A digest of the library as an array; both functions above always give 32 bytes.
fn copied(digest: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(digest);
    out
}

#[cfg(test)]
mod wycheproof_vectors;
