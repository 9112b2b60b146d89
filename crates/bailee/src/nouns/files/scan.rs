//! `bailee scan load`: the report of a scanner as one scan of the register.

use clap::{Arg, ArgAction, ArgMatches, Command};
use connectors::intake::MAX_JSON;
use connectors::intake::scans::{self, Scan};
use serde_json::json;

use super::{about, file, fitting, one, option, read, several, unread, utc};
use crate::client::Client;
use crate::exit::Failure;
use crate::output::{Output, counted, read_answer};

/// Targets and findings of one scan of the register.
const MOST: usize = 500;

/// Bytes of a part of a line.
const PART: usize = 290;

pub(super) fn arguments(command: Command) -> Command {
    command
        .arg(file("FILE"))
        .arg(
            option("tool", "TOOL", "Who wrote the file")
                .required(true)
                .value_parser(["nmap", "testssl", "sarif"]),
        )
        .arg(
            option("vantage", "WHERE", "From where it looked")
                .required(true)
                .value_parser(["external", "internal"]),
        )
        .arg(
            Arg::new("covers")
                .long("covers")
                .value_name("SYSTEM")
                .action(ArgAction::Append)
                .num_args(1..)
                .help("System that was looked at; its addresses come from the file"),
        )
        .arg(option("started", "TIME", "When it began, where the file does not say"))
}

pub(super) async fn load(
    client: &Client,
    stated: &ArgMatches,
    output: Output,
) -> Result<(), Failure> {
    let path = one(stated, "file");
    let bytes = read(path, MAX_JSON)?;
    let scan = match one(stated, "tool") {
        "nmap" => scans::nmap(&bytes),
        "testssl" => scans::testssl(&bytes),
        _ => scans::sarif(&bytes),
    };
    let scan = scan.map_err(|refused| unread(path, &refused))?;
    let body = json!({
        "tool": fitting(&scan.tool, 60),
        "version": known(&scan.tool_version),
        "vantage": one(stated, "vantage"),
        "started": started(path, &scan, one(stated, "started"))?,
        "covered": covered(path, &scan, several(stated, "covers"))?,
        "findings": findings(path, &scan)?,
    });
    let answer = client.post(&["scans"]).json(&body)?.send().await?;
    if output.json {
        return output.object(&answer.body, &[]);
    }
    let row = read_answer(&answer.body)?;
    let found = counted(u64::try_from(scan.findings.len()).unwrap_or(u64::MAX), "finding");
    output.line(&format!("{found} imported as `{}`", super::text(&row, "id")))
}

fn known(version: &str) -> String {
    let version = fitting(version, 60);
    if version.is_empty() { "unknown".to_owned() } else { version }
}

fn started(path: &str, scan: &Scan, stated: &str) -> Result<String, Failure> {
    let text = scan.started.as_deref().unwrap_or(stated);
    if text.is_empty() {
        return Err(about(path, "it does not say when the scan began: state it with --started"));
    }
    utc(text).ok_or_else(|| about(path, format!("`{text}` is no moment: write it as RFC 3339")))
}

/// What was looked at. A host that was reached stands for its ports where there are too many.
fn covered(path: &str, scan: &Scan, systems: Vec<String>) -> Result<Vec<String>, Failure> {
    let reached =
        || scan.targets.iter().filter(|one| !matches!(&*one.state, "down" | "unreachable"));
    let whole = reached().map(|one| match one.port {
        Some(port) if one.address.contains(':') => format!("[{}]:{port}", one.address),
        Some(port) => format!("{}:{port}", one.address),
        None => one.address.clone(),
    });
    let mut all: Vec<String> = systems.iter().cloned().chain(whole).collect();
    all.sort_unstable();
    all.dedup();
    if all.len() > MOST {
        all = systems.into_iter().chain(reached().map(|one| one.address.clone())).collect();
        all.sort_unstable();
        all.dedup();
    }
    match all.len() {
        0 => Err(about(path, "nothing was reached: name the systems with --covers")),
        1..=MOST => Ok(all),
        many => Err(about(path, format!("it covers {many} targets: scan {MOST} at most at once"))),
    }
}

fn findings(path: &str, scan: &Scan) -> Result<Vec<String>, Failure> {
    if scan.findings.len() > MOST {
        let many = scan.findings.len();
        return Err(about(path, format!("it has {many} findings: scan fewer targets at once")));
    }
    let part = |text: &str, other: &str| {
        let text = fitting(&text.replace('|', "/"), PART);
        if text.is_empty() { other.to_owned() } else { text }
    };
    let line = |found: &scans::Found| {
        let (check, target) = (part(&found.id, "-"), part(&found.target, "-"));
        format!("{check}|{target}|{}|{}", found.severity, part(&found.title, &check))
    };
    Ok(scan.findings.iter().map(line).collect())
}
