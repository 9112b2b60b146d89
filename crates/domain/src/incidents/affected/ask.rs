//! Asking without an incident: an operation with an entry of its own that names the question and
//! the hash of what was shown. It shows ids, never bodies.

use super::answer::{Answer, AsOf};
use super::{Query, search};
use crate::register::{When, act};
use kernel::{Act, After, Error, HOUSE, Kernel, Operation, Result, Target, Work, on_house};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

act!(
    /// Asking which accounts are affected.
    Asked, "affected.ask", None, false
);

/// Records that one answer holds; more are asked for account by account.
const ITEMS: usize = 50_000;
/// Records of one account on one page.
const PAGE: usize = 10_000;

/// What is asked, and how much of the answer.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "AskAffected")]
pub struct Ask {
    /// Who or what: `person:NAME`, `service:NAME`, `member:NAME`, `token:ID`, `session:ID`,
    /// `address:IP`, `vendor:NAME`, or `anyone`.
    pub by: String,
    /// First moment of the time in question.
    pub from: When,
    /// First moment after it.
    pub to: When,
    /// The commit of an earlier answer: computes it again as the logs stood then.
    pub as_of: Option<AsOf>,
    /// The account whose records are wanted, where an answer has too many to hold them.
    pub account: Option<String>,
    /// How many of its records to leave out.
    #[serde(default)]
    pub after: usize,
}

/// An answer, or a part of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "ToldAffected")]
pub struct Told {
    /// SHA-256 over the whole answer as JSON without spaces, in hexadecimal.
    pub hash: String,
    /// Whether the whole answer is here, so that the hash can be checked.
    pub whole: bool,
    /// What to leave out for the next page of the account's records; nothing if there are no more.
    pub next: Option<usize>,
    /// The answer.
    pub answer: Answer,
}

/// Asks which accounts are affected.
pub struct AskAffected {
    told: Option<Told>,
    query: Query,
}

impl AskAffected {
    /// Computes the answer; this reads the logs and takes as long as that takes. Whoever calls it
    /// has asked [`Kernel::allow`] before, and shows nothing before the operation is committed.
    ///
    /// # Errors
    /// As [`search()`]; `Conflict` if the store's history is another one than the answer names.
    pub fn new(kernel: &Kernel, ask: Ask) -> Result<Self> {
        let query = Query { by: ask.by, from: ask.from, to: ask.to };
        let answer = search(kernel, query, ask.as_of.as_ref().map(|at| at.commit))?;
        if ask.as_of.as_ref().is_some_and(|at| *at != answer.as_of) {
            return Err(Error::conflict(
                "this store's history is not the one that the answer names: it was restored from \
                 an earlier copy, or is another store",
            ));
        }
        let query = answer.query.clone();
        let told = part(answer, ask.account.as_deref(), ask.after)?;
        Ok(Self { told: Some(told), query })
    }

    /// The question without its answer, for whoever may not ask: it is refused and recorded.
    pub fn unanswered(ask: &Ask) -> Self {
        Self { told: None, query: Query { by: ask.by.clone(), from: ask.from, to: ask.to } }
    }
}

fn part(mut answer: Answer, account: Option<&str>, after: usize) -> Result<Told> {
    let hash = answer.hash()?;
    let items: usize = answer.accounts.iter().map(|one| one.items.len()).sum();
    let Some(account) = account else {
        let whole = items <= ITEMS;
        if !whole {
            answer.accounts.iter_mut().for_each(|one| one.items.clear());
        }
        return Ok(Told { hash, whole, next: None, answer });
    };
    answer.accounts.retain(|one| one.account == account);
    let one = answer.accounts.first_mut().ok_or_else(|| {
        let account = kernel::id::shown(account);
        Error::not_found(format!("the answer has no account `{account}`"))
    })?;
    let all = one.items.len();
    one.items = std::mem::take(&mut one.items).into_iter().skip(after).take(PAGE).collect();
    let next = after.saturating_add(one.items.len());
    Ok(Told { hash, whole: false, next: Some(next).filter(|next| *next < all), answer })
}

impl Operation for AskAffected {
    type Output = Told;

    fn target(&self) -> Target {
        on_house(Asked::ACTION)
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<Told>> {
        let told = self
            .told
            .clone()
            .ok_or_else(|| Error::conflict("your rights changed while you asked: ask again"))?;
        let fields = vec![
            ("about", self.query.by.clone()),
            ("from", self.query.from.0.rfc3339()),
            ("to", self.query.to.0.rfc3339()),
            ("commit", told.answer.as_of.commit.to_string()),
            ("answer", told.hash.clone()),
            ("accounts", told.answer.accounts.len().to_string()),
        ];
        work.note(HOUSE, Asked::ACTION.name, fields);
        Ok(After::now(told))
    }
}
