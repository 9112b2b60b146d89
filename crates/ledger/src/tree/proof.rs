//! Building and checking inclusion and consistency proofs.

use super::{empty_root, node_hash};
use crate::Hash;

/// Why a proof does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// The index is not below the size, or the old size is above the new one.
    #[error("the proof is about a position outside the tree")]
    OutOfRange,
    /// Too few or too many hashes for these sizes.
    #[error("the proof has the wrong number of hashes for this tree")]
    WrongLength,
    /// The hashes do not lead to the given root.
    #[error("the proof leads to another root")]
    OtherRoot,
}

/// Inclusion proof of leaf `index` in the tree of the first `size` leaves (RFC 6962 §2.1.1),
/// sibling of the leaf first. An index outside the tree has no proof: the result is then empty.
///
/// # Errors
/// Whatever `read` answers.
pub fn inclusion_proof<E>(
    index: u64,
    size: u64,
    read: &mut impl FnMut(u8, u64) -> Result<Hash, E>,
) -> Result<Vec<Hash>, E> {
    let mut proof = Vec::new();
    if index < size {
        climb(0, index, size, &mut proof, read)?;
    }
    Ok(proof)
}

/// Consistency proof between the trees of the first `old` and the first `new` leaves (RFC 6962
/// §2.1.2). Empty when `old` is 0, equal to `new` or (no proof exists) larger.
///
/// # Errors
/// Whatever `read` answers.
pub fn consistency_proof<E>(
    old: u64,
    new: u64,
    read: &mut impl FnMut(u8, u64) -> Result<Hash, E>,
) -> Result<Vec<Hash>, E> {
    let mut proof = Vec::new();
    if old == 0 || old >= new {
        return Ok(proof);
    }
    // The last perfect subtree of the old tree: everything else follows from its path upwards.
    let level = old.trailing_zeros() as u8;
    let node = (old >> level) - 1;
    if node != 0 {
        proof.push(read(level, node)?);
    }
    climb(level, node, new, &mut proof, read)?;
    Ok(proof)
}

/// Root of the tree of the first `size` leaves, from its stored nodes.
///
/// # Errors
/// Whatever `read` answers.
pub fn root_from_nodes<E>(
    size: u64,
    read: &mut impl FnMut(u8, u64) -> Result<Hash, E>,
) -> Result<Hash, E> {
    Ok(ragged(size, 64, read)?.unwrap_or_else(empty_root))
}

/// Appends the siblings on the way from node `node` of `level` to the root of the tree of `size`.
fn climb<E>(
    mut level: u8,
    mut node: u64,
    size: u64,
    proof: &mut Vec<Hash>,
    read: &mut impl FnMut(u8, u64) -> Result<Hash, E>,
) -> Result<(), E> {
    let mut complete = size >> level;
    let mut last = (size - 1) >> level;
    while last > 0 {
        let sibling = node ^ 1;
        if sibling < complete {
            proof.push(read(level, sibling)?);
        } else if sibling == last {
            proof.extend(ragged(size, level, read)?);
        }
        node >>= 1;
        complete >>= 1;
        last >>= 1;
        level += 1;
    }
    Ok(())
}

/// Root over the leaves right of the last perfect subtree of `level`; `None` if there are none.
fn ragged<E>(
    size: u64,
    level: u8,
    read: &mut impl FnMut(u8, u64) -> Result<Hash, E>,
) -> Result<Option<Hash>, E> {
    let mut right: Option<Hash> = None;
    for below in (0..level).filter(|l| size >> l & 1 == 1) {
        let left = read(below, (size >> below) - 1)?;
        right = Some(right.map_or(left, |right| node_hash(&left, &right)));
    }
    Ok(right)
}

/// Checks that `leaf_hash` is leaf `index` of the tree of `size` leaves with this `root`
/// (RFC 9162 §2.1.3.2).
///
/// # Errors
/// A [`ProofError`] saying why not.
pub fn verify_inclusion(
    leaf_hash: &Hash,
    index: u64,
    size: u64,
    proof: &[Hash],
    root: &Hash,
) -> Result<(), ProofError> {
    if index >= size {
        return Err(ProofError::OutOfRange);
    }
    let mut path = Path { node: index, last: size - 1 };
    let mut hash = *leaf_hash;
    for sibling in proof {
        match path.step()? {
            Side::Left => hash = node_hash(sibling, &hash),
            Side::Right => hash = node_hash(&hash, sibling),
        }
    }
    path.end()?;
    if hash == *root { Ok(()) } else { Err(ProofError::OtherRoot) }
}

/// Checks that the tree of `new` leaves with `new_root` begins with the `old` leaves of `old_root`
/// (RFC 9162 §2.1.4.2). Every tree is consistent with the empty one, by an empty proof.
///
/// # Errors
/// A [`ProofError`] saying why not.
pub fn verify_consistency(
    old: u64,
    new: u64,
    old_root: &Hash,
    new_root: &Hash,
    proof: &[Hash],
) -> Result<(), ProofError> {
    if old > new {
        return Err(ProofError::OutOfRange);
    }
    if old == 0 || old == new {
        let expected = if old == 0 { empty_root() } else { *new_root };
        // With new == 0 both roots must be that of nothing.
        let same = *old_root == expected && (new > 0 || *new_root == expected);
        return match (proof.is_empty(), same) {
            (false, _) => Err(ProofError::WrongLength),
            (true, false) => Err(ProofError::OtherRoot),
            (true, true) => Ok(()),
        };
    }
    let level = old.trailing_zeros();
    let mut path = Path { node: (old - 1) >> level, last: (new - 1) >> level };
    // The proof leaves out its first hash when that is the old root itself.
    let (seed, rest) = if old.is_power_of_two() {
        (old_root, proof)
    } else {
        proof.split_first().ok_or(ProofError::WrongLength)?
    };
    let (mut from, mut to) = (*seed, *seed);
    for sibling in rest {
        match path.step()? {
            Side::Left => {
                from = node_hash(sibling, &from);
                to = node_hash(sibling, &to);
            }
            Side::Right => to = node_hash(&to, sibling),
        }
    }
    path.end()?;
    if from == *old_root && to == *new_root { Ok(()) } else { Err(ProofError::OtherRoot) }
}

/// A walk from a node to the root, one proof hash per step.
struct Path {
    node: u64,
    last: u64,
}

/// On which side of the path the next sibling lies.
enum Side {
    Left,
    Right,
}

impl Path {
    fn step(&mut self) -> Result<Side, ProofError> {
        if self.last == 0 {
            return Err(ProofError::WrongLength);
        }
        let side = if self.node & 1 == 1 || self.node == self.last {
            // A node at the ragged edge has no sibling until it becomes a right child.
            while self.node & 1 == 0 && self.node != 0 {
                self.up();
            }
            Side::Left
        } else {
            Side::Right
        };
        self.up();
        Ok(side)
    }

    fn up(&mut self) {
        self.node >>= 1;
        self.last >>= 1;
    }

    fn end(self) -> Result<(), ProofError> {
        if self.last == 0 { Ok(()) } else { Err(ProofError::WrongLength) }
    }
}
