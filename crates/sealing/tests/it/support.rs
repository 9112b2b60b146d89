//! What several tests need.

use sealing::{Context, DangerSeededEntropy, Entropy, EntropyError, Key, Label, RootKey};

/// A seeded source; every test starts its own.
pub fn seeded(seed: u64) -> DangerSeededEntropy {
    DangerSeededEntropy::from_number(seed)
}

/// A key of one repeated byte.
pub fn key(byte: u8) -> Key {
    Key::new([byte; 32])
}

/// A root key of one repeated byte.
pub fn root(byte: u8) -> RootKey {
    RootKey::from_bytes([byte; 32])
}

/// A context in which every field has a value of its own.
pub fn context() -> Context {
    let tag = *b"sixteen-byte-tag";
    Context { label: Label::Version, account: 17, tag, version: 3, key_version: 2 }
}

/// Gives zeros for some calls, then fails.
pub struct FailingEntropy {
    pub calls_left: usize,
}

impl Entropy for FailingEntropy {
    fn fill(&mut self, out: &mut [u8]) -> Result<(), EntropyError> {
        self.calls_left = self.calls_left.checked_sub(1).ok_or(EntropyError)?;
        out.fill(0);
        Ok(())
    }
}

/// A number below `bound`, drawn from the source.
pub fn below(entropy: &mut DangerSeededEntropy, bound: usize) -> usize {
    let mut bytes = [0; 8];
    entropy.fill(&mut bytes).unwrap();
    usize::try_from(u64::from_be_bytes(bytes) % u64::try_from(bound).unwrap()).unwrap()
}

/// Up to `most` random bytes.
pub fn random_bytes(entropy: &mut DangerSeededEntropy, most: usize) -> Vec<u8> {
    let mut bytes = vec![0; below(entropy, most + 1)];
    entropy.fill(&mut bytes).unwrap();
    bytes
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub fn unhex(text: &str) -> Vec<u8> {
    assert!(text.len().is_multiple_of(2), "`{text}` is not hex");
    let pairs = (0..text.len()).step_by(2);
    pairs.map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}
