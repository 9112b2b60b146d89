//! JSON lines: one object a line, of whatever form, as collectors send them.
//!
//! Promises: a line that is none is rejected with its number, and the others are read; nested
//! names become flat ones. The time is in `@timestamp`, `timestamp`, `time` or `ts`, as RFC 3339 or
//! as a number since 1970; the log source may be stated as Sigma does, in `logsource` (`product`,
//! `service`, `category`). Where it is not, the program that wrote the message tells it.

use serde_json::{Map, Value};

use super::{Batch, Record, Refused, classify, flat, moment};
use crate::intake::MAX_JSON;

/// Longest line in bytes.
pub const MAX_LINE: usize = 256 << 10;

/// Where a time is looked for, in this order.
const TIMES: [&str; 4] = ["@timestamp", "timestamp", "time", "ts"];

/// Reads all lines.
///
/// # Errors
/// When the whole is larger than is read.
pub fn read(bytes: &[u8]) -> Result<Batch, Refused> {
    if bytes.len() > MAX_JSON {
        let problem = format!("it has {} bytes, and at most {MAX_JSON} are read", bytes.len());
        return Err(Refused::new("the request", problem, "send fewer lines at once"));
    }
    let mut batch = Batch::default();
    for (number, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        if !line.iter().all(u8::is_ascii_whitespace) {
            batch.take(one(line).map_err(|why| why.inside(&format!("line {}", number + 1))));
        }
    }
    Ok(batch)
}

/// Reads one line.
///
/// # Errors
/// When it is no JSON object.
pub fn one(line: &[u8]) -> Result<Record, Refused> {
    let refuse = |problem: String| Refused::new("the line", problem, "send one JSON object a line");
    if line.len() > MAX_LINE {
        return Err(refuse(format!("it has more than {MAX_LINE} bytes")));
    }
    match serde_json::from_slice(line) {
        Ok(Value::Object(object)) => Ok(from_object(object)),
        Ok(_) => Err(refuse("it is no object".to_owned())),
        Err(why) => Err(refuse(format!("it is no JSON at column {}", why.column()))),
    }
}

fn from_object(mut object: Map<String, Value>) -> Record {
    let mut record = Record { time: time(&object), ..Record::default() };
    let plain = |object: &Map<String, Value>, key: &str| {
        object.get(key).and_then(Value::as_str).filter(|text| text.len() <= 100).map(str::to_owned)
    };
    if let Some(Value::Object(source)) = object.remove("logsource") {
        record.product = plain(&source, "product");
        record.service = plain(&source, "service");
        record.category = plain(&source, "category");
    }
    record.host = plain(&object, "host");
    flat::object(&mut record, "", object, 0);
    if record.host.is_none() {
        record.host = record.text("host.name").filter(|host| host.len() <= 255).map(str::to_owned);
    }
    if record.product.is_none() && record.service.is_none() {
        classify(&mut record);
    }
    record
}

fn time(object: &Map<String, Value>) -> Option<u64> {
    TIMES.iter().find_map(|key| match object.get(*key)? {
        Value::String(text) => moment::rfc3339(text),
        Value::Number(number) => moment::epoch(number.as_f64()?),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn objects_become_flat_records() {
        let line = br#"{"@timestamp":"1970-01-01T00:00:01Z","host":{"name":"web"},"a":{"b":[1,2]},
            "r":[{"n":"x"},{"n":"y","m":1}],"logsource":{"product":"okta","service":"okta"}}"#;
        let record = one(line).unwrap();
        assert_eq!((record.time, record.host.as_deref()), (Some(1_000_000), Some("web")));
        assert_eq!(record.product.as_deref(), Some("okta"));
        assert_eq!(record.fields["a.b"], serde_json::json!([1, 2]));
        assert_eq!(record.fields["r.n"], serde_json::json!(["x", "y"]));
        let line = br#"{"time":1795408926,"process":{"name":"sshd"},"message":
            "Failed password for root from 192.0.2.1 port 7 ssh2"}"#;
        let record = one(line).unwrap();
        assert_eq!(record.service.as_deref(), Some("sshd"));
        assert_eq!(record.text("source.ip"), Some("192.0.2.1"));
    }

    #[test]
    fn a_bad_line_costs_nobody_else_anything() {
        let batch = read(b"{\"a\":1}\n\n[1]\n{\n{\"a\":2}\r\n").unwrap();
        assert_eq!((batch.records.len(), batch.rejected), (2, 2));
        assert!(batch.reasons[1].place.starts_with("line 4"));
        let deep = format!("{}1{}", "{\"a\":".repeat(200), "}".repeat(200));
        assert_eq!(read(deep.as_bytes()).unwrap().rejected, 1);
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(&bytes);
        }
    }
}
