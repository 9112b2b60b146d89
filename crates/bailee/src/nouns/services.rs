//! `bailee service`: programs that act under their own name and token.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Subcommand;
use kernel::id::{Name, PrincipalId};
use serde_json::json;

use super::{Paging, Token, token_hint};
use crate::client::Client;
use crate::exit::Failure;
use crate::output::{Column, Output};

/// What can be done with services.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Enter a service; its first token is shown once
    #[command(visible_alias = "add")]
    Create {
        /// Short name, never reused: 1 to 64 of a-z 0-9 . _ -
        #[arg(value_parser = Name::parse)]
        name: Name,
        /// Person who answers for the service; without it the caller
        #[arg(long, value_name = "person:NAME", value_parser = PrincipalId::parse)]
        owner: Option<PrincipalId>,
        /// Vendor that runs it, if it is not the provider
        #[arg(long)]
        vendor: Option<String>,
    },
    /// List services
    List(Paging),
    /// Show one service
    Show {
        /// Short name
        #[arg(value_parser = Name::parse)]
        name: Name,
    },
    /// End a service: all its tokens and rights end at once
    End {
        /// Short name
        #[arg(value_parser = Name::parse)]
        name: Name,
    },
    /// Bind a service to what a platform says of a program, whose tokens it then takes as its own
    Bind {
        /// Short name
        #[arg(value_parser = Name::parse)]
        name: Name,
        /// The platform, exactly as its tokens say it (`iss`)
        #[arg(long, value_name = "URL")]
        issuer: String,
        /// For whom the tokens are (`aud`)
        #[arg(long, value_name = "TEXT")]
        audience: String,
        /// Claim of the tokens with its value, such as sub=system:serviceaccount:prod:import
        #[arg(long = "claim", value_name = "NAME=TEXT", required = true)]
        claims: Vec<String>,
    },
    /// Issue a service a certificate for a day, which it shows in the handshake instead of a token
    Certify {
        /// Short name
        #[arg(value_parser = Name::parse)]
        name: Name,
        /// File with its request (PKCS #10 in PEM), as `openssl req -new` makes one
        #[arg(long, value_name = "FILE")]
        request: PathBuf,
    },
    /// Make and end tokens of a service
    #[command(subcommand)]
    Token(Token),
}

const MEMBERS: &[Column] = &[
    ("service", "name"),
    ("owner", "owner"),
    ("state", "state"),
    ("created", "created"),
    ("ended", "ended"),
    ("tokens", "tokens"),
    ("token id", "token_id"),
    ("token", "token"),
];
const COLUMNS: &[Column] = &[("service", "name"), ("owner", "owner"), ("state", "state")];

const BOUND: &[Column] = &[("service", "name"), ("token id", "token_id"), ("workload", "workload")];

const CERTIFIED: &[Column] = &[
    ("service", "name"),
    ("token id", "token_id"),
    ("until", "until"),
    ("certificate", "certificate"),
];

/// Runs one command.
///
/// # Errors
/// What the server refused, or why it could not be asked.
pub async fn run(client: &Client, command: &Command, output: Output) -> Result<(), Failure> {
    match command {
        Command::Create { name, owner, vendor } => {
            let mut body = json!({"name": name.as_str()});
            let owner = owner.as_ref().map(PrincipalId::as_str);
            for (member, text) in [("owner", owner), ("vendor", vendor.as_deref())] {
                if let (Some(text), Some(all)) = (text, body.as_object_mut()) {
                    all.insert(member.to_owned(), text.into());
                }
            }
            let answer = client.post(&["services"]).json(&body)?.send().await?;
            output.object(&answer.body, MEMBERS)?;
            token_hint(output.json);
            Ok(())
        }
        Command::List(paging) => {
            let answer = paging.of(client.get(&["services"])).send().await?;
            output.page(&answer.body, COLUMNS)
        }
        Command::Show { name } => {
            let answer = client.get(&["services", name.as_str()]).send().await?;
            output.object(&answer.body, MEMBERS)
        }
        Command::End { name } => {
            let answer = client.delete(&["services", name.as_str()]).send().await?;
            output.ended(&answer.body, MEMBERS, &format!("service `{name}` ended"))
        }
        Command::Bind { name, issuer, audience, claims } => {
            let mut pinned = BTreeMap::new();
            for claim in claims {
                let (name, value) = claim.split_once('=').ok_or_else(|| {
                    Failure::usage(format!("`--claim {claim}` is no `NAME=TEXT`"))
                })?;
                pinned.insert(name, value);
            }
            let body = json!({"issuer": issuer, "audience": audience, "claims": pinned});
            let answer = client.post(&["services", name.as_str(), "workloads"]).json(&body)?;
            output.object(&answer.send().await?.body, BOUND)
        }
        Command::Certify { name, request } => {
            let text = std::fs::read_to_string(request);
            let text = text.map_err(|error| Failure::file("read", request, &error))?;
            let call = client.post(&["services", name.as_str(), "certificates"]);
            let answer = call.json(&json!({"request": text}))?.send().await?;
            output.object(&answer.body, CERTIFIED)
        }
        Command::Token(token) => token.run(client, "services", output).await,
    }
}
