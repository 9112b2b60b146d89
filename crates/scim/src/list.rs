//! Lists: filter, order and page (RFC 7644 §3.4.2), stated in a query or in the body of `.search`.

use crate::path::Place;
use crate::schema::ResourceType;
use crate::{Error, Filter, Resource, Result, Selection};
use serde_json::{Value, json};

/// Resources of a page, unless fewer are asked for; also the most there are of one.
pub const COUNT: usize = 200;

/// What is asked of a list.
#[derive(Clone, Debug)]
pub struct Query {
    /// Of which type.
    pub of: &'static ResourceType,
    /// Which are meant.
    pub filter: Option<Filter>,
    /// What is shown of each.
    pub selection: Selection,
    order: Option<(Place, bool)>,
    start: usize,
    count: usize,
}

/// A page.
#[derive(Default)]
pub struct Found {
    /// The resources on it.
    pub items: Vec<Value>,
    /// How many there are in all.
    pub total: usize,
    /// The number of its first, from 1.
    pub start: usize,
}

impl Found {
    /// As RFC 7644 §3.4.2 has it.
    pub fn body(self) -> Value {
        listed(self.total, self.start, self.items)
    }

    /// This page, and behind what is on it that of other resources, asked for by
    /// [`Query::after`].
    #[must_use]
    pub fn with(mut self, other: Self) -> Self {
        self.total += other.total;
        self.items.extend(other.items);
        self
    }
}

impl Query {
    /// Reads what a query states; `get` looks for a parameter.
    ///
    /// # Errors
    /// `invalidFilter`, `invalidValue` with the parameter.
    pub fn read<'a>(
        of: &'static ResourceType,
        get: impl Fn(&str) -> Option<&'a str>,
    ) -> Result<Self> {
        let given = |name: &str| get(name).filter(|text| !text.trim().is_empty());
        let number = |name: &str| match given(name) {
            None => Ok(None),
            Some(text) => match text.trim().parse::<i64>() {
                Ok(number) => Ok(Some(usize::try_from(number).unwrap_or(0))),
                Err(_) => {
                    let text = crate::shown(text);
                    Err(Error::value(format!("`{name}` is `{text}`: state a number")))
                }
            },
        };
        let filter = given("filter").map(|text| Filter::parse(of, text)).transpose()?;
        let descending =
            given("sortOrder").is_some_and(|order| order.eq_ignore_ascii_case("descending"));
        let order = given("sortBy").map(|name| {
            Place::parse(of, name.trim()).map(|place| (place, descending)).ok_or_else(|| {
                let name = crate::shown(name);
                Error::value(format!("`sortBy` is `{name}`, which is no attribute: see /Schemas"))
            })
        });
        Ok(Self {
            of,
            filter,
            selection: Selection::read(of, get("attributes"), get("excludedAttributes"))?,
            order: order.transpose()?,
            start: number("startIndex")?.unwrap_or(1).max(1),
            count: number("count")?.unwrap_or(COUNT).min(COUNT),
        })
    }

    /// Reads the body of `.search` (§3.4.3).
    ///
    /// # Errors
    /// As [`Query::read`]; `invalidSyntax` if it is none.
    pub fn search(of: &'static ResourceType, body: &Value) -> Result<Self> {
        let Some(body) = body.as_object() else {
            return Err(Error::syntax("state a search as an object of JSON"));
        };
        let text = |value: &Value| match value {
            Value::Null => None,
            Value::String(text) => Some(text.clone()),
            Value::Array(all) => {
                Some(all.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(","))
            }
            other => Some(other.to_string()),
        };
        let stated: Vec<(&String, String)> =
            body.iter().filter_map(|(name, value)| Some((name, text(value)?))).collect();
        Self::read(of, |name| {
            let found = stated.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
            found.map(|(_, text)| text.as_str())
        })
    }

    /// The page that is asked for, of all there are.
    pub fn page(&self, all: Vec<Resource>) -> Found {
        let meant = |one: &Resource| self.filter.as_ref().is_none_or(|filter| filter.matches(one));
        let mut found: Vec<Resource> = all.into_iter().filter(meant).collect();
        if let Some((place, descending)) = &self.order {
            found.sort_by_cached_key(|one| order_of(place, one));
            if *descending {
                found.reverse();
            }
        }
        let total = found.len();
        let page = found.iter().skip(self.start - 1).take(self.count);
        let shown: Vec<Value> = page.map(|one| one.shown(self.of, &self.selection)).collect();
        Found { items: shown, total, start: self.start }
    }

    /// The same query of what comes behind other resources, of which this page was found.
    #[must_use]
    pub fn after(mut self, other: &Found) -> Self {
        self.start = self.start.saturating_sub(other.total).max(1);
        self.count -= other.items.len().min(self.count);
        self
    }
}

/// What has no value comes last (RFC 7644 §3.4.2.3).
fn order_of(place: &Place, one: &Resource) -> (bool, String) {
    let values = place.values(one);
    let primary = values.iter().find(|value| value.get("primary") == Some(&Value::Bool(true)));
    let value = primary.or(values.first()).map(|value| value.get("value").unwrap_or(value));
    let exact = place.sub.unwrap_or(place.attribute).exact;
    match value {
        None => (true, String::new()),
        Some(Value::String(text)) if exact => (false, text.clone()),
        Some(Value::String(text)) => (false, text.to_lowercase()),
        Some(other) => (false, other.to_string()),
    }
}

/// A list as an answer has it.
pub(crate) fn listed(total: usize, start: usize, items: Vec<Value>) -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"],
        "totalResults": total,
        "startIndex": start,
        "itemsPerPage": items.len(),
        "Resources": items,
    })
}
