//! Windows and batches: order, limits, and the body that is sent.

use kernel::id::{AccountId, RecordId};
use kernel::limits::BATCH_RECORDS;

use crate::import::batches::{Gather, WINDOW_BYTES, WINDOW_ROWS, Window, body};
use crate::import::input::Position;
use crate::import::rows::{Bad, Item, Row};

const END: Position = Position { byte: 9, line: 2 };

fn row(account: &str, id: &str, json: &str) -> Item {
    Item::Row(Row {
        line: 1,
        account: AccountId::parse(account).unwrap(),
        name: account.to_owned(),
        id: RecordId::parse(id).unwrap(),
        json: json.to_owned(),
    })
}

fn gather(rows: impl IntoIterator<Item = Item>) -> Window {
    let mut gather = Gather::new(3);
    for row in rows {
        assert_eq!(gather.take(row), None);
    }
    gather.close(END)
}

/// Batches as `account:id,id`.
fn brief(window: &Window) -> Vec<String> {
    let ids = |batch: &crate::import::batches::Batch| {
        batch.records.iter().map(|it| it.id.to_string()).collect::<Vec<_>>().join(",")
    };
    window.batches.iter().map(|batch| format!("{}:{}", batch.account, ids(batch))).collect()
}

#[test]
fn rows_of_an_account_are_sent_together() {
    let window = gather([
        row("a", "1", "{}"),
        row("b", "1", "{}"),
        row("a", "2", "{}"),
        row("b", "2", "{}"),
    ]);
    assert_eq!(brief(&window), ["a:1,2", "b:1,2"]);
    assert_eq!((window.number, window.end, window.tally.rows), (3, END, 4));
    assert_eq!(window.batches[1].number, 1);
}

#[test]
fn the_same_id_twice_is_never_in_one_batch() {
    let window = gather([
        row("a", "1", "{}"),
        row("a", "2", "{}"),
        row("a", "1", "[]"),
        row("a", "3", "{}"),
        row("a", "2", "[]"),
        row("a", "1", "0"),
    ]);
    assert_eq!(brief(&window), ["a:1,2", "a:1,3,2", "a:1"]);
}

#[test]
fn a_document_with_white_space_around_it_stands_alone() {
    let window = gather([
        row("a", "1", "{}"),
        row("a", "2", " {}"),
        row("a", "3", "{}"),
        row("a", "4", "{}\t"),
        row("a", "5", "{ }"),
    ]);
    assert_eq!(brief(&window), ["a:1", "a:2", "a:3", "a:4", "a:5"]);
    let alone: Vec<bool> =
        window.batches.iter().map(|batch| batch.records[0].stands_alone()).collect();
    assert_eq!(alone, [false, true, false, true, false]);
}

#[test]
fn a_batch_keeps_to_its_limits() {
    let many = gather((0..=BATCH_RECORDS).map(|n| row("a", &n.to_string(), "{}")));
    let sizes: Vec<usize> = many.batches.iter().map(|batch| batch.records.len()).collect();
    assert_eq!(sizes, [BATCH_RECORDS, 1]);
    let large = format!("\"{}\"", "x".repeat(1024 * 1024 - 2));
    let heavy = gather((0..9).map(|n| row("a", &n.to_string(), &large)));
    let sizes: Vec<usize> = heavy.batches.iter().map(|batch| batch.records.len()).collect();
    assert_eq!(sizes, [4, 4, 1]);
}

#[test]
fn a_window_ends_by_rows_or_by_bytes() {
    let mut gather = Gather::new(0);
    for n in 0..WINDOW_ROWS {
        assert!(!gather.full());
        gather.take(Item::Bad(Bad { line: n, reason: String::new() }));
    }
    assert!(gather.full());
    let tally = gather.close(END).tally;
    assert_eq!((tally.rows, tally.failed, tally.errors.len()), (WINDOW_ROWS, WINDOW_ROWS, 1000));
    let mut gather = Gather::new(0);
    let large = "x".repeat(WINDOW_BYTES / 2);
    gather.take(row("a", "1", &large));
    assert!(!gather.full());
    gather.take(row("b", "1", &large));
    assert!(gather.full());
}

#[test]
fn a_body_holds_the_values_as_they_stand() {
    let window = gather([row("a", "x-1", "{\"b\" :1.0}"), row("a", "2", "[\n1]")]);
    assert_eq!(
        String::from_utf8(body(&window.batches[0].records)).unwrap(),
        "{\"records\":[{\"id\":\"x-1\",\"value\":{\"b\" :1.0}},{\"id\":\"2\",\"value\":[\n1]}]}"
    );
}
