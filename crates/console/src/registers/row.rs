//! One row: what it is now, everything that is known of it, what can be done, and its history.

use super::{article, heading, id, known};
use crate::form::{Form, Problems, fill};
use crate::nouns::{effect, steps};
use crate::reply::Page;
use crate::request::Pairs;
use crate::roles::{area_of, too_small};
use crate::schema::{Field, Shape, asked, label};
use crate::show::{fields, principal, row_path, sentence, value};
use crate::visit::Visit;
use crate::work::{State, Tone};
use domain::register::{Entry, Register};
use kernel::Result;
use maud::{Markup, html};
use serde_json::Value;

/// What the history says at most of one change.
const CHANGES: usize = 12;

/// A form that was refused: its verb, what was typed, and what is wrong with it.
pub(super) struct Refused<'a> {
    pub(super) verb: &'a str,
    pub(super) values: &'a Pairs,
    pub(super) problems: &'a Problems,
}

/// `GET /systems/db-1`
pub(crate) async fn show(visit: &Visit<'_>, plural: &str, text: &str) -> Result<Page> {
    page(visit, known(plural)?, &id(text)?, None).await
}

/// The page of a row, with a refused form if there is one.
pub(super) async fn page(
    visit: &Visit<'_>,
    register: &'static Register,
    id: &str,
    refused: Option<Refused<'_>>,
) -> Result<Page> {
    let room = match register.plural {
        "incidents" => Some(crate::room::of(visit, id).await?),
        "people" | "services" | "vendors" => {
            Some(crate::reach::of(visit, register.plural, id).await?)
        }
        _ => None,
    };
    let row = visit.submit((register.get)(visit.kernel(), id)?).await?;
    let history = visit.submit((register.history)(visit.kernel(), id)?).await?;
    let entry = visit.entry(&row.receipts);
    let row = row.output;
    let open: Vec<_> = steps(register).filter(|step| visit.may(step.action)).collect();
    let object = row.as_object().cloned().unwrap_or_default();
    let page = Page::new(
        id,
        html! {
            (done(visit))
            (standing(visit, &row))
            @if register.plural == "affected" { (crate::affected::of(visit, id, &row)) }
            @if register.plural == "access-reviews" { (crate::reviewing::of(visit, &row)) }
            @if register.plural == "changes" { (crate::difference::of(visit, &row)) }
            @if register.plural == "playbooks" { (crate::playbooks::of(visit, id, &row)) }
            @if let Some(room) = room { (room) h2 { "Everything recorded" } }
            (fields(visit, &object, skipped(register)))
            @if !open.is_empty() {
                h2 { "What can be done" }
                @for one in open { (step(visit, register, id, &row, one, refused.as_ref())) }
            }
            h2 { "History" }
            (versions(visit, &history.output))
        },
    );
    Ok(page
        .under("Registers", "/registers")
        .under(heading(register), format!("/{}", register.plural))
        .seen(entry))
}

/// Fields that stand elsewhere on the page.
fn skipped(register: &Register) -> &'static [&'static str] {
    match register.plural {
        "access-reviews" => &["state", "id", "format", "items"],
        "changes" => &["state", "id", "format", "report"],
        _ => &["state", "id", "format"],
    }
}

/// What was just done, with its receipt.
fn done(visit: &Visit<'_>) -> Markup {
    let entry = visit.query.get("entry").and_then(|text| text.parse::<u64>().ok());
    // Only what this session did: a link cannot make a page say that something happened.
    let entry = entry.filter(|entry| visit.did(*entry));
    html! {
        @if let Some(entry) = entry {
            div.done role="status" {
                p { "Done, and recorded as entry #" (crate::shell::grouped(entry))
                    " of the operator's log. "
                    a href=(visit.receipt(entry)) download { "Receipt" }
                    "; check it with " code { "bailee verify receipt-house-" (entry) ".json" } "." }
            }
        }
    }
}

/// What it is now, what is wrong, who acts, by when.
fn standing(visit: &Visit<'_>, row: &Value) -> Markup {
    let state = State::of(row);
    html! {
        p.standing {
            (state.badge())
            @if let Some(what) = &state.what { " " (sentence(what)) }
            @if let Some(who) = &state.who { " → " (principal(visit, who)) }
            @if let Some(due) = state.due {
                @if state.tone == Tone::Good { ", until " } @else { ", by " }
                (visit.clock.at(due)) ", " (visit.clock.left(due))
            }
        }
    }
}

fn step(
    visit: &Visit<'_>,
    register: &Register,
    id: &str,
    row: &Value,
    step: &Entry,
    refused: Option<&Refused<'_>>,
) -> Markup {
    let asked = asked(step);
    let refused = refused.filter(|one| one.verb == step.verb);
    let (current, none) = (present(&asked, row), Problems::default());
    let form = Form {
        id: step.verb,
        action: step_path(register, id, step.verb),
        fields: &asked,
        values: refused.map_or(&current, |one| one.values),
        problems: refused.map_or(&none, |one| one.problems),
        button: format!("{} {id}", label(step.verb)),
        grave: ["dismiss", "end", "offboard", "remove", "retire", "withdraw"].contains(&step.verb),
        challenge: challenge(visit, &asked, row),
    };
    html! {
        details.step open[refused.is_some()] {
            summary { strong { (label(step.verb)) } ": " (step.summary) }
            @if let Some(effect) = effect(visit.kernel(), register.plural, id, step.verb) {
                p.warning { "▲ " (effect) }
            }
            @if let Some(why) = too_small(visit.kernel(), area_of(register, step)) {
                p.warning { "▲ " (why) }
            }
            (form.show(visit))
        }
    }
}

/// The form of a step by itself, with one more field filled in; nothing where whoever reads may not
/// take it.
pub(crate) fn offered(
    visit: &Visit<'_>,
    register: &'static Register,
    (id, row): (&str, &Value),
    verb: &str,
    (name, given): (&str, &str),
) -> Markup {
    let Some(step) = steps(register).find(|step| step.verb == verb) else { return html! {} };
    if !visit.may(step.action) {
        return html! { p.sentence { "Your roles do not open this." } };
    }
    let asked = asked(step);
    let (mut values, none) = (present(&asked, row), Problems::default());
    values.push(name, given);
    let form = Form {
        id: step.verb,
        action: step_path(register, id, step.verb),
        fields: &asked,
        values: &values,
        problems: &none,
        button: format!("{} {id}", label(step.verb)),
        grave: false,
        challenge: challenge(visit, &asked, row),
    };
    form.show(visit)
}

/// What the passkey of who is signed in signs when this step is sent: what the row asks for, where
/// the step takes a proof and they have a passkey.
fn challenge(visit: &Visit<'_>, asked: &[Field], row: &Value) -> Option<(String, String)> {
    let takes = asked.iter().any(|field| field.name == "proof");
    let challenge = row.get("challenge").and_then(Value::as_str).filter(|_| takes)?;
    let site = crate::passkeys::site(visit).filter(|_| crate::passkeys::has(visit))?;
    Some((challenge.to_owned(), site.domain().to_owned()))
}

fn step_path(register: &Register, id: &str, verb: &str) -> String {
    format!("/{}/{id}/{verb}", register.plural)
}

/// What belongs together is stated as a whole, so it stands as it is now; single fields are empty,
/// because what is not stated stays.
fn present(asked: &[Field], row: &Value) -> Pairs {
    let mut all = crate::form::defaults(asked);
    // What is approved is what stands on this page, by its hash.
    for field in asked.iter().filter(|field| field.name == "terms_sha256") {
        if let Some(value) = row.get(&field.name) {
            fill(&mut all, &field.name, value);
        }
    }
    for field in asked.iter().filter(|field| matches!(field.shape, Shape::Group(_))) {
        if let Some(value) = row.get(&field.name) {
            let mut now = Pairs::default();
            fill(&mut now, &field.name, value);
            all = now.before(all);
        }
    }
    all
}

/// The versions, newest first: who, when, by what, and which fields it changed.
fn versions(visit: &Visit<'_>, history: &Value) -> Markup {
    let all = history.as_array().map_or(&[][..], Vec::as_slice);
    let text = |one: &Value, name: &str| {
        one.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    html! {
        div.scroll.stack role="region" aria-label="History" tabindex="0" {
            table.wide {
                caption { "History: " (all.len()) }
                thead { tr {
                    th scope="col" { "Version" } th scope="col" { "When" } th scope="col" { "Who" }
                    th scope="col" { "Action" } th scope="col" { "What changed" }
                } }
                tbody {
                    @for one in all {
                        tr {
                            td.number data-label="Version" {
                                (one.get("version").unwrap_or(&Value::Null))
                            }
                            td { (value(visit, "at", one.get("at").unwrap_or(&Value::Null))) }
                            td { (principal(visit, &text(one, "by"))) }
                            td { (text(one, "action")) }
                            td data-label="Changed" {
                                (changes(one.get("changed").and_then(Value::as_array)))
                            }
                        }
                    }
                }
            }
        }
    }
}

fn changes(changed: Option<&Vec<Value>>) -> Markup {
    let Some(changed) = changed else { return html! { span.none { "–" } } };
    let names: Vec<_> = changed.iter().filter_map(Value::as_str).map(label).collect();
    let shown = names.iter().take(CHANGES).cloned().collect::<Vec<_>>().join(", ");
    html! {
        @if names.is_empty() { span.none { "nothing" } } @else { (shown) }
        @if names.len() > CHANGES { " and " (names.len() - CHANGES) " more" }
    }
}

/// What a step answered: the row again, or what is shown once.
pub(super) fn after(
    visit: &Visit<'_>,
    register: &'static Register,
    fallback: &str,
    output: &Value,
    entry: Option<u64>,
) -> crate::reply::Reply {
    let id = output.get("id").and_then(Value::as_str).unwrap_or(fallback);
    let path = row_path(register.plural, id);
    let secret = |name: &str| output.get(name).and_then(Value::as_str);
    if let Some(link) = secret("link") {
        let host = visit.host.as_deref().map(|host| format!("https://{host}")).unwrap_or_default();
        let until = output.get("until").unwrap_or(&Value::Null);
        return once("Sign-in link", register, &path, html! {
            p { "Give it to " strong { (id) } " in a way that only they can read. It begins one \
                 session, and counts until " (value(visit, "until", until)) "." }
            (secret_field("link", &format!("{host}/sign-in?link={link}")))
        })
        .seen(entry)
        .into();
    }
    if let Some(token) = secret("token") {
        return once(
            "Token",
            register,
            &path,
            html! {
                p { "For " strong { (article(register.noun)) " " (id) } ": keep it where only its \
                     holder can read it. Only its hash is kept here." }
                (secret_field("token", token))
            },
        )
        .seen(entry)
        .into();
    }
    let mark = entry.map(|entry| {
        let joint = if path.contains('?') { '&' } else { '?' };
        format!("{joint}entry={entry}&mark={}", visit.mark(entry))
    });
    crate::reply::Reply::See(format!("{path}{}", mark.unwrap_or_default()))
}

fn once(title: &str, register: &Register, path: &str, body: Markup) -> Page {
    Page::new(
        title,
        html! {
            p.warning { "▲ This is shown once, now, and never again." }
            (body)
            p.act { a.button href=(path) { "I have kept it" } }
        },
    )
    .under("Registers", "/registers")
    .under(heading(register), format!("/{}", register.plural))
}

fn secret_field(name: &str, text: &str) -> Markup {
    html! {
        div.field {
            label for="once" { (label(name)) }
            input #once.secret type="text" readonly value=(text) autocomplete="off";
        }
    }
}
