//! `bailee <noun> <verb>`: one file per noun, each with its commands and what they ask the server.
//!
//! Promises: one command is one request, apart from its retries; what is printed with `--json` is
//! the server's answer.
//! Does not: decide or remember anything; the server does.

pub mod accounts;
mod affected;
pub mod data;
mod files;
pub mod grants;
pub mod ledger;
pub mod measures;
pub mod oncall;
pub mod people;
mod portal;
pub mod registers;
pub mod requests;
pub mod services;
pub mod setup;
pub mod signing_keys;

use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clap::{Args, Subcommand};
use kernel::id::Name;
use reqwest::header::HeaderName;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::client::{Answer, Call, Client, Connect, Intent};
use crate::exit::Failure;
use crate::output::{Column, Output, note};

/// The header in which a read answers its receipt: base64url of the JSON.
const RECEIPT: HeaderName = HeaderName::from_static("bailee-receipt");

/// A noun on the command line: the connection, and one of its verbs.
#[derive(Args, Debug)]
pub struct Noun<C: Subcommand> {
    /// The server to ask.
    #[command(flatten)]
    pub connect: Connect,
    /// The verb.
    #[command(subcommand)]
    pub command: C,
}

impl<C: Subcommand> Noun<C> {
    /// A client for the server named.
    ///
    /// # Errors
    /// When address, token, certificate authorities or purpose are missing or cannot be used.
    pub fn client(&self, intent: Option<&Intent>) -> Result<Client, Failure> {
        Client::new(&self.connect, intent)
    }
}

/// Which part of a list is asked for.
#[derive(Args, Clone, Debug)]
pub struct Paging {
    /// Most items to show
    #[arg(long, default_value_t = kernel::limits::PAGE_DEFAULT as u64, value_name = "N",
        value_parser = clap::value_parser!(u64).range(1..=kernel::limits::PAGE_ITEMS as u64))]
    pub limit: u64,
    /// Begin after this place, which the page before named
    #[arg(long, value_name = "PLACE")]
    pub after: Option<String>,
}

impl Paging {
    /// Asks for this part.
    pub fn of<'a>(&self, call: Call<'a>) -> Call<'a> {
        let call = call.query("limit", self.limit);
        match &self.after {
            Some(after) => call.query("after", after),
            None => call,
        }
    }
}

/// Where the receipt of a command goes.
#[derive(Args, Clone, Debug, Default)]
pub struct Keep {
    /// Write the receipt to this file; `bailee verify FILE` checks it offline
    #[arg(long, value_name = "FILE")]
    pub receipt: Option<PathBuf>,
}

impl Keep {
    /// Writes the receipt of an answer to the file, if one is named.
    ///
    /// # Errors
    /// When the answer has no receipt or the file cannot be written.
    pub fn save(&self, answer: &Answer) -> Result<(), Failure> {
        let Some(path) = &self.receipt else { return Ok(()) };
        let receipt = receipt_of(answer)?.ok_or_else(|| {
            Failure::failed("the answer carries no receipt; it was done, see the account's ledger")
        })?;
        std::fs::write(path, format!("{receipt}\n"))
            .map_err(|error| Failure::file("write", path, &error))
    }

    /// Tells people where the receipt is, or how to get it.
    pub fn hint(&self, json: bool) {
        if let (Some(path), false) = (&self.receipt, json) {
            let path = path.display();
            note(&format!("receipt in `{path}`; check it with: bailee verify {path}"));
        }
    }
}

#[derive(Deserialize)]
struct WithReceipt<'a> {
    #[serde(borrow, default)]
    receipt: Option<&'a RawValue>,
}

/// The receipt of an answer as JSON: from its header, or a member of its body.
///
/// # Errors
/// When the header is not base64url of text.
pub fn receipt_of(answer: &Answer) -> Result<Option<String>, Failure> {
    if let Some(encoded) = answer.header(&RECEIPT) {
        let json = URL_SAFE_NO_PAD.decode(encoded.trim_end_matches('=')).ok();
        return json
            .and_then(|bytes| String::from_utf8(bytes).ok())
            .map(Some)
            .ok_or_else(|| Failure::failed("the receipt of the answer is not base64url of text"));
    }
    let body: Result<WithReceipt<'_>, _> = serde_json::from_slice(&answer.body);
    Ok(body.ok().and_then(|body| body.receipt).map(|receipt| receipt.get().to_owned()))
}

/// What can be done with somebody's tokens.
#[derive(Debug, Subcommand)]
pub enum Token {
    /// Make a further token, to change it without a gap; it is shown once
    Create {
        /// Short name of whose token it is
        #[arg(value_parser = Name::parse)]
        name: Name,
    },
    /// End one token at once
    End {
        /// Short name of whose token it is
        #[arg(value_parser = Name::parse)]
        name: Name,
        /// Id of the token, as `show` lists it
        token_id: String,
    },
}

const TOKEN: &[Column] = &[("name", "name"), ("token id", "token_id"), ("token", "token")];

impl Token {
    /// Runs one command; `nouns` is the part of the path that holds whose token it is.
    async fn run(&self, client: &Client, nouns: &str, output: Output) -> Result<(), Failure> {
        match self {
            Self::Create { name } => {
                let answer = client.post(&[nouns, name.as_str(), "tokens"]).send().await?;
                output.object(&answer.body, TOKEN)?;
                token_hint(output.json);
                Ok(())
            }
            Self::End { name, token_id } => {
                let path = [nouns, name.as_str(), "tokens", token_id];
                let answer = client.delete(&path).send().await?;
                let said = format!("token `{token_id}` of `{name}` ended");
                output.ended(&answer.body, TOKEN, &said)
            }
        }
    }
}

/// Tells people that a token is shown once.
fn token_hint(json: bool) {
    if !json {
        note(
            "keep the token: it is shown only now, and Bailee stores nothing it could be read from",
        );
    }
}
