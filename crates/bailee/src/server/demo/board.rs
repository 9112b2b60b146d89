//! The board at the end of the demonstration: every obligation, how it stands, and why.

use serde_json::Value;

use super::tour::shown;
use crate::exit::Failure;
use crate::output::Output;

/// The states in the order in which they are told: what is wrong first.
const STATES: [(&str, char); 3] = [("failing", '✕'), ("unproven", '?'), ("holding", '■')];

/// Prints the board out of what the API answers.
///
/// # Errors
/// When standard output cannot be written.
pub fn show(items: &[Value], output: Output) -> Result<(), Failure> {
    for measure in *domain::measures::MEASURES {
        let own = items.iter().filter(|item| shown(item, "measure") == measure.id);
        let marks: String = own.map(mark).collect();
        output.line(&format!("   {:<3} {:<41} {marks}", measure.id, measure.title))?;
    }
    let count = |state: &str| items.iter().filter(|item| shown(item, "state") == state).count();
    output.line(&format!(
        "\n   of {} obligations {} hold, {} fail, {} are unproven: what is not known holds nothing",
        items.len(),
        count("holding"),
        count("failing"),
        count("unproven")
    ))?;
    for (state, mark) in STATES {
        let own: Vec<&Value> = items.iter().filter(|item| shown(item, "state") == state).collect();
        output.line(&format!("\n   {mark} {} {state}", own.len()))?;
        for item in own {
            output.line(&format!("     {:<5} {}", shown(item, "id"), why(item, state)))?;
            if let Some(todo) = list(item, "todo").next().filter(|_| state != "holding") {
                let who = shown(todo, "who");
                output.line(&format!("           {who}: {}", shown(todo, "what")))?;
            }
        }
    }
    Ok(())
}

/// The first reason of a state: the fact that is bad, the one that is missing, the first that is
/// good.
fn why(item: &Value, state: &str) -> String {
    let fact = |good: bool| {
        let is = |fact: &&Value| fact.get("good").and_then(Value::as_bool) == Some(good);
        list(item, "facts").find(is).map(|fact| shown(fact, "what"))
    };
    let missing = || list(item, "missing").next().and_then(Value::as_str).map(str::to_owned);
    let found = match state {
        "failing" => fact(false),
        "unproven" => missing().map(|what| format!("not known: {what}")),
        _ => fact(true),
    };
    found.unwrap_or_else(|| shown(item, "title"))
}

fn list<'a>(item: &'a Value, member: &str) -> impl Iterator<Item = &'a Value> {
    item.get(member).and_then(Value::as_array).into_iter().flatten()
}

fn mark(item: &Value) -> char {
    let state = shown(item, "state");
    STATES.iter().find(|(word, _)| *word == state).map_or('?', |(_, mark)| *mark)
}
