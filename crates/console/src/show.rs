//! Values of registers as people read them: who and when, lists as tables, text as text.
//!
//! Everything is escaped; Markdown is shown as it was written. Secrets are in no answer, and the
//! hashes of credentials, which are of no use to a reader, are left out.

use crate::clock::ReaderClock;
use crate::nouns;
use crate::schema::label;
use crate::visit::Visit;
use domain::measures::MEASURES;
use domain::register::{Day, Register};
use kernel::Moment;
use kernel::id::{PrincipalId, RecordId};
use maud::{Markup, html};
use serde_json::{Map, Value};

/// Levels of lists in lists that are shown as such; below, JSON.
const DEPTH: usize = 4;

/// Columns of a table inside a row.
const COLUMNS: usize = 12;

/// Items of one list that a page shows; the API gives all.
const ITEMS: usize = 300;

/// Text of more characters than this stands in a block of its own.
const INLINE: usize = 120;

/// The fields of an object, one a line; those in `skip` stand elsewhere.
pub(crate) fn fields(visit: &Visit<'_>, object: &Map<String, Value>, skip: &[&str]) -> Markup {
    let shown = object.iter().filter(|(name, _)| !skip.contains(&name.as_str()));
    html! {
        dl.fields {
            @for (name, of) in shown {
                dt { (label(name)) }
                dd { (value(visit, name, of)) }
            }
        }
    }
}

/// A sentence in which names and input stand in backticks.
pub(crate) fn sentence(text: &str) -> Markup {
    let parts: Vec<_> = text.split('`').collect();
    let balanced = parts.len() % 2 == 1;
    html! {
        @if balanced {
            @for (at, part) in parts.iter().enumerate() {
                @if at % 2 == 1 { code { (part) } } @else { (prose(part)) }
            }
        } @else { (text) }
    }
}

/// Text in which moments stand as people read them, in UTC: whoever wrote it knew no other zone.
fn prose(text: &str) -> Markup {
    html! {
        @for (at, word) in text.split(' ').enumerate() {
            @if at > 0 { " " }
            @let moment = word.trim_end_matches([',', ';', '.', ':', ')']);
            @match ReaderClock::parse(moment) {
                Some(parsed) => {
                    (ReaderClock::in_utc(parsed)) (word.get(moment.len()..).unwrap_or_default())
                },
                None => (word),
            }
        }
    }
}

/// A value, of the field of this name.
pub(crate) fn value(visit: &Visit<'_>, name: &str, value: &Value) -> Markup {
    at_depth(visit, name, value, 0)
}

fn at_depth(visit: &Visit<'_>, name: &str, value: &Value, depth: usize) -> Markup {
    match value {
        Value::Null => html! { span.none { "–" } },
        Value::Bool(true) => html! { "yes" },
        Value::Bool(false) => html! { "no" },
        Value::Number(number) => html! { span.number { (number) } },
        Value::String(text) => string(visit, name, text),
        Value::Array(items) if items.is_empty() => html! { span.none { "none" } },
        Value::Object(object) if object.is_empty() => html! { span.none { "none" } },
        _ if depth >= DEPTH => html! { code { (value) } },
        Value::Array(items) if items.iter().all(Value::is_object) => {
            table(visit, name, items, depth)
        }
        Value::Array(items) => html! {
            ul.plain { @for item in items.iter().take(ITEMS) {
                li { (at_depth(visit, singular(name), item, depth + 1)) }
            } }
            (rest(items.len()))
        },
        Value::Object(object) => match mark(visit, object) {
            Some(mark) => mark,
            None => html! {
                dl.fields.inner {
                    @for (name, of) in object {
                        dt { (label(name)) }
                        dd { (at_depth(visit, name, of, depth + 1)) }
                    }
                }
            },
        },
    }
}

/// Who did something, and when: `{by, at}`.
fn mark(visit: &Visit<'_>, object: &Map<String, Value>) -> Option<Markup> {
    let by = object.get("by").and_then(Value::as_str).filter(|_| object.len() == 2)?;
    let at = ReaderClock::parse(object.get("at").and_then(Value::as_str)?)?;
    Some(html! { (principal(visit, by)) ", " (visit.clock.quoted(at)) })
}

fn string(visit: &Visit<'_>, name: &str, text: &str) -> Markup {
    if let Some(moment) = ReaderClock::parse(text) {
        return visit.clock.quoted(moment);
    }
    if let Some(day) = Day::parse(text) {
        return visit.clock.day(day);
    }
    if text.is_empty() {
        return html! { span.none { "–" } };
    }
    if text.contains('\n') || text.chars().count() > INLINE {
        return html! { pre.text tabindex="0" { (text) } };
    }
    if text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return html! { code.hash { (text) } };
    }
    match link(visit, name, text) {
        Some(place) => html! { a href=(place) { (text) } },
        None => html! { (text) },
    }
}

/// Nouns whose names are fields that name something else: agreements a version of the catalogue's
/// terms, incidents who noticed them, clocks a law within the register, alerts the text of a rule,
/// steps of a playbook the kind of an answer.
const NAMED_OTHERWISE: [&str; 5] = ["terms", "source", "law", "rule", "answer"];

/// Where what is named has its page.
fn link(visit: &Visit<'_>, name: &str, text: &str) -> Option<String> {
    if let Some(place) = place(visit, text) {
        return Some(place);
    }
    if MEASURES.iter().flat_map(|one| one.obligations).any(|one| one.id == text) {
        return Some(format!("/measures/{text}"));
    }
    let noun = open(visit, name).filter(|register| !NAMED_OTHERWISE.contains(&register.noun))?;
    // The provider's own account is in no register: it holds them.
    if noun.noun == "account" && text == "house" {
        return None;
    }
    let id = RecordId::parse(text).ok()?;
    Some(row_path(noun.plural, id.as_str()))
}

/// The register of a noun, if it is open to whoever reads.
fn open(visit: &Visit<'_>, noun: &str) -> Option<&'static Register> {
    nouns::all().find(|register| register.noun == noun && visit.may(register.read))
}

/// A table that scrolls by itself where it is wider than the page: its name for those who hear it,
/// its caption, its columns, and its rows.
pub(crate) fn listing(label: &str, caption: Markup, columns: &[&str], rows: Markup) -> Markup {
    html! {
        div.scroll role="region" aria-label=(label) tabindex="0" {
            table.wide {
                caption { (caption) }
                thead { tr { @for column in columns { th scope="col" { (column) } } } }
                tbody { (rows) }
            }
        }
    }
}

/// As [`listing`]; on a narrow page each row stands as a card, so its cells say what they are.
pub(crate) fn cards(label: &str, caption: Markup, columns: &[&str], rows: Markup) -> Markup {
    html! {
        div.scroll.stack role="region" aria-label=(label) tabindex="0" {
            table.wide {
                caption { (caption) }
                thead { tr { @for column in columns { th scope="col" { (column) } } } }
                tbody { (rows) }
            }
        }
    }
}

/// The page of a row.
pub(crate) fn row_path(plural: &str, id: &str) -> String {
    // A row of this name would have the path of the form that adds one.
    if id == "new" { format!("/{plural}/new?row=new") } else { format!("/{plural}/{id}") }
}

/// The page of a principal.
fn place(visit: &Visit<'_>, text: &str) -> Option<String> {
    let id = PrincipalId::parse(text).ok()?;
    let (kind, name) = id.parts();
    let register = open(visit, kind)?;
    Some(row_path(register.plural, name))
}

/// A principal or a role, with a link where it has a page.
pub(crate) fn principal(visit: &Visit<'_>, text: &str) -> Markup {
    match place(visit, text) {
        Some(place) => html! { a href=(place) { (text) } },
        None => html! { (text) },
    }
}

/// How much of a list is not shown.
fn rest(items: usize) -> Markup {
    html! {
        @if items > ITEMS { p.help { "and " (items - ITEMS) " more: the API gives all" } }
    }
}

fn singular(name: &str) -> &str {
    let known = nouns::all().find(|register| register.plural == name);
    known.map_or(name, |register| register.noun)
}

fn table(visit: &Visit<'_>, name: &str, items: &[Value], depth: usize) -> Markup {
    let mut columns: Vec<&str> = Vec::new();
    for item in items.iter().take(ITEMS).filter_map(Value::as_object) {
        for name in item.keys() {
            let secret = name == "hash" && item.contains_key("expires");
            if !secret && columns.len() < COLUMNS && !columns.contains(&name.as_str()) {
                columns.push(name);
            }
        }
    }
    let cell = |item: &Value, column: &str| match item.get(column) {
        // Credentials keep their times as microseconds since 1970.
        Some(Value::Number(micros)) if ["issued", "expires", "ended"].contains(&column) => {
            micros.as_u64().map_or_else(|| html! { "–" }, |micros| visit.clock.at(Moment(micros)))
        }
        Some(value) => at_depth(visit, column, value, depth + 1),
        None => html! { span.none { "–" } },
    };
    html! {
        // A table in a table is no landmark of the page, which may have several of its name.
        @let role = if depth == 0 { "region" } else { "group" };
        div.scroll.stack role=(role) aria-label=(label(name)) tabindex="0" {
            table {
                thead { tr { @for column in &columns { th scope="col" { (label(column)) } } } }
                tbody {
                    @for item in items.iter().take(ITEMS) {
                        tr { @for column in &columns {
                            td data-label=(label(column)) { (cell(item, column)) }
                        } }
                    }
                }
            }
        }
        (rest(items.len()))
    }
}

#[cfg(test)]
mod tests {
    use super::{fields, sentence, value};
    use crate::console::Console;
    use crate::visit::Visit;
    use serde_json::{Value, json};
    use std::sync::Arc;
    use testkit::World;

    /// Looks at values as the first administrator.
    fn look(check: impl FnOnce(&Visit<'_>)) {
        let world = World::memory(1);
        let console = Console::new(world.kernel.clone(), Arc::new(|| None));
        check(&Visit::of_a_test(&console, &world.admin));
    }

    fn shown(visit: &Visit<'_>, name: &str, of: &Value) -> String {
        value(visit, name, of).into_string()
    }

    #[test]
    fn values_read_as_what_they_are() {
        look(|visit| {
            let shown = |name, of| shown(visit, name, &of);
            assert!(shown("owner", json!("person:ana")).contains("href=\"/people/ana\""));
            assert!(shown("system", json!("db-1")).contains("href=\"/systems/db-1\""));
            assert!(shown("obligation", json!("E5.5")).contains("href=\"/measures/E5.5\""));
            assert_eq!(shown("terms", json!("2026-1")), "2026-1", "a version is no row");
            assert_eq!(shown("answer", json!("ban")), "ban", "nor is a kind of answer");
            let no_id = shown("system", json!("a/../b"));
            assert!(no_id.starts_with("a/"), "no link to what is no id: {no_id}");
            let mark = shown("added", json!({"by": "person:ana", "at": "2026-11-22T14:02:11Z"}));
            assert!(mark.contains("person:ana") && mark.contains("14:02:11 UTC"), "{mark}");
            assert!(shown("sha256", json!("ab".repeat(32))).starts_with("<code class=\"hash\">"));
            assert!(shown("valid_to", json!("2026-11-22")).contains(">22 Nov 2026<"));
            let text = shown("text", json!("# a\n<script>alert(1)</script>"));
            assert!(text.starts_with("<pre") && !text.contains("<script>"), "{text}");
            assert!(!shown("x", json!([["<i>"], {"<b>": "<u>"}])).contains("<b>"));
        });
    }

    #[test]
    fn moments_within_a_sentence_read_as_moments() {
        let text = sentence("no one from 2026-11-30T01:47:44.000000Z, to `2026`").into_string();
        assert!(text.contains(">30 Nov 2026, 01:47 UTC</time>, to <code>2026</code>"), "{text}");
        assert_eq!(sentence("a  2026-11-30 <b>").into_string(), "a  2026-11-30 &lt;b&gt;");
    }

    #[test]
    fn nothing_leads_where_a_reader_may_not_go() {
        let world = World::memory(2);
        let console = Console::new(world.kernel.clone(), Arc::new(|| None));
        let visit = Visit::of_a_test(&console, &world.person("eng", &["engineer"]));
        assert_eq!(shown(&visit, "owner", &json!("person:ana")), "person:ana");
    }

    #[test]
    fn hashes_of_credentials_are_left_out_and_depth_is_bounded() {
        look(|visit| {
            let row = json!([{"id": "c1", "hash": "beef", "issued": 0, "expires": 1}]);
            let shown = shown(visit, "credentials", &row);
            assert!(!shown.contains("beef") && shown.contains("1 Jan 1970"), "{shown}");
            let mut deep = json!("x");
            for _ in 0..200 {
                deep = json!({"a": [deep]});
            }
            assert!(value(visit, "a", &deep).into_string().len() < 20_000);
            let object = json!({"a": 1, "state": 2});
            let text = fields(visit, object.as_object().unwrap(), &["state"]).into_string();
            assert!(text.contains('A') && !text.contains("State"));
        });
    }
}
