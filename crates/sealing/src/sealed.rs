//! Sealing and opening of one value.

use aws_lc_rs::aead::{MAX_TAG_LEN, NONCE_LEN};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::context::Context;
use crate::entropy::{Entropy, EntropyError};
use crate::keyed::length;
use crate::primitive;
use crate::secret::{Key, Secret};

/// Bytes a sealed value is longer than its plaintext: suite 1, salt 24, commitment 32, tag 16.
pub const OVERHEAD: usize = 1 + SALT + COMMITMENT + TAG;

/// Bytes of a wrapped key.
pub const WRAPPED_KEY: usize = OVERHEAD + KEY;

/// The longest plaintext, 64 MiB: a value is held in memory twice while it is sealed, and is
/// authenticated as a whole. Whoever has more cuts it into values of their own contexts.
pub const MAX_PLAINTEXT: usize = 64 << 20;

/// The only suite so far; another construction gets another byte and another derivation name.
const SUITE: u8 = 0x01;
/// Begins the derivation of every message key, so that no other use of a key meets it.
const DERIVATION: &[u8] = b"bailee-seal/v1 HKDF-SHA256 AES-256-GCM";

const SALT: usize = 24;
const KEY: usize = 32;
const NONCE: usize = NONCE_LEN;
const COMMITMENT: usize = 32;
const TAG: usize = MAX_TAG_LEN;

/// Why a value could not be sealed. None of these is the caller's data.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum SealError {
    /// The random source failed.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
    /// A limit is reached: which one and what to do.
    #[error("{0}")]
    Limit(&'static str),
    /// The cryptographic library refused, which it has no reason to.
    #[error("the cryptographic library failed; stop this process and check the machine")]
    Library,
}

/// Why a sealed value was not opened.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum OpenError {
    /// The first byte names no suite of this release.
    #[error("the sealed value has unknown suite `{0}`; open it with a newer release")]
    UnknownSuite(u8),
    /// Shorter than any sealed value.
    #[error("the sealed value is cut short; restore it from a backup")]
    Truncated,
    /// Wrong key, wrong context or changed bytes. Which of them is not told, and not known.
    #[error("the sealed value does not open here: another key, another place, or changed bytes")]
    Refused,
}

/// Seals `plaintext` under `key` for `context`.
///
/// ```text
/// sealed     = 0x01 ‖ salt 24 ‖ commitment 32 ‖ ciphertext ‖ tag 16
/// k ‖ n ‖ c  = HKDF-Expand-SHA256(key, lp(name) ‖ salt ‖ lp(context), 32 + 12 + 32)
/// ciphertext = AES-256-GCM(k, nonce n, associated data = context);  commitment = c
/// ```
///
/// where `lp` is a 4-byte big-endian length and the bytes, and `context` is [`Context::encode`].
/// It is modelled on C2SP chunked-encryption, for one chunk. Salts of 192 bits make 2^77 values
/// under one key safe from a repeated pair of key and nonce at a risk of 2^-39; a source that
/// repeats itself for the same key and context breaks GCM, as it does without derivation.
///
/// # Errors
/// [`SealError::Entropy`] when the source fails, [`SealError::Limit`] over [`MAX_PLAINTEXT`].
pub fn seal(
    key: &Key,
    context: &Context,
    entropy: &mut dyn Entropy,
    plaintext: &[u8],
) -> Result<Vec<u8>, SealError> {
    if plaintext.len() > MAX_PLAINTEXT {
        return Err(SealError::Limit("a sealed value holds at most 64 MiB; cut it into parts"));
    }
    let mut salt = [0; SALT];
    entropy.fill(&mut salt)?;
    let context = context.encode();
    let message = MessageKey::derive(key, &salt, &context).ok_or(SealError::Library)?;

    let mut sealed = Vec::with_capacity(OVERHEAD + plaintext.len());
    sealed.push(SUITE);
    sealed.extend_from_slice(&salt);
    sealed.extend_from_slice(&message.commitment);
    let header = sealed.len();
    sealed.resize(OVERHEAD + plaintext.len(), 0);
    let (ciphertext, tag) = sealed
        .get_mut(header..)
        .and_then(|body| body.split_at_mut_checked(plaintext.len()))
        .ok_or(SealError::Library)?;
    let nonce = message.nonce;
    primitive::gcm_seal(message.key.expose(), nonce, &context, plaintext, ciphertext, tag)
        .map_err(|_| SealError::Library)?;
    Ok(sealed)
}

/// Opens what [`seal`] made with the same key and context. The plaintext is cleared when dropped.
///
/// # Errors
/// [`OpenError::UnknownSuite`] and [`OpenError::Truncated`] by what anybody sees of the value,
/// [`OpenError::Refused`] for everything else.
pub fn open(key: &Key, context: &Context, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, OpenError> {
    let value = Committed::check(key, context, sealed)?;
    let mut plaintext = Zeroizing::new(vec![0; value.ciphertext.len()]);
    value.open_into(&mut plaintext)?;
    Ok(plaintext)
}

/// Seals a key: [`seal`] of its 32 bytes. The result is [`WRAPPED_KEY`] bytes.
///
/// # Errors
/// [`SealError::Entropy`] when the source fails.
pub fn wrap(
    key: &Key,
    context: &Context,
    entropy: &mut dyn Entropy,
    wrapped: &Key,
) -> Result<Vec<u8>, SealError> {
    seal(key, context, entropy, wrapped.expose())
}

/// Opens what [`wrap`] made with the same key and context.
///
/// # Errors
/// As [`open`]; [`OpenError::Refused`] also when the content is not 32 bytes.
pub fn unwrap(key: &Key, context: &Context, wrapped: &[u8]) -> Result<Key, OpenError> {
    let value = Committed::check(key, context, wrapped)?;
    let mut opened = Secret::new([0; KEY]);
    value.open_into(opened.expose_mut())?;
    Ok(opened)
}

/// Key, nonce and commitment of one sealed value.
struct MessageKey {
    key: Key,
    nonce: [u8; NONCE],
    commitment: [u8; COMMITMENT],
}

impl MessageKey {
    /// `None` only if the library fails.
    fn derive(key: &Key, salt: &[u8; SALT], context: &[u8]) -> Option<Self> {
        let info = [&length(DERIVATION), DERIVATION, salt, &length(context), context];
        let mut material = Secret::new([0; KEY + NONCE + COMMITMENT]);
        primitive::hkdf_expand(key.expose(), &info, material.expose_mut()).ok()?;
        let (key, rest) = material.expose().split_first_chunk::<KEY>()?;
        let (nonce, commitment) = rest.split_first_chunk::<NONCE>()?;
        Some(Self {
            key: Secret::new(*key),
            nonce: *nonce,
            commitment: commitment.try_into().ok()?,
        })
    }
}

/// A sealed value whose commitment fits the key and the context; its bytes are not yet checked.
struct Committed<'a> {
    message: MessageKey,
    context: Vec<u8>,
    ciphertext: &'a [u8],
    tag: &'a [u8; TAG],
}

impl<'a> Committed<'a> {
    fn check(key: &Key, context: &Context, sealed: &'a [u8]) -> Result<Self, OpenError> {
        let (suite, rest) = sealed.split_first().ok_or(OpenError::Truncated)?;
        if *suite != SUITE {
            return Err(OpenError::UnknownSuite(*suite));
        }
        let (salt, rest) = rest.split_first_chunk::<SALT>().ok_or(OpenError::Truncated)?;
        let (commitment, rest) =
            rest.split_first_chunk::<COMMITMENT>().ok_or(OpenError::Truncated)?;
        let (ciphertext, tag) = rest.split_last_chunk::<TAG>().ok_or(OpenError::Truncated)?;

        let context = context.encode();
        let message = MessageKey::derive(key, salt, &context).ok_or(OpenError::Refused)?;
        // INVARIANT: nothing is decrypted under a key that the value does not commit to. GCM alone
        // lets one ciphertext be made that opens under several keys.
        if bool::from(message.commitment.ct_eq(commitment)) {
            Ok(Self { message, context, ciphertext, tag })
        } else {
            Err(OpenError::Refused)
        }
    }

    /// Decrypts into exactly as many bytes as there are; another length is refused.
    fn open_into(&self, plaintext: &mut [u8]) -> Result<(), OpenError> {
        let (key, nonce) = (self.message.key.expose(), self.message.nonce);
        primitive::gcm_open(key, nonce, &self.context, self.ciphertext, self.tag, plaintext)
            .map_err(|_| OpenError::Refused)
    }
}
