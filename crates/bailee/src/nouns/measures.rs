//! `bailee measure`: what is promised, and whether the facts show that it is kept.

use clap::Subcommand;
use serde_json::Value;

use crate::client::Client;
use crate::exit::{Exit, Failure};
use crate::output::{Column, Output, fields, read_answer, table};

/// What can be done with measures.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List measures with their present state
    List,
    /// Show one measure with the facts behind its state
    Show {
        /// Id of the measure, such as E5
        id: String,
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
    let answer = client.get(&["measures"]).send().await?;
    let all = read_answer(&answer.body)?;
    let empty = Vec::new();
    let items = all.get("items").and_then(Value::as_array).unwrap_or(&empty);
    match command {
        Command::List => {
            if output.json {
                return output.page(&answer.body, COLUMNS);
            }
            output.line(table(items, COLUMNS).trim_end())?;
            match all.get("as_of") {
                Some(_) => output.line(fields(&all, &[("as of", "as_of")]).trim_end()),
                None => Ok(()),
            }
        }
        Command::Show { id } => {
            let named = |item: &&Value| item.get("id").and_then(Value::as_str) == Some(id);
            let item = items.iter().find(named).ok_or_else(|| {
                Failure::new(
                    Exit::NotFound,
                    format!("no measure `{id}`: see `bailee measure list`"),
                )
            })?;
            if output.json {
                return output.json(item);
            }
            output.line(fields(item, COLUMNS).trim_end())?;
            let facts = item.get("facts").and_then(Value::as_array).unwrap_or(&empty);
            for fact in facts {
                output.line(&format!("fact: {}", crate::output::cell(fact)))?;
            }
            Ok(())
        }
    }
}
