//! PostgreSQL's logs, as lines with a prefix (`stderr`, syslog) or as `csvlog`, and the audit lines
//! of pgaudit in them.
//!
//! Promises: statements with line ends are one record; logins are events with user, database,
//! address and outcome; what pgaudit says stands under `pgaudit.`. The product is `postgresql`, the
//! service `pgaudit` for audit lines and `postgresql` for all others.
//! Deliberately not: prefixes other than Debian's `%m [%p] %q%u@%d ` (or none, as by syslog), and
//! zones that are named otherwise than UTC or GMT: such a record has no time.

use super::{Batch, MAX_VALUE, Record, Refused, moment};
use crate::intake::{MAX_ITEMS, MAX_JSON};

/// Columns of csvlog up to the 23 that every version since 9.0 has; later ones add behind.
const COLUMNS: [&str; 26] = [
    "log_time",
    "user_name",
    "database_name",
    "process_id",
    "connection_from",
    "session_id",
    "session_line_num",
    "command_tag",
    "session_start_time",
    "virtual_transaction_id",
    "transaction_id",
    "error_severity",
    "sql_state_code",
    "message",
    "detail",
    "hint",
    "internal_query",
    "internal_query_pos",
    "context",
    "query",
    "query_pos",
    "location",
    "application_name",
    "backend_type",
    "leader_pid",
    "query_id",
];

/// Columns of an audit line (pgaudit 1.7 to 17; `pgaudit.log_rows` adds one).
const AUDIT: [&str; 10] = [
    "audit_type",
    "statement_id",
    "substatement_id",
    "class",
    "command",
    "object_type",
    "object_name",
    "statement",
    "parameter",
    "rows",
];

/// The words that PostgreSQL has for how bad something is.
const SEVERITIES: [&str; 15] = [
    "LOG",
    "ERROR",
    "FATAL",
    "PANIC",
    "WARNING",
    "NOTICE",
    "INFO",
    "DETAIL",
    "HINT",
    "STATEMENT",
    "CONTEXT",
    "QUERY",
    "DEBUG1",
    "DEBUG2",
    "LOCATION",
];

/// Reads a csvlog file.
///
/// # Errors
/// When it is larger than is read.
pub fn csvlog(bytes: &[u8]) -> Result<Batch, Refused> {
    size(bytes)?;
    let reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(bytes);
    let mut batch = Batch::default();
    for (number, row) in reader.into_byte_records().enumerate() {
        bounded(number)?;
        let place = || format!("row {}", number + 1);
        let read = row.map_err(|why| Refused::new("the row", why.to_string(), "leave it out"));
        let read = read.and_then(|row| one_row(&csv::StringRecord::from_byte_record_lossy(row)));
        batch.take(read.map_err(|why| why.inside(&place())));
    }
    Ok(batch)
}

/// Reads lines of `stderr`. A line that begins with white space continues the one before.
///
/// # Errors
/// When it is larger than is read.
pub fn stderr(bytes: &[u8]) -> Result<Batch, Refused> {
    size(bytes)?;
    let mut batch = Batch::default();
    let mut whole = String::new();
    for (number, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        bounded(number)?;
        let line = String::from_utf8_lossy(line);
        if line.starts_with(['\t', ' ']) && !whole.is_empty() {
            if whole.len() + line.len() < MAX_VALUE {
                whole.push('\n');
                whole.push_str(line.trim_start_matches('\t'));
            }
            continue;
        }
        close(&mut batch, &std::mem::replace(&mut whole, line.into_owned()));
    }
    close(&mut batch, &whole);
    Ok(batch)
}

/// Reads the message of one line, with its severity or without, into a record that syslog made.
pub(super) fn message(record: &mut Record, text: &str) {
    // By syslog each line begins with a number of its own: `[5-1] `.
    let text = match text.strip_prefix('[').and_then(|rest| rest.split_once("] ")) {
        Some((mark, rest)) if mark.bytes().all(|b| b.is_ascii_digit() || b == b'-') => rest,
        _ => text,
    };
    let (who, text) = severity(record, text);
    if let Some((user, database)) = who.trim().rsplit_once('@') {
        record.maybe("user.name", Some(user).filter(|user| *user != "[unknown]"));
        record.maybe("db.name", Some(database).filter(|name| *name != "[unknown]"));
    }
    said(record, text);
}

fn close(batch: &mut Batch, line: &str) {
    if line.trim().is_empty() {
        return;
    }
    let mut record = Record::default();
    let Some((time, rest)) = line.split_once(" [") else {
        batch.reject(Refused::new("the line", "it has no prefix `%m [%p] `", "set that prefix"));
        return;
    };
    record.time = moment::postgres(time);
    let (pid, rest) = rest.split_once("] ").unwrap_or(("", rest));
    if let Ok(pid) = pid.parse::<u32>() {
        record.set("process.pid", pid);
    }
    message(&mut record, rest);
    batch.records.push(record);
}

/// Splits `user@db LOG:  text` and keeps the severity.
fn severity<'a>(record: &mut Record, text: &'a str) -> (&'a str, &'a str) {
    for (at, _) in text.match_indices(":  ") {
        let before = text.get(..at).unwrap_or_default();
        let (who, word) = before.rsplit_once(' ').unwrap_or(("", before));
        if SEVERITIES.contains(&word) {
            record.set("postgresql.severity", word);
            return (who, text.get(at + 3..).unwrap_or_default());
        }
    }
    ("", text)
}

fn one_row(row: &csv::StringRecord) -> Result<Record, Refused> {
    if row.len() < 22 {
        let problem = format!("it has {} columns, and csvlog has at least 22", row.len());
        return Err(Refused::new(
            "the row",
            problem,
            "send what `log_destination = csvlog` writes",
        ));
    }
    let mut record = Record::default();
    for (name, value) in COLUMNS.iter().zip(row) {
        record.maybe(&format!("postgresql.{name}"), Some(value));
    }
    let text = |name: &str| record.text(&format!("postgresql.{name}")).map(str::to_owned);
    let (user, database) = (text("user_name"), text("database_name"));
    let (from, severity) = (text("connection_from"), text("error_severity"));
    let (message, pid) = (text("message").unwrap_or_default(), text("process_id"));
    record.time = text("log_time").as_deref().and_then(moment::postgres);
    record.maybe("user.name", user);
    record.maybe("db.name", database);
    record.maybe("postgresql.severity", severity);
    if let Some(pid) = pid.and_then(|pid| pid.parse::<u32>().ok()) {
        record.set("process.pid", pid);
    }
    if let Some((address, port)) = from.as_deref().and_then(|from| from.rsplit_once(':')) {
        record.from_address(address);
        port.parse::<u16>().into_iter().for_each(|port| record.set("source.port", port));
    }
    said(&mut record, &message);
    Ok(record)
}

/// What a message says, whichever way it came.
fn said(record: &mut Record, text: &str) {
    record.source("postgresql", "postgresql");
    record.set("message", text);
    if let Some(rest) = text.strip_prefix("AUDIT: ") {
        audit(record, rest);
    } else if let Some(rest) = text.strip_prefix("connection authorized: user=") {
        record.event("authentication", "postgresql_login", Some(true));
        let (user, rest) = rest.split_once(" database=").unwrap_or((rest, ""));
        record.maybe("user.name", Some(user));
        record.maybe("db.name", rest.split(' ').next());
    } else if let Some(rest) = text.strip_prefix("connection received: host=") {
        record.event("network", "postgresql_connection", None);
        let (host, port) = rest.split_once(" port=").unwrap_or((rest, ""));
        record.from_address(host);
        port.parse::<u16>().into_iter().for_each(|port| record.set("source.port", port));
    } else if let Some((method, user)) = text.split_once(" authentication failed for user \"") {
        record.event("authentication", "postgresql_login", Some(false));
        record.maybe("postgresql.method", Some(method));
        record.maybe("user.name", user.strip_suffix('"'));
    } else if let Some(rest) = text.strip_prefix("no pg_hba.conf entry for host \"") {
        record.event("authentication", "postgresql_login", Some(false));
        record.from_address(rest.split('"').next().unwrap_or_default());
    } else if text.starts_with("role \"") && text.ends_with("\" does not exist") {
        record.event("authentication", "postgresql_login", Some(false));
    } else if text.starts_with("disconnection: session time: ") {
        record.event("session", "session_closed", None);
    }
}

/// `SESSION,1,1,READ,SELECT,TABLE,public.t,select 1,<not logged>`, with CSV's quotation marks.
fn audit(record: &mut Record, text: &str) {
    let mut reader =
        csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
    let mut row = csv::StringRecord::new();
    if !reader.read_record(&mut row).is_ok_and(|read| read) || row.len() < 8 {
        return;
    }
    record.source("postgresql", "pgaudit");
    for (name, value) in AUDIT.iter().zip(&row) {
        record.maybe(&format!("pgaudit.{name}"), Some(value));
    }
    let command = row.get(4).unwrap_or_default().to_lowercase().replace(' ', "_");
    record.event("database", &command, None);
}

fn size(bytes: &[u8]) -> Result<(), Refused> {
    if bytes.len() <= MAX_JSON {
        return Ok(());
    }
    let problem = format!("it has {} bytes, and at most {MAX_JSON} are read", bytes.len());
    Err(Refused::new("the file", problem, "send a part at a time"))
}

fn bounded(number: usize) -> Result<(), Refused> {
    if number < MAX_ITEMS {
        return Ok(());
    }
    let problem = format!("it has more than {MAX_ITEMS} lines");
    Err(Refused::new("the file", problem, "send a part at a time"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const AUDITED: &str = "2026-11-23 05:00:00.123 UTC [77] lea@sales LOG:  AUDIT: \
        SESSION,1,1,READ,SELECT,TABLE,public.t,\"select a, \"\"b\"\"\n\tfrom t\",<not logged>\n";

    #[test]
    fn an_audit_line_over_two_lines_is_one_record() {
        let batch = stderr(AUDITED.as_bytes()).unwrap();
        assert_eq!((batch.records.len(), batch.rejected), (1, 0));
        let record = &batch.records[0];
        assert_eq!(record.service.as_deref(), Some("pgaudit"));
        assert_eq!(record.time, moment::rfc3339("2026-11-23T05:00:00.123Z"));
        for (key, value) in [
            ("user.name", "lea"),
            ("db.name", "sales"),
            ("pgaudit.class", "READ"),
            ("pgaudit.object_name", "public.t"),
            ("pgaudit.statement", "select a, \"b\"\nfrom t"),
            ("event.action", "select"),
        ] {
            assert_eq!(record.text(key), Some(value), "{key}");
        }
    }

    #[test]
    fn logins_are_events_with_an_outcome() {
        let text = "2026-11-23 05:00:00.123 UTC [77] [unknown]@[unknown] LOG:  \
            connection received: host=127.0.0.1 port=5011\n\
            2026-11-23 05:00:00.124 UTC [77] lea@sales FATAL:  password authentication failed for \
            user \"lea\"\n2026-11-23 05:00:00.125 CET [78] a b@sales LOG:  connection authorized: \
            user=a b database=sales\nno prefix\n";
        let batch = stderr(text.as_bytes()).unwrap();
        assert_eq!((batch.records.len(), batch.rejected), (3, 1));
        let told: Vec<_> = batch
            .records
            .iter()
            .map(|record| {
                (
                    record.text("event.action").unwrap(),
                    record.text("event.outcome"),
                    record.text("user.name"),
                )
            })
            .collect();
        assert_eq!(
            told,
            [
                ("postgresql_connection", None, None),
                ("postgresql_login", Some("failure"), Some("lea")),
                ("postgresql_login", Some("success"), Some("a b")),
            ]
        );
        assert_eq!(batch.records[0].text("source.ip"), Some("127.0.0.1"));
        assert_eq!(batch.records[2].time, None);
    }

    #[test]
    fn a_csv_row_keeps_its_columns() {
        let row = "2026-11-23 05:00:00.123 UTC,\"lea\",\"sales\",77,\"192.0.2.1:5011\",6a.4d,1,\
            \"authentication\",2026-11-23 05:00:00 UTC,3/1,0,FATAL,28P01,\
            \"password authentication failed for user \"\"lea\"\"\",,,,,,,,,\"psql\",\
            \"client backend\",,0\n\
            too,short\n";
        let batch = csvlog(row.as_bytes()).unwrap();
        assert_eq!((batch.records.len(), batch.rejected), (1, 1));
        let record = &batch.records[0];
        assert_eq!(record.text("postgresql.sql_state_code"), Some("28P01"));
        assert_eq!(record.text("event.outcome"), Some("failure"));
        assert_eq!(record.text("source.ip"), Some("192.0.2.1"));
        assert_eq!(record.fields["source.port"], 5011);
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "(2026-11-23 05:00:00 UTC \\[7\\] )?([a-z@]{0,9} )?(LOG:  )?\
            (AUDIT: )?[A-Z,\"\\n\\t 0-9é]{0,60}") {
            let _ = stderr(text.as_bytes());
            let _ = csvlog(text.as_bytes());
        }
    }
}
