//! Logs of others, read into one plain [`Record`].
//!
//! Promises: bytes go in and records come out, or a [`Refused`] that names place, problem and
//! remedy. No reader panics, and each is bounded in size, number, depth and, where something is
//! packed, in how much it unpacks to. Fields are flat, with dots, under the names of the Elastic
//! Common Schema where it has one (`source.ip`, `user.name`, `event.outcome`); the names of the
//! format itself are kept beside them, because published rules use those. A field that a reader
//! cannot be sure about is left out, not guessed.
//! Deliberately not: input and output, clocks (the time of receipt is a parameter), detection.

pub mod badges;
pub mod cloudtrail;
mod flat;
pub mod framing;
pub mod journal;
pub mod lines;
mod moment;

pub mod otlp;
pub mod packed;
mod pam;
pub mod postgres;
mod programs;
mod sshd;
mod sudo;
pub mod syslog;

pub use crate::intake::Refused;
pub use programs::classify;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Most fields of one record; CloudTrail's largest events have about 150.
pub const MAX_FIELDS: usize = 256;

/// Longest name of a field in bytes.
pub const MAX_KEY: usize = 256;

/// Longest text of a field in bytes; what is longer is cut and `log.cut` says so.
pub const MAX_VALUE: usize = 32 << 10;

/// All large fields of one record together in bytes, so that a queue of records has a size.
pub const MAX_RECORD: usize = 128 << 10;

/// Up to this many bytes a field is bounded by [`MAX_FIELDS`] alone.
const SMALL: usize = 512;

/// The field that says that something was left out of a record for its size.
pub const CUT: &str = "log.cut";

/// Something that somebody's log says has happened.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// When, by the clock of who wrote it, in µs since 1970 UTC; `None` where it does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<u64>,
    /// The host it says it is of. Nobody has checked that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// `product` of a Sigma log source, such as `linux` or `aws`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product: Option<String>,
    /// `service` of a Sigma log source, such as `sshd` or `cloudtrail`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// `category` of a Sigma log source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// What it says: flat names with dots, at most [`MAX_FIELDS`].
    pub fields: Map<String, Value>,
}

impl Record {
    /// A record of this product and service, without fields.
    #[must_use]
    pub fn of(product: &str, service: &str) -> Self {
        let mut record = Self::default();
        record.source(product, service);
        record
    }

    /// States the log source.
    pub fn source(&mut self, product: &str, service: &str) {
        self.product = Some(product.to_owned());
        self.service = Some(service.to_owned());
    }

    /// Sets a field. What is too long is cut, what is too many is left out; [`CUT`] then says so.
    pub fn set(&mut self, key: &str, value: impl Into<Value>) {
        let (value, short) = match value.into() {
            Value::String(text) if text.len() > MAX_VALUE => {
                (Value::String(cut(&text, MAX_VALUE).to_owned()), false)
            }
            value => (value, true),
        };
        let weight = weight(&value);
        // Small fields are bounded by their number: the sum is taken for large ones only.
        let fits = weight <= SMALL || self.size() + weight <= MAX_RECORD;
        let known = self.fields.contains_key(key);
        let room = (known || self.fields.len() < MAX_FIELDS - 1) && fits && weight <= MAX_VALUE;
        let named = !key.is_empty() && key.len() <= MAX_KEY;
        if room && named {
            self.fields.insert(key.to_owned(), value);
        }
        if !(room && named && short) {
            self.fields.insert(CUT.to_owned(), Value::Bool(true));
        }
    }

    /// Sets a field, if there is a value and it is not empty.
    pub fn maybe(&mut self, key: &str, value: Option<impl Into<String>>) {
        if let Some(value) = value.map(Into::into).filter(|value| !value.is_empty()) {
            self.set(key, value);
        }
    }

    /// Sets `source.ip` or, where the text is no address, `source.domain`.
    pub fn from_address(&mut self, text: &str) {
        match text.parse::<std::net::IpAddr>() {
            Ok(address) => self.set("source.ip", address.to_canonical().to_string()),
            Err(_) => self.maybe("source.domain", Some(text)),
        }
    }

    /// A field as text.
    #[must_use]
    pub fn text(&self, key: &str) -> Option<&str> {
        self.fields.get(key).and_then(Value::as_str)
    }

    /// About how many bytes it takes in memory; never more than three times [`MAX_RECORD`].
    #[must_use]
    pub fn size(&self) -> usize {
        let field = |(key, value): (&String, &Value)| key.len() + weight(value) + 64;
        128 + self.fields.iter().map(field).sum::<usize>()
    }

    /// What happened: `event.action`, and `event.outcome` where it is known.
    fn event(&mut self, category: &str, action: &str, outcome: Option<bool>) {
        self.set("event.category", category);
        self.set("event.action", action);
        if let Some(good) = outcome {
            self.set("event.outcome", if good { "success" } else { "failure" });
        }
    }
}

/// Records of a file or request, and what of it could not be read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Batch {
    /// What was read, in the order of the file.
    pub records: Vec<Record>,
    /// How many entries were not.
    pub rejected: u64,
    /// Why, for the first of them, at most [`MAX_REASONS`].
    pub reasons: Vec<Refused>,
}

/// Most reasons that are kept of one file or request.
pub const MAX_REASONS: usize = 20;

impl Batch {
    fn reject(&mut self, why: Refused) {
        self.rejected += 1;
        if self.reasons.len() < MAX_REASONS {
            self.reasons.push(why);
        }
    }

    fn take(&mut self, read: Result<Record, Refused>) {
        match read {
            Ok(record) => self.records.push(record),
            Err(why) => self.reject(why),
        }
    }
}

/// Bytes of a value, about.
fn weight(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len(),
        Value::Array(all) => all.iter().map(|one| 32 + weight(one)).sum(),
        Value::Object(all) => all.iter().map(|(key, one)| 64 + key.len() + weight(one)).sum(),
        _ => 16,
    }
}

/// The longest beginning of at most `limit` bytes that ends between characters.
fn cut(text: &str, limit: usize) -> &str {
    let mut end = limit.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_bounded_whatever_is_set() {
        let mut record = Record::default();
        record.set("long", "é".repeat(MAX_VALUE));
        assert_eq!(record.text("long").unwrap().len(), MAX_VALUE);
        assert_eq!(record.fields.get(CUT), Some(&Value::Bool(true)));
        let mut record = Record::default();
        for number in 0..2 * MAX_FIELDS {
            record.set(&format!("f{number}"), number);
        }
        assert_eq!(record.fields.len(), MAX_FIELDS);
        let mut record = Record::default();
        for number in 0..MAX_FIELDS {
            record.set(&format!("f{number}"), "x".repeat(MAX_VALUE));
        }
        assert!(record.size() <= MAX_RECORD + MAX_KEY + 64);
        record.set(&"k".repeat(MAX_KEY + 1), 1);
        assert!(record.fields.keys().all(|key| key.len() <= MAX_KEY));
    }

    #[test]
    fn an_address_in_ipv6_clothes_is_the_address() {
        let mut record = Record::default();
        record.from_address("::ffff:192.0.2.7");
        assert_eq!(record.text("source.ip"), Some("192.0.2.7"));
        record.from_address("ec2.amazonaws.com");
        assert_eq!(record.text("source.domain"), Some("ec2.amazonaws.com"));
    }
}
