//! Logs in the form of syslog: `auth.log` and its like (RFC 3164 §4.1, and the RFC 3339 stamps of
//! newer rsyslog).
//!
//! Every line is an event of product `linux` and of the service that wrote it, with its message;
//! lines of sshd about logins say who, from where, and whether it succeeded. A line that says that
//! a message was repeated stands for as many events.

use std::str::FromStr as _;

use serde_json::{Map, Value};
use time::format_description::well_known::Rfc3339;
use time::{Date, Month, OffsetDateTime, Time};
use watch::Event;

/// How often one message is taken to have been repeated; rsyslog joins a few.
const REPEATED: u64 = 1_000;

/// Gives lines without a year their year.
pub(super) struct Years {
    year: Option<i32>,
    changed: Option<OffsetDateTime>,
    last: Option<Date>,
}

impl Years {
    /// Begins in this year, or in that in which the file was changed.
    pub(super) fn new(year: Option<i32>, changed: Option<OffsetDateTime>) -> Self {
        Self { year, changed, last: None }
    }

    /// Reads one line.
    ///
    /// # Errors
    /// What is wrong with it and what to do.
    pub(super) fn events(&mut self, text: &str) -> Result<Vec<Event>, String> {
        let line = parse_line(text).ok_or(
            "neither JSON nor a line of syslog such as `Mar 29 10:42:45 host sshd[1]: …`: convert \
             it to JSON",
        )?;
        let time = match line.stamp {
            Stamp::Full(moment) => moment,
            Stamp::Yearless(month, day, time) => self
                .dated(month, day, time)
                .ok_or("no such day in this year: give `--year` of the first line")?,
        };
        let time = u64::try_from(time.unix_timestamp_nanos() / 1_000).unwrap_or_default();
        let event = Event {
            number: 0,
            received: time,
            time,
            product: Some("linux".to_owned()),
            service: Some(line.service),
            category: None,
            tenant: line.host,
            fields: line.fields,
        };
        Ok(vec![event; usize::try_from(line.repeated).unwrap_or(1)])
    }

    fn dated(&mut self, month: Month, day: u8, time: Time) -> Option<OffsetDateTime> {
        let year = match self.year {
            Some(year) => year,
            None => self.first_year(month, day)?,
        };
        let mut date = Date::from_calendar_date(year, month, day);
        // From December to January a year has passed; a few days back is disorder.
        let back = |date: Date| self.last.is_some_and(|last| (last - date).whole_days() > 180);
        if date.is_ok_and(back) || (date.is_err() && self.last.is_some()) {
            date = Date::from_calendar_date(year + 1, month, day);
        }
        let date = date.ok()?;
        self.year = Some(date.year());
        self.last = Some(date);
        Some(date.with_time(time).assume_utc())
    }

    /// The last year in which the first line was not written after the file was changed.
    fn first_year(&self, month: Month, day: u8) -> Option<i32> {
        let changed = self.changed?;
        (changed.year() - 8..=changed.year()).rev().find(|&year| {
            Date::from_calendar_date(year, month, day).is_ok_and(|date| date <= changed.date())
        })
    }
}

/// When a line says it was written.
enum Stamp {
    Full(OffsetDateTime),
    Yearless(Month, u8, Time),
}

/// A line of a log, read.
struct Parsed {
    stamp: Stamp,
    host: String,
    service: String,
    repeated: u64,
    fields: Map<String, Value>,
}

/// Reads a line: the seam at which `connectors` takes over.
fn parse_line(text: &str) -> Option<Parsed> {
    // A line from a socket has its priority in front.
    let text = match text.strip_prefix('<').and_then(|rest| rest.split_once('>')) {
        Some((priority, rest)) if priority.parse::<u8>().is_ok() => rest,
        _ => text,
    };
    let (stamp, rest) = stamp(text)?;
    let (host, rest) = rest.trim_start().split_once(' ')?;
    let (tag, message) = rest.split_once(':')?;
    let (service, process) = match tag.split_once('[') {
        Some((service, process)) => (service, process.strip_suffix(']')),
        None => (tag, None),
    };
    if service.is_empty() || service.contains(char::is_whitespace) {
        return None;
    }
    let (repeated, message) = repeated(message.trim());
    let mut fields = Map::new();
    let mut set = |name: &str, value: &str| fields.insert(name.to_owned(), Value::from(value));
    set("message", message);
    set("host.name", host);
    set("process.name", service);
    if let Some(process) = process {
        set("process.pid", process);
    }
    if service == "sshd" {
        for (name, value) in login(message).into_iter().flatten() {
            set(name, value);
        }
    }
    Some(Parsed { stamp, host: host.to_owned(), service: service.to_owned(), repeated, fields })
}

fn stamp(text: &str) -> Option<(Stamp, &str)> {
    if text.starts_with(|first: char| first.is_ascii_digit()) {
        let (stamp, rest) = text.split_once(' ')?;
        return Some((Stamp::Full(OffsetDateTime::parse(stamp, &Rfc3339).ok()?), rest));
    }
    let (month, rest) = text.split_at_checked(3)?;
    let month = match month {
        "Jan" => Month::January,
        "Feb" => Month::February,
        "Mar" => Month::March,
        "Apr" => Month::April,
        "May" => Month::May,
        "Jun" => Month::June,
        "Jul" => Month::July,
        "Aug" => Month::August,
        "Sep" => Month::September,
        "Oct" => Month::October,
        "Nov" => Month::November,
        "Dec" => Month::December,
        _ => return None,
    };
    let (day, rest) = rest.trim_start().split_once(' ')?;
    let (clock, rest) = rest.split_once(' ')?;
    let mut parts = clock.split(':').map(u8::from_str);
    let mut next = || parts.next()?.ok();
    let time = Time::from_hms(next()?, next()?, next()?).ok()?;
    Some((Stamp::Yearless(month, day.parse().ok()?, time), rest))
}

/// What rsyslog writes in place of a message that came several times.
fn repeated(message: &str) -> (u64, &str) {
    let said = || {
        let rest = message.strip_prefix("message repeated ")?;
        let (number, rest) = rest.split_once(" times: [")?;
        let inner = rest.strip_suffix(']')?;
        Some((number.parse::<u64>().ok()?.clamp(1, REPEATED), inner.trim()))
    };
    said().unwrap_or((1, message))
}

/// What sshd says of a login: `Failed password for invalid user x from 192.0.2.1 port 22 ssh2`.
/// The name may hold anything, so that the address is looked for from the end.
fn login(message: &str) -> Option<[(&'static str, &str); 4]> {
    let (outcome, rest) = match message.split_once(' ')? {
        ("Failed", rest) => ("failure", rest),
        ("Accepted", rest) => ("success", rest),
        _ => return None,
    };
    let (_, rest) = rest.split_once(" for ")?;
    let (name, from) = rest.rsplit_once(" from ")?;
    let name = name.strip_prefix("invalid user ").unwrap_or(name);
    let (address, _) = from.split_once(" port ")?;
    address.parse::<std::net::IpAddr>().ok()?;
    Some([
        ("event.action", "login"),
        ("event.outcome", outcome),
        ("user.name", name),
        ("source.ip", address),
    ])
}
