//! Readers: connections of their own, which see what is committed.

use super::rows::{commit_row, entry_row, head, head_by_tag, head_row, page, record};
use super::{OWN, READERS, Readers, medium, steady};
use crate::engine::rows::{
    AccessRow, AccountKeysRow, CommitRow, EntryRow, HeadRow, JobRow, MetaRow, SegmentRow,
    SignalDayRow, SignalRow, TileRow, VersionRow,
};
use crate::engine::segment::{find, holds};
use crate::engine::{By, PageWant, Reader, SEGMENT, Span, Stored, Tag};
use crate::error::{Error, Result};
use rusqlite::{Connection, OptionalExtension, Row, params};
use std::sync::PoisonError;

impl Readers {
    pub(super) fn with<T>(
        &self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let connection = match idle {
            Some(connection) => connection,
            None => self.connect().map_err(medium)?,
        };
        let outcome = read(&connection).map_err(medium);
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < READERS {
            idle.push(connection);
        }
        outcome
    }

    fn connect(&self) -> rusqlite::Result<Connection> {
        // Not SQLITE_OPEN_READ_ONLY: a checkpoint writes, through the same pool.
        let connection = Connection::open_with_flags(&self.path, OWN)?;
        connection.set_prepared_statement_cache_capacity(64);
        connection.execute_batch(
            "PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=0; PRAGMA busy_timeout=5000;",
        )?;
        steady(&connection)?;
        Ok(connection)
    }

    fn try_with<T>(&self, read: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        let mut answer = None;
        self.with(|db| {
            answer = Some(read(db));
            Ok(())
        })?;
        answer.unwrap_or_else(|| Err(Error::internal("a reader gave no answer")))
    }
}

impl Reader for Readers {
    fn head(&self, account: u64) -> Result<Option<HeadRow>> {
        self.try_with(|db| head(db, account))
    }

    fn head_by_tag(&self, tag: &Tag) -> Result<Option<HeadRow>> {
        self.try_with(|db| head_by_tag(db, tag))
    }

    fn heads(&self, after: Option<u64>, limit: usize) -> Result<Vec<HeadRow>> {
        let after = after.map_or(-1, |slot| i64::try_from(slot).unwrap_or(i64::MAX));
        self.with(|db| {
            db.prepare_cached("SELECT * FROM heads WHERE account > ?1 ORDER BY account LIMIT ?2")?
                .query_map(params![after, limit], head_row)?
                .collect()
        })
    }

    fn census(&self) -> Result<(u64, u64)> {
        self.with(|db| {
            db.query_row(
                "SELECT (SELECT count(*) FROM heads),
                 (SELECT count(DISTINCT account) FROM account_keys
                  WHERE account IN (SELECT account FROM heads))",
                [],
                |row| Ok((row.get(0)?, row.get(1)?)),
            )
        })
    }

    fn account_keys(&self, account: u64) -> Result<Option<AccountKeysRow>> {
        self.with(|db| {
            db.prepare_cached(
                "SELECT * FROM account_keys WHERE account = ?1 ORDER BY version DESC LIMIT 1",
            )?
            .query_row([account], |row| {
                Ok(AccountKeysRow {
                    account: row.get(0)?,
                    version: row.get(1)?,
                    key: row.get(2)?,
                    purposes: row.get(3)?,
                })
            })
            .optional()
        })
    }

    fn entries(&self, account: u64, from: u64, limit: u64) -> Result<Vec<EntryRow>> {
        self.with(|db| {
            db.prepare_cached(
                "SELECT * FROM entries WHERE account = ?1 AND place >= ?2 ORDER BY place LIMIT ?3",
            )?
            .query_map(params![account, from, limit], entry_row)?
            .collect()
        })
    }

    fn tile(&self, account: u64, level: u8, index: u64) -> Result<Option<TileRow>> {
        self.with(|db| {
            db.prepare_cached(
                "SELECT * FROM tiles WHERE account = ?1 AND level = ?2 AND place = ?3",
            )?
            .query_row(params![account, level, index], |row| {
                Ok(TileRow {
                    row: row.get(0)?,
                    account: row.get(1)?,
                    level: row.get(2)?,
                    index: row.get(3)?,
                    data: row.get(4)?,
                })
            })
            .optional()
        })
    }

    fn record(&self, account: u64, tag: &Tag) -> Result<Option<Stored>> {
        self.try_with(|db| record(db, account, tag))
    }

    fn records(&self, wanted: &[(u64, Tag)]) -> Result<Vec<Option<Stored>>> {
        self.try_with(|db| {
            // One lock for all of them, and one state.
            let state = db.unchecked_transaction().map_err(medium)?;
            let found = wanted.iter().map(|(account, tag)| record(&state, *account, tag)).collect();
            state.finish().map_err(medium)?;
            found
        })
    }

    fn page(&self, want: &PageWant) -> Result<Vec<Stored>> {
        self.try_with(|db| page(db, want))
    }

    fn version(&self, account: u64, row: i64) -> Result<Option<VersionRow>> {
        self.with(|db| {
            db.prepare_cached("SELECT * FROM versions WHERE row = ?1 AND account = ?2")?
                .query_row(params![row, account], |row| {
                    Ok(VersionRow {
                        row: row.get(0)?,
                        account: row.get(1)?,
                        prev: row.get(2)?,
                        sealed: row.get(3)?,
                    })
                })
                .optional()
        })
    }

    fn meta(&self, name: &str) -> Result<Option<MetaRow>> {
        self.with(|db| {
            db.prepare_cached("SELECT * FROM meta WHERE name = ?1")?
                .query_row([name], |row| {
                    Ok(MetaRow { name: row.get(0)?, value: row.get(1)?, mac: row.get(2)? })
                })
                .optional()
        })
    }

    fn jobs(&self, until: u64, limit: usize) -> Result<Vec<JobRow>> {
        self.with(|db| {
            db.prepare_cached("SELECT * FROM jobs WHERE due <= ?1 ORDER BY due, row LIMIT ?2")?
                .query_map(params![until, limit], |row| {
                    Ok(JobRow {
                        row: row.get(0)?,
                        account: row.get(1)?,
                        due: row.get(2)?,
                        sealed: row.get(3)?,
                    })
                })?
                .collect()
        })
    }

    fn accesses(&self, after: i64, limit: usize) -> Result<Vec<AccessRow>> {
        self.with(|db| {
            db.prepare_cached("SELECT * FROM access_index WHERE row > ?1 ORDER BY row LIMIT ?2")?
                .query_map(params![after, limit], access_row)?
                .collect()
        })
    }

    fn accesses_by(&self, by: By, span: Span, limit: usize) -> Result<Vec<AccessRow>> {
        self.with(|db| accesses_by(db, by, span, limit))
    }

    fn segment(&self, number: i64) -> Result<Option<SegmentRow>> {
        self.with(|db| {
            db.prepare_cached("SELECT * FROM access_segments WHERE row = ?1")?
                .query_row([number], segment_row)
                .optional()
        })
    }

    fn first_access_since(&self, at: u64) -> Result<i64> {
        self.with(|db| {
            let mut time = db.prepare_cached("SELECT at FROM access_index WHERE row = ?1")?;
            let sql = "SELECT coalesce(max(row), 0) FROM access_index";
            let last: i64 = db.query_row(sql, [], |row| row.get(0))?;
            // Rows are dense and in the order of their times.
            let (mut low, mut high) = (1, last + 1);
            while low < high {
                let middle = low + (high - low) / 2;
                let earlier = time.query_row([middle], |row| Ok(row.get::<_, u64>(0)? < at))?;
                if earlier { low = middle + 1 } else { high = middle }
            }
            Ok(low)
        })
    }

    fn signals(&self, after: i64, limit: usize) -> Result<Vec<SignalRow>> {
        self.with(|db| {
            db.prepare_cached("SELECT * FROM signals WHERE row > ?1 ORDER BY row LIMIT ?2")?
                .query_map(params![after, limit], |row| {
                    Ok(SignalRow {
                        row: row.get(0)?,
                        day: row.get(1)?,
                        entry: row.get(2)?,
                        sealed: row.get(3)?,
                    })
                })?
                .collect()
        })
    }

    fn signal_days(&self) -> Result<Vec<SignalDayRow>> {
        self.with(|db| {
            db.prepare_cached("SELECT * FROM signal_days ORDER BY day")?
                .query_map([], |row| {
                    Ok(SignalDayRow { day: row.get(0)?, first: row.get(1)?, wrapped: row.get(2)? })
                })?
                .collect()
        })
    }

    fn entry_at(&self, row: i64) -> Result<Option<EntryRow>> {
        self.with(|db| {
            db.prepare_cached("SELECT * FROM entries WHERE row = ?1")?
                .query_row([row], entry_row)
                .optional()
        })
    }

    fn entries_after(&self, row: i64, limit: usize) -> Result<Vec<EntryRow>> {
        self.with(|db| {
            db.prepare_cached("SELECT * FROM entries WHERE row > ?1 ORDER BY row LIMIT ?2")?
                .query_map(params![row, limit], entry_row)?
                .collect()
        })
    }

    fn commit(&self, sequence: Option<u64>) -> Result<Option<CommitRow>> {
        let sql = match sequence {
            Some(_) => "SELECT * FROM commits WHERE sequence = ?1",
            None => "SELECT * FROM commits WHERE ?1 IS NULL ORDER BY sequence DESC LIMIT 1",
        };
        self.with(|db| db.prepare_cached(sql)?.query_row([sequence], commit_row).optional())
    }
}

/// The rows of full segments that name themselves, then those after the last full one.
fn accesses_by(
    db: &Connection,
    by: By,
    span: Span,
    limit: usize,
) -> rusqlite::Result<Vec<AccessRow>> {
    let mut found = Vec::new();
    let within = |row: i64| span.after < row && row <= span.until;
    let mut one = db.prepare_cached("SELECT * FROM access_index WHERE row = ?1")?;
    let mut segments = db.prepare_cached(
        "SELECT * FROM access_segments WHERE row > ?1 AND row <= ?2 ORDER BY row",
    )?;
    let first = span.after.max(0) / SEGMENT;
    let last = span.until.max(0).saturating_add(SEGMENT - 1) / SEGMENT;
    let mut rows = segments.query(params![first, last])?;
    let mut next = first;
    while let Some(row) = rows.next()? {
        let segment = segment_row(row)?;
        next = segment.row;
        for row in find(&segment, by).into_iter().filter(|row| within(*row)) {
            if found.len() >= limit {
                return Ok(found);
            }
            let row = one.query_row([row], access_row).optional()?;
            found.extend(row.filter(|row| holds(row, by)));
        }
    }
    let mut rest =
        db.prepare_cached("SELECT * FROM access_index WHERE row > ?1 AND row <= ?2 ORDER BY row")?;
    let mut rows = rest.query(params![span.after.max(next * SEGMENT), span.until])?;
    while let Some(row) = rows.next()?
        && found.len() < limit
    {
        found.extend(Some(access_row(row)?).filter(|row| holds(row, by)));
    }
    Ok(found)
}

fn segment_row(row: &Row<'_>) -> rusqlite::Result<SegmentRow> {
    Ok(SegmentRow { row: row.get(0)?, tags: row.get(1)?, places: row.get(2)? })
}

pub(super) fn access_row(row: &Row<'_>) -> rusqlite::Result<AccessRow> {
    Ok(AccessRow {
        row: row.get(0)?,
        at: row.get(1)?,
        actor: row.get(2)?,
        credential: row.get(3)?,
        objects: row.get(4)?,
        source: row.get(5)?,
    })
}
