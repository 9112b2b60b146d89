//! Bytes that clear themselves and print nothing.

use std::fmt;

use subtle::ConstantTimeEq;
use zeroize::ZeroizeOnDrop;

use crate::entropy::{Entropy, EntropyError};

/// A 256-bit key.
pub type Key = Secret<32>;

/// `N` secret bytes: overwritten when dropped, never printed, compared in constant time.
///
/// Not `Clone`, not `Copy`, not `PartialEq` and without a serialized form, so that each copy of a
/// key is a deliberate act; share one behind an `Arc`. Moving a value may leave its old bytes on
/// the stack until they are overwritten.
#[derive(ZeroizeOnDrop)]
pub struct Secret<const N: usize>([u8; N]);

impl<const N: usize> Secret<N> {
    /// Takes over the bytes. The caller's own copy of the array is the caller's to clear.
    #[must_use]
    pub const fn new(bytes: [u8; N]) -> Self {
        Self(bytes)
    }

    /// Draws fresh bytes.
    ///
    /// # Errors
    /// [`EntropyError`] when the source fails.
    pub fn generate(entropy: &mut dyn Entropy) -> Result<Self, EntropyError> {
        let mut secret = Self([0; N]);
        entropy.fill(&mut secret.0)?;
        Ok(secret)
    }

    /// Copies the bytes, or `None` when `bytes` is not exactly `N` long.
    #[must_use]
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// The bytes. The name makes each use findable.
    #[must_use]
    pub const fn expose(&self) -> &[u8; N] {
        &self.0
    }

    /// The bytes, to be filled in place.
    pub(crate) const fn expose_mut(&mut self) -> &mut [u8; N] {
        &mut self.0
    }

    /// Compares without telling by its time where the difference lies.
    #[must_use]
    pub fn ct_eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl<const N: usize> fmt::Debug for Secret<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

impl<const N: usize> fmt::Display for Secret<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}
