//! `bailee transfer send`: selected records to a declared destination.

use clap::{Arg, ArgMatches, Command};
use serde_json::json;

use super::{account, one, option, several, word};
use crate::client::Client;
use crate::exit::Failure;
use crate::output::{Output, note, read_answer};

pub(super) fn arguments(command: Command) -> Command {
    command
        .arg(account())
        .arg(word("collection", "COLLECTION", "Collection the records are in"))
        .arg(
            Arg::new("records")
                .value_name("RECORD")
                .required(true)
                .num_args(1..)
                .help("Ids of 1 to 100 records"),
        )
        .arg(option("destination", "NAME", "Destination, declared before").required(true))
}

pub(super) async fn run(
    client: &Client,
    stated: &ArgMatches,
    output: Output,
) -> Result<(), Failure> {
    let body = json!({
        "collection": one(stated, "collection"),
        "destination": one(stated, "destination"),
        "records": several(stated, "records"),
    });
    let path = ["accounts", one(stated, "account"), "transfers"];
    let answer = client.post(&path).json(&body)?.send().await?;
    super::reports::keep(stated).save(&answer)?;
    if output.json {
        return output.object(&answer.body, &[]);
    }
    let sent = read_answer(&answer.body)?;
    let id = super::text(&sent, "id");
    note(&format!("what came of it: bailee transfer show {id}"));
    output.line(&format!("`{id}` waits to be sent"))
}
