//! Playbooks as others exchange them: CACAO Security Playbooks 2.0 (OASIS, Committee Specification
//! 01 of 27 November 2023), in and out.
//!
//! Out, a playbook is one line of actions: what people do as `manual` commands, an answer as a
//! call of this API; what CACAO has no word for stands in an extension of ours. In, the text is
//! kept word for word and comes out again so, as long as nobody changes the steps here; its actions
//! become steps in the order in which they can be reached. Nothing of it runs by itself: commands
//! for other agents and conditions are kept, named, and judged by people.

mod read;

use super::{Phase, Planned, Playbook};
use crate::answers;
use crate::register::{Kept, Mark};
use kernel::{Error, Moment, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::fmt::Write as _;

pub(super) use read::read;

/// Where a playbook that was taken in is from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "PlaybookImported")]
pub struct Imported {
    /// Its id there.
    pub id: String,
    /// Its name there.
    pub name: String,
    /// SHA-256 of its text, in hexadecimal.
    pub sha256: String,
    /// Its text, word for word.
    pub text: String,
    /// What of it is kept and not run.
    pub not_run: Vec<String>,
    /// Who took it in, and when.
    pub mark: Mark,
    /// Whether the steps were changed here since.
    pub changed: bool,
}

/// What was read of a playbook.
pub(super) struct Taken {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) steps: Vec<Planned>,
    pub(super) not_run: Vec<String>,
}

/// The playbook as CACAO 2.0: word for word what was taken in, or our own.
///
/// # Errors
/// `Conflict` if it has no steps: a playbook of CACAO has at least one action. `Internal` if it has
/// no JSON form.
pub fn export(kept: &Kept<Playbook>) -> Result<String> {
    if let Some(imported) = kept.row.cacao.as_ref().filter(|one| !one.changed) {
        return Ok(imported.text.clone());
    }
    if kept.row.steps.is_empty() {
        let why = "it has no steps, and CACAO asks for one action: add one with `require`";
        return Err(Error::conflict(why));
    }
    serde_json::to_string_pretty(&own(kept))
        .map_err(|error| Error::internal(format!("a playbook: {error}")))
}

/// Properties of a step that CACAO has no word for.
const EXTENSION: &str = "step/v1";
/// The variables that an answer needs, and what each is.
const VARIABLES: [(&str, &str); 4] = [
    ("__bailee_host__", "where Bailee listens"),
    ("__bailee_port__", "the port there, with TLS"),
    ("__incident__", "the incident, by its id"),
    ("__target__", "who or what is answered to"),
];

fn own(kept: &Kept<Playbook>) -> Value {
    let row = &kept.row;
    // Two providers may have a playbook of the same name, and each its own id.
    let (seed, added) = (kept.id.as_str(), kept.added.at.0.rfc3339());
    let id = |kind: &str, name: &str| identifier(kind, &[seed, &added, name]);
    let (start, end) = (id("start", "start"), id("end", "end"));
    let place = |step: &Planned| id("action", &step.number.to_string());
    let mut workflow = Map::new();
    let first = row.steps.first().map_or_else(|| end.clone(), place);
    workflow.insert(start.clone(), json!({"type": "start", "on_completion": first}));
    let mut agents = Map::new();
    for (index, step) in row.steps.iter().enumerate() {
        let next = row.steps.get(index + 1).map_or_else(|| end.clone(), place);
        let (agent, what) = agent(&id, step);
        workflow.insert(place(step), action(step, &agent, &next));
        agents.insert(agent, what);
    }
    workflow.insert(end, json!({"type": "end"}));
    // Taking it out of use is a change, and a version of it that CACAO calls revoked.
    let modified = row.retired.as_ref().map_or(row.written.at, |mark| mark.at);
    let mut all = json!({
        "type": "playbook",
        "spec_version": "cacao-2.0",
        "id": id("playbook", ""),
        "name": kept.id,
        "description": row.purpose,
        "created_by": id("identity", &kept.added.by),
        "created": millis(kept.added.at.0),
        "modified": millis(modified.0),
        "revoked": row.retired.is_some(),
        "labels": [format!("bailee-class:{}", row.class.word())],
        "workflow_start": start,
        "workflow": workflow,
        "agent_definitions": agents,
        "extension_definitions": { extension(): {
            "type": "extension-definition",
            "name": "steps of Bailee",
            "description": "phase of an incident, role, hours, whether it is required, answer",
            "created_by": identifier("identity", &["bailee"]),
            "schema": "phase, role, within_hours, required and answer, as of `playbook.require`",
            "version": "1.0.0",
        } },
    });
    let Some(object) = all.as_object_mut() else { return all };
    if row.steps.iter().any(|step| step.answer.is_some()) {
        let variable = |(name, what): (&str, &str)| {
            (name.to_owned(), json!({"type": "string", "description": what, "external": true}))
        };
        let all: Map<_, _> = VARIABLES.into_iter().map(variable).collect();
        object.insert("playbook_variables".to_owned(), all.into());
    }
    if let Some(imported) = &row.cacao {
        object.insert("derived_from".to_owned(), json!([imported.id]));
    }
    all
}

fn action(step: &Planned, agent: &str, next: &str) -> Value {
    let command = match step.answer {
        None => json!({"type": "manual", "command": step.title}),
        Some(answer) => json!({
            "type": "http-api",
            "description": step.title,
            "command": "POST /v1/answers HTTP/1.1",
            "headers": {"Content-Type": ["application/json"]},
            "content": json!({
                "kind": answer.word(),
                "target": "__target__:value",
                "incident": "__incident__:value",
                "reason": step.title,
            })
            .to_string(),
        }),
    };
    let mut own = json!({"phase": step.phase, "required": step.required, "role": step.role});
    let mut all = json!({
        "type": "action",
        "name": step.title,
        "commands": [command],
        "agent": agent,
        "on_completion": next,
    });
    if let (Some(hours), Some(all), Some(own)) =
        (step.within_hours, all.as_object_mut(), own.as_object_mut())
    {
        all.insert("timeout".to_owned(), json!(u64::from(hours) * 3_600_000));
        own.insert("within_hours".to_owned(), json!(hours));
    }
    if let (Some(answer), Some(all), Some(own)) =
        (step.answer, all.as_object_mut(), own.as_object_mut())
    {
        all.insert("in_args".to_owned(), VARIABLES.map(|(name, _)| name).into());
        own.insert("answer".to_owned(), json!(answer));
    }
    if let Some(all) = all.as_object_mut() {
        all.insert("step_extensions".to_owned(), json!({extension(): own}));
    }
    all
}

/// Who does a step: people of a role, or this API.
fn agent(id: &dyn Fn(&str, &str) -> String, step: &Planned) -> (String, Value) {
    match step.answer {
        None => (id("group", &step.role), json!({"type": "group", "name": step.role})),
        Some(_) => (
            id("http-api", "bailee"),
            json!({
                "type": "http-api",
                "name": "Bailee",
                "address": {"dname": ["__bailee_host__:value"]},
                "port": "__bailee_port__:value",
            }),
        ),
    }
}

fn extension() -> String {
    identifier("extension-definition", &[EXTENSION])
}

/// An identifier that is the same whenever it is made of the same names: in the form of UUID
/// version 4, with bits of a hash in place of random ones.
fn identifier(kind: &str, names: &[&str]) -> String {
    let mut seed = format!("bailee-cacao/v1\0{kind}");
    for name in names {
        let _ = write!(seed, "\0{name}");
    }
    let hash = crate::oncall::hex(&kernel::digest(seed.as_bytes()));
    let part = |from: usize, to: usize| hash.get(from..to).unwrap_or_default();
    let variant = match part(16, 17) {
        "0" | "4" | "8" | "c" => '8',
        "1" | "5" | "9" | "d" => '9',
        "2" | "6" | "a" | "e" => 'a',
        _ => 'b',
    };
    format!(
        "{kind}--{}-{}-4{}-{variant}{}-{}",
        part(0, 8),
        part(8, 12),
        part(13, 16),
        part(17, 20),
        part(20, 32)
    )
}

/// RFC 3339 in UTC to the millisecond.
fn millis(at: Moment) -> String {
    let text = at.rfc3339();
    format!("{}Z", text.get(..23).unwrap_or_default())
}

/// A phase by its word; `Contain` for what says none.
fn phase(step: &Value, types: &[&str]) -> Phase {
    let own = step.get("phase").map(|phase| serde_json::from_value(phase.clone()));
    if let Some(Ok(phase)) = own {
        return phase;
    }
    match types.first() {
        Some(&"investigation" | &"detection") => Phase::Triage,
        Some(&"notification") => Phase::Notify,
        Some(&"remediation") => Phase::Recover,
        Some(&"prevention") => Phase::Learn,
        _ => Phase::Contain,
    }
}

/// The answer that a step of ours gives.
fn answer(step: &Value) -> Option<answers::Kind> {
    serde_json::from_value(step.get("answer")?.clone()).ok()
}
