//! The cases of the suite, one promise each.

use super::sample::{
    account_keys, commit, entry, head, job, meta, one_of_each, record, record_key, request, signal,
    signal_day, tag, tile, version,
};
use super::{Make, dump};
use crate::must;
use kernel::Kind;
use kernel::engine::{
    AccessRow, By, Claim, Commit, Counters, Engine, PageWant, RecordRow, Span, Wants, segment,
};

fn persist(engine: &mut dyn Engine, commit: &Commit) {
    must(engine.persist(commit));
}

fn start(make: Make<'_>) -> Box<dyn Engine> {
    let mut engine = make();
    persist(&mut *engine, &one_of_each());
    engine
}

/// The commit after the first one, with nothing in it.
fn next() -> Commit {
    Commit { commit: commit(2, 1), ..Commit::default() }
}

pub fn empty(make: Make<'_>) {
    let mut engine = make();
    assert_eq!(must(engine.counters()), Counters::default(), "a new store has counted nothing");
    assert_eq!(must(engine.commit_at(0)), None);
    assert_eq!(must(engine.commit_at(1)), None);
    let reader = engine.reader();
    assert_eq!(must(reader.census()), (0, 0));
    assert!(must(reader.heads(None, 10)).is_empty());
    assert!(must(reader.entries(0, 0, 10)).is_empty());
    assert!(must(reader.jobs(u64::MAX >> 1, 10)).is_empty());
    assert!(must(reader.accesses(0, 10)).is_empty());
    assert_eq!(must(reader.first_access_since(0)), 1);
    assert_eq!(must(reader.commit(None)), None);
    assert_eq!(must(reader.meta("format")), None);
    assert_eq!(must(reader.head(0)), None);
    let want = PageWant { account: 0, collection: tag(50), after: 0, limit: 10 };
    let wants = Wants {
        heads: vec![0],
        heads_by_tag: vec![tag(1000)],
        records: vec![(0, tag(3))],
        requests: vec![(0, tag(77))],
        pages: vec![want],
    };
    let fetched = must(engine.fetch(&wants));
    assert!(fetched.heads.is_empty() && fetched.records.is_empty() && fetched.requests.is_empty());
    assert_eq!(fetched.pages.len(), 1, "each page has an answer, also an empty one");
}

pub fn reads_back(make: Make<'_>) {
    let mut engine = make();
    let before = engine.reader();
    let all = one_of_each();
    persist(&mut *engine, &all);
    for reader in [before, engine.reader()] {
        assert_eq!(must(reader.head(0)), all.heads.first().cloned());
        assert_eq!(must(reader.account_keys(0)), all.account_keys.first().cloned());
        assert_eq!(must(reader.entries(0, 0, 10)), all.entries);
        assert_eq!(must(reader.entry_at(1)), all.entries.first().cloned());
        assert_eq!(must(reader.accesses(0, 10)), all.accesses);
        assert_eq!(must(reader.version(0, 1)), all.versions.first().cloned());
        assert_eq!(must(reader.version(1, 1)), None, "of another account");
        assert_eq!(must(reader.tile(0, 0, 0)), all.tiles.first().cloned());
        assert_eq!(must(reader.jobs(10_000, 10)), all.jobs);
        assert_eq!(must(reader.signals(0, 10)), all.signals);
        assert_eq!(must(reader.signal_days()), all.signal_days);
        assert_eq!(must(reader.meta("format")), all.meta.first().cloned());
        assert_eq!(must(reader.census()), (1, 1));
        let stored = must(reader.record(0, &tag(3)));
        assert_eq!(stored.as_ref().map(|stored| &stored.record), all.records.first());
        assert_eq!(stored.as_ref().map(|stored| &stored.key), all.record_keys.first());
    }
    let counters = Counters {
        commit: all.commit,
        record: 1,
        version: 1,
        record_key: 1,
        tile: 1,
        request: 1,
        job: 1,
        signal: 1,
    };
    assert_eq!(must(engine.counters()), counters);
}

pub fn heads(make: Make<'_>) {
    let mut engine = start(make);
    let heads = [9, 4, 300].map(|account| head(account, 2)).to_vec();
    persist(&mut *engine, &Commit { heads, ..next() });
    let moved = Commit { commit: commit(3, 1), heads: vec![head(4, 7)], ..Commit::default() };
    persist(&mut *engine, &moved);
    let reader = engine.reader();
    let slots = |after, limit| -> Vec<(u64, u64)> {
        let heads = must(reader.heads(after, limit));
        heads.iter().map(|head| (head.account, head.size)).collect()
    };
    assert_eq!(slots(None, 10), [(0, 1), (4, 7), (9, 2), (300, 2)], "in the order of slots");
    assert_eq!(slots(None, 2), [(0, 1), (4, 7)]);
    assert_eq!(slots(Some(0), 1), [(4, 7)], "after a slot, without it");
    assert_eq!(slots(Some(9), 10), [(300, 2)]);
    assert!(slots(Some(300), 10).is_empty());
    assert_eq!(must(reader.head_by_tag(&tag(1004))), Some(head(4, 7)));
    assert_eq!(must(reader.head_by_tag(&tag(4))), None);
    assert_eq!(must(reader.census()), (4, 1), "three accounts have no keys");
    let wants =
        Wants { heads: vec![9, 5], heads_by_tag: vec![tag(1300), tag(1)], ..Wants::default() };
    let fetched = must(engine.fetch(&wants));
    assert_eq!(fetched.heads, [head(9, 2), head(300, 2)], "what is missing is left out");
}

pub fn entries(make: Make<'_>) {
    let mut engine = start(make);
    let rows = (2..=6).map(|row| entry(row, 4, u64::try_from(row).unwrap_or(0) - 2));
    let other = entry(7, 0, 1);
    let entries: Vec<_> = rows.chain([other.clone()]).collect();
    let accesses = (2..=7).map(super::sample::access).collect();
    persist(&mut *engine, &Commit { commit: commit(2, 7), entries, accesses, ..Commit::default() });
    let reader = engine.reader();
    let indexes = |account, from, limit| -> Vec<u64> {
        must(reader.entries(account, from, limit)).iter().map(|entry| entry.index).collect()
    };
    assert_eq!(indexes(4, 0, 10), [0, 1, 2, 3, 4]);
    assert_eq!(indexes(4, 1, 2), [1, 2]);
    assert!(indexes(4, 5, 10).is_empty());
    assert_eq!(indexes(0, 0, 10), [0, 1], "each account has its own");
    assert!(indexes(5, 0, 10).is_empty());
    assert_eq!(must(reader.entry_at(7)), Some(other));
    assert_eq!(must(reader.entry_at(8)), None);
    let rows = |after, limit| -> Vec<i64> {
        must(reader.accesses(after, limit)).iter().map(|access| access.row).collect()
    };
    assert_eq!(rows(0, 3), [1, 2, 3]);
    assert_eq!(rows(6, 3), [7], "after a row, without it");
    let erased = Commit {
        commit: commit(3, 8),
        entries: vec![kernel::engine::EntryRow { opening: None, ..entry(8, 0, 2) }],
        ..Commit::default()
    };
    persist(&mut *engine, &erased);
    assert_eq!(must(engine.reader().entries(0, 2, 1)), erased.entries, "an erased opening");
}

pub fn accesses(make: Make<'_>) {
    let mut engine = start(make);
    let by = |row: i64| AccessRow {
        at: 9_000 + u64::try_from(row / 2).unwrap_or(0),
        actor: tag(if row % 2 == 0 { 1 } else { 11 }),
        credential: tag(if row % 3 == 0 { 2 } else { 12 }),
        source: (row % 4 != 0).then(|| tag(4)),
        ..super::sample::access(row)
    };
    let entries = (2..=600).map(|row| entry(row, 4, u64::try_from(row).unwrap_or(0) - 2)).collect();
    let accesses: Vec<AccessRow> = (2..=600).map(by).collect();
    let all: Vec<AccessRow> =
        [super::sample::access(1)].into_iter().chain(accesses.clone()).collect();
    let segments: Vec<_> =
        (1..).zip(all.as_chunks::<256>().0).map(|(n, s)| segment(n, s)).collect();
    assert_eq!(segments.len(), 2);
    let made = Commit {
        commit: commit(2, 600),
        entries,
        accesses,
        segments: segments.clone(),
        ..Commit::default()
    };
    persist(&mut *engine, &made);
    let reader = engine.reader();
    assert_eq!(must(reader.accesses(0, 1000)), all);
    assert_eq!(must(reader.segment(2)), segments.last().cloned());
    assert_eq!(must(reader.segment(3)), None);
    let holds = |row: &AccessRow, by| match by {
        By::Actor(tag) => row.actor == tag,
        By::Credential(tag) => row.credential == tag,
        By::Source(tag) => row.source == Some(tag),
        By::NoSource => row.source.is_none(),
    };
    let tags = [By::Actor(tag(11)), By::Credential(tag(2)), By::Source(tag(4)), By::NoSource];
    for by in tags.into_iter().chain([By::Actor(tag(2))]) {
        for (after, until, limit) in [
            (0, i64::MAX, 1000),
            (7, 21, 100),
            (7, 21, 3),
            (21, 7, 9),
            (200, 530, 1000),
            (200, 530, 60),
            (255, 257, 9),
            (256, 512, 1000),
            (511, 513, 9),
            (590, 9999, 9),
        ] {
            let within = |row: &&AccessRow| after < row.row && row.row <= until && holds(row, by);
            let rows: Vec<_> = all.iter().filter(within).take(limit).cloned().collect();
            assert_eq!(must(reader.accesses_by(by, Span { after, until }, limit)), rows, "{by:?}");
        }
    }
    for (at, row) in [(0, 1), (9_000, 1), (9_001, 2), (9_002, 4), (9_300, 600), (9_301, 601)] {
        // Several writers may answer an earlier row, and one a later one: none is left out.
        assert!((1..=row).contains(&must(reader.first_access_since(at))), "since {at}");
        assert!((row - 1..=600).contains(&must(reader.last_access_before(at))), "before {at}");
    }
    let rows = |after, limit| -> Vec<i64> {
        must(reader.entries_after(after, limit)).iter().map(|entry| entry.row).collect()
    };
    assert_eq!((rows(0, 2), rows(598, 9), rows(600, 9)), (vec![1, 2], vec![599, 600], vec![]));
    assert_eq!(must(reader.commit(None)), Some(commit(2, 600)));
    assert_eq!(must(reader.commit(Some(1))).map(|row| row.sequence), Some(1));
    assert_eq!(must(reader.commit(Some(3))), None);
}

pub fn pages(make: Make<'_>) {
    let mut engine = start(make);
    let records: Vec<_> = [
        record(2, 4, 50, 10),
        record(3, 4, 51, 11),
        RecordRow { deleted: true, ..record(4, 4, 50, 12) },
        record(5, 5, 50, 13),
        record(6, 4, 50, 14),
    ]
    .to_vec();
    let record_keys = records.iter().zip(10..).map(|(r, id)| record_key(r.key, r.account, id));
    let versions = records.iter().map(|record| version(record.current, record.account, 0));
    persist(
        &mut *engine,
        &Commit {
            record_keys: record_keys.collect(),
            versions: versions.collect(),
            records,
            ..next()
        },
    );
    let reader = engine.reader();
    let page = |after, limit| -> Vec<i64> {
        let want = PageWant { account: 4, collection: tag(50), after, limit };
        let rows = must(reader.page(&want));
        assert!(rows.iter().all(|stored| stored.key.row == stored.record.key));
        rows.iter().map(|stored| stored.record.row).collect()
    };
    assert_eq!(page(0, 10), [2, 4, 6], "in creation order, deleted ones too");
    assert_eq!(page(0, 2), [2, 4]);
    assert_eq!(page(4, 10), [6], "after a row, without it");
    assert_eq!(page(3, 10), [4, 6], "also after a row of another collection");
    assert!(page(6, 10).is_empty());
    let changed = RecordRow {
        version: 2,
        current: 7,
        changed: 9,
        deleted: true,
        mac: vec![7; 32],
        ..record(2, 4, 50, 10)
    };
    let versions = vec![version(7, 4, 2)];
    let records = vec![changed.clone()];
    persist(&mut *engine, &Commit { commit: commit(3, 1), records, versions, ..Commit::default() });
    assert_eq!(page(0, 10), [2, 4, 6], "a change does not move a record");
    let stored = must(reader.record(4, &tag(10))).map(|stored| stored.record);
    assert_eq!(stored, Some(changed));
    assert!(must(reader.record(5, &tag(10))).is_none(), "not of another account");
}

pub fn requests(make: Make<'_>) {
    let mut engine = start(make);
    let requests = vec![request(2, 0, 78, 9_001), request(3, 4, 77, 9_500)];
    persist(&mut *engine, &Commit { requests, ..next() });
    let remembered = |engine: &mut dyn Engine| -> Vec<i64> {
        let requests = vec![(0, tag(77)), (0, tag(78)), (4, tag(77)), (4, tag(78))];
        let fetched = must(engine.fetch(&Wants { requests, ..Wants::default() }));
        fetched.requests.iter().map(|request| request.row).collect()
    };
    assert_eq!(remembered(&mut *engine), [1, 2, 3]);
    let forget = |sequence, before, requests| Commit {
        commit: commit(sequence, 1),
        forget_requests_before: Some(before),
        requests,
        ..Commit::default()
    };
    persist(&mut *engine, &forget(3, 9_001, vec![]));
    assert_eq!(remembered(&mut *engine), [2, 3], "before a moment, without it");
    persist(&mut *engine, &forget(4, 9_500, vec![request(4, 0, 78, 9_999)]));
    assert_eq!(remembered(&mut *engine), [4, 3], "forgotten first, then remembered anew");
}

pub fn jobs(make: Make<'_>) {
    let mut engine = start(make);
    let jobs = vec![job(2, 4, 10_000), job(3, 0, 9_000), job(4, 0, 10_001)];
    persist(&mut *engine, &Commit { jobs, ..next() });
    let due = |engine: &dyn Engine, until, limit| -> Vec<i64> {
        must(engine.reader().jobs(until, limit)).iter().map(|job| job.row).collect()
    };
    assert_eq!(due(&*engine, 10_000, 10), [3, 1, 2], "earliest first, then as they were left");
    assert_eq!(due(&*engine, 9_999, 10), [3]);
    assert!(due(&*engine, 8_999, 10).is_empty());
    assert_eq!(due(&*engine, 20_000, 2), [3, 1]);
    let done = |rows: &[i64]| Commit {
        commit: commit(3, 1),
        jobs_done: rows.iter().map(|row| Claim { row: *row, token: 0 }).collect(),
        ..Commit::default()
    };
    let twice = engine.persist(&done(&[1, 99])).err().map(|error| error.kind());
    assert_eq!(twice, Some(Kind::Conflict), "a job that is not there was done by somebody else");
    assert_eq!(due(&*engine, 20_000, 10), [3, 1, 2, 4]);
    persist(&mut *engine, &done(&[1]));
    assert_eq!(due(&*engine, 20_000, 10), [3, 2, 4], "a job that is done is gone");
}

pub fn signals(make: Make<'_>) {
    let mut engine = start(make);
    let signals = vec![signal(2, 20), signal(3, 21), signal(4, 21)];
    persist(&mut *engine, &Commit { signals, signal_days: vec![signal_day(21, 3)], ..next() });
    let rows = |engine: &dyn Engine, after, limit| -> Vec<i64> {
        must(engine.reader().signals(after, limit)).iter().map(|signal| signal.row).collect()
    };
    assert_eq!(rows(&*engine, 0, 10), [1, 2, 3, 4], "in the order of arrival");
    assert_eq!(rows(&*engine, 1, 2), [2, 3], "after a row, without it");
    assert_eq!(must(engine.reader().signals(3, 1)), [signal(4, 21)]);
    let days = vec![signal_day(20, 1), signal_day(21, 3)];
    assert_eq!(must(engine.reader().signal_days()), days);
    let forget = |sequence, day| Commit {
        commit: commit(sequence, 1),
        signals_forgotten: vec![day],
        ..Commit::default()
    };
    persist(&mut *engine, &forget(3, 20));
    assert_eq!(rows(&*engine, 0, 10), [3, 4]);
    assert_eq!(must(engine.reader().signal_days()), [signal_day(21, 3)]);
    persist(&mut *engine, &forget(4, 21));
    assert_eq!(rows(&*engine, 0, 10), [4], "the newest stays: no number is used again");
    assert_eq!(must(engine.counters()).signal, 4);
    assert!(must(engine.reader().signal_days()).is_empty());
    persist(&mut *engine, &forget(5, 21));
}

pub fn keys_and_facts(make: Make<'_>) {
    let mut engine = start(make);
    let commit = Commit {
        account_keys: vec![account_keys(0, 2), account_keys(4, 1)],
        meta: vec![meta("format", b"2"), meta("store", b"x")],
        tiles: vec![tile(2, 0, 1, 0), tile(3, 4, 0, 0)],
        ..next()
    };
    persist(&mut *engine, &commit);
    let reader = engine.reader();
    assert_eq!(must(reader.account_keys(0)), Some(account_keys(0, 2)), "the newest ones");
    assert_eq!(must(reader.account_keys(4)), Some(account_keys(4, 1)));
    assert_eq!(must(reader.account_keys(5)), None);
    assert_eq!(must(reader.census()), (1, 1), "keys without a head are not counted");
    assert_eq!(must(reader.meta("format")), Some(meta("format", b"2")), "a fact is replaced");
    assert_eq!(must(reader.meta("store")), Some(meta("store", b"x")));
    assert_eq!(must(reader.tile(0, 1, 0)), Some(tile(2, 0, 1, 0)));
    assert_eq!(must(reader.tile(4, 0, 0)), Some(tile(3, 4, 0, 0)));
    assert_eq!(must(reader.tile(4, 1, 0)), None);
    assert_eq!(must(reader.version(0, 2)), None);
}

pub fn commits(make: Make<'_>) {
    let mut engine = start(make);
    for sequence in 2..=40 {
        let last = i64::try_from(sequence).unwrap_or(0);
        let entries = vec![entry(last, 0, sequence - 1)];
        let commit = Commit { commit: commit(sequence, last), entries, ..Commit::default() };
        persist(&mut *engine, &commit);
    }
    assert_eq!(must(engine.counters()).commit, commit(40, 40));
    for sequence in [2_u64, 17, 40] {
        let last = i64::try_from(sequence).unwrap_or(0);
        assert_eq!(must(engine.commit_at(sequence)), Some(commit(sequence, last)));
    }
    assert_eq!(must(engine.commit_at(41)), None);
}

/// A commit that contradicts what is stored is refused as a whole.
pub fn contradictions(make: Make<'_>) {
    let good = || Commit { heads: vec![head(4, 3)], entries: vec![entry(2, 0, 1)], ..next() };
    let other_head = kernel::engine::HeadRow { tag: tag(1000), ..head(8, 1) };
    let bad: Vec<(&str, Commit)> = vec![
        ("a sequence number", Commit { commit: commit(1, 1), ..good() }),
        ("a head's tag", Commit { heads: vec![other_head], ..good() }),
        ("account keys", Commit { account_keys: vec![account_keys(0, 1)], ..good() }),
        ("an entry's row", Commit { entries: vec![entry(1, 0, 1)], ..good() }),
        ("an entry's index", Commit { entries: vec![entry(2, 0, 0)], ..good() }),
        ("a segment", Commit { segments: vec![segment(1, &[]), segment(1, &[])], ..good() }),
        ("an access", Commit { accesses: vec![super::sample::access(1)], ..good() }),
        ("a record's tag", Commit { records: vec![record(2, 0, 50, 3)], ..good() }),
        ("a version", Commit { versions: vec![version(1, 0, 0)], ..good() }),
        ("a record's key", Commit { record_keys: vec![record_key(1, 0, 9)], ..good() }),
        ("a tile's row", Commit { tiles: vec![tile(1, 4, 0, 0)], ..good() }),
        ("a tile's place", Commit { tiles: vec![tile(2, 0, 0, 0)], ..good() }),
        ("a request's row", Commit { requests: vec![request(1, 4, 78, 9_000)], ..good() }),
        ("a request's tag", Commit { requests: vec![request(2, 0, 77, 9_000)], ..good() }),
        ("signals", Commit { signals: vec![signal(1, 20)], ..good() }),
        ("a day of signals", Commit { signal_days: vec![signal_day(20, 9)], ..good() }),
        ("a job", Commit { jobs: vec![job(1, 0, 20_000)], ..good() }),
        ("itself", Commit { entries: vec![entry(2, 0, 1), entry(3, 0, 1)], ..good() }),
    ];
    let mut engine = start(make);
    let before = dump(&mut *engine);
    for (what, commit) in bad {
        let refused = engine.persist(&commit).map_err(|error| error.kind());
        assert_eq!(refused, Err(Kind::Conflict), "{what} stands twice");
        assert_eq!(dump(&mut *engine), before, "{what}: nothing of a refused commit is stored");
    }
    persist(&mut *engine, &good());
}
