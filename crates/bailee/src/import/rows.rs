//! What an import reads: rows that become records, and rows that cannot.

use std::io::{self, BufRead, Seek};

use clap::ValueEnum;
use kernel::id::{AccountId, RecordId};
use kernel::limits::BODY_BYTES;
use serde::{Deserialize, Serialize};

use super::csv::CsvRows;
use super::input::Position;
use super::ndjson::NdjsonRows;
use crate::exit::{Failure, reason};

/// Bytes of a CSV row that are kept. JSON writes hardly a value shorter than CSV does, so a row of
/// twice a record's limit makes no record.
pub const ROW_BYTES: usize = 2 * BODY_BYTES;

/// The form of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Comma-separated values (RFC 4180) with the columns' names in the first line
    Csv,
    /// A JSON object a line
    Ndjson,
}

/// The columns or members that say where a row belongs.
#[derive(Clone, Debug)]
pub struct Columns {
    /// Names the account.
    pub account: String,
    /// Names the record.
    pub id: String,
}

/// A row that becomes a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Number of its first line.
    pub line: u64,
    /// The account it goes to.
    pub account: AccountId,
    /// The account's name as the file has it.
    pub name: String,
    /// The record's id.
    pub id: RecordId,
    /// The record.
    pub json: String,
}

/// A row that does not, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bad {
    /// Number of its first line.
    pub line: u64,
    /// What is wrong and what to do.
    pub reason: String,
}

/// One row, good or bad.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// It becomes a record.
    Row(Row),
    /// It does not.
    Bad(Bad),
}

/// A file's rows in order.
#[derive(Debug)]
pub enum Rows<R> {
    /// Of a CSV file.
    Csv(CsvRows<R>),
    /// Of an NDJSON file.
    Ndjson(NdjsonRows<R>),
}

impl<R: BufRead + Seek> Rows<R> {
    /// Begins at the first row.
    ///
    /// # Errors
    /// When the file cannot be read, or its first line does not name the columns.
    pub fn new(format: Format, reader: R, columns: &Columns) -> Result<Self, Failure> {
        match format {
            Format::Csv => CsvRows::new(reader, columns).map(Self::Csv),
            Format::Ndjson => NdjsonRows::new(reader, columns)
                .map(Self::Ndjson)
                .map_err(|error| Failure::failed(format!("cannot read: {}", reason(&error)))),
        }
    }

    /// Goes on at a place that was reached before.
    ///
    /// # Errors
    /// When the file cannot be read there.
    pub fn go_to(&mut self, place: Position) -> io::Result<()> {
        match self {
            Self::Csv(rows) => rows.go_to(place),
            Self::Ndjson(rows) => rows.go_to(place),
        }
    }

    /// The next row, or none at the end.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn next_item(&mut self) -> io::Result<Option<Item>> {
        match self {
            Self::Csv(rows) => rows.next_item(),
            Self::Ndjson(rows) => rows.next_item(),
        }
    }

    /// The place behind the last row.
    pub fn position(&self) -> Position {
        match self {
            Self::Csv(rows) => rows.position(),
            Self::Ndjson(rows) => rows.position(),
        }
    }
}

/// A row from its parts, if they are what an account and a record can have.
pub fn row(line: u64, name: &str, id: &str, json: String) -> Item {
    let bad = |reason: String| Item::Bad(Bad { line, reason });
    if name.is_empty() {
        return bad("the account is missing".to_owned());
    }
    if id.is_empty() {
        return bad("the id is missing".to_owned());
    }
    let account = match AccountId::from_name(name) {
        Ok(account) => account,
        Err(why) => return bad(why.to_string()),
    };
    let id = match RecordId::parse(id) {
        Ok(id) => id,
        Err(why) => return bad(why.to_string()),
    };
    if json.len() > BODY_BYTES {
        return bad(format!(
            "the record would have {} bytes, more than 1 MiB, the limit: split it",
            json.len()
        ));
    }
    Item::Row(Row { line, account, name: name.to_owned(), id, json })
}
