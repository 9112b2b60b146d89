//! Reading a playbook of CACAO 2.0: bounded, every step known by its type and leading to steps that
//! are there, no way back, and its actions in the order in which they can be reached.

use super::{Planned, Taken, answer, extension, phase};
use kernel::{Error, Result};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// Bytes of a playbook. The longest published ones have a tenth of that.
const BYTES: usize = 256 * 1024;
/// Steps of a workflow.
const WORKFLOW: usize = 300;
/// What is kept and not run, as far as it is named.
const NAMED: usize = 40;
/// The types of steps.
const TYPES: [&str; 8] = [
    "start",
    "end",
    "action",
    "playbook-action",
    "parallel",
    "if-condition",
    "while-condition",
    "switch-condition",
];

type Workflow = Map<String, Value>;

fn bad(why: impl Into<String>) -> Error {
    Error::invalid("cacao", why)
}

fn text<'v>(value: &'v Value, name: &str) -> Option<&'v str> {
    value.get(name).and_then(Value::as_str)
}

/// Reads a playbook.
pub(in crate::incidents::playbooks) fn read(json: &str) -> Result<Taken> {
    if json.len() > BYTES {
        return Err(Error::limit(format!("a playbook has at most {BYTES} bytes of CACAO")));
    }
    let all: Value =
        serde_json::from_str(json).map_err(|error| bad(format!("this is no JSON: {error}")))?;
    for (name, value) in [("type", "playbook"), ("spec_version", "cacao-2.0")] {
        if text(&all, name) != Some(value) {
            return Err(bad(format!("`{name}` is not `{value}`: hand in a playbook of CACAO 2.0")));
        }
    }
    let id = text(&all, "id").filter(|id| identified(id, "playbook"));
    let id = id.ok_or_else(|| bad("`id` is no `playbook--UUID`"))?;
    let workflow = all.get("workflow").and_then(Value::as_object);
    let workflow = workflow.ok_or_else(|| bad("`workflow` is missing"))?;
    let start = text(&all, "workflow_start").ok_or_else(|| bad("`workflow_start` is missing"))?;
    known(workflow)?;
    if !identified(start, "start") || !workflow.contains_key(start) {
        return Err(bad("`workflow_start` names no start step of the workflow"));
    }
    let order = walk(workflow, start)?;
    let mut taken = Taken {
        id: id.to_owned(),
        name: clean(text(&all, "name").unwrap_or("unnamed"), 200),
        steps: vec![],
        not_run: vec![],
    };
    let left = workflow.len() - order.len();
    for (id, only) in &order {
        if let Some(step) = workflow.get(id) {
            take(&mut taken, &all, step, only)?;
        }
    }
    if left > 0 {
        taken.not_run.push(format!("steps that nothing leads to: {left}"));
    }
    if taken.steps.is_empty() {
        return Err(bad("nothing is done in it: it has no action that can be reached"));
    }
    Ok(taken)
}

/// Every step is of a known type, under an id of that type, and leads to steps that are there.
fn known(workflow: &Workflow) -> Result<()> {
    if workflow.len() > WORKFLOW {
        return Err(Error::limit(format!("a workflow has at most {WORKFLOW} steps")));
    }
    for (id, step) in workflow {
        let shown = kernel::id::shown(id);
        let kind = text(step, "type").unwrap_or_default();
        if !TYPES.contains(&kind) {
            let kind = kernel::id::shown(kind);
            return Err(bad(format!("step `{shown}` is of an unknown type `{kind}`")));
        }
        if !identified(id, kind) {
            return Err(bad(format!("step `{shown}` is not under an id `{kind}--UUID`")));
        }
        for (next, _) in leads(step)? {
            if !workflow.contains_key(next) {
                let next = kernel::id::shown(next);
                return Err(bad(format!("step `{shown}` leads to `{next}`, which is missing")));
            }
        }
    }
    Ok(())
}

/// Where a step leads, and under which condition.
fn leads(step: &Value) -> Result<Vec<(&str, String)>> {
    let condition = clean(text(step, "condition").unwrap_or("a condition"), 80);
    let switch = clean(text(step, "switch").unwrap_or("a value"), 60);
    let name = clean(text(step, "name").unwrap_or("the step before"), 60);
    let repeats = text(step, "type") == Some("while-condition");
    let when = if repeats { "as long as" } else { "if" };
    let mut all = Vec::new();
    let ways = [
        ("on_true", format!("{when} {condition}")),
        ("on_false", format!("unless {condition}")),
        ("on_success", String::new()),
        ("on_failure", format!("if {name} fails")),
        ("on_completion", String::new()),
    ];
    let wrong = |way: &str| bad(format!("`{way}` is no identifier of a step"));
    // What is within a step comes before what follows it.
    for next in step.get("next_steps").and_then(Value::as_array).into_iter().flatten() {
        all.push((next.as_str().ok_or_else(|| wrong("next_steps"))?, String::new()));
    }
    for (case, next) in step.get("cases").and_then(Value::as_object).into_iter().flatten() {
        let only = format!("if {switch} is {}", clean(case, 40));
        all.push((next.as_str().ok_or_else(|| wrong("cases"))?, only));
    }
    for (way, only) in ways {
        match step.get(way) {
            None => {}
            Some(Value::String(next)) => all.push((next.as_str(), only)),
            Some(_) => return Err(wrong(way)),
        }
    }
    Ok(all)
}

/// The steps in the order in which they can be reached, each once, with the conditions of the ways
/// that lead there; nothing if one of them has none.
fn walk(workflow: &Workflow, start: &str) -> Result<Vec<(String, String)>> {
    let (mut order, mut left) = (Vec::new(), Vec::new());
    let (mut seen, mut open) = (BTreeSet::new(), BTreeSet::new());
    // What is still to be visited, and what is left again; no recursion, whatever the input.
    enum Visit<'w> {
        Enter(&'w str),
        Leave(&'w str),
    }
    let mut stack = vec![Visit::Enter(start)];
    while let Some(visit) = stack.pop() {
        let id = match visit {
            Visit::Leave(id) => {
                open.remove(id);
                left.push(id);
                continue;
            }
            Visit::Enter(id) => id,
        };
        if open.contains(id) {
            let id = kernel::id::shown(id);
            return Err(bad(format!("step `{id}` leads back to itself: a workflow has an end")));
        }
        if !seen.insert(id) {
            continue;
        }
        open.insert(id);
        stack.push(Visit::Leave(id));
        let ways = workflow.get(id).map(leads).transpose()?.unwrap_or_default();
        stack.extend(ways.into_iter().rev().map(|(next, _)| Visit::Enter(next)));
        order.push(id);
    }
    // What is left last comes before everything it leads to, as there is no way back.
    left.reverse();
    let only = conditions(workflow, start, &left)?;
    let with = |id: &str| (id.to_owned(), only.get(id).cloned().unwrap_or_default());
    Ok(order.into_iter().map(with).collect())
}

/// Under which condition each step is reached; `order` has each before those it leads to.
fn conditions(
    workflow: &Workflow,
    start: &str,
    order: &[&str],
) -> Result<BTreeMap<String, String>> {
    let mut ways: BTreeMap<&str, Vec<String>> = [(start, vec![String::new()])].into();
    let mut only = BTreeMap::new();
    for id in order {
        let mine = ways.remove(id).unwrap_or_default();
        let mine = match mine.iter().any(String::is_empty) {
            true => String::new(),
            false => either(&mine),
        };
        for (next, more) in workflow.get(*id).map(leads).transpose()?.unwrap_or_default() {
            let way: Vec<_> =
                [mine.as_str(), &more].into_iter().filter(|one| !one.is_empty()).collect();
            let (way, known) = (way.join(", "), ways.entry(next).or_default());
            if !known.contains(&way) {
                known.push(way);
            }
        }
        only.insert((*id).to_owned(), mine);
    }
    Ok(only)
}

/// One of these conditions, in as many words as there is room for.
fn either(ways: &[String]) -> String {
    let mut text = String::new();
    for way in ways {
        let way = clean(way, 90);
        if text.is_empty() {
            text = way;
        } else if text.len() + way.len() <= 90 {
            text = format!("{text} or {way}");
        } else {
            return format!("{text} or otherwise");
        }
    }
    text
}

/// Takes a step over: an action as a step of ours, everything else as what is not run.
fn take(taken: &mut Taken, all: &Value, step: &Value, only: &str) -> Result<()> {
    let kind = text(step, "type").unwrap_or_default();
    let commands = step.get("commands").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let first = commands.first().unwrap_or(&Value::Null);
    let judged = text(step, "condition").or_else(|| text(step, "switch"));
    let said = [text(step, "name"), judged, text(first, "description"), text(first, "command")];
    let title = said.into_iter().flatten().find(|text| !text.trim().is_empty());
    let title = clean(title.unwrap_or("a step without a name"), 150);
    let mut note = |what: String| {
        if taken.not_run.len() < NAMED {
            taken.not_run.push(what);
        }
    };
    match kind {
        "action" | "playbook-action" => {}
        "start" | "end" => return Ok(()),
        _ => {
            note(format!("{kind} `{title}`: people judge it"));
            return Ok(());
        }
    }
    let own = step.get("step_extensions").and_then(|all| all.get(extension()));
    let own = own.unwrap_or(&Value::Null);
    let answer = answer(own);
    for command in commands {
        let kind = clean(text(command, "type").unwrap_or("unknown"), 40);
        if kind != "manual" && !(kind == "http-api" && answer.is_some()) {
            note(format!("command `{kind}` of `{title}`: it is kept, and people do it"));
        }
    }
    if kind == "playbook-action" {
        note(format!("another playbook, by `{title}`: it is not followed"));
    }
    if taken.steps.len() >= super::super::STEPS_MOST {
        let most = super::super::STEPS_MOST;
        return Err(Error::limit(format!("a playbook has at most {most} actions")));
    }
    let types = all.get("playbook_types").and_then(Value::as_array);
    let types: Vec<_> = types.into_iter().flatten().filter_map(Value::as_str).collect();
    let agent = text(step, "agent").and_then(|id| all.get("agent_definitions")?.get(id));
    let role = text(own, "role").or_else(|| agent.and_then(|agent| text(agent, "name")));
    let hours = own.get("within_hours").and_then(Value::as_u64);
    let required = own.get("required").and_then(Value::as_bool).unwrap_or(false);
    let number = u32::try_from(taken.steps.len()).unwrap_or(u32::MAX) + 1;
    taken.steps.push(Planned {
        number,
        title: match only {
            "" => title,
            only => clean(&format!("{title} ({only})"), 200),
        },
        phase: phase(own, &types),
        required: required && only.is_empty(),
        role: clean(role.unwrap_or("responder"), 60),
        within_hours: hours
            .and_then(|hours| u32::try_from(hours).ok().filter(|h| (1..=8760).contains(h))),
        answer,
    });
    Ok(())
}

/// Text on one line, without control characters, of at most so many bytes.
fn clean(text: &str, most: usize) -> String {
    let mut out = String::new();
    // Nor what turns the direction of reading.
    let turns =
        |c: char| ('\u{202a}'..='\u{202e}').contains(&c) || ('\u{2066}'..='\u{2069}').contains(&c);
    for word in text.split(|c: char| c.is_whitespace() || c.is_control() || turns(c)) {
        if word.is_empty() {
            continue;
        }
        if !out.is_empty() {
            out.push(' ');
        }
        for c in word.chars() {
            if out.len() + c.len_utf8() > most {
                return out;
            }
            out.push(c);
        }
    }
    if out.is_empty() { "–".to_owned() } else { out }
}

/// Whether an identifier has this type and a UUID.
fn identified(id: &str, kind: &str) -> bool {
    let Some(uuid) = id.strip_prefix(kind).and_then(|rest| rest.strip_prefix("--")) else {
        return false;
    };
    let hex = |part: &str, length: usize| {
        part.len() == length && part.bytes().all(|b| b.is_ascii_hexdigit())
    };
    let parts: Vec<_> = uuid.split('-').collect();
    parts.len() == 5 && parts.iter().zip([8, 4, 4, 4, 12]).all(|(part, length)| hex(part, length))
}
