//! Logs of OpenTelemetry over HTTP (OTLP 1.x): requests in protobuf and JSON, and the answer.
//!
//! Promises: each log record is read by itself, so that one that is none costs the others nothing
//! and the number of those that were rejected is known, as `partialSuccess` wants it. Attributes of
//! the resource and the scope are fields of each record; what the record itself says wins. Bytes
//! are base64, trace and span ids hex, as in OTLP's JSON.
//! Deliberately not: traces, metrics, gRPC. The types are read by hand: eight messages with some
//! thirty fields, against a generated crate that refuses a request as a whole.

mod json;
mod wire;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use super::{Batch, Record, Refused, classify, flat};
use crate::intake::{MAX_ITEMS, MAX_JSON};

/// Deepest nesting of a value; the same in both encodings.
const DEPTH: usize = 16;

/// Most values in one record's body and attributes.
const VALUES: usize = 4096;

/// How a request is written, by its `Content-Type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// `application/x-protobuf`
    Protobuf,
    /// `application/json`
    Json,
}

impl Encoding {
    /// By the media type, whatever its parameters.
    #[must_use]
    pub fn of(content_type: &str) -> Option<Self> {
        let media = content_type.split(';').next().unwrap_or_default().trim();
        match media.to_ascii_lowercase().as_str() {
            "application/x-protobuf" => Some(Self::Protobuf),
            "application/json" => Some(Self::Json),
            _ => None,
        }
    }

    /// The media type of request and answer.
    #[must_use]
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Protobuf => "application/x-protobuf",
            Self::Json => "application/json",
        }
    }
}

/// Reads an `ExportLogsServiceRequest`, unpacked already (see [`super::packed`]).
///
/// # Errors
/// When the request as a whole is none, or larger than is read.
pub fn read(bytes: &[u8], encoding: Encoding) -> Result<Batch, Refused> {
    if bytes.len() > MAX_JSON {
        let problem = format!("it has {} bytes, and at most {MAX_JSON} are read", bytes.len());
        return Err(Refused::new("the request", problem, "send fewer records at once"));
    }
    match encoding {
        Encoding::Protobuf => wire::request(bytes),
        Encoding::Json => json::request(bytes),
    }
}

/// The answer to a request that was taken: an `ExportLogsServiceResponse`, which names how many
/// records were rejected, and why. Without any it is empty, as the protocol wants it.
#[must_use]
pub fn answer(encoding: Encoding, rejected: u64, why: &str) -> Vec<u8> {
    match encoding {
        Encoding::Json if rejected == 0 => b"{}".to_vec(),
        Encoding::Json => {
            // 64-bit numbers are strings in protobuf's JSON.
            let partial = serde_json::json!({
                "partialSuccess": {
                    "rejectedLogRecords": rejected.to_string(), "errorMessage": why
                }
            });
            partial.to_string().into_bytes()
        }
        Encoding::Protobuf => wire::answer(rejected, why),
    }
}

/// What a batch has to say about what it rejected.
#[must_use]
pub fn answer_of(encoding: Encoding, batch: &Batch) -> Vec<u8> {
    let why: Vec<String> = batch.reasons.iter().take(3).map(ToString::to_string).collect();
    answer(encoding, batch.rejected, &why.join("; "))
}

/// A log record as both encodings have it.
#[derive(Default)]
struct Log {
    time: Option<u64>,
    observed: Option<u64>,
    severity: Option<u64>,
    level: String,
    body: Option<Value>,
    attributes: Map<String, Value>,
    trace: String,
    span: String,
    event: String,
}

/// What a record shares with others: attributes of its resource, and its scope.
#[derive(Default)]
struct Around {
    resource: Map<String, Value>,
    scope: Option<String>,
}

impl Log {
    fn record(self, around: &Around) -> Record {
        let mut record = Record::default();
        flat::object(&mut record, "", around.resource.clone(), 0);
        record.maybe("otel.scope.name", around.scope.as_deref());
        flat::object(&mut record, "", self.attributes, 0);
        record.maybe("log.level", Some(self.level));
        if let Some(severity) = self.severity.filter(|number| *number > 0) {
            record.set("otel.severity_number", severity);
        }
        record.maybe("trace.id", Some(self.trace));
        record.maybe("span.id", Some(self.span));
        record.maybe("event.name", Some(self.event));
        match self.body {
            Some(Value::Object(body)) => flat::object(&mut record, "body", body, 0),
            Some(Value::String(text)) => record.set("message", text),
            Some(Value::Null) | None => {}
            Some(other) => record.set("message", other.to_string()),
        }
        // Nanoseconds; zero is "not known".
        let known = |time: Option<u64>| time.filter(|time| *time > 0).map(|time| time / 1000);
        record.time = known(self.time).or_else(|| known(self.observed));
        record.host = record.text("host.name").filter(|host| host.len() <= 255).map(str::to_owned);
        if let Some(program) = record.text("process.executable.name").map(str::to_owned)
            && record.text("process.name").is_none()
        {
            record.set("process.name", program);
        }
        classify(&mut record);
        record
    }
}

/// Takes a record into the batch, up to the number that is taken.
fn take(batch: &mut Batch, log: Result<Log, Refused>, around: &Around) {
    if batch.records.len() >= MAX_ITEMS {
        let problem = format!("the request has more than {MAX_ITEMS} records");
        batch.reject(Refused::new("the record", problem, "send fewer records at once"));
        return;
    }
    batch.take(log.map(|log| log.record(around)));
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_answer_says_how_many_were_rejected() {
        assert_eq!(answer(Encoding::Json, 0, ""), b"{}");
        assert_eq!(answer(Encoding::Protobuf, 0, ""), b"");
        let json: Value = serde_json::from_slice(&answer(Encoding::Json, 2, "x")).unwrap();
        assert_eq!(json["partialSuccess"]["rejectedLogRecords"], "2");
        // Field 1 of the response holds field 1 (300) and field 2 ("x").
        assert_eq!(
            answer(Encoding::Protobuf, 300, "x"),
            [0x0a, 6, 0x08, 0xac, 0x02, 0x12, 1, b'x']
        );
        assert_eq!(Encoding::of("Application/JSON; charset=utf-8"), Some(Encoding::Json));
        assert_eq!(Encoding::of("text/plain"), None);
    }

    #[test]
    fn a_request_in_json_is_read_record_by_record() {
        let text = r#"{"resourceLogs":[{"resource":{"attributes":[
            {"key":"service.name","value":{"stringValue":"web"}},
            {"key":"host.name","value":{"stringValue":"h"}}]},
            "scopeLogs":[{"scope":{"name":"s"},"logRecords":[
            {"timeUnixNano":"1795410000000000000","severityNumber":9,"severityText":"INFO",
             "body":{"stringValue":"hello"},"traceId":"0AF7651916CD43DD8448EB211C80319C",
             "attributes":[{"key":"n","value":{"intValue":"-7"}},
               {"key":"l","value":{"arrayValue":{"values":[{"boolValue":true}]}}},
               {"key":"m","value":{"kvlistValue":{"values":[
                 {"key":"x","value":{"doubleValue":0.5}}]}}}]},
            {"timeUnixNano":"x"},
            {"body":{"stringValue":"late"},"observedTimeUnixNano":1000}]}]}]}"#;
        let batch = read(text.as_bytes(), Encoding::Json).unwrap();
        assert_eq!((batch.records.len(), batch.rejected), (2, 1));
        let record = &batch.records[0];
        assert_eq!((record.time, record.host.as_deref()), (Some(1_795_410_000_000_000), Some("h")));
        assert_eq!(record.fields["n"], -7);
        assert_eq!(record.fields["l"], serde_json::json!([true]));
        assert_eq!(record.fields["m.x"], 0.5);
        assert_eq!(record.text("message"), Some("hello"));
        assert_eq!(record.text("service.name"), Some("web"));
        assert_eq!(record.text("trace.id"), Some("0af7651916cd43dd8448eb211c80319c"));
        assert_eq!(batch.records[1].time, Some(1));
        assert!(batch.reasons[0].place.contains("logRecords[1]"), "{}", batch.reasons[0]);
    }

    #[test]
    fn what_is_no_request_is_refused_as_a_whole() {
        for (bytes, encoding) in [
            (&b"["[..], Encoding::Json),
            (b"[]", Encoding::Json),
            (b"{\"resourceLogs\":7}", Encoding::Json),
            (b"\x0a\xff", Encoding::Protobuf),
            (b"\x0f", Encoding::Protobuf),
            (b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", Encoding::Protobuf),
        ] {
            assert!(read(bytes, encoding).is_err(), "{bytes:?}");
        }
        assert_eq!(read(b"{}", Encoding::Json).unwrap(), Batch::default());
        assert_eq!(read(b"", Encoding::Protobuf).unwrap(), Batch::default());
    }

    /// `value` nested in so many lists, in protobuf.
    fn nested(depth: usize) -> Vec<u8> {
        let field = |number: u8, bytes: &[u8]| {
            let mut out = vec![number << 3 | 2];
            let mut length = bytes.len();
            while length > 127 {
                out.push(u8::try_from(length & 127).unwrap() | 128);
                length >>= 7;
            }
            out.push(u8::try_from(length).unwrap());
            out.extend_from_slice(bytes);
            out
        };
        let value = (0..depth).fold(field(1, b"x"), |inner, _| field(5, &field(1, &inner)));
        field(1, &field(2, &field(2, &field(5, &value))))
    }

    #[test]
    fn nesting_has_an_end() {
        let good = read(&nested(DEPTH - 2), Encoding::Protobuf).unwrap();
        assert_eq!((good.records.len(), good.rejected), (1, 0));
        let deep = read(&nested(2000), Encoding::Protobuf).unwrap();
        assert_eq!((deep.records.len(), deep.rejected), (0, 1));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(&bytes, Encoding::Protobuf);
            let _ = read(&bytes, Encoding::Json);
        }

        #[test]
        fn no_altered_request_panics(depth in 0usize..20, at in 0usize..80, byte: u8) {
            let mut bytes = nested(depth);
            let at = at % bytes.len();
            bytes[at] = byte;
            let _ = read(&bytes, Encoding::Protobuf);
        }
    }
}
