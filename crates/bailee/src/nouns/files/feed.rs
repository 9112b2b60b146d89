//! `bailee feed load`: a copy of a feed is read, matched with the inventories, and what matches is
//! registered or brought up to date.
//!
//! Promises: the feed counts as read only when everything it brought is registered; a component of
//! which nobody can say whether it is affected is listed, so that somebody does. What RustSec calls
//! `unmaintained` or a `notice` is no vulnerability and is counted only.

use std::collections::BTreeSet;
use std::io::IsTerminal as _;

use clap::{ArgMatches, Command};
use connectors::intake::osv::{self, Advisory};
use connectors::intake::{MAX_JSON, MAX_ZIP, Refused, kev};
use indicatif::ProgressBar;
use serde_json::{Value, json};

use super::advisories::{Known, Matching, news, number_of};
use super::{about, all, file, found, one, option, read, text, unread, word};
use crate::client::Client;
use crate::exit::Failure;
use crate::output::{Output, note};

/// Refused records of a feed that are shown one by one.
const SHOWN: usize = 10;

pub(super) fn arguments(command: Command) -> Command {
    command
        .arg(word("name", "NAME", "Unique name; it is registered if there is none of it"))
        .arg(file("FILE"))
        .arg(option("kev", "FILE", "CISA's catalogue of known exploited vulnerabilities, too"))
        .arg(option("source", "TEXT", "Where it comes from, where it is registered"))
}

pub(super) async fn load(
    client: &Client,
    stated: &ArgMatches,
    output: Output,
) -> Result<(), Failure> {
    let (name, path) = (one(stated, "name"), one(stated, "file"));
    let row = found(client, "feeds", name).await?;
    if row.as_ref().is_some_and(|row| text(row, "kind") == "kev") {
        return exploited(client, name, path, output).await;
    }
    let exploited = match stated.get_one::<String>("kev") {
        Some(path) => catalogue(path)?.0,
        None => BTreeSet::new(),
    };
    let read = advisories(path)?;
    warn(path, &read.refused);
    let matching = Matching::new(&all(client, "inventories").await?);
    if matching.is_empty() {
        note("there is no inventory to compare with: bailee inventory load --help");
    }
    let known: Vec<Known> = all(client, "advisories").await?.into_iter().map(Known::new).collect();
    if row.is_none() {
        let source = stated.get_one::<String>("source").map_or(path, String::as_str);
        let new = json!({"name": name, "kind": "osv", "source": source});
        client.post(&["feeds"]).json(&new)?.send().await?;
    }
    let news = news(name, &read.advisories, &known, &matching, &exploited);
    if news.cut > 0 {
        let cut = news.cut;
        note(&format!("{cut} advisories match more components than a row lists: see inventories"));
    }
    send(client, &news.calls, output).await?;
    let newest = read.advisories.iter().filter_map(|one| one.modified.get(..10)).max();
    let refresh = json!({
        "entries": number_of(read.advisories.len() + read.refused.len()),
        "matched": number_of(news.matched),
        "refused": number_of(read.refused.len()),
        "newest": newest,
    });
    client.post(&["feeds", &format!("{name}:refresh")]).json(&refresh)?.send().await?;
    output.json(&json!({
        "feed": name, "entries": refresh.get("entries"), "matched": news.matched,
        "refused": read.refused.len(), "added": news.added, "updated": news.updated,
        "informational": news.informational,
    }))?;
    output.line(&format!(
        "{} advisories read: {} match, {} are new, {} were updated, {} could not be read",
        read.advisories.len(),
        news.matched,
        news.added,
        news.updated,
        read.refused.len()
    ))
}

/// Reads the catalogue of a KEV feed, and marks what is registered and in it.
async fn exploited(client: &Client, name: &str, path: &str, output: Output) -> Result<(), Failure> {
    let (listed, released) = catalogue(path)?;
    let known: Vec<Known> = all(client, "advisories").await?.into_iter().map(Known::new).collect();
    let hit: Vec<&Known> = known.iter().filter(|one| one.in_any(&listed)).collect();
    let mark = |one: &&Known| {
        let body = json!({"known_exploited": true});
        (!one.exploited()).then(|| (format!("{}:update", one.id()), body))
    };
    let calls: Vec<_> = hit.iter().filter_map(mark).collect();
    send(client, &calls, output).await?;
    let refresh = json!({
        "entries": number_of(listed.len()),
        "matched": number_of(hit.len()),
        "newest": released.get(..10),
    });
    client.post(&["feeds", &format!("{name}:refresh")]).json(&refresh)?.send().await?;
    let (entries, matched, updated) = (listed.len(), hit.len(), calls.len());
    output.json(&json!({
        "feed": name, "entries": entries, "matched": matched, "updated": updated,
    }))?;
    output.line(&format!(
        "{entries} vulnerabilities read: {matched} are registered here, {updated} were marked"
    ))
}

/// The ids in the catalogue, and when it was released.
fn catalogue(path: &str) -> Result<(BTreeSet<String>, String), Failure> {
    let read = kev::kev(&read(path, MAX_JSON)?).map_err(|refused| unread(path, &refused))?;
    Ok((read.known.into_iter().map(|one| one.cve).collect(), read.released))
}

fn advisories(path: &str) -> Result<osv::Read, Failure> {
    let bytes = read(path, MAX_ZIP)?;
    let zipped = bytes.starts_with(b"PK");
    let read = if zipped { osv::advisories_zip(&bytes) } else { osv::advisories(&bytes) };
    let read = read.map_err(|refused| unread(path, &refused))?;
    match read.advisories.is_empty() {
        true => Err(about(path, "nothing in it could be read: fetch the feed again")),
        false => Ok(read),
    }
}

fn warn(path: &str, refused: &[Refused]) {
    for one in refused.iter().take(SHOWN) {
        note(&format!("{path}: {one}"));
    }
    if refused.len() > SHOWN {
        note(&format!("{path}: and {} more could not be read", refused.len() - SHOWN));
    }
}

/// Sends what is new, one advisory after the other.
async fn send(client: &Client, calls: &[(String, Value)], output: Output) -> Result<(), Failure> {
    let length = u64::try_from(calls.len()).unwrap_or(u64::MAX);
    let shown = !output.json && std::io::stderr().is_terminal();
    let bar = if shown { ProgressBar::new(length) } else { ProgressBar::hidden() };
    for (number, (place, body)) in calls.iter().enumerate() {
        let path: &[&str] = if place.is_empty() { &["advisories"] } else { &["advisories", place] };
        client.post(path).json(body)?.send().await.map_err(|failure| {
            let what = if place.is_empty() { text(body, "osv") } else { place };
            bar.abandon();
            failure.during(format!("advisory `{what}`, after {number} of {length} were sent"))
        })?;
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(())
}

/// Whether an advisory speaks of vulnerabilities at all.
pub(super) fn informational(advisory: &Advisory) -> bool {
    let is = |kind: &Option<String>| matches!(kind.as_deref(), Some("unmaintained" | "notice"));
    !advisory.affected.is_empty() && advisory.affected.iter().all(|one| is(&one.informational))
}
