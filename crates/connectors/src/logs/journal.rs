//! The export format of systemd's journal, as `journalctl -o export` and `systemd-journal-upload`
//! write it (systemd's JOURNAL_EXPORT_FORMATS).
//!
//! Promises: fields keep the journal's names; a field with line ends or other bytes is read by its
//! length. One that is not UTF-8 stands as base64 under its name with `.base64` behind it. Normal
//! names stand beside them, and the program's message is read as if it came by syslog.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{Batch, MAX_VALUE, Record, Refused, classify};
use crate::intake::{MAX_ITEMS, MAX_JSON};

/// Longest name of a field: the journal's own limit.
const NAME: usize = 64;

/// Longest value that is skipped over rather than refused: the journal's own limit is 768 MiB, and
/// core dumps are in there.
const LONG: usize = MAX_JSON;

/// Reads entries. What is broken ends the reading, as nobody can say where the next one begins.
///
/// # Errors
/// When the bytes are none, or more than are read.
pub fn read(bytes: &[u8]) -> Result<Batch, Refused> {
    let refuse = |problem: String, at: usize| {
        Refused::new(format!("byte {at}"), problem, "send what `journalctl -o export` writes")
    };
    if bytes.len() > MAX_JSON {
        return Err(refuse(format!("it has more than {MAX_JSON} bytes"), 0));
    }
    let (mut batch, mut entry, mut rest) = (Batch::default(), Record::default(), bytes);
    loop {
        let at = bytes.len() - rest.len();
        let Some(end) = rest.iter().position(|byte| *byte == b'\n') else {
            if !rest.is_empty() {
                return Err(refuse("the last line has no end".to_owned(), at));
            }
            close(&mut batch, entry);
            return Ok(batch);
        };
        let (line, behind) = (rest.get(..end).unwrap_or_default(), rest.get(end + 1..));
        rest = behind.unwrap_or_default();
        if line.is_empty() {
            close(&mut batch, std::mem::take(&mut entry));
            if batch.records.len() > MAX_ITEMS {
                return Err(refuse(format!("it has more than {MAX_ITEMS} entries"), at));
            }
            continue;
        }
        let (name, value) = match line.iter().position(|byte| *byte == b'=') {
            Some(sign) => (line.get(..sign), line.get(sign + 1..).unwrap_or_default()),
            None => {
                let (value, behind) = by_length(rest)
                    .ok_or_else(|| refuse("the length of a field is wrong".to_owned(), at))?;
                rest = behind;
                (Some(line), value)
            }
        };
        let name =
            name.and_then(|name| std::str::from_utf8(name).ok()).filter(|name| is_name(name));
        let name = name.ok_or_else(|| refuse("the name of a field is none".to_owned(), at))?;
        field(&mut entry, name, value);
    }
}

/// Eight bytes of length, little end first, as many bytes, and a line end.
fn by_length(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<8>()?;
    let length = usize::try_from(u64::from_le_bytes(*length)).ok().filter(|long| *long <= LONG)?;
    let (value, rest) = rest.split_at_checked(length)?;
    Some((value, rest.strip_prefix(b"\n")?))
}

fn is_name(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    !name.is_empty() && name.len() <= NAME && name.bytes().all(fits)
}

fn field(entry: &mut Record, name: &str, value: &[u8]) {
    match std::str::from_utf8(value) {
        Ok(text) => entry.set(name, text),
        Err(_) if value.len() <= MAX_VALUE => {
            entry.set(&format!("{name}.base64"), STANDARD.encode(value));
            // What reads as a message is shown, with marks where it does not.
            if name == "MESSAGE" {
                entry.set(name, String::from_utf8_lossy(value).into_owned());
            }
        }
        Err(_) => entry.set(super::CUT, true),
    }
}

fn close(batch: &mut Batch, mut entry: Record) {
    let get = |entry: &Record, name: &str| entry.text(name).map(str::to_owned);
    // An entry of metadata alone is none: position and time without content.
    if entry.fields.keys().all(|name| name.starts_with("__")) {
        return;
    }
    let time = get(&entry, "_SOURCE_REALTIME_TIMESTAMP").and_then(|time| time.parse().ok());
    let time = time.or_else(|| get(&entry, "__REALTIME_TIMESTAMP")?.parse().ok());
    entry.time = time;
    entry.host = get(&entry, "_HOSTNAME").filter(|host| host.len() <= 255);
    for (name, normal) in [
        ("_HOSTNAME", "host.name"),
        ("MESSAGE", "message"),
        ("_UID", "user.id"),
        ("_SYSTEMD_UNIT", "systemd.unit"),
        ("_EXE", "process.executable"),
        ("_CMDLINE", "process.command_line"),
    ] {
        entry.maybe(normal, get(&entry, name));
    }
    let program = get(&entry, "SYSLOG_IDENTIFIER").or_else(|| get(&entry, "_COMM"));
    entry.maybe("process.name", program);
    if let Some(pid) = get(&entry, "_PID").and_then(|pid| pid.parse::<u32>().ok()) {
        entry.set("process.pid", pid);
    }
    classify(&mut entry);
    if entry.product.is_none() {
        entry.source("linux", "syslog");
    }
    batch.records.push(entry);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn export(fields: &[(&str, &[u8])]) -> Vec<u8> {
        let mut out = Vec::new();
        for (name, value) in fields {
            let plain = std::str::from_utf8(value).is_ok_and(|text| !text.contains('\n'));
            out.extend_from_slice(name.as_bytes());
            if plain {
                out.push(b'=');
            } else {
                out.push(b'\n');
                out.extend_from_slice(&(value.len() as u64).to_le_bytes());
            }
            out.extend_from_slice(value);
            out.push(b'\n');
        }
        out.push(b'\n');
        out
    }

    #[test]
    fn entries_are_read_with_lines_and_bytes_in_them() {
        let first = export(&[
            ("__REALTIME_TIMESTAMP", b"1795408926000000"),
            ("_HOSTNAME", b"web"),
            ("SYSLOG_IDENTIFIER", b"sshd"),
            ("_PID", b"7"),
            ("MESSAGE", b"Failed password for root from 192.0.2.1 port 7 ssh2"),
        ]);
        let second = export(&[("MESSAGE", b"two\nlines"), ("DUMP", b"\xff\x00\n")]);
        let cursor = export(&[("__CURSOR", b"x")]);
        let batch = read(&[first, cursor, second].concat()).unwrap();
        assert_eq!(batch.records.len(), 2);
        let record = &batch.records[0];
        assert_eq!(record.time, Some(1_795_408_926_000_000));
        assert_eq!(record.service.as_deref(), Some("sshd"));
        assert_eq!(record.text("source.ip"), Some("192.0.2.1"));
        assert_eq!(record.text("_HOSTNAME"), Some("web"));
        assert_eq!(batch.records[1].text("message"), Some("two\nlines"));
        assert_eq!(batch.records[1].text("DUMP.base64"), Some("/wAK"));
    }

    #[test]
    fn a_length_that_lies_ends_the_reading() {
        let mut bytes = export(&[("A", b"x\ny")]);
        bytes[2] = 200;
        assert!(read(&bytes).unwrap_err().problem.contains("length"));
        bytes[9] = 255;
        assert!(read(&bytes).is_err());
        assert!(read(b"a=b\n").unwrap_err().problem.contains("name"));
        assert!(read(b"A=b").unwrap_err().problem.contains("no end"));
    }

    proptest! {
        #[test]
        fn fields_come_back(
            all in proptest::collection::btree_map("[A-Z][A-Z0-9_]{0,9}", "[^\u{0}]{1,40}", 1..9)
        ) {
            let fields: Vec<_> = all.iter().map(|(k, v)| (k.as_str(), v.as_bytes())).collect();
            let batch = read(&export(&fields)).unwrap();
            prop_assert_eq!(batch.records.len(), 1);
            for (name, value) in &all {
                prop_assert_eq!(batch.records[0].text(name), Some(value.as_str()));
            }
        }

        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(&bytes);
        }
    }
}
