//! Setting up on the wire.

use crate::answer::Answer;
use crate::problem::Problem;
use crate::request::Call;
use domain::measures::State;
use domain::setup::{ReadSetup, Step};
use hyper::StatusCode;
use schemars::JsonSchema;
use serde::Serialize;

/// What is missing for an honest board, and who does it.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Setup {
    /// The moment of the answer (RFC 3339).
    as_of: String,
    /// How many steps are done.
    done: usize,
    /// The steps, in the order in which they are taken.
    steps: Vec<Step>,
    /// How many obligations the controls can answer for.
    proven: usize,
    /// How many obligations there are.
    obligations: usize,
}

pub(crate) async fn read(call: Call) -> Result<Answer, Problem> {
    let operation = ReadSetup::new(&call.kernel, call.probed.seen())?;
    let done = call.submit(operation).await?;
    let domain::setup::Setup { steps, answered } = done.output;
    let answer = Setup {
        as_of: call.kernel.now().rfc3339(),
        done: steps.iter().filter(|step| step.done).count(),
        steps,
        proven: answered.iter().filter(|one| one.answer.state != State::Unproven).count(),
        obligations: answered.len(),
    };
    Ok(Answer::json(StatusCode::OK, &answer)?.receipt(done.receipts.first()))
}
