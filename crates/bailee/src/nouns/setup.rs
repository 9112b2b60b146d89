//! `bailee setup`: from the empty house to the first honest board: what is missing, who does it,
//! and the command to run next; and templates of the CSV files that those commands take.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};

use super::{people, registers};
use crate::client::{Client, Connect};
use crate::exit::Failure;
use crate::output::{Column, Output, note, read_answer, table};

/// What is asked for.
#[derive(Args, Debug)]
pub struct Options {
    /// The server to ask.
    #[command(flatten)]
    pub connect: Connect,
    /// Write a template of each CSV file into this folder instead, without asking a server; a file
    /// that is there already is left alone
    #[arg(long, value_name = "DIR")]
    pub templates: Option<PathBuf>,
}

const COLUMNS: &[Column] =
    &[("state", "state"), ("step", "title"), ("who", "who"), ("command", "command")];

/// Runs it.
///
/// # Errors
/// What the server refused, why it could not be asked, or why a file cannot be written.
pub async fn run(options: &Options, output: Output) -> Result<(), Failure> {
    match &options.templates {
        Some(folder) => templates(folder, output),
        None => show(&Client::new(&options.connect, None)?, output).await,
    }
}

async fn show(client: &Client, output: Output) -> Result<(), Failure> {
    let answer = client.get(&["setup"]).send().await?;
    if output.json {
        return output.object(&answer.body, &[]);
    }
    let all = read_answer(&answer.body)?;
    let mut steps = all.get("steps").and_then(Value::as_array).cloned().unwrap_or_default();
    for step in &mut steps {
        let done = step.get("done").and_then(Value::as_bool).unwrap_or_default();
        if let Value::Object(step) = step {
            step.insert("state".to_owned(), if done { "done" } else { "missing" }.into());
        }
    }
    output.line(table(&steps, COLUMNS).trim_end())?;
    let count = |name: &str| all.get(name).and_then(Value::as_u64).unwrap_or_default();
    let (done, proven, of) = (count("done"), count("proven"), count("obligations"));
    let steps_there = steps.len();
    output.line(&format!(
        "{done} of {steps_there} steps are done; the controls can answer for {proven} of {of} \
         obligations"
    ))?;
    let missing = |step: &&Value| step.get("done").is_some_and(|done| done == false);
    let next = steps.iter().find(missing).and_then(|step| step.get("command"));
    if let Some(command) = next.and_then(Value::as_str) {
        note(&format!("next: {command} (templates: bailee setup --templates DIR)"));
    }
    Ok(())
}

/// Writes a template of every CSV file that a step names.
fn templates(folder: &Path, output: Output) -> Result<(), Failure> {
    let failed = |error: std::io::Error| Failure::file("write", folder, &error);
    std::fs::create_dir_all(folder).map_err(failed)?;
    let filled = domain::setup::registers()
        .map(|register| (format!("{}.csv", register.plural), registers::explained(register)));
    let people = ("people.csv".to_owned(), people::explained());
    let (mut written, mut kept) = (Vec::new(), Vec::new());
    for (name, columns) in std::iter::once(people).chain(filled) {
        let path = folder.join(&name);
        match OpenOptions::new().write(true).create_new(true).open(&path) {
            Ok(mut file) => {
                let text = template(&columns);
                file.write_all(text.as_bytes())
                    .map_err(|error| Failure::file("write", &path, &error))?;
                written.push(name);
            }
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => kept.push(name),
            Err(error) => return Err(Failure::file("write", &path, &error)),
        }
    }
    output.json(&json!({"written": written, "kept": kept}))?;
    for (what, names) in [("written", written), ("left alone", kept)] {
        if !names.is_empty() {
            output.line(&format!("{what}: {}", names.join(", ")))?;
        }
    }
    Ok(())
}

/// A line with the names of the columns, and one that explains them, which an import passes over.
fn template(columns: &[(String, String)]) -> String {
    let quoted = |cell: &str| format!("\"{}\"", cell.replace('"', "\"\""));
    let names: Vec<&str> = columns.iter().map(|(name, _)| name.as_str()).collect();
    let mut help: Vec<String> = columns.iter().map(|(_, help)| help.clone()).collect();
    if let Some(first) = help.first_mut() {
        first.insert_str(0, "# ");
    }
    let help: Vec<String> = help.iter().map(|cell| quoted(cell)).collect();
    format!("{}\r\n{}\r\n", names.join(","), help.join(","))
}
