//! Which attributes an answer has: `attributes` and `excludedAttributes` (RFC 7644 §3.9).

use crate::path::Place;
use crate::schema::ResourceType;
use crate::{Error, FILTER_BYTES, Result};
use serde_json::{Map, Value};

/// Which attributes an answer has.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    only: Option<Vec<Part>>,
    without: Vec<Part>,
}

/// An attribute of the resource or of an extension, or one of its parts, or all of an extension.
#[derive(Clone, Debug)]
struct Part {
    extension: Option<&'static str>,
    attribute: Option<&'static str>,
    sub: Option<&'static str>,
}

impl Selection {
    /// Reads names separated by commas. Unknown ones select nothing.
    ///
    /// # Errors
    /// `invalidValue` if both are stated, or too long.
    pub fn read(
        of: &'static ResourceType,
        only: Option<&str>,
        without: Option<&str>,
    ) -> Result<Self> {
        let only = only.filter(|text| !text.trim().is_empty());
        let without = without.filter(|text| !text.trim().is_empty());
        if only.is_some() && without.is_some() {
            let why = "`attributes` and `excludedAttributes` exclude each other: state one";
            return Err(Error::value(why));
        }
        if only.or(without).is_some_and(|text| text.len() > FILTER_BYTES) {
            return Err(Error::value(format!("use at most {FILTER_BYTES} bytes of names")));
        }
        let parts = |text: &str| text.split(',').filter_map(|one| part(of, one.trim())).collect();
        Ok(Self { only: only.map(parts), without: without.map(parts).unwrap_or_default() })
    }

    /// The attributes that an answer has.
    pub(crate) fn of(&self, attributes: &Map<String, Value>) -> Map<String, Value> {
        let mut out = match &self.only {
            None => attributes.clone(),
            Some(parts) => {
                let mut out = Map::new();
                for part in parts {
                    part.copy(attributes, &mut out);
                }
                out
            }
        };
        for part in &self.without {
            part.drop_from(&mut out);
        }
        // Whatever is asked for, an answer says which resource it is.
        if let Some(id) = attributes.get("id") {
            out.insert("id".to_owned(), id.clone());
        }
        out
    }
}

fn part(of: &'static ResourceType, text: &str) -> Option<Part> {
    if let Some(extension) = of.extension(text) {
        return Some(Part { extension: Some(extension.id), attribute: None, sub: None });
    }
    let place = Place::parse(of, text)?;
    Some(Part {
        extension: place.extension.map(|schema| schema.id),
        attribute: Some(place.attribute.name),
        sub: place.sub.map(|sub| sub.name),
    })
}

impl Part {
    fn copy(&self, from: &Map<String, Value>, to: &mut Map<String, Value>) {
        let (from, to) = match self.extension {
            None => (from, to),
            Some(id) => {
                let Some(Value::Object(from)) = from.get(id) else { return };
                let held = to.entry(id).or_insert_with(|| Value::Object(Map::new()));
                let Some(held) = held.as_object_mut() else { return };
                (from, held)
            }
        };
        let Some(name) = self.attribute else {
            to.extend(from.clone());
            return;
        };
        let Some(value) = from.get(name) else { return };
        let value = match (self.sub, value) {
            (None, value) => value.clone(),
            (Some(sub), Value::Array(all)) => {
                let mut held = match to.remove(name) {
                    Some(Value::Array(held)) => held,
                    _ => vec![Value::Object(Map::new()); all.len()],
                };
                for (held, one) in held.iter_mut().zip(all) {
                    if let (Some(held), Some(value)) = (held.as_object_mut(), one.get(sub)) {
                        held.insert(sub.to_owned(), value.clone());
                    }
                }
                Value::Array(held)
            }
            (Some(sub), one) => {
                let mut held = match to.remove(name) {
                    Some(Value::Object(held)) => held,
                    _ => Map::new(),
                };
                held.extend(one.get(sub).map(|value| (sub.to_owned(), value.clone())));
                Value::Object(held)
            }
        };
        to.insert(name.to_owned(), value);
    }

    fn drop_from(&self, out: &mut Map<String, Value>) {
        let Some(name) = self.attribute else {
            out.retain(|key, _| Some(key.as_str()) != self.extension);
            return;
        };
        let held = match self.extension {
            None => Some(out),
            Some(id) => out.get_mut(id).and_then(Value::as_object_mut),
        };
        let Some(held) = held else { return };
        match (self.sub, held.get_mut(name)) {
            (None, _) => {
                held.remove(name);
            }
            (Some(sub), Some(Value::Object(parts))) => {
                parts.remove(sub);
            }
            (Some(sub), Some(Value::Array(all))) => {
                for parts in all.iter_mut().filter_map(Value::as_object_mut) {
                    parts.remove(sub);
                }
            }
            _ => {}
        }
    }
}
