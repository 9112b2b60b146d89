//! Signals: every batch is one that an entry keeps, and none is missing that no entry forgets.

use super::cells::{Cell, bytes, named, signed, unsigned};
use super::entry::Opened;
use super::log::Entry;
use super::walk::{Walk, entry_name};
use crate::engine::{SignalDayRow, SignalRow};
use crate::stage::{SIGNALS, SIGNALS_FORGOTTEN, signals_name};
use crate::store::{HOUSE, signal_day_context, signals_context};
use ledger::entry::Leaf;
use rusqlite::{OptionalExtension, Row, params};
use sealing::Key;
use std::collections::{BTreeMap, BTreeSet};

/// The format that has them first.
pub(super) const SINCE: i64 = 3;

/// Takes over what an entry says of signals.
pub(super) fn facts(walk: &mut Walk<'_>, entry: &Entry<'_>, opened: &Opened) {
    if entry.account != HOUSE {
        return;
    }
    let what = || entry_name(entry.account, entry.place);
    if let Some(name) = opened.field(SIGNALS) {
        let row = name.split_once(':').and_then(|(row, _)| row.parse().ok());
        if row.is_none_or(|row: i64| !walk.signals.put(row)) {
            walk.found.problem(what(), format!("keeps signals `{name}`, which are missing"));
        }
    }
    let Some(said) = opened.field(SIGNALS_FORGOTTEN) else { return };
    let numbers: Vec<i64> = said.split(' ').filter_map(|number| number.parse().ok()).collect();
    let &[day, first, last] = numbers.as_slice() else {
        return walk.found.problem(what(), format!("forgets signals `{said}` in another form"));
    };
    walk.forgotten.extend(u32::try_from(day));
    for row in first.max(1)..=last {
        if !walk.signals.take(row) {
            return walk.found.problem(what(), format!("forgets signals of row {row}, not kept"));
        }
    }
}

/// Compares the batches with the entries that keep them.
pub(super) fn signals(walk: &mut Walk<'_>) -> rusqlite::Result<()> {
    if walk.root.is_none() {
        return Ok(());
    }
    let before = walk.found.seen();
    let db = walk.db;
    let days = days(walk)?;
    let mut without_key = BTreeSet::new();
    let mut statement = db.prepare("SELECT row, day, entry, sealed FROM signals ORDER BY row")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let outcome = match signal_row(row) {
            Ok(signals) => {
                if !days.contains_key(&signals.day) && !walk.forgotten.contains(&signals.day) {
                    without_key.insert(signals.day);
                }
                same(walk, &days, &signals)?
            }
            Err(why) => Err(why),
        };
        if let Err(why) = outcome {
            walk.found.problem(format!("signals row {}", named(row, 0)), why);
        }
    }
    for day in without_key {
        let why = "is missing, or its key does not open: its signals are lost";
        walk.found.problem(format!("signal_days row {day}"), why);
    }
    let missing: Vec<i64> = walk.signals.rows().take(1000).collect();
    for row in missing {
        let why = "is missing: an entry keeps it, none forgets it";
        walk.found.problem(format!("signals row {row}"), why);
    }
    walk.found.checked_since(before, "signals are those that entries keep and none forgets");
    Ok(())
}

/// The keys of the days, as far as they open.
fn days(walk: &mut Walk<'_>) -> rusqlite::Result<BTreeMap<u32, (i64, Key)>> {
    let db = walk.db;
    let mut keys = BTreeMap::new();
    let mut statement = db.prepare("SELECT day, first, wrapped FROM signal_days ORDER BY day")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let outcome = day_row(row).and_then(|day| {
            let house = walk.account_keys(HOUSE).ok_or("the keys of `house` do not open")?;
            let context = signal_day_context(&day);
            let key = sealing::unwrap(&house.records, &context, &day.wrapped);
            let key = key.map_err(|error| format!("its key does not open: {error}"))?;
            if walk.forgotten.contains(&day.day) {
                return Err("has a key, and an entry says that it is forgotten".to_owned());
            }
            keys.insert(day.day, (day.first, key));
            Ok(())
        });
        if let Err(why) = outcome {
            walk.found.problem(format!("signal_days row {}", named(row, 0)), why);
        }
    }
    Ok(keys)
}

fn day_row(row: &Row<'_>) -> Cell<SignalDayRow> {
    let day = u32::try_from(unsigned(row, 0)?).map_err(|_| "column `day` is no day")?;
    Ok(SignalDayRow { day, first: signed(row, 1)?, wrapped: bytes(row, 2)?.to_vec() })
}

fn signal_row(row: &Row<'_>) -> Cell<SignalRow> {
    let day = u32::try_from(unsigned(row, 1)?).map_err(|_| "column `day` is no day")?;
    let (number, entry) = (signed(row, 0)?, unsigned(row, 2)?);
    Ok(SignalRow { row: number, day, entry, sealed: bytes(row, 3)?.to_vec() })
}

fn same(
    walk: &mut Walk<'_>,
    days: &BTreeMap<u32, (i64, Key)>,
    signals: &SignalRow,
) -> rusqlite::Result<Cell<()>> {
    let db = walk.db;
    // Taken out first: an altered row is not missing as well.
    walk.signals.take(signals.row);
    let sql = "SELECT row, account, place, leaf, opening FROM entries
               WHERE account = 0 AND place = ?1";
    let mut query = db.prepare_cached(sql)?;
    let outcome = query
        .query_row(params![signals.entry], |row| {
            Ok(Entry::read(row).and_then(|entry| named_by(walk, signals, &entry)))
        })
        .optional()?;
    let name = entry_name(HOUSE, signals.entry);
    let named = outcome.unwrap_or_else(|| Err(format!("there is no {name}")));
    Ok(named.and_then(|()| opens(days, signals)))
}

fn named_by(walk: &mut Walk<'_>, signals: &SignalRow, entry: &Entry<'_>) -> Cell<()> {
    let name = entry_name(entry.account, entry.place);
    let leaf = Leaf::parse(entry.leaf).map_err(|error| format!("{name}: {error}"))?;
    let Some(opened) = Opened::open(walk, entry, &leaf)? else { return Ok(()) };
    match opened.field(SIGNALS) == Some(&signals_name(signals)) {
        true => Ok(()),
        false => Err(format!("is not the batch that {name} keeps")),
    }
}

fn opens(days: &BTreeMap<u32, (i64, Key)>, signals: &SignalRow) -> Cell<()> {
    // A forgotten day has no key; one that is missing is named by its own row.
    let Some((first, key)) = days.get(&signals.day) else { return Ok(()) };
    if signals.row < *first {
        return Err("stands before the first row of its day".to_owned());
    }
    let context = signals_context(signals.row, signals.day, signals.entry);
    sealing::open(key, &context, &signals.sealed).map_err(|error| error.to_string())?;
    Ok(())
}
