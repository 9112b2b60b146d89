//! `bailee account page` and `accesses`: what members see of their own account.

use kernel::id::AccountId;
use serde_json::Value;

use crate::client::Client;
use crate::exit::Failure;
use crate::output::{Column, Output, cell, fields, read_answer, table};

const PAGE: &[Column] = &[
    ("account", "account"),
    ("name", "name"),
    ("created", "created"),
    ("subscription", "subscription"),
    ("terms in force", "terms_in_force"),
    ("terms of reports", "report_terms"),
];

/// Each list of the page: its heading and what a row shows.
const LISTS: &[(&str, &[Column])] = &[
    ("members", &[("member", "name"), ("part", "part"), ("until", "until"), ("state", "state")]),
    (
        "grants",
        &[
            ("grant", "id"),
            ("holder", "holder"),
            ("verbs", "verbs"),
            ("purpose", "purpose"),
            ("until", "until"),
        ],
    ),
    ("reports", &[("report", "id"), ("kind", "kind"), ("title", "title"), ("until", "valid_to")]),
    ("requests", &[("request", "id"), ("report", "report"), ("state", "state"), ("due", "due")]),
];

const ACCESSES: &[Column] =
    &[("index", "index"), ("at", "at"), ("kind", "kind"), ("what", "fields")];

/// Prints the page of an account.
///
/// # Errors
/// What the server refused, or why it could not be asked.
pub async fn page(client: &Client, account: &AccountId, output: Output) -> Result<(), Failure> {
    let answer = client.get(&["accounts", account.as_str(), "page"]).send().await?;
    if output.json {
        return output.object(&answer.body, &[]);
    }
    let page = read_answer(&answer.body)?;
    let hidden: Vec<&str> = LISTS.iter().map(|(name, _)| *name).collect();
    output.line(fields(&page, PAGE, &hidden).trim_end())?;
    for (name, columns) in LISTS {
        let rows = page.get(name).and_then(Value::as_array);
        if let Some(rows) = rows.filter(|rows| !rows.is_empty()) {
            output.line(&format!("\n{}", table(rows, columns).trim_end()))?;
        }
    }
    Ok(())
}

/// Prints who accessed the data of an account.
///
/// # Errors
/// What the server refused, or why it could not be asked.
pub async fn accesses(
    client: &Client,
    account: &AccountId,
    before: Option<u64>,
    output: Output,
) -> Result<(), Failure> {
    let mut call = client.get(&["accounts", account.as_str(), "accesses"]);
    if let Some(before) = before {
        call = call.query("before", before);
    }
    let answer = call.send().await?;
    if output.json {
        return output.object(&answer.body, &[]);
    }
    let page = read_answer(&answer.body)?;
    let rows = page.get("items").and_then(Value::as_array).cloned().unwrap_or_default();
    output.line(table(&rows, ACCESSES).trim_end())?;
    match page.get("next").filter(|next| !next.is_null()) {
        Some(next) => output.line(&format!("more: repeat with --before {}", cell(next))),
        None => Ok(()),
    }
}
