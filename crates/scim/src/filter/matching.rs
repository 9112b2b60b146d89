//! Asking a filter of a resource.

use super::{Comparison, Target, Term};
use crate::Resource;
use crate::schema::{Attribute, Type};
use serde_json::Value;

/// Whether it holds for a resource.
pub(super) fn resource(term: &Term, of: &Resource) -> bool {
    match term {
        Term::And(all) => all.iter().all(|term| resource(term, of)),
        Term::Or(all) => all.iter().any(|term| resource(term, of)),
        Term::Not(term) => !resource(term, of),
        Term::Present(target) => present(&found(target, of)),
        Term::Compare(target, how, value) => compare(target, *how, value, &found(target, of)),
        Term::Within(place, term) => place.values(of).iter().any(|one| value(term, one)),
    }
}

/// Whether it holds for one value of a multi-valued attribute.
pub(super) fn value(term: &Term, of: &Value) -> bool {
    match term {
        Term::And(all) => all.iter().all(|term| value(term, of)),
        Term::Or(all) => all.iter().any(|term| value(term, of)),
        Term::Not(term) => !value(term, of),
        Term::Present(Target::Value(attribute)) => present(&part(attribute, of)),
        Term::Compare(target @ Target::Value(attribute), how, wanted) => {
            compare(target, *how, wanted, &part(attribute, of))
        }
        // Brackets name parts of values only; there are none of these within.
        Term::Present(_) | Term::Compare(..) | Term::Within(..) => false,
    }
}

fn part<'a>(attribute: &Attribute, of: &'a Value) -> Vec<&'a Value> {
    of.get(attribute.name).into_iter().collect()
}

/// The values that a target has: of a complex attribute, its `value`.
fn found<'a>(target: &Target, of: &'a Resource) -> Vec<&'a Value> {
    let Target::Resource(place) = target else { return vec![] };
    let values = place.values(of);
    let attribute = place.sub.unwrap_or(place.attribute);
    match attribute.subs.is_empty() {
        true => values,
        false => values.into_iter().map(|one| one.get("value").unwrap_or(one)).collect(),
    }
}

/// Whether there is a value that is not empty (`pr`).
fn present(values: &[&Value]) -> bool {
    values.iter().any(|value| match value {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Object(parts) => !parts.is_empty(),
        Value::Array(all) => !all.is_empty(),
        _ => true,
    })
}

fn compare(target: &Target, how: Comparison, wanted: &Value, found: &[&Value]) -> bool {
    if wanted.is_null() {
        return present(found) == (how == Comparison::NotEqual);
    }
    // What has no value differs from every value.
    if found.is_empty() {
        return how == Comparison::NotEqual;
    }
    let Some(attribute) = target.compared() else { return false };
    found.iter().any(|value| one(attribute, how, wanted, value))
}

fn one(attribute: &Attribute, how: Comparison, wanted: &Value, value: &Value) -> bool {
    let (wanted, value) = match (wanted, value) {
        (Value::String(wanted), Value::String(value)) => (wanted, value),
        _ => return (wanted == value) == (how == Comparison::Equal),
    };
    if attribute.kind == Type::DateTime {
        return moment(value).is_some_and(|value| text(how, wanted, &value));
    }
    match attribute.exact {
        true => text(how, wanted, value),
        false => text(how, &wanted.to_lowercase(), &value.to_lowercase()),
    }
}

fn text(how: Comparison, wanted: &str, value: &str) -> bool {
    match how {
        Comparison::Equal => value == wanted,
        Comparison::NotEqual => value != wanted,
        Comparison::Contains => value.contains(wanted),
        Comparison::Starts => value.starts_with(wanted),
        Comparison::Ends => value.ends_with(wanted),
        Comparison::Greater => value > wanted,
        Comparison::Less => value < wanted,
        Comparison::AtLeast => value >= wanted,
        Comparison::AtMost => value <= wanted,
    }
}

/// A moment in UTC, so written that the order of texts is that of time.
pub(super) fn moment(text: &str) -> Option<String> {
    let text = text.strip_suffix('Z').or_else(|| text.strip_suffix("+00:00"))?;
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let shape = whole.len() == 19
        && whole.bytes().zip(b"0000-00-00T00:00:00").all(|(is, like)| match like {
            b'0' => is.is_ascii_digit(),
            other => is == *other,
        });
    let plain = fraction.len() <= 9 && fraction.bytes().all(|b| b.is_ascii_digit());
    (shape && plain).then(|| format!("{whole}.{fraction:0<9}"))
}
