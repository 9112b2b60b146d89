//! Filters (RFC 7644 §3.4.2.2): read with bounds on length and depth, then asked of resources.

mod matching;
mod parse;

pub(crate) use parse::{Cursor, name};

use crate::path::Place;
use crate::schema::{Attribute, ResourceType};
use crate::{Error, FILTER_BYTES, Kind, Resource, Result, shown};
use serde_json::Value;

/// A filter that was read: every attribute in it is of the type it asks of.
#[derive(Clone, Debug)]
pub struct Filter(Term);

/// A part of a filter.
#[derive(Clone, Debug)]
pub(crate) enum Term {
    And(Vec<Term>),
    Or(Vec<Term>),
    Not(Box<Term>),
    Compare(Target, Comparison, Value),
    Present(Target),
    /// One value of a multi-valued attribute for which all of it holds.
    Within(Place, Box<Term>),
}

/// What is compared: an attribute of the resource, or of the value in brackets.
#[derive(Clone, Debug)]
pub(crate) enum Target {
    Resource(Place),
    Value(&'static Attribute),
}

impl Target {
    /// The attribute whose values are compared: of a complex one, its `value`.
    pub(crate) fn compared(&self) -> Option<&'static Attribute> {
        let attribute = match self {
            Self::Resource(place) => place.sub.unwrap_or(place.attribute),
            Self::Value(attribute) => attribute,
        };
        if attribute.subs.is_empty() { Some(attribute) } else { attribute.sub("value") }
    }
}

/// How values are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equal,
    NotEqual,
    Contains,
    Starts,
    Ends,
    Greater,
    Less,
    AtLeast,
    AtMost,
}

impl Filter {
    /// Reads a filter of resources of this type.
    ///
    /// # Errors
    /// `invalidFilter` with what is wrong and where.
    pub fn parse(of: &'static ResourceType, text: &str) -> Result<Self> {
        if text.len() > FILTER_BYTES {
            let why = format!("a filter of {} bytes: use at most {FILTER_BYTES}", text.len());
            return Err(Error::new(Kind::InvalidFilter, why));
        }
        let mut cursor = Cursor::new(text);
        let term = parse::filter(&mut cursor, &parse::Scope::Resource(of), 0)?;
        match cursor.rest().trim() {
            "" => Ok(Self(term)),
            rest => {
                let why = format!("`{}` is left over: combine with `and` or `or`", shown(rest));
                Err(Error::new(Kind::InvalidFilter, why))
            }
        }
    }

    /// Whether a resource is meant.
    pub fn matches(&self, resource: &Resource) -> bool {
        matching::resource(&self.0, resource)
    }

    /// The value, if all the filter asks is that this attribute equals it: then an index finds it.
    pub fn equals(&self, attribute: &str) -> Option<&str> {
        match &self.0 {
            Term::Compare(Target::Resource(place), Comparison::Equal, Value::String(text)) => {
                let same = place.extension.is_none()
                    && place.sub.is_none()
                    && place.attribute.name == attribute;
                same.then_some(text.as_str())
            }
            _ => None,
        }
    }
}

/// The filter in the brackets of a path.
#[derive(Clone, Debug)]
pub(crate) struct Inner(Term);

impl Inner {
    pub(crate) fn parse(cursor: &mut Cursor<'_>, of: &'static Attribute) -> Result<Self> {
        parse::filter(cursor, &parse::Scope::Value(of), 1).map(Self)
    }

    /// Whether a value is meant.
    pub(crate) fn matches(&self, value: &Value) -> bool {
        matching::value(&self.0, value)
    }

    /// The sub-attributes with their values, if all it asks is that they equal them.
    pub(crate) fn equals(&self) -> Option<Vec<(&'static Attribute, Value)>> {
        let one = |term: &Term| match term {
            Term::Compare(Target::Value(attribute), Comparison::Equal, value) => {
                Some((*attribute, value.clone()))
            }
            _ => None,
        };
        match &self.0 {
            Term::And(all) => all.iter().map(one).collect(),
            other => one(other).map(|pair| vec![pair]),
        }
    }

    pub(crate) fn term(self) -> Term {
        self.0
    }
}
