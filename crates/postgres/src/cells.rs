//! Rows of the database as rows of the kernel.

use crate::error::said;
use kernel::engine::{
    AccessRow, AccountKeysRow, AnchoredRow, CommitRow, EntryRow, HeadRow, JobRow, RecordKeyRow,
    RecordRow, RequestRow, SegmentRow, SignalDayRow, SignalRow, Stored, Tag, TileRow, VersionRow,
};
use kernel::{Error, Result};
use tokio_postgres::Row;

/// A number as the database holds it.
pub(crate) fn int(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn signed(row: &Row, at: usize) -> Result<i64> {
    row.try_get(at).map_err(|error| said(&error))
}

pub(crate) fn unsigned(row: &Row, at: usize) -> Result<u64> {
    u64::try_from(signed(row, at)?).map_err(|_| damaged("a number below zero"))
}

fn small<T: TryFrom<i64>>(row: &Row, at: usize) -> Result<T> {
    T::try_from(signed(row, at)?).map_err(|_| damaged("a number out of range"))
}

pub(crate) fn bytes(row: &Row, at: usize) -> Result<Vec<u8>> {
    row.try_get(at).map_err(|error| said(&error))
}

fn array<const N: usize>(row: &Row, at: usize) -> Result<[u8; N]> {
    bytes(row, at)?.try_into().map_err(|_| damaged("bytes of another length"))
}

fn damaged(what: &str) -> Error {
    Error::internal(format!("the database holds {what}: run `bailee verify`"))
}

pub(crate) const HEAD: &str = "account, tag, size, frontier, time";

pub(crate) fn head(row: &Row) -> Result<HeadRow> {
    Ok(HeadRow {
        account: unsigned(row, 0)?,
        tag: array(row, 1)?,
        size: unsigned(row, 2)?,
        frontier: bytes(row, 3)?,
        time: unsigned(row, 4)?,
    })
}

/// Columns of a record `r` with its key `k`.
pub(crate) const STORED: &str = "r.row, r.account, r.collection, r.tag, r.version, r.deleted, \
     r.changed, r.current, r.key, r.mac, k.account, k.tag, k.version, k.wrapped";

pub(crate) fn stored(row: &Row) -> Result<Stored> {
    let record = RecordRow {
        row: signed(row, 0)?,
        account: unsigned(row, 1)?,
        collection: array(row, 2)?,
        tag: array(row, 3)?,
        version: unsigned(row, 4)?,
        deleted: row.try_get(5).map_err(|error| said(&error))?,
        changed: unsigned(row, 6)?,
        current: signed(row, 7)?,
        key: signed(row, 8)?,
        mac: bytes(row, 9)?,
    };
    let key = RecordKeyRow {
        row: record.key,
        account: unsigned(row, 10)?,
        tag: array(row, 11)?,
        version: small(row, 12)?,
        wrapped: bytes(row, 13)?,
    };
    Ok(Stored { record, key })
}

pub(crate) fn request(row: &Row) -> Result<RequestRow> {
    Ok(RequestRow {
        row: signed(row, 0)?,
        account: unsigned(row, 1)?,
        tag: array(row, 2)?,
        hash: array(row, 3)?,
        entry: unsigned(row, 4)?,
        count: unsigned(row, 5)?,
        at: unsigned(row, 6)?,
    })
}

pub(crate) fn account_keys(row: &Row) -> Result<AccountKeysRow> {
    Ok(AccountKeysRow {
        account: unsigned(row, 0)?,
        version: small(row, 1)?,
        key: bytes(row, 2)?,
        purposes: bytes(row, 3)?,
    })
}

pub(crate) fn entry(row: &Row) -> Result<EntryRow> {
    Ok(EntryRow {
        row: signed(row, 0)?,
        account: unsigned(row, 1)?,
        index: unsigned(row, 2)?,
        leaf: bytes(row, 3)?,
        opening: row.try_get(4).map_err(|error| said(&error))?,
    })
}

pub(crate) fn access(row: &Row) -> Result<AccessRow> {
    let source: Option<Vec<u8>> = row.try_get(5).map_err(|error| said(&error))?;
    let source: Option<Tag> = source
        .map(|tag| tag.try_into().map_err(|_| damaged("bytes of another length")))
        .transpose()?;
    Ok(AccessRow {
        row: signed(row, 0)?,
        at: unsigned(row, 1)?,
        actor: array(row, 2)?,
        credential: array(row, 3)?,
        objects: bytes(row, 4)?,
        source,
    })
}

pub(crate) fn segment(row: &Row) -> Result<SegmentRow> {
    Ok(SegmentRow { row: signed(row, 0)?, tags: bytes(row, 1)?, places: bytes(row, 2)? })
}

pub(crate) fn version(row: &Row) -> Result<VersionRow> {
    Ok(VersionRow {
        row: signed(row, 0)?,
        account: unsigned(row, 1)?,
        prev: signed(row, 2)?,
        sealed: bytes(row, 3)?,
    })
}

pub(crate) fn tile(row: &Row) -> Result<TileRow> {
    let level: i16 = row.try_get(2).map_err(|error| said(&error))?;
    Ok(TileRow {
        row: signed(row, 0)?,
        account: unsigned(row, 1)?,
        level: u8::try_from(level).map_err(|_| damaged("a number out of range"))?,
        index: unsigned(row, 3)?,
        data: bytes(row, 4)?,
    })
}

pub(crate) fn job(row: &Row) -> Result<JobRow> {
    Ok(JobRow {
        row: signed(row, 0)?,
        account: unsigned(row, 1)?,
        due: unsigned(row, 2)?,
        sealed: bytes(row, 3)?,
    })
}

pub(crate) fn commit(row: &Row) -> Result<CommitRow> {
    Ok(CommitRow { sequence: unsigned(row, 0)?, last: signed(row, 1)?, chain: array(row, 2)? })
}

pub(crate) fn signal_day(row: &Row) -> Result<SignalDayRow> {
    Ok(SignalDayRow { day: small(row, 0)?, first: signed(row, 1)?, wrapped: bytes(row, 2)? })
}

pub(crate) fn signal(row: &Row) -> Result<SignalRow> {
    Ok(SignalRow {
        row: signed(row, 0)?,
        day: small(row, 1)?,
        entry: unsigned(row, 2)?,
        sealed: bytes(row, 3)?,
    })
}

/// A log as an anchor has it, after the anchor's index.
pub(crate) fn anchored(row: &Row) -> Result<AnchoredRow> {
    Ok(AnchoredRow { account: unsigned(row, 1)?, size: unsigned(row, 2)?, root: array(row, 3)? })
}

/// A number, with its sign.
pub(crate) fn number(row: &Row, at: usize) -> Result<i64> {
    signed(row, at)
}
