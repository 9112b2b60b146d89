//! `bailee collection` and `bailee record`: Service Data itself.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use kernel::id::{AccountId, Collection, RecordId};
use reqwest::header::{ETAG, HeaderValue, IF_MATCH, IF_NONE_MATCH};
use serde::Serialize;
use serde_json::value::RawValue;

use super::{Keep, Paging, receipt_of};
use crate::client::{Answer, Call, Client, Intent};
use crate::exit::Failure;
use crate::output::{Column, Output};

/// What can be done with collections.
#[derive(Debug, Subcommand)]
pub enum CollectionCommand {
    /// Create a collection; one that is there stays as it is
    Create {
        /// Id of the account
        #[arg(value_parser = AccountId::parse)]
        account: AccountId,
        /// Name: 1 to 64 of a-z 0-9 . _ -
        #[arg(value_parser = Collection::parse)]
        collection: Collection,
    },
    /// List the collections of an account
    List {
        /// Id of the account
        #[arg(value_parser = AccountId::parse)]
        account: AccountId,
        #[command(flatten)]
        paging: Paging,
    },
}

/// What can be done with records.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Store a record; a record that is there gets a new version
    Put {
        #[command(flatten)]
        record: Address,
        /// File with the JSON document, up to 1 MiB; - or nothing reads standard input
        file: Option<PathBuf>,
        #[command(flatten)]
        condition: Condition,
        #[command(flatten)]
        with: With,
    },
    /// Read a record: its bytes exactly as they were stored
    Get {
        #[command(flatten)]
        record: Address,
        /// Read this version instead of the newest
        #[arg(long, value_name = "N")]
        version: Option<u64>,
        #[command(flatten)]
        with: With,
    },
    /// List the records of a collection
    List {
        /// Id of the account
        #[arg(value_parser = AccountId::parse)]
        account: AccountId,
        /// Collection
        #[arg(value_parser = Collection::parse)]
        collection: Collection,
        /// With the documents themselves
        #[arg(long)]
        values: bool,
        #[command(flatten)]
        paging: Paging,
        #[command(flatten)]
        intent: Intent,
    },
    /// Delete a record; it can be restored
    Delete {
        #[command(flatten)]
        record: Address,
        #[command(flatten)]
        condition: Condition,
        #[command(flatten)]
        with: With,
    },
    /// Restore a deleted record
    Restore {
        #[command(flatten)]
        record: Address,
        #[command(flatten)]
        with: With,
    },
    /// List the versions of a record with their authors
    History {
        #[command(flatten)]
        record: Address,
        #[command(flatten)]
        paging: Paging,
        #[command(flatten)]
        intent: Intent,
    },
}

/// Which record.
#[derive(Args, Clone, Debug)]
pub struct Address {
    /// Id of the account
    #[arg(value_parser = AccountId::parse)]
    account: AccountId,
    /// Collection
    #[arg(value_parser = Collection::parse)]
    collection: Collection,
    /// Id of the record: 1 to 128 of A-Z a-z 0-9 . _ -
    #[arg(value_parser = RecordId::parse)]
    id: RecordId,
}

impl Address {
    fn path(&self) -> [&str; 6] {
        let (account, collection) = (self.account.as_str(), self.collection.as_str());
        ["accounts", account, "collections", collection, "records", self.id.as_str()]
    }

    /// The path with `suffix` after the id, such as `:restore`.
    fn path_with<'a>(&'a self, last: &'a str) -> [&'a str; 6] {
        let mut path = self.path();
        if let Some(id) = path.last_mut() {
            *id = last;
        }
        path
    }
}

/// In which state the record has to be.
#[derive(Args, Clone, Debug)]
pub struct Condition {
    /// Only if the newest version is this one
    #[arg(long, value_name = "N", conflicts_with = "if_absent")]
    if_version: Option<u64>,
    /// Only if there is no such record
    #[arg(long)]
    if_absent: bool,
}

impl Condition {
    fn of<'a>(&self, mut call: Call<'a>) -> Result<Call<'a>, Failure> {
        if let Some(version) = self.if_version {
            let etag = HeaderValue::from_str(&format!("\"{version}\""))
                .map_err(|why| Failure::usage(why.to_string()))?;
            call = call.header(IF_MATCH, etag);
        }
        if self.if_absent {
            call = call.header(IF_NONE_MATCH, HeaderValue::from_static("*"));
        }
        Ok(call)
    }
}

/// Why the record is touched, and where the receipt goes.
#[derive(Args, Clone, Debug)]
pub struct With {
    #[command(flatten)]
    intent: Intent,
    #[command(flatten)]
    keep: Keep,
}

const WRITTEN: &[Column] = &[("record", "id"), ("version", "version")];
const COLLECTIONS: &[Column] = &[("collection", "collection")];
const RECORDS: &[Column] =
    &[("record", "id"), ("version", "version"), ("at", "at"), ("author", "author")];
const VALUES: &[Column] = &[
    ("record", "id"),
    ("version", "version"),
    ("at", "at"),
    ("author", "author"),
    ("value", "value"),
];
const HISTORY: &[Column] = &[
    ("version", "version"),
    ("at", "at"),
    ("author", "author"),
    ("kind", "kind"),
    ("deleted", "deleted"),
];

impl Command {
    /// Why the data is touched, as stated.
    pub fn intent(&self) -> &Intent {
        match self {
            Self::Put { with, .. }
            | Self::Get { with, .. }
            | Self::Delete { with, .. }
            | Self::Restore { with, .. } => &with.intent,
            Self::List { intent, .. } | Self::History { intent, .. } => intent,
        }
    }
}

/// Runs one command about collections.
///
/// # Errors
/// What the server refused, or why it could not be asked.
pub async fn run_collection(
    client: &Client,
    command: &CollectionCommand,
    output: Output,
) -> Result<(), Failure> {
    match command {
        CollectionCommand::Create { account, collection } => {
            let path = ["accounts", account.as_str(), "collections", collection.as_str()];
            let answer = client.put(&path).send().await?;
            output.object(&answer.body, COLLECTIONS)
        }
        CollectionCommand::List { account, paging } => {
            let call = client.get(&["accounts", account.as_str(), "collections"]);
            output.page(&paging.of(call).send().await?.body, COLLECTIONS)
        }
    }
}

/// Runs one command about records.
///
/// # Errors
/// What the server refused, why it could not be asked, or why a file cannot be read or written.
pub async fn run(client: &Client, command: &Command, output: Output) -> Result<(), Failure> {
    match command {
        Command::Put { record, file, condition, with } => {
            let call = client.put(&record.path()).body(document(file.as_deref())?);
            written(condition.of(call)?, &with.keep, output).await
        }
        Command::Get { record, version, with } => {
            let mut call = client.get(&record.path());
            if let Some(version) = version {
                call = call.query("version", version);
            }
            let answer = call.send().await?;
            with.keep.save(&answer)?;
            show(&record.id, &answer, output)?;
            with.keep.hint(output.json);
            Ok(())
        }
        Command::List { account, collection, values, paging, .. } => {
            let (account, collection) = (account.as_str(), collection.as_str());
            let path = ["accounts", account, "collections", collection, "records"];
            let mut call = paging.of(client.get(&path));
            if *values {
                call = call.query("values", true);
            }
            let columns = if *values { VALUES } else { RECORDS };
            output.page(&call.send().await?.body, columns)
        }
        Command::Delete { record, condition, with } => {
            let call = client.delete(&record.path());
            written(condition.of(call)?, &with.keep, output).await
        }
        Command::Restore { record, with } => {
            let last = format!("{}:restore", record.id);
            written(client.post(&record.path_with(&last)), &with.keep, output).await
        }
        Command::History { record, paging, .. } => {
            let mut path = record.path().to_vec();
            path.push("history");
            output.page(&paging.of(client.get(&path)).send().await?.body, HISTORY)
        }
    }
}

async fn written(call: Call<'_>, keep: &Keep, output: Output) -> Result<(), Failure> {
    let answer = call.send().await?;
    keep.save(&answer)?;
    output.object(&answer.body, WRITTEN)?;
    keep.hint(output.json);
    Ok(())
}

/// A record that was read, as one JSON object.
#[derive(Serialize)]
struct Read<'a> {
    id: &'a str,
    version: Option<u64>,
    value: &'a RawValue,
    receipt: Option<Box<RawValue>>,
}

fn show(id: &RecordId, answer: &Answer, output: Output) -> Result<(), Failure> {
    if !output.json {
        return output.bytes(&answer.body);
    }
    let receipt = receipt_of(answer)?.and_then(|json| RawValue::from_string(json).ok());
    let version = answer
        .header(&ETAG)
        .and_then(|etag| etag.trim_start_matches("W/").trim_matches('"').parse().ok());
    output.json(&Read { id: id.as_str(), version, value: answer.json()?, receipt })
}

/// The document to store: a file, or standard input.
fn document(file: Option<&Path>) -> Result<Vec<u8>, Failure> {
    let limit = kernel::limits::BODY_BYTES;
    let name = file.filter(|path| *path != Path::new("-"));
    let shown = name.unwrap_or(Path::new("standard input"));
    let mut bytes = Vec::new();
    // One byte more than allowed shows that there is more.
    let most = limit as u64 + 1;
    match name {
        Some(path) => {
            std::fs::File::open(path).and_then(|it| it.take(most).read_to_end(&mut bytes))
        }
        None => std::io::stdin().take(most).read_to_end(&mut bytes),
    }
    .map_err(|error| Failure::file("read", shown, &error))?;
    if bytes.len() > limit {
        return Err(Failure::failed(format!(
            "`{}` is longer than {limit} bytes, the limit of a record: split it",
            shown.display()
        )));
    }
    Ok(bytes)
}
