//! The statements of one commit.

use crate::engine::Commit;
use rusqlite::{Connection, params};

pub(super) fn write(db: &Connection, commit: &Commit) -> rusqlite::Result<()> {
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
    let mut put = db.prepare_cached("INSERT INTO access_index VALUES (?1,?2,?3,?4,?5,?6)")?;
    for row in &commit.accesses {
        put.execute(params![row.row, row.at, row.actor, row.credential, row.objects, row.source])?;
    }
    let mut put = db.prepare_cached("INSERT INTO access_segments VALUES (?1,?2,?3)")?;
    for row in &commit.segments {
        put.execute(params![row.row, row.tags, row.places])?;
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
    for done in &commit.jobs_done {
        match db.prepare_cached("DELETE FROM jobs WHERE row = ?1")?.execute([done.row])? {
            1 => {}
            other => return Err(rusqlite::Error::StatementChangedRows(other)),
        }
    }
    write_signals(db, commit)?;
    for row in &commit.meta {
        db.prepare_cached("INSERT OR REPLACE INTO meta VALUES (?1,?2,?3)")?
            .execute(params![row.name, row.value, row.mac])?;
    }
    Ok(())
}

fn write_signals(db: &Connection, commit: &Commit) -> rusqlite::Result<()> {
    for row in &commit.signal_days {
        db.prepare_cached("INSERT INTO signal_days VALUES (?1,?2,?3)")?.execute(params![
            row.day,
            row.first,
            row.wrapped
        ])?;
    }
    for row in &commit.signals {
        db.prepare_cached("INSERT INTO signals VALUES (?1,?2,?3,?4)")?
            .execute(params![row.row, row.day, row.entry, row.sealed])?;
    }
    // Rows of one day are consecutive. The newest of all stays, so that no number is used again.
    let sql = "DELETE FROM signals WHERE day = ?1
        AND row >= (SELECT first FROM signal_days WHERE day = ?1)
        AND row < (SELECT max(row) FROM signals)";
    for day in &commit.signals_forgotten {
        db.prepare_cached(sql)?.execute([day])?;
        db.prepare_cached("DELETE FROM signal_days WHERE day = ?1")?.execute([day])?;
    }
    Ok(())
}
