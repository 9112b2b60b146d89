//! A playbook as others exchange it: a file of CACAO 2.0, to be saved.

use crate::reply::Reply;
use crate::visit::Visit;
use domain::incidents::playbooks::{Playbook, cacao};
use domain::register::{Kept, Read, Reading, action};
use kernel::{Error, Result};
use maud::{Markup, html};
use serde_json::Value;

/// What stands on the page of a playbook above its fields: the file, for whoever may read the
/// playbook; nothing if it has no steps, because CACAO knows no such playbook.
pub(crate) fn of(visit: &Visit<'_>, id: &str, row: &Value) -> Markup {
    let steps = row.get("steps").and_then(Value::as_array).is_some_and(|steps| !steps.is_empty());
    let as_it_was = row.pointer("/cacao/changed").and_then(Value::as_bool) == Some(false);
    html! {
        @if steps && visit.may(action::<Reading<Playbook>>()) {
            p {
                a href=(format!("/playbooks/{id}/cacao")) download { "As CACAO 2.0" }
                ", for tools of others: "
                @if as_it_was { "the file that was taken in, byte for byte." }
                @else { "its steps as actions of people, answers as calls of the API." }
            }
        }
    }
}

/// `GET /playbooks/{id}/cacao`
pub(crate) async fn cacao(visit: &Visit<'_>, id: &str) -> Result<Reply> {
    let read = Read::<Kept<Playbook>>::new(visit.kernel(), id);
    let read = read.map_err(|_| Error::not_found("there is no such page"))?;
    let text = cacao::export(&visit.submit(read).await?.output)?;
    let name = format!("{id}.cacao.json");
    Ok(Reply::File { kind: "application/json", name, body: text.into_bytes() })
}
