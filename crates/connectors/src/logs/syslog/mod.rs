//! Syslog messages (RFC 5424 and RFC 3164) as records, and our own to others.
//!
//! Promises: a message whose header says version 1 is read as RFC 5424 strictly, or refused; any
//! other as RFC 3164, which is a description of habits: what has no header that is known is all
//! message (§4.3.3). A year is never in an RFC 3164 header: it is the latest that is at most a day
//! after the receipt. "message repeated N times: [ … ]" is read as N messages, "last message
//! repeated N times" as N of the one before from the same host, both up to [`MAX_REPEATS`].
//! Deliberately not: zones of senders (RFC 3164 has none; the operator states one), leap seconds
//! (RFC 5424 has none).

mod bsd;
mod ietf;

pub use ietf::{Element, Message};

use super::{MAX_REASONS, Record, Refused, classify};

/// Most records that one "repeated" line is read as. The rest is in `event.count`: a line of 60
/// bytes must not become a million records.
pub const MAX_REPEATS: u64 = 100;

/// Hosts behind one connection whose last message is remembered.
const HOSTS: usize = 64;

/// What is known about senders that say little.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Habits {
    /// Seconds east of UTC of the clock behind an RFC 3164 header.
    pub zone: i32,
    /// `product` of what no known program has written, such as `linux`; `None` leaves it open.
    pub product: Option<String>,
}

/// Reads the messages of one stream, in its order.
#[derive(Debug, Default)]
pub struct Reader {
    habits: Habits,
    /// Last message of each host, newest last. Empty where senders are not told apart.
    last: Vec<Record>,
}

impl Reader {
    /// At the beginning of a stream.
    #[must_use]
    pub fn new(habits: Habits) -> Self {
        Self { habits, last: Vec::new() }
    }

    /// Reads one message that was received at `received`, in µs since 1970.
    ///
    /// # Errors
    /// When its priority or its RFC 5424 header is none.
    pub fn read(&mut self, message: &[u8], received: u64) -> Result<Vec<Record>, Refused> {
        let mut record = match one(message, received, self.habits.zone)? {
            Read::One(record) => record,
            Read::Repeated(times, record) => return Ok(self.expand(times, &record)),
        };
        if let Some(times) = bsd::last_repeated(record.text("message").unwrap_or_default()) {
            let last = self.last.iter().rev().find(|last| last.host == record.host);
            if let Some(mut last) = last.cloned() {
                last.time = record.time;
                return Ok(self.expand(times, &last));
            }
            record.event("host", "last_message_repeated", None);
            record.set("event.count", times);
        }
        self.finish(&mut record);
        self.last.retain(|last| last.host != record.host);
        if self.last.len() >= HOSTS {
            self.last.remove(0);
        }
        self.last.push(record.clone());
        Ok(vec![record])
    }

    /// Forgets what came before: for datagrams, whose sender is not known.
    pub fn forget(&mut self) {
        self.last.clear();
    }

    fn expand(&self, times: u64, record: &Record) -> Vec<Record> {
        let mut record = record.clone();
        self.finish(&mut record);
        let read = times.min(MAX_REPEATS);
        let mut all = vec![record; usize::try_from(read).unwrap_or_default()];
        if let Some(last) = all.last_mut().filter(|_| times > read) {
            last.set("event.count", times - read + 1);
        }
        all
    }

    fn finish(&self, record: &mut Record) {
        classify(record);
        if record.product.is_none() {
            record.product.clone_from(&self.habits.product);
        }
    }
}

/// Reads a file of lines, such as `/var/log/auth.log`; `received` is when it was last written.
#[must_use]
pub fn file(bytes: &[u8], received: u64, habits: Habits) -> super::Batch {
    let mut reader = Reader::new(habits);
    let mut batch = super::Batch::default();
    for (number, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        if line.is_empty() {
            continue;
        }
        match reader.read(line, received) {
            Ok(records) => batch.records.extend(records),
            Err(why) => batch.reject(if batch.reasons.len() < MAX_REASONS {
                why.inside(&format!("line {}", number + 1))
            } else {
                why
            }),
        }
    }
    batch
}

/// A message, before the program that wrote it is looked at.
enum Read {
    One(Record),
    Repeated(u64, Record),
}

fn one(message: &[u8], received: u64, zone: i32) -> Result<Read, Refused> {
    let (priority, rest) = priority(message)?;
    if priority.is_some()
        && let Some(digits) = rest.iter().position(|byte| !byte.is_ascii_digit())
        && (1..=3).contains(&digits)
        && rest.get(digits) == Some(&b' ')
        && rest.first() != Some(&b'0')
    {
        return Ok(Read::One(Message::parse(message)?.record()));
    }
    let mut record = bsd::read(rest, received, zone);
    if let Some(priority) = priority {
        set_priority(&mut record, priority);
    }
    Ok(match bsd::repeated(record.text("message").unwrap_or_default()) {
        Some((times, inner)) => {
            let inner = inner.to_owned();
            record.set("message", inner);
            Read::Repeated(times, record)
        }
        None => Read::One(record),
    })
}

/// `<0>` to `<191>`, without leading zeros (RFC 5424 §6.2.1), and what follows.
fn priority(message: &[u8]) -> Result<(Option<u8>, &[u8]), Refused> {
    let Some(rest) = message.strip_prefix(b"<") else { return Ok((None, message)) };
    let wrong = || {
        Refused::new("the priority", "it is not `<0>` to `<191>`", "send syslog with a priority")
    };
    let end = rest.iter().take(4).position(|byte| *byte == b'>').ok_or_else(wrong)?;
    let digits = rest.get(..end).unwrap_or_default();
    let plain =
        digits.iter().all(u8::is_ascii_digit) && (digits == b"0" || !digits.starts_with(b"0"));
    let number =
        std::str::from_utf8(digits).ok().filter(|_| plain).and_then(|n| n.parse::<u8>().ok());
    let number = number.filter(|number| *number <= 191).ok_or_else(wrong)?;
    Ok((Some(number), rest.get(end + 1..).unwrap_or_default()))
}

/// The words that ECS's `log.level` has for severities 0 to 7.
const LEVELS: [&str; 8] =
    ["emergency", "alert", "critical", "error", "warning", "notice", "informational", "debug"];

fn set_priority(record: &mut Record, priority: u8) {
    let (facility, severity) = (priority / 8, priority % 8);
    record.set("log.syslog.priority", priority);
    record.set("log.syslog.facility.code", facility);
    record.set("log.syslog.severity.code", severity);
    record.maybe("log.level", LEVELS.get(usize::from(severity)).copied());
}

#[cfg(test)]
mod tests {
    use super::super::moment::rfc3339;
    use super::*;
    use proptest::prelude::*;

    fn read(lines: &[&str]) -> Vec<Record> {
        let received = rfc3339("2026-11-23T06:00:00Z").unwrap();
        let mut reader = Reader::new(Habits::default());
        lines.iter().flat_map(|line| reader.read(line.as_bytes(), received).unwrap()).collect()
    }

    fn messages(lines: &[&str]) -> Vec<String> {
        read(lines).iter().map(|one| one.text("message").unwrap().to_owned()).collect()
    }

    #[test]
    fn repeated_messages_are_as_many_as_they_say() {
        let failed = "Failed password for root from 192.0.2.1 port 9 ssh2";
        let line = format!("Nov 23 05:00:00 web sshd[7]: message repeated 3 times: [ {failed}]");
        assert_eq!(messages(&[&line]), [failed; 3]);
        assert!(read(&[&line]).iter().all(|one| one.text("source.ip") == Some("192.0.2.1")));
        let lines = [
            "<38>Nov 23 05:00:00 web sshd[7]: a",
            "<38>Nov 23 05:00:00 db sshd[8]: b",
            "<38>Nov 23 05:00:09 web last message repeated 2 times",
        ];
        assert_eq!(messages(&lines), ["a", "b", "a", "a"]);
        assert_eq!(read(&lines)[2].time, rfc3339("2026-11-23T05:00:09Z"));
        // Nothing came before: it is a message like any other.
        let alone = read(&["Nov 23 05:00:09 web last message repeated 2 times"]);
        assert_eq!(alone.len(), 1);
        assert_eq!(alone[0].fields["event.count"], 2);
    }

    #[test]
    fn a_line_does_not_become_a_million_records() {
        let line = "Nov 23 05:00:00 web sshd[7]: message repeated 4000000000 times: [ x]";
        let all = read(&[line]);
        assert_eq!(all.len() as u64, MAX_REPEATS);
        assert_eq!(all[98].fields.get("event.count"), None);
        assert_eq!(all[99].fields["event.count"], 4_000_000_000u64 - 99);
    }

    #[test]
    fn a_priority_is_one_or_the_message_is_refused() {
        for text in ["<192>x", "<>x", "<013>x", "<1x>x", "<1234>x", "<+1>x", "<"] {
            let refused = Reader::default().read(text.as_bytes(), 0).unwrap_err();
            assert_eq!(refused.place, "the priority", "{text}");
        }
        assert_eq!(read(&["<0>x"])[0].fields["log.level"], "emergency");
        assert_eq!(read(&["no priority"])[0].fields.get("log.level"), None);
    }

    proptest! {
        #[test]
        fn no_message_panics(bytes in proptest::collection::vec(any::<u8>(), 0..300), at: u64) {
            let _ = Reader::default().read(&bytes, at);
        }

        #[test]
        fn no_message_like_syslog_panics(
            text in "(<[0-9]{1,3}>)?(1 )?[-0-9TZ:.+ a-zJFMN]{0,40}[ \\[\\]\"=\\\\é:]{0,9}.{0,60}",
            at: u64,
        ) {
            let _ = Reader::default().read(text.as_bytes(), at);
        }
    }
}
