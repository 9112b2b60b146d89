//! What a storage engine has to do: fetch what a batch declared, persist what it decided, scan.
//!
//! An engine is small on purpose. It stores bytes under numbers and tags, never a readable name and
//! never an open value; it decides nothing. One conformance suite (`testkit::conformance`) is run
//! against each of them. SQLite and memory have one writer, the lane, and need no locks; where
//! several lanes and nodes write, `fetch` holds what the batch declared and `order` the one order
//! over all commits, until the batch is persisted or released (decision 0044).

mod memory;
mod numbers;
mod rows;
mod segment;
mod sqlite;

pub use memory::{DangerFaults, Memory};
pub(crate) use numbers::Numbered;
pub use numbers::Numbers;
pub use rows::{
    AccessRow, AccountKeysRow, CommitRow, EntryRow, HeadRow, JobRow, MetaRow, RecordKeyRow,
    RecordRow, RequestRow, SegmentRow, SignalDayRow, SignalRow, TileRow, VersionRow,
};
pub use segment::{SEGMENT, bounds, find, holds, segment};
pub use sqlite::Sqlite;
pub(crate) use sqlite::steady;

use crate::error::{Error, Result};
use std::ops::Range;
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
    /// Where new rows take their numbers from.
    pub numbers: Numbers,
    /// Highest row number of signals, where the batch holds `house`.
    pub signal: i64,
    /// The index of the `house` entry that changed rights last, where others change them too.
    pub rights: Option<u64>,
}

/// Where the one order over all commits has come to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tail {
    /// The newest commit.
    pub commit: CommitRow,
    /// Highest row number of tiles.
    pub tile: i64,
    /// Time of the newest entry that others may have made (µs); 0 where there are no others.
    pub time: u64,
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
    /// Jobs that are done; each has to be there, under this claim.
    pub jobs_done: Vec<Claim>,
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
    /// The index of the newest `house` entry of this batch that changed rights.
    pub rights: Option<u64>,
    /// What the anchor in this batch says of each log that moved, and its index in `house`: for
    /// other nodes, which did not make it.
    pub anchored: Option<(u64, Vec<AnchoredRow>)>,
    /// Leases under which the batch's work is done; each has to be held still.
    pub leases: Vec<Lease>,
}

/// A log as the newest anchor that named it has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnchoredRow {
    /// The account's slot.
    pub account: u64,
    /// Entries in its log.
    pub size: u64,
    /// The root over them.
    pub root: [u8; 32],
}

/// A job that somebody is doing. The token rises with each who claims it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The job's row.
    pub row: i64,
    /// The token; 0 where there is one writer.
    pub token: i64,
}

/// The right to do what one node does for all. The token rises with each holder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    /// For what.
    pub name: &'static str,
    /// The token; 0 where there is one writer.
    pub token: i64,
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

impl Counters {
    /// Where they stand after this commit.
    fn count(&mut self, commit: &Commit) {
        fn highest<R>(stands: &mut i64, rows: &[R], row: impl Fn(&R) -> i64) {
            *stands = rows.iter().map(row).max().unwrap_or(0).max(*stands);
        }
        self.commit = commit.commit.clone();
        highest(&mut self.record, &commit.records, |row| row.row);
        highest(&mut self.version, &commit.versions, |row| row.row);
        highest(&mut self.record_key, &commit.record_keys, |row| row.row);
        highest(&mut self.tile, &commit.tiles, |row| row.row);
        highest(&mut self.request, &commit.requests, |row| row.row);
        highest(&mut self.job, &commit.jobs, |row| row.row);
        highest(&mut self.signal, &commit.signals, |row| row.row);
    }
}

/// A store, as a lane writes it.
pub trait Engine: Send {
    /// Where the counters stand.
    fn counters(&mut self) -> Result<Counters>;

    /// A commit by its sequence number.
    fn commit_at(&mut self, sequence: u64) -> Result<Option<CommitRow>>;

    /// Looks up what a batch declared, and holds it: until the batch is persisted or released,
    /// nobody else changes an account whose head, record or page it declared. What is already
    /// committed when this is called is seen.
    ///
    /// # Errors
    /// `Unavailable` if the medium does not answer; nothing is held then.
    fn fetch(&mut self, wants: &Wants) -> Result<Fetched>;

    /// Takes the batch's place in the one order over all commits, and says where that has come to:
    /// until the batch is persisted or released, nobody else commits.
    ///
    /// # Errors
    /// `Unavailable` if the medium does not answer.
    fn order(&mut self) -> Result<Tail>;

    /// Makes a batch durable, as a whole or not at all, and holds nothing any more.
    ///
    /// # Errors
    /// `Unavailable` if the medium refused (full, read-only, failing): then nothing was stored, or
    /// it is unknown whether it was; [`Engine::stored`] finds out. `Conflict` if the data
    /// contradicts what is stored: then nothing was stored.
    fn persist(&mut self, commit: &Commit) -> Result<()>;

    /// Holds nothing any more, and has changed nothing. Without a batch it does nothing.
    fn release(&mut self) {}

    /// Whether others write to the store too.
    fn shared(&self) -> bool {
        false
    }

    /// Whether this commit is stored, after a persist whose outcome is unknown. What is answered
    /// stays so: a commit that is not stored now does not become stored later.
    ///
    /// # Errors
    /// `Unavailable` as long as it cannot be found out.
    fn stored(&mut self, commit: &CommitRow) -> Result<bool> {
        Ok(self.commit_at(commit.sequence)?.as_ref() == Some(commit))
    }

    /// Names of other nodes that work on the store at this time.
    fn others(&mut self) -> Result<Vec<String>> {
        Ok(vec![])
    }

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

    /// A version of a record of this account.
    fn version(&self, account: u64, row: i64) -> Result<Option<VersionRow>>;

    /// Versions by account and row, in any order; what is missing is left out.
    fn versions(&self, wanted: &[(u64, i64)]) -> Result<Vec<VersionRow>> {
        let found = wanted.iter().map(|(account, row)| self.version(*account, *row).transpose());
        found.flatten().collect()
    }

    /// A fact about the store itself.
    fn meta(&self, name: &str) -> Result<Option<MetaRow>>;

    /// Jobs that are due at this moment (µs), earliest first, claimed for whoever asks: for a while
    /// nobody else gets them, and once somebody else did, what is done under this claim is refused.
    fn claim(&self, until: u64, limit: usize) -> Result<Vec<(JobRow, Claim)>> {
        let claimed = |job: JobRow| (Claim { row: job.row, token: 0 }, job);
        let jobs = self.jobs(until, limit)?.into_iter().map(claimed);
        Ok(jobs.map(|(claim, job)| (job, claim)).collect())
    }

    /// The right to do what is done by one node only, as long as nobody else has it; renewed by
    /// whoever has it. `None` while it is somebody else's.
    fn lease(&self, name: &'static str) -> Result<Option<Lease>> {
        Ok(Some(Lease { name, token: 0 }))
    }

    /// Jobs that are due at this moment (µs), earliest first.
    fn jobs(&self, until: u64, limit: usize) -> Result<Vec<JobRow>>;

    /// Rows of the access index after this row, for a search over who touched what.
    fn accesses(&self, after: i64, limit: usize) -> Result<Vec<AccessRow>>;

    /// Rows of the access index that hold this, after one row and up to another, in commit order.
    /// No more rows than are answered are read, however many there are of others.
    fn accesses_by(&self, by: By, span: Span, limit: usize) -> Result<Vec<AccessRow>>;

    /// A full segment of the access index.
    fn segment(&self, number: i64) -> Result<Option<SegmentRow>>;

    /// A row of the access index before which all are earlier than this moment (µs); the one after
    /// the last if all are. With one writer it is the first that is not earlier.
    fn first_access_since(&self, at: u64) -> Result<i64>;

    /// A row of the access index after which none is earlier than this moment (µs). With one writer
    /// it is the last that is earlier; 0 if none is.
    fn last_access_before(&self, at: u64) -> Result<i64> {
        Ok(self.first_access_since(at)?.saturating_sub(1))
    }

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

    /// Records of an account in these collections that an entry after this index changed, in the
    /// order of the changes.
    fn changed(&self, account: u64, collections: &[Tag], after: u64) -> Result<Vec<Stored>> {
        let mut changed = Vec::new();
        for collection in collections {
            let mut want = PageWant { account, collection: *collection, after: 0, limit: 1000 };
            loop {
                let page = self.page(&want)?;
                let Some(last) = page.last() else { break };
                want.after = last.record.row;
                changed.extend(page.into_iter().filter(|one| one.record.changed > after));
            }
        }
        changed.sort_by_key(|one| one.record.changed);
        Ok(changed)
    }

    /// The index of the `house` entry that changed rights last, where others change them too.
    fn rights(&self) -> Result<Option<u64>> {
        Ok(None)
    }

    /// The index of the newest anchor in `house`, and what it and others after this one say; `None`
    /// where nobody else makes any, or there is none.
    fn anchored(&self, after: Option<u64>) -> Result<Option<(u64, Vec<AnchoredRow>)>> {
        let _ = after;
        Ok(None)
    }

    /// The heads that moved with commits after this row of entries, and the row of the newest;
    /// `None` where nobody else moves any.
    fn moved(&self, after: i64) -> Result<Option<(i64, Vec<HeadRow>)>> {
        let _ = after;
        Ok(None)
    }

    /// The clock of the store (µs), where it has one.
    fn clock(&self) -> Result<Option<u64>> {
        Ok(None)
    }

    /// Leaves a question to other nodes, and gives the answers to it so far.
    fn ask(&self, question: &[u8; 32]) -> Result<Vec<Vec<u8>>> {
        let _ = question;
        Ok(vec![])
    }

    /// Questions of other nodes that this one has not answered.
    fn questions(&self) -> Result<Vec<[u8; 32]>> {
        Ok(vec![])
    }

    /// Answers a question of another node.
    fn answer(&self, question: &[u8; 32], answer: &[u8]) -> Result<()> {
        let _ = (question, answer);
        Ok(())
    }

    /// Why the store is not the one it was, if commits of it were lost that were known.
    fn behind(&self) -> Option<String> {
        None
    }

    /// Numbers for more new rows of a batch that holds what it declared.
    ///
    /// # Errors
    /// `Internal` where one writer counts for itself.
    fn draw(&self) -> Result<Vec<Range<i64>>> {
        Err(Error::internal("this store has no numbers to draw"))
    }
}
