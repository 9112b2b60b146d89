//! Keys for what faces give out and take back: challenges, nonces, codes.
//!
//! They hang from the root key, so every node of a store has the same ones and keeps none. What one
//! node marked, each of the others recognizes, and so does one that was started again.

use super::Kernel;
use sealing::Key;

impl Kernel {
    /// The key for one use, by its label; another store or epoch under the same root key has
    /// another one.
    pub fn derived(&self, label: &'static str) -> Key {
        let identity = self.identity();
        let parts: [&[u8]; 4] = [
            label.as_bytes(),
            identity.provider.as_bytes(),
            &identity.store,
            &identity.epoch.to_be_bytes(),
        ];
        sealing::derive(self.shared().keyring.root.faces(), b"face", &parts)
    }
}
