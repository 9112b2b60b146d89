//! What has to be true after each step, seen from outside.

use super::model::{Entry, Model, Predicted};
use super::step::{Answer, Outcome, Step, What};
use crate::must;
use crate::world::World;
use kernel::{Kernel, Kind};
use ledger::checkpoint::Checkpoint;
use ledger::entry::{Leaf, slot_of};
use ledger::note::VerifierKey;
use ledger::receipt::{Anchor, Receipt};
use ledger::tree::verify_consistency;
use ledger::verify::{verify_anchor, verify_receipt};
use std::collections::BTreeMap;

/// Heads that were seen signed, by slot: size and root.
#[derive(Default)]
pub(super) struct Heads(BTreeMap<u64, Vec<(u64, ledger::Hash)>>);

/// The answer is the predicted one, and each entry is there with a receipt and says who and why.
pub(super) fn step(world: &World, model: &Model, step: &Step, told: &Predicted, outcome: &Outcome) {
    assert_eq!(outcome.answer, told.answer, "{step:?} under {:?}", told.right);
    assert_eq!(outcome.replayed, told.replayed, "{step:?}");
    if let Some(first) = &told.learned {
        let same = first.grant == outcome.learned.grant || !told.replayed;
        assert!(same, "{step:?}: a repetition gives what the first time gave");
    }
    receipts(&world.kernel, &told.receipts, &outcome.receipts);
    for entry in &told.entries {
        let kinds = (entry.kind == "access.refused", step);
        opening(world, model, entry, kinds, told);
    }
    sizes(&world.kernel, model);
}

/// Every log has exactly the predicted entries: each operation made its own, and nothing else did.
pub(super) fn sizes(kernel: &Kernel, model: &Model) {
    for (slot, size) in &model.sizes {
        assert_eq!(must(kernel.head(*slot)).size, *size, "entries of log {slot}");
    }
}

fn receipts(kernel: &Kernel, entries: &[Entry], receipts: &[String]) {
    assert_eq!(receipts.len(), entries.len(), "one receipt per entry: {entries:?}");
    let key = kernel.public_key();
    for (json, entry) in receipts.iter().zip(entries) {
        let report = verify_receipt(json, Some(&key));
        assert!(report.ok(), "{entry:?}: {report}");
        let leaf = must(Leaf::parse(&must(Receipt::from_json(json)).leaf));
        let said = (slot_of(&leaf.log), leaf.index, leaf.kind.as_str());
        assert_eq!(said, (Some(entry.slot), entry.index, entry.kind), "the receipt's own entry");
    }
}

fn opening(
    world: &World,
    model: &Model,
    entry: &Entry,
    (refused, step): (bool, &Step),
    told: &Predicted,
) {
    let seen = must(world.kernel.entries(entry.slot, entry.index, 1, true));
    let seen = must(seen.first().ok_or(format!("{entry:?} is missing")));
    let leaf = must(Leaf::parse(&seen.leaf));
    assert_eq!((leaf.kind.as_str(), leaf.time), (entry.kind, model.latest), "{entry:?}");
    let opening = must(seen.opening.as_ref().ok_or(format!("{entry:?} does not open")));
    must(opening.check(&leaf));
    let field = |name: &str| opening.fields.get(name).map(|shown| shown.value.as_str());
    assert_eq!(field("actor"), Some(step.who.as_str()), "{entry:?}");
    assert!(field("policies").is_some_and(|names| !names.is_empty()), "{entry:?}");
    assert!(field("credential").is_some_and(|id| !id.is_empty()), "{entry:?}");
    if refused {
        assert_eq!(field("asked"), Some(step.what.action()), "{entry:?}");
        return;
    }
    let grant = told.right.grant.as_ref();
    let named = grant.map(|grant| format!("{}#{}", grant.id, grant.given));
    assert_eq!(field("grant"), named.as_deref(), "{entry:?} rests on its grant");
    let own = match &step.what {
        What::Give(_) => told.answer_is_bootstrap(),
        _ => grant.is_some_and(|grant| grant.bootstrap),
    };
    assert_eq!(field("bootstrap"), own.then_some("true"), "{entry:?}");
    let purpose = step.purpose.as_deref().or(grant.map(|grant| grant.purpose.as_str()));
    assert_eq!(field("purpose"), purpose, "{entry:?}");
    if let What::Put(at, ..) | What::Get(at, ..) | What::Delete(at, _) = &step.what {
        let object = format!("{}/{}", at.collection, at.id);
        assert_eq!(field("object"), Some(object.as_str()), "{entry:?}");
    }
}

impl Predicted {
    fn answer_is_bootstrap(&self) -> bool {
        matches!(self.answer, Answer::Given(true, _))
    }

    /// Whether it changes the store.
    pub fn stores(&self) -> bool {
        !self.entries.is_empty()
    }
}

impl Outcome {
    /// Whether it says that nothing can be done now.
    pub fn unavailable(&self) -> bool {
        self.answer == Answer::Refused(Kind::Unavailable)
    }
}

impl Heads {
    /// Every log's signed head continues each one that was seen before.
    pub fn check(&mut self, kernel: &Kernel, model: &Model) {
        for slot in model.sizes.keys() {
            let key = must(VerifierKey::parse(&must(kernel.vkey(*slot))));
            let head = must(Checkpoint::open(&must(kernel.checkpoint(*slot)), &key));
            let before = self.0.entry(*slot).or_default();
            for (size, root) in before.iter() {
                let proof = must(kernel.consistency(*slot, *size, head.size));
                let checked = verify_consistency(*size, head.size, root, &head.root, &proof);
                assert!(checked.is_ok(), "log {slot} from {size} to {}: {checked:?}", head.size);
            }
            if before.last().is_none_or(|(size, _)| *size < head.size) {
                before.push((head.size, head.root));
            }
        }
    }

    /// The newest heads: slot, size, root.
    pub fn newest(&self) -> Vec<(u64, u64, ledger::Hash)> {
        let last =
            |(slot, heads): (&u64, &Vec<_>)| heads.last().map(|(size, root)| (*slot, *size, *root));
        self.0.iter().filter_map(last).collect()
    }
}

/// Right after an anchor was made: it verifies, and is of the newest head.
pub(super) fn anchors(kernel: &Kernel, model: &Model) {
    for account in model.accounts.values() {
        let json = must(kernel.anchor(account.slot));
        let report = verify_anchor(&json, Some(&kernel.public_key()));
        assert!(report.ok(), "{report}");
        let anchor = must(Anchor::from_json(&json));
        let head = must(kernel.head(account.slot));
        assert_eq!((anchor.slot, anchor.size), (account.slot, head.size));
    }
}
