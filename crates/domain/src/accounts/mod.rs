//! Accounts: subscribers, each with keys, a log and data of its own.
//!
//! An account is a row, not a mount: it costs a head, its keys and one register entry. Its slot is
//! the index of the `house` entry that created it; its readable id and name lie sealed.

use crate::register::{self, Noun, act};
use kernel::authority::Verb;
use kernel::engine::Wants;
use kernel::id::AccountId;
use kernel::{
    Act, After, Error, HOUSE, Kernel, Operation, RecordKey, Replay, Result, Target, Work, on_house,
};
use serde::{Deserialize, Serialize};

act!(
    /// Creating an account.
    Create, "account.create", Some(Verb::Open), false
);
act!(
    /// Looking at an account.
    Look, "account.read", None, false
);
act!(
    /// Listing accounts.
    ListAccounts, "account.list", None, false
);

/// Longest name of an account, in characters.
const NAME_CHARS: usize = 200;

/// An account as the register keeps it.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub struct Account {
    /// `account/v1`.
    pub format: String,
    /// Its readable id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its slot.
    pub slot: u64,
    /// When it was created, µs since 1970.
    pub created: u64,
}

/// The readable id of an account: the entry of `house` at its slot says which one it created.
///
/// # Errors
/// `Unavailable` if the store cannot be read.
pub fn readable(kernel: &Kernel, slot: u64) -> Result<String> {
    if slot == HOUSE {
        return Ok("house".to_owned());
    }
    let entry = kernel.entries(HOUSE, slot, 1, true)?.pop();
    let opening = entry.and_then(|entry| entry.opening);
    let object = opening.as_ref().and_then(|opening| opening.fields.get("object"));
    let id = object.and_then(|shown| shown.value.strip_prefix("accounts/"));
    Ok(id.map_or_else(|| format!("slot-{slot:016x}"), str::to_owned))
}

impl Noun for Account {
    const REGISTER: &'static str = "accounts";
    const NOUN: &'static str = "account";
    type Read = Look;
    type List = ListAccounts;
}

/// Creates an account.
pub struct CreateAccount {
    id: AccountId,
    name: String,
    tag: [u8; 16],
    key: RecordKey,
}

impl CreateAccount {
    /// With this id, or one made from the name.
    ///
    /// # Errors
    /// `Invalid` if the name is empty, too long or gives no id, or the id is taken by the house.
    pub fn new(kernel: &Kernel, id: Option<&str>, name: &str) -> Result<Self> {
        let name = name.trim();
        if name.is_empty()
            || name.chars().count() > NAME_CHARS
            || name.chars().any(char::is_control)
        {
            return Err(Error::invalid(
                "name",
                format!("an account's name has 1 to {NAME_CHARS} characters and no control ones"),
            ));
        }
        let id = match id {
            Some(id) => AccountId::parse(id)?,
            None => AccountId::from_name(name)?,
        };
        if id.as_str() == "house" {
            return Err(Error::invalid("id", "`house` is the provider's own: take another id"));
        }
        let tag = kernel.account_tag(&id);
        let key = register::key::<Account>(kernel, id.as_str())?;
        Ok(Self { id, name: name.to_owned(), tag, key })
    }
}

impl Operation for CreateAccount {
    type Output = Account;

    fn target(&self) -> Target {
        on_house(Create::ACTION)
    }

    fn wants(&self, wants: &mut Wants) {
        wants.heads_by_tag.push(self.tag);
        wants.record(&self.key);
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<Account>> {
        let allowed = work.load::<Create>(&self.key)?;
        if work.account_exists(&self.tag) || allowed.version() > 0 {
            return Err(Error::conflict(format!(
                "account `{}` exists: use it, or choose another `id`",
                self.id
            )));
        }
        let slot = work.found(self.tag)?;
        let account = Account {
            format: "account/v1".to_owned(),
            id: self.id.to_string(),
            name: self.name.clone(),
            slot,
            created: work.now().0,
        };
        let body = register::body(&account)?;
        work.save(allowed, body, vec![("slot", slot.to_string())])?;
        // The first entry of the account's own log says where `house` has it.
        work.note(slot, Create::ACTION.name, vec![("house", slot.to_string())]);
        Ok(After::now(account))
    }

    fn replay(&self, first: &Replay) -> Result<Account> {
        let lost = || Error::internal("the first answer cannot be rebuilt");
        let slot = first.field(0, "slot").and_then(|slot| slot.parse().ok()).ok_or_else(lost)?;
        let created = first.at().ok_or_else(lost)?.0;
        Ok(Account {
            format: "account/v1".to_owned(),
            id: self.id.to_string(),
            name: self.name.clone(),
            slot,
            created,
        })
    }
}

/// Looks at an account: an entry in its own log.
pub struct LookAt {
    account: u64,
    key: RecordKey,
}

impl LookAt {
    /// The account of this id.
    ///
    /// # Errors
    /// `NotFound` if there is none.
    pub fn new(kernel: &Kernel, id: &AccountId) -> Result<Self> {
        let key = register::key::<Account>(kernel, id.as_str())?;
        Ok(Self { account: kernel.slot(id)?, key })
    }
}

impl Operation for LookAt {
    type Output = Account;

    fn target(&self) -> Target {
        Target { action: Look::ACTION, account: self.account, collection: None }
    }

    fn wants(&self, wants: &mut Wants) {
        wants.record(&self.key);
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<Account>> {
        let seen = work.load::<Look>(&self.key)?;
        let missing = || Error::internal(format!("log {} has no register entry", self.account));
        let pointer = seen.present().ok_or_else(missing)?;
        work.note(self.account, Look::ACTION.name, vec![]);
        Ok(After::reveal(move |reveal| register::parse(&reveal.open(&pointer)?.body)))
    }
}
