//! The tour: each step does something through the API, checks that it happened, and says so.

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

/// What the steps hand on to each other.
struct Cast {
    admin: Client,
    lea: Client,
    omar: Client,
    helpdesk: Client,
    newsletter: Client,
}

/// Runs the tour.
///
/// # Errors
/// When a step does not do what it shows.
pub async fn run(stage: &Stage, output: Output) -> Result<(), Failure> {
    let company: Company = serde_json::from_str(COMPANY)
        .map_err(|why| Failure::failed(format!("the sample company: {why}")))?;
    output.line(&format!("Bailee {} at {}\n", env!("CARGO_PKG_VERSION"), stage.url))?;
    let cast = move_in(stage, &company, output).await?;
    store(&cast, &company, output).await?;
    let receipt = read(&cast, output).await?;
    refuse(&cast, output).await?;
    revoke(&cast, output).await?;
    history(&cast, output).await?;
    check(stage, &receipt, output)?;
    tamper(stage, output)?;
    measures(&cast, output).await
}

fn title(output: Output, number: u32, text: &str) -> Result<(), Failure> {
    output.line(&format!("\n{number}. {text}"))
}

async fn move_in(stage: &Stage, company: &Company, output: Output) -> Result<Cast, Failure> {
    title(output, 1, "Northwind Desk moves in")?;
    let admin = stage.client("admin", &stage.admin, None)?;
    let mut tokens = Vec::new();
    for person in &company.people {
        let made: Value = admin.post(&["people"]).json(person)?.send().await?.json()?;
        tokens.push(text(&made, "token")?);
        output.line(&format!(
            "   person  {:<11} {}",
            text(&made, "name")?,
            person.get("roles").map(ToString::to_string).unwrap_or_default()
        ))?;
    }
    let mut service_tokens = Vec::new();
    for service in &company.services {
        let body = json!({ "name": service.name, "owner": "person:omar" });
        let made: Value = admin.post(&["services"]).json(&body)?.send().await?.json()?;
        service_tokens.push(text(&made, "token")?);
        output.line(&format!("   service {:<11} owned by person:omar", service.name))?;
    }
    let [lea, omar, ines] = tokens.as_slice() else { return Err(cast_is_wrong()) };
    let [helpdesk, newsletter] = service_tokens.as_slice() else { return Err(cast_is_wrong()) };
    stage.token_file("ines", ines)?;
    let cast = Cast {
        admin,
        lea: stage.client("lea", lea, None)?,
        omar: stage.client("omar", omar, Some(PURPOSE))?,
        helpdesk: stage.client("helpdesk", helpdesk, None)?,
        newsletter: stage.client("newsletter", newsletter, None)?,
    };
    for service in company.services.iter().filter(|service| !service.verbs.is_empty()) {
        let wish = json!({
            "to": format!("service:{}", service.name), "account": "*", "collections": ["*"],
            "verbs": service.verbs, "purpose": service.purpose, "for_seconds": 8 * 3600,
        });
        cast.lea.post(&["grants"]).json(&wish)?.send().await?;
        let (name, verbs) = (&service.name, service.verbs.join(","));
        output.line(&format!("   grant   {name:<11} {verbs} for 8 h, approved by person:lea"))?;
    }
    Ok(cast)
}

async fn store(cast: &Cast, company: &Company, output: Output) -> Result<(), Failure> {
    title(output, 2, "Subscribers' tickets go in, sealed under each account's own key")?;
    for account in &company.accounts {
        let body = json!({ "name": account.name });
        let made: Value = cast.helpdesk.post(&["accounts"]).json(&body)?.send().await?.json()?;
        let id = text(&made, "id")?;
        let collection = account.collection.as_str();
        cast.helpdesk.put(&["accounts", &id, "collections", collection]).send().await?;
        let path = ["accounts", &id, "collections", collection, "records:batch"];
        let batch = json!({ "records": account.records });
        let done: Value = cast.helpdesk.post(&path).json(&batch)?.send().await?.json()?;
        let count = done.get("items").and_then(Value::as_array).map_or(0, Vec::len);
        output.line(&format!("   {id:<16} {count} records, {count} receipts"))?;
    }
    let path = ["accounts", "contoso-bikes", "collections", "tickets", "records", "T-1001"];
    let change = json!({
        "from": "mara@contoso.example", "subject": "Card charged twice", "status": "pending",
    });
    let put: Value = cast.helpdesk.put(&path).json(&change)?.send().await?.json()?;
    output.line(&format!("   contoso-bikes    T-1001 changed, version {}", shown(&put, "version")))
}

async fn read(cast: &Cast, output: Output) -> Result<String, Failure> {
    title(output, 3, "Omar reads one ticket: granted for a purpose, recorded before it is shown")?;
    let wish = json!({
        "to": "person:omar", "account": "contoso-bikes", "collections": ["tickets"],
        "verbs": ["read"], "purpose": PURPOSE, "for_seconds": 3600,
    });
    cast.lea.post(&["grants"]).json(&wish)?.send().await?;
    let path = ["accounts", "contoso-bikes", "collections", "tickets", "records", "T-1001"];
    let answer = cast.omar.get(&path).send().await?;
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

async fn refuse(cast: &Cast, output: Output) -> Result<(), Failure> {
    title(output, 4, "Everybody else is refused, and the refusal is recorded")?;
    let path = ["accounts", "fabrikam-clinic", "collections", "tickets", "records", "T-2001"];
    for (who, client) in [
        ("service:newsletter, which has no grant", &cast.newsletter),
        ("person:omar, granted for another account", &cast.omar),
        ("person:admin, who administers but may not look", &cast.admin),
    ] {
        let status = refused(client, &path).await?;
        output.line(&format!("   {status}  {who}"))?;
    }
    Ok(())
}

async fn revoke(cast: &Cast, output: Output) -> Result<(), Failure> {
    title(output, 5, "Lea ends Omar's grant; the next read is refused")?;
    let grants: Value = cast.lea.get(&["grants"]).send().await?.json()?;
    let items = grants.get("items").and_then(Value::as_array).cloned().unwrap_or_default();
    let of_omar = |grant: &&Value| grant.get("to").and_then(Value::as_str) == Some("person:omar");
    let id = text(items.iter().find(of_omar).unwrap_or(&Value::Null), "id")?;
    cast.lea.delete(&["grants", &id]).send().await?;
    let path = ["accounts", "contoso-bikes", "collections", "tickets", "records", "T-1001"];
    let status = refused(&cast.omar, &path).await?;
    output.line(&format!("   {status}  person:omar, with the next request after the answer"))
}

async fn history(cast: &Cast, output: Output) -> Result<(), Failure> {
    title(output, 6, "Who made which version of T-1001")?;
    let record = ["accounts", "contoso-bikes", "collections", "tickets", "records", "T-1001"];
    let path: Vec<&str> = record.into_iter().chain(["history"]).collect();
    let answer: Value = cast.helpdesk.get(&path).send().await?.json()?;
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

async fn measures(cast: &Cast, output: Output) -> Result<(), Failure> {
    title(output, 9, "The fourteen measures, as the facts have them")?;
    let reason = json!({ "reason": "in this demonstration all Service Data lives in Bailee" });
    cast.lea.put(&["measures", "scope"]).json(&reason)?.send().await?;
    output.line(
        "   Lea states that Bailee alone holds Service Data; everything else is measured\n",
    )?;
    let answer: Value = cast.lea.get(&["measures"]).send().await?.json()?;
    let items = answer.get("items").and_then(Value::as_array).cloned().unwrap_or_default();
    for measure in domain::measures::MEASURES {
        let own: Vec<&Value> =
            items.iter().filter(|item| shown(item, "measure") == measure.id).collect();
        let marks: String = own.iter().map(|item| mark(item)).collect();
        output.line(&format!("   {:<3} {:<41} {marks}", measure.id, measure.title))?;
        for item in own.iter().filter(|item| shown(item, "state") != "unproven") {
            let (id, state) = (shown(item, "id"), shown(item, "state"));
            output.line(&format!(
                "       {} {id} {state}: {}",
                mark(item),
                shown(item, "title")
            ))?;
            for fact in item.get("facts").and_then(Value::as_array).into_iter().flatten() {
                output.line(&format!("           {}", shown(fact, "what")))?;
            }
        }
    }
    let count = |state: &str| items.iter().filter(|item| shown(item, "state") == state).count();
    output.line(&format!(
        "\n   of {} obligations {} hold, {} fail, {} are unproven: nothing is known of them yet",
        items.len(),
        count("holding"),
        count("failing"),
        count("unproven")
    ))
}

fn mark(item: &Value) -> char {
    match shown(item, "state").as_str() {
        "holding" => '■',
        "failing" => '✕',
        _ => '?',
    }
}

async fn refused(client: &Client, path: &[&str]) -> Result<u16, Failure> {
    match client.get(path).send().await {
        Ok(_) => Err(Failure::failed("a read that had to be refused was answered")),
        Err(failure) if matches!(failure.exit, Exit::Refused | Exit::NotFound) => {
            Ok(failure.status.unwrap_or_default())
        }
        Err(failure) => Err(failure),
    }
}

fn expect(so: bool, otherwise: &str) -> Result<(), Failure> {
    if so { Ok(()) } else { Err(Failure::failed(otherwise)) }
}

fn cast_is_wrong() -> Failure {
    Failure::failed("the sample company has another cast")
}

fn text(value: &Value, member: &str) -> Result<String, Failure> {
    let found = value.get(member).and_then(Value::as_str);
    found.map(str::to_owned).ok_or_else(|| Failure::failed(format!("an answer has no `{member}`")))
}

fn shown(value: &Value, member: &str) -> String {
    match value.get(member) {
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        None => String::new(),
    }
}
