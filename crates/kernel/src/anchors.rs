//! Anchoring: the heads of all accounts, each tick, in one entry of `house`.
//!
//! A dense RFC 6962 tree has one leaf per slot; an account's slot is the index of the `house` entry
//! that created it, so no account can show two heads in one tick. The entry commits to the tree's
//! root, and its opening lists which heads moved since the anchor before, so that `verify` can
//! replay every anchor. There is no witness yet.

use crate::engine::{AnchoredRow, HeadRow, Reader};
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
    /// Row of the newest entry whose log is known to have moved, where others move logs too.
    row: i64,
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
    pub(crate) rows: Vec<AnchoredRow>,
}

/// Where an account stands in the last anchor.
pub(crate) struct Anchored {
    pub(crate) size: u64,
    pub(crate) root: Hash,
    pub(crate) slots: u64,
    pub(crate) snapshot: Hash,
    pub(crate) path: Vec<Hash>,
    pub(crate) house_index: u64,
    /// What the anchor's entry has to say.
    pub(crate) value: String,
}

impl Anchors {
    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes over every head of a store that was just opened, as moved since the anchor before, and
    /// says when the newest of them was written to (µs).
    pub(crate) fn load(&self, reader: &dyn Reader) -> Result<u64> {
        let (mut after, mut latest) = (None, 0);
        let row = reader.commit(None)?.map_or(0, |commit| commit.last);
        *self.lock() = Inner { row, ..Inner::default() };
        loop {
            let heads = reader.heads(after, 10_000)?;
            let Some(last) = heads.last() else { return Ok(latest) };
            after = Some(last.account);
            let mut inner = self.lock();
            for head in heads {
                latest = latest.max(head.time);
                inner.moved.insert(head.account, (head.size, root_of(&head)?));
            }
        }
    }

    /// Takes over what other nodes moved.
    pub(crate) fn look(&self, reader: &dyn Reader) -> Result<()> {
        let after = self.lock().row;
        let Some((row, heads)) = reader.moved(after)? else { return Ok(()) };
        let mut inner = self.lock();
        inner.row = row;
        for head in heads {
            inner.moved.insert(head.account, (head.size, root_of(&head)?));
        }
        Ok(())
    }

    /// Another node makes the anchors: what was prepared here counts no more.
    pub(crate) fn step_down(&self) {
        *self.lock() = Inner::default();
    }

    /// Takes over the anchors that another node made.
    pub(crate) fn follow(&self, reader: &dyn Reader) -> Result<()> {
        let known = self.lock().last.map(|last| last.house_index);
        let Some((index, rows)) = reader.anchored(known)? else { return Ok(()) };
        let mut inner = self.lock();
        // Meanwhile it may have been made known by somebody else here.
        if inner.last.map(|last| last.house_index) != known || known == Some(index) {
            return Ok(());
        }
        let leaf = |row: &AnchoredRow| (row.account, slot_leaf(row.account, row.size, &row.root));
        let changes: Vec<(u64, Hash)> = rows.iter().map(leaf).collect();
        inner.tree.update(&changes).map_err(|error| Error::limit(error.to_string()))?;
        inner.heads.extend(rows.into_iter().map(|row| (row.account, (row.size, row.root))));
        (inner.last, inner.settled) = (Some(Last { house_index: index }), true);
        Ok(())
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
        let row = |(slot, (size, root)): (&u64, &(u64, Hash))| AnchoredRow {
            account: *slot,
            size: *size,
            root: *root,
        };
        let rows = moved.iter().map(row).collect();
        inner.said = moved.keys().copied().collect();
        inner.heads.extend(moved);
        let value = snapshot_value(inner.tree.len(), &inner.tree.root());
        Ok(Snapshot { value, moved: list.join(" "), count, rows })
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
            value: snapshot_value(inner.tree.len(), &inner.tree.root()),
        })
    }
}

fn root_of(head: &HeadRow) -> Result<Hash> {
    let frontier = Frontier::from_parts(head.size, &head.frontier);
    let frontier = frontier.map_err(|error| {
        Error::internal(format!("the head of log {} is damaged: {error}", head.account))
    })?;
    Ok(frontier.root())
}
