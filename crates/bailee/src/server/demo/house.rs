//! The house: what the sample company's people enter into the registers, and what follows.
//!
//! The steps are data (`demo/house.json`), each a request of one person to the API: who, where to,
//! what is said of it, and what is sent. `@day+7` is a day from today, `@now-24` a moment some
//! hours from now, `$incident` the id of a row that an earlier step kept, `$notice.sha256` a field.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use super::tour::{Cast, refused, shown, text, title};
use crate::exit::Failure;
use crate::output::Output;

const HOUSE: &str = include_str!("../../../../../demo/house.json");

/// How often it is looked whether a search of the log is done, and how long at most.
const PAUSE: Duration = Duration::from_millis(100);
const LOOKS: u32 = 150;

#[derive(Deserialize)]
struct Chapter {
    title: String,
    steps: Vec<Step>,
}

#[derive(Deserialize)]
struct Step {
    by: String,
    post: String,
    says: String,
    keep: Option<String>,
    with: Value,
}

/// What steps refer to: the moment at which the telling began, and rows of earlier steps.
struct Kept {
    now: time::OffsetDateTime,
    rows: BTreeMap<String, Value>,
}

/// Tells the chapters, from this number on; gives the next one.
///
/// # Errors
/// When a step does not do what it shows.
pub async fn run(cast: &mut Cast<'_>, mut number: u32, output: Output) -> Result<u32, Failure> {
    let chapters: Vec<Chapter> = serde_json::from_str(HOUSE)
        .map_err(|why| Failure::failed(format!("the sample house: {why}")))?;
    let mut kept = Kept { now: cast.stage.now()?, rows: BTreeMap::new() };
    for (place, chapter) in chapters.iter().enumerate() {
        if place == MISUSE {
            misuse(cast).await?;
        }
        title(output, number, &chapter.title)?;
        for step in &chapter.steps {
            take(cast, step, &mut kept, output).await?;
        }
        match place {
            VENDOR => engaged(cast, output).await?,
            MISUSE => affected(cast, &kept, output).await?,
            VERIFIED => clock(cast, &kept, output).await?,
            _ => {}
        }
        number += 1;
    }
    Ok(number)
}

/// The chapter after which the vendor's service tries its engagement.
const VENDOR: usize = 1;
/// The chapter before which a token is misused.
const MISUSE: usize = 3;
/// The chapter in which the clock of the notice starts.
const VERIFIED: usize = 4;

async fn take(
    cast: &Cast<'_>,
    step: &Step,
    kept: &mut Kept,
    output: Output,
) -> Result<(), Failure> {
    let path = filled(&Value::String(step.post.clone()), kept)?;
    let path: Vec<&str> = path.as_str().unwrap_or_default().split('/').collect();
    let body = filled(&step.with, kept)?;
    let row: Value = cast.who(&step.by)?.post(&path).json(&body)?.send().await?.json()?;
    let state = row.get("state").map(|state| shown(state, "word")).unwrap_or_default();
    let state = if state.is_empty() { state } else { format!(" → {state}") };
    let place = step.post.replace('$', "");
    output.line(&format!("   {:<7} {place:<30} {}{state}", step.by, step.says))?;
    if let Some(name) = &step.keep {
        kept.rows.insert(name.clone(), row);
    }
    Ok(())
}

/// A value with its days, moments and references filled in.
fn filled(value: &Value, kept: &Kept) -> Result<Value, Failure> {
    Ok(match value {
        Value::String(text) => Value::String(word(text, kept)?),
        Value::Array(items) => {
            Value::Array(items.iter().map(|item| filled(item, kept)).collect::<Result<_, _>>()?)
        }
        Value::Object(members) => {
            let each = members.iter().map(|(key, value)| Ok((key.clone(), filled(value, kept)?)));
            Value::Object(each.collect::<Result<_, Failure>>()?)
        }
        other => other.clone(),
    })
}

fn word(text: &str, kept: &Kept) -> Result<String, Failure> {
    let wrong = || Failure::failed(format!("the sample house: `{text}` cannot be filled in"));
    if let Some(days) = text.strip_prefix("@day") {
        let days: i64 = days.parse().map_err(|_| wrong())?;
        return Ok(kept.now.date().saturating_add(time::Duration::days(days)).to_string());
    }
    if let Some(hours) = text.strip_prefix("@now") {
        let hours: i64 = hours.parse().map_err(|_| wrong())?;
        let at = kept.now.saturating_add(time::Duration::hours(hours));
        let form = &time::format_description::well_known::Rfc3339;
        return at.format(form).map_err(|_| wrong());
    }
    let mut out = String::new();
    for (place, part) in text.split('/').enumerate() {
        out.push_str(if place > 0 { "/" } else { "" });
        let Some(reference) = part.strip_prefix('$') else {
            out.push_str(part);
            continue;
        };
        let (reference, verb) = reference.split_once(':').unwrap_or((reference, ""));
        let (name, field) = reference.split_once('.').unwrap_or((reference, "id"));
        out.push_str(&super::tour::text(kept.rows.get(name).ok_or_else(wrong)?, field)?);
        if !verb.is_empty() {
            out.push(':');
            out.push_str(verb);
        }
    }
    Ok(out)
}

/// The vendor's service reads within its engagement, not beyond it, and not after it.
async fn engaged(cast: &mut Cast<'_>, output: Output) -> Result<(), Failure> {
    let service = "alpine-desk";
    let new = json!({"name": service, "owner": "person:mia", "vendor": "alpine-support"});
    let made: Value = cast.who("lea")?.post(&["services"]).json(&new)?.send().await?.json()?;
    cast.join(service, &text(&made, "token")?)?;
    let wish = json!({
        "to": format!("service:{service}"), "account": "contoso-bikes", "collections": ["tickets"],
        "verbs": ["read"], "purpose": "second-level support", "for_seconds": 3600,
    });
    cast.who("lea")?.post(&["grants"]).json(&wish)?.send().await?;
    let ticket = |account, id| ["accounts", account, "collections", "tickets", "records", id];
    let within = ticket("contoso-bikes", "T-1001");
    cast.who(service)?.get(&within).send().await?;
    output.line("   200     service:alpine-desk reads Contoso's ticket, within its engagement")?;
    let status = refused(cast.who(service)?, &ticket("fabrikam-clinic", "T-2001")).await?;
    output.line(&format!("   {status}     Fabrikam's ticket, outside of it"))?;
    let end = json!({"reason": "the case is closed"});
    cast.who("mia")?.post(&["engagements", "case-1001:end"]).json(&end)?.send().await?;
    let status = refused(cast.who(service)?, &within).await?;
    output.line(&format!("   {status}     Contoso's ticket, after Mia ended the engagement"))
}

/// The service `report` reads what nobody asked it to read.
async fn misuse(cast: &Cast<'_>) -> Result<(), Failure> {
    for record in ["T-1001", "T-1002"] {
        let path = ["accounts", "contoso-bikes", "collections", "tickets", "records", record];
        cast.who("report")?.get(&path).send().await?;
    }
    Ok(())
}

/// What the log answers about the misused service.
async fn affected(cast: &Cast<'_>, kept: &Kept, output: Output) -> Result<(), Failure> {
    let incident = kept.rows.get("incident").map(|row| shown(row, "id")).unwrap_or_default();
    let mut pace = tokio::time::interval(PAUSE);
    for _ in 0..LOOKS {
        pace.tick().await;
        let row: Value = cast
            .who("omar")?
            .get(&["affected", &format!("{incident}.service.report")])
            .send()
            .await?
            .json()?;
        let accounts = row.pointer("/found/accounts").and_then(Value::as_array);
        let Some(accounts) = accounts else { continue };
        if accounts.is_empty() {
            return Err(Failure::failed("the log does not know of the misuse"));
        }
        for one in accounts {
            output.line(&format!(
                "   found   {:<30} {} entries by service:report, {} records read",
                shown(one, "account"),
                shown(one, "entries"),
                shown(one, "records")
            ))?;
        }
        return Ok(());
    }
    Err(Failure::failed("the log was not searched in time"))
}

/// By when Contoso has to be told.
async fn clock(cast: &Cast<'_>, kept: &Kept, output: Output) -> Result<(), Failure> {
    let incident = kept.rows.get("incident").map(|row| shown(row, "id")).unwrap_or_default();
    let path = ["breaches", &format!("{incident}.contoso-bikes")];
    let row: Value = cast.who("omar")?.get(&path).send().await?.json()?;
    let due = text(&row, "deadline")?;
    output.line(&format!("   due     Contoso has to be told by {due}; the notice can be sent"))
}
