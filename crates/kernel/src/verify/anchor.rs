//! The anchors of `house`, replayed: at each of them every log was what it is now, only shorter.

use super::cells::Cell;
use super::entry::Opened;
use super::log::Entry;
use super::walk::{Log, Walk, entry_name};
use crate::store::HOUSE;
use ledger::Hash;
use ledger::entry::Leaf;
use ledger::receipt::{slot_leaf, snapshot_value};
use ledger::tree::Tree;
use rusqlite::{OptionalExtension, params};
use std::collections::HashMap;

/// The next anchor: an anchor says which sizes the logs had before it, so it is read ahead, and
/// each log's root is taken as it grows past the size named.
#[derive(Default)]
pub(super) struct Anchors {
    tree: Tree,
    next: Option<Anchor>,
    started: bool,
    /// Anchors that held.
    pub(super) count: u64,
    /// Read no further: the keys are missing, or an anchor did not hold.
    ended: bool,
}

struct Anchor {
    place: u64,
    snapshot: String,
    /// Size and, once the log had it, root by slot.
    moved: HashMap<u64, (u64, Option<Hash>)>,
}

impl Anchors {
    /// A log has one entry more.
    pub(super) fn grown(&mut self, account: u64, log: &Log) {
        let moved = self.next.as_mut().and_then(|next| next.moved.get_mut(&account));
        if let Some((size, root)) = moved
            && *size == log.range.size()
        {
            *root = Some(log.range.root());
        }
    }

    /// An entry was read; if it is the next anchor it has to hold.
    pub(super) fn after(&mut self, walk: &mut Walk<'_>, entry: &Entry<'_>) -> rusqlite::Result<()> {
        if self.ended || entry.account != HOUSE {
            return Ok(());
        }
        if !self.started {
            self.started = true;
            return self.look_ahead(walk, entry.place);
        }
        let Some(next) = self.next.take_if(|next| next.place == entry.place) else { return Ok(()) };
        if let Err(why) = self.hold(walk, next) {
            walk.found.problem(format!("{} (anchor)", entry_name(HOUSE, entry.place)), why);
            self.ended = true;
            return Ok(());
        }
        self.count += 1;
        self.look_ahead(walk, entry.place)
    }

    fn hold(&mut self, walk: &mut Walk<'_>, anchor: Anchor) -> Cell<()> {
        let mut changes = Vec::with_capacity(anchor.moved.len());
        for (slot, (size, root)) in anchor.moved {
            let log = walk.logs.get_mut(&slot);
            let (Some(root), Some(log)) = (root, log.filter(|log| log.anchored <= size)) else {
                return Err(format!("log {slot} had not the {size} entries that are anchored"));
            };
            log.anchored = size;
            changes.push((slot, slot_leaf(slot, size, &root)));
        }
        self.tree.update(&changes).map_err(|error| error.to_string())?;
        if snapshot_value(self.tree.len(), &self.tree.root()) != anchor.snapshot {
            return Err("the logs are not those that were anchored".to_owned());
        }
        Ok(())
    }

    /// Reads the next anchor after this entry of `house`.
    fn look_ahead(&mut self, walk: &mut Walk<'_>, after: u64) -> rusqlite::Result<()> {
        if walk.root.is_none() {
            self.ended = true;
            return Ok(());
        }
        match next_anchor(walk, after)? {
            Ok(next) => self.next = next,
            Err(why) => {
                walk.found.problem(format!("anchors after {}", entry_name(HOUSE, after)), why);
                self.ended = true;
            }
        }
        if let Some(next) = &mut self.next {
            for (slot, (size, root)) in &mut next.moved {
                let log = walk.logs.get(slot).filter(|log| log.range.size() == *size);
                *root = log.map(|log| log.range.root());
            }
        }
        Ok(())
    }

    /// Every anchor was reached.
    pub(super) fn end(&self, walk: &mut Walk<'_>) {
        if let Some(next) = self.next.as_ref().filter(|_| !self.ended) {
            let what = format!("{} (anchor)", entry_name(HOUSE, next.place));
            walk.found.problem(what, "stands out of order");
        }
    }
}

fn next_anchor(walk: &mut Walk<'_>, after: u64) -> rusqlite::Result<Cell<Option<Anchor>>> {
    // The kind of a leaf is written in one way only, and nothing else in it can read like this.
    let needle = format!("\"kind\":\"{}\"", crate::tick::ANCHOR.name);
    let sql = "SELECT row, account, place, leaf, opening FROM entries
               WHERE account = ?1 AND place > ?2 AND instr(leaf, ?3) > 0 ORDER BY place LIMIT 1";
    let db = walk.db;
    let mut query = db.prepare_cached(sql)?;
    let found = query
        .query_row(params![HOUSE, after, needle.as_bytes()], |row| {
            Ok(Entry::read(row).and_then(|entry| read(walk, &entry)))
        })
        .optional()?;
    Ok(found.transpose())
}

fn read(walk: &mut Walk<'_>, entry: &Entry<'_>) -> Cell<Anchor> {
    let name = entry_name(HOUSE, entry.place);
    let bad = |what: &str| format!("cannot be replayed: {name}: {what}");
    let leaf = Leaf::parse(entry.leaf).map_err(|error| bad(&error.to_string()))?;
    let opened = Opened::open(walk, entry, &leaf).map_err(|why| bad(&why))?;
    let opened = opened.ok_or_else(|| bad("it does not open"))?;
    let snapshot =
        opened.field(ledger::receipt::SNAPSHOT_FIELD).ok_or_else(|| bad("no snapshot"))?;
    let mut moved = HashMap::new();
    for list in opened.numbered("moved") {
        for item in list.split(' ') {
            let parts = item.split_once(':');
            let parts =
                parts.and_then(|(slot, size)| Some((slot.parse().ok()?, size.parse().ok()?)));
            let (slot, size) = parts.ok_or_else(|| bad("its list has another form"))?;
            moved.insert(slot, (size, None));
        }
    }
    if opened.field("count") != Some(moved.len().to_string().as_str()) {
        return Err(bad("its list is not as long as it says"));
    }
    Ok(Anchor { place: entry.place, snapshot: snapshot.to_owned(), moved })
}
