//! Calendars as programs of others read them: iCalendar (RFC 5545), written.
//!
//! Promises: text is escaped (§3.3.11), so that nothing in it begins a property; lines end with
//! CRLF and are folded at 75 octets, never within a character (§3.1); moments are in UTC, so that
//! no reader has to know a time zone; events take nobody's time (`TRANSP`, and what Outlook reads).
//!
//! Does not: read iCalendar, or write recurrences: each event stands for itself.

use std::fmt::Write as _;

use time::{OffsetDateTime, UtcOffset};

/// A calendar to be subscribed to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Calendar {
    /// What the reader's program calls it.
    pub name: String,
    /// When it was made, seconds since 1970.
    pub made: u64,
    /// How often it is worth asking for, in minutes.
    pub refresh_minutes: u32,
    /// The events.
    pub events: Vec<Event>,
}

/// An event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// What makes it itself, the same in every version of the calendar (§3.8.4.7).
    pub uid: String,
    /// First moment, seconds since 1970.
    pub from: u64,
    /// First moment after it, seconds since 1970.
    pub to: u64,
    /// What it is, in a line.
    pub summary: String,
    /// What else there is to say.
    pub description: String,
    /// When it was changed last, seconds since 1970. Versions are told apart by it.
    pub changed: u64,
}

/// Octets of a line, without its end (§3.1).
const LINE: usize = 75;

/// Versions are counted in seconds from here, so that they fit into 31 bits until 2092
/// (2024-01-01).
const VERSIONS_FROM: u64 = 1_704_067_200;

impl Calendar {
    /// The calendar as `text/calendar`.
    pub fn text(&self) -> String {
        let mut out = String::new();
        let mut line = |name: &str, value: &str| fold(&mut out, name, value);
        line("BEGIN", "VCALENDAR");
        line("VERSION", "2.0");
        line("PRODID", "-//Bailee//On call//EN");
        line("CALSCALE", "GREGORIAN");
        line("METHOD", "PUBLISH");
        line("X-WR-CALNAME", &escaped(&self.name));
        line("NAME", &escaped(&self.name));
        // RFC 7986 §5.7, and what Outlook reads in its place.
        let every = format!("PT{}M", self.refresh_minutes);
        line("REFRESH-INTERVAL;VALUE=DURATION", &every);
        line("X-PUBLISHED-TTL", &every);
        for event in &self.events {
            line("BEGIN", "VEVENT");
            line("UID", &escaped(&event.uid));
            // §3.8.7.2: without a method of scheduling, when this version came to be.
            line("DTSTAMP", &utc(self.made));
            line("DTSTART", &utc(event.from));
            line("DTEND", &utc(event.to));
            line("SUMMARY", &escaped(&event.summary));
            if !event.description.is_empty() {
                line("DESCRIPTION", &escaped(&event.description));
            }
            line("LAST-MODIFIED", &utc(event.changed));
            line("SEQUENCE", &event.changed.saturating_sub(VERSIONS_FROM).to_string());
            line("STATUS", "CONFIRMED");
            line("TRANSP", "TRANSPARENT");
            line("X-MICROSOFT-CDO-BUSYSTATUS", "FREE");
            line("END", "VEVENT");
        }
        line("END", "VCALENDAR");
        out
    }
}

/// A content line, folded.
fn fold(out: &mut String, name: &str, value: &str) {
    let mut used = 0;
    for c in name.chars().chain([':']).chain(value.chars()) {
        if used + c.len_utf8() > LINE {
            out.push_str("\r\n ");
            used = 1;
        }
        out.push(c);
        used += c.len_utf8();
    }
    out.push_str("\r\n");
}

/// A text as a value (§3.3.11): what would end it, or the line, stands escaped; what is no text is
/// left out.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let text = text.replace("\r\n", "\n");
    for c in text.chars() {
        match c {
            '\\' | ';' | ',' => out.extend(['\\', c]),
            '\n' | '\r' | '\u{2028}' | '\u{2029}' => out.push_str("\\n"),
            '\t' => out.push(' '),
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}

/// A moment in UTC (§3.3.5, form 2).
fn utc(seconds: u64) -> String {
    let at =
        i64::try_from(seconds).ok().and_then(|at| OffsetDateTime::from_unix_timestamp(at).ok());
    let at = at.unwrap_or(OffsetDateTime::UNIX_EPOCH).to_offset(UtcOffset::UTC);
    let mut out = String::new();
    let (day, clock) = (at.date(), at.time());
    let (year, month, day) = (day.year(), u8::from(day.month()), day.day());
    // Writing to a string cannot fail.
    let _ = write!(out, "{year:04}{month:02}{day:02}T");
    let _ = write!(out, "{:02}{:02}{:02}Z", clock.hour(), clock.minute(), clock.second());
    out
}

#[cfg(test)]
mod tests {
    use super::{Calendar, Event, LINE, escaped, utc};
    use proptest::prelude::*;

    fn calendar(name: &str, summary: &str) -> Calendar {
        let event = Event {
            uid: "main-1@example".to_owned(),
            from: 1_700_000_000,
            to: 1_700_003_600,
            summary: summary.to_owned(),
            description: String::new(),
            changed: 1_795_356_131,
        };
        let (made, refresh_minutes) = (1_795_356_131, 15);
        Calendar { name: name.to_owned(), made, refresh_minutes, events: vec![event] }
    }

    #[test]
    fn moments_and_texts_are_written_as_the_standard_says() {
        assert_eq!(utc(0), "19700101T000000Z");
        assert_eq!(utc(1_795_356_131), "20261122T140211Z");
        assert_eq!(escaped("a;b,c\\d\r\ne\nf\u{7}g"), "a\\;b\\,c\\\\d\\ne\\nfg");
        let text = calendar("On call", "primary").text();
        assert!(text.starts_with("BEGIN:VCALENDAR\r\nVERSION:2.0\r\n"));
        assert!(text.ends_with("END:VEVENT\r\nEND:VCALENDAR\r\n"));
        assert!(text.contains("\r\nSEQUENCE:91288931\r\n"), "{text}");
    }

    proptest! {
        #[test]
        fn no_text_begins_a_property_or_makes_a_line_too_long(name: String, summary: String) {
            let text = calendar(&name, &summary).text();
            let lines: Vec<&str> = text.strip_suffix("\r\n").unwrap().split("\r\n").collect();
            prop_assert!(lines.iter().all(|line| line.len() <= LINE));
            prop_assert!(lines.iter().all(|line| !line.contains(['\r', '\n'])));
            let begun = lines.iter().filter(|line| !line.starts_with(' ')).count();
            prop_assert_eq!(begun, 9 + 12 + 1, "{}", text);
        }
    }
}
