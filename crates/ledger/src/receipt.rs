//! Receipts: one file that shows that an entry is in a log, to anybody, without Bailee.
//!
//! ```json
//! {"format":"bailee-receipt/v1","leaf":"<base64>","proof":"<C2SP tlog-proof>",
//!  "vkey":"…","opening":{…}}
//! ```
//!
//! The leaf's bytes travel verbatim: nobody has to make JSON canonical. The envelope may be
//! re-spaced and its keys reordered (people cut receipts out of answers with JSON tools); its
//! values may not. An [`Anchor`] shows in the same way that an account's head is in the operator's
//! own log.
//!
//! Does not: verify. Reading a receipt says that it is well formed; [`crate::verify`] says whether
//! it holds.

mod anchor;
mod proof;

pub use anchor::{Anchor, HOUSE_SLOT, SNAPSHOT_FIELD, Snapshot, slot_leaf, snapshot_value};
pub use proof::TlogProof;

use std::borrow::Cow;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::entry::Opening;
use crate::note::VerifierKey;
use crate::text::{base64, from_base64, present, push_base64, push_json_inner};
use crate::tile::MAX_ENTRY;
use crate::{Hash, Malformed};

/// The `format` member of a receipt.
pub const FORMAT: &str = "bailee-receipt/v1";

/// Longest receipt or anchor in bytes: a leaf, a proof, and openings that list what was touched.
pub const MAX_JSON: usize = 8 << 20;

/// An entry, the proof that a signed head covers it, the key that signed, and what is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The leaf's bytes, verbatim.
    pub leaf: Vec<u8>,
    /// Where it is, the path to the root, and the signed head.
    pub proof: TlogProof,
    /// The verifier key of the log, as a C2SP vkey. Whose key it is, a receipt cannot say.
    pub vkey: String,
    /// Shown fields, if any.
    pub opening: Option<Opening>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire<'a> {
    #[serde(borrow)]
    format: Cow<'a, str>,
    #[serde(borrow)]
    leaf: Cow<'a, str>,
    #[serde(borrow)]
    proof: Cow<'a, str>,
    #[serde(borrow)]
    vkey: Cow<'a, str>,
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    opening: Option<Cow<'a, Opening>>,
}

impl Receipt {
    /// Writes a receipt straight from its parts, without building one: the hot path of an append.
    #[must_use]
    pub fn render(
        leaf: &[u8],
        index: u64,
        hashes: &[Hash],
        checkpoint: &str,
        vkey: &str,
        opening: Option<&Opening>,
    ) -> String {
        let mut out = String::with_capacity(
            160 + leaf.len() / 3 * 4 + hashes.len() * 46 + checkpoint.len() + vkey.len(),
        );
        out.push_str("{\"format\":\"");
        out.push_str(FORMAT);
        out.push_str("\",\"leaf\":\"");
        push_base64(&mut out, leaf);
        out.push_str("\",\"proof\":\"");
        proof::push_text(&mut out, "\\n", index, hashes, None, |out| {
            push_json_inner(out, checkpoint);
        });
        out.push_str("\",\"vkey\":\"");
        push_json_inner(&mut out, vkey);
        out.push('"');
        if let Some(opening) = opening {
            out.push_str(",\"opening\":");
            opening.push_json(&mut out);
        }
        out.push('}');
        out
    }

    /// The JSON form, compact.
    #[must_use]
    pub fn to_json(&self) -> String {
        if self.proof.extra.is_none() {
            let TlogProof { index, hashes, checkpoint, .. } = &self.proof;
            let opening = self.opening.as_ref();
            return Self::render(&self.leaf, *index, hashes, checkpoint, &self.vkey, opening);
        }
        // Strings only: serialising them cannot fail.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Reads the JSON form.
    ///
    /// # Errors
    /// When `json` is not a well-formed receipt, see the module.
    pub fn from_json(json: &str) -> Result<Self, Malformed> {
        read_json("receipt", json)
    }
}

impl Serialize for Receipt {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let wire = Wire {
            format: FORMAT.into(),
            leaf: base64(&self.leaf).into(),
            proof: self.proof.to_text().into(),
            vkey: self.vkey.as_str().into(),
            opening: self.opening.as_ref().map(Cow::Borrowed),
        };
        wire.serialize(to)
    }
}

impl<'de> Deserialize<'de> for Receipt {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let wire = Wire::deserialize(from)?;
        let read = || {
            if wire.format != FORMAT {
                return Err(Malformed::quoting("a format unknown here", &wire.format));
            }
            let leaf = from_base64(&wire.leaf)?;
            if leaf.len() > MAX_ENTRY {
                return Err(Malformed::new("the leaf is longer than 65,535 bytes"));
            }
            VerifierKey::parse(&wire.vkey)?;
            Ok((leaf, TlogProof::parse(&wire.proof)?))
        };
        let (leaf, proof) = read().map_err(D::Error::custom)?;
        Ok(Self {
            leaf,
            proof,
            vkey: wire.vkey.into_owned(),
            opening: wire.opening.map(Cow::into_owned),
        })
    }
}

/// Reads a JSON document of at most [`MAX_JSON`] bytes.
fn read_json<'a, T: Deserialize<'a>>(what: &str, json: &'a str) -> Result<T, Malformed> {
    if json.len() > MAX_JSON {
        return Err(Malformed::with(format!("the {what} is longer than 8 MiB")));
    }
    serde_json::from_str(json).map_err(|e| Malformed::with(format!("not a {what}: {e}")))
}
