//! A change as its approvers read it: each thing that would be stated, as it is now and as it would
//! be.

use crate::policy::differences;
use crate::schema::label;
use crate::show::{cards, value};
use crate::visit::Visit;
use domain::changes::PolicyReport;
use maud::{Markup, html};
use serde_json::{Map, Value};

/// What stands above the fields of such a row.
pub(crate) fn of(visit: &Visit<'_>, row: &Value) -> Markup {
    let report = row.get("report").cloned().map(serde_json::from_value::<PolicyReport>);
    if let Some(Ok(report)) = report {
        return html! {
            h2 #difference { "What the policies widen and narrow" }
            p { "Compared with " code.hash { (report.against) } ", in " (report.kinds)
                " kinds of request." }
            (differences(&report.differences))
        };
    }
    let object = |name: &str| -> Map<String, Value> {
        let text = row.get(name).and_then(Value::as_str).unwrap_or("{}");
        serde_json::from_str(text).unwrap_or_default()
    };
    let (before, after) = (object("before"), object("content"));
    if after.is_empty() {
        return html! {};
    }
    let cell = |name: &str, of: Option<&Value>| match of {
        Some(of) => value(visit, name, of),
        None => html! { span.none { "–" } },
    };
    let changes = after.iter().filter(|(name, new)| before.get(*name) != Some(new)).count();
    html! {
        h2 #difference { "What would change" }
        (cards(
            "Difference",
            html! { "Stated: " (after.len()) ", otherwise than now: " (changes) },
            &["What", "Now", "After"],
            html! { @for (name, new) in &after { tr {
                th scope="row" { (label(name)) }
                td data-label="Now" { (cell(name, before.get(name))) }
                td data-label="After" {
                    @if before.get(name) == Some(new) { "as it is" }
                    @else { strong { (cell(name, Some(new))) } }
                }
            } } },
        ))
    }
}
