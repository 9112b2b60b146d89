//! A request that shows what is wrong, as people and programs read it.

use crate::at;
use cedar_policy::{Authorizer, Decision, Entities, EntityUid, PolicySet, Request};
use cedar_policy_symcc::Env;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::fmt;

/// A request with everything a policy can see of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Example {
    /// Whoever asks: type, id and attributes.
    pub principal: Value,
    /// What for.
    pub action: String,
    /// Of what: type, id and attributes.
    pub resource: Value,
    /// `now`, and `grant` and `engagement` where there are.
    pub context: Value,
}

impl Example {
    pub(crate) fn of(env: &Env) -> Self {
        let request = &env.request;
        let context = request.context().and_then(|context| context.to_json_value().ok());
        Self {
            principal: entity(request.principal(), &env.entities),
            action: request
                .action()
                .map_or_else(String::new, |uid| uid.id().unescaped().to_owned()),
            resource: entity(request.resource(), &env.entities),
            context: context.unwrap_or_default(),
        }
    }
}

/// What Cedar itself answers: whether it is allowed, and by which policies.
pub(crate) fn evaluated(env: &Env, set: &PolicySet) -> (bool, Vec<String>) {
    let response = Authorizer::new().is_authorized(&env.request, set, &env.entities);
    let mut names: Vec<_> = response.diagnostics().reason().map(ToString::to_string).collect();
    names.sort();
    let sound = response.diagnostics().errors().next().is_none();
    (sound && response.decision() == Decision::Allow, names)
}

/// Whether a policy can be evaluated at all.
pub(crate) fn errs(request: &Request, entities: &Entities, set: &PolicySet) -> bool {
    let response = Authorizer::new().is_authorized(request, set, entities);
    response.diagnostics().errors().next().is_some()
}

fn entity(uid: Option<&EntityUid>, entities: &Entities) -> Value {
    let Some(uid) = uid else { return Value::Null };
    let known = entities.get(uid).and_then(|one| one.to_json_value().ok());
    let attributes = known.and_then(|value| value.get("attrs").cloned()).unwrap_or_default();
    let mut all = Map::new();
    all.insert("type".into(), uid.type_name().to_string().into());
    all.insert("id".into(), uid.id().unescaped().into());
    all.insert("attributes".into(), attributes);
    all.into()
}

impl fmt::Display for Example {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = |value: &Value| {
            let kind = at(value, &["type"]).as_str().unwrap_or_default();
            format!("{kind} {}  {}", at(value, &["id"]), attributes(at(value, &["attributes"])))
        };
        writeln!(f, "      principal   {}", of(&self.principal))?;
        writeln!(f, "      action      {}", self.action)?;
        writeln!(f, "      resource    {}", of(&self.resource))?;
        writeln!(f, "      now         {} ms since 1970", at(&self.context, &["now"]))?;
        for part in ["grant", "engagement"] {
            let value = at(&self.context, &[part]);
            let text = if value.is_null() { "none".to_owned() } else { attributes(value) };
            writeln!(f, "      {part:<12}{text}")?;
        }
        Ok(())
    }
}

fn attributes(value: &Value) -> String {
    let Value::Object(all) = value else { return String::new() };
    let each: Vec<_> = all.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    each.join(", ")
}
