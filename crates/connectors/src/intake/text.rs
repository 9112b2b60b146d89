//! Bytes to text: encodings, positions, quoting, lengths.
//!
//! Promises: only UTF-8 gets through, other encodings are refused by name; a position is a line and
//! a column from 1; what is quoted in a message is short and has no control characters.
//! Deliberately not: guessing at encodings and converting them.

use super::{MAX_NAME, MAX_TEXT, Refused};

/// The place of something that concerns all of a file.
pub(super) const FILE: &str = "the file";

/// Longest piece of input in a message, in characters.
const MAX_QUOTE: usize = 60;

/// The text of a file: UTF-8, with or without a byte order mark, at most `limit` bytes.
pub(super) fn text(bytes: &[u8], limit: usize) -> Result<&str, Refused> {
    size(bytes, limit)?;
    if let Some(name) = foreign_encoding(bytes) {
        let problem = format!("the text is in {name}");
        return Err(Refused::new(FILE, problem, "save it as UTF-8 and send it again"));
    }
    let rest = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    std::str::from_utf8(rest).map_err(|error| {
        let good = rest.get(..error.valid_up_to()).unwrap_or_default();
        let good = std::str::from_utf8(good).unwrap_or_default();
        let problem = "the bytes here are not UTF-8";
        Refused::new(position(good, good.len()), problem, "save it as UTF-8 and send it again")
    })
}

/// Refuses what is larger than `limit` bytes.
pub(super) fn size(bytes: &[u8], limit: usize) -> Result<(), Refused> {
    if bytes.len() <= limit {
        return Ok(());
    }
    let problem = format!("it has {} bytes, and at most {limit} are read", bytes.len());
    Err(Refused::new(FILE, problem, "split it, or export less"))
}

/// UTF-16 and UTF-32 by their marks, or by the zero that every second ASCII character brings.
fn foreign_encoding(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0xFF, 0xFE, 0, 0, ..] | [0, 0, 0xFE, 0xFF, ..] => Some("UTF-32"),
        [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] => Some("UTF-16"),
        [0, b, ..] | [b, 0, ..] if b.is_ascii_graphic() || b.is_ascii_whitespace() => {
            Some("UTF-16")
        }
        _ => None,
    }
}

/// `line 3, column 5` for a byte offset; columns count characters.
pub(super) fn position(text: &str, offset: usize) -> String {
    let before = text.as_bytes().get(..offset).unwrap_or(text.as_bytes());
    let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
    let start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let tail = before.get(start..).unwrap_or_default();
    let column = String::from_utf8_lossy(tail).chars().count() + 1;
    format!("line {line}, column {column}")
}

/// Input for a message: in backticks, cut, without control characters.
pub(super) fn quote(input: &str) -> String {
    let mut out = String::from("`");
    for (count, letter) in input.chars().enumerate() {
        if count == MAX_QUOTE {
            out.push('…');
            break;
        }
        out.push(if letter.is_control() || letter == '`' { '·' } else { letter });
    }
    out.push('`');
    out
}

/// A name, version or identifier: not empty, at most [`MAX_NAME`] bytes, no control characters.
pub(super) fn name(place: impl Fn() -> String, value: &str) -> Result<String, Refused> {
    let value = value.trim();
    if value.is_empty() {
        return Err(Refused::new(place(), "it is empty", "fill it in, or leave the item out"));
    }
    if value.len() > MAX_NAME {
        let problem = format!("it has {} bytes, and at most {MAX_NAME} are read", value.len());
        return Err(Refused::new(place(), problem, "shorten it, or leave the item out"));
    }
    if value.contains(char::is_control) {
        let problem = format!("{} has control characters", quote(value));
        return Err(Refused::new(place(), problem, "remove them"));
    }
    Ok(value.to_owned())
}

/// Free text: control characters become spaces, and what is longer than [`MAX_TEXT`] is cut.
pub(super) fn free(value: &str) -> String {
    let mut out = String::with_capacity(value.len().min(MAX_TEXT));
    for letter in value.trim().chars() {
        if out.len() + letter.len_utf8() > MAX_TEXT {
            out.push('…');
            break;
        }
        out.push(if letter.is_control() { ' ' } else { letter });
    }
    out
}

/// A time as RFC 3339 writes it, checked to be one and returned as it stands.
pub(super) fn moment(place: impl Fn() -> String, value: &str) -> Result<String, Refused> {
    use time::OffsetDateTime;
    use time::format_description::well_known::Rfc3339;
    match OffsetDateTime::parse(value, &Rfc3339) {
        Ok(_) => Ok(value.to_owned()),
        Err(_) => {
            let problem = format!("{} is not a time of RFC 3339", quote(value));
            Err(Refused::new(place(), problem, "write it as `2026-01-31T12:00:00Z`"))
        }
    }
}

/// A date as RFC 3339 writes it (`full-date`), checked to be one.
pub(super) fn date(place: impl Fn() -> String, value: &str) -> Result<String, Refused> {
    // A date is what makes a time of a day's midnight; ten bytes leave room for nothing else.
    if value.len() == 10 && moment(&place, &format!("{value}T00:00:00Z")).is_ok() {
        return Ok(value.to_owned());
    }
    let problem = format!("{} is not a date", quote(value));
    Err(Refused::new(place(), problem, "write it as `2026-01-31`"))
}

/// Seconds since 1970 as RFC 3339 in UTC, when they are a time of the years 1970 to 9999.
pub(super) fn from_epoch(seconds: &str) -> Option<String> {
    use time::OffsetDateTime;
    use time::format_description::well_known::Rfc3339;
    let seconds = seconds.parse::<u64>().ok().and_then(|value| i64::try_from(value).ok())?;
    let moment = OffsetDateTime::from_unix_timestamp(seconds).ok()?;
    moment.format(&Rfc3339).ok()
}
