//! A whole tree in memory, whose leaves may change: the snapshot of all accounts' heads.

use super::{empty_root, leaf_hash, node_hash};
use crate::{Hash, Malformed};

/// The most leaves a [`Tree`] takes: 2^26, which is 4 GiB of hashes.
pub const MAX_DENSE_LEAVES: u64 = 1 << 26;

/// An RFC 6962 tree with all its nodes in memory (64 bytes per leaf), for changing leaves in place.
///
/// A node without a right child is its left child unchanged; this makes every level a plain list
/// and gives exactly RFC 6962's ragged right edge.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tree {
    /// `levels[0]` are the leaves; each level above has half as many nodes, rounded up; the last
    /// has one. No level is empty.
    levels: Vec<Vec<Hash>>,
}

impl Tree {
    /// The empty tree.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The leaf of a slot that nothing was ever set in: the hash of no bytes.
    #[must_use]
    pub fn empty_leaf() -> Hash {
        leaf_hash(&[])
    }

    /// Number of leaves.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.levels.first().map_or(0, |leaves| leaves.len() as u64)
    }

    /// Whether there are no leaves.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.levels.is_empty()
    }

    /// Root of the tree.
    #[must_use]
    pub fn root(&self) -> Hash {
        self.levels.last().and_then(|top| top.first()).copied().unwrap_or_else(empty_root)
    }

    /// The leaf hash at `index`, if it is in the tree.
    #[must_use]
    pub fn leaf(&self, index: u64) -> Option<Hash> {
        self.levels.first()?.get(usize::try_from(index).ok()?).copied()
    }

    /// Appends a leaf and returns its index.
    ///
    /// # Errors
    /// When the tree has [`MAX_DENSE_LEAVES`].
    pub fn push(&mut self, leaf: Hash) -> Result<u64, Malformed> {
        let index = self.len();
        self.set(index, leaf)?;
        Ok(index)
    }

    /// Sets one leaf; slots skipped between the end and `index` become [`Tree::empty_leaf`].
    /// Costs one hash per level, and one per skipped slot.
    ///
    /// # Errors
    /// When `index` is not below [`MAX_DENSE_LEAVES`].
    pub fn set(&mut self, index: u64, leaf: Hash) -> Result<(), Malformed> {
        self.update(&[(index, leaf)])
    }

    /// Sets many leaves, in any order (the last one wins), hashing each node above them once.
    ///
    /// # Errors
    /// When an index is not below [`MAX_DENSE_LEAVES`]; nothing is changed then.
    pub fn update(&mut self, changes: &[(u64, Hash)]) -> Result<(), Malformed> {
        let Some(highest) = changes.iter().map(|(index, _)| *index).max() else { return Ok(()) };
        if highest >= MAX_DENSE_LEAVES {
            return Err(Malformed::with(format!(
                "slot `{highest}` is beyond the snapshot's limit of {MAX_DENSE_LEAVES} slots"
            )));
        }
        if self.levels.is_empty() {
            self.levels.push(Vec::new());
        }
        let Some(leaves) = self.levels.first_mut() else { return Ok(()) };
        let mut dirty: Vec<usize> = Vec::with_capacity(changes.len());
        if highest as usize >= leaves.len() {
            dirty.extend(leaves.len()..=highest as usize);
            leaves.resize(highest as usize + 1, Self::empty_leaf());
        }
        for (index, leaf) in changes {
            if let Some(slot) = leaves.get_mut(*index as usize) {
                *slot = *leaf;
                dirty.push(*index as usize);
            }
        }
        dirty.sort_unstable();
        self.rehash(dirty);
        Ok(())
    }

    /// Inclusion proof of leaf `index`; `None` outside the tree.
    #[must_use]
    pub fn prove(&self, index: u64) -> Option<Vec<Hash>> {
        self.leaf(index)?;
        let mut node = usize::try_from(index).ok()?;
        let mut proof = Vec::with_capacity(self.levels.len());
        for level in &self.levels {
            if let Some(sibling) = level.get(node ^ 1) {
                proof.push(*sibling);
            }
            node >>= 1;
        }
        Some(proof)
    }

    /// Recomputes what lies above the `dirty` leaves (sorted, repeats allowed).
    fn rehash(&mut self, mut dirty: Vec<usize>) {
        let mut height = 0;
        loop {
            dirty.dedup();
            let (below, above) = self.levels.split_at_mut(height + 1);
            let Some(children) = below.last().filter(|level| level.len() > 1) else { return };
            let parents_len = children.len().div_ceil(2);
            dirty.iter_mut().for_each(|node| *node /= 2);
            dirty.dedup();
            let mut fresh = Vec::new();
            let parents = above.first_mut().unwrap_or(&mut fresh);
            parents.resize(parents_len, [0; 32]);
            let (pairs, lone) = children.as_chunks::<2>();
            for &node in &dirty {
                let hash = match pairs.get(node) {
                    Some([left, right]) => Some(node_hash(left, right)),
                    None => lone.first().copied(),
                };
                if let (Some(hash), Some(slot)) = (hash, parents.get_mut(node)) {
                    *slot = hash;
                }
            }
            if !fresh.is_empty() {
                self.levels.push(fresh);
            }
            height += 1;
        }
    }
}
