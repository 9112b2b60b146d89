//! Anchors: an account's head, shown to be in a snapshot that the operator's own log records.
//!
//! Each tick the operator puts the heads of all logs into one dense tree and writes its root into
//! an entry of the log `house`. An account's slot in that tree is the `house` index of its creation
//! and part of its origin, so it cannot be shown two heads in one tick.

use std::borrow::Cow;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Receipt, read_json};
use crate::text::{JsonHash, base64, push_base64, push_decimal};
use crate::tree::{MAX_PROOF, leaf_hash};
use crate::{Hash, Malformed, note};

/// The `format` member of an anchor.
const FORMAT: &str = "bailee-anchor/v1";

/// The slot of the operator's own log `house`, whose first entry is its own creation: its origin
/// ends in `/0`, before any epoch.
pub const HOUSE_SLOT: u64 = 0;

/// The field of the house entry that shows the snapshot.
pub const SNAPSHOT_FIELD: &str = "snapshot";

/// A head of a log, and the proof that the operator's log records it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Anchor {
    /// Origin of the log whose head this is.
    pub log: String,
    /// The log's slot in the snapshot.
    pub slot: u64,
    /// The head's size.
    pub size: u64,
    /// The head's root.
    pub root: Hash,
    /// Where the head is in the snapshot.
    pub snapshot: Snapshot,
    /// Receipt of the house entry; its opening shows the field [`SNAPSHOT_FIELD`] with the value
    /// [`snapshot_value`].
    pub entry: Receipt,
}

/// The snapshot tree of all heads, and a path in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// Number of slots.
    pub size: u64,
    /// Root of the tree.
    pub root: Hash,
    /// Inclusion proof of the slot.
    pub path: Vec<Hash>,
}

/// The leaf hash of a slot: that of the JSON
/// `{"format":"bailee-slot/v1","slot":n,"size":n,"root":"…"}`. A slot without a log has
/// [`crate::tree::Tree::empty_leaf`].
#[must_use]
pub fn slot_leaf(slot: u64, size: u64, root: &Hash) -> Hash {
    let mut json = String::with_capacity(128);
    json.push_str("{\"format\":\"bailee-slot/v1\",\"slot\":");
    push_decimal(&mut json, slot);
    json.push_str(",\"size\":");
    push_decimal(&mut json, size);
    json.push_str(",\"root\":\"");
    push_base64(&mut json, root);
    json.push_str("\"}");
    leaf_hash(json.as_bytes())
}

/// The value of the house entry's field [`SNAPSHOT_FIELD`]: number of slots, space, base64 root.
/// The number is part of it since a Merkle root alone does not fix the shape of its tree.
#[must_use]
pub fn snapshot_value(size: u64, root: &Hash) -> String {
    format!("{size} {}", base64(root))
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire<'a> {
    #[serde(borrow)]
    format: Cow<'a, str>,
    #[serde(borrow)]
    log: Cow<'a, str>,
    slot: u64,
    size: u64,
    root: JsonHash,
    snapshot: WireSnapshot,
    entry: Cow<'a, Receipt>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireSnapshot {
    size: u64,
    root: JsonHash,
    path: Vec<JsonHash>,
}

impl Anchor {
    /// The JSON form, compact.
    #[must_use]
    pub fn to_json(&self) -> String {
        // Strings and numbers only: serialising them cannot fail.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Reads the JSON form.
    ///
    /// # Errors
    /// When `json` is not a well-formed anchor: as for a receipt, and a path of more than 64
    /// hashes.
    pub fn from_json(json: &str) -> Result<Self, Malformed> {
        read_json("anchor", json)
    }
}

impl Serialize for Anchor {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let wire = Wire {
            format: FORMAT.into(),
            log: self.log.as_str().into(),
            slot: self.slot,
            size: self.size,
            root: JsonHash(self.root),
            snapshot: WireSnapshot {
                size: self.snapshot.size,
                root: JsonHash(self.snapshot.root),
                path: self.snapshot.path.iter().copied().map(JsonHash).collect(),
            },
            entry: Cow::Borrowed(&self.entry),
        };
        wire.serialize(to)
    }
}

impl<'de> Deserialize<'de> for Anchor {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let wire = Wire::deserialize(from)?;
        if wire.format != FORMAT {
            return Err(D::Error::custom("a format unknown here"));
        }
        note::check_name(&wire.log).map_err(D::Error::custom)?;
        if wire.snapshot.path.len() > MAX_PROOF {
            return Err(D::Error::custom("a path of more than 64 hashes"));
        }
        Ok(Self {
            log: wire.log.into_owned(),
            slot: wire.slot,
            size: wire.size,
            root: wire.root.0,
            snapshot: Snapshot {
                size: wire.snapshot.size,
                root: wire.snapshot.root.0,
                path: wire.snapshot.path.into_iter().map(|hash| hash.0).collect(),
            },
            entry: wire.entry.into_owned(),
        })
    }
}
