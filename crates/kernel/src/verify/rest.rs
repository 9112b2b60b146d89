//! Heads, requests, jobs, and the mark outside the store.

use super::cells::{Cell, array, bytes, is_null, named, signed, unsigned};
use super::entry::Opened;
use super::log::Entry;
use super::walk::{Walk, entry_name};
use crate::engine::{AccessRow, HeadRow, JobRow, RequestRow, SEGMENT, SegmentRow, segment};
use crate::highwater::newest;
use crate::stage::{REMEMBERED, job_name, request_name};
use crate::store::{HOUSE, house_tag, job_context};
use ledger::entry::Leaf;
use rusqlite::{OptionalExtension, Row, params};

/// Compares each head with the log that was read.
pub(super) fn heads(walk: &mut Walk<'_>) -> rusqlite::Result<()> {
    let before = walk.found.seen();
    let db = walk.db;
    let mut statement = db.prepare("SELECT account, tag, size, frontier, time FROM heads")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let outcome = head_row(row).and_then(|head| same_head(walk, &head));
        if let Err(why) = outcome {
            walk.found.problem(format!("heads row {}", named(row, 0)), why);
        }
    }
    let without: Vec<u64> =
        walk.logs.iter().filter(|(_, log)| !log.headed).map(|(account, _)| *account).collect();
    for account in without {
        walk.found.problem(format!("heads row {account}"), "is missing, its log is there");
    }
    walk.found.checked_since(before, "every head is that of its log");
    Ok(())
}

fn head_row(row: &Row<'_>) -> Cell<HeadRow> {
    Ok(HeadRow {
        account: unsigned(row, 0)?,
        tag: array(row, 1)?,
        size: unsigned(row, 2)?,
        frontier: bytes(row, 3)?.to_vec(),
        time: unsigned(row, 4)?,
    })
}

fn same_head(walk: &mut Walk<'_>, head: &HeadRow) -> Cell<()> {
    let log = walk.logs.get_mut(&head.account).ok_or("there is no entry of its log")?;
    log.headed = true;
    let same = |column: &str, holds: bool| {
        if holds { Ok(()) } else { Err(format!("column `{column}` is not that of its log")) }
    };
    same("size", head.size == log.range.size())?;
    same("frontier", log.torn || head.frontier == log.range.bytes())?;
    same("time", head.time == log.time)?;
    let house = walk.root.filter(|_| head.account == HOUSE).map(house_tag);
    same("tag", house.is_none_or(|tag| head.tag == tag))
}

/// Every account but `house` stands in the register of accounts. Asked after the records were read.
pub(super) fn registered(walk: &mut Walk<'_>) {
    if walk.root.is_none() {
        return;
    }
    let before = walk.found.seen();
    let mut unnamed: Vec<u64> =
        walk.logs.iter().filter(|(_, log)| !log.named).map(|(account, _)| *account).collect();
    unnamed.sort_unstable();
    for account in unnamed.into_iter().filter(|account| *account != HOUSE) {
        let why = "no record in the register of accounts names it";
        walk.found.problem(format!("heads row {account}"), why);
    }
    walk.found.checked_since(before, "every account stands in the register under its id");
}

/// Compares each segment of the access index with its rows, which were compared with the entries.
pub(super) fn segments(walk: &mut Walk<'_>) -> rusqlite::Result<()> {
    let before = walk.found.seen();
    let (db, mut held) = (walk.db, Vec::new());
    let mut rows =
        db.prepare("SELECT row, actor, credential, source FROM access_index ORDER BY row")?;
    let mut rows = rows.query([])?;
    let mut stored = db.prepare("SELECT row, tags, places FROM access_segments ORDER BY row")?;
    let mut stored = stored.query([])?;
    let mut number = 0;
    while let Some(row) = rows.next()? {
        // What is wrong with a row was said with its entry.
        held.push(access_row(row).unwrap_or_default());
        if held.len() < usize::try_from(SEGMENT).unwrap_or(usize::MAX) {
            continue;
        }
        number += 1;
        let made = segment(number, &held);
        held.clear();
        let same = match stored.next()? {
            None => Err("is missing".to_owned()),
            Some(row) => segment_row(row).and_then(|stored| {
                if stored == made { Ok(()) } else { Err("is not that of its rows".to_owned()) }
            }),
        };
        if let Err(why) = same {
            walk.found.problem(format!("access_segments row {number}"), why);
        }
    }
    while let Some(row) = stored.next()? {
        let what = format!("access_segments row {}", named(row, 0));
        walk.found.problem(what, "covers rows that are not there");
    }
    walk.found.checked_since(before, format!("{number} segments of the access index hold"));
    Ok(())
}

fn access_row(row: &Row<'_>) -> Cell<AccessRow> {
    let source = if is_null(row, 3) { None } else { Some(array(row, 3)?) };
    let (actor, credential) = (array(row, 1)?, array(row, 2)?);
    Ok(AccessRow { row: signed(row, 0)?, actor, credential, source, ..AccessRow::default() })
}

fn segment_row(row: &Row<'_>) -> Cell<SegmentRow> {
    let (tags, places) = (bytes(row, 1)?.to_vec(), bytes(row, 2)?.to_vec());
    Ok(SegmentRow { row: signed(row, 0)?, tags, places })
}

/// Compares each remembered request with the entry that says it is remembered.
pub(super) fn requests(walk: &mut Walk<'_>) -> rusqlite::Result<()> {
    let before = walk.found.seen();
    let db = walk.db;
    let mut statement =
        db.prepare("SELECT row, account, tag, hash, entry, count, at FROM requests")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let outcome = match request_row(row) {
            Ok(request) => same_request(walk, &request)?,
            Err(why) => Err(why),
        };
        if let Err(why) = outcome {
            walk.found.problem(format!("requests row {}", named(row, 0)), why);
        }
    }
    let what = "remembered requests are those of the entries";
    let what = if walk.root.is_some() { what } else { "remembered requests name entries" };
    walk.found.checked_since(before, what);
    Ok(())
}

fn request_row(row: &Row<'_>) -> Cell<RequestRow> {
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

fn same_request(walk: &mut Walk<'_>, request: &RequestRow) -> rusqlite::Result<Cell<()>> {
    let db = walk.db;
    let sql = "SELECT row, account, place, leaf, opening FROM entries
               WHERE account = ?1 AND place = ?2";
    let mut query = db.prepare_cached(sql)?;
    let outcome = query
        .query_row(params![request.account, request.entry], |row| {
            Ok(Entry::read(row).and_then(|entry| matches(walk, request, &entry)))
        })
        .optional()?;
    let name = entry_name(request.account, request.entry);
    Ok(outcome.unwrap_or_else(|| Err(format!("there is no {name}"))))
}

fn matches(walk: &mut Walk<'_>, request: &RequestRow, entry: &Entry<'_>) -> Cell<()> {
    let name = entry_name(entry.account, entry.place);
    let leaf = Leaf::parse(entry.leaf).map_err(|error| format!("{name}: {error}"))?;
    if leaf.time != request.at {
        return Err(format!("column `at` is not the time of {name}"));
    }
    let Some(opened) = Opened::open(walk, entry, &leaf)? else { return Ok(()) };
    if opened.field(REMEMBERED) == Some(&request_name(request)) {
        return Ok(());
    }
    Err(format!("is not the request that {name} remembers"))
}

/// Compares the jobs that wait with those that entries left and none did.
pub(super) fn jobs(walk: &mut Walk<'_>) -> rusqlite::Result<()> {
    let before = walk.found.seen();
    let db = walk.db;
    let mut statement = db.prepare("SELECT row, account, due, sealed FROM jobs")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        if let Err(why) = job_row(row).and_then(|job| same_job(walk, &job)) {
            walk.found.problem(format!("jobs row {}", named(row, 0)), why);
        }
    }
    let missing = std::mem::take(&mut walk.jobs);
    for row in missing.keys() {
        walk.found.problem(format!("jobs row {row}"), "is missing: an entry left it, none did it");
    }
    if walk.root.is_some() {
        walk.found.checked_since(before, "jobs are those that entries left and none did");
    }
    Ok(())
}

fn job_row(row: &Row<'_>) -> Cell<JobRow> {
    Ok(JobRow {
        row: signed(row, 0)?,
        account: unsigned(row, 1)?,
        due: unsigned(row, 2)?,
        sealed: bytes(row, 3)?.to_vec(),
    })
}

fn same_job(walk: &mut Walk<'_>, job: &JobRow) -> Cell<()> {
    if !walk.logs.contains_key(&job.account) {
        return Err("there is no such account".to_owned());
    }
    let Some(keys) = walk.account_keys(job.account) else { return Ok(()) };
    // Removed first: an altered row is not missing as well.
    let name = walk.jobs.remove(&job.row);
    let context = job_context(job.account, job.row, job.due);
    sealing::open(&keys.log, &context, &job.sealed).map_err(|error| error.to_string())?;
    if name == Some(job_name(job)) {
        Ok(())
    } else {
        Err("is not one that an entry left".to_owned())
    }
}

/// Compares the newest commit with the mark outside the store. `backup` may be behind it.
pub(super) fn high_water(walk: &mut Walk<'_>, bytes: Option<&[u8]>, backup: bool) {
    let missing = "whether the newest entries are missing";
    let (Some(root), Some(bytes)) = (walk.root, bytes) else {
        let without = if walk.root.is_some() { "no high-water file" } else { "no keys" };
        return walk.found.not_checked(format!("{missing}: {without}"));
    };
    let Some(mark) = newest(root, bytes) else {
        return walk
            .found
            .problem("high-water file", "holds no mark that was made with these keys");
    };
    let at = |sql: &str, sequence: u64| {
        let read = |row: &Row<'_>| Ok((unsigned(row, 0), array::<32>(row, 1)));
        walk.db.query_row(sql, [i64::try_from(sequence).unwrap_or(i64::MAX)], read).optional()
    };
    let newest = at(
        "SELECT sequence, chain FROM commits WHERE sequence <= ?1
                     ORDER BY sequence DESC LIMIT 1",
        u64::MAX,
    );
    let newest = newest.ok().flatten().and_then(|(sequence, _)| sequence.ok()).unwrap_or(0);
    if newest < mark.sequence {
        let behind = mark.sequence - newest;
        if backup {
            walk.found
                .checked(format!("the backup is {behind} commits older than the high-water mark"));
            return walk
                .found
                .not_checked(format!("{missing} from the backup itself: it is older"));
        }
        return walk.found.problem("commits", format!("truncated: {behind} commits missing"));
    }
    let stored = at("SELECT sequence, chain FROM commits WHERE sequence = ?1", mark.sequence);
    let chain = stored.ok().flatten().and_then(|(_, chain)| chain.ok());
    if chain != Some(mark.chain) {
        let why = "is another one than the high-water mark knows: the history was forked";
        return walk.found.problem(format!("commits row {}", mark.sequence), why);
    }
    walk.found
        .checked(format!("every commit up to {}, the high-water mark, is there", mark.sequence));
}
