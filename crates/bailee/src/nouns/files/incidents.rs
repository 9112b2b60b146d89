//! The file of an incident: fetched, verified, and only then written.

use std::path::Path;

use clap::{ArgMatches, Command};
use ledger::verify::verify_evidence;
use serde_json::json;

use super::{one, option, word};
use crate::client::Client;
use crate::exit::{Exit, Failure};
use crate::output::Output;

pub(super) fn exporting(command: Command) -> Command {
    command
        .arg(word("id", "ID", "Id of the incident"))
        .arg(option("out", "FILE", "File to write to; it must be new").required(true))
}

pub(super) async fn export(
    client: &Client,
    stated: &ArgMatches,
    output: Output,
) -> Result<(), Failure> {
    let out = Path::new(one(stated, "out"));
    if out.exists() {
        let why = format!("`{}` exists: name a new file", out.display());
        return Err(Failure::usage(why));
    }
    let answer = client.get(&["incidents", one(stated, "id"), "file"]).send().await?;
    let report = verify_evidence(&answer.body, None);
    if let Some(problem) = report.problems.first() {
        let (what, why) = (&problem.what, &problem.why);
        let why = format!("the file does not verify ({what}: {why}): tell the provider");
        return Err(Failure::new(Exit::Findings, why));
    }
    let failed = |error: std::io::Error| Failure::file("write", out, &error);
    let mut file = std::fs::File::create_new(out).map_err(failed)?;
    std::io::Write::write_all(&mut file, &answer.body).map_err(failed)?;
    super::reports::keep(stated).save(&answer)?;
    let (bytes, place) = (answer.body.len(), out.display().to_string());
    output.json(&json!({"out": place, "bytes": bytes}))?;
    output.line(&format!("`{place}`: {bytes} bytes; check it with: bailee verify {place}"))
}
