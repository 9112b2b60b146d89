//! `bailee grant`: who may reach which data, what for, and until when.

use std::time::Duration;

use clap::{Subcommand, ValueEnum};
use kernel::id::{AccountId, Collection, PrincipalId};
use serde_json::json;

use super::Paging;
use crate::client::Client;
use crate::duration;
use crate::exit::Failure;
use crate::output::{Column, Output};

/// What can be done with grants.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Grant a person or service access to data, for a while
    #[command(visible_alias = "add")]
    Create {
        /// Who receives it
        #[arg(long, value_name = "service:NAME", value_parser = PrincipalId::parse)]
        to: PrincipalId,
        /// Id of the account, or * for every account
        #[arg(long, value_parser = account)]
        account: String,
        /// Collection, or * for every one (repeat it or separate by commas)
        #[arg(long = "collection", value_name = "COLLECTION", required = true,
            value_delimiter = ',', value_parser = collection)]
        collections: Vec<String>,
        /// What may be done (repeat it or separate by commas)
        #[arg(long, required = true, value_enum, value_delimiter = ',')]
        verbs: Vec<Verb>,
        /// What for, in a sentence; every entry made with the grant carries it
        #[arg(long, value_name = "TEXT")]
        purpose: String,
        /// For how long, such as 8h, 30m, 2d or 1h30m
        #[arg(long = "for", value_name = "LENGTH", value_parser = duration::parse)]
        length: Duration,
    },
    /// List grants
    List(Paging),
    /// Show one grant
    Show {
        /// Id of the grant
        id: String,
    },
    /// End a grant: nothing more is done with it from now on
    End {
        /// Id of the grant
        id: String,
    },
    /// Give back a grant that you hold, or that your service holds, before its time
    Release {
        /// Id of the grant
        id: String,
    },
}

/// What a grant permits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Verb {
    /// Get, list and see the history of records
    Read,
    /// Put records and create collections
    Write,
    /// Delete and restore records
    Delete,
    /// Take data out as a whole
    Export,
    /// Create accounts (with account *)
    Open,
}

impl Verb {
    /// Its word.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Delete => "delete",
            Self::Export => "export",
            Self::Open => "open",
        }
    }
}

const MEMBERS: &[Column] = &[
    ("grant", "id"),
    ("to", "to"),
    ("account", "account"),
    ("collections", "collections"),
    ("verbs", "verbs"),
    ("purpose", "purpose"),
    ("from", "from"),
    ("until", "until"),
    ("approver", "approver"),
    ("state", "state"),
];
const COLUMNS: &[Column] = &[
    ("grant", "id"),
    ("to", "to"),
    ("account", "account"),
    ("collections", "collections"),
    ("verbs", "verbs"),
    ("until", "until"),
    ("state", "state"),
    ("purpose", "purpose"),
];

/// Runs one command.
///
/// # Errors
/// What the server refused, or why it could not be asked.
pub async fn run(client: &Client, command: &Command, output: Output) -> Result<(), Failure> {
    match command {
        Command::Create { to, account, collections, verbs, purpose, length } => {
            let verbs: Vec<&str> = verbs.iter().map(|verb| verb.name()).collect();
            let body = json!({
                "to": to.as_str(),
                "account": account,
                "collections": collections,
                "verbs": verbs,
                "purpose": purpose,
                "for_seconds": length.as_secs(),
            });
            let answer = client.post(&["grants"]).json(&body)?.send().await?;
            output.object(&answer.body, MEMBERS)
        }
        Command::List(paging) => {
            let answer = paging.of(client.get(&["grants"])).send().await?;
            output.page(&answer.body, COLUMNS)
        }
        Command::Show { id } => {
            let answer = client.get(&["grants", id]).send().await?;
            output.object(&answer.body, MEMBERS)
        }
        Command::End { id } => {
            let answer = client.delete(&["grants", id]).send().await?;
            output.ended(&answer.body, MEMBERS, &format!("grant `{id}` ended"))
        }
        Command::Release { id } => {
            let place = format!("{id}:release");
            let answer = client.post(&["grants", &place]).send().await?;
            output.ended(&answer.body, MEMBERS, &format!("grant `{id}` ended"))
        }
    }
}

/// An account, or every one.
pub(super) fn account(text: &str) -> Result<String, kernel::Error> {
    if text == "*" { Ok(text.to_owned()) } else { AccountId::parse(text).map(|id| id.to_string()) }
}

/// A collection, or every one.
pub(super) fn collection(text: &str) -> Result<String, kernel::Error> {
    if text == "*" { Ok(text.to_owned()) } else { Collection::parse(text).map(|it| it.to_string()) }
}
