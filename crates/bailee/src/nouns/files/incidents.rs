//! The file of an incident, or the package with what people read of it: fetched, verified, and only
//! then written.

use std::path::Path;

use clap::{ArgMatches, Command};
use ledger::verify::{verify_evidence, verify_package};
use serde_json::json;

use super::{one, option, word};
use crate::client::Client;
use crate::exit::{Exit, Failure};
use crate::output::Output;

const OUT: &str =
    "New file to write to; with the ending `.zip` a package with HTML and PDF, otherwise JSON";

pub(super) fn exporting(command: Command) -> Command {
    command
        .arg(word("id", "ID", "Id of the incident"))
        .arg(option("out", "FILE", OUT).required(true))
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
    let packed = out.extension().is_some_and(|kind| kind.eq_ignore_ascii_case("zip"));
    let what = if packed { "package" } else { "file" };
    let answer = client.get(&["incidents", one(stated, "id"), what]).send().await?;
    let report = match packed {
        true => verify_package(&answer.body, None),
        false => verify_evidence(&answer.body, None),
    };
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
