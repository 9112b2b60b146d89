//! Time as a reader needs it: in their zone, with UTC beside whatever may be quoted; ages and what
//! is left in words.

use domain::register::{Day, When};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use kernel::Moment;
use maud::{Markup, html};
use std::time::Duration;

/// A time zone of the IANA database.
#[derive(Clone, Debug)]
pub(crate) struct Zone {
    name: String,
    rules: TimeZone,
}

impl Zone {
    /// Coordinated Universal Time.
    pub(crate) fn utc() -> Self {
        Self { name: "UTC".to_owned(), rules: TimeZone::UTC }
    }

    /// The zone of this name, such as `Europe/Berlin`.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"/_+-".contains(&b);
        if name.is_empty() || name.len() > 64 || !name.bytes().all(plain) {
            return None;
        }
        let rules = TimeZone::get(name).ok()?;
        Some(Self { name: rules.iana_name().unwrap_or(name).to_owned(), rules })
    }

    /// Its name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    fn is_utc(&self) -> bool {
        self.name == "UTC"
    }
}

/// The moment of a page, and the zone of who reads it.
#[derive(Clone, Debug)]
pub(crate) struct ReaderClock {
    pub(crate) now: Moment,
    pub(crate) zone: Zone,
}

impl ReaderClock {
    /// A moment to the minute, with UTC on hover.
    pub(crate) fn at(&self, moment: Moment) -> Markup {
        let utc = format(moment, &TimeZone::UTC, "%-d %b %Y, %H:%M:%S UTC");
        let text = format(moment, &self.zone.rules, "%-d %b %Y, %H:%M");
        html! { time datetime=(moment.rfc3339()) title=(utc) { (text) } }
    }

    /// A moment to the minute as plain text, for what is drawn.
    pub(crate) fn short(&self, moment: Moment) -> String {
        format(moment, &self.zone.rules, "%-d %b %H:%M")
    }

    /// A moment to the minute, in UTC, for text that names no zone.
    pub(crate) fn in_utc(moment: Moment) -> Markup {
        let text = format(moment, &TimeZone::UTC, "%-d %b %Y, %H:%M UTC");
        html! { time datetime=(moment.rfc3339()) { (text) } }
    }

    /// A moment to the second, with UTC beside it: for what may be quoted.
    pub(crate) fn quoted(&self, moment: Moment) -> Markup {
        let utc = format(moment, &TimeZone::UTC, "%-d %b %Y, %H:%M:%S UTC");
        html! {
            time datetime=(moment.rfc3339()) {
                @if self.zone.is_utc() { (utc) }
                @else {
                    (format(moment, &self.zone.rules, "%-d %b %Y, %H:%M:%S %Z"))
                    " " span.utc { "(" (utc) ")" }
                }
            }
        }
    }

    /// The time of day of this page, in UTC: what the header of every page says.
    pub(crate) fn as_of(&self, moment: Moment) -> Markup {
        let local = format(moment, &self.zone.rules, "%-d %b %Y, %H:%M:%S %Z");
        let shape = if Day::of(moment) == Day::of(self.now) {
            "%H:%M:%S UTC"
        } else {
            "%-d %b %Y, %H:%M:%S UTC"
        };
        let utc = format(moment, &TimeZone::UTC, shape);
        html! { time datetime=(moment.rfc3339()) title=(local) { (utc) } }
    }

    /// A day of the calendar.
    pub(crate) fn day(&self, day: Day) -> Markup {
        let text = format(day.start(), &TimeZone::UTC, "%-d %b %Y");
        html! { time datetime=(day.to_string()) { (text) } }
    }

    /// How long ago, such as `40 s ago`.
    pub(crate) fn ago(&self, moment: Moment) -> String {
        // What this very page measured is younger than the page.
        if moment.since(self.now) >= Duration::from_secs(60) {
            return format!("in {}", span(moment.since(self.now)));
        }
        format!("{} ago", span(self.now.since(moment)))
    }

    /// What is left until then, or how long it is over.
    pub(crate) fn left(&self, due: Moment) -> Markup {
        let late = due <= self.now;
        let text = match late {
            true => format!("overdue by {}", span(self.now.since(due))),
            false => format!("{} left", span(due.since(self.now))),
        };
        html! { span.late[late] { (text) } }
    }

    /// By when, and what is left until then.
    pub(crate) fn due(&self, due: Moment) -> Markup {
        html! { span.whole { (self.at(due)) } br; span.whole { (self.left(due)) } }
    }

    /// The moment that is written so.
    pub(crate) fn parse(text: &str) -> Option<Moment> {
        When::parse(text).map(|when| when.0)
    }
}

/// A duration as people say it: to the second below a minute, to the minute below four days.
pub(crate) fn span(span: Duration) -> String {
    const HOUR: u64 = 3600;
    match span.as_secs() {
        seconds @ 0..60 => format!("{seconds} s"),
        seconds @ 60..HOUR => format!("{} min", seconds / 60),
        seconds if seconds < 96 * HOUR => {
            format!("{} h {:02} min", seconds / HOUR, seconds % HOUR / 60)
        }
        seconds => format!("{} d", seconds / (24 * HOUR)),
    }
}

fn format(moment: Moment, zone: &TimeZone, shape: &str) -> String {
    let micros = i64::try_from(moment.0).unwrap_or(i64::MAX);
    match Timestamp::from_microsecond(micros) {
        Ok(stamp) => stamp.to_zoned(zone.clone()).strftime(shape).to_string(),
        // Beyond the year 9999 a calendar says nothing.
        Err(_) => "never".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::{ReaderClock, Zone, span};
    use kernel::Moment;
    use std::time::Duration;

    const NOW: Moment = Moment(1_795_356_131_000_204);

    fn clock(zone: &str) -> ReaderClock {
        ReaderClock { now: NOW, zone: Zone::parse(zone).unwrap() }
    }

    #[test]
    fn times_are_in_the_zone_of_the_reader_with_utc_beside_them() {
        let berlin = clock("Europe/Berlin");
        let shown = berlin.quoted(NOW).into_string();
        assert!(shown.contains("22 Nov 2026, 15:02:11 CET"), "{shown}");
        assert!(shown.contains("(22 Nov 2026, 14:02:11 UTC)"), "{shown}");
        assert!(shown.contains("datetime=\"2026-11-22T14:02:11.000204Z\""), "{shown}");
        let shown = berlin.at(NOW).into_string();
        assert!(shown.contains("title=\"22 Nov 2026, 14:02:11 UTC\""), "{shown}");
        assert!(shown.contains(">22 Nov 2026, 15:02<"), "{shown}");
        let shown = clock("UTC").quoted(NOW).into_string();
        assert_eq!(shown.matches("UTC").count(), 1, "{shown}");
        assert!(berlin.as_of(NOW).into_string().contains(">14:02:11 UTC<"));
        assert!(berlin.at(Moment(u64::MAX)).into_string().contains("never"));
        for bad in ["", "../etc/passwd", "Europe/Nowhere", &"a".repeat(65), "<b>"] {
            assert!(Zone::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn spans_read_as_people_say_them() {
        for (seconds, text) in [
            (0, "0 s"),
            (59, "59 s"),
            (60, "1 min"),
            (3599, "59 min"),
            (111_840, "31 h 04 min"),
            (345_600, "4 d"),
        ] {
            assert_eq!(span(Duration::from_secs(seconds)), text);
        }
        let clock = clock("UTC");
        let at = |seconds: i64| Moment(NOW.0.checked_add_signed(seconds * 1_000_000).unwrap());
        assert_eq!(clock.ago(at(-40)), "40 s ago");
        assert_eq!(clock.ago(at(1)), "0 s ago", "what a page measures is younger than the page");
        assert_eq!(clock.ago(at(120)), "in 2 min");
        assert!(clock.left(at(111_840)).into_string().contains("31 h 04 min left"));
        assert!(clock.left(at(-90)).into_string().contains("overdue by 1 min"));
    }
}
