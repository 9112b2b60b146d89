//! Everything a store holds, line by line.

use crate::must;
use kernel::engine::{Engine, PageWant, Reader, Wants};
use std::collections::BTreeSet;

/// Writes down everything that can be read from a store. Two stores with the same lines hold the
/// same; remembered requests are seen by their highest number only.
///
/// # Panics
/// If the store cannot be read.
pub fn dump(engine: &mut dyn Engine) -> Vec<String> {
    let mut lines = Vec::new();
    let counters = must(engine.counters());
    lines.push(format!("{counters:?}"));
    for sequence in 0..=counters.commit.sequence + 1 {
        lines.push(format!("{:?}", must(engine.commit_at(sequence))));
    }
    let reader = engine.reader();
    lines.push(format!("{:?}", must(reader.census())));
    for name in ["format", "provider", "store", "epoch", "signing-key"] {
        lines.push(format!("{:?}", must(reader.meta(name))));
    }
    accounts(&*reader, &mut lines);
    let slots: Vec<_> =
        must(reader.heads(None, usize::MAX >> 1)).iter().map(|h| h.account).collect();
    for version in 1..=counters.version {
        let found = slots.iter().find_map(|slot| must(reader.version(*slot, version)));
        lines.push(format!("{found:?}"));
    }
    records(engine, &slots, &mut lines);
    lines.extend(must(reader.jobs(u64::MAX >> 1, 100_000)).iter().map(|job| format!("{job:?}")));
    lines.extend(must(reader.signal_days()).iter().map(|day| format!("{day:?}")));
    lines.extend(must(reader.signals(0, 100_000)).iter().map(|signal| format!("{signal:?}")));
    lines
}

fn accounts(reader: &dyn Reader, lines: &mut Vec<String>) {
    for head in must(reader.heads(None, 100_000)) {
        let account = head.account;
        lines.push(format!("{head:?} {:?}", must(reader.account_keys(account))));
        assert_eq!(must(reader.head_by_tag(&head.tag)), Some(head.clone()), "found by its tag");
        for entry in must(reader.entries(account, 0, 1 << 40)) {
            assert_eq!(must(reader.entry_at(entry.row)), Some(entry.clone()), "found by its row");
            lines.push(format!("{entry:?}"));
        }
        for level in 0..4 {
            let tiles = (0..=head.size).map(|index| must(reader.tile(account, level, index)));
            lines.extend(tiles.flatten().map(|tile| format!("{tile:?}")));
        }
    }
}

/// Every record that the access index names, then the pages of their collections.
fn records(engine: &mut dyn Engine, slots: &[u64], lines: &mut Vec<String>) {
    let reader = engine.reader();
    let accesses = must(reader.accesses(0, 1_000_000));
    let segments = (1..).map_while(|number| must(reader.segment(number)));
    lines.extend(segments.map(|segment| format!("{segment:?}")));
    let mut tags = BTreeSet::new();
    for access in &accesses {
        let entry = must(reader.entry_at(access.row)).map(|entry| entry.account);
        let objects = access.objects.as_chunks::<16>().0;
        tags.extend(
            entry.into_iter().flat_map(|account| objects.iter().map(move |o| (account, *o))),
        );
        lines.push(format!("{access:?}"));
    }
    let mut collections = BTreeSet::new();
    for (account, tag) in tags {
        let stored = must(reader.record(account, &tag));
        let wants = Wants { records: vec![(account, tag)], ..Wants::default() };
        let fetched = must(engine.fetch(&wants)).records;
        assert_eq!(format!("{:?}", fetched.first()), format!("{:?}", stored.as_ref()));
        collections.extend(stored.map(|stored| (account, stored.record.collection)));
    }
    let all = slots.iter().flat_map(|slot| (50..53).map(|n| (*slot, super::sample::tag(n))));
    for (account, collection) in collections.into_iter().chain(all) {
        let want = PageWant { account, collection, after: 0, limit: 100_000 };
        lines.extend(must(reader.page(&want)).iter().map(|stored| format!("{stored:?}")));
    }
}
