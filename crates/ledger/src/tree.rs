//! The Merkle tree of RFC 6962 §2.1 over SHA-256: hashes, frontier, batches and proofs.
//!
//! A log appends and proves with nothing but its [`Frontier`] (one hash per set bit of the size)
//! and the nodes of the batch it appends ([`Batch`]): no stored node is read. Proofs about older
//! entries read stored nodes through a closure `FnMut(level, index) -> Result<Hash, E>` that gives
//! the root of the perfect subtree over leaves `index << level .. (index + 1) << level`.
//!
//! Promises: proofs are byte for byte those of RFC 6962 §2.1.1 and §2.1.2; verification follows
//! RFC 9162 §2.1.3.2 and §2.1.4.2. Sizes go to [`MAX_SIZE`].
//! Does not: store nodes, or say which of two consistent heads is newer than the other for a user.

mod batch;
mod dense;
mod frontier;
mod proof;

pub use batch::Batch;
pub use dense::{MAX_DENSE_LEAVES, Tree};
pub use frontier::Frontier;
pub use proof::{
    ProofError, consistency_proof, inclusion_proof, root_from_nodes, verify_consistency,
    verify_inclusion,
};

use crate::{Hash, sha256};

/// The largest tree: 2^48 - 1 leaves, what tiles of levels 0 to 5 can hold.
pub const MAX_SIZE: u64 = (1 << 48) - 1;

/// The most hashes any proof can have: one per level of a tree of 2^64 leaves.
pub const MAX_PROOF: usize = 64;

/// Hash of a leaf: SHA-256 over `0x00` and the leaf's bytes.
#[must_use]
pub fn leaf_hash(data: &[u8]) -> Hash {
    // Entries are a few hundred bytes: one call over a stack buffer beats a streaming context.
    let mut buffer = [0; 1024];
    if let Some(room) = buffer.get_mut(1..=data.len()) {
        room.copy_from_slice(data);
        return sha256(buffer.get(..=data.len()).unwrap_or_default());
    }
    let mut context = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
    context.update(&[0]);
    context.update(data);
    let mut out = [0; 32];
    out.copy_from_slice(context.finish().as_ref());
    out
}

/// Hash of an inner node: SHA-256 over `0x01`, the left and the right child.
#[must_use]
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    let mut buffer = [1; 65];
    let (_, children) = buffer.split_at_mut(1);
    let (a, b) = children.split_at_mut(32);
    a.copy_from_slice(left);
    b.copy_from_slice(right);
    sha256(&buffer)
}

/// Root of the tree without leaves: SHA-256 of nothing.
#[must_use]
pub fn empty_root() -> Hash {
    sha256(&[])
}
