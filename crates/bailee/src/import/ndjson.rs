//! NDJSON: a JSON object a line, kept byte for byte.
//!
//! Promises: what is stored is the line without its line end, not a byte more or less.
//! Does not: make JSON canonical, or look at members other than the two named.

use std::borrow::Cow;
use std::fmt;
use std::io::{self, BufRead, Seek};

use serde::Deserializer as _;
use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::input::{Input, Position};
use super::rows::{Bad, Columns, Item, row};

/// The lines of an NDJSON file.
#[derive(Debug)]
pub struct NdjsonRows<R> {
    input: Input<R>,
    columns: Columns,
}

impl<R: BufRead + Seek> NdjsonRows<R> {
    /// Begins at the first line.
    pub fn new(reader: R, columns: &Columns) -> io::Result<Self> {
        Ok(Self { input: Input::new(reader)?, columns: columns.clone() })
    }

    /// Goes on at a place that was reached before.
    pub fn go_to(&mut self, place: Position) -> io::Result<()> {
        self.input.go_to(place)
    }
}

impl<R: BufRead> NdjsonRows<R> {
    /// The next line that is not empty.
    pub fn next_item(&mut self) -> io::Result<Option<Item>> {
        loop {
            let number = self.input.at.line;
            let (mut line, mut length) = (Vec::new(), 0_usize);
            // Two bytes more than a record may have: a carriage return, and one that shows that the
            // line is too long.
            let most = kernel::limits::BODY_BYTES + 2;
            let ended = self.input.each_byte(|byte| {
                if byte != b'\n' {
                    length += 1;
                    if line.len() < most {
                        line.push(byte);
                    }
                }
                byte == b'\n'
            })?;
            if !ended && length == 0 {
                return Ok(None);
            }
            if line.last() == Some(&b'\r') && length == line.len() {
                line.pop();
            }
            if !line.trim_ascii().is_empty() {
                return Ok(Some(self.convert(number, line)));
            }
        }
    }

    /// The place behind the last line.
    pub fn position(&self) -> Position {
        self.input.at
    }

    fn convert(&self, line: u64, bytes: Vec<u8>) -> Item {
        let bad = |reason: String| Item::Bad(Bad { line, reason });
        if bytes.len() > kernel::limits::BODY_BYTES {
            return bad("the line is longer than 1 MiB, the limit of a record: split it".to_owned());
        }
        let Ok(json) = String::from_utf8(bytes) else {
            return bad("the line is not UTF-8: convert the file".to_owned());
        };
        let members = match members(&json, &self.columns) {
            Ok(members) => members,
            Err(why) => return bad(format!("not a JSON object: {}", without_line(&why))),
        };
        let read = |name: &str, values: &[&RawValue]| match values {
            [] => Err(format!("there is no member `{name}`")),
            [value] => text_of(value)
                .ok_or_else(|| format!("member `{name}` is neither a string nor a number")),
            _ => Err(format!("member `{name}` is there twice")),
        };
        let account = match read(&self.columns.account, &members.account) {
            Ok(account) => account,
            Err(why) => return bad(why),
        };
        let id = match read(&self.columns.id, &members.id) {
            Ok(id) => id,
            Err(why) => return bad(why),
        };
        row(line, &account, &id, json)
    }
}

/// The parser counts lines itself; here that would always say line 1.
fn without_line(why: &serde_json::Error) -> String {
    let text = why.to_string();
    text.rsplit_once(" at line ").map_or(text.as_str(), |(reason, _)| reason).to_owned()
        + &format!(" at column {}", why.column())
}

/// A string's text, or a number exactly as it is written.
fn text_of(value: &RawValue) -> Option<String> {
    let text = value.get();
    match text.bytes().next()? {
        b'"' => serde_json::from_str(text).ok(),
        b'-' | b'0'..=b'9' => Some(text.to_owned()),
        _ => None,
    }
}

/// The values of the two members, every one that is there.
#[derive(Default)]
struct Members<'a> {
    account: Vec<&'a RawValue>,
    id: Vec<&'a RawValue>,
}

fn members<'a>(json: &'a str, columns: &Columns) -> serde_json::Result<Members<'a>> {
    let mut parser = serde_json::Deserializer::from_str(json);
    let members = parser.deserialize_map(Find { columns })?;
    parser.end()?;
    Ok(members)
}

struct Find<'c> {
    columns: &'c Columns,
}

/// A member's name, borrowed where nothing in it is escaped.
#[derive(serde::Deserialize)]
#[serde(transparent)]
struct MemberName<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'de> Visitor<'de> for Find<'_> {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = Members::default();
        while let Some(MemberName(name)) = map.next_key()? {
            let (account, id) = (name == self.columns.account, name == self.columns.id);
            if !account && !id {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            let value: &'de RawValue = map.next_value()?;
            if account {
                found.account.push(value);
            }
            if id {
                found.id.push(value);
            }
        }
        Ok(found)
    }
}
