//! CSV rows: what they become, what is refused, and that a library reads them alike.

use proptest::prelude::{Strategy, any, proptest};

use super::{all, brief, open, reader};
use crate::exit::Exit;
use crate::import::csv::{Fault, next_record};
use crate::import::input::Input;
use crate::import::rows::{Format, Item, ROW_BYTES};

fn rows(text: &str) -> Vec<String> {
    brief(&all(Format::Csv, text.as_bytes()))
}

fn refusal(text: &[u8]) -> (Exit, String) {
    let failure = open(Format::Csv, text, 5).unwrap_err();
    (failure.exit, failure.message)
}

#[test]
fn a_row_becomes_compact_json_in_file_order() {
    assert_eq!(
        rows("id,account,Ünï,b\n1,Wells Fargo & Company,größer,\n2,B,\"a,\"\"b\"\"\",\\\t/\n"),
        [
            "2 wells-fargo-company/1 \
             {\"id\":\"1\",\"account\":\"Wells Fargo & Company\",\"Ünï\":\"größer\",\"b\":\"\"}",
            "3 b/2 {\"id\":\"2\",\"account\":\"B\",\"Ünï\":\"a,\\\"b\\\"\",\"b\":\"\\\\\\t/\"}",
        ]
    );
}

#[test]
fn lines_are_counted_through_quotes_and_line_ends() {
    for end in ["\n", "\r\n", "\r"] {
        let text = ["id,account,x", "1,a,p", "", "2,a,\"q\nr\ns\"", "3,a", "4,a,t"].join(end);
        assert_eq!(
            rows(&text),
            [
                "2 a/1 {\"id\":\"1\",\"account\":\"a\",\"x\":\"p\"}",
                "4 a/2 {\"id\":\"2\",\"account\":\"a\",\"x\":\"q\\nr\\ns\"}",
                "7! 2 columns instead of 3: quote values that contain commas",
                "8 a/4 {\"id\":\"4\",\"account\":\"a\",\"x\":\"t\"}",
            ],
            "{end:?}"
        );
    }
}

#[test]
fn a_carriage_return_inside_quotes_is_kept() {
    assert_eq!(
        rows("id,account\r\n1,\"a\r\nb\"\r\n2,c\r\n"),
        [
            "2 a-b/1 {\"id\":\"1\",\"account\":\"a\\r\\nb\"}",
            "4 c/2 {\"id\":\"2\",\"account\":\"c\"}"
        ]
    );
}

#[test]
fn a_byte_order_mark_is_not_part_of_the_first_name() {
    for text in ["\u{feff}id,account\n1,a\n", "\u{feff}\"id\",account\n1,a\n"] {
        assert_eq!(rows(text), ["2 a/1 {\"id\":\"1\",\"account\":\"a\"}"]);
    }
}

#[test]
fn a_bad_row_is_named_and_the_next_one_is_read() {
    let mut text = b"id,account\n,a\n1,\n".to_vec();
    text.extend_from_slice(b"2,\xff\xfe\n\"3\"x,a\na/b,a\n..,a\n");
    text.extend_from_slice(format!("4,{}\n", "long".repeat(20)).as_bytes());
    text.extend_from_slice(b"5,a,extra\n6,a\n");
    let found = brief(&all(Format::Csv, &text));
    let reasons = [
        "2! the id is missing",
        "3! the account is missing",
        "4! the value of `account` is not UTF-8",
        "5! text after a closing quote",
        "6! `a/b` is not a record id",
        "7! `..` is not a record id",
        "8! `longlong",
        "9! 3 columns instead of 2",
        "10 a/6 ",
    ];
    assert_eq!(found.len(), reasons.len(), "{found:?}");
    for (found, reason) in found.iter().zip(reasons) {
        assert!(found.starts_with(reason), "{found} is not {reason}");
    }
}

#[test]
fn a_row_over_the_limit_is_passed_over() {
    let long = "x".repeat(3 * 1024 * 1024);
    let fits = "y".repeat(1024 * 1024 - 60);
    let text = format!(
        "id,account,v\n1,a,{long}\n2,a,\"{long}\n,\"\"\"\n3,a,{fits}\n4,a,{fits}{fits}\n5,a,{}\n",
        ",".repeat(ROW_BYTES + 5)
    );
    let found: Vec<(u64, bool)> = all(Format::Csv, text.as_bytes())
        .iter()
        .map(|item| match item {
            Item::Row(row) => (row.line, true),
            Item::Bad(bad) => {
                assert!(bad.reason.contains("1 MiB"), "{}", bad.reason);
                (bad.line, false)
            }
        })
        .collect();
    assert_eq!(found, [(2, false), (3, false), (5, true), (6, false), (7, false)]);
}

#[test]
fn an_open_quote_is_reported_and_swallows_nothing_silently() {
    let rest = "2,a\n".repeat(1_000_000);
    let found = rows(&format!("id,account\n0,a\n1,\"a\n{rest}"));
    assert_eq!(found.len(), 2);
    assert!(found[1].starts_with("3! a quote in this row is never closed"), "{}", found[1]);
}

#[test]
fn the_first_line_has_to_name_the_columns_once() {
    assert_eq!(refusal(b"").0, Exit::Failed);
    assert_eq!(refusal(b"\n\n").0, Exit::Failed);
    let (exit, why) = refusal(b"id,account,x,x\n");
    assert_eq!(exit, Exit::Failed);
    assert!(why.contains("two columns have the name `x`"), "{why}");
    let (exit, why) = refusal(b"id,Account\n1,a\n");
    assert_eq!(exit, Exit::Usage);
    assert!(why.contains("no column `account`: the file has `id`, `Account`"), "{why}");
    assert!(refusal(b"id,acc\xffount\n").1.contains("UTF-8"));
    assert!(refusal(b"id,\"account\n").1.contains("never closed"));
}

#[test]
fn a_file_of_the_first_line_only_has_no_rows() {
    assert!(rows("id,account").is_empty());
    assert!(rows("id,account\r\n").is_empty());
}

#[test]
fn reading_goes_on_where_it_was_left() {
    let text = b"\xef\xbb\xbfid,account\r\n1,\"a\nb\"\r\n\r\n2,c\r3,d\n4,e";
    let whole = all(Format::Csv, text);
    for stop in 0..whole.len() {
        let mut first = open(Format::Csv, text, 3).unwrap();
        for _ in 0..stop {
            first.next_item().unwrap();
        }
        let mut second = open(Format::Csv, text, 4).unwrap();
        second.go_to(first.position()).unwrap();
        let rest: Vec<Item> = std::iter::from_fn(|| second.next_item().unwrap()).collect();
        assert_eq!(rest, whole[stop..], "{stop}");
    }
}

/// Every record without a fault, as text fields.
fn ours(text: &[u8], piece: usize) -> Vec<Vec<Vec<u8>>> {
    let mut input = Input::new(reader(text, piece)).unwrap();
    let mut found = Vec::new();
    while let Some((_, record)) = next_record(&mut input).unwrap() {
        assert_ne!(record.fault(), Some(Fault::TooLong));
        found.push(record.fields().map(<[u8]>::to_vec).collect());
    }
    found
}

fn theirs(text: &[u8]) -> Vec<Vec<Vec<u8>>> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text);
    reader
        .byte_records()
        .map(|record| record.unwrap().iter().map(<[u8]>::to_vec).collect())
        .collect()
}

/// Text in which everything that means something in CSV is frequent.
fn text() -> impl Strategy<Value = Vec<u8>> {
    let byte = proptest::sample::select(b"ab\xc3\",\"\n\r,x".to_vec());
    proptest::collection::vec(byte, 0..80)
}

proptest! {
    #[test]
    fn a_library_reads_the_same_fields(text in text(), piece in 1_usize..9) {
        assert_eq!(ours(&text, piece), theirs(&text));
    }

    #[test]
    fn what_a_library_writes_comes_back(
        rows in proptest::collection::vec(proptest::collection::vec(".{0,9}", 2..5), 1..5),
    ) {
        // A mark at the very beginning of a file is no text, so that is not where fields begin.
        let first = vec!["first".to_owned(), String::new()];
        let rows = [vec![first], rows].concat();
        let mut writer = csv::WriterBuilder::new().flexible(true).from_writer(Vec::new());
        for row in &rows {
            writer.write_record(row).unwrap();
        }
        let written = writer.into_inner().unwrap();
        let wanted: Vec<Vec<Vec<u8>>> = rows
            .iter()
            .map(|row| row.iter().map(|field| field.clone().into_bytes()).collect())
            .collect();
        assert_eq!(ours(&written, 5), wanted);
    }

    #[test]
    fn no_bytes_stop_the_reader(
        bytes in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        let mut text = b"id,account\n".to_vec();
        text.extend_from_slice(&bytes);
        for item in all(Format::Csv, &text) {
            if let Item::Row(row) = item {
                let value: serde_json::Value = serde_json::from_str(&row.json).unwrap();
                assert_eq!(value["id"], row.id.as_str());
            }
        }
    }
}
