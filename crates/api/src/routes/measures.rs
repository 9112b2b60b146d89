//! Measures on the wire.

use super::shared::{self, changed};
use super::table::{Gives, Route, get, of, put};
use super::{SMALL, setup};
use crate::answer::Answer;
use crate::body::typed;
use crate::problem::Problem;
use crate::request::Call;
use domain::catalogue::mapped;
use domain::measures::{self, Answered, MEASURES, ReadMeasures, StateScope, VERSION};
use domain::register::{action, shown};
use hyper::StatusCode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The routes.
pub(super) static ROUTES: &[Route] = &[
    get("/v1/measures", "listMeasures", "Lists what is promised, and whether it holds")
        .action(action::<measures::Read>())
        .query(&["for"])
        .gives(&[
            Gives::json(200, "Every obligation, or those asked for", of::<Measures>).receipted()
        ])
        .by(|call| Box::pin(list(call))),
    put(
        "/v1/measures/scope",
        "stateScope",
        "States that Bailee is the only system that holds Service Data",
    )
    .action(action::<measures::SetScope>())
    .json(SMALL, of::<NewScope>)
    .gives(&[Gives::json(200, "It is stated", of::<shared::Receipted<Scope>>)])
    .by(|call| Box::pin(scope(call))),
    get("/v1/setup", "getSetup", "Says what is missing for an honest board, and who does it")
        .action(action::<measures::Read>())
        .gives(&[Gives::json(200, "Every step", of::<setup::Setup>).receipted()])
        .by(|call| Box::pin(setup::read(call))),
];

/// What is promised, and whether it holds.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Measures {
    /// The moment of the answer (RFC 3339).
    as_of: String,
    /// The version of the catalogue.
    catalogue: &'static str,
    /// The measures, with their headings.
    measures: Vec<Measure>,
    /// Every obligation of every measure, or those that the identifier asked for is mapped to.
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
    /// Identifiers of other frameworks that ask for the same, in part or in whole.
    mapping: Mapping,
    /// Why a framework has no identifier for it, where one has none.
    unmapped: Option<&'static str>,
    /// The provider's own words for it, as the catalogue in force has them.
    terms: Vec<String>,
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

/// Where other frameworks ask for the same.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Mapping {
    /// Controls of ISO/IEC 27001:2022 Annex A: `A.8.24`.
    iso27001: &'static [&'static str],
    /// Trust services criteria of SOC 2: `CC6.1`.
    soc2: &'static [&'static str],
    /// Controls of NIST SP 800-53 Rev. 5: `SC-28(1)`.
    nist80053: &'static [&'static str],
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
    let asked = call.parameter("for").map(mapped).transpose()?;
    let wanted = |one: &Answered| {
        asked.as_ref().is_none_or(|all| all.iter().any(|known| known.id == one.obligation.id))
    };
    let operation = ReadMeasures::new(&call.kernel, call.probed.seen())?;
    let done = call.submit(operation).await?;
    let answer = Measures {
        as_of: call.kernel.now().rfc3339(),
        catalogue: *VERSION,
        measures: MEASURES.iter().map(|one| Measure { id: one.id, title: one.title }).collect(),
        items: done.output.into_iter().filter(wanted).map(wire).collect(),
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
    let Answered { measure, obligation, answer, terms } = answered;
    let measures::Mapping { iso27001, soc2, nist80053 } = obligation.mapping;
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
        mapping: Mapping { iso27001, soc2, nist80053 },
        unmapped: obligation.unmapped,
        terms,
        state: answer.state.word(),
        basis: answer.basis.map(measures::Basis::word),
        since: answer.since.map(kernel::Moment::rfc3339),
        facts: answer.facts.into_iter().map(fact).collect(),
        missing: answer.missing,
        systems: answer.systems.map(|(fresh, scope)| Systems { fresh, scope }),
        todo: answer.todo.into_iter().map(todo).collect(),
    }
}
