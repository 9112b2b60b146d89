//! Kinds of requests: request environments that no policy can tell apart.
//!
//! A request environment is a type of principal, an action and a type of resource. Two actions are
//! the same to every policy if they take the same context and no policy names what is one and not
//! the other: then a formula made for one is the formula for the other but for the action's name.
//! A policy that looks at the action in another way than by comparing it with named ones is not
//! judged so, and each environment stands by itself.

use crate::{Authority, Problem, Result, at};
use cedar_policy::{Entities, EntityUid, Policy, RequestEnv, Schema};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// Requests that are proved as one.
#[derive(Clone, Debug)]
pub struct Kind {
    /// The environment that is asked about.
    pub env: RequestEnv,
    /// The type of whoever asks.
    pub principal: String,
    /// Every action of this kind, in order; the first is the one that is asked about.
    pub actions: Vec<String>,
    /// The type of what it is asked of.
    pub resource: String,
    /// The same for kinds that differ only in the action.
    pub(crate) shape: String,
}

impl Kind {
    /// Of environments that are alike; nothing without one.
    pub(crate) fn of(mut envs: Vec<RequestEnv>, schema: &Value) -> Option<Self> {
        envs.sort_by_key(|env| name(env.action()).to_owned());
        let actions = envs.iter().map(|env| name(env.action()).to_owned()).collect();
        let env = envs.into_iter().next()?;
        let (principal, resource) = (env.principal().to_string(), env.resource().to_string());
        let shape = shape(&env, schema);
        Some(Self { env, principal, actions, resource, shape })
    }

    /// In a line.
    pub fn line(&self) -> String {
        let (few, rest) = self.actions.split_at(self.actions.len().min(3));
        let more =
            if rest.is_empty() { String::new() } else { format!(" and {} more", rest.len()) };
        format!("{} on {}: {}{more}", self.principal, self.resource, few.join(", "))
    }

    /// Whether this environment is of it.
    pub fn has(&self, env: &RequestEnv) -> bool {
        env.principal().to_string() == self.principal
            && env.resource().to_string() == self.resource
            && self.actions.iter().any(|action| action == name(env.action()))
    }
}

/// The kinds of requests of a schema, as these policies can tell them apart.
///
/// # Errors
/// If a policy has no JSON form.
pub fn kinds<'a>(
    authority: &Authority,
    policies: impl Iterator<Item = &'a Policy>,
) -> Result<Vec<Kind>> {
    let (mut named, mut plain) = (BTreeSet::new(), true);
    for policy in policies {
        let json = policy.to_json().map_err(|error| Problem::new(error.to_string()))?;
        plain &= only_compared(&json);
        named.extend(policy.entity_literals());
    }
    let ancestors = ancestors(&authority.schema)?;
    let mut found: BTreeMap<String, Vec<RequestEnv>> = BTreeMap::new();
    for env in authority.schema.request_envs() {
        let key = key(&env, &named, &ancestors, &authority.json, plain);
        found.entry(key).or_default().push(env);
    }
    Ok(found.into_values().filter_map(|envs| Kind::of(envs, &authority.json)).collect())
}

/// The same for environments that no policy can tell apart.
fn key(
    env: &RequestEnv,
    named: &BTreeSet<EntityUid>,
    ancestors: &Entities,
    schema: &Value,
    plain: bool,
) -> String {
    let action = env.action();
    let is = |other: &EntityUid| other == action || ancestors.is_ancestor_of(other, action);
    let seen: Vec<_> = named.iter().filter(|one| is(one)).map(ToString::to_string).collect();
    let shape = shape(env, schema);
    let own = if plain { "" } else { name(action) };
    format!("{shape}\n{}\n{own}", seen.join(" "))
}

/// The types of a request. A context that is not known for certain stands by itself.
fn shape(env: &RequestEnv, schema: &Value) -> String {
    let action = name(env.action());
    let context = at(schema, &["", "actions", action, "appliesTo", "context"]);
    let own = if context.is_null() { action } else { "" };
    format!("{}\n{}\n{context}{own}", env.resource(), env.principal())
}

fn ancestors(schema: &Schema) -> Result<Entities> {
    schema.action_entities().map_err(|error| Problem::new(error.to_string()))
}

/// An action's name without its type.
pub(crate) fn name(action: &EntityUid) -> &str {
    action.id().unescaped()
}

/// Whether conditions look at the action only as the left side of `==`, `!=` and `in` with actions
/// that are named there.
fn only_compared(policy: &Value) -> bool {
    let conditions = at(policy, &["conditions"]).as_array();
    conditions.is_none_or(|all| all.iter().all(|one| calm(at(one, &["body"]))))
}

/// Whether conditions look at the action at all.
pub(crate) fn sees_actions(policy: &Policy) -> Result<bool> {
    let json = policy.to_json().map_err(|error| Problem::new(error.to_string()))?;
    Ok(at(&json, &["conditions"]).to_string().contains("\"Var\":\"action\""))
}

/// The policy without its scope on actions.
pub(crate) fn for_any_action(policy: &Policy) -> Result<Policy> {
    let broken = |error: &dyn fmt::Display| Problem::new(format!("`{}`: {error}", policy.id()));
    let mut json = policy.to_json().map_err(|error| broken(&error))?;
    if let Some(parts) = json.as_object_mut() {
        parts.insert("action".to_owned(), serde_json::json!({"op": "All"}));
    }
    Policy::from_json(Some(policy.id().clone()), json).map_err(|error| broken(&error))
}

fn calm(expression: &Value) -> bool {
    match expression {
        Value::Object(parts) => parts.iter().all(|(operator, rest)| match operator.as_str() {
            "Var" => rest != "action",
            "==" | "!=" | "in" if at(rest, &["left", "Var"]) == "action" => {
                literal(at(rest, &["right"]))
            }
            _ => calm(rest),
        }),
        Value::Array(all) => all.iter().all(calm),
        _ => true,
    }
}

/// An entity by its name, or a set of them.
fn literal(expression: &Value) -> bool {
    let set = at(expression, &["Set"]).as_array();
    !at(expression, &["Value"]).is_null() || set.is_some_and(|all| all.iter().all(literal))
}
