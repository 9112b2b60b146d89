//! Accounts: the subscribers.

use super::{boxed, none_closed, stateless, unread, versions, when};
use domain::accounts::{Account, Create, CreateAccount, ListAccounts, Look, LookAt};
use domain::register::{Boxed, Entry, List, On, Page, Register, Status, Tone, When, stated};
use kernel::id::AccountId;
use kernel::{Act, Kernel, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An account, as pages show one.
#[derive(Serialize, JsonSchema)]
struct Shown {
    /// What it is now.
    state: Status,
    /// Its readable id.
    id: String,
    /// Its name.
    name: String,
    /// Its slot: where its log is, and what its origin contains.
    slot: u64,
    /// When it was created.
    created: When,
}

/// An account to be created.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NewAccount {
    /// Its name, 1 to 200 characters.
    name: String,
    /// Its readable id: 1–64 of `a-z 0-9 - _`; without one it is made from the name.
    id: Option<String>,
}

fn page_of(account: Account) -> Shown {
    Shown {
        state: Status::of("active", Tone::Good),
        id: account.id,
        name: account.name,
        slot: account.slot,
        created: when(account.created),
    }
}

fn create(kernel: &Kernel, _: On<'_>, body: &[u8]) -> Result<Boxed> {
    let NewAccount { name, id } = stated(body)?;
    Ok(boxed("account", CreateAccount::new(kernel, id.as_deref(), &name)?, page_of))
}

fn get(kernel: &Kernel, id: &str) -> Result<Boxed> {
    Ok(boxed("account", LookAt::new(kernel, &AccountId::parse(id)?)?, page_of))
}

fn page(kernel: &Kernel, limit: usize, after: Option<&str>) -> Result<Boxed> {
    let list = List::<Account>::new(kernel, limit, after)?;
    Ok(boxed("account", list, |page: Page<Account>| page.map(page_of)))
}

/// The register, as pages know it.
pub(super) const REGISTER: Register = Register {
    noun: "account",
    command: "account",
    plural: "accounts",
    purpose: "The subscribers, each with keys, a log and data of its own",
    obligations: &["E2.1", "F2"],
    first: "Create an account: whoever creates one holds a grant with `open`",
    columns: &["name", "slot", "created"],
    area: "open",
    readers: "look",
    read: Look::ACTION,
    list: ListAccounts::ACTION,
    shown: |generator| generator.subschema_for::<Shown>(),
    add: Entry {
        verb: "add",
        summary: "Creates the account, with keys and a log of its own",
        area: None,
        action: Create::ACTION,
        schema: |generator| generator.subschema_for::<NewAccount>(),
        make: create,
    },
    steps: &[],
    get,
    page,
    history: versions::<Account>,
    rows: unread,
    states: stateless,
    closed: none_closed,
};
