//! CSV (RFC 4180): splitting a file into rows, and a row as compact JSON.
//!
//! Promises: a row becomes one JSON object, columns in file order, all values strings, nothing
//! escaped that need not be. Memory stays at about one row, whatever the file holds: a row over the
//! limit, or a quote that is never closed, is passed over and reported.
//! Does not: guess separators or encodings.
//!
//! Written here instead of taken from a library because of these two: the place of every row has
//! to be exact, so that an import can go on there, and a quote left open must not read the rest
//! of the file into memory. Tests compare it with the `csv` crate.

use std::io::{self, BufRead, Seek};

use super::input::{Input, Position};
use super::rows::{Bad, Columns, Item, ROW_BYTES, row};
use crate::exit::Failure;

/// The rows of a CSV file.
#[derive(Debug)]
pub struct CsvRows<R> {
    input: Input<R>,
    header: Header,
}

/// What the first line says.
#[derive(Debug)]
struct Header {
    /// Per column its name, and the same as a JSON string with the colon after it.
    columns: Vec<(String, String)>,
    account: usize,
    id: usize,
}

/// One record of the file, as far as it was kept.
#[derive(Debug, Default)]
pub struct Record {
    bytes: Vec<u8>,
    ends: Vec<usize>,
    fault: Option<Fault>,
}

/// What is wrong with a record's form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Longer than [`ROW_BYTES`].
    TooLong,
    /// A quote that the file never closes.
    OpenQuote,
    /// Something between a closing quote and the next separator.
    AfterQuote,
}

impl Fault {
    fn reason(self) -> &'static str {
        match self {
            Self::TooLong => "the row is longer than 1 MiB, the limit of a record: split it",
            Self::OpenQuote => {
                "a quote in this row is never closed: close it; nothing after it was read"
            }
            Self::AfterQuote => {
                "text after a closing quote: double a quote that belongs to the value"
            }
        }
    }
}

impl Record {
    /// The fields, in order.
    pub fn fields(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, &end)| self.bytes.get(start..end).unwrap_or_default())
    }

    /// What is wrong with its form, if anything.
    pub fn fault(&self) -> Option<Fault> {
        self.fault
    }
}

/// Where in a field the reader is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Start,
    Plain,
    Quoted,
    Closed,
}

/// Reads the next record that is not an empty line, with the number of its first line.
pub fn next_record<R: BufRead>(input: &mut Input<R>) -> io::Result<Option<(u64, Record)>> {
    loop {
        let line = input.at.line;
        let mut record = Record::default();
        let mut state = State::Start;
        let mut any = false;
        let mut by_return = false;
        let ended = input.each_byte(|byte| {
            any = true;
            let ends = matches!(byte, b'\n' | b'\r') && state != State::Quoted;
            if ends {
                by_return = byte == b'\r';
            } else {
                state = record.take(state, byte);
            }
            ends
        })?;
        if ended && by_return {
            input.end_return()?;
        }
        if !any {
            return Ok(None);
        }
        if record.bytes.is_empty() && record.ends.is_empty() && state == State::Start {
            continue;
        }
        record.end_field();
        if state == State::Quoted {
            record.fault = Some(Fault::OpenQuote);
        }
        return Ok(Some((line, record)));
    }
}

impl Record {
    fn take(&mut self, state: State, byte: u8) -> State {
        match (state, byte) {
            (State::Start, b'"') => State::Quoted,
            (State::Quoted, b'"') => State::Closed,
            (State::Closed, b'"') => {
                self.push(b'"');
                State::Quoted
            }
            (State::Start | State::Plain | State::Closed, b',') => {
                self.end_field();
                State::Start
            }
            (State::Closed, byte) => {
                self.fault.get_or_insert(Fault::AfterQuote);
                self.push(byte);
                State::Plain
            }
            (State::Start | State::Plain, byte) => {
                self.push(byte);
                State::Plain
            }
            (State::Quoted, byte) => {
                self.push(byte);
                State::Quoted
            }
        }
    }

    fn push(&mut self, byte: u8) {
        if self.has_room() {
            self.bytes.push(byte);
        }
    }

    fn end_field(&mut self) {
        if self.has_room() {
            self.ends.push(self.bytes.len());
        }
    }

    /// Whether more is kept. What is over the limit is read, to find the row's end, and dropped.
    fn has_room(&mut self) -> bool {
        let room = self.bytes.len() + self.ends.len() < ROW_BYTES;
        if !room {
            self.fault = Some(Fault::TooLong);
        }
        room
    }
}

impl<R: BufRead + Seek> CsvRows<R> {
    /// Reads the first line.
    ///
    /// # Errors
    /// When there is none, a name is there twice, or a column asked for is not there.
    pub fn new(reader: R, columns: &Columns) -> Result<Self, Failure> {
        let unread = |error: io::Error| {
            Failure::failed(format!("cannot read the first line: {}", crate::exit::reason(&error)))
        };
        let mut input = Input::new(reader).map_err(unread)?;
        let Some((_, first)) = next_record(&mut input).map_err(unread)? else {
            return Err(Failure::failed("the file is empty: its first line names the columns"));
        };
        let header = Header::new(&first, columns)?;
        Ok(Self { input, header })
    }

    /// Goes on at a place that was reached before.
    pub fn go_to(&mut self, place: Position) -> io::Result<()> {
        self.input.go_to(place)
    }
}

impl<R: BufRead> CsvRows<R> {
    /// The next row.
    pub fn next_item(&mut self) -> io::Result<Option<Item>> {
        let Some((line, record)) = next_record(&mut self.input)? else { return Ok(None) };
        Ok(Some(self.header.convert(line, &record)))
    }

    /// The place behind the last row.
    pub fn position(&self) -> Position {
        self.input.at
    }
}

impl Header {
    fn new(record: &Record, wanted: &Columns) -> Result<Self, Failure> {
        if let Some(fault) = record.fault() {
            return Err(Failure::failed(format!("the first line: {}", fault.reason())));
        }
        let mut columns: Vec<(String, String)> = Vec::new();
        for field in record.fields() {
            let name = std::str::from_utf8(field)
                .map_err(|_| Failure::failed("the first line is not UTF-8: convert the file"))?;
            if columns.iter().any(|(other, _)| other == name) {
                return Err(Failure::failed(format!(
                    "two columns have the name `{name}`: rename one in the first line"
                )));
            }
            let mut member = String::new();
            push_json(&mut member, name);
            member.push(':');
            columns.push((name.to_owned(), member));
        }
        let place = |wanted: &str| {
            columns.iter().position(|(name, _)| name == wanted).ok_or_else(|| {
                let names: Vec<_> = columns.iter().map(|(name, _)| format!("`{name}`")).collect();
                let names = names.join(", ");
                Failure::usage(format!("there is no column `{wanted}`: the file has {names}"))
            })
        };
        Ok(Self { account: place(&wanted.account)?, id: place(&wanted.id)?, columns })
    }

    fn convert(&self, line: u64, record: &Record) -> Item {
        let bad = |reason: String| Item::Bad(Bad { line, reason });
        if let Some(fault) = record.fault() {
            return bad(fault.reason().to_owned());
        }
        let (found, wanted) = (record.ends.len(), self.columns.len());
        if found != wanted {
            return bad(format!(
                "{found} columns instead of {wanted}: quote values that contain commas"
            ));
        }
        let mut json = String::with_capacity(record.bytes.len() * 2);
        let (mut account, mut id) = ("", "");
        for (place, ((name, member), field)) in self.columns.iter().zip(record.fields()).enumerate()
        {
            let Ok(text) = std::str::from_utf8(field) else {
                return bad(format!("the value of `{name}` is not UTF-8: convert the file"));
            };
            json.push(if place == 0 { '{' } else { ',' });
            json.push_str(member);
            push_json(&mut json, text);
            if place == self.account {
                account = text;
            }
            if place == self.id {
                id = text;
            }
        }
        json.push('}');
        row(line, account, id, json)
    }
}

/// Appends a JSON string (RFC 8259 §7); only what has to be escaped is.
fn push_json(out: &mut String, text: &str) {
    // Writing a string to memory cannot fail.
    out.push_str(&serde_json::to_string(text).unwrap_or_default());
}
