//! Where random bytes come from.
//!
//! A parameter everywhere, so that a whole system runs under simulation from one seed. Only
//! [`SystemEntropy`] may be used with real data.

use crate::primitive;
use crate::secret::Secret;

/// A source of random bytes.
pub trait Entropy: Send {
    /// Fills the whole of `out`.
    ///
    /// # Errors
    /// [`EntropyError`] when the source fails; what `out` then holds must not be used.
    fn fill(&mut self, out: &mut [u8]) -> Result<(), EntropyError>;
}

/// The random source failed. No operation that needs a key or a salt may go on.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the random source failed; stop this process and check the machine's random device")]
pub struct EntropyError;

/// The random generator of AWS-LC (CTR-DRBG of NIST SP 800-90A, seeded by the operating system and
/// safe across `fork`).
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    #[expect(clippy::disallowed_methods, reason = "the one place where randomness enters")]
    fn fill(&mut self, out: &mut [u8]) -> Result<(), EntropyError> {
        aws_lc_rs::rand::fill(out).map_err(|_| EntropyError)
    }
}

/// Deterministic bytes from a seed, for simulation, tests and frozen vectors.
///
/// Never for real data: who knows the seed knows every key. Block `i` of the stream is
/// HMAC-SHA-256(seed, `bailee-seeded-entropy/v1` ‖ i as 8 bytes, big-endian). How the stream is cut
/// into calls does not change it.
pub struct DangerSeededEntropy {
    seed: Secret<32>,
    next_block: u64,
    block: Secret<32>,
    used: usize,
}

impl DangerSeededEntropy {
    /// Starts the stream of `seed` at its first byte.
    #[must_use]
    pub fn new(seed: [u8; 32]) -> Self {
        let block = Secret::new([0; 32]);
        Self { seed: Secret::new(seed), next_block: 0, block, used: 32 }
    }

    /// Starts the stream of a small number, for tests that try many seeds.
    #[must_use]
    pub fn from_number(seed: u64) -> Self {
        let mut bytes = [0; 32];
        for (slot, byte) in bytes.iter_mut().zip(seed.to_be_bytes()) {
            *slot = byte;
        }
        Self::new(bytes)
    }

    fn next_byte(&mut self) -> u8 {
        if self.used >= self.block.expose().len() {
            let mut state = primitive::Hmac::new(self.seed.expose());
            state.update(b"bailee-seeded-entropy/v1");
            state.update(&self.next_block.to_be_bytes());
            self.block = Secret::new(state.finish());
            self.next_block = self.next_block.wrapping_add(1);
            self.used = 0;
        }
        let byte = self.block.expose().get(self.used).copied().unwrap_or_default();
        self.used = self.used.saturating_add(1);
        byte
    }
}

impl Entropy for DangerSeededEntropy {
    fn fill(&mut self, out: &mut [u8]) -> Result<(), EntropyError> {
        out.fill_with(|| self.next_byte());
        Ok(())
    }
}
