//! Nested JSON to flat names with dots.

use serde_json::{Map, Value};

use super::Record;

/// Deepest nesting that becomes names; what is deeper stays JSON, as text.
const DEPTH: usize = 12;

/// Sets a field for each leaf of an object. Lists of plain values stay lists; in lists of objects
/// each object's leaves become lists under the same name, as Elasticsearch does it.
pub(super) fn object(record: &mut Record, prefix: &str, object: Map<String, Value>, depth: usize) {
    for (key, value) in object {
        let key = if prefix.is_empty() { key } else { format!("{prefix}.{key}") };
        one(record, &key, value, depth);
    }
}

fn one(record: &mut Record, key: &str, value: Value, depth: usize) {
    match value {
        Value::Null => {}
        Value::Object(inner) if depth < DEPTH => object(record, key, inner, depth + 1),
        Value::Array(all) if depth < DEPTH && all.iter().any(Value::is_object) => {
            for item in all {
                match item {
                    Value::Object(inner) => {
                        let mut apart = Record::default();
                        object(&mut apart, key, inner, depth + 1);
                        apart.fields.into_iter().for_each(|(key, one)| append(record, &key, one));
                    }
                    other => append(record, key, other),
                }
            }
        }
        Value::Array(all) if all.iter().all(|one| !one.is_array()) => record.set(key, all),
        Value::Object(_) | Value::Array(_) => record.set(key, value.to_string()),
        plain => record.set(key, plain),
    }
}

/// Adds to the list under a name.
fn append(record: &mut Record, key: &str, value: Value) {
    let mut all = match record.fields.remove(key) {
        Some(Value::Array(all)) => all,
        Some(one) => vec![one],
        None => vec![],
    };
    match value {
        Value::Array(more) => all.extend(more),
        other => all.push(other),
    }
    record.set(key, all);
}
