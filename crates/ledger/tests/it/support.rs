//! Small helpers: a seeded generator, hexadecimal, a tree by the text of the RFC.

use std::collections::HashMap;

use ledger::Hash;
use ledger::tree::{leaf_hash, node_hash};

/// SplitMix64: the same numbers on every run, which is what these tests want.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    pub fn bytes(&mut self, max: usize) -> Vec<u8> {
        (0..self.below(max + 1)).map(|_| self.next() as u8).collect()
    }
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub fn unhex(text: &str) -> Vec<u8> {
    assert!(text.len().is_multiple_of(2));
    (0..text.len() / 2).map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).unwrap()).collect()
}

/// A tree that keeps its leaves and computes everything by the recursive definitions of RFC 6962.
pub struct Reference {
    leaves: Vec<Hash>,
    known: HashMap<(usize, usize), Hash>,
}

impl Reference {
    pub fn new(size: u64) -> Self {
        let leaves = (0..size).map(|i| leaf_hash(&data(i))).collect();
        Self { leaves, known: HashMap::new() }
    }

    pub fn leaf(&self, index: u64) -> Hash {
        self.leaves[index as usize]
    }

    /// MTH of leaves `from..to` (RFC 6962 §2.1).
    pub fn root_of(&mut self, from: usize, to: usize) -> Hash {
        if to == from {
            return ledger::tree::empty_root();
        }
        if to - from == 1 {
            return self.leaves[from];
        }
        if let Some(known) = self.known.get(&(from, to)) {
            return *known;
        }
        let split = from + split(to - from);
        let root = node_hash(&self.root_of(from, split), &self.root_of(split, to));
        self.known.insert((from, to), root);
        root
    }

    /// The node closure's answer.
    pub fn node(&mut self, level: u8, index: u64) -> Result<Hash, String> {
        let (from, to) = (index << level, (index + 1) << level);
        if to > self.leaves.len() as u64 {
            return Err(format!("node {level}/{index} is not complete"));
        }
        Ok(self.root_of(from as usize, to as usize))
    }

    /// PATH(m, D[n]) (RFC 6962 §2.1.1).
    pub fn path(&mut self, m: usize, from: usize, to: usize) -> Vec<Hash> {
        if to - from == 1 {
            return Vec::new();
        }
        let middle = from + split(to - from);
        let (mut path, sibling) = if m < middle {
            (self.path(m, from, middle), self.root_of(middle, to))
        } else {
            (self.path(m, middle, to), self.root_of(from, middle))
        };
        path.push(sibling);
        path
    }
}

/// The largest power of two smaller than `n`.
fn split(n: usize) -> usize {
    n.next_power_of_two() / 2
}

/// The bytes of leaf `index` of test trees.
pub fn data(index: u64) -> Vec<u8> {
    format!("leaf {index}").into_bytes()
}
