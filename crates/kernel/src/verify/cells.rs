//! Reading columns of rows in which anything may stand.
//!
//! The tables are `STRICT`, but whoever edits the file's bytes is not bound by that: every value is
//! looked at before it is used, and what does not fit is a sentence for the report.

use rusqlite::Row;
use rusqlite::types::ValueRef;

/// A value, or what is wrong with the column.
pub(super) type Cell<T> = Result<T, String>;

fn value<'r>(row: &'r Row<'_>, at: usize) -> Cell<ValueRef<'r>> {
    row.get_ref(at).map_err(|error| format!("column {at} cannot be read: {error}"))
}

fn wrong(row: &Row<'_>, at: usize, problem: &str) -> String {
    let name = row.as_ref().column_name(at).unwrap_or("?");
    format!("column `{name}` {problem}")
}

/// An integer.
pub(super) fn signed(row: &Row<'_>, at: usize) -> Cell<i64> {
    match value(row, at)? {
        ValueRef::Integer(number) => Ok(number),
        other => Err(wrong(row, at, &format!("holds {} instead of integer", other.data_type()))),
    }
}

/// An integer that is not negative.
pub(super) fn unsigned(row: &Row<'_>, at: usize) -> Cell<u64> {
    u64::try_from(signed(row, at)?).map_err(|_| wrong(row, at, "is negative"))
}

/// A version of a key: an integer of 32 bits.
pub(super) fn key_version(row: &Row<'_>, at: usize) -> Cell<u32> {
    u32::try_from(signed(row, at)?).map_err(|_| wrong(row, at, "is no version of a key"))
}

/// 0 or 1.
pub(super) fn flag(row: &Row<'_>, at: usize) -> Cell<bool> {
    match signed(row, at)? {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(wrong(row, at, "is neither 0 nor 1")),
    }
}

/// Bytes.
pub(super) fn bytes<'r>(row: &'r Row<'_>, at: usize) -> Cell<&'r [u8]> {
    match value(row, at)? {
        ValueRef::Blob(bytes) => Ok(bytes),
        other => Err(wrong(row, at, &format!("holds {} instead of bytes", other.data_type()))),
    }
}

/// Bytes of a known number.
pub(super) fn array<const N: usize>(row: &Row<'_>, at: usize) -> Cell<[u8; N]> {
    let bytes = bytes(row, at)?;
    let problem = || wrong(row, at, &format!("has {} bytes instead of {N}", bytes.len()));
    bytes.try_into().map_err(|_| problem())
}

/// Text in UTF-8.
pub(super) fn text<'r>(row: &'r Row<'_>, at: usize) -> Cell<&'r str> {
    match value(row, at)? {
        ValueRef::Text(text) => {
            std::str::from_utf8(text).map_err(|_| wrong(row, at, "is not UTF-8"))
        }
        other => Err(wrong(row, at, &format!("holds {} instead of text", other.data_type()))),
    }
}

/// Whether nothing stands in the column.
pub(super) fn is_null(row: &Row<'_>, at: usize) -> bool {
    matches!(value(row, at), Ok(ValueRef::Null))
}

/// A column as a name in a problem: whatever stands there, short.
pub(super) fn named(row: &Row<'_>, at: usize) -> String {
    match value(row, at) {
        Ok(ValueRef::Integer(number)) => number.to_string(),
        Ok(ValueRef::Text(text)) => crate::id::shown(&String::from_utf8_lossy(text)),
        Ok(other) => other.data_type().to_string(),
        Err(_) => "?".to_owned(),
    }
}
