//! Accounts on the wire.

use super::shared::{changed, page};
use crate::answer::Answer;
use crate::body::typed;
use crate::problem::Problem;
use crate::request::Call;
use domain::accounts::{Account, CreateAccount, LookAt};
use domain::register::{List, shown};
use hyper::StatusCode;
use kernel::id::AccountId;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An account to be created.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewAccount {
    /// 1–64 of `a-z 0-9 - _`; made from the name if it is not there.
    id: Option<String>,
    /// The subscriber's name.
    name: String,
}

/// An account.
#[derive(Serialize, JsonSchema)]
pub(crate) struct ListedAccount {
    /// Its id.
    id: String,
    /// The subscriber's name.
    name: String,
    /// When it was created (RFC 3339).
    created: String,
}

/// An account with the number by which its log is known.
#[derive(Serialize, JsonSchema)]
pub(crate) struct AccountWithSlot {
    #[serde(flatten)]
    account: ListedAccount,
    /// The number of its log.
    slot: u64,
}

/// An account with the key of its log.
#[derive(Serialize, JsonSchema)]
pub(crate) struct SeenAccount {
    #[serde(flatten)]
    account: AccountWithSlot,
    /// The verifier key of its log (C2SP).
    vkey: String,
}

pub(crate) async fn create(call: Call) -> Result<Answer, Problem> {
    let new: NewAccount = typed(&call.body)?;
    if let Some(Err(wrong)) = new.id.as_deref().map(AccountId::parse) {
        // In a path it is called otherwise.
        return Err(Problem::invalid("id", wrong.message()));
    }
    let done = call.submit(CreateAccount::new(&call.kernel, new.id.as_deref(), &new.name)?).await?;
    let place = format!("/v1/accounts/{}", done.output.id);
    Ok(changed(StatusCode::CREATED, with_slot(done.output), done.receipts)?.location(&place))
}

pub(crate) async fn list(call: Call) -> Result<Answer, Problem> {
    let list = List::<Account>::new(&call.kernel, call.limit()?, call.after())?;
    let done = call.submit(list).await?;
    page(done.output, &done.receipts, |account| Ok(listed(account)))
}

pub(crate) async fn read(call: Call) -> Result<Answer, Problem> {
    let id = AccountId::parse(call.part("account"))?;
    let done = call.submit(LookAt::new(&call.kernel, &id)?).await?;
    let vkey = call.kernel.vkey(done.output.slot)?;
    let seen = SeenAccount { account: with_slot(done.output), vkey };
    Ok(Answer::json(StatusCode::OK, &seen)?.receipt(done.receipts.first()))
}

fn listed(account: Account) -> ListedAccount {
    ListedAccount { id: account.id, name: account.name, created: shown(account.created) }
}

fn with_slot(account: Account) -> AccountWithSlot {
    AccountWithSlot { slot: account.slot, account: listed(account) }
}
