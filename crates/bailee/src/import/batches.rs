//! Rows gathered into windows, and a window's rows into batches per account.
//!
//! Promises: the same rows from the same place give the same windows and batches, so that an
//! import that goes on repeats exactly what it sent; an account's rows keep their order; a batch
//! has each id at most once, so that the later of two rows becomes the later version.
//! Does not: send.

use std::collections::{HashMap, HashSet};

use kernel::id::{AccountId, RecordId};
use kernel::limits::BATCH_RECORDS;

use super::input::Position;
use super::report::Tally;
use super::rows::{Bad, Item, Row};

/// Rows of a window at most. More would make larger batches where accounts are mixed, and more to
/// repeat after an interruption.
pub const WINDOW_ROWS: u64 = 4096;

/// Bytes of a window's records at most: two windows are held in memory.
pub const WINDOW_BYTES: usize = 32 * 1024 * 1024;

/// Bytes of a batch's records at most, well under the server's limit, so that answers come
/// steadily.
const BATCH_BYTES: usize = 4 * 1024 * 1024;

/// A stretch of the file: what it asks to be sent, and where it ends.
#[derive(Debug)]
pub struct Window {
    /// Counted from the beginning of the file, from 0.
    pub number: u64,
    /// The place behind its last row.
    pub end: Position,
    /// What reading it found.
    pub tally: Tally,
    /// What is to be sent, in order.
    pub batches: Vec<Batch>,
}

/// Records of one account that are sent together.
#[derive(Debug)]
pub struct Batch {
    /// Its window.
    pub window: u64,
    /// Its place among the window's batches.
    pub number: usize,
    /// Where the records go.
    pub account: AccountId,
    /// The account's name as the file has it.
    pub name: String,
    /// The records, each id once.
    pub records: Vec<Record>,
}

/// A record to be sent.
#[derive(Debug, PartialEq, Eq)]
pub struct Record {
    /// Number of the row's first line.
    pub line: u64,
    /// Its id.
    pub id: RecordId,
    /// Its bytes.
    pub json: String,
}

impl Record {
    /// Whether it has to be sent by itself: white space around a document is part of what is
    /// stored, but not of a value inside another document.
    pub fn stands_alone(&self) -> bool {
        self.json.len() != self.json.trim_matches([' ', '\t', '\r', '\n']).len()
    }
}

/// Gathers the rows of one window.
#[derive(Debug)]
pub struct Gather {
    number: u64,
    bytes: usize,
    tally: Tally,
    batches: Vec<Batch>,
    /// Per account the batch that still takes records.
    open: HashMap<AccountId, Open>,
}

#[derive(Debug)]
struct Open {
    place: usize,
    ids: HashSet<RecordId>,
    bytes: usize,
}

impl Gather {
    /// Begins window `number`.
    pub fn new(number: u64) -> Self {
        Self {
            number,
            bytes: 0,
            tally: Tally::default(),
            batches: Vec::new(),
            open: HashMap::new(),
        }
    }

    /// Takes a row in. Gives it back if it is bad, to be reported.
    pub fn take(&mut self, item: Item) -> Option<Bad> {
        self.tally.rows += 1;
        match item {
            Item::Row(row) => {
                self.add(row);
                None
            }
            Item::Bad(bad) => {
                self.tally.fail(bad.clone());
                Some(bad)
            }
        }
    }

    /// Whether the window takes no more rows.
    pub fn full(&self) -> bool {
        self.tally.rows >= WINDOW_ROWS || self.bytes >= WINDOW_BYTES
    }

    /// Ends the window behind its last row.
    pub fn close(self, end: Position) -> Window {
        Window { number: self.number, end, tally: self.tally, batches: self.batches }
    }

    fn add(&mut self, row: Row) {
        let Row { line, account, name, id, json } = row;
        let size = json.len();
        self.bytes += size;
        let record = Record { line, id, json };
        let alone = record.stands_alone();
        if let Some(open) = self.open.get_mut(&account).filter(|_| !alone)
            && let Some(batch) = self.batches.get_mut(open.place)
            && batch.records.len() < BATCH_RECORDS
            && open.bytes + size <= BATCH_BYTES
            && open.ids.insert(record.id.clone())
        {
            open.bytes += size;
            batch.records.push(record);
            return;
        }
        let place = self.batches.len();
        if alone {
            self.open.remove(&account);
        } else {
            let ids = HashSet::from([record.id.clone()]);
            self.open.insert(account.clone(), Open { place, ids, bytes: size });
        }
        let (window, records) = (self.number, vec![record]);
        self.batches.push(Batch { window, number: place, account, name, records });
    }
}

/// The body of a batch request: `{"records":[{"id":…,"value":…},…]}`, each value as it stands.
pub fn body(records: &[Record]) -> Vec<u8> {
    let size: usize = records.iter().map(|it| it.json.len() + it.id.as_str().len() + 20).sum();
    let mut out = Vec::with_capacity(size + 16);
    out.extend_from_slice(b"{\"records\":[");
    for (place, record) in records.iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        // An id has no character that JSON escapes.
        out.extend_from_slice(b"{\"id\":\"");
        out.extend_from_slice(record.id.as_str().as_bytes());
        out.extend_from_slice(b"\",\"value\":");
        out.extend_from_slice(record.json.as_bytes());
        out.push(b'}');
    }
    out.extend_from_slice(b"]}");
    out
}
