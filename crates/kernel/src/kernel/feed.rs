//! Entries of all logs in the order they were committed, opened: what detection follows, and what
//! a search for affected accounts reads.
//!
//! An entry that does not open, or whose opening is not the one its leaf commits to, is told as
//! such with the reason, never left out: whoever counts has to count it. The access index only says
//! where to look; what an entry says is read from the entry, and compared with the index.

use super::shared::by_record;
use super::{Kernel, Shared};
use crate::engine::{
    AccessRow, By, CommitRow, EntryRow, HeadRow, PageWant, Reader, Span, Stored, Tag,
};
use crate::error::{Error, Result};
use crate::id::PrincipalId;
use crate::operation::Pointer;
use crate::reveal::{Header, Reveal, Version};
use crate::stage::{SOURCE, open_state};
use crate::store::actor_tag;
use crate::time::Moment;
use ledger::entry::{Leaf, StoredOpening};
use ledger::tile::{TileId, TileReader};
use ledger::tree::{leaf_hash, root_from_nodes};
use sealing::Key;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// An entry as it is fed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fed {
    /// Its row: dense over the whole store, in commit order, from 1.
    pub row: i64,
    /// The account's slot.
    pub account: u64,
    /// Its index in the account's log.
    pub index: u64,
    /// When it was committed.
    pub time: Moment,
    /// Its kind; empty if its leaf cannot be read.
    pub kind: String,
    /// What it says.
    pub fields: Told,
}

/// What an entry says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// Every field by name, each the one its leaf commits to.
    Fields(BTreeMap<String, String>),
    /// Nothing any more: its opening was erased.
    Erased,
    /// It cannot be read, and why: keys that are away, or bytes that were altered.
    Closed(String),
}

impl Fed {
    /// A field, where the entry can be read and has it.
    pub fn field(&self, name: &str) -> Option<&str> {
        let Told::Fields(fields) = &self.fields else { return None };
        fields.get(name).map(String::as_str)
    }
}

/// What a trace follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trace {
    /// A principal.
    Actor(PrincipalId),
    /// A credential: a token or session, by its id.
    Credential(String),
    /// A network address, as [`crate::address`] writes it.
    Source(String),
    /// Entries that name no address.
    NoSource,
    /// Every entry.
    All,
}

/// An entry that a trace found, with the tags of the records it concerned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Traced {
    /// The entry.
    pub entry: Fed,
    /// Tags of the records, in the order they were shown.
    pub objects: Vec<Tag>,
}

impl Kernel {
    /// Entries of all logs after this row (0 begins at the first), in commit order, opened. Fewer
    /// than `limit` means that there are no more yet.
    ///
    /// # Errors
    /// `Unavailable` if the store cannot be read.
    pub fn feed(&self, after_row: i64, limit: usize) -> Result<Vec<Fed>> {
        self.opened(&self.reader.entries_after(after_row, limit)?)
    }

    /// Entries of one log from this index on, opened.
    ///
    /// # Errors
    /// As [`Kernel::feed`].
    pub fn told(&self, account: u64, from: u64, limit: u64) -> Result<Vec<Fed>> {
        self.opened(&self.reader.entries(account, from, limit)?)
    }

    fn opened(&self, rows: &[EntryRow]) -> Result<Vec<Fed>> {
        let keys = Keys::of(&self.shared, &*self.reader, rows)?;
        let open = |row: &EntryRow| match keys.open(&self.shared, row) {
            // Only now, so that what is wrong with one entry is told of that one.
            None => self.shared.open_entry(&*self.reader, row),
            Some(opened) => opened,
        };
        Ok(rows.iter().map(|row| fed(row, || open(row))).collect())
    }

    /// Entries that hold what is traced, after one row and up to another, in commit order. Fewer
    /// than `limit` means that there are no more in the span.
    ///
    /// # Errors
    /// `Unavailable` if the store cannot be read; `Internal` if an entry that the index names is
    /// missing.
    pub fn trace(&self, by: &Trace, span: Span, limit: usize) -> Result<Vec<Traced>> {
        let tag = |kind, name: &str| actor_tag(&self.shared.keyring.root, kind, name);
        let by = match by {
            Trace::Actor(actor) => By::Actor(tag("actor", actor.as_str())),
            Trace::Credential(id) => By::Credential(tag("credential", id)),
            Trace::Source(source) => By::Source(tag(SOURCE, source)),
            Trace::NoSource => By::NoSource,
            Trace::All => return self.all(span, limit),
        };
        let rows = self.reader.accesses_by(by, span, limit)?;
        rows.iter().map(|row| self.traced(row)).collect()
    }

    fn all(&self, span: Span, limit: usize) -> Result<Vec<Traced>> {
        let rows = self.reader.accesses(span.after, limit)?;
        rows.iter().take_while(|row| row.row <= span.until).map(|row| self.traced(row)).collect()
    }

    fn traced(&self, row: &AccessRow) -> Result<Traced> {
        let missing = || Error::internal(format!("entries row {} is missing", row.row));
        let entry = self.reader.entry_at(row.row)?.ok_or_else(missing)?;
        let mut fed = fed(&entry, || self.shared.open_entry(&*self.reader, &entry));
        let root = &self.shared.keyring.root;
        let same = |name: &str, tag: Tag| {
            fed.field(name).is_some_and(|value| actor_tag(root, name, value) == tag)
        };
        let fits = row.at == fed.time.0
            && same("actor", row.actor)
            && same("credential", row.credential)
            && row.source.is_none_or(|tag| same(SOURCE, tag));
        if matches!(fed.fields, Told::Fields(_)) && !fits {
            fed.fields = Told::Closed("the access index is not that of the entry".to_owned());
        }
        Ok(Traced { entry: fed, objects: row.objects.as_chunks::<16>().0.to_vec() })
    }

    /// The rows of the entries from one moment until before another, among those up to `until`.
    ///
    /// # Errors
    /// `Unavailable` if the store cannot be read.
    pub fn span(&self, from: Moment, to: Moment, until: i64) -> Result<Span> {
        let after = self.reader.first_access_since(from.0)?.saturating_sub(1);
        let last = self.reader.first_access_since(to.0)?.saturating_sub(1);
        Ok(Span { after: after.min(until), until: last.min(until) })
    }

    /// The newest commit, or the one of this number: its chain pins every entry of every log up to
    /// its last row.
    ///
    /// # Errors
    /// `NotFound` if there is none of this number.
    pub fn commit(&self, sequence: Option<u64>) -> Result<CommitRow> {
        match (self.reader.commit(sequence)?, sequence) {
            (Some(row), _) => Ok(row),
            (None, None) => Ok(CommitRow::default()),
            (None, Some(sequence)) => {
                Err(Error::not_found(format!("this store has no commit `{sequence}`")))
            }
        }
    }

    /// How many entries an account's log had when the store's newest entry was in row `until`.
    ///
    /// # Errors
    /// `Unavailable` if the store cannot be read.
    pub fn size_at(&self, account: u64, until: i64) -> Result<u64> {
        let (mut low, mut high) = (0, self.head(account)?.size);
        while low < high {
            let middle = low + (high - low) / 2;
            let row = self.reader.entries(account, middle, 1)?.first().map(|entry| entry.row);
            if row.is_some_and(|row| row <= until) { low = middle + 1 } else { high = middle }
        }
        Ok(low)
    }

    /// The root hash of an account's log when it had so many entries.
    ///
    /// # Errors
    /// `Internal` if a tile is missing or damaged.
    pub fn root_at(&self, account: u64, size: u64) -> Result<ledger::Hash> {
        let mut tiles =
            TileReader::new(size, |tile: &TileId| self.shared.tile(&*self.reader, account, tile));
        root_from_nodes(size, &mut |level, index| tiles.node(level, index))
            .map_err(|error| Error::internal(format!("log {account}: {error}")))
    }

    /// Whether an entry's leaf is the one that the full tile above it holds; true as long as there
    /// is no such tile.
    ///
    /// # Errors
    /// `Unavailable` if the store cannot be read.
    pub fn in_tile(&self, account: u64, index: u64) -> Result<bool> {
        let Some(tile) = self.reader.tile(account, 0, index / 256)? else { return Ok(true) };
        let rows = self.reader.entries(account, index, 1)?;
        let place = usize::try_from(index % 256).unwrap_or(usize::MAX);
        let hash = tile.data.as_chunks::<32>().0.get(place).copied();
        Ok(hash.is_some() && hash == rows.first().map(|row| leaf_hash(&row.leaf)))
    }

    /// Heads of accounts whose slot is greater than `after`, in order; `None` begins at the first.
    ///
    /// # Errors
    /// `Unavailable` if the store cannot be read.
    pub fn heads(&self, after: Option<u64>, limit: usize) -> Result<Vec<HeadRow>> {
        self.reader.heads(after, limit)
    }

    /// Calls `see` with every version of every record of a small collection, deleted or not: for
    /// questions about what a register said at some time.
    ///
    /// # Errors
    /// `Internal` if one does not open; whatever `see` answers.
    pub fn versions(
        &self,
        account: u64,
        collection: &str,
        mut see: impl FnMut(&Version) -> Result<()>,
    ) -> Result<()> {
        let keys = self.shared.keyring.account(account)?;
        let collection = self.collection_tag(account, collection)?;
        let mut want = PageWant { account, collection, after: 0, limit: 1000 };
        loop {
            let page = self.reader.page(&want)?;
            let Some(last) = page.last() else { return Ok(()) };
            want.after = last.record.row;
            for stored in page {
                let mut pointer = Pointer::to(&open_state(&keys, stored)?);
                loop {
                    let (version, row) = Reveal::follow_in(&*self.reader, &pointer)?;
                    see(&version)?;
                    if row.prev == 0 {
                        break;
                    }
                    (pointer.row, pointer.version) = (row.prev, pointer.version.saturating_sub(1));
                }
            }
        }
    }

    /// The collection and id of a record, by its tag; `None` if there is no such record any more.
    ///
    /// # Errors
    /// `Unavailable` if the account's keys are away, `Internal` if it does not open.
    pub fn named(&self, account: u64, tag: &Tag) -> Result<Option<Header>> {
        let Some(stored) = self.reader.record(account, tag)? else { return Ok(None) };
        let keys = self.shared.keyring.account(account)?;
        let pointer = Pointer::to(&open_state(&keys, stored)?);
        Ok(Some(Reveal::follow_in(&*self.reader, &pointer)?.0.header))
    }
}

/// The keys of many entries' records, each read and unwrapped once.
struct Keys(BTreeMap<(u64, Tag), Option<Arc<Key>>>);

impl Keys {
    fn of(shared: &Shared, reader: &dyn Reader, rows: &[EntryRow]) -> Result<Self> {
        let of_record = |row: &EntryRow| by_record(row).map(|(tag, _)| (row.account, *tag));
        let wanted: BTreeSet<(u64, Tag)> = rows.iter().filter_map(of_record).collect();
        let wanted: Vec<_> = wanted.into_iter().collect();
        let found = reader.records(&wanted)?;
        let key = |stored: Option<Stored>| match stored.map(|one| shared.key_of_entries(one)) {
            None => Some(None),
            Some(key) => key.ok().map(Some),
        };
        let all = wanted.into_iter().zip(found);
        Ok(Self(all.filter_map(|(name, stored)| Some((name, key(stored)?))).collect()))
    }

    /// What an entry hides; none if its key is not here.
    fn open(&self, shared: &Shared, row: &EntryRow) -> Option<Result<Option<StoredOpening>>> {
        let key = match by_record(row) {
            Some((tag, _)) => self.0.get(&(row.account, *tag))?.clone(),
            None => None,
        };
        Some(shared.open_entry_with(row, |_| Ok(key)))
    }
}

/// An entry, opened and held against its leaf.
fn fed(row: &EntryRow, open: impl FnOnce() -> Result<Option<StoredOpening>>) -> Fed {
    let mut fed = Fed {
        row: row.row,
        account: row.account,
        index: row.index,
        time: Moment(0),
        kind: String::new(),
        fields: Told::Erased,
    };
    let leaf = match Leaf::parse(&row.leaf) {
        Ok(leaf) if leaf.index == row.index => leaf,
        Ok(leaf) => {
            fed.fields = Told::Closed(format!("its leaf says it is entry {}", leaf.index));
            return fed;
        }
        Err(error) => {
            fed.fields = Told::Closed(error.to_string());
            return fed;
        }
    };
    (fed.time, fed.kind) = (Moment(leaf.time), leaf.kind.clone());
    fed.fields = match open() {
        Ok(None) => Told::Erased,
        Ok(Some(stored)) => match stored.opening().check(&leaf) {
            Ok(_) if stored.fields.len() == leaf.fields.len() => {
                Told::Fields(stored.fields.into_iter().collect())
            }
            Ok(_) => Told::Closed("its opening does not show every field".to_owned()),
            Err(error) => Told::Closed(error.to_string()),
        },
        Err(error) => Told::Closed(error.to_string()),
    };
    fed
}
