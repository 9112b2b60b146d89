//! The file itself: opened without changing anything, its schema and its own integrity.

use super::findings::{Findings, MAX_PROBLEMS};
use crate::engine::steady;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Opens the store for reading, in one consistent state, without writing or making any file.
///
/// Which way depends on what stands beside the file:
/// - a write-ahead log with its index: somebody may be writing. The index is only read, locks are
///   kept, and the state is that of one moment.
/// - a write-ahead log alone, as a copy or a crash leaves it: nobody has it open, so the log is
///   read into memory without locks.
/// - nothing: the file is all there is.
pub(super) fn open(path: &Path) -> rusqlite::Result<Connection> {
    let (log, index) = (beside(path, "-wal"), beside(path, "-shm"));
    let log = std::fs::metadata(log).ok().map(|file| file.len());
    let uri = |options: &str| address(path, options);
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_URI
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = if log.is_some() && index.exists() {
        Connection::open_with_flags(uri("readonly_shm=1"), flags)?
    } else if log.is_none_or(|bytes| bytes == 0) {
        Connection::open_with_flags(uri("immutable=1"), flags)?
    } else {
        let connection = Connection::open_with_flags(uri("vfs=unix-none"), flags)?;
        connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
        connection
    };
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    steady(&connection)?;
    connection.set_prepared_statement_cache_capacity(64);
    connection.execute_batch(
        "PRAGMA query_only=ON; PRAGMA cell_size_check=ON; PRAGMA temp_store=MEMORY;
         PRAGMA cache_size=-65536; PRAGMA busy_timeout=5000; BEGIN;",
    )?;
    // The first read fixes the state that all others see.
    connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
    Ok(connection)
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    PathBuf::from(name)
}

/// The path as a URI (RFC 8089 as SQLite reads it), every unusual byte escaped.
fn address(path: &Path, options: &str) -> PathBuf {
    let mut uri = String::from("file:");
    // A path that begins with two slashes would read as a host.
    let text = path.as_os_str().as_encoded_bytes();
    if text.starts_with(b"/") {
        uri.push_str("//");
    }
    for &byte in text {
        if byte.is_ascii_alphanumeric() || b"/._-".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            uri.push_str(&format!("%{byte:02X}"));
        }
    }
    PathBuf::from(format!("{uri}?{options}"))
}

type Schema = BTreeMap<(String, String), (String, Option<String>)>;

fn schema(connection: &Connection) -> rusqlite::Result<Schema> {
    connection
        .prepare("SELECT type, name, tbl_name, sql FROM sqlite_schema")?
        .query_map([], |row| Ok(((row.get(0)?, row.get(1)?), (row.get(2)?, row.get(3)?))))?
        .collect()
}

/// Compares tables and indexes with those of a store that was just made in the same format: a
/// backup of an earlier release is read as it is, without being changed. The answer is the format;
/// `None` if the rows cannot be read by their columns.
pub(super) fn same_schema(db: &Connection, found: &mut Findings) -> Option<i64> {
    let before = found.seen();
    let format = number(db, "user_version").unwrap_or(0);
    let fresh = crate::engine::Sqlite::fresh(format).map_err(|error| error.to_string());
    let fresh = fresh.and_then(|fresh| {
        let read = schema(&fresh).and_then(|all| Ok((all, number(&fresh, "user_version")?)));
        read.map_err(|error| error.to_string())
    });
    let (wanted, version) = match fresh {
        Ok(fresh) => fresh,
        Err(error) => {
            found.problem("schema", format!("no store to compare with could be made: {error}"));
            return None;
        }
    };
    let stored = match schema(db) {
        Ok(stored) => stored,
        Err(error) => {
            found.problem("schema", format!("cannot be read: {error}"));
            return None;
        }
    };
    let mut readable = true;
    for ((kind, name), parts) in &wanted {
        if stored.get(&(kind.clone(), name.clone())) != Some(parts) {
            let why = format!("is not as a store of format {version} has it");
            found.problem(format!("schema, {kind} `{name}`"), why);
            readable &= kind != "table";
        }
    }
    for (kind, name) in stored.keys().filter(|key| !wanted.contains_key(key)) {
        let (kind, name) = (crate::id::shown(kind), crate::id::shown(name));
        found.problem(format!("schema, {kind} `{name}`"), "does not belong to a store");
        readable &= kind != "view" && kind != "trigger";
    }
    for (name, wanted) in [("user_version", version), ("application_id", 0)] {
        match number(db, name) {
            Ok(stored) if stored == wanted => {}
            Ok(stored) => found.problem(name, format!("is {stored} instead of {wanted}")),
            Err(error) => found.problem(name, format!("cannot be read: {error}")),
        }
    }
    found.checked_since(before, format!("tables and indexes are those of format {version}"));
    readable.then_some(version)
}

fn number(db: &Connection, pragma: &str) -> rusqlite::Result<i64> {
    db.query_row(&format!("PRAGMA {pragma}"), [], |row| row.get(0))
}

/// SQLite's own check: pages, order of keys, indexes against tables, types and constraints.
pub(super) fn integrity(db: &Connection, found: &mut Findings) {
    let before = found.seen();
    let answers = || -> rusqlite::Result<Vec<String>> {
        db.prepare(&format!("PRAGMA integrity_check({MAX_PROBLEMS})"))?
            .query_map([], |row| row.get(0))?
            .collect()
    };
    match answers() {
        Ok(lines) => {
            for line in lines.iter().filter(|line| *line != "ok") {
                found.problem("file", line.trim_end());
            }
        }
        Err(error) => found.problem("file", format!("cannot be read: {error}")),
    }
    found.checked_since(before, "SQLite's own integrity check finds nothing");
}

/// The highest row number of a table whose rows may be gone.
pub(super) fn highest(db: &Connection, table: &str, found: &mut Findings) -> u64 {
    let sql = format!("SELECT coalesce(max(row), 0) FROM {table}");
    match db.query_row(&sql, [], |row| row.get::<_, i64>(0)) {
        Ok(highest) => u64::try_from(highest).unwrap_or(0),
        Err(error) => {
            found.problem(table, format!("cannot be read: {error}"));
            0
        }
    }
}

/// How many rows a table has.
pub(super) fn count(db: &Connection, table: &str, found: &mut Findings) -> u64 {
    let sql = format!("SELECT count(*) FROM {table}");
    match db.query_row(&sql, [], |row| row.get::<_, i64>(0)) {
        Ok(count) => u64::try_from(count).unwrap_or(0),
        Err(error) => {
            found.problem(table, format!("cannot be read: {error}"));
            0
        }
    }
}

/// Whether the rows of a table are numbered from 1 without a gap; the answer is how many there are.
pub(super) fn dense(db: &Connection, table: &str, found: &mut Findings) -> u64 {
    let sql = format!("SELECT count(*), coalesce(min(row), 1), coalesce(max(row), 0) FROM {table}");
    let read = db.query_row(&sql, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
    let (count, first, last): (i64, i64, i64) = match read {
        Ok(numbers) => numbers,
        Err(error) => {
            found.problem(table, format!("cannot be read: {error}"));
            return 0;
        }
    };
    if (first, last) != (1, count) {
        let why = format!(
            "has {count} rows numbered {first} to {last}: rows were removed, added or renumbered"
        );
        found.problem(table, why);
    }
    u64::try_from(count).unwrap_or(0)
}
