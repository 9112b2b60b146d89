//! Rows and commits that mean nothing and contradict nothing.

use crate::dice::Dice;
use kernel::engine::{
    AccessRow, AccountKeysRow, Claim, Commit, CommitRow, Counters, EntryRow, HeadRow, JobRow,
    MetaRow, RecordKeyRow, RecordRow, RequestRow, SignalDayRow, SignalRow, Tag, TileRow,
    VersionRow,
};

/// A tag of a small number.
pub fn tag(number: u64) -> Tag {
    (u128::from(number) << 64 | 7).to_be_bytes()
}

/// A head of so many entries.
pub fn head(account: u64, size: u64) -> HeadRow {
    let frontier = vec![u8::try_from(size % 251).unwrap_or(0); 32];
    HeadRow { account, tag: tag(account + 1000), size, frontier, time: 5_000 + size }
}

/// An entry.
pub fn entry(row: i64, account: u64, index: u64) -> EntryRow {
    let leaf = format!("leaf {account}/{index}").into_bytes();
    EntryRow { row, account, index, leaf, opening: Some(vec![1, 2, 3]) }
}

/// A row of the access index.
pub fn access(row: i64) -> AccessRow {
    let (actor, credential) = (tag(1), tag(2));
    let source = Some(tag(4));
    AccessRow { row, at: 9_000, actor, credential, objects: tag(3).to_vec(), source }
}

/// A record in its first version, whose key has the same row number.
pub fn record(row: i64, account: u64, collection: u64, id: u64) -> RecordRow {
    RecordRow {
        row,
        account,
        collection: tag(collection),
        tag: tag(id),
        version: 1,
        deleted: false,
        changed: 4,
        current: row,
        key: row,
        mac: vec![6; 32],
    }
}

/// The key of a record.
pub fn record_key(row: i64, account: u64, id: u64) -> RecordKeyRow {
    RecordKeyRow { row, account, tag: tag(id), version: 1, wrapped: vec![8; 60] }
}

/// A version.
pub fn version(row: i64, account: u64, prev: i64) -> VersionRow {
    VersionRow { row, account, prev, sealed: format!("sealed {row}").into_bytes() }
}

/// A remembered request.
pub fn request(row: i64, account: u64, id: u64, at: u64) -> RequestRow {
    RequestRow { row, account, tag: tag(id), hash: [9; 32], entry: 3, count: 2, at }
}

/// A job.
pub fn job(row: i64, account: u64, due: u64) -> JobRow {
    JobRow { row, account, due, sealed: vec![4; 40] }
}

/// A batch of signals of a day.
pub fn signal(row: i64, day: u32) -> SignalRow {
    SignalRow { row, day, entry: 6, sealed: format!("signals {row}").into_bytes() }
}

/// The key of a day's signals.
pub fn signal_day(day: u32, first: i64) -> SignalDayRow {
    SignalDayRow { day, first, wrapped: vec![2; 60] }
}

/// A full tile.
pub fn tile(row: i64, account: u64, level: u8, index: u64) -> TileRow {
    TileRow { row, account, level, index, data: vec![level; 64] }
}

/// Keys of an account.
pub fn account_keys(account: u64, version: u32) -> AccountKeysRow {
    AccountKeysRow { account, version, key: vec![3; 60], purposes: version.to_be_bytes().to_vec() }
}

/// A fact.
pub fn meta(name: &str, value: &[u8]) -> MetaRow {
    MetaRow { name: name.to_owned(), value: value.to_vec(), mac: vec![5; 32] }
}

/// A commit's own row.
pub fn commit(sequence: u64, last: i64) -> CommitRow {
    CommitRow { sequence, last, chain: [u8::try_from(sequence % 256).unwrap_or(0); 32] }
}

/// One commit with a row of every kind, for an empty store.
pub fn one_of_each() -> Commit {
    Commit {
        commit: commit(1, 1),
        heads: vec![head(0, 1)],
        account_keys: vec![account_keys(0, 1)],
        entries: vec![entry(1, 0, 0)],
        accesses: vec![access(1)],
        segments: vec![],
        records: vec![record(1, 0, 50, 3)],
        versions: vec![version(1, 0, 0)],
        record_keys: vec![record_key(1, 0, 3)],
        tiles: vec![tile(1, 0, 0, 0)],
        requests: vec![request(1, 0, 77, 9_000)],
        jobs: vec![job(1, 0, 10_000)],
        jobs_done: vec![],
        forget_requests_before: None,
        signal_days: vec![signal_day(20, 1)],
        signals: vec![signal(1, 20)],
        signals_forgotten: vec![],
        meta: vec![meta("format", b"1")],
        rights: None,
        leases: vec![],
        anchored: None,
    }
}

/// So many commits from a seed, for an empty store: accounts, entries, records that change,
/// requests that are forgotten, jobs that are done.
pub fn random(seed: u64, commits: usize) -> Vec<Commit> {
    let mut made = Made { dice: Dice::new(seed), ..Made::default() };
    (0..commits).map(|_| made.commit()).collect()
}

struct Made {
    dice: Dice,
    at: Counters,
    sizes: Vec<u64>,
    records: Vec<RecordRow>,
    jobs: Vec<i64>,
    days: Vec<u32>,
    now: u64,
}

impl Default for Made {
    fn default() -> Self {
        let (at, sizes, records, jobs, days) = Default::default();
        Self { dice: Dice::new(0), at, sizes, records, jobs, days, now: 1_000_000 }
    }
}

impl Made {
    fn commit(&mut self) -> Commit {
        let mut made = Commit::default();
        self.now += self.dice.below(1_000);
        if self.sizes.is_empty() || (self.sizes.len() < 6 && self.dice.chance(1, 5)) {
            let account = u64::try_from(self.sizes.len()).unwrap_or(0);
            self.sizes.push(0);
            made.account_keys.push(account_keys(account, 1));
        }
        if let Some(done) = self.dice.pick(&self.jobs).copied().filter(|_| self.dice.chance(1, 3)) {
            self.jobs.retain(|row| *row != done);
            made.jobs_done.push(Claim { row: done, token: 0 });
        }
        for _ in 0..=self.dice.below(4) {
            self.entry(&mut made);
        }
        if self.dice.chance(1, 6) {
            made.forget_requests_before = Some(self.now.saturating_sub(2_000));
        }
        if self.dice.chance(1, 8) {
            let value = self.dice.bytes(4);
            made.meta.push(meta("epoch", &value));
        }
        self.signals(&mut made);
        self.at.commit.sequence += 1;
        made.commit = commit(self.at.commit.sequence, self.at.commit.last);
        made.heads = self.heads(&made);
        made
    }

    /// Signals of today, of a day that begins, or the end of an earlier one.
    fn signals(&mut self, made: &mut Commit) {
        let today = self.days.last().copied().unwrap_or(0);
        if self.dice.chance(1, 4) {
            let day = today + u32::from(self.dice.chance(1, 3) || self.days.is_empty());
            self.at.signal += 1;
            if day != today {
                made.signal_days.push(signal_day(day, self.at.signal));
                self.days.push(day);
            }
            made.signals.push(signal(self.at.signal, day));
        } else if self.days.len() > 1 && self.dice.chance(1, 6) {
            made.signals_forgotten.push(self.days.remove(0));
        }
    }

    fn heads(&self, made: &Commit) -> Vec<HeadRow> {
        let sizes = self.sizes.iter().zip(0..);
        let moved = |account: u64| made.entries.iter().any(|entry| entry.account == account);
        let fresh = |account: u64| made.account_keys.iter().any(|keys| keys.account == account);
        let heads = sizes.filter(|(_, account)| moved(*account) || fresh(*account));
        heads.map(|(size, account)| head(account, *size)).collect()
    }

    fn entry(&mut self, made: &mut Commit) {
        let account = self.dice.below(u64::try_from(self.sizes.len()).unwrap_or(1));
        let Some(size) = self.sizes.get_mut(usize::try_from(account).unwrap_or(0)) else { return };
        self.at.commit.last += 1;
        made.entries.push(entry(self.at.commit.last, account, *size));
        made.accesses.push(access(self.at.commit.last));
        *size += 1;
        let size = *size;
        match self.dice.below(6) {
            0 | 1 => self.new_record(made, account),
            2 | 3 => self.change(made),
            4 => {
                self.at.request += 1;
                let id = 1_000_000 + u64::try_from(self.at.request).unwrap_or(0);
                made.requests.push(request(self.at.request, account, id, self.now));
            }
            _ => {
                self.at.job += 1;
                self.jobs.push(self.at.job);
                made.jobs.push(job(self.at.job, account, self.now + self.dice.below(500)));
            }
        }
        if size.is_multiple_of(4) {
            self.at.tile += 1;
            made.tiles.push(tile(self.at.tile, account, 0, size / 4));
        }
    }

    fn new_record(&mut self, made: &mut Commit, account: u64) {
        self.at.record += 1;
        self.at.record_key += 1;
        self.at.version += 1;
        let id = 2_000_000 + u64::try_from(self.at.record).unwrap_or(0);
        let collection = 50 + self.dice.below(3);
        let row = RecordRow {
            current: self.at.version,
            key: self.at.record_key,
            ..record(self.at.record, account, collection, id)
        };
        made.record_keys.push(record_key(self.at.record_key, account, id));
        made.versions.push(version(self.at.version, account, 0));
        made.records.push(row.clone());
        self.records.push(row);
    }

    fn change(&mut self, made: &mut Commit) {
        let count = u64::try_from(self.records.len()).unwrap_or(0);
        let nth = usize::try_from(self.dice.below(count)).unwrap_or(0);
        let deleted = self.dice.chance(1, 4);
        let Some(row) = self.records.get_mut(nth) else { return };
        self.at.version += 1;
        made.versions.push(version(self.at.version, row.account, row.current));
        row.version += 1;
        (row.current, row.deleted, row.changed) = (self.at.version, deleted, row.changed + 1);
        // One row per record and commit, as the lane gives it.
        made.records.retain(|other| other.row != row.row);
        made.records.push(row.clone());
    }
}
