//! Appending several leaves at once and proving each of them without reading a stored node.

use super::{Frontier, inclusion_proof};
use crate::Hash;

/// Leaves appended on top of a frontier, with every perfect subtree that they complete.
///
/// Why this is enough for proofs: the sibling left of a new leaf's path lies either wholly in the
/// old tree, and is then a peak of the old frontier, or was completed by this batch.
#[derive(Clone, Debug)]
pub struct Batch {
    start: u64,
    frontier: Frontier,
    levels: Vec<Level>,
}

/// The known nodes of one level: consecutive, from index `first`.
#[derive(Clone, Debug)]
struct Level {
    first: u64,
    nodes: Vec<Hash>,
}

impl Batch {
    /// Starts a batch on top of `frontier`.
    #[must_use]
    pub fn new(frontier: Frontier) -> Self {
        let start = frontier.size();
        let mut batch = Self { start, frontier, levels: Vec::new() };
        for (level, peak) in batch.frontier.clone().peaks() {
            batch.keep(level, peak);
        }
        batch
    }

    /// Appends a leaf by its hash and returns its index.
    pub fn push(&mut self, leaf_hash: Hash) -> u64 {
        let index = self.frontier.size();
        let Self { start, frontier, levels } = self;
        frontier.push_with(leaf_hash, |level, node| keep(levels, *start, level, node));
        index
    }

    /// Number of leaves, the old ones included.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.frontier.size()
    }

    /// Root of the tree as it is now.
    #[must_use]
    pub fn root(&self) -> Hash {
        self.frontier.root()
    }

    /// The frontier as it is now, to be stored.
    #[must_use]
    pub fn frontier(&self) -> &Frontier {
        &self.frontier
    }

    /// Inclusion proof of a leaf of this batch in the tree as it is now; `None` for older leaves
    /// and for indexes not yet in the tree.
    #[must_use]
    pub fn prove(&self, index: u64) -> Option<Vec<Hash>> {
        if index < self.start || index >= self.size() {
            return None;
        }
        inclusion_proof(index, self.size(), &mut |level, i| self.node(level, i).ok_or(())).ok()
    }

    /// Root of the perfect subtree `index` of `level`, if it is a peak of the starting frontier or
    /// was completed by this batch.
    #[must_use]
    pub fn node(&self, level: u8, index: u64) -> Option<Hash> {
        let level = self.levels.get(usize::from(level))?;
        let offset = usize::try_from(index.checked_sub(level.first)?).ok()?;
        level.nodes.get(offset).copied()
    }

    fn keep(&mut self, level: usize, node: Hash) {
        keep(&mut self.levels, self.start, level, node);
    }
}

/// Adds a node at the end of its level.
// INVARIANT: a level's nodes are consecutive: the old frontier's peak (the last complete node of
// the level, present exactly when the count of complete nodes is odd), then the new ones in order.
fn keep(levels: &mut Vec<Level>, start: u64, level: usize, node: Hash) {
    while levels.len() <= level {
        let complete = start.checked_shr(levels.len() as u32).unwrap_or(0);
        levels.push(Level { first: complete & !1, nodes: Vec::new() });
    }
    if let Some(level) = levels.get_mut(level) {
        level.nodes.push(node);
    }
}
