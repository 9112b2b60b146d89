//! What a verification carries from table to table.

use super::bits::Bits;
use super::findings::Findings;
use super::range::Range;
use crate::cache::Cache;
use crate::engine::Tag;
use crate::limits::CACHED_ACCOUNTS;
use crate::store::Identity;
use rusqlite::Connection;
use sealing::{AccountKeys, Key, RootKey};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// Rows between two calls of the progress function.
const PROGRESS_ROWS: u64 = 1024;

/// A verification under way. What grows with the store is a bit per row, and per account its
/// [`Log`]; everything else is bounded.
pub(super) struct Walk<'a> {
    pub(super) db: &'a Connection,
    /// `None` without keys, or once they turned out to be those of another store.
    pub(super) root: Option<&'a RootKey>,
    pub(super) found: Findings,
    pub(super) identity: Option<Identity>,
    pub(super) logs: HashMap<u64, Log>,
    pub(super) opened: Cache<u64, Option<Arc<AccountKeys>>>,
    pub(super) record_keys: Cache<(u64, Tag), Option<Arc<Key>>>,
    /// Rows of entries that made a record's state which no record was found to have had yet.
    pub(super) states: Bits,
    /// Names of the jobs that were left and not done yet, by their rows.
    pub(super) jobs: BTreeMap<i64, String>,
    /// The format of the tables: the number of the last migration.
    pub(super) format: i64,
    /// Rows of signals that an entry keeps and none forgets, and that were not seen yet.
    pub(super) signals: Bits,
    /// Days whose signals were forgotten.
    pub(super) forgotten: BTreeSet<u32>,
    /// Time of the newest entry in the store, µs since 1970.
    pub(super) newest: u64,
    progress: &'a mut dyn FnMut(u64, u64),
    done: u64,
    total: u64,
}

/// A log under verification.
#[derive(Default)]
pub(super) struct Log {
    pub(super) range: Range,
    /// Time and epoch of its last entry.
    pub(super) time: u64,
    pub(super) epoch: u32,
    /// Size at which it was last anchored.
    pub(super) anchored: u64,
    /// An index was missing or out of order: root and tiles cannot be what they were.
    pub(super) torn: bool,
    /// A row of `heads`, of `account_keys`, a record in the register of accounts was seen.
    pub(super) headed: bool,
    pub(super) keyed: bool,
    pub(super) named: bool,
}

impl<'a> Walk<'a> {
    pub(super) fn new(
        db: &'a Connection,
        root: Option<&'a RootKey>,
        progress: &'a mut dyn FnMut(u64, u64),
    ) -> Self {
        Self {
            db,
            root,
            found: Findings::default(),
            identity: None,
            logs: HashMap::new(),
            opened: Cache::new(CACHED_ACCOUNTS),
            record_keys: Cache::new(CACHED_ACCOUNTS),
            states: Bits::new(0),
            jobs: BTreeMap::new(),
            format: 0,
            signals: Bits::new(0),
            forgotten: BTreeSet::new(),
            newest: 0,
            progress,
            done: 0,
            total: 0,
        }
    }

    /// More rows to look at.
    pub(super) fn expect(&mut self, rows: u64) {
        self.total += rows;
    }

    /// One more row was looked at.
    pub(super) fn step(&mut self) {
        self.done += 1;
        if self.done.is_multiple_of(PROGRESS_ROWS) || self.done == self.total {
            (self.progress)(self.done.min(self.total), self.total);
        }
    }

    /// Reports a pass that a damaged file ended early.
    pub(super) fn pass(
        &mut self,
        table: &str,
        pass: impl FnOnce(&mut Self) -> rusqlite::Result<()>,
    ) {
        if let Err(error) = pass(self) {
            self.found.problem(table, format!("cannot be read to its end: {error}"));
        }
    }
}

/// An entry as a problem names it.
pub(super) fn entry_name(account: u64, place: u64) -> String {
    format!("log {account} entry {place}")
}
