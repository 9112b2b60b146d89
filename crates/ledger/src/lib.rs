//! Bailee's ledger: a tamper-evident log for one account, in the public formats of transparency
//! logs.
//!
//! # What it is
//!
//! | module | holds | standard |
//! |---|---|---|
//! | [`tree`] | hashes, frontier, batches, proofs, dense tree | RFC 6962 §2.1, RFC 9162 §2.1 |
//! | [`tile`] | tile names and contents, entry bundles | C2SP tlog-tiles |
//! | [`note`] | signed text, Ed25519 keys | C2SP signed-note, RFC 8032 |
//! | [`checkpoint`] | the signed head of a log | C2SP tlog-checkpoint |
//! | [`entry`] | leaves with salted commitments, and their openings | ours, frozen by vectors |
//! | [`receipt`] | leaf, proof, key in one file; anchors of heads | C2SP tlog-proof |
//! | [`evidence`] | content with receipts of the entries that carry it | ours |
//! | [`verify`] | the offline verifier of receipts, anchors, evidence and whole logs | |
//!
//! # What it promises
//!
//! - A parser accepts exactly what a writer of the same format makes: no second spelling of a
//!   number, of base64 or of a hash gets through, and no input makes it panic or allocate more than
//!   a small multiple of its own length.
//! - A proof built here is byte for byte the one RFC 6962 describes, so that other people's code
//!   checks it.
//!
//! # What it deliberately does not do
//!
//! No I/O, no clock, no randomness: time, seeds and stored nodes are parameters. It decides nothing
//! about who may see an opening. It keeps no key; a [`note::NoteSigner`] lives as long as its
//! owner.

pub mod checkpoint;
pub mod entry;
pub mod evidence;
pub mod note;
pub mod package;
pub mod receipt;
pub mod tile;
pub mod tree;
pub mod verify;

mod error;
mod text;

pub use error::Malformed;

/// A SHA-256 value: a leaf, a node, a root, a commitment or a state.
pub type Hash = [u8; 32];

/// SHA-256 of `data` in one step.
pub(crate) fn sha256(data: &[u8]) -> Hash {
    let mut out = [0; 32];
    out.copy_from_slice(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, data).as_ref());
    out
}
