//! Adding a row and taking a step: a form in, an operation, a receipt; or the same form again with
//! what is wrong at each field.

use super::row::{Refused, after, page};
use super::{article, heading, id, known};
use crate::form::{Form, Problems, defaults, read};
use crate::nouns::steps;
use crate::reply::{Page, Reply, status};
use crate::request::Pairs;
use crate::roles::closed;
use crate::schema::{Field, asked};
use crate::visit::{Visit, fresh};
use domain::register::{Entry, On, Register};
use http::StatusCode;
use kernel::{Error, HOUSE, Kind, Result};
use maud::html;
use serde_json::Value;

/// `GET /systems/new`
pub(crate) fn new(visit: &Visit<'_>, plural: &str) -> Result<Page> {
    let register = known(plural)?;
    let fields = asked(&register.add);
    // A link may fill in what is asked for; whoever follows it still reads it and sends it.
    let mut values = Pairs::default();
    for field in &fields {
        if let Some(value) = visit.query.filled(&field.name) {
            values.push(&field.name, value);
        }
    }
    let values = values.before(defaults(&fields));
    Ok(adding(visit, register, &fields, &values, &Problems::default()))
}

fn adding(
    visit: &Visit<'_>,
    register: &Register,
    fields: &[Field],
    values: &Pairs,
    problems: &Problems,
) -> Page {
    let form = Form {
        id: "add",
        action: format!("/{}", register.plural),
        fields,
        values,
        problems,
        button: format!("Add {}", article(register.noun)),
        grave: false,
        challenge: None,
    };
    let title = format!("Add {}", article(register.noun));
    Page::new(
        title,
        html! {
            p { (register.purpose) "." }
            @if !register.add.summary.is_empty() { p { (register.add.summary) "." } }
            @if visit.may(register.add.action) { (form.show(visit)) } @else {
                p { (closed(register)) }
            }
        },
    )
    .under("Registers", "/registers")
    .under(heading(register), format!("/{}", register.plural))
}

/// `POST /systems`
pub(crate) async fn add(visit: &Visit<'_>, plural: &str) -> Result<Reply> {
    let register = known(plural)?;
    let fields = asked(&register.add);
    let again = |status: StatusCode, problems: &Problems| {
        adding(visit, register, &fields, &visit.form, problems).status(status)
    };
    let stated = match read(&fields, &visit.form) {
        Ok(stated) => stated,
        Err(problems) => return Ok(again(StatusCode::UNPROCESSABLE_ENTITY, &problems).into()),
    };
    match submit(visit, &register.add, On::New(fresh()?), &stated).await {
        Ok((output, entry)) => Ok(after(visit, register, "", &output, entry)),
        Err(error) if may_mend(&error) => {
            Ok(again(status(&error), &Problems::of(&error, &fields)).into())
        }
        Err(error) => Err(error),
    }
}

/// `POST /systems/db-1/retire`
pub(crate) async fn step(visit: &Visit<'_>, plural: &str, text: &str, verb: &str) -> Result<Reply> {
    let (register, id) = (known(plural)?, id(text)?);
    let entry = steps(register).find(|step| step.verb == verb);
    let entry = entry.ok_or_else(|| Error::not_found("there is no such step"))?;
    let fields = asked(entry);
    let (code, problems) = match read(&fields, &visit.form) {
        Ok(stated) => match submit(visit, entry, On::Row(&id), &stated).await {
            Ok((output, index)) => return Ok(after(visit, register, &id, &output, index)),
            Err(error) if may_mend(&error) => (status(&error), Problems::of(&error, &fields)),
            Err(error) => return Err(error),
        },
        Err(problems) => (StatusCode::UNPROCESSABLE_ENTITY, problems),
    };
    let refused = Refused { verb, values: &visit.form, problems: &problems };
    Ok(page(visit, register, &id, Some(refused)).await?.status(code).into())
}

async fn submit(
    visit: &Visit<'_>,
    entry: &Entry,
    on: On<'_>,
    stated: &Value,
) -> Result<(Value, Option<u64>)> {
    let made = (entry.make)(visit.kernel(), on, stated.to_string().as_bytes());
    // What exists is told only to those who may do this at all.
    let operation = made.map_err(|error| {
        let allowed =
            visit.caller().map(|caller| visit.kernel().allow(caller, entry.action, HOUSE));
        allowed.and_then(|allowed| allowed).err().unwrap_or(error)
    })?;
    let done = visit.submit_once(operation, 0).await?;
    let index = visit.entry(&done.receipts);
    Ok((done.output, index))
}

/// Whether whoever filled in the form can do something about it.
fn may_mend(error: &Error) -> bool {
    matches!(
        error.kind(),
        Kind::Invalid
            | Kind::Conflict
            | Kind::Forbidden
            | Kind::NotFound
            | Kind::Limit
            | Kind::Unavailable
    )
}
