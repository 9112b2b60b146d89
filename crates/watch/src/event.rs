//! An event as rules see it.

use std::borrow::Cow;

use rsigma_eval::EventValue;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// How much of one text a rule is matched against, in bytes: 32 KiB. Matching is linear in it, and
/// what follows cannot hold the worker up.
const MATCHED: usize = 32 * 1024;

/// How deep objects and lists inside a field are looked into.
const DEPTH: u8 = 16;

/// Something that happened, from Bailee's own ledger or from somebody's log.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Its place in the feed: given by the feeder, without holes, never given twice.
    pub number: u64,
    /// When it was received, in µs since 1970.
    pub received: u64,
    /// When it says it happened, in µs since 1970.
    pub time: u64,
    /// The product it comes from, such as `linux`; of its log source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product: Option<String>,
    /// The service of that product, such as `sshd`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// The kind of log, such as `webserver`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// Who pays for what is remembered of it: an account, or a source's name.
    #[serde(default)]
    pub tenant: String,
    /// Its fields, under flat names of the Elastic Common Schema, such as `source.ip`.
    #[serde(default)]
    pub fields: Map<String, Value>,
}

impl Event {
    /// Whether one of our own answers (a ban, a lock, a 429) caused it: such an event matches no
    /// rule, or an answer would feed the detector that gave it.
    pub fn is_own_answer(&self) -> bool {
        match self.fields.get("bailee.own") {
            Some(Value::Bool(own)) => *own,
            Some(Value::String(text)) => text == "true",
            _ => false,
        }
    }

    /// Whether Bailee itself made it, so that its time is the time of receipt.
    pub fn is_ours(&self) -> bool {
        self.product.as_deref() == Some("bailee")
    }

    /// A field as text, for a group or a distinct count; `None` when it is absent or says nothing.
    pub(crate) fn text(&self, name: &str) -> Option<Cow<'_, str>> {
        let said = match find(&self.fields, name)? {
            Value::String(text) => Cow::Borrowed(text.as_str()),
            Value::Number(number) => Cow::Owned(number.to_string()),
            Value::Bool(true) => Cow::Borrowed("true"),
            Value::Bool(false) => Cow::Borrowed("false"),
            Value::Null | Value::Array(_) | Value::Object(_) => return None,
        };
        // A dash is how access logs write that they do not know.
        (!matches!(said.trim(), "" | "-")).then_some(said)
    }

    /// A field as a number that is not negative, in thousandths, rounded down; `None` otherwise.
    pub(crate) fn thousandths(&self, name: &str) -> Option<u64> {
        let number = match find(&self.fields, name)? {
            Value::Number(number) => match number.as_u64() {
                Some(whole) => return Some(whole.saturating_mul(1000)),
                None => number.as_f64()?,
            },
            Value::String(text) => text.trim().parse().ok()?,
            _ => return None,
        };
        if !number.is_finite() || number < 0.0 {
            return None;
        }
        // Saturates: beyond 2^64 thousandths every threshold is passed anyway.
        Some((number * 1000.0) as u64)
    }
}

/// A field by its flat name, or by the path of its name through objects.
fn find<'a>(fields: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    if let Some(value) = fields.get(name) {
        return Some(value);
    }
    let (root, rest) = name.split_once('.')?;
    find(fields.get(root)?.as_object()?, rest)
}

/// An event as `rsigma` asks for it.
pub(crate) struct View<'a>(pub(crate) &'a Event);

impl rsigma_eval::Event for View<'_> {
    fn get_field(&self, path: &str) -> Option<EventValue<'_>> {
        let mut found = Vec::new();
        collect(&self.0.fields, path, DEPTH, &mut found);
        if found.len() > 1 {
            return Some(EventValue::Array(found));
        }
        found.pop()
    }

    fn any_string_value(&self, test: &dyn Fn(&str) -> bool) -> bool {
        self.0.fields.values().any(|value| any_text(value, DEPTH, test))
    }

    fn all_string_values(&self) -> Vec<Cow<'_, str>> {
        let mut found = Vec::new();
        for value in self.0.fields.values() {
            texts(value, DEPTH, &mut found);
        }
        found
    }

    fn to_json(&self) -> Value {
        Value::Object(self.0.fields.clone())
    }

    fn visit_top_level_keys(&self, visit: &mut dyn FnMut(&str)) -> bool {
        self.0.fields.keys().for_each(|key| visit(key));
        true
    }
}

/// Every value under a path; a list on the way stands for each of its members.
fn collect<'a>(
    fields: &'a Map<String, Value>,
    path: &str,
    depth: u8,
    found: &mut Vec<EventValue<'a>>,
) {
    if let Some(value) = fields.get(path) {
        found.push(shown(value, depth));
        return;
    }
    let Some((root, rest)) = path.split_once('.') else { return };
    if depth == 0 {
        return;
    }
    match fields.get(root) {
        Some(Value::Object(inner)) => collect(inner, rest, depth - 1, found),
        Some(Value::Array(items)) => {
            for inner in items.iter().filter_map(Value::as_object) {
                collect(inner, rest, depth - 1, found);
            }
        }
        _ => {}
    }
}

fn shown(value: &Value, depth: u8) -> EventValue<'_> {
    match value {
        Value::String(text) => EventValue::Str(Cow::Borrowed(matched(text))),
        Value::Number(number) => match number.as_i64() {
            Some(whole) => EventValue::Int(whole),
            None => EventValue::Float(number.as_f64().unwrap_or(f64::NAN)),
        },
        Value::Bool(truth) => EventValue::Bool(*truth),
        Value::Null => EventValue::Null,
        Value::Array(_) | Value::Object(_) if depth == 0 => EventValue::Null,
        Value::Array(items) => {
            EventValue::Array(items.iter().map(|item| shown(item, depth - 1)).collect())
        }
        Value::Object(fields) => EventValue::Map(
            fields
                .iter()
                .map(|(key, value)| (Cow::Borrowed(key.as_str()), shown(value, depth - 1)))
                .collect(),
        ),
    }
}

fn any_text(value: &Value, depth: u8, test: &dyn Fn(&str) -> bool) -> bool {
    match value {
        Value::String(text) => test(matched(text)),
        Value::Array(items) if depth > 0 => items.iter().any(|it| any_text(it, depth - 1, test)),
        Value::Object(fields) if depth > 0 => {
            fields.values().any(|it| any_text(it, depth - 1, test))
        }
        _ => false,
    }
}

fn texts<'a>(value: &'a Value, depth: u8, found: &mut Vec<Cow<'a, str>>) {
    match value {
        Value::String(text) => found.push(Cow::Borrowed(matched(text))),
        Value::Array(items) if depth > 0 => {
            items.iter().for_each(|it| texts(it, depth - 1, found));
        }
        Value::Object(fields) if depth > 0 => {
            fields.values().for_each(|it| texts(it, depth - 1, found));
        }
        _ => {}
    }
}

/// The part of a text that rules are matched against.
fn matched(text: &str) -> &str {
    if text.len() <= MATCHED {
        return text;
    }
    let end = (0..=MATCHED).rev().find(|&end| text.is_char_boundary(end)).unwrap_or_default();
    text.get(..end).unwrap_or_default()
}
