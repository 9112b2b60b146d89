//! RFC 3164, as it is spoken: `Nov 23 04:42:06 host tag[1]: text`, with the times that others put
//! in its place: RFC 3339 (rsyslog's files), and a year behind the day (Cisco).

use super::super::Record;
use super::super::moment::{SECOND, civil, rfc3339, year};

/// How far behind its receipt's clock a message may be dated ahead, in µs: one day, so that a
/// sender whose clock is fast at New Year is not taken for a year old.
const AHEAD: u64 = 24 * 3600 * SECOND;

/// Years to look back for a 29 February: 1896 to 1904 was the longest wait, and so is 2096 to 2104.
const YEARS: i32 = 8;

/// Longest tag in bytes; RFC 3164 says 32, and unit names are longer.
const TAG: usize = 128;

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Reads what follows the priority. Nothing is refused: without a header all is message.
pub(super) fn read(bytes: &[u8], received: u64, zone: i32) -> Record {
    let text = String::from_utf8_lossy(bytes);
    let mut record = Record::default();
    let Some((time, rest)) = stamp(&text, received, zone) else {
        record.set("message", text.trim_end());
        return record;
    };
    record.time = time;
    let (host, rest) = match rest.split_once(' ') {
        // A local sender leaves the host out, and then the first word is the tag.
        Some((word, _)) if word.ends_with(':') || word.ends_with(']') => (None, rest),
        Some((host, rest)) => (Some(host), rest),
        None => (None, rest),
    };
    if let Some(host) = host.filter(|host| is_host(host)) {
        record.host = Some(host.to_owned());
        record.set("host.name", host);
    }
    let rest = rest.trim_start_matches(' ');
    match tag(rest) {
        Some((name, pid, message)) => {
            record.set("process.name", name);
            if let Some(pid) = pid {
                match pid.parse::<u32>() {
                    Ok(number) => record.set("process.pid", number),
                    Err(_) => record.set("log.syslog.procid", pid),
                }
            }
            record.set("message", message.trim_end());
        }
        None => record.set("message", rest.trim_end()),
    }
    record
}

/// `last message repeated 3 times`.
pub(super) fn last_repeated(message: &str) -> Option<u64> {
    let times = message.strip_prefix("last message repeated ")?.strip_suffix(" times")?;
    times.parse().ok().filter(|times| *times > 0)
}

/// `message repeated 3 times: [ … ]`: how often, and what.
pub(super) fn repeated(message: &str) -> Option<(u64, &str)> {
    let rest = message.strip_prefix("message repeated ")?;
    let (times, rest) = rest.split_once(" times: [")?;
    let inner = rest.strip_suffix(']')?;
    let times = times.parse().ok().filter(|times| *times > 0)?;
    Some((times, inner.strip_prefix(' ').unwrap_or(inner)))
}

/// The time of the header, and what follows it and a space.
fn stamp(text: &str, received: u64, zone: i32) -> Option<(Option<u64>, &str)> {
    if text.starts_with(|first: char| first.is_ascii_digit()) {
        let (stamp, rest) = text.split_once(' ')?;
        return rfc3339(stamp).map(|time| (Some(time), rest));
    }
    // Cisco marks a clock that is not set with `*`.
    let text = text.strip_prefix('*').unwrap_or(text);
    let month = MONTHS.iter().position(|name| text.get(..3) == Some(name))? + 1;
    let month = u8::try_from(month).ok()?;
    let (day, rest) = number(text.get(3..)?.strip_prefix(' ')?.trim_start_matches(' '))?;
    let rest = rest.strip_prefix(' ')?;
    let (stated, rest) = match number(rest) {
        Some((year, rest)) if rest.starts_with(' ') && year > 1900 => {
            (Some(i32::from(year)), rest.strip_prefix(' ')?)
        }
        _ => (None, rest),
    };
    let (clock, rest) = rest.split_once(' ')?;
    // Cisco ends the time with a colon.
    let clock = clock.strip_suffix(':').unwrap_or(clock);
    let (seconds, fraction) = clock.split_once('.').unwrap_or((clock, ""));
    let mut parts = seconds.split(':').map(|part| part.parse::<u8>().ok());
    let clock = (parts.next()??, parts.next()??, parts.next()??);
    if parts.next().is_some() {
        return None;
    }
    let day = u8::try_from(day).ok()?;
    let whole = match stated {
        Some(year) => civil((year, month, day), clock, zone),
        None => latest(received, zone, |year| civil((year, month, day), clock, zone)),
    };
    let whole = whole?.checked_add(micros(fraction)?)?;
    Some((Some(whole), rest))
}

/// The latest of the years' moments that is not more than a day after the receipt.
fn latest(received: u64, zone: i32, moment: impl Fn(i32) -> Option<u64>) -> Option<u64> {
    let this = year(received, zone)?;
    let last = received.saturating_add(AHEAD);
    (this - YEARS..=this + 1).rev().filter_map(moment).find(|at| *at <= last)
}

/// Up to six digits behind the point, in µs.
fn micros(fraction: &str) -> Option<u64> {
    if fraction.is_empty() {
        return Some(0);
    }
    let digits = fraction.get(..fraction.len().min(6))?;
    let number: u64 = digits.parse().ok()?;
    Some(number * 10_u64.pow(6 - u32::try_from(digits.len()).ok()?))
}

fn number(text: &str) -> Option<(u16, &str)> {
    let end = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    Some((digits.parse().ok()?, rest))
}

fn is_host(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:%".contains(&byte);
    !text.is_empty() && text.len() <= 255 && text.bytes().all(plain)
}

/// `name[pid]: text` or `name: text`.
fn tag(text: &str) -> Option<(&str, Option<&str>, &str)> {
    let end = text.find([':', '[', ' '])?;
    let name = text.get(..end).filter(|name| !name.is_empty() && name.len() <= TAG)?;
    let rest = text.get(end..)?;
    let (pid, rest) = match rest.strip_prefix('[') {
        Some(rest) => {
            let (pid, rest) = rest.split_once(']')?;
            (Some(pid).filter(|pid| pid.len() <= TAG), rest)
        }
        None => (None, rest),
    };
    let message = rest.strip_prefix(':')?;
    Some((name, pid, message.strip_prefix(' ').unwrap_or(message)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> u64 {
        rfc3339(text).unwrap()
    }

    #[test]
    fn the_year_is_the_latest_that_is_not_in_the_future() {
        let cases = [
            ("Dec 31 23:59:59 h t: m", "2027-01-01T00:00:05Z", "2026-12-31T23:59:59Z"),
            ("Jan  1 00:00:05 h t: m", "2026-12-31T23:59:59Z", "2027-01-01T00:00:05Z"),
            ("Nov 23 04:00:00 h t: m", "2026-11-23T04:00:01Z", "2026-11-23T04:00:00Z"),
            ("Nov 25 04:00:00 h t: m", "2026-11-23T04:00:01Z", "2025-11-25T04:00:00Z"),
            ("Feb 29 04:00:00 h t: m", "2026-11-23T04:00:01Z", "2024-02-29T04:00:00Z"),
            ("Mar 1 2018 13:06:56 h t: m", "2026-11-23T04:00:01Z", "2018-03-01T13:06:56Z"),
            ("Mar  1 13:06:56.25 h t: m", "2026-11-23T04:00:01Z", "2026-03-01T13:06:56.25Z"),
            (
                "2026-11-23T05:00:00.5+01:00 h t: m",
                "2026-11-23T04:00:01Z",
                "2026-11-23T04:00:00.5Z",
            ),
        ];
        for (line, received, expected) in cases {
            let record = read(line.as_bytes(), at(received), 0);
            assert_eq!(record.time, Some(at(expected)), "{line}");
            assert_eq!(record.host.as_deref(), Some("h"), "{line}");
            assert_eq!(record.text("message"), Some("m"), "{line}");
        }
        let east = read(b"Nov 23 05:00:00 h t: m", at("2026-11-23T04:00:01Z"), 3600);
        assert_eq!(east.time, Some(at("2026-11-23T04:00:00Z")));
    }

    #[test]
    fn what_has_no_header_is_all_message() {
        let lines =
            ["", "x", "Nov", "Nov 31 04:00:00 h t: m", "Nov 3 25:00:00 h t: m", "2026 x", "Nov  "];
        for line in lines {
            let record = read(line.as_bytes(), at("2026-11-23T04:00:01Z"), 0);
            assert_eq!((record.time, record.host.as_deref()), (None, None), "{line}");
            assert_eq!(record.text("message"), Some(line.trim_end()), "{line}");
        }
    }

    #[test]
    fn tags_are_read_as_they_come() {
        let cases = [
            ("sshd[7]: m", Some("sshd"), Some(7), "m"),
            ("sudo:   u : TTY=x", Some("sudo"), None, "  u : TTY=x"),
            ("systemd-logind[1]: m", Some("systemd-logind"), Some(1), "m"),
            ("no tag here", None, None, "no tag here"),
            ("half[7: m", None, None, "half[7: m"),
        ];
        for (rest, name, pid, message) in cases {
            let line = format!("Nov 23 04:00:00 host {rest}");
            let record = read(line.as_bytes(), at("2026-11-23T04:00:01Z"), 0);
            assert_eq!(record.text("process.name"), name, "{line}");
            assert_eq!(record.fields.get("process.pid").and_then(serde_json::Value::as_u64), pid);
            assert_eq!(record.text("message"), Some(message), "{line}");
        }
        // Without a host, as local senders write.
        let record = read(b"Nov 23 04:00:00 sshd[7]: m", at("2026-11-23T04:00:01Z"), 0);
        assert_eq!((record.host.as_deref(), record.text("process.name")), (None, Some("sshd")));
    }
}
