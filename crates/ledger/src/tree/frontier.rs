//! The frontier: all a log must remember to append.

use super::{MAX_SIZE, empty_root, node_hash};
use crate::{Hash, Malformed};

/// The compact range `0..size`: the roots of the perfect subtrees a tree of `size` leaves consists
/// of, largest first, one per set bit of the size. At most 64 hashes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    peaks: Vec<Hash>,
}

impl Frontier {
    /// The frontier of the empty tree.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Rebuilds a stored frontier. `hashes` are the bytes of [`Frontier::to_bytes`].
    ///
    /// # Errors
    /// When `hashes` is not 32 bytes per set bit of `size`, or `size` is over [`MAX_SIZE`]. Whether
    /// the hashes are the right ones shows only in the root.
    pub fn from_parts(size: u64, hashes: &[u8]) -> Result<Self, Malformed> {
        let (peaks, rest) = hashes.as_chunks::<32>();
        let expected = u64::from(size.count_ones());
        if size > MAX_SIZE || !rest.is_empty() || peaks.len() as u64 != expected {
            return Err(Malformed::with(format!(
                "a frontier of {} bytes does not fit a tree of `{size}` leaves; restore the head",
                hashes.len()
            )));
        }
        Ok(Self { size, peaks: peaks.to_vec() })
    }

    /// Number of leaves.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Root of the tree.
    #[must_use]
    pub fn root(&self) -> Hash {
        let mut peaks = self.peaks.iter().rev();
        let Some(smallest) = peaks.next() else { return empty_root() };
        peaks.fold(*smallest, |right, left| node_hash(left, &right))
    }

    /// The hashes, largest subtree first, for storage.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.peaks.concat()
    }

    /// Appends a leaf by its hash.
    pub fn push(&mut self, leaf: Hash) {
        self.push_with(leaf, |_, _| ());
    }

    /// Appends a leaf and hands every perfect subtree that this completes to `completed`, with its
    /// level, lowest first (the leaf itself is level 0).
    pub(super) fn push_with(&mut self, leaf: Hash, mut completed: impl FnMut(usize, Hash)) {
        let mut node = leaf;
        let mut level = 0;
        completed(level, node);
        // INVARIANT: one peak per set bit of the size, so each carry finds its left half.
        while self.size >> level & 1 == 1
            && let Some(left) = self.peaks.pop()
        {
            node = node_hash(&left, &node);
            level += 1;
            completed(level, node);
        }
        self.peaks.push(node);
        self.size += 1;
    }

    /// The peaks with their levels, smallest subtree first.
    pub(super) fn peaks(&self) -> impl Iterator<Item = (usize, Hash)> + '_ {
        let levels = (0..64usize).filter(|level| self.size >> level & 1 == 1);
        levels.zip(self.peaks.iter().rev().copied())
    }
}
