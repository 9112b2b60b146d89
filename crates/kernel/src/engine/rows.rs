//! The rows of the kernel's tables. Keys are bytes and numbers, never readable names.
//!
//! How each column is protected is said in `migrations/README.md`.

use super::Tag;

/// One account's log and when it was last written to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeadRow {
    /// The account's slot: the index of the `house` entry that created it. 0 is `house`.
    pub account: u64,
    /// Tag of its readable id.
    pub tag: Tag,
    /// Entries in its log.
    pub size: u64,
    /// Compact range of the log, 32 bytes for each bit set in `size`.
    pub frontier: Vec<u8>,
    /// Time of the newest entry, µs since 1970.
    pub time: u64,
}

/// The wrapped keys of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountKeysRow {
    /// The account's slot.
    pub account: u64,
    /// Version of the account key.
    pub version: u32,
    /// The account key, wrapped by the root key.
    pub key: Vec<u8>,
    /// The purpose keys, sealed under the account key.
    pub purposes: Vec<u8>,
}

/// One entry of an account's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryRow {
    /// Row number, dense over the whole store in commit order.
    pub row: i64,
    /// The account's slot.
    pub account: u64,
    /// Index in the account's log.
    pub index: u64,
    /// The leaf, verbatim.
    pub leaf: Vec<u8>,
    /// The sealed opening; `None` once it was erased.
    pub opening: Option<Vec<u8>>,
}

/// One entry in the index of who touched what.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccessRow {
    /// The entry's row number.
    pub row: i64,
    /// Time of the entry, µs since 1970.
    pub at: u64,
    /// Tag of the principal.
    pub actor: Tag,
    /// Tag of the credential.
    pub credential: Tag,
    /// Tags of the records it concerned, one after the other.
    pub objects: Vec<u8>,
    /// Tag of the network address it was asked from; `None` where the entry names none.
    pub source: Option<Tag>,
}

/// Which tags stand in which of 256 rows of the access index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentRow {
    /// Its number, dense, from 1: it covers the rows up to 256 times that.
    pub row: i64,
    /// Each tag once, in order, with two bytes that say where its places end.
    pub tags: Vec<u8>,
    /// The places of each tag within the segment, one byte each, tag after tag.
    pub places: Vec<u8>,
}

/// The present state of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordRow {
    /// Row number; also the creation order.
    pub row: i64,
    /// The account's slot.
    pub account: u64,
    /// Tag of the collection.
    pub collection: Tag,
    /// Tag of collection and id.
    pub tag: Tag,
    /// Version, from 1.
    pub version: u64,
    /// Whether it is deleted (and may be restored).
    pub deleted: bool,
    /// Index of the entry that made this state.
    pub changed: u64,
    /// Row of the present version.
    pub current: i64,
    /// Row of the record's key.
    pub key: i64,
    /// MAC over all of the above.
    pub mac: Vec<u8>,
}

/// One version of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionRow {
    /// Row number.
    pub row: i64,
    /// The account's slot.
    pub account: u64,
    /// Row of the version before; 0 for the first.
    pub prev: i64,
    /// Sealed header and body.
    pub sealed: Vec<u8>,
}

/// The wrapped key of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordKeyRow {
    /// Row number.
    pub row: i64,
    /// The account's slot.
    pub account: u64,
    /// Tag of the record.
    pub tag: Tag,
    /// Version of the record's key.
    pub version: u32,
    /// The key, wrapped by the account's records key.
    pub wrapped: Vec<u8>,
}

/// A full tile of an account's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TileRow {
    /// Row number.
    pub row: i64,
    /// The account's slot.
    pub account: u64,
    /// Level, from 0.
    pub level: u8,
    /// Index in the level.
    pub index: u64,
    /// 256 hashes.
    pub data: Vec<u8>,
}

/// A request that must not be done twice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestRow {
    /// Row number.
    pub row: i64,
    /// The account's slot.
    pub account: u64,
    /// Tag of caller and idempotency key.
    pub tag: Tag,
    /// Hash of what was asked.
    pub hash: [u8; 32],
    /// Index of its first entry.
    pub entry: u64,
    /// Number of its entries.
    pub count: u64,
    /// When, µs since 1970.
    pub at: u64,
}

/// Something to do later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobRow {
    /// Row number.
    pub row: i64,
    /// The account's slot.
    pub account: u64,
    /// When it is due, µs since 1970.
    pub due: u64,
    /// What to do, sealed.
    pub sealed: Vec<u8>,
}

/// A batch of what other systems reported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignalRow {
    /// Row number, in the order of arrival; never used again.
    pub row: i64,
    /// The day it arrived on, counted from 1970-01-01 in UTC.
    pub day: u32,
    /// Index of the entry of `house` that says it was kept.
    pub entry: u64,
    /// The batch, sealed under the key of its day.
    pub sealed: Vec<u8>,
}

/// The key of a day's signals. Without it they mean nothing any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignalDayRow {
    /// The day, counted from 1970-01-01 in UTC.
    pub day: u32,
    /// Row of its first batch.
    pub first: i64,
    /// The key, wrapped by the records key of `house`.
    pub wrapped: Vec<u8>,
}

/// A commit: the chain over every leaf in the store, in commit order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CommitRow {
    /// Sequence number, dense, from 1.
    pub sequence: u64,
    /// Row of the last entry it holds.
    pub last: i64,
    /// Hash over the chain before and this commit's leaves.
    pub chain: [u8; 32],
}

/// A fact about the store itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetaRow {
    /// Its name, a constant of the program.
    pub name: String,
    /// Its value.
    pub value: Vec<u8>,
    /// MAC over both.
    pub mac: Vec<u8>,
}
