//! Entries in commit order, traces over the access index, and what is told of those that do not
//! open.

use crate::sample::{CIRRUS, Sample, Users};
use kernel::engine::Span;
use kernel::id::PrincipalId;
use kernel::{Fed, Kernel, Moment, Told, Trace, address};
use rusqlite::Connection;
use std::net::IpAddr;

const ALL: Span = Span { after: 0, until: i64::MAX };

fn everything(kernel: &Kernel) -> Vec<Fed> {
    let mut all = Vec::new();
    loop {
        let page = kernel.feed(all.last().map_or(0, |fed: &Fed| fed.row), 100).unwrap();
        let done = page.len() < 100;
        all.extend(page);
        if done {
            return all;
        }
    }
}

fn rows(kernel: &Kernel, by: &Trace, span: Span) -> Vec<i64> {
    let found = kernel.trace(by, span, usize::MAX >> 1).unwrap();
    found.iter().map(|one| one.entry.row).collect()
}

fn ada() -> Trace {
    Trace::Actor(PrincipalId::parse("person:ada").unwrap())
}

#[test]
fn every_entry_of_every_log_is_fed_once_in_commit_order() {
    let sample = Sample::full();
    let kernel = sample.open(4);
    let all = everything(&kernel);
    assert!(all.iter().enumerate().all(|(n, fed)| fed.row == n as i64 + 1), "dense");
    assert!(all.is_sorted_by_key(|fed| fed.time));
    let of = |account| u64::try_from(all.iter().filter(|fed| fed.account == account).count());
    for account in [0, CIRRUS] {
        assert_eq!(of(account), Ok(kernel.head(account).unwrap().size));
    }
    assert!(all.iter().all(|fed| fed.field("actor").is_some()), "each is opened");
    let newest = all.last().unwrap();
    assert_eq!((newest.kind.as_str(), newest.field("object")), ("t.put", Some("cases/z")));
    assert_eq!(newest.field("source"), Some("192.0.2.7"));
    assert!(kernel.feed(newest.row, 10).unwrap().is_empty());
    kernel.close();
}

#[test]
fn a_trace_finds_what_reading_every_entry_finds() {
    let sample = Sample::full();
    let kernel = sample.open(4);
    let all = everything(&kernel);
    let wanted = |name: &str, value: Option<&str>| -> Vec<i64> {
        all.iter().filter(|fed| fed.field(name) == value).map(|fed| fed.row).collect()
    };
    let source = Trace::Source("192.0.2.7".to_owned());
    for (by, wanted) in [
        (ada(), wanted("actor", Some("person:ada"))),
        (Trace::Credential("c1".to_owned()), wanted("credential", Some("c1"))),
        (source, wanted("source", Some("192.0.2.7"))),
        (Trace::Source("198.51.100.7".to_owned()), wanted("source", Some("198.51.100.7"))),
        (Trace::Source("192.0.2.8".to_owned()), vec![]),
        (Trace::NoSource, wanted("source", None)),
        (Trace::All, all.iter().map(|fed| fed.row).collect()),
    ] {
        assert_eq!(rows(&kernel, &by, ALL), wanted, "{by:?}");
        let span = Span { after: 40, until: 300 };
        let within = |row: &&i64| (41..=300).contains(*row);
        let some: Vec<i64> = wanted.iter().filter(within).copied().collect();
        assert_eq!(rows(&kernel, &by, span), some, "{by:?} within {span:?}");
    }
    let lists = kernel.trace(&Trace::All, ALL, 10_000).unwrap();
    let list = lists.iter().find(|one| one.entry.kind == "t.list").unwrap();
    assert_eq!(list.objects.len(), 4, "every record that was shown");
    let named = kernel.named(list.entry.account, &list.objects[0]).unwrap().unwrap();
    assert_eq!((named.collection.as_str(), named.id.as_str()), ("cases", "a"));
    assert_eq!(kernel.named(list.entry.account, &[0; 16]).unwrap(), None);
    kernel.close();
}

#[test]
fn a_span_of_time_is_a_span_of_rows_and_a_commit_pins_the_logs() {
    let sample = Sample::full();
    let kernel = sample.open(4);
    let all = everything(&kernel);
    let last = all.last().unwrap().row;
    let times: Vec<Moment> = all.iter().map(|fed| fed.time).collect();
    for (from, to) in [(0, u64::MAX >> 1), (times[50].0, times[500].0), (times[9].0, times[9].0)] {
        let (from, to) = (Moment(from), Moment(to));
        let span = kernel.span(from, to, last).unwrap();
        let wanted = all.iter().filter(|fed| from <= fed.time && fed.time < to);
        let wanted: Vec<i64> = wanted.map(|fed| fed.row).collect();
        assert_eq!(rows(&kernel, &Trace::All, span), wanted);
    }
    let commit = kernel.commit(None).unwrap();
    assert_eq!(commit.last, last);
    assert_eq!(kernel.commit(Some(commit.sequence)).unwrap(), commit);
    assert!(kernel.commit(Some(commit.sequence + 1)).is_err());
    let before = kernel.commit(Some(commit.sequence / 2)).unwrap();
    let size = all.iter().filter(|fed| fed.account == CIRRUS && fed.row <= before.last).count();
    assert_eq!(kernel.size_at(CIRRUS, before.last).unwrap(), size as u64);
    for account in [0, 3, CIRRUS] {
        let size = kernel.size_at(account, last).unwrap();
        let root = kernel.root_at(account, size).unwrap();
        let checkpoint = kernel.checkpoint(account).unwrap();
        use base64::Engine as _;
        let text = base64::engine::general_purpose::STANDARD.encode(root);
        assert!(checkpoint.contains(&text), "{checkpoint} {text}");
        assert!((0..size).all(|index| kernel.in_tile(account, index).unwrap()));
    }
    kernel.close();
}

/// Runs on a sample whose rows were changed behind the kernel's back.
fn altered(sql: &str, see: impl FnOnce(&Kernel)) {
    let sample = Sample::full();
    Connection::open(sample.store()).unwrap().execute(sql, []).unwrap();
    let kernel = sample.open(4);
    see(&kernel);
    kernel.close();
}

#[test]
fn an_entry_that_does_not_open_is_told_and_not_left_out() {
    let why = |kernel: &Kernel| {
        let fed = kernel.feed(99, 1).unwrap().remove(0);
        assert_eq!(fed.row, 100);
        match fed.fields {
            Told::Closed(why) => why,
            other => panic!("{other:?}"),
        }
    };
    altered("UPDATE entries SET opening = zeroblob(60) WHERE row = 100", |kernel| {
        assert!(!why(kernel).is_empty());
    });
    altered("UPDATE entries SET leaf = x'00' WHERE row = 100", |kernel| {
        assert!(!why(kernel).is_empty());
    });
    // The opening of the entry before, sealed for its own place.
    let other = "UPDATE entries SET opening = (SELECT opening FROM entries WHERE row = 99)
                 WHERE row = 100";
    altered(other, |kernel| assert!(!why(kernel).is_empty()));
    altered("UPDATE entries SET opening = NULL WHERE row = 100", |kernel| {
        assert_eq!(kernel.feed(99, 1).unwrap()[0].fields, Told::Erased);
    });
}

#[test]
fn an_index_that_says_otherwise_than_its_entry_is_told() {
    let bob = "UPDATE access_index SET actor = (SELECT actor FROM access_index
               WHERE row = 101) WHERE row = 102";
    altered(bob, |kernel| {
        let all = kernel.trace(&Trace::All, Span { after: 101, until: 102 }, 10).unwrap();
        assert!(matches!(all[0].entry.fields, Told::Closed(_)), "{all:?}");
    });
}

#[test]
fn a_leaf_that_its_tile_does_not_hold_is_found() {
    altered("UPDATE tiles SET data = zeroblob(8192) WHERE row = 1", |kernel| {
        let account = kernel.feed(0, 1000).unwrap();
        let first = account.iter().find(|fed| !kernel.in_tile(fed.account, fed.index).unwrap());
        assert!(first.is_some());
    });
}

#[test]
fn addresses_have_one_spelling() {
    for (from, text) in [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:DB8:0:0:0:0:0:1", "2001:db8::1"),
        ("::1", "::1"),
    ] {
        assert_eq!(address(from.parse::<IpAddr>().unwrap()), text);
    }
}

#[test]
fn rows_from_before_have_no_source_and_a_search_by_address_can_tell() {
    let sample = Sample::full();
    let kernel = sample.open(4);
    let none = kernel.trace(&Trace::NoSource, ALL, 1000).unwrap();
    let by_people = |one: &&kernel::Traced| one.entry.field("actor") != Some("kernel");
    assert!(!none.is_empty());
    assert_eq!(none.iter().filter(by_people).count(), 1, "the job, which ran as its maker");
    Users { kernel: &kernel }.put("ada", CIRRUS, "y", Some("1"), None);
    kernel.close();
}
