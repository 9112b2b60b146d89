//! Documents: the file of a report in, and what a member does to get a copy of one.

use std::path::Path;

use clap::{Arg, ArgAction, ArgMatches, Command, FromArgMatches as _};
use reqwest::header::{CONTENT_TYPE, HeaderValue};
use serde_json::json;

use super::super::Keep;
use super::{about, account, one, option, read, several, word};
use crate::client::Client;
use crate::exit::Failure;
use crate::output::{Column, Output, read_answer};

/// Bytes of a document that the server takes.
const DOCUMENT: usize = 32 * 1024 * 1024;

const FILE: &[Column] = &[("file", "name"), ("pages", "pages"), ("bytes", "bytes")];
const REQUEST: &[Column] =
    &[("request", "id"), ("report", "report"), ("state", "state"), ("due", "due")];

pub(super) fn making(command: Command) -> Command {
    command
        .arg(account())
        .arg(word("report", "REPORT", "Id of the report"))
        .arg(option("purpose", "TEXT", "What for").required(true))
        .arg(
            Arg::new("parent")
                .long("parent")
                .value_name("COMPANY")
                .action(ArgAction::Append)
                .help("Company that owns or controls yours or your client (repeat it)"),
        )
        .arg(
            Arg::new("not-competitor")
                .long("not-competitor")
                .action(ArgAction::SetTrue)
                .help("State that neither you nor whom you act for competes with the provider"),
        )
}

pub(super) fn accepting(command: Command) -> Command {
    command
        .arg(account())
        .arg(word("request", "REQUEST", "Id of the request"))
        .arg(option("terms", "TERMS", "Version that is accepted, as you read it").required(true))
}

pub(super) fn downloading(command: Command) -> Command {
    command
        .arg(account())
        .arg(word("request", "REQUEST", "Id of the request"))
        .arg(option("report", "REPORT", "Report that was asked for").required(true))
        .arg(option("out", "FILE.pdf", "Where to write the copy").required(true))
}

pub(super) async fn upload(
    client: &Client,
    stated: &ArgMatches,
    output: Output,
) -> Result<(), Failure> {
    let (id, path) = (one(stated, "id"), one(stated, "file"));
    let bytes = read(path, DOCUMENT)?;
    connectors::pdf::check(&bytes).map_err(|refused| about(path, refused))?;
    let name = Path::new(path).file_name().map(|name| name.to_string_lossy().into_owned());
    let call = client.put(&["reports", id, "file"]).query("name", name.unwrap_or_default());
    let call = call.body(bytes).header(CONTENT_TYPE, HeaderValue::from_static("application/pdf"));
    let answer = call.send().await?;
    keep(stated).save(&answer)?;
    output.object(&answer.body, FILE)
}

pub(super) async fn make(
    client: &Client,
    stated: &ArgMatches,
    output: Output,
) -> Result<(), Failure> {
    let body = json!({
        "report": one(stated, "report"),
        "purpose": one(stated, "purpose"),
        "parents": several(stated, "parent"),
        "not_competitor": stated.get_flag("not-competitor"),
    });
    let path = ["accounts", one(stated, "account"), "report-requests"];
    let answer = client.post(&path).json(&body)?.send().await?;
    keep(stated).save(&answer)?;
    output.object(&answer.body, REQUEST)
}

pub(super) async fn terms(
    client: &Client,
    stated: &ArgMatches,
    output: Output,
) -> Result<(), Failure> {
    let path = ["accounts", one(stated, "account"), "report-terms", one(stated, "terms")];
    let answer = client.get(&path).send().await?;
    if output.json {
        return output.object(&answer.body, &[]);
    }
    let read = read_answer(&answer.body)?;
    super::text(&read, "text").lines().try_for_each(|line| output.line(line))
}

pub(super) async fn accept(
    client: &Client,
    stated: &ArgMatches,
    output: Output,
) -> Result<(), Failure> {
    let place = format!("{}:accept", one(stated, "request"));
    let path = ["accounts", one(stated, "account"), "report-requests", &place];
    let body = json!({"terms": one(stated, "terms")});
    let answer = client.post(&path).json(&body)?.send().await?;
    keep(stated).save(&answer)?;
    output.object(&answer.body, REQUEST)
}

pub(super) async fn download(
    client: &Client,
    stated: &ArgMatches,
    output: Output,
) -> Result<(), Failure> {
    let request = one(stated, "request");
    let path = ["accounts", one(stated, "account"), "report-requests", request, "file"];
    let answer = client.get(&path).query("report", one(stated, "report")).send().await?;
    let out = Path::new(one(stated, "out"));
    std::fs::write(out, &answer.body).map_err(|error| Failure::file("write", out, &error))?;
    keep(stated).save(&answer)?;
    let sum: String =
        kernel::digest(&answer.body).iter().map(|byte| format!("{byte:02x}")).collect();
    let (bytes, place) = (answer.body.len(), out.display().to_string());
    output.json(&json!({"out": place, "bytes": bytes, "sha256": sum}))?;
    output.line(&format!("`{place}`: {bytes} bytes, SHA-256 {sum}"))
}

pub(super) fn keep(stated: &ArgMatches) -> Keep {
    Keep::from_arg_matches(stated).unwrap_or_default()
}
