//! From the empty house to the first honest board: what is missing, who does it, and where.
//!
//! Every step is computed; none can be ticked off by hand.

use crate::board::Board;
use crate::form::{Form, Problems, read};
use crate::nouns;
use crate::reply::{Page, Reply, status};
use crate::request::Pairs;
use crate::schema::{Field, Shape};
use crate::visit::Visit;
use crate::work::shape;
use domain::measures::{SetScope, State, StateScope};
use domain::setup::{ReadSetup, Setup, Step};
use http::StatusCode;
use kernel::{Act, Kind, Result};
use maud::{Markup, html};
use serde_json::Value;

/// `GET /setup`
pub(crate) async fn show(visit: &Visit<'_>) -> Result<Page> {
    page(visit, &Pairs::default(), &Problems::default()).await
}

/// `POST /measures/scope`
pub(crate) async fn scope(visit: &Visit<'_>) -> Result<Reply> {
    let asked = scope_fields();
    let (code, problems) = match read(&asked, &visit.form) {
        Ok(stated) => {
            let reason = stated.get("reason").and_then(Value::as_str).unwrap_or_default();
            let outcome = match StateScope::new(visit.kernel(), reason) {
                Ok(operation) => visit.submit(operation).await,
                Err(error) => Err(error),
            };
            match outcome {
                Ok(done) => {
                    visit.entry(&done.receipts);
                    return Ok(Reply::See("/setup".to_owned()));
                }
                Err(error) if matches!(error.kind(), Kind::Invalid | Kind::Forbidden) => {
                    (status(&error), Problems::of(&error, &asked))
                }
                Err(error) => return Err(error),
            }
        }
        Err(problems) => (StatusCode::UNPROCESSABLE_ENTITY, problems),
    };
    Ok(page(visit, &visit.form, &problems).await?.status(code).into())
}

async fn page(visit: &Visit<'_>, values: &Pairs, problems: &Problems) -> Result<Page> {
    let asked = ReadSetup::new(visit.kernel(), (visit.console.listener)())?;
    let done = visit.submit(asked).await?;
    let entry = visit.entry(&done.receipts);
    let Setup { steps, answered } = done.output;
    let board = Board::keep(visit, answered, entry);
    let scoped = steps.iter().any(|step| step.id == "scope" && step.done);
    let proven = board.answered.iter().filter(|one| one.answer.state != State::Unproven).count();
    let done = steps.iter().filter(|step| step.done).count();
    Ok(Page::new(
        "Setup",
        html! {
            p { (done) " of " (steps.len()) " steps are done; the controls can answer for "
                (proven) " of " (board.answered.len()) " obligations." }
            (list(visit, &steps))
            h2 #complete { "The register of systems is complete" }
            @if scoped { p { "It is stated; state it again before it is 92 days old." } }
            @if visit.may(SetScope::ACTION) { (scope_form(visit, values, problems)) }
            @else { p { "An administrator states it." } }
            h2 { "What is still unproven" }
            (unproven(&board))
        },
    )
    .seen(board.entry))
}

/// Whether the page of a step is open to whoever reads.
fn opens(visit: &Visit<'_>, step: &Step) -> bool {
    nouns::find(&step.place).is_none_or(|register| visit.may(register.list))
}

fn list(visit: &Visit<'_>, steps: &[Step]) -> Markup {
    html! {
        div.scroll.stack role="region" aria-label="Steps" tabindex="0" {
            table.wide {
                caption { "Steps" }
                thead { tr {
                    th scope="col" { "State" } th scope="col" { "Step" } th scope="col" { "Why" }
                    th scope="col" { "Who" } th scope="col" { "By command" }
                    th scope="col" { "Many at once" }
                } }
                tbody { @for step in steps { tr {
                    td {
                        @if step.done {
                            (shape("good", "■", "done"))
                        } @else {
                            (shape("due", "▲", "missing"))
                        }
                    }
                    th scope="row" {
                        @if opens(visit, step) {
                            a href=(format!("/{}", step.place)) { (step.title) }
                        } @else {
                            (step.title)
                        }
                    }
                    td { (step.why) }
                    td data-label="Who" { (step.who.join(", ")) }
                    td data-label="By command" { code { (step.command) } }
                    td { @match &step.template {
                        Some(file) => a.whole href=(format!("/{file}")) download {
                            "CSV template" span.unseen { ": " (step.title) }
                        },
                        None => span.none { "–" },
                    } }
                } } }
            }
        }
    }
}

fn scope_fields() -> [Field; 1] {
    [Field {
        name: "reason".to_owned(),
        help:
            "How you know that every system that holds Service Data is registered, 1 to 500 bytes."
                .to_owned(),
        required: true,
        shape: Shape::Line,
        default: None,
    }]
}

fn scope_form(visit: &Visit<'_>, values: &Pairs, problems: &Problems) -> Markup {
    let fields = scope_fields();
    let form = Form {
        id: "scope",
        action: "/measures/scope".to_owned(),
        fields: &fields,
        values,
        problems,
        button: "State that the register is complete".to_owned(),
        grave: false,
        challenge: None,
    };
    form.show(visit)
}

fn unproven(board: &Board) -> Markup {
    let open: Vec<_> =
        board.answered.iter().filter(|one| one.answer.state == State::Unproven).collect();
    html! {
        @if open.is_empty() { p { "Nothing." } }
        ul.columns {
            @for one in open {
                li { a href=(format!("/measures/{}", one.obligation.id)) {
                    (one.obligation.id) " " (one.obligation.title)
                } }
            }
        }
    }
}
