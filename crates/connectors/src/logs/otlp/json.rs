//! OTLP in JSON (protobuf's JSON mapping, with ids in hex).

use serde_json::{Map, Value};

use super::super::{Batch, Refused};
use super::{Around, DEPTH, Log, VALUES, take};

fn broken(place: &str, problem: &str) -> Refused {
    Refused::new(place, problem, "send an `ExportLogsServiceRequest` in JSON")
}

pub(super) fn request(bytes: &[u8]) -> Result<Batch, Refused> {
    let value: Value = serde_json::from_slice(bytes).map_err(|why| {
        let place = format!("line {}, column {}", why.line(), why.column());
        broken(&place, "it is no JSON")
    })?;
    let Value::Object(request) = value else {
        return Err(broken("the request", "it is no object"));
    };
    let mut batch = Batch::default();
    for resource in list(&request, "resourceLogs")? {
        let attributes = resource.get("resource").and_then(|one| one.get("attributes"));
        let mut left = VALUES;
        let mut around = Around { resource: pairs(attributes, 0, &mut left)?, ..Around::default() };
        for scope in list(object(resource)?, "scopeLogs")? {
            let name = scope.get("scope").and_then(|one| one.get("name")).and_then(Value::as_str);
            around.scope = name.map(str::to_owned);
            for (number, log) in list(object(scope)?, "logRecords")?.iter().enumerate() {
                let log = one(log).map_err(|why| why.inside(&format!("logRecords[{number}]")));
                take(&mut batch, log, &around);
            }
        }
    }
    Ok(batch)
}

fn object(value: &Value) -> Result<&Map<String, Value>, Refused> {
    value.as_object().ok_or_else(|| broken("the request", "something in it is no object"))
}

fn list<'a>(object: &'a Map<String, Value>, key: &str) -> Result<&'a [Value], Refused> {
    match object.get(key) {
        None | Some(Value::Null) => Ok(&[]),
        Some(Value::Array(all)) => Ok(all),
        Some(_) => Err(broken(key, "it is no list")),
    }
}

fn one(value: &Value) -> Result<Log, Refused> {
    let object = value.as_object().ok_or_else(|| broken("the record", "it is no object"))?;
    let mut left = VALUES;
    let text = |key: &str| object.get(key).and_then(Value::as_str).unwrap_or_default();
    let id = |key: &str, bytes: usize| {
        let hex = text(key).len() == 2 * bytes && text(key).bytes().all(|b| b.is_ascii_hexdigit());
        if hex { text(key).to_ascii_lowercase() } else { String::new() }
    };
    let body = object.get("body").map(|body| any(body, 0, &mut left)).transpose()?;
    Ok(Log {
        time: nanos(object, "timeUnixNano")?,
        observed: nanos(object, "observedTimeUnixNano")?,
        severity: object.get("severityNumber").and_then(Value::as_u64),
        level: text("severityText").to_owned(),
        body,
        attributes: pairs(object.get("attributes"), 0, &mut left)?,
        trace: id("traceId", 16),
        span: id("spanId", 8),
        event: text("eventName").to_owned(),
    })
}

/// A 64-bit number, which is a string or a number.
fn nanos(object: &Map<String, Value>, key: &str) -> Result<Option<u64>, Refused> {
    let number = match object.get(key) {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::String(text)) => text.parse().ok(),
        Some(other) => other.as_u64(),
    };
    number.map(Some).ok_or_else(|| broken(key, "it is no number of nanoseconds"))
}

/// `[{"key": …, "value": …}]`
fn pairs(
    value: Option<&Value>,
    depth: usize,
    left: &mut usize,
) -> Result<Map<String, Value>, Refused> {
    let mut all = Map::new();
    for pair in value.and_then(Value::as_array).into_iter().flatten() {
        let key = pair.get("key").and_then(Value::as_str);
        let key = key.ok_or_else(|| broken("an attribute", "it has no `key`"))?;
        let value = pair.get("value").map(|value| any(value, depth + 1, left)).transpose()?;
        all.insert(key.to_owned(), value.unwrap_or_default());
    }
    Ok(all)
}

/// `AnyValue`: an object with one member that names its type.
fn any(value: &Value, depth: usize, left: &mut usize) -> Result<Value, Refused> {
    *left = left.checked_sub(1).filter(|_| depth < DEPTH).ok_or_else(|| {
        let problem = format!("it has more than {VALUES} values or {DEPTH} levels");
        Refused::new("a value", problem, "log less in one record")
    })?;
    let Some((kind, inner)) = value.as_object().and_then(|one| one.iter().next()) else {
        return Ok(Value::Null);
    };
    Ok(match (kind.as_str(), inner) {
        ("intValue", Value::String(text)) => {
            text.parse::<i64>().map_err(|_| broken("intValue", "it is no number"))?.into()
        }
        // Protobuf's JSON writes these as text.
        ("doubleValue", Value::String(text)) => text.as_str().into(),
        ("stringValue" | "boolValue" | "intValue" | "doubleValue" | "bytesValue", plain) => {
            plain.clone()
        }
        ("arrayValue", list) => {
            let all = list.get("values").and_then(Value::as_array);
            let all = all.into_iter().flatten().map(|one| any(one, depth + 1, left));
            all.collect::<Result<Vec<_>, _>>()?.into()
        }
        ("kvlistValue", map) => pairs(map.get("values"), depth + 1, left)?.into(),
        _ => Value::Null,
    })
}
