//! The compact range of a log under verification, and the tiles that it completes.

use ledger::Hash;
use ledger::tree::{Frontier, node_hash};

/// Log2 of the hashes in a full tile.
const HEIGHT: u32 = ledger::tile::HEIGHT as u32;

/// A node that stands for a full tile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Full {
    pub(super) level: u8,
    pub(super) index: u64,
    pub(super) root: Hash,
}

/// The roots of the perfect subtrees of a log, largest first: all that is kept of it.
#[derive(Default)]
pub(super) struct Range {
    size: u64,
    peaks: Vec<Hash>,
}

impl Range {
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// As the head's row stores it.
    pub(super) fn bytes(&self) -> &[u8] {
        self.peaks.as_flattened()
    }

    pub(super) fn root(&self) -> Hash {
        let frontier = Frontier::from_parts(self.size, self.bytes());
        frontier.unwrap_or_default().root()
    }

    /// Appends a leaf; the answer is which tiles it fills, lowest first.
    pub(super) fn push(&mut self, leaf: Hash) -> Vec<Full> {
        let (mut node, mut level, mut full) = (leaf, 0_u32, Vec::new());
        // INVARIANT: one peak per set bit of the size, so each carry finds its left half.
        while self.size >> level & 1 == 1
            && let Some(left) = self.peaks.pop()
        {
            node = node_hash(&left, &node);
            level += 1;
            if level.is_multiple_of(HEIGHT) {
                let index = self.size >> level;
                let tile = u8::try_from(level / HEIGHT - 1).unwrap_or(u8::MAX);
                full.push(Full { level: tile, index, root: node });
            }
        }
        self.peaks.push(node);
        self.size += 1;
        full
    }
}

#[cfg(test)]
mod tests {
    use super::Range;
    use ledger::tree::{Frontier, leaf_hash};

    #[test]
    fn it_is_the_frontier_and_names_full_tiles() {
        let (mut range, mut frontier) = (Range::default(), Frontier::new());
        let mut full = Vec::new();
        for n in 0..66_000_u32 {
            let leaf = leaf_hash(&n.to_be_bytes());
            frontier.push(leaf);
            full.extend(range.push(leaf));
        }
        assert_eq!((range.size(), range.root()), (frontier.size(), frontier.root()));
        assert_eq!(range.bytes(), frontier.to_bytes());
        let low: Vec<u64> = full.iter().filter(|t| t.level == 0).map(|t| t.index).collect();
        assert_eq!(low, (0..257).collect::<Vec<_>>());
        assert_eq!(full.iter().filter(|t| t.level == 1).map(|t| t.index).collect::<Vec<_>>(), [0]);
    }
}
