//! The offline verifier of a whole store, and of a backup: `bailee verify`.
//!
//! Everything is derived again from the leaves and compared with what is stored: trees, tiles,
//! heads, commits; with the keys also openings, the access index, records with every version,
//! requests, jobs and anchors. How each column is protected stands in `migrations/README.md`.
//!
//! Promises: the store is not changed and no file is made, also while a server has it open. What is
//! wrong is named by table and row, or by log and entry. Whatever the file holds gives problems,
//! never a panic. Memory is a bit per row and a few hundred bytes per account.
//!
//! Does not: see bytes in pages that no row uses; know whether somebody with the root key wrote the
//! whole store anew (that is what anchors, receipts and witnesses outside are for); without the
//! high-water file, see that the newest commits were cut off after the last anchor.

mod account;
mod anchor;
mod backup;
mod bits;
mod cells;
mod entry;
mod file;
mod findings;
mod log;
mod range;
mod record;
mod rest;
mod signals;
mod walk;

pub use backup::verify_backup;

use bits::Bits;
use findings::Findings;
use ledger::verify::Report;
use sealing::RootKey;
use std::path::Path;
use walk::Walk;

/// Whether a store may be behind its high-water mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Store,
    Backup,
}

/// Checks the SQLite file of a store, which may be in use.
///
/// `high_water` is the content of the high-water file, read before this is called: a server goes on
/// moving it. `progress` is called now and then with the number of rows looked at and of all rows.
///
/// Without `root` everything is checked that needs no key, and the report says what was not.
pub fn verify_store(
    path: &Path,
    root: Option<&RootKey>,
    high_water: Option<&[u8]>,
    progress: &mut dyn FnMut(u64, u64),
) -> Report {
    verify(path, root, high_water, Mode::Store, Findings::default(), progress)
}

fn verify(
    path: &Path,
    root: Option<&RootKey>,
    high_water: Option<&[u8]>,
    mode: Mode,
    mut found: Findings,
    progress: &mut dyn FnMut(u64, u64),
) -> Report {
    let db = match file::open(path) {
        Ok(db) => db,
        Err(error) => {
            found.problem(path.display(), format!("cannot be read as a store: {error}"));
            return found.done();
        }
    };
    let format = file::same_schema(&db, &mut found);
    file::integrity(&db, &mut found);
    let Some(format) = format else {
        found.not_checked("the content of the tables, because they are not those of a store");
        return found.done();
    };
    let mut walk = Walk::new(&db, root, progress);
    walk.format = format;
    walk.found = found;
    tables(&mut walk);
    rest::high_water(&mut walk, high_water, mode == Mode::Backup);
    unchecked(&mut walk);
    walk.found.done()
}

/// Every table. The order matters: logs come first, since all else is compared with them.
fn tables(walk: &mut Walk<'_>) {
    let db = walk.db;
    let entries = file::dense(db, "entries", &mut walk.found);
    let tiles = Bits::new(file::dense(db, "tiles", &mut walk.found));
    walk.expect(entries);
    walk.states = Bits::new(entries);
    if walk.format >= signals::SINCE {
        // Each batch has an entry of its own, so a higher number is none.
        let signals = file::highest(db, "signals", &mut walk.found).min(entries);
        walk.signals = Bits::new(signals);
    }
    let newest = db.query_row("SELECT max(time) FROM heads", [], |row| Ok(cells::unsigned(row, 0)));
    walk.newest = newest.ok().and_then(Result::ok).unwrap_or(0);
    walk.pass("meta", account::facts);
    walk.pass("entries", |walk| log::entries(walk, tiles));
    if walk.format >= log::SOURCE_SINCE {
        walk.pass("access_segments", rest::segments);
    }
    walk.pass("heads", rest::heads);
    walk.pass("account_keys", account::keys);
    walk.pass("records", record::records);
    rest::registered(walk);
    walk.pass("requests", rest::requests);
    walk.pass("jobs", rest::jobs);
    if walk.format >= signals::SINCE {
        walk.pass("signals", signals::signals);
    }
}

/// Says what was not looked at.
fn unchecked(walk: &mut Walk<'_>) {
    walk.found.not_checked("unused bytes in database pages");
    if walk.root.is_some() {
        return;
    }
    for what in [
        "the store's facts against their MACs",
        "account keys and record keys",
        "openings of entries",
        "actors, credentials, sources and objects in the access index",
        "records against their MACs, and the content of versions",
        "tags of accounts",
        "what remembered requests asked, and whether one is missing",
        "jobs",
        "signals",
        "anchors",
    ] {
        walk.found.not_checked(format!("{what}: no keys"));
    }
}
