//! Attribute names (RFC 7644 §3.10) and the paths of PATCH (§3.5.2).

use crate::filter::{Cursor, Inner, name};
use crate::schema::{Attribute, ResourceType, Schema};
use crate::{Error, FILTER_BYTES, Kind, Resource, Result, shown};
use serde_json::Value;

/// An attribute of a resource, or one of its sub-attributes.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) extension: Option<&'static Schema>,
    pub(crate) attribute: &'static Attribute,
    pub(crate) sub: Option<&'static Attribute>,
}

impl Place {
    /// Reads `userName`, `name.familyName`, or either after the URN of a schema and a colon.
    pub(crate) fn parse(of: &'static ResourceType, text: &str) -> Option<Self> {
        let (urn, rest) = match text.to_ascii_lowercase().starts_with("urn:") {
            true => {
                let known = |schema: &&Schema| {
                    let head = text.get(..schema.id.len());
                    head.is_some_and(|head| head.eq_ignore_ascii_case(schema.id))
                };
                let all = std::iter::once(of.schema).chain(of.extensions.iter().copied());
                let schema = all.filter(known).max_by_key(|schema| schema.id.len())?;
                (Some(schema.id), text.get(schema.id.len()..)?.strip_prefix(':')?)
            }
            false => (None, text),
        };
        let (name, sub) = match rest.split_once('.') {
            Some((name, sub)) => (name, Some(sub)),
            None => (rest, None),
        };
        let (extension, attribute) = of.find(urn, name)?;
        let sub = match sub {
            Some(sub) => Some(attribute.sub(sub)?),
            None => None,
        };
        Some(Self { extension, attribute, sub })
    }

    /// The values it has in a resource.
    pub(crate) fn values<'a>(&self, of: &'a Resource) -> Vec<&'a Value> {
        let container = match self.extension {
            None => Some(&of.attributes),
            Some(schema) => of.attributes.get(schema.id).and_then(Value::as_object),
        };
        let value = container.and_then(|container| container.get(self.attribute.name));
        let each: Vec<&Value> = match value {
            None | Some(Value::Null) => vec![],
            Some(Value::Array(all)) => all.iter().collect(),
            Some(one) => vec![one],
        };
        match self.sub {
            None => each,
            Some(sub) => each.into_iter().filter_map(|one| one.get(sub.name)).collect(),
        }
    }
}

/// Where an operation of PATCH works.
#[derive(Clone, Debug)]
pub(crate) enum Path {
    /// An attribute, or some of its values, or a part of each of these.
    At(Place, Option<Inner>),
    /// All of an extension.
    Extension(&'static Schema),
    /// It could be an attribute, of a schema that is not kept.
    Unknown,
}

impl Path {
    /// Reads a path.
    ///
    /// # Errors
    /// `invalidPath` for what is none, `invalidFilter` for what its brackets hold.
    pub(crate) fn parse(of: &'static ResourceType, text: &str) -> Result<Self> {
        let wrong = || {
            let why = format!("`{}` is no path: write `attribute[filter].part`", shown(text));
            Error::new(Kind::InvalidPath, why)
        };
        if text.len() > FILTER_BYTES {
            return Err(wrong());
        }
        if let Some(extension) = of.extension(text) {
            return Ok(Self::Extension(extension));
        }
        let mut cursor = Cursor::new(text);
        let base = name(&mut cursor);
        if base.is_empty() || !base.starts_with(|c: char| c.is_ascii_alphabetic()) {
            return Err(wrong());
        }
        let Some(mut place) = Place::parse(of, base) else {
            // What stands in the brackets of something unknown is not looked at.
            let rest = cursor.rest();
            let closed = rest.is_empty() || (rest.starts_with('[') && rest.contains(']'));
            return if closed { Ok(Self::Unknown) } else { Err(wrong()) };
        };
        if !cursor.eat('[') {
            return if cursor.rest().is_empty() { Ok(Self::At(place, None)) } else { Err(wrong()) };
        }
        if !place.attribute.multi || place.sub.is_some() {
            return Err(wrong());
        }
        let inner = Inner::parse(&mut cursor, place.attribute)?;
        if !cursor.eat(']') {
            return Err(wrong());
        }
        if cursor.eat('.') {
            let part = name(&mut cursor);
            let Some(sub) = place.attribute.sub(part) else {
                return if part.is_empty() { Err(wrong()) } else { Ok(Self::Unknown) };
            };
            place.sub = Some(sub);
        }
        if cursor.rest().is_empty() { Ok(Self::At(place, Some(inner))) } else { Err(wrong()) }
    }
}
