//! Rows, windows and progress, without a server.

mod batches;
mod csv;
mod ndjson;
mod resume;

use std::io::{BufReader, Cursor};

use super::rows::{Columns, Format, Item, Row, Rows};
use crate::exit::Failure;

/// A reader that gives the file in pieces of `piece` bytes, so that rows lie across pieces.
pub fn reader(text: &[u8], piece: usize) -> BufReader<Cursor<Vec<u8>>> {
    BufReader::with_capacity(piece, Cursor::new(text.to_vec()))
}

pub fn columns() -> Columns {
    Columns { account: "account".to_owned(), id: "id".to_owned() }
}

pub fn open(
    format: Format,
    text: &[u8],
    piece: usize,
) -> Result<Rows<BufReader<Cursor<Vec<u8>>>>, Failure> {
    Rows::new(format, reader(text, piece), &columns())
}

/// Every item of a file.
pub fn all(format: Format, text: &[u8]) -> Vec<Item> {
    let mut rows = open(format, text, 7).unwrap();
    std::iter::from_fn(|| rows.next_item().unwrap()).collect()
}

/// Items as short lines: `line account/id json` or `line! reason`.
pub fn brief(items: &[Item]) -> Vec<String> {
    let brief = |item: &Item| match item {
        Item::Row(Row { line, account, id, json, .. }) => format!("{line} {account}/{id} {json}"),
        Item::Bad(bad) => format!("{}! {}", bad.line, bad.reason),
    };
    items.iter().map(brief).collect()
}
