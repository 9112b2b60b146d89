//! Bulk requests (RFC 7644 §3.7): their operations in order, with what earlier ones made.

use crate::{Error, Kind, OPERATIONS, Result, shown};
use serde_json::{Value, json};
use std::collections::HashMap;

/// What an operation does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Adds.
    Post,
    /// Replaces.
    Put,
    /// Changes.
    Patch,
    /// Removes.
    Delete,
}

impl Method {
    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

/// A bulk request.
#[derive(Clone, Debug)]
pub struct Batch {
    /// Its operations.
    pub operations: Vec<One>,
    /// After how many failures to stop; `None` to go on.
    pub most_errors: Option<usize>,
}

/// One operation.
#[derive(Clone, Debug)]
pub struct One {
    /// What it does.
    pub method: Method,
    /// What others call what it makes.
    pub bulk_id: Option<String>,
    /// `Users`, `Groups`.
    pub endpoint: String,
    /// The id, or a reference to one, where it is about one resource.
    pub id: Option<String>,
    /// The version that has to be there, as stated.
    pub version: Option<String>,
    /// What is stated.
    pub data: Value,
}

/// What earlier operations made, by the names others call it.
#[derive(Debug, Default)]
pub struct References(HashMap<String, String>);

const REFERENCE: &str = "bulkId:";

impl Batch {
    /// Reads a bulk request.
    ///
    /// # Errors
    /// `invalidSyntax` if it is none; `tooMany` operations.
    pub fn read(body: &Value) -> Result<Self> {
        let all = body.get("Operations").and_then(Value::as_array);
        let all = all.filter(|all| !all.is_empty());
        let all = all.ok_or_else(|| Error::syntax("state `Operations`, a list of at least one"))?;
        if all.len() > OPERATIONS {
            let why = format!("{} operations: at most {OPERATIONS} at once", all.len());
            return Err(Error::new(Kind::TooMany, why));
        }
        let most_errors = match body.get("failOnErrors") {
            None | Some(Value::Null) => None,
            Some(value) => match value.as_u64().and_then(|most| usize::try_from(most).ok()) {
                Some(most) if most > 0 => Some(most),
                _ => return Err(Error::value("`failOnErrors` is a number from 1")),
            },
        };
        let operations = all.iter().map(read_one).collect::<Result<_>>()?;
        Ok(Self { operations, most_errors })
    }
}

fn read_one(stated: &Value) -> Result<One> {
    let text = |name: &str| stated.get(name).and_then(Value::as_str);
    let method = match text("method").unwrap_or_default().to_ascii_uppercase().as_str() {
        "POST" => Method::Post,
        "PUT" => Method::Put,
        "PATCH" => Method::Patch,
        "DELETE" => Method::Delete,
        other => {
            let why = format!("`{}` is no method: use POST, PUT, PATCH or DELETE", shown(other));
            return Err(Error::syntax(why));
        }
    };
    let path = text("path").unwrap_or_default();
    let wrong = || {
        let why = format!("`{}` is no path for {}", shown(path), method.name());
        Error::syntax(format!("{why}: write `/Users`, or `/Users/ID`"))
    };
    let rest = path.strip_prefix('/').ok_or_else(wrong)?;
    let (endpoint, id) = match rest.split_once('/') {
        Some((endpoint, id)) => (endpoint, Some(id.to_owned())),
        None => (rest, None),
    };
    let fits = !endpoint.is_empty() && id.is_none() == (method == Method::Post);
    if !fits || id.as_deref().is_some_and(|id| id.is_empty() || id.contains('/')) {
        return Err(wrong());
    }
    let bulk_id = text("bulkId").map(str::to_owned);
    if method == Method::Post && bulk_id.as_deref().unwrap_or_default().is_empty() {
        return Err(Error::syntax("a POST in bulk has a `bulkId`: state one"));
    }
    Ok(One {
        method,
        bulk_id,
        endpoint: endpoint.to_owned(),
        id,
        version: text("version").map(str::to_owned),
        data: stated.get("data").cloned().unwrap_or(Value::Null),
    })
}

impl References {
    /// Remembers what an operation made.
    pub fn made(&mut self, bulk_id: &str, id: &str) {
        self.0.insert(bulk_id.to_owned(), id.to_owned());
    }

    /// The operation with ids for references.
    ///
    /// # Errors
    /// `invalidValue` for a reference to what no earlier operation made.
    pub fn resolve(&self, one: &One) -> Result<One> {
        let mut resolved = one.clone();
        if let Some(id) = &mut resolved.id {
            self.text(id)?;
        }
        self.value(&mut resolved.data)?;
        Ok(resolved)
    }

    fn value(&self, value: &mut Value) -> Result<()> {
        match value {
            Value::String(text) => self.text(text),
            Value::Array(all) => all.iter_mut().try_for_each(|one| self.value(one)),
            Value::Object(all) => all.values_mut().try_for_each(|one| self.value(one)),
            _ => Ok(()),
        }
    }

    fn text(&self, text: &mut String) -> Result<()> {
        let Some(name) = text.strip_prefix(REFERENCE) else { return Ok(()) };
        let Some(id) = self.0.get(name) else {
            let name = shown(name);
            let why = format!("`bulkId:{name}` was made by no operation before: state it earlier");
            return Err(Error::value(why));
        };
        *text = id.clone();
        Ok(())
    }
}

/// The answer to a bulk request, of the answers to its operations.
pub fn bulk_answer(operations: Vec<Value>) -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkResponse"],
        "Operations": operations,
    })
}
