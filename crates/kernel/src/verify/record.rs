//! Records: each one's present state and every version behind it, against the entries that made it.
//!
//! A leaf with a `state` commits to a record's row and to the sealed bytes of its version, and
//! names the entry of the version before. So each record is followed from its row back to its first
//! version; every such leaf, every version and every key has to be met exactly once.

use super::bits::Bits;
use super::cells::{Cell, array, bytes, flag, key_version, named, signed, unsigned};
use super::walk::{Walk, entry_name};
use crate::engine::{RecordRow, Tag, VersionRow};
use crate::id::AccountId;
use crate::reveal::{Header, split};
use crate::stage::{record_mac, state_hash};
use crate::store::{HOUSE, account_tag, record_key_context, version_context};
use ledger::entry::Leaf;
use rusqlite::{OptionalExtension, Row, params};
use sealing::{AccountKeys, Key, sha256, unwrap};
use std::sync::Arc;

/// The register of accounts in `house`: the id of a record is an account's readable id.
const ACCOUNTS: &str = "accounts";

const RECORDS: &str = "SELECT r.row, r.account, r.collection, r.tag, r.version, r.deleted,
    r.changed, r.current, r.key, r.mac, k.row, k.account, k.tag, k.version, k.wrapped
  FROM records r LEFT JOIN record_keys k ON k.row = r.key ORDER BY r.row";

/// Rows that nothing was found to lead to yet.
struct Left {
    versions: Bits,
    keys: Bits,
}

/// A record with what is needed to open its versions.
struct Record {
    row: RecordRow,
    name: String,
    keys: Option<Arc<AccountKeys>>,
    key: Option<(Key, u32)>,
}

/// One version of a record, with the entry that made it.
struct Link {
    version: u64,
    row: i64,
    changed: u64,
}

/// Follows every record through its versions, and finds what none of them leads to.
pub(super) fn records(walk: &mut Walk<'_>) -> rusqlite::Result<()> {
    let before = walk.found.seen();
    let db = walk.db;
    let count = super::file::count(db, "records", &mut walk.found);
    let versions = rows_of(walk, "versions")?;
    let mut left = Left { versions, keys: rows_of(walk, "record_keys")? };
    walk.expect(count);
    let mut statement = db.prepare(RECORDS)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        match record_row(row) {
            Ok(record) => follow(walk, &mut left, record, row)?,
            Err(why) => walk.found.problem(format!("records row {}", named(row, 0)), why),
        }
        walk.step();
    }
    left_over(walk, &left)?;
    let what = format!("{count} records and every version of them are what the entries say");
    walk.found.checked_since(before, what);
    if walk.root.is_some() {
        walk.found.checked_since(before, "every record and every version opens in its place");
    }
    Ok(())
}

/// The rows that a table has. Their numbers need not be dense: several writers leave gaps.
fn rows_of(walk: &mut Walk<'_>, table: &str) -> rusqlite::Result<Bits> {
    let mut rows = Bits::new(u64::MAX);
    let mut statement = walk.db.prepare(&format!("SELECT row FROM {table} ORDER BY row"))?;
    let mut all = statement.query([])?;
    while let Some(row) = all.next()? {
        if !signed(row, 0).is_ok_and(|row| rows.put(row)) {
            let what = format!("{table} row {}", named(row, 0));
            walk.found.problem(what, "is no number of a row");
        }
    }
    Ok(rows)
}

fn record_row(row: &Row<'_>) -> Cell<RecordRow> {
    Ok(RecordRow {
        row: signed(row, 0)?,
        account: unsigned(row, 1)?,
        collection: array(row, 2)?,
        tag: array(row, 3)?,
        version: unsigned(row, 4)?,
        deleted: flag(row, 5)?,
        changed: unsigned(row, 6)?,
        current: signed(row, 7)?,
        key: signed(row, 8)?,
        mac: bytes(row, 9)?.to_vec(),
    })
}

fn follow(
    walk: &mut Walk<'_>,
    left: &mut Left,
    row: RecordRow,
    stored: &Row<'_>,
) -> rusqlite::Result<()> {
    let name = format!("records row {}", row.row);
    let keys = walk.account_keys(row.account);
    if keys.as_ref().is_some_and(|keys| record_mac(keys, &row).as_slice() != row.mac) {
        walk.found.problem(&name, "was altered: its MAC does not hold");
    }
    let key = match key(left, &row, keys.as_deref(), stored) {
        Ok(key) => key,
        Err(why) => {
            walk.found.problem(format!("record_keys row {} ({name})", row.key), why);
            None
        }
    };
    let mut link = Link { version: row.version, row: row.current, changed: row.changed };
    let record = Record { row, name, keys, key };
    let mut register = record.is_account();
    loop {
        let Some((leaf, version)) = record.link(walk, left, &link)? else { return Ok(()) };
        let first = link.version <= 1;
        if let Err(why) = record.holds(walk, &link, &leaf, &version, &mut register) {
            let what =
                format!("{}, version {} (versions row {})", record.name, link.version, link.row);
            walk.found.problem(what, why);
        }
        match leaf.prev {
            None if first && version.prev == 0 => return Ok(()),
            Some(changed) if !first && version.prev != 0 => {
                link = Link { version: link.version - 1, row: version.prev, changed };
            }
            _ => {
                let why =
                    format!("its versions do not lead back to the first, but to {}", link.version);
                walk.found.problem(format!("versions row {} ({})", link.row, record.name), why);
                return Ok(());
            }
        }
    }
}

/// The record's key: its row is this record's, and it opens.
fn key(
    left: &mut Left,
    record: &RecordRow,
    keys: Option<&AccountKeys>,
    stored: &Row<'_>,
) -> Cell<Option<(Key, u32)>> {
    if super::cells::is_null(stored, 10) {
        return Err("is missing".to_owned());
    }
    if !left.keys.take(record.key) {
        return Err("serves a second record".to_owned());
    }
    let (account, tag): (u64, Tag) = (unsigned(stored, 11)?, array(stored, 12)?);
    let (version, wrapped) = (key_version(stored, 13)?, bytes(stored, 14)?);
    if (account, tag) != (record.account, record.tag) {
        return Err("belongs to another record".to_owned());
    }
    let Some(keys) = keys else { return Ok(None) };
    let context = record_key_context(account, tag, version);
    let key = unwrap(&keys.records, &context, wrapped).map_err(|error| error.to_string())?;
    Ok(Some((key, version)))
}

impl Record {
    /// The entry and the version that a link leads to; each is met for the first time.
    fn link(
        &self,
        walk: &mut Walk<'_>,
        left: &mut Left,
        link: &Link,
    ) -> rusqlite::Result<Option<(Leaf, VersionRow)>> {
        let account = self.row.account;
        let entry = entry_name(account, link.changed);
        let mut problem = |what: &str| {
            walk.found.problem(&self.name, format!("version {}: {what}", link.version));
            Ok(None)
        };
        let mut query = walk
            .db
            .prepare_cached("SELECT row, leaf FROM entries WHERE account = ?1 AND place = ?2")?;
        let place =
            (i64::try_from(account).unwrap_or(-1), i64::try_from(link.changed).unwrap_or(-1));
        let leaf = query
            .query_row(params![place.0, place.1], |row| {
                let leaf = bytes(row, 1).map(|leaf| Leaf::parse(leaf).ok());
                Ok(signed(row, 0).ok().zip(leaf.ok().flatten()))
            })
            .optional()?;
        let Some((row, leaf)) = leaf.flatten() else {
            return problem(&format!("{entry}, which made it, is not there or unreadable"));
        };
        let mut query = walk.db.prepare_cached("SELECT * FROM versions WHERE row = ?1")?;
        let version = query.query_row([link.row], |row| Ok(version_row(row))).optional()?;
        let version = match version {
            Some(Ok(version)) => version,
            Some(Err(why)) => return problem(&format!("versions row {}: {why}", link.row)),
            None => return problem(&format!("versions row {} is missing", link.row)),
        };
        if !walk.states.take(row) {
            return problem(&format!("{entry} made no state, or that of another record"));
        }
        if !left.versions.take(link.row) {
            return problem(&format!("versions row {} serves a second time", link.row));
        }
        Ok(Some((leaf, version)))
    }

    /// One version is what its entry says, and opens.
    fn holds(
        &self,
        walk: &mut Walk<'_>,
        link: &Link,
        leaf: &Leaf,
        version: &VersionRow,
        register: &mut bool,
    ) -> Cell<()> {
        if version.account != self.row.account {
            return Err("column `account` is not that of the record".to_owned());
        }
        let sealed = sha256(&[&version.sealed]);
        let state = |deleted: bool| {
            let (version, changed) = (link.version, link.changed);
            let row = RecordRow { version, changed, deleted, ..self.row.clone() };
            leaf.state == Some(state_hash(&row, &sealed))
        };
        // Only of the present version it is stored whether it is a deletion.
        let tried: &[bool] =
            if link.row == self.row.current { &[self.row.deleted] } else { &[false, true] };
        let Some(deleted) = tried.iter().copied().find(|deleted| state(*deleted)) else {
            let entry = entry_name(self.row.account, link.changed);
            return Err(format!("is not the state that {entry} made"));
        };
        let (Some(keys), Some((key, key_version))) = (&self.keys, &self.key) else { return Ok(()) };
        let context = version_context(self.row.account, self.row.tag, link.version, *key_version);
        let plain =
            sealing::open(key, &context, &version.sealed).map_err(|error| error.to_string())?;
        let (header, gone, body) = split(&plain).map_err(|_| "its content has another form")?;
        let (collection, id) = (header.collection.as_bytes(), header.id.as_bytes());
        let same = gone == deleted
            && sealing::tag(&keys.names, &[b"collection", collection]) == self.row.collection
            && sealing::tag(&keys.names, &[b"record", collection, id]) == self.row.tag
            && (header.at, header.kind.as_str()) == (leaf.time, leaf.kind.as_str());
        if !same {
            return Err("its sealed header names another record, time or kind".to_owned());
        }
        if !deleted && std::mem::take(register) {
            account(walk, &header, body).map_err(|why| format!("register of accounts: {why}"))?;
        }
        Ok(())
    }

    /// Whether it stands in the register of accounts.
    fn is_account(&self) -> bool {
        let tag = |keys: &Arc<AccountKeys>| {
            sealing::tag(&keys.names, &[b"collection", ACCOUNTS.as_bytes()])
        };
        self.row.account == HOUSE && self.keys.as_ref().map(tag) == Some(self.row.collection)
    }
}

fn version_row(row: &Row<'_>) -> Cell<VersionRow> {
    Ok(VersionRow {
        row: signed(row, 0)?,
        account: unsigned(row, 1)?,
        prev: signed(row, 2)?,
        sealed: bytes(row, 3)?.to_vec(),
    })
}

/// What the register says of an account is what its head says.
fn account(walk: &mut Walk<'_>, header: &Header, body: &[u8]) -> Cell<()> {
    let Some(root) = walk.root else { return Ok(()) };
    let id = AccountId::parse(&header.id).map_err(|error| error.to_string())?;
    let body: serde_json::Value =
        serde_json::from_slice(body).map_err(|error| format!("no JSON: {error}"))?;
    let slot = body.get("slot").and_then(serde_json::Value::as_u64);
    let slot = slot.ok_or("it names no `slot`")?;
    let Some(log) = walk.logs.get_mut(&slot).filter(|_| slot != HOUSE) else {
        return Err(format!("it names slot {slot}, which has no log"));
    };
    if std::mem::replace(&mut log.named, true) {
        return Err(format!("it names slot {slot}, as another record does"));
    }
    let read = || -> rusqlite::Result<bool> {
        let mut query = walk.db.prepare_cached("SELECT tag FROM heads WHERE account = ?1")?;
        let tag = query.query_row([slot], |row| Ok(array::<16>(row, 0))).optional()?;
        Ok(tag.and_then(Result::ok) == Some(account_tag(root, &id)))
    };
    if !read().map_err(|error| error.to_string())? {
        walk.found.problem(format!("heads row {slot}"), "its tag is not that of its account");
    }
    Ok(())
}

/// Names what nothing leads to.
fn left_over(walk: &mut Walk<'_>, left: &Left) -> rusqlite::Result<()> {
    let Walk { db, found, states, .. } = walk;
    let mut query = db.prepare("SELECT account, place FROM entries WHERE row = ?1")?;
    for row in states.rows().take(super::findings::MAX_PROBLEMS) {
        let what = query
            .query_row([row], |row| Ok(format!("log {} entry {}", named(row, 0), named(row, 1))))
            .optional()?;
        let what = what.unwrap_or_else(|| format!("entries row {row}"));
        found.problem(what, "the state of a record that it made is not in the store");
    }
    for (table, rows) in [("versions", &left.versions), ("record_keys", &left.keys)] {
        for row in rows.rows().take(super::findings::MAX_PROBLEMS) {
            found.problem(format!("{table} row {row}"), "no record leads to it");
        }
    }
    Ok(())
}
