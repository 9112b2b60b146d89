//! `bailee person`: the people who work with Service Data, each under their own name.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Subcommand;
use kernel::id::Name;
use serde_json::{Map, Value, json};

use super::{Paging, Token, token_hint};
use crate::client::Client;
use crate::exit::Failure;
use crate::output::{Column, Output, read_answer, table};

/// What can be done with people.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Enter a person
    #[command(visible_alias = "add")]
    Create {
        /// Short name, never reused: 1 to 64 of a-z 0-9 . _ -
        #[arg(value_parser = Name::parse)]
        name: Name,
        /// Name as it is written
        #[arg(long, value_name = "TEXT")]
        full_name: Option<String>,
        /// Address for notices
        #[arg(long)]
        email: Option<String>,
        /// Vendor they work for, if it is not the provider
        #[arg(long)]
        vendor: Option<String>,
        /// Role of the person, such as administrator or engineer (repeat it or separate by commas)
        #[arg(long = "role", visible_alias = "roles", value_name = "ROLE", value_delimiter = ',')]
        roles: Vec<String>,
    },
    /// Take in a person for each line of a CSV file; each first token is shown once
    Import {
        /// File with the columns name, full_name, email, roles (with ; between them) and vendor
        #[arg(value_name = "FILE.csv")]
        file: PathBuf,
    },
    /// List people
    List(Paging),
    /// Show one person
    Show {
        /// Short name
        #[arg(value_parser = Name::parse)]
        name: Name,
    },
    /// Record that a person's job changes: the roles are replaced, grants outside them end at once
    Move {
        /// Short name
        #[arg(value_parser = Name::parse)]
        name: Name,
        /// Every role from now on (repeat it or separate by commas); an empty one takes all away
        #[arg(
            long = "roles",
            visible_alias = "role",
            value_name = "ROLE",
            value_delimiter = ',',
            required = true
        )]
        roles: Vec<String>,
        /// Why, on one line
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Record that a person leaves: all their rights end at once
    End {
        /// Short name
        #[arg(value_parser = Name::parse)]
        name: Name,
    },
    /// Make a link by which a person signs in to the pages, once; earlier links end
    Invite {
        /// Short name
        #[arg(value_parser = Name::parse)]
        name: Name,
    },
    /// Bind a person to who they are at the company's provider of identities
    Bind {
        /// Short name
        #[arg(value_parser = Name::parse)]
        name: Name,
        /// The provider, exactly as its tokens say it (`iss`)
        #[arg(long, value_name = "URL")]
        issuer: String,
        /// Who they are there (`sub`); an address of mail is none
        #[arg(long, value_name = "TEXT")]
        subject: String,
    },
    /// Make and end tokens of a person
    #[command(subcommand)]
    Token(Token),
}

const MEMBERS: &[Column] = &[
    ("person", "name"),
    ("full name", "full_name"),
    ("email", "email"),
    ("roles", "roles"),
    ("state", "state"),
    ("joined", "joined"),
    ("left", "left"),
    ("tokens", "tokens"),
    ("token", "token"),
];

const IDENTITY: &[Column] =
    &[("person", "name"), ("token id", "token_id"), ("issuer", "issuer"), ("subject", "subject")];

const COLUMNS: &[Column] = &[
    ("person", "name"),
    ("full name", "full_name"),
    ("email", "email"),
    ("roles", "roles"),
    ("state", "state"),
];

/// Runs one command.
///
/// # Errors
/// What the server refused, or why it could not be asked.
pub async fn run(client: &Client, command: &Command, output: Output) -> Result<(), Failure> {
    match command {
        Command::Create { name, full_name, email, roles, vendor } => {
            let mut body = Map::new();
            body.insert("name".to_owned(), name.as_str().into());
            for (member, text) in [("full_name", full_name), ("email", email), ("vendor", vendor)] {
                if let Some(text) = text {
                    body.insert(member.to_owned(), text.as_str().into());
                }
            }
            body.insert("roles".to_owned(), roles.clone().into());
            let answer = client.post(&["people"]).json(&Value::Object(body))?.send().await?;
            output.object(&answer.body, MEMBERS)?;
            if read_answer(&answer.body)?.get("token").is_some_and(Value::is_string) {
                token_hint(output.json);
            }
            Ok(())
        }
        Command::Import { file } => import(client, file, output).await,
        Command::List(paging) => {
            let answer = paging.of(client.get(&["people"])).send().await?;
            output.page(&answer.body, COLUMNS)
        }
        Command::Show { name } => {
            let answer = client.get(&["people", name.as_str()]).send().await?;
            output.object(&answer.body, MEMBERS)
        }
        Command::Move { name, roles, reason } => {
            let stated: Vec<_> = roles.iter().filter(|role| !role.is_empty()).collect();
            let body = json!({"roles": stated, "reason": reason});
            let place = format!("{name}:move");
            let answer = client.post(&["people", &place]).json(&body)?.send().await?;
            output.object(&answer.body, MEMBERS)
        }
        Command::End { name } => {
            let answer = client.delete(&["people", name.as_str()]).send().await?;
            output.ended(&answer.body, MEMBERS, &format!("person `{name}` ended"))
        }
        Command::Invite { name } => {
            let answer = client.post(&["people", name.as_str(), "links"]).send().await?;
            invited(client, &answer.body, output)
        }
        Command::Bind { name, issuer, subject } => {
            let body = json!({"issuer": issuer, "subject": subject});
            let answer = client.post(&["people", name.as_str(), "identities"]).json(&body)?;
            output.object(&answer.send().await?.body, IDENTITY)
        }
        Command::Token(token) => token.run(client, "people", output).await,
    }
}

/// The columns of the CSV file that `import` takes, each with what goes into it.
pub fn explained() -> Vec<(String, String)> {
    let roles = domain::people::ROLES.map(|(role, _)| role).join(" | ");
    let roles = format!("optional; some of {roles}, with ; between them");
    let column = |name: &str, help: &str| (name.to_owned(), help.to_owned());
    vec![
        column(
            "name",
            "required; text; the unique name: 1 to 64 of a-z 0-9 . _ -, never used again",
        ),
        column("full_name", "optional; text; the name people use"),
        column("email", "optional; text; an address"),
        column("roles", &roles),
        column("vendor", "optional; text; the vendor they work for, if it is not the provider"),
    ]
}

/// Takes in a person for each line. Tokens are shown once, so those of the people who were taken in
/// before an error are shown too.
async fn import(client: &Client, file: &Path, output: Output) -> Result<(), Failure> {
    let bytes = std::fs::read(file).map_err(|error| Failure::file("read", file, &error))?;
    let columns = explained();
    let known: Vec<&str> = columns.iter().map(|(name, _)| name.as_str()).collect();
    let shown = file.display();
    let rows = connectors::intake::table::rows(&bytes, &known, &["name"])
        .map_err(|refused| Failure::usage(format!("{shown}: {refused}")))?;
    let mut added = Vec::new();
    let mut failed = None;
    for (number, row) in rows.iter().enumerate() {
        match take_in(client, row).await {
            Ok(person) => added.push(person),
            Err(failure) => {
                let done = added.len();
                let what = format!("{shown}, row {}; {done} people were taken in", number + 1);
                failed = Some(failure.during(what));
                break;
            }
        }
    }
    output.json(&json!({"added": added}))?;
    output.line(table(&added, &[("person", "name"), ("token", "token")]).trim_end())?;
    if !added.is_empty() {
        token_hint(output.json);
    }
    failed.map_or(Ok(()), Err)
}

/// Takes in one person; gives the name and the first token.
async fn take_in(client: &Client, row: &BTreeMap<String, String>) -> Result<Value, Failure> {
    let filled = |(name, text): (&String, &String)| match name.as_str() {
        _ if text.is_empty() => None,
        "roles" => Some((name.clone(), text.split(';').map(str::trim).collect())),
        _ => Some((name.clone(), Value::from(text.as_str()))),
    };
    let body: Map<String, Value> = row.iter().filter_map(filled).collect();
    let answer = client.post(&["people"]).json(&Value::Object(body))?.send().await?;
    let person = read_answer(&answer.body)?;
    Ok(json!({"name": person.get("name"), "token": person.get("token")}))
}

/// Prints a link as an address of the server that was asked.
pub fn invited(client: &Client, answer: &[u8], output: Output) -> Result<(), Failure> {
    let mut link = read_answer(answer)?;
    if let Value::Object(all) = &mut link
        && let Some(path) = all.get("link").and_then(Value::as_str)
    {
        let address = format!("{}{path}", client.address().trim_end_matches('/'));
        all.insert("link".to_owned(), address.into());
    }
    output.json(&link)?;
    output
        .line(crate::output::fields(&link, &[("sign in once at", "link")], &["receipt"]).trim_end())
}
