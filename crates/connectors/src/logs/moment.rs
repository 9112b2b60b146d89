//! Times as logs write them, to µs since 1970.

use time::format_description::well_known::Rfc3339;
use time::{Date, Month, OffsetDateTime, PrimitiveDateTime, Time, UtcOffset};

/// One second in µs.
pub(super) const SECOND: u64 = 1_000_000;

/// RFC 3339, with any offset.
pub(super) fn rfc3339(text: &str) -> Option<u64> {
    micros(OffsetDateTime::parse(text, &Rfc3339).ok()?)
}

/// µs since 1970 as RFC 3339 in UTC with µs; `None` beyond the year 9999.
pub(super) fn to_rfc3339(at: u64) -> Option<String> {
    let moment = OffsetDateTime::from_unix_timestamp_nanos(i128::from(at) * 1000).ok()?;
    let (date, time) = (moment.date(), moment.time());
    (moment.year() <= 9999).then(|| {
        format!(
            "{date}T{:02}:{:02}:{:02}.{:06}Z",
            time.hour(),
            time.minute(),
            time.second(),
            time.microsecond()
        )
    })
}

/// A date and a time of day, `zone` seconds east of UTC.
pub(super) fn civil(date: (i32, u8, u8), time: (u8, u8, u8), zone: i32) -> Option<u64> {
    let date = Date::from_calendar_date(date.0, Month::try_from(date.1).ok()?, date.2).ok()?;
    let time = Time::from_hms(time.0, time.1, time.2).ok()?;
    let offset = UtcOffset::from_whole_seconds(zone).ok()?;
    micros(PrimitiveDateTime::new(date, time).assume_offset(offset))
}

/// The year that a moment is in, `zone` seconds east of UTC.
pub(super) fn year(at: u64, zone: i32) -> Option<i32> {
    let moment = OffsetDateTime::from_unix_timestamp_nanos(i128::from(at) * 1000).ok()?;
    Some(moment.to_offset(UtcOffset::from_whole_seconds(zone).ok()?).year())
}

/// A number since 1970 in seconds, ms, µs or ns, told apart by its size: years 1973 to 5138.
pub(super) fn epoch(number: f64) -> Option<u64> {
    let micros = match number {
        1e8..1e11 => number * 1e6,
        1e11..1e14 => number * 1e3,
        1e14..1e17 => number,
        1e17..1e20 => number / 1e3,
        _ => return None,
    };
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 1e14 and 1e17, as the arms above say"
    )]
    Some(micros as u64)
}

/// As PostgreSQL writes it: `2026-11-23 04:42:06.123 UTC`; a zone that is named otherwise than UTC
/// or GMT is not known here, and then neither is the time.
pub(super) fn postgres(text: &str) -> Option<u64> {
    let mut words = text.splitn(3, ' ');
    let (date, time, zone) = (words.next()?, words.next()?, words.next()?);
    let zone = match zone {
        "UTC" | "GMT" => "Z".to_owned(),
        offset if offset.len() == 3 => format!("{offset}:00"),
        offset => offset.to_owned(),
    };
    rfc3339(&format!("{date}T{time}{zone}"))
}

fn micros(moment: OffsetDateTime) -> Option<u64> {
    u64::try_from(moment.unix_timestamp_nanos() / 1000).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_a_time_by_its_size() {
        let at = 1_795_408_926_000_000;
        for number in [1_795_408_926.0, 1_795_408_926e3, 1_795_408_926e6, 1_795_408_926e9] {
            assert_eq!(epoch(number), Some(at), "{number}");
        }
        for number in [0.0, -1.0, f64::NAN, 1e30, 17.0] {
            assert_eq!(epoch(number), None, "{number}");
        }
    }

    #[test]
    fn zones_without_a_number_are_not_guessed() {
        assert_eq!(postgres("1970-01-01 00:00:01.5 UTC"), Some(1_500_000));
        assert_eq!(postgres("1970-01-01 02:00:01 +02"), Some(SECOND));
        assert_eq!(postgres("1970-01-01 00:00:01 CEST"), None);
        assert_eq!(to_rfc3339(1_500_000).as_deref(), Some("1970-01-01T00:00:01.500000Z"));
    }
}
