//! AWS CloudTrail files: `{"Records": […]}`, packed with gzip or not, or one event a line.
//!
//! Promises: all names of AWS are kept, flat, because Sigma's rules for AWS use them; beside them
//! stand source, user, action and outcome under their normal names. The product is `aws`, the
//! service `cloudtrail`.

use serde_json::{Map, Value};

use super::{Batch, Record, Refused, flat, moment, packed};
use crate::intake::{MAX_ITEMS, MAX_JSON};

/// Reads a file.
///
/// # Errors
/// When it is none, or larger than is read, packed or not.
pub fn read(bytes: &[u8]) -> Result<Batch, Refused> {
    let bytes = packed::open(bytes, MAX_JSON)?;
    let refuse = |problem: String| {
        Refused::new("the file", problem, "send a file as CloudTrail puts it into its bucket")
    };
    if bytes.len() > MAX_JSON {
        return Err(refuse(format!("it has more than {MAX_JSON} bytes")));
    }
    let mut batch = Batch::default();
    let mut values = serde_json::Deserializer::from_slice(&bytes).into_iter::<Value>();
    while let Some(value) = values.next() {
        let at = values.byte_offset();
        let value = value.map_err(|why| refuse(format!("it is no JSON at byte {at}: {why}")))?;
        let records = match value {
            Value::Object(mut object) => match object.remove("Records") {
                Some(Value::Array(records)) => records,
                _ => vec![Value::Object(object)],
            },
            Value::Array(records) => records,
            _ => return Err(refuse("it holds something that is no event".to_owned())),
        };
        for (number, record) in records.into_iter().enumerate() {
            if batch.records.len() + 1 > MAX_ITEMS {
                return Err(refuse(format!("it has more than {MAX_ITEMS} events")));
            }
            batch.take(one(record).map_err(|why| why.inside(&format!("Records[{number}]"))));
        }
    }
    Ok(batch)
}

fn one(value: Value) -> Result<Record, Refused> {
    let Value::Object(event) = value else {
        return Err(Refused::new("the event", "it is no object", "leave it out"));
    };
    let text = |path: &[&str]| find(&event, path).and_then(Value::as_str).map(str::to_owned);
    let (Some(name), Some(source)) = (text(&["eventName"]), text(&["eventSource"])) else {
        let problem = "it has no `eventName` or no `eventSource`";
        return Err(Refused::new("the event", problem, "leave it out"));
    };
    let time = text(&["eventTime"]).as_deref().and_then(moment::rfc3339);
    let user = text(&["userIdentity", "userName"])
        .or_else(|| text(&["userIdentity", "sessionContext", "sessionIssuer", "userName"]))
        .or_else(|| text(&["userIdentity", "arn"]))
        .or_else(|| text(&["userIdentity", "type"]));
    let failed = ["errorCode", "errorMessage"].iter().any(|key| text(&[key]).is_some())
        || text(&["responseElements", "ConsoleLogin"]).as_deref() == Some("Failure");
    let (address, region) = (text(&["sourceIPAddress"]), text(&["awsRegion"]));
    let account = text(&["recipientAccountId"]).or_else(|| text(&["userIdentity", "accountId"]));
    let mut record = Record::of("aws", "cloudtrail");
    record.time = time;
    let login = name == "ConsoleLogin";
    record.event(if login { "authentication" } else { "configuration" }, &name, Some(!failed));
    record.set("event.provider", source);
    record.maybe("user.name", user);
    record.maybe("cloud.account.id", account);
    record.maybe("cloud.region", region);
    if let Some(address) = address {
        record.from_address(&address);
    }
    flat::object(&mut record, "", event, 0);
    Ok(record)
}

fn find<'a>(object: &'a Map<String, Value>, path: &[&str]) -> Option<&'a Value> {
    let (first, rest) = path.split_first()?;
    let value = object.get(*first)?;
    if rest.is_empty() { Some(value) } else { find(value.as_object()?, rest) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENT: &str = r#"{"eventVersion":"1.08","userIdentity":{"type":"IAMUser","userName":"lea",
        "accountId":"123456789012"},"eventTime":"2026-11-23T05:00:00Z","eventName":"ConsoleLogin",
        "eventSource":"signin.amazonaws.com","awsRegion":"eu-west-1","sourceIPAddress":"192.0.2.1",
        "responseElements":{"ConsoleLogin":"Failure"},"requestParameters":null,
        "resources":[{"ARN":"a"},{"ARN":"b"}]}"#;

    #[test]
    fn an_event_keeps_its_names_and_gets_the_normal_ones() {
        let batch = read(format!("{{\"Records\":[{EVENT}, 7]}}").as_bytes()).unwrap();
        assert_eq!(batch.rejected, 1);
        let record = &batch.records[0];
        assert_eq!(record.service.as_deref(), Some("cloudtrail"));
        for (key, value) in [
            ("userIdentity.type", "IAMUser"),
            ("eventName", "ConsoleLogin"),
            ("responseElements.ConsoleLogin", "Failure"),
            ("event.outcome", "failure"),
            ("user.name", "lea"),
            ("source.ip", "192.0.2.1"),
            ("cloud.account.id", "123456789012"),
        ] {
            assert_eq!(record.text(key), Some(value), "{key}");
        }
        assert_eq!(record.fields["resources.ARN"], serde_json::json!(["a", "b"]));
        let lines = read(format!("{EVENT}\n{EVENT}\n").as_bytes()).unwrap();
        assert_eq!(lines.records.len(), 2);
    }

    #[test]
    fn packed_files_are_read_and_others_are_refused() {
        use std::io::Write as _;
        let mut packer = flate2::write::GzEncoder::new(vec![], flate2::Compression::default());
        packer.write_all(format!("{{\"Records\":[{EVENT}]}}").as_bytes()).unwrap();
        let file = packer.finish().unwrap();
        assert_eq!(read(&file).unwrap().records.len(), 1);
        assert!(read(b"{\"Records\":[").unwrap_err().problem.contains("no JSON"));
        assert_eq!(read(b"{}").unwrap().rejected, 1);
        assert!(read(b"7").is_err());
    }
}
