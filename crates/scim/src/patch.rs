//! PATCH (RFC 7644 §3.5.2), with the dialects of Entra and Okta: texts for booleans, operations
//! without a path, removals with a value, paths to values that are not there yet.

use crate::filter::Inner;
use crate::path::{Path, Place};
use crate::resource::{Resource, many, one, set, within};
use crate::schema::{Attribute, Mutability, ResourceType};
use crate::{Error, Kind, OPERATIONS, Result, shown};
use serde_json::{Map, Value, json};
use std::collections::HashSet;

/// What an operation does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Op {
    Add,
    Replace,
    Remove,
}

/// A change of a resource, read and not yet done.
#[derive(Clone, Debug)]
pub struct Patch {
    of: &'static ResourceType,
    steps: Vec<(Op, Path, Value)>,
}

impl Patch {
    /// Reads the body of a PATCH.
    ///
    /// # Errors
    /// `invalidSyntax` if it is none, `invalidPath`, `noTarget` for a removal of nothing,
    /// `invalidPath` if it has operations and none of them is of an attribute that is kept.
    pub fn read(of: &'static ResourceType, body: &Value) -> Result<Self> {
        let all = member(body, "Operations").and_then(Value::as_array);
        let all = all.filter(|all| !all.is_empty()).ok_or_else(|| {
            Error::syntax("state `Operations`, a list of at least one operation of PATCH")
        })?;
        if all.len() > OPERATIONS {
            let why = format!("{} operations: at most {OPERATIONS} at once", all.len());
            return Err(Error::new(Kind::TooMany, why));
        }
        let mut steps = Vec::with_capacity(all.len());
        for one in all {
            read_one(of, one, &mut steps)?;
            // One operation without a path is as many as it has members.
            if steps.len() > OPERATIONS {
                let why = format!("more than {OPERATIONS} attributes are changed at once");
                return Err(Error::new(Kind::TooMany, why));
            }
        }
        if steps.iter().all(|(_, path, _)| matches!(path, Path::Unknown)) {
            let why = "none of these attributes is kept here: see /Schemas";
            return Err(Error::new(Kind::InvalidPath, why));
        }
        Ok(Self { of, steps })
    }

    /// Does it: all of it, or nothing if one part fails.
    ///
    /// # Errors
    /// `mutability`, `noTarget`, `invalidValue` with the attribute.
    pub fn apply(&self, resource: &Resource) -> Result<Resource> {
        let mut changed = resource.clone();
        for (op, path, value) in &self.steps {
            match path {
                Path::Unknown => {}
                Path::Extension(extension) if *op == Op::Remove => {
                    changed.attributes.remove(extension.id);
                }
                Path::Extension(extension) => {
                    let parts = value.as_object().into_iter().flatten();
                    for (name, value) in parts {
                        if let Some(attribute) = extension.attribute(name) {
                            let extension = Some(*extension);
                            let place = Place { extension, attribute, sub: None };
                            at(&mut changed, *op, &place, None, value)?;
                        }
                    }
                }
                Path::At(place, inner) => at(&mut changed, *op, place, inner.as_ref(), value)?,
            }
        }
        // What has no parts left is not there.
        let empty = |value: &Value| value.as_object().is_some_and(Map::is_empty);
        changed.attributes.retain(|_, value| !empty(value));
        changed.check(self.of)?;
        Ok(changed)
    }
}

/// A member of an object, whatever the case of its name.
fn member<'a>(of: &'a Value, name: &str) -> Option<&'a Value> {
    let exact = of.get(name);
    let all = || of.as_object()?.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
    exact.or_else(|| all().map(|(_, value)| value))
}

fn read_one(
    of: &'static ResourceType,
    stated: &Value,
    steps: &mut Vec<(Op, Path, Value)>,
) -> Result<()> {
    let op = member(stated, "op").and_then(Value::as_str).unwrap_or_default();
    let op = match op.to_ascii_lowercase().as_str() {
        "add" => Op::Add,
        "replace" => Op::Replace,
        "remove" => Op::Remove,
        _ => {
            let why = format!("`{}` is no operation: use add, replace or remove", shown(op));
            return Err(Error::syntax(why));
        }
    };
    let value = member(stated, "value").cloned().unwrap_or(Value::Null);
    let path = match member(stated, "path") {
        None | Some(Value::Null) => None,
        Some(Value::String(path)) if path.is_empty() => None,
        Some(Value::String(path)) => Some(path),
        Some(_) => return Err(Error::new(Kind::InvalidPath, "a path is a text")),
    };
    if let Some(path) = path {
        let path = Path::parse(of, path)?;
        if let Path::At(place, _) = &path
            && place.attribute.mutability == Mutability::ReadOnly
        {
            let why = format!("`{}` is for the server alone to change", place.attribute.name);
            return Err(Error::new(Kind::Mutability, why));
        }
        steps.push((op, path, value));
        return Ok(());
    }
    if op == Op::Remove {
        return Err(Error::new(Kind::NoTarget, "a removal needs a path: state which attribute"));
    }
    let Value::Object(parts) = value else {
        return Err(Error::value("an operation without a path has an object as its value"));
    };
    // Okta states attributes so, its id among them; Entra paths as names.
    for (name, value) in parts {
        let path = Path::parse(of, &name).unwrap_or(Path::Unknown);
        let server = matches!(&path, Path::At(place, _)
            if place.attribute.mutability == Mutability::ReadOnly);
        steps.push((op, if server { Path::Unknown } else { path }, value));
    }
    Ok(())
}

/// One operation on one attribute.
fn at(
    resource: &mut Resource,
    op: Op,
    place: &Place,
    inner: Option<&Inner>,
    value: &Value,
) -> Result<()> {
    let into = match place.extension {
        None => &mut resource.attributes,
        Some(schema) => {
            let held = resource.attributes.entry(schema.id).or_insert_with(|| json!({}));
            match held.as_object_mut() {
                Some(held) => held,
                None => return Ok(()),
            }
        }
    };
    if place.attribute.multi {
        return several(into, op, place, inner, value);
    }
    match (op, place.sub) {
        (Op::Remove, None) => {
            into.remove(place.attribute.name);
        }
        (_, None) if !place.attribute.subs.is_empty() => merge_into(into, place.attribute, value)?,
        (_, None) => set(into, place.attribute, value)?,
        (_, Some(sub)) => {
            let held = into.entry(place.attribute.name).or_insert_with(|| json!({}));
            if let Some(held) = held.as_object_mut() {
                part(held, op, sub, value)?;
            }
        }
    }
    Ok(())
}

/// A complex attribute: parts that are not stated stay (RFC 7644 §3.5.2.3).
fn merge_into(
    into: &mut Map<String, Value>,
    attribute: &'static Attribute,
    value: &Value,
) -> Result<()> {
    let Some(Value::Object(stated)) = one(attribute, value)? else {
        into.remove(attribute.name);
        return Ok(());
    };
    match into.get_mut(attribute.name).and_then(Value::as_object_mut) {
        Some(held) => held.extend(stated),
        None => {
            into.insert(attribute.name.to_owned(), Value::Object(stated));
        }
    }
    Ok(())
}

fn part(
    held: &mut Map<String, Value>,
    op: Op,
    sub: &'static Attribute,
    value: &Value,
) -> Result<()> {
    match op {
        Op::Remove => {
            held.remove(sub.name);
            Ok(())
        }
        Op::Add | Op::Replace => set(held, sub, value),
    }
}

/// An operation on a multi-valued attribute.
fn several(
    into: &mut Map<String, Value>,
    op: Op,
    place: &Place,
    inner: Option<&Inner>,
    value: &Value,
) -> Result<()> {
    let attribute = place.attribute;
    let mut held = match into.remove(attribute.name) {
        Some(Value::Array(all)) => all,
        _ => vec![],
    };
    let outcome = match (inner, place.sub) {
        (None, None) => whole(&mut held, op, attribute, value),
        (inner, sub) => some(&mut held, op, attribute, (inner, sub), value),
    };
    held.retain(|one| one.as_object().is_none_or(|parts| !parts.is_empty()));
    outcome.and_then(|()| within(attribute, held.len()))?;
    if !held.is_empty() {
        into.insert(attribute.name.to_owned(), Value::Array(held));
    }
    Ok(())
}

/// All values, or those that the operation itself states.
fn whole(
    held: &mut Vec<Value>,
    op: Op,
    attribute: &'static Attribute,
    value: &Value,
) -> Result<()> {
    let stated = match many(attribute, value)? {
        Some(Value::Array(all)) => all,
        _ => vec![],
    };
    match op {
        Op::Remove if stated.is_empty() => held.clear(),
        Op::Remove => {
            let gone: HashSet<String> = stated.iter().map(identity).collect();
            held.retain(|one| !gone.contains(&identity(one)));
        }
        Op::Replace => *held = distinct(stated),
        Op::Add => {
            let known: HashSet<String> = held.iter().map(Value::to_string).collect();
            let new = distinct(stated).into_iter();
            let new: Vec<Value> = new.filter(|one| !known.contains(&one.to_string())).collect();
            primary(held, new.iter().any(is_primary));
            held.extend(new);
        }
    }
    Ok(())
}

/// By what a value is known where a removal states it.
fn identity(value: &Value) -> String {
    value.get("value").unwrap_or(value).to_string()
}

fn distinct(all: Vec<Value>) -> Vec<Value> {
    let mut seen = HashSet::new();
    all.into_iter().filter(|one| seen.insert(one.to_string())).collect()
}

fn is_primary(value: &Value) -> bool {
    value.get("primary") == Some(&Value::Bool(true))
}

/// There is one primary value at most: a new one takes it from the others (RFC 7644 §3.5.2).
fn primary(held: &mut [Value], taken: bool) {
    for one in held.iter_mut().filter(|one| taken && is_primary(one)) {
        if let Some(parts) = one.as_object_mut() {
            parts.insert("primary".to_owned(), Value::Bool(false));
        }
    }
}

/// The values that brackets mean, or a part of each.
fn some(
    held: &mut Vec<Value>,
    op: Op,
    attribute: &'static Attribute,
    (inner, sub): (Option<&Inner>, Option<&'static Attribute>),
    value: &Value,
) -> Result<()> {
    let meant = |one: &Value| inner.is_none_or(|inner| inner.matches(one));
    if op == Op::Remove && sub.is_none() {
        held.retain(|one| !meant(one));
        return Ok(());
    }
    if op != Op::Remove && !held.iter().any(meant) {
        held.push(begun(attribute, inner)?);
    }
    let stated = match sub {
        Some(_) => None,
        None => one(attribute, &first(value))?,
    };
    let takes = sub.is_some_and(|sub| sub.name == "primary")
        && crate::resource::boolean(value) == Some(true);
    let takes = op != Op::Remove && (takes || stated.as_ref().is_some_and(is_primary));
    let hit: Vec<bool> = held.iter().map(meant).collect();
    primary(held, takes);
    for (one, _) in held.iter_mut().zip(hit).filter(|(_, hit)| *hit) {
        let Some(parts) = one.as_object_mut() else { continue };
        match (sub, &stated) {
            (Some(sub), _) => part(parts, op, sub, value)?,
            (None, Some(Value::Object(stated))) => parts.extend(stated.clone()),
            (None, _) => parts.clear(),
        }
    }
    Ok(())
}

/// A list of one is that one.
fn first(value: &Value) -> Value {
    match value.as_array().map(Vec::as_slice) {
        Some([only]) => only.clone(),
        _ => value.clone(),
    }
}

/// A value that brackets describe and that is not there yet, as Entra expects it to be made.
///
/// # Errors
/// `noTarget` where the brackets do not say what it is (RFC 7644 §3.5.2.3).
fn begun(attribute: &Attribute, inner: Option<&Inner>) -> Result<Value> {
    let Some(inner) = inner else { return Ok(json!({})) };
    // Members are people: none is made out of a filter.
    let parts = inner.equals().filter(|_| attribute.name != "members").ok_or_else(|| {
        let why = format!("no value of `{}` is meant by these brackets", attribute.name);
        Error::new(Kind::NoTarget, why)
    })?;
    let named = parts.into_iter().filter(|(_, value)| !value.is_null());
    Ok(Value::Object(named.map(|(sub, value)| (sub.name.to_owned(), value)).collect()))
}
