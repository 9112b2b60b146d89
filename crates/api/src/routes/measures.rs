//! Measures on the wire.

use super::shared::changed;
use crate::answer::Answer;
use crate::body::typed;
use crate::problem::Problem;
use crate::request::Call;
use domain::measures::{self, Answered, MEASURES, ReadMeasures, StateScope, VERSION};
use domain::register::shown;
use hyper::StatusCode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is promised, and whether it holds.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Measures {
    /// The moment of the answer (RFC 3339).
    as_of: String,
    /// The version of the catalogue.
    catalogue: &'static str,
    /// The measures, with their headings.
    measures: Vec<Measure>,
    /// Every obligation of every measure.
    items: Vec<Obligation>,
}

/// A heading.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Measure {
    /// Its id.
    id: &'static str,
    /// Its words.
    title: &'static str,
}

/// An obligation and the answer of its control.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Obligation {
    /// Its id.
    id: &'static str,
    /// The measure it belongs to.
    measure: &'static str,
    /// What is promised.
    title: &'static str,
    /// `holding`, `failing` or `unproven`.
    state: &'static str,
    /// The weakest basis of its facts: `measured`, `recorded` or `attested`; `null` without facts.
    basis: Option<&'static str>,
    /// Since when (RFC 3339).
    since: Option<String>,
    /// The facts.
    facts: Vec<Fact>,
    /// What is missing for it to hold.
    missing: Vec<String>,
    /// Where it speaks of systems: how many of those in scope have a fresh fact.
    systems: Option<Systems>,
    /// What to do about it.
    todo: Vec<Todo>,
}

/// n of m systems.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Systems {
    /// Systems with a fresh fact, Bailee itself among them.
    fresh: usize,
    /// Systems in scope.
    scope: usize,
}

/// Something to do.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Todo {
    /// What, in a sentence.
    what: String,
    /// Who: a principal or a role.
    who: String,
    /// By when, if that is stated (RFC 3339).
    due: Option<String>,
    /// The register where it is done, and the row if there is one: `vendors/acme`.
    place: String,
}

/// A fact behind an answer.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Fact {
    /// What it is.
    what: String,
    /// When it was so (RFC 3339).
    at: String,
    /// `measured`, `recorded` or `attested`.
    basis: &'static str,
    /// Whether it speaks for the obligation.
    good: bool,
}

/// A statement that Bailee is the only system that holds Service Data.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewScope {
    /// Why the person thinks so, 1 to 500 bytes.
    reason: String,
}

/// Who stated the scope, when and why.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Scope {
    /// The reason.
    reason: String,
    /// Who.
    by: String,
    /// When (RFC 3339).
    at: String,
}

pub(crate) async fn list(call: Call) -> Result<Answer, Problem> {
    let operation = ReadMeasures::new(&call.kernel, call.probed.seen())?;
    let done = call.submit(operation).await?;
    let answer = Measures {
        as_of: call.kernel.now().rfc3339(),
        catalogue: VERSION,
        measures: MEASURES.iter().map(|one| Measure { id: one.id, title: one.title }).collect(),
        items: done.output.into_iter().map(wire).collect(),
    };
    Ok(Answer::json(StatusCode::OK, &answer)?.receipt(done.receipts.first()))
}

pub(crate) async fn scope(call: Call) -> Result<Answer, Problem> {
    let new: NewScope = typed(&call.body)?;
    let done = call.submit(StateScope::new(&call.kernel, &new.reason)?).await?;
    let measures::StoredScope { reason, by, at, .. } = done.output;
    changed(StatusCode::OK, Scope { reason, by, at: shown(at) }, done.receipts)
}

fn todo(todo: measures::Todo) -> Todo {
    let due = todo.due.map(kernel::Moment::rfc3339);
    Todo { what: todo.what, who: todo.who, due, place: todo.place }
}

fn wire(answered: Answered) -> Obligation {
    let Answered { measure, obligation, answer } = answered;
    let fact = |fact: measures::Fact| Fact {
        what: fact.what,
        at: fact.at.rfc3339(),
        basis: fact.basis.word(),
        good: fact.good,
    };
    Obligation {
        id: obligation.id,
        measure,
        title: obligation.title,
        state: answer.state.word(),
        basis: answer.basis.map(measures::Basis::word),
        since: answer.since.map(kernel::Moment::rfc3339),
        facts: answer.facts.into_iter().map(fact).collect(),
        missing: answer.missing,
        systems: answer.systems.map(|(fresh, scope)| Systems { fresh, scope }),
        todo: answer.todo.into_iter().map(todo).collect(),
    }
}
