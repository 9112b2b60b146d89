//! What an entry hides: its opening, and the rows that are checked against it.

use super::cells::{Cell, array, bytes, unsigned};
use super::log::Entry;
use super::walk::{Walk, entry_name};
use crate::engine::Tag;
use crate::limits::IDEMPOTENCY_WINDOW;
use crate::stage::{JOB_DONE, JOBS_LEFT, OPENING_BY_LOG, OPENING_BY_RECORD, REMEMBERED, SOURCE};
use crate::store::{actor_tag, opening_context, opening_key};
use crate::work::shown_hash;
use ledger::entry::{Leaf, StoredOpening};
use rusqlite::{Row, params};

/// An entry that was opened and whose every field is the one the leaf commits to.
pub(super) struct Opened {
    fields: Vec<(String, String)>,
    /// The record under whose key it was sealed.
    subject: Option<Tag>,
}

impl Opened {
    /// Opens an entry, if there are keys, and reports if it does not.
    pub(super) fn check(walk: &mut Walk<'_>, entry: &Entry<'_>, leaf: &Leaf) -> Option<Self> {
        match Self::open(walk, entry, leaf) {
            Ok(opened) => opened,
            Err(why) => {
                walk.found.problem(entry_name(entry.account, entry.place), why);
                None
            }
        }
    }

    pub(super) fn open(walk: &mut Walk<'_>, entry: &Entry<'_>, leaf: &Leaf) -> Cell<Option<Self>> {
        // Nothing erases openings in stores of this format: none may be missing.
        let opening = entry.opening.ok_or("its opening is missing")?;
        if walk.root.is_none() {
            return Ok(None);
        }
        let (account, place) = (entry.account, entry.place);
        let closed = |error: &dyn std::fmt::Display| format!("its opening: {error}");
        let (plain, subject) = match opening.split_first() {
            Some((&OPENING_BY_LOG, sealed)) => {
                let keys = walk.account_keys(account).ok_or("its account's keys do not open")?;
                let context = opening_context(account, [0; 16], place);
                (sealing::open(&keys.log, &context, sealed), None)
            }
            Some((&OPENING_BY_RECORD, rest)) => {
                let (tag, sealed) =
                    rest.split_first_chunk::<16>().ok_or("its opening is cut short")?;
                let key = walk
                    .record_key(account, *tag)
                    .ok_or("its opening is sealed under the key of a record that does not open")?;
                let context = opening_context(account, *tag, place);
                (sealing::open(&opening_key(&key), &context, sealed), Some(*tag))
            }
            _ => return Err("its opening has another form".to_owned()),
        };
        let plain = plain.map_err(|error| closed(&error))?;
        let stored = StoredOpening::decode(&plain).map_err(|error| closed(&error))?;
        stored.opening().check(leaf).map_err(|error| closed(&error))?;
        if stored.fields.len() != leaf.fields.len() {
            return Err("its opening does not show every field".to_owned());
        }
        Ok(Some(Self { fields: stored.fields, subject }))
    }

    /// The values of `name`, `name.1`, `name.2` and so on.
    pub(super) fn numbered(&self, name: &str) -> impl Iterator<Item = &str> {
        let part = move |field: &str| {
            field.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        self.fields.iter().filter(move |(field, _)| part(field)).map(|(_, value)| value.as_str())
    }

    /// The value of a field.
    pub(super) fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_str())
    }
}

/// Compares an entry with its row in the access index.
pub(super) fn access(
    walk: &mut Walk<'_>,
    entry: &Entry<'_>,
    leaf: &Leaf,
    opened: Option<&Opened>,
    row: &Row<'_>,
) {
    let outcome = if super::cells::is_null(row, 5) {
        Err("is missing".to_owned())
    } else {
        same_access(walk, entry, leaf, opened, row)
    };
    if let Err(why) = outcome {
        let name = entry_name(entry.account, entry.place);
        walk.found.problem(format!("access_index row {} ({name})", entry.row), why);
    }
}

fn same_access(
    walk: &mut Walk<'_>,
    entry: &Entry<'_>,
    leaf: &Leaf,
    opened: Option<&Opened>,
    row: &Row<'_>,
) -> Cell<()> {
    let same = |column: &str, holds: bool| {
        if holds { Ok(()) } else { Err(format!("column `{column}` is not what the entry says")) }
    };
    same("at", unsigned(row, 6)? == leaf.time)?;
    let (actor, credential): (Tag, Tag) = (array(row, 7)?, array(row, 8)?);
    let objects = bytes(row, 9)?;
    same("objects", objects.len().is_multiple_of(16))?;
    let source: Option<Tag> =
        if super::cells::is_null(row, 10) { None } else { Some(array(row, 10)?) };
    let (Some(root), Some(opened)) = (walk.root, opened) else { return Ok(()) };
    let value = |name: &str| opened.field(name).unwrap_or_default();
    same("actor", actor == actor_tag(root, "actor", value("actor")))?;
    same("credential", credential == actor_tag(root, "credential", value("credential")))?;
    // Rows from before 0002 have none, and neither does their entry name one.
    let named = opened.field(SOURCE).map(|source| actor_tag(root, SOURCE, source));
    same("source", source == named)?;
    match (opened.field("object"), opened.field("shown")) {
        (Some(object), _) => {
            let (collection, id) = object.split_once('/').ok_or("`object` has another form")?;
            let keys = walk.account_keys(entry.account).ok_or("its account's keys do not open")?;
            let parts: [&[u8]; 3] = [b"record", collection.as_bytes(), id.as_bytes()];
            let tag = sealing::tag(&keys.names, &parts);
            same("objects", objects == tag && opened.subject.is_none_or(|subject| subject == tag))
        }
        (None, Some(shown)) => {
            let count = opened.field("objects").unwrap_or_default();
            let all = (objects.len() / 16).to_string() == count && shown_hash(objects) == shown;
            same("objects", all)
        }
        (None, None) => same("objects", objects.is_empty()),
    }
}

/// Takes over what an entry says of requests and jobs.
pub(super) fn facts(
    walk: &mut Walk<'_>,
    entry: &Entry<'_>,
    leaf: &Leaf,
    opened: &Opened,
) -> rusqlite::Result<()> {
    let what = || entry_name(entry.account, entry.place);
    if let Some(done) = opened.field(JOB_DONE) {
        let row = done.parse().ok();
        if row.is_none_or(|row: i64| walk.jobs.remove(&row).is_none()) {
            walk.found.problem(what(), format!("did job `{done}`, which nobody had left"));
        }
    }
    for job in opened.field(JOBS_LEFT).into_iter().flat_map(|jobs| jobs.split(' ')) {
        let row = job.split_once(':').and_then(|(row, _)| row.parse().ok());
        if row.is_none_or(|row: i64| walk.jobs.insert(row, job.to_owned()).is_some()) {
            walk.found.problem(what(), format!("left job `{job}`, whose row was taken"));
        }
    }
    super::signals::facts(walk, entry, opened);
    let Some(name) = opened.field(REMEMBERED) else { return Ok(()) };
    let window = u64::try_from(IDEMPOTENCY_WINDOW.as_micros()).unwrap_or(u64::MAX);
    if leaf.time < walk.newest.saturating_sub(window) {
        return Ok(());
    }
    let sql = "SELECT count(*) FROM requests WHERE row = ?1 AND account = ?2 AND entry = ?3";
    let mut query = walk.db.prepare_cached(sql)?;
    let row = name.split_once(':').and_then(|(row, _)| row.parse::<i64>().ok());
    let place = params![row, entry.account, entry.place];
    let kept: i64 = query.query_row(place, |row| row.get(0))?;
    if kept == 0 {
        let why = "says that its request is remembered, and no row in `requests` does";
        walk.found.problem(what(), why);
    }
    Ok(())
}
