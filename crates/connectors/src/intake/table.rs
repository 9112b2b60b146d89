//! Tables (CSV, RFC 4180) for the product's own imports: people, vendors, contacts, systems,
//! badges.
//!
//! Promises: the header names each column once and no unknown one, every row has as many cells,
//! every required cell is filled, and no cell has a control character, so that a lost quote is
//! found in its line instead of swallowing the rest. Comma or semicolon, whichever the header has.
//! A row whose first cell begins with `#` explains, and is passed over.
//! Deliberately not: types of cells, line breaks in cells, formulas.

use std::collections::BTreeMap;

use csv::{Position, ReaderBuilder, StringRecord, Trim};

use super::text::{self, quote};
use super::{MAX_ROWS, MAX_TABLE, MAX_TEXT, Refused};

/// Reads a table: one map per row, from the name of the column to the cell, spaces around it
/// removed. Column names are compared without regard to ASCII case and spelled as in `known`.
/// Columns that the file does not have are not in the maps; empty cells are empty.
///
/// # Errors
/// When it is larger than [`MAX_TABLE`] bytes or [`MAX_ROWS`] rows, a column is unknown, there
/// twice or missing though required, or a row has too many or too few cells, an empty one in a
/// required column, one with control characters, or one longer than [`MAX_TEXT`] bytes.
pub fn rows(
    bytes: &[u8],
    known: &[&str],
    required: &[&str],
) -> Result<Vec<BTreeMap<String, String>>, Refused> {
    let text = text::text(bytes, MAX_TABLE)?;
    let mut reader = ReaderBuilder::new()
        .delimiter(delimiter(text))
        .trim(Trim::All)
        .flexible(true)
        .has_headers(false)
        .from_reader(text.as_bytes());
    let mut records = reader.records();
    let Some(header) = records.next() else {
        let problem = "it is empty";
        return Err(Refused::new("line 1", problem, "begin with a line of column names"));
    };
    let columns = columns(text, &record(text, header)?, known, required)?;
    let mut rows = Vec::new();
    for row in records {
        let row = record(text, row)?;
        // The line of a template that explains the columns. One with a line break in it is looked
        // at as a row: it may have lost a quote.
        let explains = row.get(0).is_some_and(|first| first.starts_with('#'));
        if explains && !row.iter().any(|cell| cell.contains(char::is_control)) {
            continue;
        }
        if rows.len() == MAX_ROWS {
            let problem = format!("there are more than {MAX_ROWS} rows");
            return Err(Refused::new(line(text, row.position()), problem, "split the file"));
        }
        rows.push(cells(text, &row, &columns, required)?);
    }
    Ok(rows)
}

/// The separator: the one of the two that the first line has more of.
fn delimiter(text: &str) -> u8 {
    let header = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let count = |letter: char| header.matches(letter).count();
    if count(';') > count(',') { b';' } else { b',' }
}

fn record(text: &str, read: Result<StringRecord, csv::Error>) -> Result<StringRecord, Refused> {
    read.map_err(|error| {
        let problem = format!("this is not a row of CSV, {}", text::free(&error.to_string()));
        let place = line(text, error.position());
        Refused::new(place, problem, "save the table as CSV in UTF-8 again")
    })
}

/// The line of a row. The reader's own count stands before the empty lines that it skipped.
fn line(text: &str, row: Option<&Position>) -> String {
    let start = row.and_then(|at| usize::try_from(at.byte()).ok()).unwrap_or_default();
    let (before, rest) = text.split_at_checked(start).unwrap_or((text, ""));
    let skipped = rest.bytes().take_while(|byte| b"\r\n".contains(byte));
    let breaks = before.bytes().chain(skipped).filter(|byte| *byte == b'\n');
    format!("line {}", breaks.count() + 1)
}

fn columns<'k>(
    text: &str,
    header: &StringRecord,
    known: &[&'k str],
    required: &[&str],
) -> Result<Vec<&'k str>, Refused> {
    let place = line(text, header.position());
    let mut columns: Vec<&str> = Vec::new();
    for name in header {
        let Some(column) = known.iter().find(|column| column.eq_ignore_ascii_case(name)) else {
            let problem = format!("the column {} is not known", quote(name));
            let remedy = format!("use only {}", known.join(", "));
            return Err(Refused::new(place, problem, remedy));
        };
        if columns.contains(column) {
            let problem = format!("the column {} is there twice", quote(column));
            return Err(Refused::new(place, problem, "remove one of them"));
        }
        columns.push(column);
    }
    if let Some(missing) = required.iter().find(|column| !columns.contains(column)) {
        let problem = format!("the column {} is missing", quote(missing));
        return Err(Refused::new(place, problem, "add it"));
    }
    Ok(columns)
}

fn cells(
    text: &str,
    row: &StringRecord,
    columns: &[&str],
    required: &[&str],
) -> Result<BTreeMap<String, String>, Refused> {
    if row.len() != columns.len() {
        let problem = format!("it has {} cells, and the header has {}", row.len(), columns.len());
        return Err(Refused::new(
            line(text, row.position()),
            problem,
            "add or remove cells, or mend the quotes",
        ));
    }
    let mut cells = BTreeMap::new();
    for (column, cell) in columns.iter().zip(row) {
        let place = || format!("{}, column {}", line(text, row.position()), quote(column));
        if cell.contains(char::is_control) {
            let problem = format!("{} has a line break or another control character", quote(cell));
            return Err(Refused::new(place(), problem, "remove it, or close the quotes before it"));
        }
        if cell.len() > MAX_TEXT {
            let problem = format!("it has {} bytes, and at most {MAX_TEXT} are read", cell.len());
            return Err(Refused::new(place(), problem, "shorten it"));
        }
        if cell.is_empty() && required.contains(column) {
            return Err(Refused::new(place(), "it is empty", "fill it in"));
        }
        cells.insert((*column).to_owned(), cell.to_owned());
    }
    Ok(cells)
}
