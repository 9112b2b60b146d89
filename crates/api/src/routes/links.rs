//! Links to sign in with, on the wire.

use super::people::name;
use super::shared::changed;
use crate::answer::Answer;
use crate::problem::Problem;
use crate::request::Call;
use domain::members::{IssueLink, LinkLife};
use hyper::StatusCode;
use kernel::id::Name;
use schemars::JsonSchema;
use serde::Serialize;

/// A link that was just made. It is shown once, counts once, and does nothing but begin a session.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Link {
    /// For whom.
    holder: String,
    /// Path and query of the page that begins the session, on this server.
    link: String,
    /// First moment at which it counts no more (RFC 3339).
    until: String,
}

pub(crate) async fn of_person(call: Call) -> Result<Answer, Problem> {
    let operation = IssueLink::person(&call.kernel, &name(&call)?, LinkLife::default())?;
    let done = call.submit(operation).await?;
    changed(StatusCode::CREATED, wire(done.output), done.receipts)
}

pub(crate) async fn of_member(call: Call) -> Result<Answer, Problem> {
    let id = Name::parse(call.part("id"))?;
    let operation = IssueLink::member(&call.kernel, &id, LinkLife::default())?;
    let done = call.submit(operation).await?;
    changed(StatusCode::CREATED, wire(done.output), done.receipts)
}

fn wire(link: domain::members::Link) -> Link {
    let (holder, until) = (link.holder.to_string(), link.until.rfc3339());
    Link { holder, link: format!("/sign-in?link={}", link.token), until }
}
