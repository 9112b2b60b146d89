//! The embedded engine: SQLite with a write-ahead log and `synchronous=FULL`.
//!
//! Big things are appended to row-number tables; only small, looked-up ones carry narrow unique
//! indexes that lead with the account (decision 0003 has the measurements). Checkpoints of the
//! write-ahead log run on a connection of their own, not on the commit's.

use super::rows::{
    AccessRow, AccountKeysRow, CommitRow, EntryRow, HeadRow, JobRow, MetaRow, RecordKeyRow,
    RecordRow, RequestRow, TileRow, VersionRow,
};
use super::{Commit, Counters, Engine, Fetched, PageWant, Reader, Stored, Tag, Wants};
use crate::error::{Error, Result};
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension, Row, params};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

const MIGRATIONS: [&str; 1] = [include_str!("../../../../migrations/0001_spine.sql")];

/// Connections kept for readers.
const READERS: usize = 4;

/// Pages of write-ahead log after which a checkpoint is worth its while (16 MiB).
const CHECKPOINT_PAGES: i64 = 4096;

/// A SQLite store in one file.
pub struct Sqlite {
    connection: Connection,
    readers: Arc<Readers>,
    since_checkpoint: i64,
}

struct Readers {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
}

impl Sqlite {
    /// Creates the store; refuses a path where something stands.
    ///
    /// # Errors
    /// `Conflict` if the file exists, `Unavailable` if the folder cannot be written.
    pub fn create(path: &Path) -> Result<Self> {
        if path.exists() {
            return Err(Error::conflict(format!(
                "`{}` exists already: choose another folder, or serve this one",
                path.display()
            )));
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
        let connection = Connection::open_with_flags(path, flags).map_err(medium)?;
        Self::prepare(connection, path)
    }

    /// Opens an existing store and brings its tables up to this release.
    ///
    /// # Errors
    /// `NotFound` if there is none, `Unavailable` if it cannot be opened, `Internal` if it is damaged
    /// or of a later release.
    pub fn open(path: &Path) -> Result<Self> {
        if !path.exists() {
            return Err(Error::not_found(format!(
                "no store at `{}`: make one with `bailee init --data DIR`",
                path.display()
            )));
        }
        let connection =
            Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE).map_err(medium)?;
        Self::prepare(connection, path)
    }

    /// The tables of a store that was just made, in memory: what `verify` compares a schema with.
    pub(crate) fn fresh() -> Result<Connection> {
        let mut connection = Connection::open_in_memory().map_err(medium)?;
        migrate(&mut connection)?;
        Ok(connection)
    }

    fn prepare(mut connection: Connection, path: &Path) -> Result<Self> {
        connection.set_prepared_statement_cache_capacity(64);
        connection
            .execute_batch(
                "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA secure_delete=ON;
                 PRAGMA temp_store=MEMORY; PRAGMA wal_autocheckpoint=0; PRAGMA cache_size=-65536;
                 PRAGMA foreign_keys=OFF; PRAGMA busy_timeout=5000;",
            )
            .map_err(medium)?;
        migrate(&mut connection)?;
        let readers = Readers { path: path.to_owned(), idle: Mutex::default() };
        Ok(Self { connection, readers: Arc::new(readers), since_checkpoint: 0 })
    }

    /// Copies the committed state into a new file while the store is in use.
    ///
    /// # Errors
    /// `Unavailable` if the target cannot be written.
    pub fn backup(source: &Path, target: &Path) -> Result<()> {
        let from = Connection::open_with_flags(source, OpenFlags::SQLITE_OPEN_READ_ONLY)
            .map_err(medium)?;
        let mut to = Connection::open(target).map_err(medium)?;
        let copy = rusqlite::backup::Backup::new(&from, &mut to).map_err(medium)?;
        // All pages in one step: a copy that is interleaved with writers starts over each time.
        copy.run_to_completion(i32::MAX, std::time::Duration::ZERO, None).map_err(medium)?;
        drop(copy);
        to.execute_batch("PRAGMA journal_mode=DELETE;").map_err(medium)
    }

    /// The newest commit of a store that nobody writes to, such as a copy; nothing is changed.
    ///
    /// # Errors
    /// `Unavailable` if it cannot be read.
    pub fn newest_commit(path: &Path) -> Result<u64> {
        let db =
            Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(medium)?;
        let query = "SELECT coalesce(max(sequence), 0) FROM commits";
        db.query_row(query, [], |row| row.get(0)).map_err(medium)
    }

    /// Moves the write-ahead log into the file when it has grown, without making writers wait.
    fn checkpoint(&mut self, frames: i64) {
        self.since_checkpoint += frames;
        if self.since_checkpoint < CHECKPOINT_PAGES {
            return;
        }
        self.since_checkpoint = 0;
        let readers = Arc::clone(&self.readers);
        let work = move || {
            let outcome = readers.with(|connection| {
                connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))
            });
            if let Err(error) = outcome {
                tracing::warn!(?error, "the write-ahead log could not be checkpointed");
            }
        };
        if let Err(error) = std::thread::Builder::new().name("checkpoint".into()).spawn(work) {
            tracing::warn!(%error, "no thread for a checkpoint; the write-ahead log keeps growing");
        }
    }
}

fn migrate(connection: &mut Connection) -> Result<()> {
    let version: i64 =
        connection.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(medium)?;
    let done = usize::try_from(version).unwrap_or(usize::MAX);
    let Some(missing) = MIGRATIONS.get(done..) else {
        return Err(Error::internal(format!(
            "the store has format {version}, this release knows {}: use the release that wrote it",
            MIGRATIONS.len()
        )));
    };
    for (step, sql) in missing.iter().enumerate() {
        let transaction = connection.transaction().map_err(medium)?;
        transaction.execute_batch(sql).map_err(medium)?;
        let reached = i64::try_from(done + step + 1).unwrap_or(i64::MAX);
        transaction.pragma_update(None, "user_version", reached).map_err(medium)?;
        transaction.commit().map_err(medium)?;
    }
    Ok(())
}

impl Engine for Sqlite {
    fn counters(&mut self) -> Result<Counters> {
        let max = |table: &str| -> Result<i64> {
            let sql = format!("SELECT coalesce(max(row), 0) FROM {table}");
            self.connection.query_row(&sql, [], |row| row.get(0)).map_err(medium)
        };
        let commit = self
            .connection
            .query_row(
                "SELECT sequence, last, chain FROM commits ORDER BY sequence DESC LIMIT 1",
                [],
                commit_row,
            )
            .optional()
            .map_err(medium)?
            .unwrap_or_default();
        Ok(Counters {
            commit,
            record: max("records")?,
            version: max("versions")?,
            record_key: max("record_keys")?,
            tile: max("tiles")?,
            request: max("requests")?,
            job: max("jobs")?,
        })
    }

    fn commit_at(&mut self, sequence: u64) -> Result<Option<CommitRow>> {
        self.connection
            .query_row("SELECT * FROM commits WHERE sequence = ?1", [sequence], commit_row)
            .optional()
            .map_err(medium)
    }

    fn fetch(&mut self, wants: &Wants) -> Result<Fetched> {
        let db = &self.connection;
        let mut found = Fetched::default();
        for slot in &wants.heads {
            found.heads.extend(head(db, *slot)?);
        }
        for tag in &wants.heads_by_tag {
            found.heads.extend(head_by_tag(db, tag)?);
        }
        for (account, tag) in &wants.records {
            found.records.extend(record(db, *account, tag)?);
        }
        for (account, tag) in &wants.requests {
            found.requests.extend(request(db, *account, tag)?);
        }
        for want in &wants.pages {
            found.pages.push(page(db, want)?);
        }
        Ok(found)
    }

    fn persist(&mut self, commit: &Commit) -> Result<()> {
        let transaction = self
            .connection
            .transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)
            .map_err(medium)?;
        write(&transaction, commit).map_err(medium)?;
        // COMMIT POINT: before it nothing of the batch is there, after it all of it is.
        transaction.commit().map_err(medium)?;
        self.checkpoint(i64::try_from(commit.entries.len() * 4).unwrap_or(0) + 4);
        Ok(())
    }

    fn reader(&self) -> Arc<dyn Reader> {
        Arc::clone(&self.readers) as Arc<dyn Reader>
    }
}

fn write(db: &Connection, commit: &Commit) -> rusqlite::Result<()> {
    let mut put = db.prepare_cached(
        "INSERT INTO heads VALUES (?1,?2,?3,?4,?5) ON CONFLICT (account) DO UPDATE
         SET size=excluded.size, frontier=excluded.frontier, time=excluded.time",
    )?;
    for row in &commit.heads {
        put.execute(params![row.account, row.tag, row.size, row.frontier, row.time])?;
    }
    let mut put = db.prepare_cached("INSERT INTO account_keys VALUES (?1,?2,?3,?4)")?;
    for row in &commit.account_keys {
        put.execute(params![row.account, row.version, row.key, row.purposes])?;
    }
    let mut put = db.prepare_cached("INSERT INTO entries VALUES (?1,?2,?3,?4,?5)")?;
    for row in &commit.entries {
        put.execute(params![row.row, row.account, row.index, row.leaf, row.opening])?;
    }
    let mut put = db.prepare_cached("INSERT INTO access_index VALUES (?1,?2,?3,?4,?5)")?;
    for row in &commit.accesses {
        put.execute(params![row.row, row.at, row.actor, row.credential, row.objects])?;
    }
    write_records(db, commit)?;
    let mut put = db.prepare_cached("INSERT INTO tiles VALUES (?1,?2,?3,?4,?5)")?;
    for row in &commit.tiles {
        put.execute(params![row.row, row.account, row.level, row.index, row.data])?;
    }
    write_rest(db, commit)?;
    let row = &commit.commit;
    db.prepare_cached("INSERT INTO commits VALUES (?1,?2,?3)")?.execute(params![
        row.sequence,
        row.last,
        row.chain
    ])?;
    Ok(())
}

fn write_records(db: &Connection, commit: &Commit) -> rusqlite::Result<()> {
    let mut put = db.prepare_cached("INSERT INTO versions VALUES (?1,?2,?3,?4)")?;
    for row in &commit.versions {
        put.execute(params![row.row, row.account, row.prev, row.sealed])?;
    }
    let mut put = db.prepare_cached("INSERT INTO record_keys VALUES (?1,?2,?3,?4,?5)")?;
    for row in &commit.record_keys {
        put.execute(params![row.row, row.account, row.tag, row.version, row.wrapped])?;
    }
    let mut put = db.prepare_cached(
        "INSERT INTO records VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10) ON CONFLICT (row) DO UPDATE
         SET version=excluded.version, deleted=excluded.deleted, changed=excluded.changed,
             current=excluded.current, key=excluded.key, mac=excluded.mac",
    )?;
    for row in &commit.records {
        put.execute(params![
            row.row,
            row.account,
            row.collection,
            row.tag,
            row.version,
            row.deleted,
            row.changed,
            row.current,
            row.key,
            row.mac
        ])?;
    }
    Ok(())
}

fn write_rest(db: &Connection, commit: &Commit) -> rusqlite::Result<()> {
    if let Some(before) = commit.forget_requests_before {
        db.prepare_cached("DELETE FROM requests WHERE at < ?1")?.execute([before])?;
    }
    for row in &commit.requests {
        db.prepare_cached("INSERT INTO requests VALUES (?1,?2,?3,?4,?5,?6,?7)")?.execute(
            params![row.row, row.account, row.tag, row.hash, row.entry, row.count, row.at],
        )?;
    }
    for row in &commit.jobs {
        db.prepare_cached("INSERT INTO jobs VALUES (?1,?2,?3,?4)")?.execute(params![
            row.row,
            row.account,
            row.due,
            row.sealed
        ])?;
    }
    for row in &commit.jobs_done {
        db.prepare_cached("DELETE FROM jobs WHERE row = ?1")?.execute([row])?;
    }
    for row in &commit.meta {
        db.prepare_cached("INSERT OR REPLACE INTO meta VALUES (?1,?2,?3)")?
            .execute(params![row.name, row.value, row.mac])?;
    }
    Ok(())
}

impl Readers {
    fn with<T>(&self, read: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T> {
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
        let connection =
            Connection::open_with_flags(&self.path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        connection.execute_batch(
            "PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=0; PRAGMA busy_timeout=5000;",
        )?;
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

    fn page(&self, want: &PageWant) -> Result<Vec<Stored>> {
        self.try_with(|db| page(db, want))
    }

    fn version(&self, row: i64) -> Result<Option<VersionRow>> {
        self.with(|db| {
            db.prepare_cached("SELECT * FROM versions WHERE row = ?1")?
                .query_row([row], |row| {
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
                .query_map(params![after, limit], |row| {
                    Ok(AccessRow {
                        row: row.get(0)?,
                        at: row.get(1)?,
                        actor: row.get(2)?,
                        credential: row.get(3)?,
                        objects: row.get(4)?,
                    })
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
}

fn head(db: &Connection, account: u64) -> Result<Option<HeadRow>> {
    db.prepare_cached("SELECT * FROM heads WHERE account = ?1")
        .and_then(|mut query| query.query_row([account], head_row).optional())
        .map_err(medium)
}

fn head_by_tag(db: &Connection, tag: &Tag) -> Result<Option<HeadRow>> {
    db.prepare_cached("SELECT * FROM heads WHERE tag = ?1")
        .and_then(|mut query| query.query_row([tag], head_row).optional())
        .map_err(medium)
}

const STORED: &str = "SELECT r.row, r.account, r.collection, r.tag, r.version, r.deleted,
  r.changed, r.current, r.key, r.mac, k.account, k.tag, k.version, k.wrapped
  FROM records r JOIN record_keys k ON k.row = r.key";

fn record(db: &Connection, account: u64, tag: &Tag) -> Result<Option<Stored>> {
    db.prepare_cached(&format!("{STORED} WHERE r.account = ?1 AND r.tag = ?2"))
        .and_then(|mut query| query.query_row(params![account, tag], stored_row).optional())
        .map_err(medium)
}

fn page(db: &Connection, want: &PageWant) -> Result<Vec<Stored>> {
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

fn request(db: &Connection, account: u64, tag: &Tag) -> Result<Option<RequestRow>> {
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

fn head_row(row: &Row<'_>) -> rusqlite::Result<HeadRow> {
    Ok(HeadRow {
        account: row.get(0)?,
        tag: row.get(1)?,
        size: row.get(2)?,
        frontier: row.get(3)?,
        time: row.get(4)?,
    })
}

fn entry_row(row: &Row<'_>) -> rusqlite::Result<EntryRow> {
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

fn commit_row(row: &Row<'_>) -> rusqlite::Result<CommitRow> {
    Ok(CommitRow { sequence: row.get(0)?, last: row.get(1)?, chain: row.get(2)? })
}

/// What the medium said, as one of the eight kinds.
fn medium(error: rusqlite::Error) -> Error {
    let context = format!("store: {error}");
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => Error::unavailable(
            "the store's disk is full and nothing was written: free space, then try again",
        ),
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::CannotOpen) => {
            Error::unavailable(
                "the store cannot be written: check owner and permissions of the data folder",
            )
        }
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Error::unavailable(
            "the store is held by another process: stop it, or use another data folder",
        ),
        Some(ErrorCode::ConstraintViolation) => {
            Error::conflict("the store refused contradicting rows; nothing was written")
        }
        Some(ErrorCode::SystemIoFailure) => {
            Error::unavailable("the store's disk failed and nothing was acknowledged")
        }
        _ => Error::internal(context.clone()),
    }
    .with_context(context)
}
