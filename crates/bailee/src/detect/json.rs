//! Events as lines of JSON.
//!
//! A line is an object. `time` (or `@timestamp`, `timestamp`) says when: RFC 3339, or a number of
//! seconds, milliseconds or microseconds since 1970, told apart by its size. `received` likewise,
//! and is `time` where it is missing. `product`, `service`, `category` name the log source, or
//! `logsource` with them inside; `tenant` who pays. `fields` holds the fields, or they stand
//! beside.

use serde_json::{Map, Value};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use watch::Event;

/// Reads one line.
///
/// # Errors
/// What is wrong with it and what to do.
pub(super) fn events(text: &str) -> Result<Vec<Event>, String> {
    let value: Value = serde_json::from_str(text).map_err(|error| {
        let column = error.column();
        format!("no JSON at column {column}: write one object a line, without breaks")
    })?;
    let Value::Object(mut object) = value else {
        return Err("no JSON object: write one object a line".to_owned());
    };
    let time = ["time", "@timestamp", "timestamp"].iter().find_map(|name| object.remove(*name));
    let time = time.as_ref().and_then(moment).ok_or(
        "no time: add `time` as RFC 3339, such as `2026-01-31T08:00:00Z`, or as a number since \
         1970",
    )?;
    let received = object.remove("received").as_ref().and_then(moment).unwrap_or(time);
    object.remove("number");
    let mut source = match object.remove("logsource") {
        Some(Value::Object(source)) => source,
        _ => Map::new(),
    };
    let mut named = |name: &str| {
        let value = object.remove(name).or_else(|| source.remove(name));
        value.and_then(|value| value.as_str().map(str::to_owned))
    };
    let (product, service, category) = (named("product"), named("service"), named("category"));
    let tenant = named("tenant").unwrap_or_default();
    if let Some(Value::Object(inner)) = object.remove("fields") {
        object.extend(inner);
    }
    let event =
        Event { number: 0, received, time, product, service, category, tenant, fields: object };
    Ok(vec![event])
}

/// A moment, in µs since 1970.
fn moment(value: &Value) -> Option<u64> {
    let micros = match value {
        Value::String(text) => {
            let moment = OffsetDateTime::parse(text, &Rfc3339).ok()?;
            moment.unix_timestamp_nanos() / 1_000
        }
        Value::Number(number) => {
            let number = number.as_f64()?;
            // 10^11 seconds are the year 5138, 10^14 milliseconds too.
            let scale = if number < 1e11 {
                1e6
            } else if number < 1e14 {
                1e3
            } else {
                1.0
            };
            (number * scale) as i128
        }
        _ => return None,
    };
    u64::try_from(micros).ok()
}
