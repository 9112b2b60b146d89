//! `bailee account`: the subscribers whose Service Data is kept.

use clap::Subcommand;
use kernel::id::AccountId;
use serde_json::json;

use super::{Keep, Paging, portal};
use crate::client::Client;
use crate::exit::Failure;
use crate::output::{Column, Output};

/// What can be done with accounts.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Create an account (needs a grant with the verb open)
    #[command(visible_alias = "add")]
    Create {
        /// Name of the subscriber
        name: String,
        /// Its id: 1 to 64 of a-z 0-9 - _; without it one is made from the name
        #[arg(long, value_parser = AccountId::parse)]
        id: Option<AccountId>,
        #[command(flatten)]
        keep: Keep,
    },
    /// List accounts
    List(Paging),
    /// Show one account, with the verifier key of its log
    Show {
        /// Id of the account
        #[arg(value_parser = AccountId::parse)]
        account: AccountId,
    },
    /// Show what an account's own members see of it
    Page {
        /// Id of the account
        #[arg(value_parser = AccountId::parse)]
        account: AccountId,
    },
    /// Show who accessed an account's data in the last 90 days, as its members see it
    Accesses {
        /// Id of the account
        #[arg(value_parser = AccountId::parse)]
        account: AccountId,
        /// Show those before this index, which the page before named
        #[arg(long, value_name = "INDEX")]
        before: Option<u64>,
    },
}

const MEMBERS: &[Column] = &[
    ("account", "id"),
    ("name", "name"),
    ("slot", "slot"),
    ("created", "created"),
    ("verifier key", "vkey"),
];
const COLUMNS: &[Column] = &[("account", "id"), ("name", "name"), ("created", "created")];

/// Runs one command.
///
/// # Errors
/// What the server refused, or why it could not be asked.
pub async fn run(client: &Client, command: &Command, output: Output) -> Result<(), Failure> {
    match command {
        Command::Create { name, id, keep } => {
            let body = match id {
                Some(id) => json!({"id": id.as_str(), "name": name}),
                None => json!({"name": name}),
            };
            let answer = client.post(&["accounts"]).json(&body)?.send().await?;
            keep.save(&answer)?;
            output.object(&answer.body, MEMBERS)?;
            keep.hint(output.json);
            Ok(())
        }
        Command::List(paging) => {
            let answer = paging.of(client.get(&["accounts"])).send().await?;
            output.page(&answer.body, COLUMNS)
        }
        Command::Show { account } => {
            let answer = client.get(&["accounts", account.as_str()]).send().await?;
            output.object(&answer.body, MEMBERS)
        }
        Command::Page { account } => portal::page(client, account, output).await,
        Command::Accesses { account, before } => {
            portal::accesses(client, account, *before, output).await
        }
    }
}
