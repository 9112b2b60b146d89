//! Grants on the wire.

use super::shared::{Items, Receipted, changed, fresh, page};
use super::table::{Gives, Route, delete, get, item, of, post};
use super::{PAGE, SMALL};
use crate::answer::Answer;
use crate::body::typed;
use crate::problem::Problem;
use crate::request::Call;
use domain::grants::{self, CreateGrant, EndGrant, ReleaseGrant, Wish};
use domain::register::{List, Read, action, shown};
use hyper::StatusCode;
use kernel::id::RecordId;
use kernel::{Act, Error, HOUSE, Moment};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The routes. A path's routes stand together; of two paths that match, the first counts.
pub(super) static ROUTES: &[Route] = &[
    post("/v1/grants", "createGrant", "Approves a grant")
        .action(action::<grants::Create>())
        .json(SMALL, of::<NewGrant>)
        .gives(&[Gives::json(201, "It counts from now", of::<Receipted<Grant>>)])
        .by(|call| Box::pin(create(call))),
    get("/v1/grants", "listGrants", "Lists grants, ended and expired ones too")
        .action(action::<grants::ListGrants>())
        .query(PAGE)
        .gives(&[Gives::json(200, "A page", of::<Items<Grant>>).receipted()])
        .by(|call| Box::pin(list(call))),
    item(post("/v1/grants/{grant}:release", "releaseGrant", "Gives back a grant that one holds"))
        .action(action::<grants::Release>())
        .gives(&[Gives::json(200, "It ended", of::<Receipted<Grant>>)])
        .by(|call| Box::pin(release(call))),
    item(get("/v1/grants/{grant}", "getGrant", "Shows a grant"))
        .action(action::<grants::Look>())
        .gives(&[Gives::json(200, "The grant", of::<Grant>).receipted()])
        .by(|call| Box::pin(read(call))),
    item(delete("/v1/grants/{grant}", "endGrant", "Ends a grant at once"))
        .action(action::<grants::End>())
        .gives(&[Gives::json(200, "It ended", of::<Receipted<Grant>>)])
        .by(|call| Box::pin(end(call))),
];

/// A grant to be approved.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewGrant {
    /// Who shall hold it: `service:NAME` or `person:NAME`.
    to: String,
    /// The account's id, or `*` for every account.
    account: String,
    /// The collections, or `*` alone.
    collections: Vec<String>,
    /// Some of `read`, `write`, `delete`, `export`, `open`.
    verbs: Vec<String>,
    /// What for, in a sentence.
    purpose: String,
    /// How long it counts, in seconds.
    for_seconds: u64,
}

/// A grant.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Grant {
    /// Its id.
    id: String,
    /// Who holds it.
    to: String,
    /// The account's id, or `*`.
    account: String,
    /// The collections, or `*` alone.
    collections: Vec<String>,
    /// What it allows.
    verbs: Vec<String>,
    /// What for.
    purpose: String,
    /// First moment it counts (RFC 3339).
    from: String,
    /// First moment it counts no more (RFC 3339).
    until: String,
    /// Who approved it.
    approver: String,
    /// The access request that led to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    access_request: Option<String>,
    /// Under which logins it reaches systems, for `connect`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    logins: Vec<String>,
    /// The one command that may be run there, if one is forced.
    #[serde(skip_serializing_if = "Option::is_none")]
    command: Option<String>,
    /// Approved by the only administrator there was, for itself or its own service.
    bootstrap: bool,
    /// `approved`, `active`, `expired` or `ended`.
    state: &'static str,
    /// When it was ended before its time, if it was.
    ended: Option<String>,
    /// Index of the entry of the operator's log that gave it.
    given: u64,
}

pub(crate) async fn create(call: Call) -> Result<Answer, Problem> {
    let caller = call.caller()?.clone();
    let NewGrant { to, account, collections, verbs, purpose, for_seconds } = typed(&call.body)?;
    let window = Duration::from_secs(for_seconds);
    let wish = Wish { to, account, collections, verbs, purpose, window };
    let operation = CreateGrant::new(&call.kernel, wish, fresh()?).map_err(|error| {
        // Which accounts there are is told only to those who may approve.
        let allowed = call.kernel.allow(&caller, grants::Create::ACTION, HOUSE);
        allowed.err().unwrap_or(error)
    })?;
    let done = call.submit(operation).await?;
    let place = format!("/v1/grants/{}", done.output.id);
    let grant = wire(done.output, call.kernel.now());
    Ok(changed(StatusCode::CREATED, grant, done.receipts)?.location(&place))
}

pub(crate) async fn list(call: Call) -> Result<Answer, Problem> {
    let list = List::<grants::Grant>::new(&call.kernel, call.limit()?, call.after())?;
    let done = call.submit(list).await?;
    let now = call.kernel.now();
    page(done.output, &done.receipts, |grant| Ok(wire(grant, now)))
}

pub(crate) async fn read(call: Call) -> Result<Answer, Problem> {
    let done = call.submit(Read::<grants::Grant>::new(&call.kernel, &id(&call)?)?).await?;
    let grant = wire(done.output, call.kernel.now());
    Ok(Answer::json(StatusCode::OK, &grant)?.receipt(done.receipts.first()))
}

pub(crate) async fn end(call: Call) -> Result<Answer, Problem> {
    let done = call.submit(EndGrant::new(&call.kernel, &id(&call)?)?).await?;
    changed(StatusCode::OK, wire(done.output, call.kernel.now()), done.receipts)
}

pub(crate) async fn release(call: Call) -> Result<Answer, Problem> {
    let done = call.submit(ReleaseGrant::new(&call.kernel, &id(&call)?)?).await?;
    changed(StatusCode::OK, wire(done.output, call.kernel.now()), done.receipts)
}

/// The id of a grant has the form of a record's.
fn id(call: &Call) -> Result<String, Problem> {
    let id = RecordId::parse(call.part("grant"))
        .map_err(|error| Error::invalid("grant", error.message()))?;
    Ok(id.to_string())
}

fn wire(grant: grants::Grant, now: Moment) -> Grant {
    Grant {
        state: grant.state(now),
        id: grant.id,
        to: grant.to,
        account: grant.account,
        collections: grant.collections,
        verbs: grant.verbs,
        purpose: grant.purpose,
        from: shown(grant.not_before),
        until: shown(grant.not_after),
        approver: grant.approver,
        access_request: grant.request,
        logins: grant.logins,
        command: grant.command,
        bootstrap: grant.bootstrap,
        ended: grant.ended.map(shown),
        given: grant.given,
    }
}
