//! From the empty house to the first honest board: what is missing, who does it, and where.
//!
//! Every step is computed; none can be ticked off by hand.

use crate::board::Board;
use crate::form::{Form, Problems, read};
use crate::nouns;
use crate::reply::{Page, Reply, status};
use crate::request::Pairs;
use crate::roles::{STARTS, area, holders};
use crate::schema::{Field, Shape};
use crate::visit::Visit;
use crate::work::shape;
use domain::measures::{SetScope, State, StateScope};
use domain::register::Register;
use http::StatusCode;
use kernel::{Act, Kind, Result};
use maud::{Markup, html};
use serde_json::Value;

/// A step of setting up: what, who, where, and whether it is done.
struct Task {
    title: String,
    why: String,
    who: String,
    place: String,
    /// The template of the register, where many are added at once.
    template: Option<String>,
    done: bool,
}

/// Registers that a board cannot be honest without, in the order in which they are filled.
const FILLED: [(&str, &str); 7] = [
    (
        "catalogues",
        "The version of your terms, and the numbers that differ from those Bailee brings",
    ),
    ("roster", "Who is in the security team, and from when"),
    ("systems", "Every system that holds Service Data or reaches it"),
    ("vendors", "Every third party that processes Service Data"),
    ("contacts", "Whom to tell at each subscriber, verified"),
    ("policies", "The policies that people acknowledge"),
    ("shifts", "Who is on call, without a gap"),
];

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
    let board = Board::read(visit).await?;
    let mut tasks = people(visit);
    for (plural, why) in FILLED {
        if let Some(register) = nouns::find(plural).filter(|one| visit.may(one.list)) {
            tasks.push(filled(visit, register, why).await?);
        }
    }
    let scoped = !board.answered.iter().any(|one| {
        one.answer.missing.iter().any(|what| what.contains("register of systems is complete"))
    });
    tasks.push(Task {
        title: "State that the register of systems is complete".to_owned(),
        why: "Without it nothing that speaks of systems can hold; it counts 92 days.".to_owned(),
        who: "administrator".to_owned(),
        place: "#complete".to_owned(),
        template: None,
        done: scoped,
    });
    let proven = board.answered.iter().filter(|one| one.answer.state != State::Unproven).count();
    let done = tasks.iter().filter(|task| task.done).count();
    Ok(Page::new(
        "Setup",
        html! {
            p { (done) " of " (tasks.len()) " steps are done; the controls can answer for "
                (proven) " of " (board.answered.len()) " obligations." }
            (list(&tasks))
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

/// The people without whom two-person rules cannot work, one step a role.
fn people(visit: &Visit<'_>) -> Vec<Task> {
    let (kernel, template) = (visit.kernel(), Some("/people.csv".to_owned()));
    let task = |title: String, why: &str, done: bool| Task {
        title,
        why: why.to_owned(),
        who: "administrator".to_owned(),
        place: "/people".to_owned(),
        template: template.clone(),
        done,
    };
    let mut all = vec![task(
        "Take in a second administrator".to_owned(),
        "While there is only one, it approves for itself, and E5.1 and E5.6 fail.",
        holders(kernel, &["administrator"]) >= 2,
    )];
    let signers = area("approvals").map_or(&[][..], |area| area.roles);
    all.push(task(
        "Have two people who may sign".to_owned(),
        "A second signature takes a person other than the first.",
        holders(kernel, signers) >= 2,
    ));
    for start in STARTS.iter().filter(|start| start.role != "administrator") {
        let title = format!("Give somebody the role {}", start.role);
        all.push(task(title, start.task, holders(kernel, &[start.role]) > 0));
    }
    all
}

/// A register with at least one row.
async fn filled(visit: &Visit<'_>, register: &'static Register, why: &str) -> Result<Task> {
    let page = visit.submit((register.page)(visit.kernel(), 1, None)?).await?.output;
    let rows = page.get("items").and_then(Value::as_array).map_or(0, Vec::len);
    let area = register.add.area.unwrap_or(register.area);
    Ok(Task {
        title: register.first.to_owned(),
        why: format!("{why}."),
        who: area_roles(area),
        place: format!("/{}", register.plural),
        // There is one catalogue: nothing to send many of.
        template: (register.plural != "catalogues").then(|| format!("/{}.csv", register.plural)),
        done: rows > 0,
    })
}

fn area_roles(name: &str) -> String {
    area(name).map(|area| area.roles.join(", ")).unwrap_or_default()
}

fn list(tasks: &[Task]) -> Markup {
    html! {
        div.scroll.stack role="region" aria-label="Steps" tabindex="0" {
            table.wide {
                caption { "Steps" }
                thead { tr {
                    th scope="col" { "State" } th scope="col" { "Step" } th scope="col" { "Why" }
                    th scope="col" { "Who" } th scope="col" { "Many at once" }
                } }
                tbody { @for task in tasks { tr {
                    td {
                        @if task.done {
                            (shape("good", "■", "done"))
                        } @else {
                            (shape("due", "▲", "missing"))
                        }
                    }
                    th scope="row" { a href=(task.place) { (task.title) } }
                    td { (task.why) }
                    td data-label="Who" { (task.who) }
                    td { @match &task.template {
                        Some(path) => a.whole href=(path) download {
                            "CSV template" span.unseen { ": " (task.title) }
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
