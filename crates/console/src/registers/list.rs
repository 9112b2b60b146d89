//! A register as a table: filter, pages, and what to do where there is nothing yet.

use super::{article, heading, known, obligations};
use crate::form::hidden;
use crate::reply::Page;
use crate::roles::closed;
use crate::schema::label;
use crate::show::{principal, row_path, sentence, value};
use crate::visit::Visit;
use crate::work::{State, Tone};
use domain::register::Register;
use kernel::Result;
use maud::{Markup, html};
use serde_json::Value;

/// Rows of a page.
const ROWS: usize = 50;

/// Rows that are read at once while a filter looks for a page of them, and how often. What lies
/// behind is on the next page; nothing is passed over.
const SEARCHED: usize = 250;
const ROUNDS: usize = 8;

/// What somebody looks for.
struct Filter {
    words: String,
    tones: Vec<Tone>,
    /// As the form has it.
    state: String,
}

impl Filter {
    fn of(visit: &Visit<'_>) -> Self {
        let state = visit.query.filled("state").unwrap_or_default();
        let tones = match state {
            "open" => vec![Tone::Bad, Tone::Due],
            "bad" => vec![Tone::Bad],
            "due" => vec![Tone::Due],
            "good" => vec![Tone::Good],
            "past" => vec![Tone::Past],
            _ => vec![],
        };
        let words = visit.query.filled("q").unwrap_or_default().chars().take(100).collect();
        Self {
            words,
            state: if tones.is_empty() { String::new() } else { state.to_owned() },
            tones,
        }
    }

    fn is_empty(&self) -> bool {
        self.words.is_empty() && self.tones.is_empty()
    }

    fn takes(&self, row: &Value) -> bool {
        let low = self.words.to_lowercase();
        let words = low.is_empty() || strings(row, &low);
        words && (self.tones.is_empty() || self.tones.contains(&State::of(row).tone))
    }

    /// The same filter, from there on.
    fn query(&self, after: &str) -> String {
        let words: String = self.words.bytes().map(|byte| format!("%{byte:02x}")).collect();
        format!("?q={words}&state={}&after={after}", self.state)
    }
}

/// Whether some text in a row has these words; names of fields do not count.
fn strings(row: &Value, words: &str) -> bool {
    match row {
        Value::String(text) => text.to_lowercase().contains(words),
        Value::Number(number) => number.to_string().contains(words),
        Value::Array(all) => all.iter().any(|one| strings(one, words)),
        Value::Object(all) => {
            all.iter().any(|(name, one)| name != "credentials" && strings(one, words))
        }
        _ => false,
    }
}

/// What was found, and where it goes on.
struct Found {
    rows: Vec<Value>,
    next: Option<String>,
    entry: Option<u64>,
}

/// `GET /systems`
pub(crate) async fn list(visit: &Visit<'_>, plural: &str) -> Result<Page> {
    let register = known(plural)?;
    let filter = Filter::of(visit);
    let found = search(visit, register, &filter).await?;
    let first = visit.query.filled("after").is_none();
    let empty = found.rows.is_empty() && filter.is_empty() && first && found.next.is_none();
    let page = Page::new(
        heading(register),
        html! {
            p { (register.purpose) "." }
            @if empty { (teach(visit, register)) } @else {
                (search_form(register, &filter))
                (rows(visit, register, &found.rows))
                (pages(register, &filter, first, found.next.as_deref()))
                @if !register.obligations.is_empty() {
                    p.help { "Obligations that rest on it: " (obligations(register)) "." }
                }
            }
            @if visit.may(register.add.action) { (adding(visit, register)) }
        },
    );
    Ok(page.under("Registers", "/registers").seen(found.entry))
}

async fn search(visit: &Visit<'_>, register: &Register, filter: &Filter) -> Result<Found> {
    let mut found = Found { rows: vec![], next: None, entry: None };
    let mut after = visit.query.filled("after").map(str::to_owned);
    let (limit, rounds) = if filter.is_empty() { (ROWS, 1) } else { (SEARCHED, ROUNDS) };
    for _ in 0..rounds {
        let page = (register.page)(visit.kernel(), limit, after.as_deref())?;
        let done = visit.submit(page).await?;
        found.entry = visit.entry(&done.receipts);
        let mut page = done.output;
        if let Some(Value::Array(items)) = page.get_mut("items").map(Value::take) {
            found.rows.extend(items.into_iter().filter(|row| filter.takes(row)));
        }
        after = page.get("next").and_then(Value::as_str).map(str::to_owned);
        if after.is_none() || found.rows.len() >= ROWS {
            break;
        }
    }
    found.next = after;
    Ok(found)
}

fn search_form(register: &Register, filter: &Filter) -> Markup {
    let states = [
        ("", "every state"),
        ("open", "somebody has to act"),
        ("bad", "✕ not as it should be"),
        ("due", "▲ due"),
        ("good", "■ as it should be"),
        ("past", "· over"),
    ];
    html! {
        form.filter method="get" action=(format!("/{}", register.plural)) role="search"
            aria-label="In this register" {
            label for="q" { "Words" }
            input #q type="search" name="q" value=(filter.words) maxlength="100" autocomplete="off";
            label for="state" { "State" }
            select #state name="state" {
                @for (word, text) in states {
                    option value=(word) selected[word == filter.state] { (text) }
                }
            }
            button type="submit" { "Show" }
        }
    }
}

fn rows(visit: &Visit<'_>, register: &Register, rows: &[Value]) -> Markup {
    let cell = |row: &Value, name: &str| match row.get(name) {
        Some(of) => value(visit, name, of),
        None => html! { span.none { "–" } },
    };
    html! {
        @if rows.is_empty() { p { "Nothing here that matches." } } @else {
            div.scroll.stack role="region" aria-label=(heading(register)) tabindex="0" {
                table.wide {
                    caption { (heading(register)) ": " (rows.len()) " on this page" }
                    thead { tr {
                        th scope="col" { (label(register.noun)) } th scope="col" { "State" }
                        @for name in register.columns { th scope="col" { (label(name)) } }
                        th scope="col" { "To do" } th scope="col" { "Who" }
                        th scope="col" { "By when" }
                    } }
                    tbody {
                        @for row in rows {
                            @let state = State::of(row);
                            @let id = row.get("id").and_then(Value::as_str).unwrap_or_default();
                            tr {
                                th scope="row" { a href=(row_path(register.plural, id)) { (id) } }
                                td { (state.badge()) }
                                @for name in register.columns {
                                    td data-label=(label(name)) { (cell(row, name)) }
                                }
                                td data-label="To do" { @match &state.what {
                                    Some(what) => (sentence(what)),
                                    None => span.none { "–" },
                                } }
                                td data-label="Who" { @match &state.who {
                                    Some(who) => span.whole { (principal(visit, who)) },
                                    None => span.none { "–" },
                                } }
                                td data-label="By when" { @match state.due {
                                    Some(due) => (visit.clock.due(due)),
                                    None => span.none { "–" },
                                } }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn pages(register: &Register, filter: &Filter, first: bool, next: Option<&str>) -> Markup {
    html! {
        @if !first || next.is_some() {
            nav.pages aria-label="Pages" {
                @if !first { a href=(format!("/{}{}", register.plural, filter.query(""))) {
                    "First page"
                } }
                @if let Some(next) = next {
                    " " a rel="next" href=(format!("/{}{}", register.plural, filter.query(next))) {
                        "Next page"
                    }
                }
            }
        }
    }
}

/// What an empty register is for, and how to begin.
fn teach(visit: &Visit<'_>, register: &Register) -> Markup {
    html! {
        div.teach {
            p { strong { "Nothing here yet." } }
            @if !register.obligations.is_empty() {
                p { "These obligations rest on it, and cannot hold without it: "
                    (obligations(register)) "." }
            }
            @if !register.first.is_empty() { p { "First: " (register.first) "." } }
            @if !visit.may(register.add.action) {
                p { (closed(register)) }
            }
        }
    }
}

/// One row by a form, many by a table.
fn adding(visit: &Visit<'_>, register: &Register) -> Markup {
    html! {
        p.act { a.button href=(format!("/{}/new", register.plural)) {
            "Add " (article(register.noun))
        } }
        details {
            summary { "Add many at once, as CSV" }
            p { "One row each, with a first line that names the columns: "
                a href=(format!("/{}.csv", register.plural)) download { "template" }
                ". Every row is an operation of its own; what is refused is named with its line." }
            form method="post" action=(format!("/{}/import", register.plural))
                enctype="multipart/form-data" {
                (hidden(visit))
                div.field {
                    label for="csv" { "Rows" }
                    textarea #csv name="csv" rows="6" spellcheck="false" {}
                }
                div.field {
                    label for="file" { "Or a file of at most 1 MB, in UTF-8" }
                    input #file type="file" name="file" accept=".csv,text/csv";
                }
                p.act { button type="submit" { "Add these rows" } }
            }
        }
    }
}
