//! Who accessed what: a question by person, account and days, and the entries that answer it.

use crate::reply::Page;
use crate::show::{listing, principal};
use crate::visit::Visit;
use domain::ledgers::{Explore, Explored, Exploring, Found, Question};
use domain::register::Day;
use kernel::id::{AccountId, PrincipalId};
use kernel::{Act, Error, HOUSE, Kind, Result};
use maud::{Markup, html};

/// `GET /accesses?who=…&account=…&from=…&to=…`
pub(crate) async fn show(visit: &Visit<'_>) -> Result<Page> {
    // Which accounts exist is told only to those who may ask.
    visit.kernel().allow(visit.caller()?, Exploring::ACTION, HOUSE)?;
    let today = Day::of(visit.kernel().now());
    let from = visit.query.filled("from").map_or_else(|| today.to_string(), str::to_owned);
    let to = visit.query.filled("to").map_or_else(|| today.to_string(), str::to_owned);
    let asked = visit.query.filled("who").or_else(|| visit.query.filled("account")).is_some();
    let (mut found, mut problem, mut entry) = (None, None, None);
    if asked {
        match answered(visit, &from, &to).await {
            Ok((answer, index)) => (found, entry) = (Some(answer), index),
            Err(error) if matches!(error.kind(), Kind::Invalid | Kind::NotFound) => {
                problem = Some(error.message().to_owned());
            }
            Err(error) => return Err(error),
        }
    }
    let body = html! {
        p { "Every entry of every account's log that somebody's doing left, or everything on one \
             account. That you look is an entry too." }
        (form(visit, &from, &to))
        @if let Some(problem) = &problem { p.error role="alert" { (problem) } }
        @if let Some(found) = &found { (answer(visit, found, &from, &to)) }
    };
    Ok(Page::new("Who accessed what", body).under("Registers", "/registers").seen(entry))
}

async fn answered(visit: &Visit<'_>, from: &str, to: &str) -> Result<(Found, Option<u64>)> {
    let day = |name, text: &str| {
        let wrong = || Error::invalid(name, "write a day as `2026-11-22`");
        Day::parse(text).ok_or_else(wrong)
    };
    let (first, last) = (day("from", from)?, day("to", to)?);
    let after = visit.query.filled("after").map(|text| {
        text.parse::<u64>().map_err(|_| Error::invalid("after", "follow the link of the page"))
    });
    let question = Question {
        who: visit.query.filled("who").map(PrincipalId::parse).transpose()?,
        account: visit.query.filled("account").map(AccountId::parse).transpose()?,
        data: visit.query.filled("data").is_some(),
        from: first.start(),
        to: last.end(),
        after: after.transpose()?,
    };
    let done = visit.submit(Explore::new(visit.kernel(), question)?).await?;
    let index = visit.entry(&done.receipts);
    Ok((done.output, index))
}

fn form(visit: &Visit<'_>, from: &str, to: &str) -> Markup {
    let stated = |name: &str| visit.query.get(name).unwrap_or_default().to_owned();
    let field = |name: &str, label: &str, help: &str, value: &str, kind: &str| {
        let described = format!("{name}-help");
        html! {
            div.field {
                label for=(name) { (label) }
                p.help id=(described) { (help) }
                input id=(name) type=(kind) name=(name) value=(value) maxlength="200"
                    autocomplete="off" aria-describedby=(described);
            }
        }
    };
    html! {
        form method="get" action="/accesses" role="search" aria-label="Accesses" {
            (field("who", "Who", "Such as person:ana or service:crm; empty for everybody.",
                &stated("who"), "text"))
            (field("account", "Account", "Its id; empty for every account.", &stated("account"),
                "text"))
            (field("from", "From", "The first day, in UTC.", from, "date"))
            (field("to", "To", "The last day, in UTC; at most 92 days.", to, "date"))
            div.field {
                input #data type="checkbox" name="data" value="on"
                    checked[visit.query.filled("data").is_some()];
                label for="data" { " Service Data only" }
            }
            p.act { button type="submit" { "Look" } }
        }
    }
}

fn answer(visit: &Visit<'_>, found: &Found, from: &str, to: &str) -> Markup {
    let looked = crate::shell::grouped(found.looked_at as u64);
    html! {
        @if found.items.is_empty() {
            p.sentence { "Nothing was found among " (looked) " entries." }
        } @else {
            (listing(
                "Accesses",
                html! { "Accesses: " (found.items.len()) " among " (looked) " entries" },
                &["When", "Who", "Did", "Account", "What", "Under", "What for", "From"],
                html! { @for one in &found.items { (row(visit, one)) } },
            ))
        }
        @if let Some(next) = found.next {
            p { a href=(link(visit, from, to, next)) { "Go on" } }
        }
    }
}

fn row(visit: &Visit<'_>, one: &Explored) -> Markup {
    let said = |name: &str| one.fields.get(name).map(String::as_str);
    html! { tr {
        th scope="row" { (visit.clock.at(one.at.0)) }
        td data-label="Who" { (principal(visit, said("actor").unwrap_or("–"))) }
        td data-label="Did" { (one.kind) }
        td data-label="Account" { (one.account) " #" (crate::shell::grouped(one.index)) }
        td data-label="What" { (said("object").or(said("shown")).unwrap_or("–")) }
        td data-label="Under" {
            @match said("grant").and_then(|grant| grant.split_once('#')) {
                Some((grant, _)) => a href=(format!("/grants/{grant}")) { "grant" },
                None => (said("policies").unwrap_or("–")),
            }
            @if said("emergency").is_some() { " (emergency)" }
        }
        td data-label="What for" { (said("purpose").unwrap_or("–")) }
        td data-label="From" { (said("source").unwrap_or("–")) }
    } }
}

/// The same question, from there on.
fn link(visit: &Visit<'_>, from: &str, to: &str, next: u64) -> String {
    let coded =
        |text: &str| -> String { text.bytes().map(|byte| format!("%{byte:02x}")).collect() };
    let (who, account) = (visit.query.get("who"), visit.query.get("account"));
    let data = if visit.query.filled("data").is_some() { "&data=on" } else { "" };
    format!(
        "/accesses?who={}&account={}&from={}&to={}{data}&after={next}",
        coded(who.unwrap_or_default()),
        coded(account.unwrap_or_default()),
        coded(from),
        coded(to)
    )
}
