//! Badge events as doors export them: `TIME,PERSON,GRANTED` in CSV, with an optional fourth column
//! for the door. The same three columns that `bailee area badges` takes.
//!
//! The product is `bailee`, the service `badges`.

use super::{Batch, Record, Refused, moment};
use crate::intake::{MAX_ROWS, MAX_TABLE};

/// Reads a file; a first line that begins with `time` is its header.
///
/// # Errors
/// When it is larger than is read.
pub fn read(bytes: &[u8]) -> Result<Batch, Refused> {
    let refuse = |problem: String| Refused::new("the file", problem, "send fewer rows at once");
    if bytes.len() > MAX_TABLE {
        return Err(refuse(format!("it has more than {MAX_TABLE} bytes")));
    }
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .trim(csv::Trim::All)
        .comment(Some(b'#'))
        .from_reader(bytes);
    let mut batch = Batch::default();
    for (number, row) in reader.byte_records().enumerate() {
        if number >= MAX_ROWS {
            return Err(refuse(format!("it has more than {MAX_ROWS} rows")));
        }
        // What is read from memory fails only where the row is none, and that is counted.
        let row = row.map(csv::StringRecord::from_byte_record_lossy).unwrap_or_default();
        let header = row.get(0).is_some_and(|first| first.eq_ignore_ascii_case("time"));
        if number > 0 || !header {
            batch.take(one(&row).map_err(|why| why.inside(&format!("row {}", number + 1))));
        }
    }
    Ok(batch)
}

fn one(row: &csv::StringRecord) -> Result<Record, Refused> {
    let refuse =
        |problem: &str| Refused::new("the event", problem, "write `2026-11-22T14:02:11Z,lea,yes`");
    let mut columns = row.iter();
    let (Some(time), Some(person), Some(granted)) =
        (columns.next(), columns.next(), columns.next())
    else {
        return Err(refuse("it has fewer than three columns"));
    };
    let mut record = Record::of("bailee", "badges");
    record.time = Some(moment::rfc3339(time).ok_or_else(|| refuse("the time is not RFC 3339"))?);
    let granted = match granted.to_ascii_lowercase().as_str() {
        "yes" | "true" | "granted" | "1" => true,
        "no" | "false" | "denied" | "0" => false,
        _ => return Err(refuse("the third column is neither `yes` nor `no`")),
    };
    let person = person.strip_prefix("person:").unwrap_or(person);
    if person.is_empty() {
        return Err(refuse("the person is missing"));
    }
    record.event("physical_access", "badge", Some(granted));
    record.set("user.name", person);
    record.maybe("badge.door", columns.next());
    Ok(record)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_events() {
        let text = "time,person,granted,door\n2026-11-22T14:02:11Z, person:lea ,yes,north\n\
                    2026-11-22T14:02:12Z,tom,denied\n\nx,tom,no\n2026-11-22T14:02:12Z,tom,maybe\n";
        let batch = read(text.as_bytes()).unwrap();
        assert_eq!((batch.records.len(), batch.rejected), (2, 2));
        assert_eq!(batch.records[0].text("user.name"), Some("lea"));
        assert_eq!(batch.records[0].text("badge.door"), Some("north"));
        assert_eq!(batch.records[1].text("event.outcome"), Some("failure"));
        assert_eq!(batch.reasons[0].place, "row 4, the event");
    }
}
