//! A sample log, in memory: the same for every run, made the way a server makes one.
//!
//! The tests use it too, so it must not panic: everything goes through `Result`.

use std::collections::BTreeMap;

use ledger::Malformed;
use ledger::checkpoint::Checkpoint;
use ledger::entry::{self, Draft, Opening};
use ledger::note::NoteSigner;
use ledger::receipt::{
    Anchor, Receipt, SNAPSHOT_FIELD, Snapshot, TlogProof, slot_leaf, snapshot_value,
};
use ledger::tile::{TileReader, bundles_of, encode_entries, entry_range, subtree_root, tiles_of};
use ledger::tree::{self, Batch, Frontier, Tree, leaf_hash};

/// Whatever may go wrong on the way.
pub type Error = Box<dyn std::error::Error>;

/// The operator's signing seed.
pub const KEY_SEED: [u8; 32] = [7; 32];

/// The account's log.
pub const ORIGIN: &str = "northwind-desk/3f9a2c1e/17";

/// The operator's log.
pub const HOUSE: &str = "northwind-desk/0a11ce00/0";

/// Microseconds of the first entry: 2026-01-01T00:00:00 UTC.
const START: u64 = 1_767_225_600_000_000;

/// A log with its files by path, and what a test wants to look at besides.
pub struct Sample {
    /// `checkpoint`, `vkey`, `tile/…`, `receipts/…`, `consistency.json`, `anchor.json`.
    pub files: BTreeMap<String, Vec<u8>>,
    /// The operator's key.
    pub signer: NoteSigner,
    /// All leaves, in order.
    pub leaves: Vec<Vec<u8>>,
    /// The head.
    pub head: Checkpoint,
}

/// The seed of entry `index`: fixed here, random in a server.
pub fn seed(index: u64) -> [u8; 32] {
    entry::salt(&[0xb4; 32], &format!("entry {index}"))
}

/// The fields of entry `index`.
pub fn fields(index: u64) -> [(&'static str, String); 4] {
    [
        ("actor", format!("person:{:04}", index % 41)),
        ("object", format!("tickets/T-{index}")),
        ("purpose", "answer the subscriber's question, “today”".to_owned()),
        ("policies", "data.read.grant,data.read.window".to_owned()),
    ]
}

/// The leaf of entry `index` of `log`.
pub fn leaf(log: &str, index: u64) -> Vec<u8> {
    let values = fields(index);
    let fields: Vec<_> = values.iter().map(|(name, value)| (*name, value.as_str())).collect();
    Draft {
        log,
        index,
        time: START + index * 1_500,
        kind: if index.is_multiple_of(3) { "records.put" } else { "records.get" },
        state: index.is_multiple_of(3).then(|| leaf_hash(&index.to_be_bytes())),
        prev: (index.is_multiple_of(3) && index > 3).then(|| index - 3),
        seed: &seed(index),
        fields: &fields,
    }
    .leaf()
}

/// The opening of entry `index`.
pub fn opening(index: u64) -> Opening {
    let values = fields(index);
    let fields: Vec<_> = values.iter().map(|(name, value)| (*name, value.as_str())).collect();
    Opening::new(&seed(index), &fields)
}

/// Builds the sample log with `size` entries (at least 1).
pub fn make(size: u64) -> Result<Sample, Error> {
    let signer = NoteSigner::from_seed(&KEY_SEED);
    let vkey = signer.verifier(ORIGIN)?.to_string();
    let leaves: Vec<Vec<u8>> = (0..size).map(|index| leaf(ORIGIN, index)).collect();
    let mut files = BTreeMap::new();

    // Append in batches of growing size, as they come in; keep the first batch's last receipt.
    let mut frontier = Frontier::new();
    let mut rest = leaves.as_slice();
    let mut batch_size = 1;
    while !rest.is_empty() {
        let (now, later) = rest.split_at(batch_size.min(rest.len()));
        let mut batch = Batch::new(frontier);
        let mut last = 0;
        for leaf in now {
            last = batch.push(leaf_hash(leaf));
        }
        let head = Checkpoint { origin: ORIGIN.into(), size: batch.size(), root: batch.root() };
        if let (Some(leaf), Some(proof)) = (now.last(), batch.prove(last)) {
            let note = head.sign(&signer);
            let receipt = Receipt::render(leaf, last, &proof, &note, &vkey, Some(&opening(last)));
            let name = format!("receipts/{last}-at-{}.json", batch.size());
            files.insert(name, receipt.into_bytes());
        }
        frontier = batch.frontier().clone();
        rest = later;
        batch_size = batch_size * 2 + 1;
    }

    let head = Checkpoint { origin: ORIGIN.into(), size, root: frontier.root() };
    files.insert("checkpoint".into(), head.sign(&signer).into_bytes());
    files.insert("vkey".into(), format!("{vkey}\n").into_bytes());
    add_tiles(&mut files, &leaves)?;
    let mut sample = Sample { files, signer, leaves, head };
    for (place, index) in [0, size / 3, size / 2, size - 1].into_iter().enumerate() {
        let mut receipt = sample.receipt(index)?;
        match place {
            0 => receipt.opening = None,
            1 => receipt.opening.get_or_insert_default().redact(&["actor", "object"]),
            _ => {}
        }
        let name = format!("receipts/{index}.json");
        sample.files.insert(name, receipt.to_json().into_bytes());
    }
    let consistency = sample.consistency(size.div_ceil(2))?;
    sample.files.insert("consistency.json".into(), consistency.into_bytes());
    let anchor = sample.anchor()?;
    sample.files.insert("anchor.json".into(), anchor.to_json().into_bytes());
    Ok(sample)
}

/// Adds every bundle and tile, each level made from the full tiles of the one below.
fn add_tiles(files: &mut BTreeMap<String, Vec<u8>>, leaves: &[Vec<u8>]) -> Result<(), Error> {
    for (index, width) in bundles_of(leaves.len() as u64) {
        let (first, end) = entry_range(index, width);
        let entries = leaves.get(first as usize..end as usize).unwrap_or_default();
        let path = ledger::tile::TilePath::Entries { index, width }.path();
        files.insert(path, encode_entries(entries)?);
    }
    let mut level = 0;
    let mut nodes: Vec<_> = leaves.iter().map(|leaf| leaf_hash(leaf)).collect();
    for tile in tiles_of(leaves.len() as u64) {
        if tile.level != level {
            level = tile.level;
            let (full, _) = nodes.as_chunks::<256>();
            nodes = full.iter().map(|tile| subtree_root(tile)).collect();
        }
        let (first, end) = entry_range(tile.index, tile.width);
        let hashes = nodes.get(first as usize..end as usize).unwrap_or_default();
        files.insert(tile.path(), hashes.concat());
    }
    Ok(())
}

impl Sample {
    /// A reader of the nodes, out of the tiles.
    pub fn nodes(
        &self,
    ) -> TileReader<impl FnMut(&ledger::tile::TileId) -> Result<Vec<u8>, Malformed>> {
        TileReader::new(self.head.size, |tile| {
            Ok(self.files.get(&tile.path()).cloned().unwrap_or_default())
        })
    }

    /// The receipt of entry `index` at the head, everything shown.
    pub fn receipt(&self, index: u64) -> Result<Receipt, Error> {
        let mut nodes = self.nodes();
        let hashes =
            tree::inclusion_proof(index, self.head.size, &mut |level, i| nodes.node(level, i))?;
        Ok(Receipt {
            leaf: self.leaves.get(index as usize).cloned().unwrap_or_default(),
            proof: TlogProof {
                index,
                hashes,
                checkpoint: self.head.sign(&self.signer),
                extra: None,
            },
            vkey: self.signer.verifier(ORIGIN)?.to_string(),
            opening: Some(opening(index)),
        })
    }

    /// The consistency proof from size `from` to the head, as the foreign verifiers read it.
    fn consistency(&self, from: u64) -> Result<String, Error> {
        let size = self.head.size;
        let mut nodes = self.nodes();
        let mut read = |level, i| nodes.node(level, i);
        let proof = tree::consistency_proof(from, size, &mut read)?;
        let root = tree::root_from_nodes(from, &mut read)?;
        let encode = |hash: &ledger::Hash| {
            base64::Engine::encode(&base64::engine::general_purpose::STANDARD, hash)
        };
        Ok(serde_json::json!({
            "from": from,
            "to": size,
            "from_root": encode(&root),
            "to_root": encode(&self.head.root),
            "proof": proof.iter().map(encode).collect::<Vec<_>>(),
        })
        .to_string())
    }

    /// The head, anchored in a small operator's log.
    pub fn anchor(&self) -> Result<Anchor, Error> {
        let mut heads = Tree::new();
        heads.set(17, slot_leaf(17, self.head.size, &self.head.root))?;
        heads.set(20, slot_leaf(20, 5, &[9; 32]))?;
        let value = snapshot_value(heads.len(), &heads.root());
        let fields = [(SNAPSHOT_FIELD, value.as_str()), ("tick", "1")];
        let mut batch = Batch::new(Frontier::new());
        batch.push(leaf_hash(&leaf(HOUSE, 0)));
        batch.push(leaf_hash(&leaf(HOUSE, 1)));
        let draft = Draft {
            log: HOUSE,
            index: 2,
            time: START + 60_000_000,
            kind: "ledger.anchor",
            state: None,
            prev: None,
            seed: &seed(2),
            fields: &fields,
        };
        let index = batch.push(leaf_hash(&draft.leaf()));
        let head = Checkpoint { origin: HOUSE.into(), size: batch.size(), root: batch.root() };
        Ok(Anchor {
            log: ORIGIN.to_owned(),
            slot: 17,
            size: self.head.size,
            root: self.head.root,
            snapshot: Snapshot {
                size: heads.len(),
                root: heads.root(),
                path: heads.prove(17).unwrap_or_default(),
            },
            entry: Receipt {
                leaf: draft.leaf(),
                proof: TlogProof {
                    index,
                    hashes: batch.prove(index).unwrap_or_default(),
                    checkpoint: head.sign(&self.signer),
                    extra: None,
                },
                vkey: self.signer.verifier(HOUSE)?.to_string(),
                opening: Some(Opening::new(&seed(2), &fields)),
            },
        })
    }
}
