//! `bailee measure`: what is promised, and whether the facts show that it is kept.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::client::{Call, Client, Connect};
use crate::exit::{Exit, Failure};
use crate::output::{Column, Output, cell, fields, read_answer, table};

/// Which obligations are asked for.
#[derive(Args, Clone, Debug, Default)]
pub struct Asked {
    /// Only those that an identifier of ISO 27001:2022 Annex A, SOC 2 or NIST SP 800-53 is mapped
    /// to, such as A.8.24, CC6.1 or SC-28
    #[arg(long = "for", value_name = "IDENTIFIER")]
    identifier: Option<String>,
}

impl Asked {
    fn of<'a>(&self, call: Call<'a>) -> Call<'a> {
        match &self.identifier {
            Some(identifier) => call.query("for", identifier),
            None => call,
        }
    }
}

/// The command `bailee measures`.
#[derive(Args, Debug)]
pub struct Measures {
    /// The server to ask.
    #[command(flatten)]
    pub connect: Connect,
    /// Which of them.
    #[command(flatten)]
    pub asked: Asked,
}

/// What can be done with measures.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List measures with their present state
    List(Asked),
    /// Show one obligation with the facts behind its state, or all of one measure
    Show {
        /// Id of an obligation, such as E5.1, or of a measure, such as E5
        id: String,
    },
    /// State, as an administrator, that Bailee alone holds Service Data; counts for 92 days
    Scope {
        /// Why that is so
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
}

const COLUMNS: &[Column] = &[
    ("measure", "id"),
    ("state", "state"),
    ("basis", "basis"),
    ("since", "since"),
    ("title", "title"),
];

/// Runs one command.
///
/// # Errors
/// What the server refused, or why it could not be asked; not found for an unknown id.
pub async fn run(client: &Client, command: &Command, output: Output) -> Result<(), Failure> {
    if let Command::Scope { reason } = command {
        let body = json!({ "reason": reason });
        let answer = client.put(&["measures", "scope"]).json(&body)?.send().await?;
        return output
            .object(&answer.body, &[("stated by", "by"), ("at", "at"), ("why", "reason")]);
    }
    let asked = match command {
        Command::List(asked) => asked.clone(),
        _ => Asked::default(),
    };
    let answer = asked.of(client.get(&["measures"])).send().await?;
    let all = read_answer(&answer.body)?;
    let items = all.get("items").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    match command {
        Command::Scope { .. } => Ok(()),
        Command::List(_) if output.json => output.page(&answer.body, COLUMNS),
        Command::List(_) => {
            output.line(table(items, COLUMNS).trim_end())?;
            match all.get("as_of") {
                Some(_) => output.line(fields(&all, &[("as of", "as_of")], &["items"]).trim_end()),
                None => Ok(()),
            }
        }
        Command::Show { id } => match &chosen(items, id)[..] {
            [] => Err(Failure::new(
                Exit::NotFound,
                format!("no measure `{id}`: see `bailee measure list`"),
            )),
            [one] => show(one, output),
            several => {
                output.json(&json!({"items": several}))?;
                output.line(table(several, COLUMNS).trim_end())
            }
        },
    }
}

/// Prints every obligation that is asked for: for programs as one array.
///
/// # Errors
/// What the server refused, or why it could not be asked.
pub async fn array(client: &Client, asked: &Asked, output: Output) -> Result<(), Failure> {
    let answer = asked.of(client.get(&["measures"])).send().await?;
    let all = read_answer(&answer.body)?;
    let items = all.get("items").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    output.json(&items)?;
    output.line(table(items, COLUMNS).trim_end())
}

/// The measure of this id, or all obligations of the measure that it names, such as `E5`.
fn chosen(items: &[Value], id: &str) -> Vec<Value> {
    let is_chosen = |item: &&Value| {
        let rest = item.get("id").and_then(Value::as_str).and_then(|it| it.strip_prefix(id));
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    items.iter().filter(is_chosen).cloned().collect()
}

fn show(item: &Value, output: Output) -> Result<(), Failure> {
    output.json(item)?;
    output.line(fields(item, COLUMNS, &["facts"]).trim_end())?;
    let facts = item.get("facts").and_then(Value::as_array);
    for fact in facts.into_iter().flatten() {
        output.line(&format!("fact: {}", cell(fact)))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::chosen;

    #[test]
    fn an_id_chooses_one_and_a_measure_all_of_its_obligations() {
        let items: Vec<Value> =
            ["E1.0", "E1.1", "E10.1", "P1"].map(|id| json!({"id": id})).to_vec();
        for (id, count) in [("E1.1", 1), ("E1", 2), ("P1", 1), ("E", 0), ("", 0), ("E1.", 0)] {
            assert_eq!(chosen(&items, id).len(), count, "{id}");
        }
    }
}
