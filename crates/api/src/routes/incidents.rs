//! The file of an incident, and affected accounts, on the wire.

use crate::answer::Answer;
use crate::body;
use crate::problem::Problem;
use crate::request::Call;
use crate::routes::table::{Gives, Route, get, item, of, post};
use domain::incidents::affected::{Ask, AskAffected, Asked, Told};
use domain::incidents::file::{Pack, PackFile, Take, TakeFile};
use domain::incidents::playbooks::{self, Playbook};
use domain::register::{Kept, Read, Reading, action};
use dossier::{Packing, Unprintable};
use hyper::StatusCode;
use kernel::{Error, HOUSE};
use tokio::sync::Semaphore;

/// A question to the log is short.
const SMALL: usize = 64 * 1024;

/// The routes.
pub(super) static ROUTES: &[Route] = &[
    item(get("/v1/incidents/{id}/file", "getIncidentFile", "Everything about it, as evidence"))
        .disclosing()
        .action(action::<Take>())
        .gives(&[Gives::document(200, "The evidence", "application/json").receipted()])
        .by(|call| Box::pin(file(call))),
    item(get("/v1/playbooks/{id}/cacao", "getPlaybookCacao", "The playbook as CACAO 2.0"))
        .disclosing()
        .action(action::<Reading<Playbook>>())
        .gives(&[
            Gives::document(200, "The playbook", "application/json").receipted(),
            Gives::problem(409),
        ])
        .by(|call| Box::pin(cacao(call))),
    item(get("/v1/incidents/{id}/package", "getIncidentPackage", "The same with HTML and PDF"))
        .disclosing()
        .action(action::<Pack>())
        .gives(&[Gives::document(200, "The package", "application/zip").receipted()])
        .by(|call| Box::pin(package(call))),
    post("/v1/affected:ask", "askAffected", "Which accounts somebody or something touched")
        .action(action::<Asked>())
        .json(SMALL, of::<Ask>)
        .gives(ANSWER)
        .by(|call| Box::pin(affected(call))),
];

/// What asking for affected accounts answers.
const ANSWER: &[Gives] = &[
    Gives::json(200, "The answer", of::<Told>).receipted(),
    Gives::problem(409),
    Gives::problem(503),
];

/// Searches that run at once: each reads as many entries as it finds.
static SEARCHES: Semaphore = Semaphore::const_new(1);

async fn file(call: Call) -> Result<Answer, Problem> {
    let done = call.submit(TakeFile::new(&call.kernel, call.part("id"))?).await?;
    Ok(Answer::bytes("application/json", done.output.json).receipt(done.receipts.first()))
}

async fn package(call: Call) -> Result<Answer, Problem> {
    let id = call.part("id").to_owned();
    let done = call.submit(TakeFile::new(&call.kernel, &id)?).await?;
    let (taken, failed) = (done.output, |error: Unprintable| Error::internal(error.to_string()));
    let entry = taken.entry;
    let packing = call.blocking(move |_| Packing::of(taken).map_err(failed)).await?;
    let manifest = packing.manifest().to_owned();
    let done = call.submit(PackFile::new(&call.kernel, &id, manifest, entry)?).await?;
    let zip = packing.zip(&done.output).map_err(failed)?;
    Ok(Answer::bytes("application/zip", zip).receipt(done.receipts.first()))
}

async fn cacao(call: Call) -> Result<Answer, Problem> {
    let done = call.submit(Read::<Kept<Playbook>>::new(&call.kernel, call.part("id"))?).await?;
    let text = playbooks::cacao::export(&done.output)?;
    Ok(Answer::bytes("application/json", text).receipt(done.receipts.first()))
}

async fn affected(call: Call) -> Result<Answer, Problem> {
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
