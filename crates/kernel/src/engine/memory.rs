//! The engine for simulation: everything in memory, faults on demand.
//!
//! A store of it can be reopened: clones share one content. Faults are those of a medium at the
//! commit point: the batch was lost, or it was kept and the answer was lost.

use super::rows::{
    AccessRow, AccountKeysRow, CommitRow, EntryRow, HeadRow, JobRow, MetaRow, RecordKeyRow,
    RecordRow, RequestRow, SegmentRow, SignalDayRow, SignalRow, TileRow, VersionRow,
};
use super::segment::holds;
use super::{
    By, Commit, Counters, Engine, Fetched, Numbers, PageWant, Reader, Span, Stored, Tag, Tail,
    Wants,
};
use crate::error::{Error, Result};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A store in memory. Clones are the same store.
#[derive(Clone, Default)]
pub struct Memory(Arc<Mutex<Content>>);

/// What the next commits of a store in memory shall suffer. Only for tests and simulation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DangerFaults {
    /// The n-th commit from now (from 0) fails before it is stored.
    pub lose: Option<u64>,
    /// The n-th commit from now is stored, but reported as failed.
    pub keep_silently: Option<u64>,
    /// So many times commits cannot be read.
    pub blind: u64,
}

#[derive(Default)]
struct Content {
    commits: Vec<CommitRow>,
    heads: BTreeMap<u64, HeadRow>,
    slots: HashMap<Tag, u64>,
    account_keys: BTreeMap<(u64, u32), AccountKeysRow>,
    entries: BTreeMap<i64, EntryRow>,
    places: BTreeMap<(u64, u64), i64>,
    accesses: BTreeMap<i64, AccessRow>,
    segments: BTreeMap<i64, SegmentRow>,
    records: BTreeMap<i64, RecordRow>,
    record_places: HashMap<(u64, Tag), i64>,
    versions: BTreeMap<i64, VersionRow>,
    record_keys: BTreeMap<i64, RecordKeyRow>,
    tiles: BTreeMap<(u64, u8, u64), TileRow>,
    requests: BTreeMap<(u64, Tag), RequestRow>,
    jobs: BTreeMap<i64, JobRow>,
    signals: BTreeMap<i64, SignalRow>,
    signal_days: BTreeMap<u32, SignalDayRow>,
    meta: BTreeMap<String, MetaRow>,
    counters: Counters,
    faults: DangerFaults,
}

impl Memory {
    /// Sets what the next commits shall suffer.
    pub fn danger_faults(&self, faults: DangerFaults) {
        self.lock().faults = faults;
    }

    fn lock(&self) -> MutexGuard<'_, Content> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Engine for Memory {
    fn counters(&mut self) -> Result<Counters> {
        let mut content = self.lock();
        let content = content.seen()?;
        let last = |key: Option<&i64>| key.copied().unwrap_or(0);
        content.counters = Counters {
            commit: content.commits.last().cloned().unwrap_or_default(),
            record: last(content.records.keys().next_back()),
            version: last(content.versions.keys().next_back()),
            record_key: last(content.record_keys.keys().next_back()),
            tile: content.tiles.values().map(|tile| tile.row).max().unwrap_or(0),
            request: content.requests.values().map(|request| request.row).max().unwrap_or(0),
            job: last(content.jobs.keys().next_back()),
            signal: last(content.signals.keys().next_back()),
        };
        Ok(content.counters.clone())
    }

    fn commit_at(&mut self, sequence: u64) -> Result<Option<CommitRow>> {
        let mut content = self.lock();
        let content = content.seen()?;
        Ok(content.commits.iter().find(|row| row.sequence == sequence).cloned())
    }

    fn fetch(&mut self, wants: &Wants) -> Result<Fetched> {
        let content = self.lock();
        let mut found = Fetched::default();
        found.heads.extend(wants.heads.iter().filter_map(|slot| content.heads.get(slot).cloned()));
        found.heads.extend(wants.heads_by_tag.iter().filter_map(|tag| content.by_tag(tag)));
        found.records.extend(
            wants.records.iter().filter_map(|(account, tag)| content.stored(*account, tag)),
        );
        found
            .requests
            .extend(wants.requests.iter().filter_map(|key| content.requests.get(key).cloned()));
        found.pages.extend(wants.pages.iter().map(|want| content.page(want)));
        found.numbers = Numbers::Counted(content.counters.clone());
        found.signal = content.counters.signal;
        Ok(found)
    }

    fn order(&mut self) -> Result<Tail> {
        let counters = self.lock().counters.clone();
        Ok(Tail { commit: counters.commit, tile: counters.tile, time: 0 })
    }

    fn persist(&mut self, commit: &Commit) -> Result<()> {
        let mut content = self.lock();
        let failed = || Error::unavailable("the store's disk failed and nothing was acknowledged");
        if due(&mut content.faults.lose) {
            return Err(failed());
        }
        if content.contradicts(commit) {
            return Err(Error::conflict(
                "the store refused contradicting rows; nothing was written",
            ));
        }
        content.store(commit);
        if due(&mut content.faults.keep_silently) {
            return Err(failed());
        }
        Ok(())
    }

    fn reader(&self) -> Arc<dyn Reader> {
        Arc::new(self.clone())
    }
}

fn due(fault: &mut Option<u64>) -> bool {
    let now = *fault == Some(0);
    *fault = fault.and_then(|left| left.checked_sub(1));
    now
}

/// Whether the keys of new rows meet each other or one that is stored.
fn taken<R, K: Ord>(rows: &[R], key: impl Fn(&R) -> K, stored: impl Fn(&K) -> bool) -> bool {
    let mut seen = BTreeSet::new();
    rows.iter().map(key).any(|key| stored(&key) || !seen.insert(key))
}

impl Content {
    /// The content, unless the fault is that it cannot be seen.
    fn seen(&mut self) -> Result<&mut Self> {
        match self.faults.blind.checked_sub(1) {
            None => Ok(self),
            Some(left) => {
                self.faults.blind = left;
                Err(Error::unavailable("the store's disk failed"))
            }
        }
    }

    /// Whether a row of the commit takes a place that is taken, as the indexes of a database find.
    fn contradicts(&self, commit: &Commit) -> bool {
        let forgotten =
            |row: &RequestRow| commit.forget_requests_before.is_some_and(|before| row.at < before);
        let held = || self.requests.values().filter(|row| !forgotten(row));
        let known = |row: &RecordRow| self.record_places.get(&(row.account, row.tag));
        let taken = [
            self.commits.iter().any(|row| row.sequence >= commit.commit.sequence),
            commit
                .heads
                .iter()
                .any(|row| self.slots.get(&row.tag).is_some_and(|s| *s != row.account)),
            taken(
                &commit.account_keys,
                |row| (row.account, row.version),
                |key| self.account_keys.contains_key(key),
            ),
            taken(&commit.entries, |row| row.row, |key| self.entries.contains_key(key)),
            taken(
                &commit.entries,
                |row| (row.account, row.index),
                |key| self.places.contains_key(key),
            ),
            taken(&commit.accesses, |row| row.row, |key| self.accesses.contains_key(key)),
            taken(&commit.segments, |row| row.row, |key| self.segments.contains_key(key)),
            commit.records.iter().any(|row| known(row).is_some_and(|known| *known != row.row)),
            taken(&commit.versions, |row| row.row, |key| self.versions.contains_key(key)),
            taken(&commit.record_keys, |row| row.row, |key| self.record_keys.contains_key(key)),
            taken(&commit.tiles, |row| row.row, |key| self.tiles.values().any(|t| t.row == *key)),
            taken(
                &commit.tiles,
                |row| (row.account, row.level, row.index),
                |key| self.tiles.contains_key(key),
            ),
            taken(&commit.requests, |row| row.row, |key| held().any(|row| row.row == *key)),
            taken(
                &commit.requests,
                |row| (row.account, row.tag),
                |key| held().any(|row| (row.account, row.tag) == *key),
            ),
            taken(&commit.jobs, |row| row.row, |key| self.jobs.contains_key(key)),
            commit.jobs_done.iter().any(|done| !self.jobs.contains_key(&done.row)),
            taken(&commit.signals, |row| row.row, |key| self.signals.contains_key(key)),
            taken(&commit.signal_days, |row| row.day, |key| self.signal_days.contains_key(key)),
        ];
        taken.contains(&true)
    }

    fn store(&mut self, commit: &Commit) {
        self.counters.count(commit);
        self.commits.push(commit.commit.clone());
        for row in commit.heads.iter().cloned() {
            self.slots.insert(row.tag, row.account);
            self.heads.insert(row.account, row);
        }
        for row in commit.account_keys.iter().cloned() {
            self.account_keys.insert((row.account, row.version), row);
        }
        for row in commit.entries.iter().cloned() {
            self.places.insert((row.account, row.index), row.row);
            self.entries.insert(row.row, row);
        }
        self.accesses.extend(commit.accesses.iter().map(|row| (row.row, row.clone())));
        self.segments.extend(commit.segments.iter().map(|row| (row.row, row.clone())));
        for row in commit.records.iter().cloned() {
            self.record_places.insert((row.account, row.tag), row.row);
            self.records.insert(row.row, row);
        }
        self.versions.extend(commit.versions.iter().map(|row| (row.row, row.clone())));
        self.record_keys.extend(commit.record_keys.iter().map(|row| (row.row, row.clone())));
        for row in commit.tiles.iter().cloned() {
            self.tiles.insert((row.account, row.level, row.index), row);
        }
        if let Some(before) = commit.forget_requests_before {
            self.requests.retain(|_, row| row.at >= before);
        }
        for row in commit.requests.iter().cloned() {
            self.requests.insert((row.account, row.tag), row);
        }
        self.jobs.extend(commit.jobs.iter().map(|row| (row.row, row.clone())));
        for done in &commit.jobs_done {
            self.jobs.remove(&done.row);
        }
        self.signal_days.extend(commit.signal_days.iter().map(|row| (row.day, row.clone())));
        self.signals.extend(commit.signals.iter().map(|row| (row.row, row.clone())));
        let newest = self.signals.keys().next_back().copied();
        for day in &commit.signals_forgotten {
            self.signals.retain(|row, signal| signal.day != *day || Some(*row) == newest);
            self.signal_days.remove(day);
        }
        self.meta.extend(commit.meta.iter().map(|row| (row.name.clone(), row.clone())));
    }

    fn by_tag(&self, tag: &Tag) -> Option<HeadRow> {
        self.heads.get(self.slots.get(tag)?).cloned()
    }

    fn stored(&self, account: u64, tag: &Tag) -> Option<Stored> {
        let record = self.records.get(self.record_places.get(&(account, *tag))?)?;
        self.with_key(record)
    }

    fn with_key(&self, record: &RecordRow) -> Option<Stored> {
        let key = self.record_keys.get(&record.key)?.clone();
        Some(Stored { record: record.clone(), key })
    }

    fn page(&self, want: &PageWant) -> Vec<Stored> {
        self.records
            .range(want.after.saturating_add(1)..)
            .map(|(_, record)| record)
            .filter(|row| row.account == want.account && row.collection == want.collection)
            .filter_map(|record| self.with_key(record))
            .take(want.limit)
            .collect()
    }
}

impl Reader for Memory {
    fn head(&self, account: u64) -> Result<Option<HeadRow>> {
        Ok(self.lock().heads.get(&account).cloned())
    }

    fn head_by_tag(&self, tag: &Tag) -> Result<Option<HeadRow>> {
        Ok(self.lock().by_tag(tag))
    }

    fn heads(&self, after: Option<u64>, limit: usize) -> Result<Vec<HeadRow>> {
        let from = after.map_or(0, |slot| slot.saturating_add(1));
        Ok(self.lock().heads.range(from..).take(limit).map(|(_, row)| row.clone()).collect())
    }

    fn census(&self) -> Result<(u64, u64)> {
        let content = self.lock();
        let keyed = content.heads.keys().filter(|slot| {
            content.account_keys.range((**slot, 0)..=(**slot, u32::MAX)).next().is_some()
        });
        let keyed = u64::try_from(keyed.count()).unwrap_or(u64::MAX);
        Ok((u64::try_from(content.heads.len()).unwrap_or(u64::MAX), keyed))
    }

    fn account_keys(&self, account: u64) -> Result<Option<AccountKeysRow>> {
        let content = self.lock();
        let mut versions = content.account_keys.range((account, 0)..=(account, u32::MAX));
        Ok(versions.next_back().map(|(_, row)| row.clone()))
    }

    fn entries(&self, account: u64, from: u64, limit: u64) -> Result<Vec<EntryRow>> {
        let content = self.lock();
        let rows = content.places.range((account, from)..=(account, u64::MAX));
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        Ok(rows.take(limit).filter_map(|(_, row)| content.entries.get(row).cloned()).collect())
    }

    fn tile(&self, account: u64, level: u8, index: u64) -> Result<Option<TileRow>> {
        Ok(self.lock().tiles.get(&(account, level, index)).cloned())
    }

    fn record(&self, account: u64, tag: &Tag) -> Result<Option<Stored>> {
        Ok(self.lock().stored(account, tag))
    }

    fn page(&self, want: &PageWant) -> Result<Vec<Stored>> {
        Ok(self.lock().page(want))
    }

    fn version(&self, account: u64, row: i64) -> Result<Option<VersionRow>> {
        let content = self.lock();
        Ok(content.versions.get(&row).filter(|version| version.account == account).cloned())
    }

    fn meta(&self, name: &str) -> Result<Option<MetaRow>> {
        Ok(self.lock().meta.get(name).cloned())
    }

    fn jobs(&self, until: u64, limit: usize) -> Result<Vec<JobRow>> {
        let content = self.lock();
        let mut due: Vec<_> = content.jobs.values().filter(|job| job.due <= until).collect();
        due.sort_by_key(|job| (job.due, job.row));
        Ok(due.into_iter().take(limit).cloned().collect())
    }

    fn accesses(&self, after: i64, limit: usize) -> Result<Vec<AccessRow>> {
        let content = self.lock();
        let rows = content.accesses.range(after.saturating_add(1)..);
        Ok(rows.take(limit).map(|(_, row)| row.clone()).collect())
    }

    fn accesses_by(&self, by: By, span: Span, limit: usize) -> Result<Vec<AccessRow>> {
        let content = self.lock();
        let from = span.after.saturating_add(1);
        if from > span.until {
            return Ok(vec![]);
        }
        let rows = content.accesses.range(from..=span.until).map(|(_, row)| row);
        Ok(rows.filter(|row| holds(row, by)).take(limit).cloned().collect())
    }

    fn segment(&self, number: i64) -> Result<Option<SegmentRow>> {
        Ok(self.lock().segments.get(&number).cloned())
    }

    fn first_access_since(&self, at: u64) -> Result<i64> {
        let content = self.lock();
        let first = content.accesses.values().find(|row| row.at >= at).map(|row| row.row);
        let last = content.accesses.keys().next_back().copied().unwrap_or(0);
        Ok(first.unwrap_or(last + 1))
    }

    fn signals(&self, after: i64, limit: usize) -> Result<Vec<SignalRow>> {
        let content = self.lock();
        let rows = content.signals.range(after.saturating_add(1)..);
        Ok(rows.take(limit).map(|(_, row)| row.clone()).collect())
    }

    fn signal_days(&self) -> Result<Vec<SignalDayRow>> {
        Ok(self.lock().signal_days.values().cloned().collect())
    }

    fn entry_at(&self, row: i64) -> Result<Option<EntryRow>> {
        Ok(self.lock().entries.get(&row).cloned())
    }

    fn entries_after(&self, row: i64, limit: usize) -> Result<Vec<EntryRow>> {
        let content = self.lock();
        let rows = content.entries.range(row.saturating_add(1)..);
        Ok(rows.take(limit).map(|(_, row)| row.clone()).collect())
    }

    fn commit(&self, sequence: Option<u64>) -> Result<Option<CommitRow>> {
        let content = self.lock();
        Ok(match sequence {
            Some(sequence) => content.commits.iter().find(|row| row.sequence == sequence),
            None => content.commits.last(),
        }
        .cloned())
    }
}
