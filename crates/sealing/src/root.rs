//! The root key and the keys derived from it.

use std::fmt;

use crate::entropy::{Entropy, EntropyError};
use crate::keyed::derive;
use crate::secret::{Key, Secret};

/// The key that everything hangs from. It lives in the keys folder, never in the store.
///
/// It is used for nothing itself; four keys are derived from it by name.
pub struct RootKey {
    root: Key,
    wrapping: Key,
    meta: Key,
    index: Key,
    faces: Key,
}

impl RootKey {
    /// The root key of 32 uniformly random bytes. A passphrase goes through
    /// [`crate::PassphraseFile`], never in here.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self::from_key(Secret::new(bytes))
    }

    /// Draws a new root key.
    ///
    /// # Errors
    /// [`EntropyError`] when the source fails.
    pub fn generate(entropy: &mut dyn Entropy) -> Result<Self, EntropyError> {
        Ok(Self::from_key(Key::generate(entropy)?))
    }

    pub(crate) fn from_key(root: Key) -> Self {
        let wrapping = derive(&root, b"root-wrapping", &[]);
        let meta = derive(&root, b"root-meta", &[]);
        let index = derive(&root, b"root-index", &[]);
        let faces = derive(&root, b"root-faces", &[]);
        Self { root, wrapping, meta, index, faces }
    }

    /// Wraps account keys and the ledger's signing key.
    #[must_use]
    pub const fn wrapping(&self) -> &Key {
        &self.wrapping
    }

    /// Authenticates what the store says about itself ([`crate::mac`]).
    #[must_use]
    pub const fn meta(&self) -> &Key {
        &self.meta
    }

    /// Tags what is looked up across accounts ([`crate::tag`]).
    #[must_use]
    pub const fn index(&self) -> &Key {
        &self.index
    }

    /// What marks that faces give out and take back hang from, on every node of a store
    /// ([`crate::derive`]). Nothing that is stored is sealed or tagged under it.
    #[must_use]
    pub const fn faces(&self) -> &Key {
        &self.faces
    }

    /// The root itself, for its key file only.
    pub(crate) const fn secret(&self) -> &Key {
        &self.root
    }
}

impl fmt::Debug for RootKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RootKey(..)")
    }
}
