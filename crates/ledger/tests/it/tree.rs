//! The tree against two foreign implementations, the RFC's definitions and the public vectors.

use ct_merkle::mem_backed_tree::MemoryBackedTree;
use ledger::Hash;
use ledger::tree::{
    Batch, Frontier, MAX_DENSE_LEAVES, MAX_SIZE, ProofError, Tree, consistency_proof, empty_root,
    inclusion_proof, leaf_hash, node_hash, root_from_nodes, verify_consistency, verify_inclusion,
};
use sha2::Sha256;
use tlog_tiles::tlog;

use crate::support::{Random, Reference, data, hex, unhex};

/// Every size up to this one, with every pair of index and size.
const SIZES: u64 = 130;

/// The stored hashes of `tlog_tiles`: a flat list in its own order.
struct Stored(Vec<tlog::Hash>);

impl tlog::HashReader for Stored {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<tlog::Hash>, tlog::Error> {
        Ok(indexes.iter().map(|index| self.0[*index as usize]).collect())
    }
}

fn stored(size: u64) -> Stored {
    let mut stored = Stored(Vec::new());
    for index in 0..size {
        let hashes = tlog::stored_hashes(index, &data(index), &stored).unwrap();
        stored.0.extend(hashes);
    }
    stored
}

fn ours(hashes: &[tlog::Hash]) -> Vec<Hash> {
    hashes.iter().map(|hash| hash.0).collect()
}

fn theirs(hashes: &[Hash]) -> Vec<tlog::Hash> {
    hashes.iter().copied().map(tlog::Hash).collect()
}

#[test]
fn roots_and_proofs_are_those_of_two_other_implementations() {
    let tlog = stored(SIZES);
    let mut reference = Reference::new(SIZES);
    let mut ct = MemoryBackedTree::<Sha256, Vec<u8>>::new();
    let mut frontier = Frontier::new();
    let mut roots = vec![empty_root()];
    let mut pairs = 0;
    for size in 1..=SIZES {
        ct.push(data(size - 1));
        frontier.push(reference.leaf(size - 1));
        let root = frontier.root();
        assert_eq!(root[..], ct.root().as_bytes()[..]);
        assert_eq!(root, tlog::tree_hash(size, &tlog).unwrap().0);
        let read = &mut |level, index| reference.node(level, index);
        assert_eq!(root, root_from_nodes(size, read).unwrap());
        roots.push(root);

        for index in 0..size {
            let proof = inclusion_proof(index, size, &mut |l, i| reference.node(l, i)).unwrap();
            assert_eq!(proof.concat(), ct.prove_inclusion(index as usize).as_bytes());
            assert_eq!(proof, ours(&tlog::prove_record(size, index, &tlog).unwrap()));
            let leaf = reference.leaf(index);
            verify_inclusion(&leaf, index, size, &proof, &root).unwrap();
            let theirs = theirs(&proof);
            tlog::check_record(&theirs, size, tlog::Hash(root), index, tlog::Hash(leaf)).unwrap();
            pairs += 1;
        }
        for old in 1..size {
            let proof = consistency_proof(old, size, &mut |l, i| reference.node(l, i)).unwrap();
            let foreign = ct.prove_consistency((size - old) as usize);
            assert_eq!(proof.concat(), foreign.as_bytes());
            assert_eq!(proof, ours(&tlog::prove_tree(size, old, &tlog).unwrap()));
            verify_consistency(old, size, &roots[old as usize], &root, &proof).unwrap();
            pairs += 1;
        }
    }
    assert_eq!(pairs, SIZES * SIZES);
}

#[test]
fn every_wrong_position_size_length_or_hash_is_refused() {
    let mut reference = Reference::new(40);
    let mut roots = vec![empty_root()];
    let mut frontier = Frontier::new();
    for index in 0..40 {
        frontier.push(reference.leaf(index));
        roots.push(frontier.root());
    }
    for size in 1..=40_u64 {
        let root = roots[size as usize];
        for index in 0..size {
            let proof = inclusion_proof(index, size, &mut |l, i| reference.node(l, i)).unwrap();
            let leaf = reference.leaf(index);
            let check =
                |index, size, proof: &[Hash]| verify_inclusion(&leaf, index, size, proof, &root);
            assert_eq!(check(size, size, &proof), Err(ProofError::OutOfRange));
            for other in (0..size).filter(|other| *other != index) {
                assert!(check(other, size, &proof).is_err(), "{index} as {other} of {size}");
            }
            for other in (1..=40).filter(|other| *other != size) {
                let moved = verify_inclusion(&leaf, index, other, &proof, &roots[other as usize]);
                assert!(moved.is_err(), "{index} of {size} as of {other}");
            }
            let longer = [proof.clone(), vec![[0; 32]]].concat();
            assert_eq!(check(index, size, &longer), Err(ProofError::WrongLength));
            if let Some((_, shorter)) = proof.split_last() {
                assert_eq!(check(index, size, shorter), Err(ProofError::WrongLength));
            }
            for place in 0..proof.len() {
                let mut altered = proof.clone();
                altered[place][place % 32] ^= 1;
                assert_eq!(check(index, size, &altered), Err(ProofError::OtherRoot));
            }
            assert_eq!(
                verify_inclusion(&root_leaf(), index, size, &proof, &root),
                Err(ProofError::OtherRoot)
            );
        }
        for old in 1..size {
            let proof = consistency_proof(old, size, &mut |l, i| reference.node(l, i)).unwrap();
            let from = roots[old as usize];
            let check =
                |old, size, proof: &[Hash]| verify_consistency(old, size, &from, &root, proof);
            for other in (0..=size).filter(|other| *other != old) {
                assert!(check(other, size, &proof).is_err(), "{old} as {other} to {size}");
            }
            assert_eq!(check(size + 1, size, &proof), Err(ProofError::OutOfRange));
            assert!(check(old, size, &[proof.clone(), vec![[0; 32]]].concat()).is_err());
            assert!(check(old, size, &proof[1..]).is_err());
            for place in 0..proof.len() {
                let mut altered = proof.clone();
                altered[place][31] ^= 128;
                assert_eq!(check(old, size, &altered), Err(ProofError::OtherRoot));
            }
            let other = verify_consistency(old, size, &roots[old as usize - 1], &root, &proof);
            assert_eq!(other, Err(ProofError::OtherRoot));
        }
    }
}

fn root_leaf() -> Hash {
    leaf_hash(b"not in the tree")
}

#[test]
fn consistency_of_equal_and_empty_trees() {
    let (a, b) = (leaf_hash(b"a"), leaf_hash(b"b"));
    let empty = empty_root();
    assert_eq!(verify_consistency(0, 0, &empty, &empty, &[]), Ok(()));
    assert_eq!(verify_consistency(0, 1, &empty, &a, &[]), Ok(()));
    assert_eq!(verify_consistency(1, 1, &a, &a, &[]), Ok(()));
    assert_eq!(verify_consistency(0, 0, &empty, &a, &[]), Err(ProofError::OtherRoot));
    assert_eq!(verify_consistency(0, 1, &a, &a, &[]), Err(ProofError::OtherRoot));
    assert_eq!(verify_consistency(1, 1, &a, &b, &[]), Err(ProofError::OtherRoot));
    assert_eq!(verify_consistency(1, 1, &a, &a, &[a]), Err(ProofError::WrongLength));
    assert_eq!(verify_consistency(0, 1, &empty, &a, &[a]), Err(ProofError::WrongLength));
}

/// The eight leaves, roots and proofs that RFC 6962's reference implementation is tested with.
#[test]
fn the_reference_vectors_of_rfc_6962() {
    let leaves = [
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    ];
    let roots = [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];
    assert_eq!(
        hex(&empty_root()),
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    );
    let mut frontier = Frontier::new();
    let mut hashes = Vec::new();
    for (leaf, root) in leaves.iter().zip(roots) {
        hashes.push(leaf_hash(&unhex(leaf)));
        frontier.push(leaf_hash(&unhex(leaf)));
        assert_eq!(hex(&frontier.root()), root);
    }
    let mut tree = Tree::new();
    tree.update(&(0..).zip(hashes.iter().copied()).collect::<Vec<_>>()).unwrap();
    // Index 5 of 8: the leaf beside it, then the two subtrees left and right.
    let proof: Vec<_> = tree.prove(5).unwrap().iter().map(|hash| hex(hash)).collect();
    assert_eq!(
        proof,
        [
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ]
    );
}

#[test]
fn long_leaves_hash_like_short_ones() {
    for length in [0, 1, 1022, 1023, 1024, 1025, 70_000] {
        let leaf = vec![0x5a; length];
        assert_eq!(leaf_hash(&leaf), tlog::record_hash(&leaf).0, "{length}");
    }
    let (a, b) = ([1; 32], [2; 32]);
    assert_eq!(node_hash(&a, &b), tlog::node_hash(tlog::Hash(a), tlog::Hash(b)).0);
}

#[test]
fn a_batch_proves_its_leaves_from_the_frontier_alone() {
    let mut random = Random(1);
    let mut reference = Reference::new(700);
    for round in 0..400 {
        let start = random.next() % 400;
        let count = 1 + random.next() % 300;
        let size = start + count;
        let mut before = Frontier::new();
        (0..start).for_each(|i| before.push(reference.leaf(i)));
        // Through storage and back, as a server does it.
        let before = Frontier::from_parts(start, &before.to_bytes()).unwrap();
        let mut batch = Batch::new(before);
        for index in start..size {
            assert_eq!(batch.push(reference.leaf(index)), index);
        }
        let root = reference.root_of(0, size as usize);
        assert_eq!((batch.size(), batch.root()), (size, root), "round {round}");
        assert_eq!(batch.prove(size), None);
        assert_eq!(start.checked_sub(1).and_then(|old| batch.prove(old)), None);
        for index in [start, start + count / 2, size - 1] {
            let proof = batch.prove(index).unwrap();
            assert_eq!(proof, reference.path(index as usize, 0, size as usize));
            verify_inclusion(&reference.leaf(index), index, size, &proof, &root).unwrap();
        }
        let mut whole = Frontier::new();
        (0..size).for_each(|i| whole.push(reference.leaf(i)));
        assert_eq!(*batch.frontier(), whole);
    }
}

#[test]
fn a_frontier_of_other_length_or_size_is_refused() {
    assert_eq!(Frontier::from_parts(0, &[]).unwrap(), Frontier::new());
    for (size, length) in [(0, 32), (1, 0), (1, 31), (1, 33), (1, 64), (3, 32), (6, 96)] {
        let why = Frontier::from_parts(size, &vec![0; length]).unwrap_err().to_string();
        assert!(why.contains(&format!("`{size}`")), "{why}");
    }
    assert!(Frontier::from_parts(MAX_SIZE, &[0; 48 * 32]).is_ok());
    assert!(Frontier::from_parts(MAX_SIZE + 1, &[0; 32]).is_err());
}

#[test]
fn a_dense_tree_is_the_same_tree_however_it_was_filled() {
    let mut random = Random(2);
    for size in 1..=70_u64 {
        let mut reference = Reference::new(size);
        let mut pushed = Tree::new();
        let mut shuffled: Vec<u64> = (0..size).collect();
        for place in (1..shuffled.len()).rev() {
            shuffled.swap(place, random.below(place + 1));
        }
        let mut set = Tree::new();
        for index in 0..size {
            assert_eq!(pushed.push(reference.leaf(index)), Ok(index));
            set.set(shuffled[index as usize], reference.leaf(shuffled[index as usize])).unwrap();
        }
        let changes: Vec<_> = shuffled.iter().map(|&i| (i, reference.leaf(i))).collect();
        let mut updated = Tree::new();
        updated.update(&changes).unwrap();
        assert_eq!(pushed.root(), reference.root_of(0, size as usize));
        assert_eq!((&pushed, &pushed), (&set, &updated));
        assert_eq!(pushed.len(), size);
        for index in 0..size {
            let proof = pushed.prove(index).unwrap();
            assert_eq!(proof, reference.path(index as usize, 0, size as usize));
        }
        assert_eq!(pushed.prove(size), None);
    }
}

#[test]
fn changed_leaves_of_a_dense_tree_give_the_tree_built_anew() {
    let mut random = Random(3);
    let mut leaves: Vec<Hash> = (0..300_u64).map(|i| leaf_hash(&data(i))).collect();
    let mut tree = Tree::new();
    tree.update(&(0..).zip(leaves.iter().copied()).collect::<Vec<_>>()).unwrap();
    for round in 0..60_u64 {
        let mut changes = Vec::new();
        for _ in 0..random.below(20) {
            let index = random.below(leaves.len() + 5);
            let leaf = leaf_hash(&random.next().to_be_bytes());
            while leaves.len() <= index {
                leaves.push(Tree::empty_leaf());
            }
            leaves[index] = leaf;
            changes.push((index as u64, leaf));
        }
        tree.update(&changes).unwrap();
        let mut frontier = Frontier::new();
        leaves.iter().for_each(|leaf| frontier.push(*leaf));
        assert_eq!(tree.root(), frontier.root(), "round {round}");
        assert_eq!(tree.len(), leaves.len() as u64);
    }
}

#[test]
fn an_empty_dense_tree_and_its_limit() {
    let mut tree = Tree::new();
    assert!(tree.is_empty());
    assert_eq!((tree.root(), tree.len(), tree.prove(0)), (empty_root(), 0, None));
    tree.update(&[]).unwrap();
    assert_eq!(tree, Tree::new());
    assert!(tree.set(MAX_DENSE_LEAVES, [0; 32]).is_err());
    assert_eq!(tree, Tree::new());
    tree.set(3, [1; 32]).unwrap();
    assert_eq!(tree.leaf(2), Some(Tree::empty_leaf()));
    assert_eq!(Tree::empty_leaf(), leaf_hash(b""));
}
