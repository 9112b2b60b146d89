//! The embedded engine: SQLite with a write-ahead log and `synchronous=FULL`.
//!
//! Big things are appended to row-number tables; only small, looked-up ones carry narrow unique
//! indexes that lead with the account (decision 0003 has the measurements). Checkpoints of the
//! write-ahead log run on a connection of their own, not on the commit's.

mod read;
mod rows;
mod write;

use super::rows::CommitRow;
use super::{Commit, Counters, Engine, Fetched, Numbers, Reader, SEGMENT, Tail, Wants, segment};
use crate::error::{Error, Result};
use rows::{commit_row, head, head_by_tag, page, record, request};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use write::write;

const MIGRATIONS: [&str; 3] = [
    include_str!("../../../../migrations/0001_spine.sql"),
    include_str!("../../../../migrations/0002_source.sql"),
    include_str!("../../../../migrations/0003_signals.sql"),
];

/// The migration that made segments of the access index; older stores get theirs with it.
const SEGMENTS_SINCE: usize = 2;

/// How a store's own connections are opened: each is one thread's at a time, so SQLite need not
/// lock it too.
const OWN: OpenFlags = OpenFlags::SQLITE_OPEN_READ_WRITE.union(OpenFlags::SQLITE_OPEN_NO_MUTEX);

/// Connections kept for readers.
const READERS: usize = 4;

/// Pages of write-ahead log after which a checkpoint is worth its while (16 MiB).
const CHECKPOINT_PAGES: i64 = 4096;

/// How many checkpoints run beside the lane before it makes one itself (128 MiB).
const CHECKPOINTS_BESIDE: u64 = 8;

/// A SQLite store in one file.
pub struct Sqlite {
    connection: Connection,
    readers: Arc<Readers>,
    /// Where the counters stand; `None` after a commit that may have failed.
    counters: Option<Counters>,
    since_checkpoint: i64,
    checkpoints: u64,
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
        let flags = OWN | OpenFlags::SQLITE_OPEN_CREATE;
        let connection = Connection::open_with_flags(path, flags).map_err(medium)?;
        Self::prepare(connection, path)
    }

    /// Opens an existing store and brings its tables up to this release.
    ///
    /// # Errors
    /// `NotFound` if there is none, `Unavailable` if it cannot be opened, `Internal` if it is
    /// damaged or of a later release.
    pub fn open(path: &Path) -> Result<Self> {
        if !path.exists() {
            return Err(Error::not_found(format!(
                "no store at `{}`: make one with `bailee init --data DIR`",
                path.display()
            )));
        }
        let connection = Connection::open_with_flags(path, OWN).map_err(medium)?;
        Self::prepare(connection, path)
    }

    /// The tables of a store that was just made, in memory, as of this format or, if there is no
    /// such one, the newest: what `verify` compares a schema with.
    pub(crate) fn fresh(format: i64) -> Result<Connection> {
        let mut connection = Connection::open_in_memory().map_err(medium)?;
        let steps = usize::try_from(format).ok().and_then(|format| MIGRATIONS.get(..format));
        migrate(&mut connection, steps.filter(|steps| !steps.is_empty()).unwrap_or(&MIGRATIONS))?;
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
        steady(&connection).map_err(medium)?;
        migrate(&mut connection, &MIGRATIONS)?;
        let readers = Readers { path: path.to_owned(), idle: Mutex::default() };
        let readers = Arc::new(readers);
        Ok(Self { connection, readers, counters: None, since_checkpoint: 0, checkpoints: 0 })
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

    /// Where the counters stand, read again only when that is not known.
    fn counted(&mut self) -> Result<Counters> {
        if self.counters.is_none() {
            self.counters = Some(self.counters()?);
        }
        Ok(self.counters.clone().unwrap_or_default())
    }

    /// Moves the write-ahead log into the file when it has grown, without making writers wait.
    ///
    /// Under unbroken load the log is never moved whole that way, since commits go on meanwhile,
    /// and it would grow without end. So every eighth time the lane itself moves the rest, which
    /// is little by then; the next commit begins the log anew.
    fn checkpoint(&mut self, frames: i64) {
        self.since_checkpoint += frames;
        if self.since_checkpoint < CHECKPOINT_PAGES {
            return;
        }
        self.since_checkpoint = 0;
        self.checkpoints += 1;
        if self.checkpoints.is_multiple_of(CHECKPOINTS_BESIDE) {
            let moved = self.connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
            if let Err(error) = moved {
                tracing::warn!(%error, "the write-ahead log could not be checkpointed");
            }
            return;
        }
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

/// One plan for each statement, whatever is bound to it: SQLite would else prepare those of the
/// hottest paths anew for each row it is asked for.
pub(crate) fn steady(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map(drop)
}

fn migrate(connection: &mut Connection, steps: &[&str]) -> Result<()> {
    let version: i64 =
        connection.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(medium)?;
    let done = usize::try_from(version).unwrap_or(usize::MAX);
    let Some(missing) = steps.get(done..) else {
        return Err(Error::internal(format!(
            "the store has format {version}, this release knows {}: use the release that wrote it",
            steps.len()
        )));
    };
    for (step, sql) in missing.iter().enumerate() {
        let transaction = connection.transaction().map_err(medium)?;
        transaction.execute_batch(sql).map_err(medium)?;
        if done + step + 1 == SEGMENTS_SINCE {
            fill_segments(&transaction).map_err(medium)?;
        }
        let reached = i64::try_from(done + step + 1).unwrap_or(i64::MAX);
        transaction.pragma_update(None, "user_version", reached).map_err(medium)?;
        transaction.commit().map_err(medium)?;
    }
    Ok(())
}

/// Makes the segments of the access index as it stands: about a minute for ten million rows.
fn fill_segments(db: &Connection) -> rusqlite::Result<()> {
    let mut rows = db.prepare("SELECT * FROM access_index ORDER BY row")?;
    let mut rows = rows.query([])?;
    let mut put = db.prepare("INSERT INTO access_segments VALUES (?1,?2,?3)")?;
    let mut held = Vec::new();
    while let Some(row) = rows.next()? {
        held.push(read::access_row(row)?);
        if let Some(last) = held.last().map(|row| row.row).filter(|last| last % SEGMENT == 0) {
            let made = segment(last / SEGMENT, &held);
            put.execute(rusqlite::params![made.row, made.tags, made.places])?;
            held.clear();
        }
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
            signal: max("signals")?,
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
        let counters = self.counted()?;
        found.signal = counters.signal;
        found.numbers = Numbers::Counted(counters);
        Ok(found)
    }

    fn order(&mut self) -> Result<Tail> {
        let counters = self.counted()?;
        Ok(Tail { commit: counters.commit, tile: counters.tile, time: 0 })
    }

    fn persist(&mut self, commit: &Commit) -> Result<()> {
        let counters = self.counters.take();
        let transaction = self
            .connection
            .transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)
            .map_err(medium)?;
        write(&transaction, commit).map_err(medium)?;
        // COMMIT POINT: before it nothing of the batch is there, after it all of it is.
        transaction.commit().map_err(medium)?;
        self.counters = counters;
        if let Some(counters) = &mut self.counters {
            counters.count(commit);
        }
        self.checkpoint(i64::try_from(commit.entries.len() * 4).unwrap_or(0) + 4);
        Ok(())
    }

    fn reader(&self) -> Arc<dyn Reader> {
        Arc::clone(&self.readers) as Arc<dyn Reader>
    }
}

/// What the medium said, as one of the eight kinds.
fn medium(error: rusqlite::Error) -> Error {
    let context = format!("store: {error}");
    if let rusqlite::Error::StatementChangedRows(_) = error {
        return Error::conflict("somebody did this already; nothing was written")
            .with_context(context);
    }
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
