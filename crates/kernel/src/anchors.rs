//! Anchoring: the heads of all accounts, each tick, in one entry of `house`.
//!
//! A dense RFC 6962 tree has one leaf per slot; an account's slot is the index of the `house` entry
//! that created it, so no account can show two heads in one tick. The entry commits to the tree's
//! root, and its opening lists which heads moved since the anchor before, so that `verify` can
//! replay every anchor. There is no witness yet.

use crate::engine::Reader;
use crate::error::{Error, Result};
use crate::time::Moment;
use ledger::Hash;
use ledger::receipt::{slot_leaf, snapshot_value};
use ledger::tree::{Frontier, Tree};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// Heads since the last anchor, and the last anchor itself.
#[derive(Default)]
pub(crate) struct Anchors(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    tree: Tree,
    heads: BTreeMap<u64, (u64, Hash)>,
    moved: BTreeMap<u64, (u64, Hash)>,
    /// What the anchor that is under way says, in case it does not get committed.
    said: Vec<u64>,
    last: Option<Last>,
    /// Whether `tree` and `heads` are those of the last anchor; not while one is under way.
    settled: bool,
    /// When it was last seen that nothing had moved since the last anchor.
    seen: Moment,
}

#[derive(Clone, Copy)]
struct Last {
    house_index: u64,
}

/// What an anchor entry says.
pub(crate) struct Snapshot {
    pub(crate) value: String,
    pub(crate) moved: String,
    pub(crate) count: usize,
}

/// Where an account stands in the last anchor.
pub(crate) struct Anchored {
    pub(crate) size: u64,
    pub(crate) root: Hash,
    pub(crate) slots: u64,
    pub(crate) snapshot: Hash,
    pub(crate) path: Vec<Hash>,
    pub(crate) house_index: u64,
}

impl Anchors {
    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes over every head of a store that was just opened, as moved since the anchor before, and
    /// says when the newest of them was written to (µs).
    pub(crate) fn load(&self, reader: &dyn Reader) -> Result<u64> {
        let (mut after, mut latest) = (None, 0);
        loop {
            let heads = reader.heads(after, 10_000)?;
            let Some(last) = heads.last() else { return Ok(latest) };
            after = Some(last.account);
            let mut inner = self.lock();
            for head in heads {
                latest = latest.max(head.time);
                let frontier =
                    Frontier::from_parts(head.size, &head.frontier).map_err(|error| {
                        Error::internal(format!(
                            "the head of log {} is damaged: {error}",
                            head.account
                        ))
                    })?;
                inner.moved.insert(head.account, (head.size, frontier.root()));
            }
        }
    }

    /// Logs that moved: slot, size, root.
    pub(crate) fn moved(&self, heads: impl Iterator<Item = (u64, u64, Hash)>) {
        let mut inner = self.lock();
        for (slot, size, root) in heads {
            inner.moved.insert(slot, (size, root));
        }
    }

    /// Whether an anchor would say anything new: `house` moves by each anchor itself.
    pub(crate) fn due(&self) -> bool {
        self.lock().moved.keys().any(|slot| *slot != crate::store::HOUSE)
    }

    /// Takes over the moved heads and says what the next anchor entry has to say.
    pub(crate) fn snapshot(&self) -> Result<Snapshot> {
        let mut inner = self.lock();
        inner.settled = false;
        let moved = std::mem::take(&mut inner.moved);
        let changes: Vec<(u64, Hash)> = moved
            .iter()
            .map(|(slot, (size, root))| (*slot, slot_leaf(*slot, *size, root)))
            .collect();
        inner.tree.update(&changes).map_err(|error| Error::limit(error.to_string()))?;
        let list: Vec<String> =
            moved.iter().map(|(slot, (size, _))| format!("{slot}:{size}")).collect();
        let count = moved.len();
        inner.said = moved.keys().copied().collect();
        inner.heads.extend(moved);
        let value = snapshot_value(inner.tree.len(), &inner.tree.root());
        Ok(Snapshot { value, moved: list.join(" "), count })
    }

    /// The anchor entry was committed at this index of `house`.
    pub(crate) fn committed(&self, house_index: u64) {
        let mut inner = self.lock();
        (inner.last, inner.settled) = (Some(Last { house_index }), true);
    }

    /// The anchor entry was not committed: the next one says it all again, since whoever replays
    /// the anchors knows only those that are in the log.
    pub(crate) fn failed(&self) {
        let mut inner = self.lock();
        for slot in std::mem::take(&mut inner.said) {
            if let Some(head) = inner.heads.get(&slot).copied() {
                inner.moved.entry(slot).or_insert(head);
            }
        }
    }

    /// Nothing has moved since the last anchor, if there is one.
    pub(crate) fn seen(&self, now: Moment) {
        let mut inner = self.lock();
        if inner.settled {
            inner.seen = now;
        }
    }

    /// When it was last seen that nothing had moved since the last anchor.
    pub(crate) fn seen_at(&self) -> Moment {
        self.lock().seen
    }

    /// Index of the last anchor's entry in `house`.
    pub(crate) fn last(&self) -> Option<u64> {
        self.lock().last.map(|last| last.house_index)
    }

    /// Where an account stands in the last anchor, if there is one and the account is in it.
    pub(crate) fn of(&self, slot: u64) -> Option<Anchored> {
        let inner = self.lock();
        let last = inner.last.filter(|_| inner.settled)?;
        let (size, root) = *inner.heads.get(&slot)?;
        Some(Anchored {
            size,
            root,
            slots: inner.tree.len(),
            snapshot: inner.tree.root(),
            path: inner.tree.prove(slot)?,
            house_index: last.house_index,
        })
    }
}
