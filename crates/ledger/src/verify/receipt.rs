//! Verifying one receipt, or one anchor.

use super::{Report, check_key};
use crate::checkpoint::Checkpoint;
use crate::entry::{FieldState, Leaf, same_log, slot_of};
use crate::error::quote;
use crate::note::VerifierKey;
use crate::receipt::{Anchor, HOUSE_SLOT, Receipt, SNAPSHOT_FIELD, slot_leaf, snapshot_value};
use crate::tree::{leaf_hash, verify_inclusion};

/// Checks a receipt: leaf, position, inclusion, signature and shown fields. With `trusted`, the key
/// must carry that Ed25519 public key.
#[must_use]
pub fn verify_receipt(json: impl AsRef<[u8]>, trusted: Option<&[u8; 32]>) -> Report {
    let mut report = Report::default();
    match text(json.as_ref()).and_then(|json| Receipt::from_json(json).map_err(|e| e.to_string())) {
        Ok(receipt) => {
            check_receipt(&mut report, &receipt, trusted);
            report.not_checked(
                "whether everybody is shown this head: compare an anchor or a later checkpoint",
            );
        }
        Err(why) => report.problem("receipt", why),
    }
    report
}

/// Checks an anchor: that the operator's log records a snapshot which has this head in the log's
/// slot. With `trusted`, the operator's log must be signed with that Ed25519 public key.
#[must_use]
pub fn verify_anchor(json: impl AsRef<[u8]>, trusted: Option<&[u8; 32]>) -> Report {
    let mut report = Report::default();
    match text(json.as_ref()).and_then(|json| Anchor::from_json(json).map_err(|e| e.to_string())) {
        Ok(anchor) => check_anchor(&mut report, &anchor, trusted),
        Err(why) => report.problem("anchor", why),
    }
    report
}

pub(super) fn text(bytes: &[u8]) -> Result<&str, String> {
    std::str::from_utf8(bytes).map_err(|_| "it is not UTF-8 text".to_owned())
}

fn check_anchor(report: &mut Report, anchor: &Anchor, trusted: Option<&[u8; 32]>) {
    let Anchor { log, slot, size, root, snapshot, entry } = anchor;
    if slot_of(log) != Some(*slot) {
        report.problem("anchor", format!("slot {slot} is not the slot of `{}`", quote(log)));
    }
    let leaf = slot_leaf(*slot, *size, root);
    match verify_inclusion(&leaf, *slot, snapshot.size, &snapshot.path, &snapshot.root) {
        Ok(()) => report.checked(format!(
            "head of `{}` at {size} entries is in slot {slot} of a snapshot of {} slots",
            quote(log),
            snapshot.size
        )),
        Err(why) => report.problem("snapshot", why),
    }
    if let Some(house) = check_receipt(report, entry, trusted) {
        // Only the operator's log counts: a field of an account's log may hold what a caller chose.
        if provider(&house.log) != provider(log) || slot_of(&house.log) != Some(HOUSE_SLOT) {
            report.problem("anchor", "the snapshot is not recorded in this provider's own log");
        }
    }
    let shown = entry.opening.as_ref().and_then(|opening| opening.fields.get(SNAPSHOT_FIELD));
    match shown {
        Some(shown) if shown.value == snapshot_value(snapshot.size, &snapshot.root) => {
            report.checked("the entry records this snapshot");
        }
        Some(_) => report.problem("anchor", "the entry records another snapshot"),
        None => report.problem("anchor", "the entry does not show which snapshot it records"),
    }
    let log = quote(log);
    report.not_checked(format!(
        "whether slot {slot} was given to `{log}`: the operator's entry {slot} created it"
    ));
    report.not_checked(format!(
        "whether your receipts lead to this head: compare a checkpoint of `{log}` at {size} entries"
    ));
}

/// The first part of an origin: the provider's name.
fn provider(origin: &str) -> &str {
    origin.split('/').next().unwrap_or_default()
}

/// Checks one receipt and returns its leaf, if it could be read at all.
pub(super) fn check_receipt(
    report: &mut Report,
    receipt: &Receipt,
    trusted: Option<&[u8; 32]>,
) -> Option<Leaf> {
    let key = match VerifierKey::parse(&receipt.vkey) {
        Ok(key) => key,
        Err(why) => {
            report.problem("vkey", why);
            return None;
        }
    };
    check_key(report, &key, trusted);
    let head = match Checkpoint::open(&receipt.proof.checkpoint, &key) {
        Ok(head) => head,
        Err(why) => {
            report.problem("checkpoint", why);
            return None;
        }
    };
    let origin = quote(&head.origin);
    report.checked(format!("checkpoint of `{origin}` at {} entries is signed", head.size));
    let index = receipt.proof.index;
    let hash = leaf_hash(&receipt.leaf);
    match verify_inclusion(&hash, index, head.size, &receipt.proof.hashes, &head.root) {
        Ok(()) => report.checked(format!("the leaf is entry {index} of that log")),
        Err(why) => report.problem("inclusion", why),
    }
    let leaf = match Leaf::parse(&receipt.leaf) {
        Ok(leaf) => leaf,
        Err(why) => {
            report.problem("leaf", why);
            return None;
        }
    };
    if leaf.index != index {
        report.problem("leaf", format!("says it is entry {}, the proof says {index}", leaf.index));
    }
    if !same_log(&leaf.log, &head.origin) {
        let log = quote(&leaf.log);
        report.problem("leaf", format!("belongs to the log `{log}`, not to `{origin}`"));
    }
    check_fields(report, receipt, &leaf);
    Some(leaf)
}

fn check_fields(report: &mut Report, receipt: &Receipt, leaf: &Leaf) {
    let opening = receipt.opening.clone().unwrap_or_default();
    let states = match opening.check(leaf) {
        Ok(states) => states,
        Err(why) => return report.problem("opening", why),
    };
    let mut withheld = Vec::new();
    for (name, state) in states {
        match state {
            FieldState::Shown(_) => {
                report.checked(format!("field `{name}` is shown and matches its commitment"));
            }
            FieldState::Withheld => withheld.push(format!("`{name}`")),
        }
    }
    if !withheld.is_empty() {
        report.not_checked(format!("withheld or erased fields: {}", withheld.join(", ")));
    }
}
