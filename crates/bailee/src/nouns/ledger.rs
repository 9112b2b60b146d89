//! `bailee ledger`: an account's log as it is published, for people and for files.

use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Subcommand;
use kernel::id::AccountId;
use ledger::entry::Leaf;
use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::client::{Client, Intent};
use crate::exit::Failure;
use crate::output::{Column, Output, note, read_answer, table};

/// What can be done with ledgers.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Print the signed head of an account's log (C2SP checkpoint)
    Checkpoint {
        /// Id of the account
        #[arg(value_parser = AccountId::parse)]
        account: AccountId,
    },
    /// List entries: each access and change, with what the caller may see of it
    Entries {
        /// Id of the account
        #[arg(value_parser = AccountId::parse)]
        account: AccountId,
        /// First index
        #[arg(long, default_value_t = 0, value_name = "INDEX")]
        from: u64,
        /// Most entries to show
        #[arg(long, default_value_t = kernel::limits::PAGE_DEFAULT as u64, value_name = "N",
            value_parser = clap::value_parser!(u64).range(1..=kernel::limits::ENTRIES_ITEMS))]
        limit: u64,
        /// With who, what and why, where the caller may see that; looking is itself an entry
        #[arg(long)]
        openings: bool,
        #[command(flatten)]
        intent: Intent,
    },
    /// Fetch the receipt of one entry; `bailee verify FILE` checks it offline
    Receipt {
        /// Id of the account
        #[arg(value_parser = AccountId::parse)]
        account: AccountId,
        /// Index of the entry
        index: u64,
        /// With who, what and why, where the caller may see that; looking is itself an entry
        #[arg(long)]
        opening: bool,
        /// Write it to this file
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Fetch the newest proof that an account's head is in the provider's own log
    Anchor {
        /// Id of the account
        #[arg(value_parser = AccountId::parse)]
        account: AccountId,
        /// Write it to this file
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Fetch the proof that one head of a log extends an earlier one
    Consistency {
        /// Id of the account
        #[arg(value_parser = AccountId::parse)]
        account: AccountId,
        /// Size of the earlier head
        #[arg(long, value_name = "SIZE")]
        from: u64,
        /// Size of the later head
        #[arg(long, value_name = "SIZE")]
        to: u64,
    },
    /// List the keys that sign checkpoints
    Keys,
}

const ENTRIES: &[Column] =
    &[("index", "index"), ("time", "time"), ("kind", "kind"), ("opening", "opening")];

impl Command {
    /// Why the ledger is read, as stated.
    pub fn intent(&self) -> Option<&Intent> {
        match self {
            Self::Entries { intent, .. } => Some(intent),
            _ => None,
        }
    }
}

/// Runs one command.
///
/// # Errors
/// What the server refused, why it could not be asked, or why a file cannot be written.
pub async fn run(client: &Client, command: &Command, output: Output) -> Result<(), Failure> {
    match command {
        Command::Checkpoint { account } => {
            let answer =
                client.get(&["accounts", account.as_str(), "ledger", "checkpoint"]).send().await?;
            if output.json {
                return output.json(&json!({"checkpoint": answer.text()?}));
            }
            output.bytes(&answer.body)
        }
        Command::Entries { account, from, limit, openings, .. } => {
            let mut call = client
                .get(&["accounts", account.as_str(), "ledger", "entries"])
                .query("from", from)
                .query("limit", limit);
            if *openings {
                call = call.query("openings", true);
            }
            let answer = call.send().await?;
            if output.json {
                output.page(&answer.body, ENTRIES)
            } else {
                entries(&answer.body, output)
            }
        }
        Command::Receipt { account, index, opening, out } => {
            let index = index.to_string();
            let path = ["accounts", account.as_str(), "ledger", "receipts", &index];
            let mut call = client.get(&path);
            if *opening {
                call = call.query("opening", true);
            }
            document(&call.send().await?.body, out.as_ref(), output)
        }
        Command::Anchor { account, out } => {
            let path = ["accounts", account.as_str(), "ledger", "anchor"];
            document(&client.get(&path).send().await?.body, out.as_ref(), output)
        }
        Command::Consistency { account, from, to } => {
            let path = ["accounts", account.as_str(), "ledger", "consistency"];
            let call = client.get(&path).query("from", from).query("to", to);
            document(&call.send().await?.body, None, output)
        }
        Command::Keys => {
            document(&client.get(&["ledger", "keys"]).send().await?.body, None, output)
        }
    }
}

/// A JSON document that programs check: printed or written as it came.
fn document(json: &[u8], out: Option<&PathBuf>, output: Output) -> Result<(), Failure> {
    let Some(path) = out else { return output.bytes(&[json.trim_ascii(), b"\n"].concat()) };
    std::fs::write(path, json).map_err(|error| Failure::file("write", path, &error))?;
    if !output.json {
        let path = path.display();
        note(&format!("written to `{path}`; check it with: bailee verify {path}"));
    }
    output.json(&json!({"out": path}))
}

/// A page of entries as a table: what the leaf says, and what its opening shows.
fn entries(answer: &[u8], output: Output) -> Result<(), Failure> {
    let page = read_answer(answer)?;
    let items = page.get("items").and_then(Value::as_array).into_iter().flatten();
    let rows: Vec<Value> = items.map(row).collect();
    output.line(table(&rows, ENTRIES).trim_end())?;
    match page.get("next").filter(|next| !next.is_null()) {
        Some(next) => {
            output.line(&format!("more: repeat with --from {}", crate::output::cell(next)))
        }
        None => Ok(()),
    }
}

fn row(item: &Value) -> Value {
    let mut row = Map::new();
    row.insert("index".to_owned(), item.get("index").cloned().unwrap_or_default());
    let leaf = item.get("leaf").and_then(Value::as_str).and_then(|text| STANDARD.decode(text).ok());
    if let Some(leaf) = leaf.and_then(|bytes| Leaf::parse(&bytes).ok()) {
        row.insert("time".to_owned(), at(leaf.time).into());
        row.insert("kind".to_owned(), leaf.kind.into());
    }
    let shown = item.get("opening").and_then(Value::as_object).into_iter().flatten();
    let shown: Vec<String> = shown
        .filter_map(|(name, field)| Some(format!("{name}={}", field.get("value")?.as_str()?)))
        .collect();
    row.insert("opening".to_owned(), shown.join(" ").into());
    Value::Object(row)
}

/// A leaf's time, microseconds since 1970, as RFC 3339.
fn at(micros: u64) -> String {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(micros) * 1000)
        .ok()
        .and_then(|time| time.format(&Rfc3339).ok())
        .unwrap_or_else(|| micros.to_string())
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use ledger::entry::Draft;
    use serde_json::json;

    use super::row;

    #[test]
    fn an_entry_shows_its_leaf_and_its_opening() {
        let draft = Draft {
            log: "example/1",
            index: 3,
            time: 1_375_056_000_000_001,
            kind: "records.put",
            state: None,
            prev: None,
            seed: &[7; 32],
            fields: &[("actor", "service:import")],
        };
        let item = json!({
            "index": 3,
            "leaf": STANDARD.encode(draft.leaf()),
            "opening": {"actor": {"salt": "", "value": "service:import"}},
        });
        assert_eq!(
            row(&item),
            json!({"index": 3, "time": "2013-07-29T00:00:00.000001Z", "kind": "records.put",
                "opening": "actor=service:import"})
        );
        assert_eq!(row(&json!({"index": 4, "leaf": "?"})), json!({"index": 4, "opening": ""}));
    }
}
