//! What was filled in, read back into JSON by the fields that the schema names.

use super::Problems;
use crate::request::Pairs;
use crate::schema::{Choice, Field, Shape};
use kernel::id::shown;
use serde_json::{Map, Value, json};

/// What was filled in, as JSON of the types that the schema names.
///
/// # Errors
/// Every field that is not what it should be.
pub(crate) fn read(fields: &[Field], values: &Pairs) -> Result<Value, Problems> {
    let mut problems = Problems::default();
    let object = object(fields, values, "", &mut problems);
    if problems.is_empty() { Ok(Value::Object(object)) } else { Err(problems) }
}

fn object(
    fields: &[Field],
    values: &Pairs,
    above: &str,
    problems: &mut Problems,
) -> Map<String, Value> {
    let mut all = Map::new();
    for field in fields {
        let path = format!("{above}{}", field.name);
        if let Some(value) = value(field, values, &path, problems) {
            all.insert(field.name.clone(), value);
        }
    }
    all
}

fn value(field: &Field, values: &Pairs, path: &str, problems: &mut Problems) -> Option<Value> {
    if let Shape::Group(inner) = &field.shape {
        // What is optional as a whole is not missing in parts: without a passkey there is no proof.
        if !field.required && !values.any(&format!("{path}.")) {
            return None;
        }
        let inner = object(inner, values, &format!("{path}."), problems);
        return Some(Value::Object(inner)).filter(|one| field.required || !is_blank(one));
    }
    if let Shape::Choices(choices) = &field.shape {
        // As boxes a name stands more than once; out of a table it is one list.
        let all = values.all(path).flat_map(|one| one.split([';', '\n'])).map(str::trim);
        let all = all.filter(|one| !one.is_empty()).map(|one| one_of(choices, one));
        return all.collect::<Result<_, _>>().map_err(|said| problems.add(path, said)).ok();
    }
    let text = values.get(path).unwrap_or_default();
    if field.shape == Shape::Flag {
        return flag(text, path, problems).map(Value::Bool);
    }
    if text.trim().is_empty() {
        return match &field.shape {
            Shape::Lines { .. } if field.required => Some(json!([])),
            _ if field.required => {
                problems.add(path, "this is required: fill it in");
                None
            }
            _ => None,
        };
    }
    let outcome = match &field.shape {
        Shape::Whole { .. } => whole(text),
        Shape::Number => text
            .trim()
            .parse::<f64>()
            .map(|number| json!(number))
            .map_err(|_| format!("`{}` is no number", shown(text))),
        Shape::Maybe => return flag(text, path, problems).map(Value::Bool),
        Shape::Lines { whole: true } => {
            text.lines().filter(|line| !line.trim().is_empty()).map(whole).collect()
        }
        Shape::Lines { whole: false } => {
            Ok(text.lines().map(str::trim).filter(|line| !line.is_empty()).collect())
        }
        Shape::Choice(choices) => one_of(choices, text.trim()),
        Shape::Json => serde_json::from_str(text).map_err(|error| format!("no JSON: {error}")),
        Shape::Text => Ok(json!(text.replace("\r\n", "\n"))),
        _ => Ok(json!(text.trim())),
    };
    outcome.map_err(|said| problems.add(path, said)).ok()
}

fn one_of(choices: &[Choice], text: &str) -> Result<Value, String> {
    match choices.iter().any(|choice| choice.value == text) {
        true => Ok(json!(text)),
        false => {
            let known: Vec<_> = choices.iter().map(|choice| choice.value.as_str()).collect();
            Err(format!("`{}` is none of `{}`", shown(text), known.join("`, `")))
        }
    }
}

fn is_blank(value: &Value) -> bool {
    value.as_object().is_some_and(Map::is_empty)
}

fn whole(text: &str) -> Result<Value, String> {
    text.trim()
        .parse::<i64>()
        .map(|number| json!(number))
        .map_err(|_| format!("`{}` is no whole number", shown(text.trim())))
}

fn flag(text: &str, path: &str, problems: &mut Problems) -> Option<bool> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" | "yes" => Some(true),
        "" | "false" | "no" => Some(false),
        other => {
            problems.add(path, format!("`{}` is neither `yes` nor `no`", shown(other)));
            None
        }
    }
}
