//! `bailee signing-key`: the keys by which the server signs for others.

use clap::Subcommand;
use serde_json::json;

use crate::client::Client;
use crate::exit::Failure;
use crate::output::{Column, Output};

/// What can be done with signing keys.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make another key: published now, signing ten minutes later; the one before stays published
    /// for a week
    Rotate {
        /// Forget those before at once, because somebody else may have one; what they signed counts
        /// nowhere any more
        #[arg(long)]
        at_once: bool,
    },
}

const MEMBERS: &[Column] = &[("key", "key"), ("signs from", "signs_from")];

/// Runs one command.
///
/// # Errors
/// What the server refused, or why it could not be asked.
pub async fn run(client: &Client, command: &Command, output: Output) -> Result<(), Failure> {
    let Command::Rotate { at_once } = command;
    let call = client.post(&["signing-keys"]).json(&json!({"at_once": at_once}))?;
    output.object(&call.send().await?.body, MEMBERS)
}
