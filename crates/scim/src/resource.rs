//! A resource: what was stated of it, reduced to the attributes that are kept, each of its type.

use crate::schema::{Attribute, Mutability, ResourceType, Type};
use crate::{Error, Kind, MEMBERS, Result, Selection, TEXT_BYTES, VALUES, shown};
use serde_json::{Map, Value, json};

/// What is kept of a user or group: attributes under their names as the schemas write them, those
/// of an extension under its URN.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resource {
    /// The attributes; for filters also `id` and `meta`.
    pub attributes: Map<String, Value>,
}

/// What the server says of a resource (RFC 7643 §3.1).
#[derive(Clone, Debug)]
pub struct Meta {
    /// Its id.
    pub id: String,
    /// When it was added (RFC 3339).
    pub created: String,
    /// When it changed.
    pub modified: String,
    /// Where it is.
    pub location: String,
    /// Its entity tag.
    pub version: String,
}

impl Resource {
    /// Reads what a client states. Attributes that only the server sets, and those that are not
    /// kept, are left out.
    ///
    /// # Errors
    /// `invalidSyntax` if it is none, or of another schema; `invalidValue` with the attribute.
    pub fn read(of: &'static ResourceType, stated: &Value) -> Result<Self> {
        let Some(stated) = stated.as_object() else {
            return Err(Error::syntax(format!("state a {} as an object of JSON", of.name)));
        };
        check_schemas(of, stated)?;
        let mut kept = Map::new();
        for (name, value) in stated {
            if let Some(extension) = of.extension(name) {
                let Some(parts) = value.as_object() else { continue };
                let mut inner = Map::new();
                for (name, value) in parts {
                    if let Some(attribute) = extension.attribute(name) {
                        set(&mut inner, attribute, value)?;
                    }
                }
                if !inner.is_empty() {
                    kept.insert(extension.id.to_owned(), Value::Object(inner));
                }
            } else if let Some((None, attribute)) = of.find(None, name)
                && attribute.mutability != Mutability::ReadOnly
            {
                set(&mut kept, attribute, value)?;
            }
        }
        let resource = Self { attributes: kept };
        resource.check(of)?;
        Ok(resource)
    }

    /// Whether what has to be there is.
    ///
    /// # Errors
    /// `invalidValue` with the attribute.
    pub fn check(&self, of: &ResourceType) -> Result<()> {
        for attribute in of.schema.attributes.iter().filter(|attribute| attribute.required) {
            let text = self.text(attribute.name).unwrap_or_default();
            if text.trim().is_empty() {
                return Err(Error::value(format!("`{}` is missing: state it", attribute.name)));
            }
        }
        Ok(())
    }

    /// A text of it.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.attributes.get(name).and_then(Value::as_str)
    }

    /// Whether it is active, if it says so.
    pub fn active(&self) -> Option<bool> {
        self.attributes.get("active").and_then(Value::as_bool)
    }

    /// The `value` of each element of a multi-valued attribute, the primary one first.
    pub fn values(&self, name: &str) -> Vec<&str> {
        let all = self.attributes.get(name).and_then(Value::as_array);
        let mut all: Vec<&Value> = all.into_iter().flatten().collect();
        let first = |one: &&Value| one.get("primary") != Some(&Value::Bool(true));
        all.sort_by_key(first);
        all.into_iter().filter_map(|one| one.get("value")?.as_str()).collect()
    }

    /// As filters see it and answers show it.
    #[must_use]
    pub fn with(mut self, of: &ResourceType, meta: &Meta) -> Self {
        self.attributes.insert("id".to_owned(), meta.id.clone().into());
        let shown = json!({
            "resourceType": of.name,
            "created": meta.created,
            "lastModified": meta.modified,
            "location": meta.location,
            "version": meta.version,
        });
        self.attributes.insert("meta".to_owned(), shown);
        self
    }

    /// As an answer shows it: with its schemas, and what was asked for.
    pub fn shown(&self, of: &'static ResourceType, selection: &Selection) -> Value {
        let mut schemas = vec![of.schema.id];
        let held = |id: &str| self.attributes.contains_key(id);
        schemas.extend(of.extensions.iter().map(|one| one.id).filter(|id| held(id)));
        let mut out = selection.of(&self.attributes);
        out.insert("schemas".to_owned(), json!(schemas));
        Value::Object(out)
    }
}

fn check_schemas(of: &ResourceType, stated: &Map<String, Value>) -> Result<()> {
    let Some(schemas) = stated.get("schemas") else { return Ok(()) };
    let named =
        |one: &Value| one.as_str().is_some_and(|one| one.eq_ignore_ascii_case(of.schema.id));
    match schemas.as_array() {
        Some(all) if all.iter().any(named) => Ok(()),
        _ => {
            let why = format!("`schemas` does not name `{}`: state a {}", of.schema.id, of.name);
            Err(Error::syntax(why))
        }
    }
}

/// Sets an attribute; nothing, an empty list or an empty object is no value (RFC 7643 §2.5).
pub(crate) fn set(
    into: &mut Map<String, Value>,
    attribute: &'static Attribute,
    value: &Value,
) -> Result<()> {
    let value = if attribute.multi { many(attribute, value)? } else { one(attribute, value)? };
    match value {
        Some(value) => into.insert(attribute.name.to_owned(), value),
        None => into.remove(attribute.name),
    };
    Ok(())
}

/// Every value of a multi-valued attribute; one by itself is a list of one.
pub(crate) fn many(attribute: &'static Attribute, value: &Value) -> Result<Option<Value>> {
    let stated = match value {
        Value::Array(all) => all.as_slice(),
        other => std::slice::from_ref(other),
    };
    let mut values = Vec::with_capacity(stated.len());
    for value in stated {
        values.extend(one(attribute, value)?);
    }
    within(attribute, values.len())?;
    Ok((!values.is_empty()).then_some(Value::Array(values)))
}

/// Refuses too many values.
pub(crate) fn within(attribute: &Attribute, count: usize) -> Result<()> {
    let most = if attribute.name == "members" { MEMBERS } else { VALUES };
    if count > most {
        let why = format!("{count} values of `{}`: at most {most}", attribute.name);
        return Err(Error::new(Kind::TooMany, why));
    }
    Ok(())
}

/// One value, as its attribute's type has it.
pub(crate) fn one(attribute: &'static Attribute, value: &Value) -> Result<Option<Value>> {
    let wrong = |what: &str| {
        let shown = shown(&value.to_string());
        Error::value(format!("`{}` is `{shown}`: state {what}", attribute.name))
    };
    match (attribute.kind, value) {
        (_, Value::Null) => Ok(None),
        (Type::Complex, Value::Object(parts)) => {
            let mut kept = Map::new();
            for (name, value) in parts {
                let Some(sub) = attribute.sub(name) else { continue };
                if sub.mutability != Mutability::ReadOnly {
                    set(&mut kept, sub, value)?;
                }
            }
            Ok((!kept.is_empty()).then_some(Value::Object(kept)))
        }
        // Entra sends a manager, and some send members, as ids alone.
        (Type::Complex, Value::String(text)) => match attribute.sub("value") {
            Some(sub) if text.is_empty() => one(sub, &Value::Null),
            Some(sub) => Ok(one(sub, value)?.map(|value| json!({"value": value}))),
            None => Err(wrong("an object")),
        },
        (Type::Complex, _) => Err(wrong("an object")),
        // Entra sends a single value as a list of one.
        (_, Value::Array(all)) => match all.as_slice() {
            [] => Ok(None),
            [Value::Object(only)] => match only.get("value") {
                Some(Value::Array(_)) | None => Err(wrong("one value")),
                Some(value) => one(attribute, value),
            },
            _ => Err(wrong("one value")),
        },
        (Type::Boolean, value) => match boolean(value) {
            Some(value) => Ok(Some(Value::Bool(value))),
            None => Err(wrong("`true` or `false`")),
        },
        (_, Value::String(text)) => {
            let control = |c: char| c.is_control() && c != '\n' && c != '\t' && c != '\r';
            if text.len() > TEXT_BYTES || text.chars().any(control) {
                let rule = format!("at most {TEXT_BYTES} bytes without control characters");
                return Err(wrong(&rule));
            }
            Ok(Some(value.clone()))
        }
        _ => Err(wrong("a text")),
    }
}

/// A boolean, also as the text that Entra sends.
pub(crate) fn boolean(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(value) => Some(*value),
        Value::String(text) if text.eq_ignore_ascii_case("true") => Some(true),
        Value::String(text) if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}
