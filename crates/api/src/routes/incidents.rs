//! The file of an incident, and affected accounts, on the wire.

use crate::answer::Answer;
use crate::body;
use crate::problem::Problem;
use crate::request::Call;
use crate::routes::table::{Gives, of};
use domain::incidents::affected::{Ask, AskAffected, Asked, Told};
use domain::incidents::file::TakeFile;
use domain::register::action;
use hyper::StatusCode;
use kernel::{Error, HOUSE};
use tokio::sync::Semaphore;

/// What asking for affected accounts answers.
pub(super) const ANSWER: &[Gives] = &[
    Gives::json(200, "The answer", of::<Told>).receipted(),
    Gives::problem(409),
    Gives::problem(503),
];

/// Searches that run at once: each reads as many entries as it finds.
static SEARCHES: Semaphore = Semaphore::const_new(1);

pub(crate) async fn file(call: Call) -> Result<Answer, Problem> {
    let done = call.submit(TakeFile::new(&call.kernel, call.part("id"))?).await?;
    Ok(Answer::bytes("application/json", done.output).receipt(done.receipts.first()))
}

pub(crate) async fn affected(call: Call) -> Result<Answer, Problem> {
    let ask: Ask = body::typed(&call.body)?;
    if call.kernel.allow(call.caller()?, action::<Asked>(), HOUSE).is_err() {
        // It is refused again, and this time recorded.
        call.submit(AskAffected::unanswered(&ask)).await?;
    }
    let busy = || Error::unavailable("another search is under way: ask again in a few seconds");
    let _turn = SEARCHES.try_acquire().map_err(|_| busy())?;
    let asked = call.blocking(move |kernel| AskAffected::new(kernel, ask)).await?;
    let done = call.submit(asked).await?;
    Ok(Answer::json(StatusCode::OK, &done.output)?.receipt(done.receipts.first()))
}
