//! `bailee oncall`: who is on call, where nobody is, and a calendar that shows it.

use clap::Subcommand;
use serde_json::{Value, json};

use crate::client::Client;
use crate::exit::{Exit, Failure};
use crate::output::{Column, Output, fields, note, read_answer, table};

/// What can be asked about those on call.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show who is on call, now or at a moment
    Who {
        /// The moment, such as 2026-11-22T14:02:11Z [default: now]
        #[arg(long, value_name = "MOMENT")]
        at: Option<String>,
        /// Show the turns of so many days after it too
        #[arg(long, value_name = "N", default_value_t = 0,
            value_parser = clap::value_parser!(u32).range(..=180))]
        days: u32,
    },
    /// Show where nobody is on call and who stands twice; exits 7 if that is anywhere
    Gaps {
        /// So many days ahead
        #[arg(long, value_name = "N", default_value_t = 30,
            value_parser = clap::value_parser!(u32).range(1..=180))]
        days: u32,
    },
    /// Page whoever is on call with a test that has to be acknowledged
    Test {
        /// What it says, on one line
        #[arg(long, value_name = "TEXT", default_value = "a test of the pager: acknowledge it")]
        title: String,
    },
    /// Make a calendar with its link, for a program that shows calendars; the link is shown once
    Calendar {
        /// Who holds the link: person:NAME
        #[arg(long, value_name = "PERSON")]
        holder: String,
        /// Show everybody's turns, not only the holder's
        #[arg(long)]
        everybody: bool,
    },
}

const SLOTS: &[Column] =
    &[("as", "kind"), ("person", "person"), ("from", "from"), ("to", "to"), ("by", "source")];
const GAPS: &[Column] = &[("nobody as", "kind"), ("from", "from"), ("to", "to")];
const DOUBLES: &[Column] = &[("twice", "what"), ("from", "from"), ("to", "to")];

/// Runs one command.
///
/// # Errors
/// What the server refused, or why it could not be asked.
pub async fn run(client: &Client, command: &Command, output: Output) -> Result<Exit, Failure> {
    match command {
        Command::Who { at, days } => who(client, at.as_deref(), *days, output).await,
        Command::Gaps { days } => gaps(client, *days, output).await,
        Command::Test { title } => {
            let new = json!({"title": title, "test": true, "severity": "high"});
            let answer = client.post(&["pages"]).json(&new)?.send().await?;
            output.object(&answer.body, &[("page", "id"), ("says", "title")])?;
            Ok(Exit::Done)
        }
        Command::Calendar { holder, everybody } => {
            calendar(client, holder, *everybody, output).await
        }
    }
}

async fn who(
    client: &Client,
    at: Option<&str>,
    days: u32,
    output: Output,
) -> Result<Exit, Failure> {
    let call = client.get(&["oncall"]).query("days", days);
    let call = if let Some(at) = at { call.query("at", at) } else { call };
    let all = read_answer(&call.send().await?.body)?;
    output.json(&all)?;
    let part = if days > 0 { "turns" } else { "now" };
    let slots = items(&all, part);
    if slots.is_empty() {
        output.line("nobody is on call: enter a rota or a shift")?;
    }
    output.line(table(slots, SLOTS).trim_end())?;
    Ok(Exit::Done)
}

async fn gaps(client: &Client, days: u32, output: Output) -> Result<Exit, Failure> {
    let answer = client.get(&["oncall"]).query("days", days).send().await?;
    let all = read_answer(&answer.body)?;
    let (gaps, doubles) = (items(&all, "gaps"), items(&all, "doubles"));
    output.json(&json!({"gaps": gaps, "doubles": doubles}))?;
    for (rows, columns) in [(gaps, GAPS), (doubles, DOUBLES)] {
        if !rows.is_empty() {
            output.line(table(rows, columns).trim_end())?;
        }
    }
    if gaps.is_empty() && doubles.is_empty() {
        output.line(&format!("no gap and nobody twice for the next {days} days"))?;
        return Ok(Exit::Done);
    }
    Ok(Exit::Findings)
}

async fn calendar(
    client: &Client,
    holder: &str,
    everybody: bool,
    output: Output,
) -> Result<Exit, Failure> {
    let shows = if everybody { "everybody" } else { "own" };
    let new = json!({"holder": holder, "shows": shows});
    let made = read_answer(&client.post(&["calendars"]).json(&new)?.send().await?.body)?;
    let id = made.get("id").and_then(Value::as_str).unwrap_or_default();
    let answer = client.post(&["calendars", id, "links"]).send().await?;
    let mut link = read_answer(&answer.body)?;
    if let Value::Object(all) = &mut link
        && let Some(path) = all.get("link").and_then(Value::as_str)
    {
        let address = format!("{}{path}", client.address().trim_end_matches('/'));
        all.insert("link".to_owned(), address.into());
    }
    output.json(&link)?;
    output.line(fields(&link, &[("subscribe to", "link")], &["receipt"]).trim_end())?;
    if !output.json {
        note("whoever has this link sees who is on call: end it with `bailee calendar end`");
    }
    Ok(Exit::Done)
}

fn items<'a>(all: &'a Value, part: &str) -> &'a [Value] {
    all.get(part).and_then(Value::as_array).map_or(&[][..], Vec::as_slice)
}
