//! What members of an account see of it and do about it, on the wire: its page, its accesses, its
//! receipts, its auditors.

use super::shared::changed;
use crate::answer::Answer;
use crate::body::typed;
use crate::problem::Problem;
use crate::request::Call;
use domain::members::{InviteAuditor, Inviting, LinkLife, NewAuditor};
use domain::portal::{AccountPage, OwnReceipt, ReadAccesses};
use hyper::StatusCode;
use kernel::Act;
use kernel::authority::Action;
use kernel::id::{AccountId, shown};
use schemars::JsonSchema;
use serde::Serialize;

/// An auditor who was just invited. The link is shown once and counts once.
#[derive(Serialize, JsonSchema)]
pub(crate) struct InvitedAuditor {
    /// Who: `member:NAME`.
    holder: String,
    /// Path and query of the page that begins the session, on this server.
    link: String,
    /// First moment at which the link counts no more (RFC 3339).
    until: String,
}

pub(crate) async fn page(call: Call) -> Result<Answer, Problem> {
    let done = call.submit(AccountPage::new(&call.kernel, &account(&call)?)?).await?;
    Ok(Answer::json(StatusCode::OK, &done.output)?.receipt(done.receipts.first()))
}

pub(crate) async fn accesses(call: Call) -> Result<Answer, Problem> {
    let before = call.number("before", 0..=u64::MAX)?;
    let done = call.submit(ReadAccesses::new(&call.kernel, &account(&call)?, before)?).await?;
    Ok(Answer::json(StatusCode::OK, &done.output)?.receipt(done.receipts.first()))
}

pub(crate) async fn receipt(call: Call) -> Result<Answer, Problem> {
    let index = call.part("index");
    let number = index.parse().ok().filter(|number: &u64| number.to_string() == index);
    let number = number
        .ok_or_else(|| Problem::invalid("index", format!("`{}` is no index", shown(index))))?;
    let done = call.submit(OwnReceipt::new(&call.kernel, &account(&call)?, number)?).await?;
    Ok(Answer::bytes("application/json", done.output).receipt(done.receipts.first()))
}

pub(crate) async fn invite(call: Call) -> Result<Answer, Problem> {
    let account = allowed(&call, Inviting::ACTION)?;
    let new: NewAuditor = typed(&call.body)?;
    let invite = InviteAuditor::new(&call.kernel, &account, new, LinkLife::default())?;
    let done = call.submit(invite).await?;
    let invited = InvitedAuditor {
        holder: done.output.holder.to_string(),
        link: format!("/sign-in?link={}", done.output.token),
        until: done.output.until.rfc3339(),
    };
    changed(StatusCode::CREATED, invited, done.receipts)
}

/// The account of the path.
pub(super) fn account(call: &Call) -> Result<AccountId, Problem> {
    Ok(AccountId::parse(call.part("account"))?)
}

/// The account of the path, if the caller may do this with it. Whoever has no right is told so
/// before anybody looks at what they state.
pub(super) fn allowed(call: &Call, action: &'static Action) -> Result<AccountId, Problem> {
    let account = account(call)?;
    call.kernel.allow(call.caller()?, action, call.kernel.slot(&account)?)?;
    Ok(account)
}
