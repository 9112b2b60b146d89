//! What a storage engine has to do: fetch what a batch declared, persist what it decided, scan.
//!
//! An engine is small on purpose. It stores bytes under numbers and tags, never a readable name and
//! never an open value; it decides nothing. One conformance suite (`testkit::conformance`) is run
//! against each of them. The lane is the only writer, so `fetch` needs no locks of its own here.

mod memory;
mod rows;
mod segment;
mod sqlite;

pub use memory::{DangerFaults, Memory};
pub use rows::{
    AccessRow, AccountKeysRow, CommitRow, EntryRow, HeadRow, JobRow, MetaRow, RecordKeyRow,
    RecordRow, RequestRow, SegmentRow, SignalDayRow, SignalRow, TileRow, VersionRow,
};
pub(crate) use segment::bounds;
pub use segment::{SEGMENT, segment};
pub use sqlite::Sqlite;
pub(crate) use sqlite::steady;

use crate::error::Result;
use std::sync::Arc;

/// What rows of the access index are looked up by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// The tag of a principal.
    Actor(Tag),
    /// The tag of a credential.
    Credential(Tag),
    /// The tag of a network address.
    Source(Tag),
    /// Rows whose entry names no address.
    NoSource,
}

/// Rows of a table: after one, up to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Only rows after this one; 0 begins at the first.
    pub after: i64,
    /// Only rows up to this one, itself among them.
    pub until: i64,
}

/// A 16-byte pseudonym: a truncated HMAC of something readable.
pub type Tag = [u8; 16];

/// What a batch needs to see before it executes.
#[derive(Debug, Default)]
pub struct Wants {
    /// Heads by slot.
    pub heads: Vec<u64>,
    /// Heads by the tag of the account's readable id.
    pub heads_by_tag: Vec<Tag>,
    /// Records by account and tag.
    pub records: Vec<(u64, Tag)>,
    /// Remembered requests by account and tag.
    pub requests: Vec<(u64, Tag)>,
    /// Pages of records in creation order.
    pub pages: Vec<PageWant>,
}

/// One bounded page of a collection, in creation order.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PageWant {
    /// The account's slot.
    pub account: u64,
    /// Tag of the collection.
    pub collection: Tag,
    /// Only rows after this one; 0 for the first page.
    pub after: i64,
    /// At most so many rows.
    pub limit: usize,
}

/// A record's row with its wrapped key.
#[derive(Clone, Debug)]
pub struct Stored {
    /// The row.
    pub record: RecordRow,
    /// The record's key.
    pub key: RecordKeyRow,
}

/// What was found of a batch's wants. What is missing was not there.
#[derive(Debug, Default)]
pub struct Fetched {
    /// Heads that exist.
    pub heads: Vec<HeadRow>,
    /// Records that exist.
    pub records: Vec<Stored>,
    /// Requests that are remembered.
    pub requests: Vec<RequestRow>,
    /// One answer per page, in the order of the wants.
    pub pages: Vec<Vec<Stored>>,
}

/// Everything one batch changes. It becomes durable as a whole or not at all.
#[derive(Debug, Default)]
pub struct Commit {
    /// The commit's own row, with the chain over all leaves.
    pub commit: CommitRow,
    /// New and changed heads.
    pub heads: Vec<HeadRow>,
    /// Keys of new accounts.
    pub account_keys: Vec<AccountKeysRow>,
    /// New entries.
    pub entries: Vec<EntryRow>,
    /// Their rows in the access index.
    pub accesses: Vec<AccessRow>,
    /// Segments of the access index that became full.
    pub segments: Vec<SegmentRow>,
    /// New and changed records.
    pub records: Vec<RecordRow>,
    /// New versions.
    pub versions: Vec<VersionRow>,
    /// Keys of new records.
    pub record_keys: Vec<RecordKeyRow>,
    /// Tiles that became full.
    pub tiles: Vec<TileRow>,
    /// Requests to remember.
    pub requests: Vec<RequestRow>,
    /// Jobs to run later.
    pub jobs: Vec<JobRow>,
    /// Jobs that are done.
    pub jobs_done: Vec<i64>,
    /// Requests remembered before this moment (µs) are forgotten.
    pub forget_requests_before: Option<u64>,
    /// Keys of days on which signals arrived first.
    pub signal_days: Vec<SignalDayRow>,
    /// Signals that arrived.
    pub signals: Vec<SignalRow>,
    /// Days whose signals are forgotten: the key, and every batch but the newest of all.
    pub signals_forgotten: Vec<u32>,
    /// Changed facts about the store itself.
    pub meta: Vec<MetaRow>,
}

/// Where the counters of a store stand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// The newest commit.
    pub commit: CommitRow,
    /// Highest row number of records.
    pub record: i64,
    /// Highest row number of versions.
    pub version: i64,
    /// Highest row number of record keys.
    pub record_key: i64,
    /// Highest row number of tiles.
    pub tile: i64,
    /// Highest row number of requests.
    pub request: i64,
    /// Highest row number of jobs.
    pub job: i64,
    /// Highest row number of signals.
    pub signal: i64,
}

/// A store, as the lane writes it.
pub trait Engine: Send {
    /// Where the counters stand.
    fn counters(&mut self) -> Result<Counters>;

    /// A commit by its sequence number.
    fn commit_at(&mut self, sequence: u64) -> Result<Option<CommitRow>>;

    /// Looks up what a batch declared.
    fn fetch(&mut self, wants: &Wants) -> Result<Fetched>;

    /// Makes a batch durable, as a whole or not at all.
    ///
    /// # Errors
    /// `Unavailable` if the medium refused (full, read-only, failing): then nothing was stored, or
    /// it is unknown whether it was; the lane finds out by reading the newest commit. `Conflict` if
    /// the data contradicts what is stored: then nothing was stored.
    fn persist(&mut self, commit: &Commit) -> Result<()>;

    /// A reader that may be used from any thread.
    fn reader(&self) -> Arc<dyn Reader>;
}

/// A store, as everything else reads it. Reads see what is committed.
pub trait Reader: Send + Sync {
    /// A head by slot.
    fn head(&self, account: u64) -> Result<Option<HeadRow>>;

    /// A head by the tag of the account's readable id.
    fn head_by_tag(&self, tag: &Tag) -> Result<Option<HeadRow>>;

    /// Heads with a slot greater than `after`, in order; `None` starts at the first.
    fn heads(&self, after: Option<u64>, limit: usize) -> Result<Vec<HeadRow>>;

    /// How many accounts there are, and how many of them have keys.
    fn census(&self) -> Result<(u64, u64)>;

    /// The newest keys of an account.
    fn account_keys(&self, account: u64) -> Result<Option<AccountKeysRow>>;

    /// Entries of an account from an index on, in order.
    fn entries(&self, account: u64, from: u64, limit: u64) -> Result<Vec<EntryRow>>;

    /// A full tile.
    fn tile(&self, account: u64, level: u8, index: u64) -> Result<Option<TileRow>>;

    /// A record with its key.
    fn record(&self, account: u64, tag: &Tag) -> Result<Option<Stored>>;

    /// Records with their keys, by account and tag, in the order in which they are wanted.
    fn records(&self, wanted: &[(u64, Tag)]) -> Result<Vec<Option<Stored>>> {
        wanted.iter().map(|(account, tag)| self.record(*account, tag)).collect()
    }

    /// A page of records in creation order.
    fn page(&self, want: &PageWant) -> Result<Vec<Stored>>;

    /// A version.
    fn version(&self, row: i64) -> Result<Option<VersionRow>>;

    /// A fact about the store itself.
    fn meta(&self, name: &str) -> Result<Option<MetaRow>>;

    /// Jobs that are due at this moment (µs), earliest first.
    fn jobs(&self, until: u64, limit: usize) -> Result<Vec<JobRow>>;

    /// Rows of the access index after this row, for a search over who touched what.
    fn accesses(&self, after: i64, limit: usize) -> Result<Vec<AccessRow>>;

    /// Rows of the access index that hold this, after one row and up to another, in commit order.
    /// No more rows than are answered are read, however many there are of others.
    fn accesses_by(&self, by: By, span: Span, limit: usize) -> Result<Vec<AccessRow>>;

    /// A full segment of the access index.
    fn segment(&self, number: i64) -> Result<Option<SegmentRow>>;

    /// The first row of the access index that is not earlier than this moment (µs); the one after
    /// the last if all are.
    fn first_access_since(&self, at: u64) -> Result<i64>;
    /// Batches of signals after this row, in the order of arrival.
    fn signals(&self, after: i64, limit: usize) -> Result<Vec<SignalRow>>;

    /// The days whose signals are kept, in order.
    fn signal_days(&self) -> Result<Vec<SignalDayRow>>;

    /// The entry in this row.
    fn entry_at(&self, row: i64) -> Result<Option<EntryRow>>;

    /// Entries of all logs after this row, in commit order.
    fn entries_after(&self, row: i64, limit: usize) -> Result<Vec<EntryRow>>;

    /// The newest commit, or the one of this number.
    fn commit(&self, sequence: Option<u64>) -> Result<Option<CommitRow>>;
}
