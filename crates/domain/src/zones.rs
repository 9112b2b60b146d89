//! Local time: what a clock on the wall says, as moments.
//!
//! Promises: the rule for the two bad hours of a year is that of RFC 5545 §3.3.5. A local time that
//! does not exist, because the clock was put forward over it, counts as if it had not been put
//! forward yet: 02:30 in an hour that is left out is 03:30. A local time that exists twice is the
//! first of the two. So every local time is one moment, the same for whoever asks, and where one
//! turn ends the next begins. The rules of zones are those of the bundled time zone database; what
//! the machine knows of zones is not looked at.

use crate::register::Day;
use jiff::Timestamp;
use jiff::civil::{Date, Time};
use jiff::tz::{TimeZone, TimeZoneDatabase};
use kernel::{Error, Moment, Result};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::sync::LazyLock;

static ZONES: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

/// A time zone of the IANA database.
pub(crate) struct Zone(TimeZone);

impl Zone {
    /// The zone of this name.
    pub(crate) fn of(name: &str) -> Option<Self> {
        // A name is looked up without regard to its case; one spelling of each is kept.
        let found = ZONES.get(name).ok().filter(|zone| zone.iana_name() == Some(name));
        found.map(Self)
    }

    /// As [`Zone::of`].
    ///
    /// # Errors
    /// `Invalid` with the field `zone`.
    pub(crate) fn parse(name: &str) -> Result<Self> {
        Self::of(name).ok_or_else(|| {
            let name = kernel::id::shown(name);
            let why = format!("`{name}` is no time zone: write one as `Europe/Berlin`");
            Error::invalid("zone", why)
        })
    }

    /// The moment at which the clock on the wall shows this, by the rule above.
    pub(crate) fn moment(&self, day: Date, clock: Clock) -> Option<Moment> {
        let at = self.0.to_ambiguous_timestamp(day.to_datetime(clock.time()?)).compatible().ok()?;
        u64::try_from(at.as_microsecond()).ok().map(Moment)
    }

    /// Whether a moment is within hours that begin on these days of the week; hours that do not end
    /// later than they begin end on the next day.
    pub(crate) fn within(&self, at: Moment, (from, to): (Clock, Clock), days: &[Weekday]) -> bool {
        let Some(today) = self.day(at) else { return false };
        let within = |day: Date| {
            let over = if to <= from { later(day, 1)? } else { day };
            let (begin, end) = (self.moment(day, from)?, self.moment(over, to)?);
            Some(days.contains(&Weekday::of(day)) && begin <= at && at < end)
        };
        // Hours of yesterday may reach into today.
        let both = [Some(today), later(today, -1)];
        both.into_iter().flatten().any(|day| within(day).unwrap_or(false))
    }

    /// The day that the calendar on the wall shows at a moment.
    pub(crate) fn day(&self, at: Moment) -> Option<Date> {
        let at = Timestamp::from_microsecond(i64::try_from(at.0).ok()?).ok()?;
        Some(self.0.to_datetime(at).date())
    }
}

/// A day as the calendar of zones has it.
pub(crate) fn date(day: Day) -> Option<Date> {
    day.to_string().parse().ok()
}

/// The day so many days later.
pub(crate) fn later(day: Date, days: i64) -> Option<Date> {
    day.checked_add(jiff::Span::new().try_days(days).ok()?).ok()
}

/// A day of the week.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Weekday {
    /// Monday.
    Mon,
    /// Tuesday.
    Tue,
    /// Wednesday.
    Wed,
    /// Thursday.
    Thu,
    /// Friday.
    Fri,
    /// Saturday.
    Sat,
    /// Sunday.
    Sun,
}

impl Weekday {
    /// Which one a day is.
    pub(crate) fn of(day: Date) -> Self {
        match day.weekday() {
            jiff::civil::Weekday::Monday => Self::Mon,
            jiff::civil::Weekday::Tuesday => Self::Tue,
            jiff::civil::Weekday::Wednesday => Self::Wed,
            jiff::civil::Weekday::Thursday => Self::Thu,
            jiff::civil::Weekday::Friday => Self::Fri,
            jiff::civil::Weekday::Saturday => Self::Sat,
            jiff::civil::Weekday::Sunday => Self::Sun,
        }
    }
}

/// What a clock on the wall shows, from `00:00` to `23:59`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Clock {
    hour: u8,
    minute: u8,
}

impl Clock {
    /// Reads `HH:MM`.
    pub fn parse(text: &str) -> Option<Self> {
        let (hour, minute) = text.split_once(':')?;
        let two = |part: &str, below: u8| {
            let plain = part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
            part.parse().ok().filter(|number| plain && *number < below)
        };
        Some(Self { hour: two(hour, 24)?, minute: two(minute, 60)? })
    }

    fn time(self) -> Option<Time> {
        Time::new(i8::try_from(self.hour).ok()?, i8::try_from(self.minute).ok()?, 0, 0).ok()
    }
}

impl std::fmt::Display for Clock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:02}:{:02}", self.hour, self.minute)
    }
}

impl Serialize for Clock {
    fn serialize<S: Serializer>(&self, to: S) -> std::result::Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Clock {
    fn deserialize<D: Deserializer<'de>>(from: D) -> std::result::Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(from)?;
        Self::parse(&text).ok_or_else(|| {
            let text = kernel::id::shown(&text);
            serde::de::Error::custom(format!("`{text}` is no time of day: write it as `09:00`"))
        })
    }
}

impl JsonSchema for Clock {
    fn schema_name() -> Cow<'static, str> {
        "Clock".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "pattern": "^([01][0-9]|2[0-3]):[0-5][0-9]$"})
    }
}
