//! Statements and row mappings that the lane and the readers share.

use super::medium;
use crate::engine::rows::{CommitRow, EntryRow, HeadRow, RecordKeyRow, RecordRow, RequestRow};
use crate::engine::{PageWant, Stored, Tag};
use crate::error::Result;
use rusqlite::{Connection, OptionalExtension, Row, params};

pub(super) fn head(db: &Connection, account: u64) -> Result<Option<HeadRow>> {
    db.prepare_cached("SELECT * FROM heads WHERE account = ?1")
        .and_then(|mut query| query.query_row([account], head_row).optional())
        .map_err(medium)
}

pub(super) fn head_by_tag(db: &Connection, tag: &Tag) -> Result<Option<HeadRow>> {
    db.prepare_cached("SELECT * FROM heads WHERE tag = ?1")
        .and_then(|mut query| query.query_row([tag], head_row).optional())
        .map_err(medium)
}

const STORED: &str = "SELECT r.row, r.account, r.collection, r.tag, r.version, r.deleted,
  r.changed, r.current, r.key, r.mac, k.account, k.tag, k.version, k.wrapped
  FROM records r JOIN record_keys k ON k.row = r.key";

pub(super) fn record(db: &Connection, account: u64, tag: &Tag) -> Result<Option<Stored>> {
    db.prepare_cached(&format!("{STORED} WHERE r.account = ?1 AND r.tag = ?2"))
        .and_then(|mut query| query.query_row(params![account, tag], stored_row).optional())
        .map_err(medium)
}

pub(super) fn page(db: &Connection, want: &PageWant) -> Result<Vec<Stored>> {
    let sql = format!(
        "{STORED} WHERE r.account = ?1 AND r.collection = ?2 AND r.row > ?3 ORDER BY r.row LIMIT ?4"
    );
    let read = || -> rusqlite::Result<Vec<Stored>> {
        db.prepare_cached(&sql)?
            .query_map(params![want.account, want.collection, want.after, want.limit], stored_row)?
            .collect()
    };
    read().map_err(medium)
}

pub(super) fn request(db: &Connection, account: u64, tag: &Tag) -> Result<Option<RequestRow>> {
    db.prepare_cached("SELECT * FROM requests WHERE account = ?1 AND tag = ?2")
        .and_then(|mut query| {
            query
                .query_row(params![account, tag], |row| {
                    Ok(RequestRow {
                        row: row.get(0)?,
                        account: row.get(1)?,
                        tag: row.get(2)?,
                        hash: row.get(3)?,
                        entry: row.get(4)?,
                        count: row.get(5)?,
                        at: row.get(6)?,
                    })
                })
                .optional()
        })
        .map_err(medium)
}

pub(super) fn head_row(row: &Row<'_>) -> rusqlite::Result<HeadRow> {
    Ok(HeadRow {
        account: row.get(0)?,
        tag: row.get(1)?,
        size: row.get(2)?,
        frontier: row.get(3)?,
        time: row.get(4)?,
    })
}

pub(super) fn entry_row(row: &Row<'_>) -> rusqlite::Result<EntryRow> {
    Ok(EntryRow {
        row: row.get(0)?,
        account: row.get(1)?,
        index: row.get(2)?,
        leaf: row.get(3)?,
        opening: row.get(4)?,
    })
}

fn stored_row(row: &Row<'_>) -> rusqlite::Result<Stored> {
    Ok(Stored {
        record: RecordRow {
            row: row.get(0)?,
            account: row.get(1)?,
            collection: row.get(2)?,
            tag: row.get(3)?,
            version: row.get(4)?,
            deleted: row.get(5)?,
            changed: row.get(6)?,
            current: row.get(7)?,
            key: row.get(8)?,
            mac: row.get(9)?,
        },
        key: RecordKeyRow {
            row: row.get(8)?,
            account: row.get(10)?,
            tag: row.get(11)?,
            version: row.get(12)?,
            wrapped: row.get(13)?,
        },
    })
}

pub(super) fn commit_row(row: &Row<'_>) -> rusqlite::Result<CommitRow> {
    Ok(CommitRow { sequence: row.get(0)?, last: row.get(1)?, chain: row.get(2)? })
}
