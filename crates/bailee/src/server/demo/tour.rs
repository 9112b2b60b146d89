//! The tour: each step does something through the API, checks that it happened, and says so.

use std::collections::BTreeMap;
use std::fs;

use reqwest::header::HeaderName;
use serde::Deserialize;
use serde_json::{Value, json};

use super::stage::Stage;
use crate::client::Client;
use crate::exit::{Exit, Failure};
use crate::output::Output;
use crate::server::verify;

const COMPANY: &str = include_str!("../../../../../demo/company.json");
const PURPOSE: &str = "ticket T-1001: card charged twice";

#[derive(Deserialize)]
struct Company {
    people: Vec<Value>,
    services: Vec<Service>,
    accounts: Vec<Account>,
}

#[derive(Deserialize)]
struct Service {
    name: String,
    verbs: Vec<String>,
    purpose: String,
}

#[derive(Deserialize)]
struct Account {
    name: String,
    collection: String,
    records: Vec<Value>,
}

/// Who takes part, by name.
pub struct Cast<'s> {
    /// Where it plays.
    pub stage: &'s Stage,
    clients: BTreeMap<String, Client>,
}

impl<'s> Cast<'s> {
    /// Nobody yet.
    pub fn on(stage: &'s Stage) -> Self {
        Self { stage, clients: BTreeMap::new() }
    }

    /// The client of somebody.
    ///
    /// # Errors
    /// When the sample company has nobody of that name.
    pub fn who(&self, name: &str) -> Result<&Client, Failure> {
        let wrong = || Failure::failed(format!("the sample company has no `{name}`"));
        self.clients.get(name).ok_or_else(wrong)
    }

    /// Takes somebody in, with their token.
    ///
    /// # Errors
    /// When the token cannot be kept.
    pub fn join(&mut self, name: &str, token: &str) -> Result<(), Failure> {
        let purpose = (name == "omar").then_some(PURPOSE);
        let client = self.stage.client(name, token, purpose)?;
        self.clients.insert(name.to_owned(), client);
        Ok(())
    }
}

/// Runs the tour.
///
/// # Errors
/// When a step does not do what it shows.
pub async fn run(stage: &Stage, output: Output) -> Result<(), Failure> {
    let company: Company = serde_json::from_str(COMPANY)
        .map_err(|why| Failure::failed(format!("the sample company: {why}")))?;
    output.line(&format!("Bailee {} at {}\n", env!("CARGO_PKG_VERSION"), stage.url))?;
    let mut cast = Cast::on(stage);
    move_in(&mut cast, &company, output).await?;
    store(&cast, &company, output).await?;
    let receipt = read(&cast, output).await?;
    refuse(&cast, output).await?;
    revoke(&cast, output).await?;
    history(&cast, output).await?;
    check(stage, &receipt, output)?;
    tamper(stage, output)?;
    let next = super::house::run(&mut cast, 9, output).await?;
    measures(&cast, next, output).await
}

/// The line over a step.
///
/// # Errors
/// When standard output cannot be written.
pub fn title(output: Output, number: u32, text: &str) -> Result<(), Failure> {
    output.line(&format!("\n{number}. {text}"))
}

async fn move_in(cast: &mut Cast<'_>, company: &Company, output: Output) -> Result<(), Failure> {
    title(output, 1, "Northwind Desk moves in")?;
    cast.join("admin", &cast.stage.admin)?;
    for person in &company.people {
        let call = cast.who("admin")?.post(&["people"]).json(person)?;
        let made: Value = call.send().await?.json()?;
        let name = text(&made, "name")?;
        cast.join(&name, &text(&made, "token")?)?;
        let roles = person.get("roles").and_then(Value::as_array).into_iter().flatten();
        let roles: Vec<&str> = roles.filter_map(Value::as_str).collect();
        output.line(&format!("   person  {name:<11} {}", roles.join(", ")))?;
    }
    for service in &company.services {
        let name = &service.name;
        let body = json!({ "name": name, "owner": "person:omar" });
        let call = cast.who("admin")?.post(&["services"]).json(&body)?;
        let made: Value = call.send().await?.json()?;
        cast.join(name, &text(&made, "token")?)?;
        output.line(&format!("   service {name:<11} owned by person:omar"))?;
        if service.verbs.is_empty() {
            continue;
        }
        let wish = json!({
            "to": format!("service:{name}"), "account": "*", "collections": ["*"],
            "verbs": service.verbs, "purpose": service.purpose, "for_seconds": 8 * 3600,
        });
        cast.who("lea")?.post(&["grants"]).json(&wish)?.send().await?;
        let verbs = service.verbs.join(",");
        output.line(&format!("   grant   {name:<11} {verbs} for 8 h, approved by person:lea"))?;
    }
    Ok(())
}

async fn store(cast: &Cast<'_>, company: &Company, output: Output) -> Result<(), Failure> {
    title(output, 2, "Subscribers' tickets go in, sealed under each account's own key")?;
    for account in &company.accounts {
        let body = json!({ "name": account.name });
        let made: Value =
            cast.who("helpdesk")?.post(&["accounts"]).json(&body)?.send().await?.json()?;
        let id = text(&made, "id")?;
        let collection = account.collection.as_str();
        cast.who("helpdesk")?.put(&["accounts", &id, "collections", collection]).send().await?;
        let path = ["accounts", &id, "collections", collection, "records:batch"];
        let batch = json!({ "records": account.records });
        let done: Value = cast.who("helpdesk")?.post(&path).json(&batch)?.send().await?.json()?;
        let count = done.get("items").and_then(Value::as_array).map_or(0, Vec::len);
        output.line(&format!("   {id:<16} records sealed: {count}, receipts: {count}"))?;
    }
    let path = ["accounts", "contoso-bikes", "collections", "tickets", "records", "T-1001"];
    let change = json!({
        "from": "mara@contoso.example", "subject": "Card charged twice", "status": "pending",
    });
    let put: Value = cast.who("helpdesk")?.put(&path).json(&change)?.send().await?.json()?;
    output.line(&format!("   contoso-bikes    T-1001 changed, version {}", shown(&put, "version")))
}

async fn read(cast: &Cast<'_>, output: Output) -> Result<String, Failure> {
    title(output, 3, "Omar asks, Lea approves, Omar reads: recorded before it is shown")?;
    let wish = json!({
        "account": "contoso-bikes", "collections": ["tickets"], "verbs": ["read"],
        "purpose": PURPOSE, "reference": "T-1001", "for_seconds": 3600,
    });
    let asked = cast.who("omar")?.post(&["access-requests"]).json(&wish)?.send().await?;
    let asked: Value = asked.json()?;
    let id = text(&asked, "id")?;
    let approve = json!({ "terms_sha256": text(&asked, "terms_sha256")? });
    let place = format!("{id}:approve");
    let call = cast.who("lea")?.post(&["access-requests", &place]).json(&approve)?;
    call.send().await?;
    let place = format!("{id}:begin");
    let call = cast.who("omar")?.post(&["access-requests", &place]).json(&json!({}))?;
    call.send().await?;
    output.line(&format!("   asked    {id}, approved by person:lea over its hash"))?;
    let path = ["accounts", "contoso-bikes", "collections", "tickets", "records", "T-1001"];
    let answer = cast.who("omar")?.get(&path).send().await?;
    output.line(&format!("   purpose  {PURPOSE}"))?;
    output.line(&format!("   record   {}", answer.text()?))?;
    let receipt = answer.header(&HeaderName::from_static("bailee-receipt"));
    let receipt = receipt.ok_or_else(|| Failure::failed("the answer has no receipt"))?;
    let engine = &base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let receipt = base64::Engine::decode(engine, receipt)
        .map_err(|why| Failure::failed(format!("the receipt is not base64url: {why}")))?;
    let receipt = String::from_utf8_lossy(&receipt).into_owned();
    output.line(&format!("   receipt  {} bytes, checked below", receipt.len()))?;
    Ok(receipt)
}

async fn refuse(cast: &Cast<'_>, output: Output) -> Result<(), Failure> {
    title(output, 4, "Everybody else is refused, and the refusal is recorded")?;
    let path = ["accounts", "fabrikam-clinic", "collections", "tickets", "records", "T-2001"];
    for (who, client) in [
        ("service:newsletter, which has no grant", cast.who("newsletter")?),
        ("person:omar, granted for another account", cast.who("omar")?),
        ("person:admin, who administers but may not look", cast.who("admin")?),
    ] {
        let status = refused(client, &path).await?;
        output.line(&format!("   {status}  {who}"))?;
    }
    Ok(())
}

async fn revoke(cast: &Cast<'_>, output: Output) -> Result<(), Failure> {
    title(output, 5, "Lea ends Omar's grant; the next read is refused")?;
    let grants: Value = cast.who("lea")?.get(&["grants"]).send().await?.json()?;
    let items = grants.get("items").and_then(Value::as_array).cloned().unwrap_or_default();
    let of_omar = |grant: &&Value| grant.get("to").and_then(Value::as_str) == Some("person:omar");
    let id = text(items.iter().find(of_omar).unwrap_or(&Value::Null), "id")?;
    cast.who("lea")?.delete(&["grants", &id]).send().await?;
    let path = ["accounts", "contoso-bikes", "collections", "tickets", "records", "T-1001"];
    let status = refused(cast.who("omar")?, &path).await?;
    output.line(&format!("   {status}  person:omar, with the next request after the answer"))
}

async fn history(cast: &Cast<'_>, output: Output) -> Result<(), Failure> {
    title(output, 6, "Who made which version of T-1001")?;
    let record = ["accounts", "contoso-bikes", "collections", "tickets", "records", "T-1001"];
    let path: Vec<&str> = record.into_iter().chain(["history"]).collect();
    let answer: Value = cast.who("helpdesk")?.get(&path).send().await?.json()?;
    for version in answer.get("items").and_then(Value::as_array).into_iter().flatten() {
        output.line(&format!(
            "   version {}  {}  {}",
            shown(version, "version"),
            shown(version, "at"),
            shown(version, "author")
        ))?;
    }
    Ok(())
}

fn check(stage: &Stage, receipt: &str, output: Output) -> Result<(), Failure> {
    title(output, 7, "A receipt is checked offline, without Bailee's server")?;
    let path = stage.scratch("receipt.json");
    fs::write(&path, receipt).map_err(|why| Failure::file("write", &path, &why))?;
    let key = verify::public_key(&stage.folders.keys)?;
    let good = ledger::verify::verify_receipt(receipt, Some(&key));
    expect(good.ok(), "an untouched receipt was refused")?;
    output.line("   accepted  bailee verify receipt.json --keys data.keys")?;
    let mut altered = receipt.to_owned().into_bytes();
    if let Some(byte) = altered.get_mut(80) {
        *byte = if *byte == b'A' { b'B' } else { b'A' };
    }
    let bad = ledger::verify::verify_receipt(&altered, Some(&key));
    let why = bad.problems.first().map(|problem| format!("{}: {}", problem.what, problem.why));
    expect(!bad.ok(), "an altered receipt was accepted")?;
    output.line(&format!("   refused   with one character changed ({})", why.unwrap_or_default()))
}

fn tamper(stage: &Stage, output: Output) -> Result<(), Failure> {
    title(output, 8, "Somebody changes one byte in a copy of the store; `verify` names what")?;
    let copy = stage.scratch("copy");
    super::super::folders::make_private(&copy)?;
    let store = copy.join("bailee.db");
    kernel::engine::Sqlite::backup(&stage.folders.store(), &store)
        .map_err(super::super::folders::failure)?;
    let root = stage.folders.root(None)?;
    let look = || kernel::verify::verify_store(&store, Some(&root), None, &mut |_, _| {});
    let before = look();
    expect(before.ok(), "an untouched copy was refused")?;
    output.line("   accepted  the copy as it is")?;
    let mut bytes = fs::read(&store).map_err(|why| Failure::file("read", &store, &why))?;
    let place = ciphertext(&bytes).ok_or_else(|| Failure::failed("no ciphertext in the store"))?;
    if let Some(byte) = bytes.get_mut(place) {
        *byte ^= 1;
    }
    fs::write(&store, &bytes).map_err(|why| Failure::file("write", &store, &why))?;
    let after = look();
    expect(!after.ok(), "a changed byte was not found")?;
    output.line(&format!("   refused   after byte {place} of {} was changed:", bytes.len()))?;
    for problem in after.problems.iter().take(3) {
        output.line(&format!("             {}: {}", problem.what, problem.why))?;
    }
    fs::remove_dir_all(&copy).map_err(|why| Failure::file("remove", &copy, &why))
}

/// A place in the middle of the last stretch that looks like ciphertext: 256 bytes with hardly any
/// value twice as often as chance has it.
fn ciphertext(bytes: &[u8]) -> Option<usize> {
    let random = |window: &[u8]| {
        let mut seen = [false; 256];
        window.iter().for_each(|byte| {
            if let Some(seen) = seen.get_mut(usize::from(*byte)) {
                *seen = true;
            }
        });
        seen.iter().filter(|seen| **seen).count() > 140
    };
    let found = bytes.chunks(256).rposition(random)?;
    Some(found * 256 + 128)
}

async fn measures(cast: &Cast<'_>, number: u32, output: Output) -> Result<(), Failure> {
    title(output, number, "The fourteen measures, as the facts have them")?;
    let reason = json!({ "reason": "Bailee and desk-db hold all Service Data of this company" });
    cast.who("lea")?.put(&["measures", "scope"]).json(&reason)?.send().await?;
    output
        .line("   Lea states that the register of systems is complete; the rest is computed\n")?;
    let answer: Value = cast.who("lea")?.get(&["measures"]).send().await?.json()?;
    let items = answer.get("items").and_then(Value::as_array).cloned().unwrap_or_default();
    super::board::show(&items, output)
}

/// The status with which a read was refused.
///
/// # Errors
/// When it was not.
pub async fn refused(client: &Client, path: &[&str]) -> Result<u16, Failure> {
    match client.get(path).send().await {
        Ok(_) => Err(Failure::failed("a read that had to be refused was answered")),
        Err(failure) if matches!(failure.exit, Exit::Refused | Exit::NotFound) => {
            Ok(failure.status.unwrap_or_default())
        }
        Err(failure) => Err(failure),
    }
}

/// Checks what the demonstration shows.
///
/// # Errors
/// When it is not so.
pub fn expect(so: bool, otherwise: &str) -> Result<(), Failure> {
    if so { Ok(()) } else { Err(Failure::failed(otherwise)) }
}

/// A member that has to be a text.
///
/// # Errors
/// When it is none.
pub fn text(value: &Value, member: &str) -> Result<String, Failure> {
    let found = value.get(member).and_then(Value::as_str);
    found.map(str::to_owned).ok_or_else(|| Failure::failed(format!("an answer has no `{member}`")))
}

/// A member as it is shown; nothing if it is missing.
pub fn shown(value: &Value, member: &str) -> String {
    match value.get(member) {
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        None => String::new(),
    }
}

/// A moment of an answer, to the minute: `2026-11-22 14:02 UTC`.
pub fn minute(value: &Value, member: &str) -> String {
    let text = shown(value, member);
    format!("{} UTC", text.get(..16).unwrap_or(&text).replace('T', " "))
}
