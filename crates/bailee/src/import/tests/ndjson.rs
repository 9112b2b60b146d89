//! NDJSON lines: kept byte for byte, or refused with a reason.

use proptest::prelude::{any, proptest};

use super::{all, brief, open};
use crate::import::rows::{Format, Item};

fn rows(text: &[u8]) -> Vec<String> {
    brief(&all(Format::Ndjson, text))
}

#[test]
fn a_line_stays_as_it_is() {
    let lines = [
        r#"{"id":"1","account":"A","v":1.0,"w":1e3 }"#,
        r#"  { "account" : "A" , "id" : 2, "ö": "\u00f6", "nested": {"id": "x"} }"#,
        r#"{"\u0069d":"3","account":7}"#,
    ];
    let expected = [
        format!("1 a/1 {}", lines[0]),
        format!("2 a/2 {}", lines[1]),
        format!("3 7/3 {}", lines[2]),
    ];
    assert_eq!(rows(lines.join("\n").as_bytes()), expected);
    assert_eq!(rows(format!("\u{feff}{}\r\n", lines.join("\r\n")).as_bytes()), expected);
}

#[test]
fn a_bad_line_is_named_and_the_next_one_is_read() {
    let long = format!("{{\"id\":\"1\",\"account\":\"a\",\"v\":\"{}\"}}", "x".repeat(1024 * 1024));
    let lines: [(&[u8], &str); 13] = [
        (b"{\"id\":\"1\"}", "1! there is no member `account`"),
        (b"{\"account\":\"a\"}", "2! there is no member `id`"),
        (b"{\"id\":null,\"account\":\"a\"}", "3! member `id` is neither a string nor a number"),
        (b"{\"id\":\"1\",\"account\":[\"a\"]}", "4! member `account` is neither"),
        (b"{\"id\":\"1\",\"account\":\"a\",\"id\":\"2\"}", "5! member `id` is there twice"),
        (b"{\"id\":\"1\",\"account\":\"a\"", "6! not a JSON object: EOF"),
        (b"{\"id\":\"1\",\"account\":\"a\"} x", "7! not a JSON object: trailing characters"),
        (b"[1]", "8! not a JSON object: invalid type"),
        (b"{\"id\":\"\",\"account\":\"a\"}", "9! the id is missing"),
        (b"{\"id\":\"\xff\",\"account\":\"a\"}", "10! the line is not UTF-8"),
        (long.as_bytes(), "11! the line is longer than 1 MiB"),
        (b"{\"id\":\"a b\",\"account\":\"a\"}", "12! `a b` is not a record id"),
        (b"{\"id\":\"ok\",\"account\":\"a\"}", "13 a/ok "),
    ];
    let text: Vec<&[u8]> = lines.iter().map(|(line, _)| *line).collect();
    let found = rows(&text.join(&b'\n'));
    assert_eq!(found.len(), lines.len());
    for (found, (_, reason)) in found.iter().zip(lines) {
        assert!(found.starts_with(reason), "{found} is not {reason}");
    }
}

#[test]
fn empty_lines_are_passed_over_and_counted() {
    let found = rows(b"\n \r\n{\"id\":\"1\",\"account\":\"a\"}\n\n");
    assert_eq!(found, ["3 a/1 {\"id\":\"1\",\"account\":\"a\"}"]);
    assert!(rows(b"").is_empty());
}

#[test]
fn a_line_of_exactly_the_limit_is_kept() {
    let fill = 1024 * 1024 - "{\"id\":\"1\",\"account\":\"a\",\"v\":\"\"}".len();
    for (more, kept) in [(0, true), (1, false)] {
        let line =
            format!("{{\"id\":\"1\",\"account\":\"a\",\"v\":\"{}\"}}", "x".repeat(fill + more));
        for end in ["\n", "\r\n", ""] {
            let items = all(Format::Ndjson, format!("{line}{end}").as_bytes());
            assert_eq!(matches!(&items[..], [Item::Row(_)]), kept, "{more} {end:?}");
        }
    }
}

#[test]
fn reading_goes_on_where_it_was_left() {
    let text =
        b"\xef\xbb\xbf{\"id\":\"1\",\"account\":\"a\"}\r\n\n{\"id\":2,\"account\":\"a\"}\nbad\n";
    let whole = all(Format::Ndjson, text);
    for stop in 0..whole.len() {
        let mut first = open(Format::Ndjson, text, 3).unwrap();
        for _ in 0..stop {
            first.next_item().unwrap();
        }
        let mut second = open(Format::Ndjson, text, 4).unwrap();
        second.go_to(first.position()).unwrap();
        let rest: Vec<Item> = std::iter::from_fn(|| second.next_item().unwrap()).collect();
        assert_eq!(rest, whole[stop..], "{stop}");
    }
}

proptest! {
    #[test]
    fn no_bytes_stop_the_reader(
        bytes in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        for item in all(Format::Ndjson, &bytes) {
            if let Item::Row(row) = item {
                assert!(bytes.windows(row.json.len()).any(|part| part == row.json.as_bytes()));
            }
        }
    }
}
