//! Who accessed what: the entries of every log by who acted, or of one account's log, newest first.
//!
//! For those who answer for security: it opens what entries hide, and is an entry of `house` that
//! says what was asked.

use crate::accounts::readable;
use crate::register::{When, act};
use kernel::engine::Span;
use kernel::id::{AccountId, PrincipalId};
use kernel::{
    Act, After, Error, Fed, HOUSE, Kernel, Moment, Operation, Result, Target, Told, Trace, Work,
    on_house,
};
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::Duration;

act!(
    /// Exploring who accessed what.
    Exploring, "access.explore", None, false
);

/// Entries that one page shows.
pub const PAGE: usize = 100;

/// Entries that one page looks at; fewer may fit the question.
const LOOKED_AT: usize = 5_000;

/// The longest time that one question is about.
const LONGEST: Duration = Duration::from_secs(92 * 86_400);

/// What is asked: by whom, on which account, or both, from one moment until before another.
#[derive(Clone, Debug)]
pub struct Question {
    /// Who acted.
    pub who: Option<PrincipalId>,
    /// On which account.
    pub account: Option<AccountId>,
    /// Whether only what touched Service Data counts: records, lists, histories, transfers.
    pub data: bool,
    /// The first moment.
    pub from: Moment,
    /// The first moment after it.
    pub to: Moment,
    /// What the page before said, to go on behind it.
    pub after: Option<u64>,
}

/// An access, as its entry tells it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "ExploredAccess")]
pub struct Explored {
    /// The account, by its readable id.
    pub account: String,
    /// The entry's index in the account's log.
    pub index: u64,
    /// When.
    pub at: When,
    /// What was done.
    pub kind: String,
    /// The entry's fields: `actor`, `object`, `grant` and what else it says; none once erased.
    pub fields: BTreeMap<String, String>,
}

/// A page of accesses.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "ExploredAccesses")]
pub struct Found {
    /// The accesses: of an account alone newest first, otherwise oldest first.
    pub items: Vec<Explored>,
    /// What to state as `after` for the next page; nothing at the end.
    pub next: Option<u64>,
    /// Entries that were looked at for this page.
    pub looked_at: usize,
}

/// Asks who accessed what.
pub struct Explore {
    kernel: Kernel,
    question: Question,
    slot: Option<u64>,
}

impl Explore {
    /// As stated.
    ///
    /// # Errors
    /// `Invalid` without a person, service or account, or for more than 92 days; `NotFound` if
    /// there is no such account.
    pub fn new(kernel: &Kernel, question: Question) -> Result<Self> {
        if question.who.is_none() && question.account.is_none() {
            return Err(Error::invalid("who", "state who acted, or on which account"));
        }
        if question.to <= question.from || question.to.since(question.from) > LONGEST {
            return Err(Error::invalid("from", "ask about more than nothing and up to 92 days"));
        }
        let slot = question.account.as_ref().map(|account| kernel.slot(account)).transpose()?;
        Ok(Self { kernel: kernel.clone(), question, slot })
    }
}

impl Operation for Explore {
    type Output = Found;

    fn target(&self) -> Target {
        on_house(Exploring::ACTION)
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<Found>> {
        let question = &self.question;
        let mut asked = vec![
            ("from", question.from.rfc3339()),
            ("until", question.to.rfc3339()),
            ("data", question.data.to_string()),
        ];
        asked.extend(question.who.iter().map(|who| ("who", who.to_string())));
        asked.extend(question.account.iter().map(|account| ("account", account.to_string())));
        work.note(HOUSE, Exploring::ACTION.name, asked);
        let (kernel, question, slot) = (self.kernel.clone(), question.clone(), self.slot);
        Ok(After::reveal(move |_| match (&question.who, slot) {
            (Some(who), _) => by(&kernel, who, slot, &question),
            (None, Some(slot)) => on(&kernel, slot, &question),
            (None, None) => Ok(Found::default()),
        }))
    }
}

/// By whom, over every log, oldest first.
fn by(kernel: &Kernel, who: &PrincipalId, slot: Option<u64>, asked: &Question) -> Result<Found> {
    let span = kernel.span(asked.from, asked.to, i64::MAX)?;
    let after = asked.after.and_then(|row| i64::try_from(row).ok()).unwrap_or(0).max(span.after);
    let span = Span { after, until: span.until };
    // Where everything counts, a page needs no more than it shows.
    let limit = if slot.is_none() && !asked.data { PAGE } else { LOOKED_AT };
    let rows = kernel.trace(&Trace::Actor(who.clone()), span, limit)?;
    let mut found = Found::default();
    let (mut last, mut names) = (None, Names::default());
    for one in &rows {
        let entry = &one.entry;
        found.looked_at += 1;
        last = u64::try_from(entry.row).ok();
        if slot.is_none_or(|slot| slot == entry.account) && wanted(&entry.kind, asked) {
            found.items.push(names.explored(kernel, entry)?);
        }
        if found.items.len() == PAGE {
            found.next = last;
            return Ok(found);
        }
    }
    found.next = last.filter(|_| rows.len() == limit);
    Ok(found)
}

/// On an account, newest first; `after` is the index of the last entry of the page before.
fn on(kernel: &Kernel, slot: u64, asked: &Question) -> Result<Found> {
    // What is newer than the question is not read.
    let until = kernel.span(asked.from, asked.to, i64::MAX)?.until;
    let size = kernel.size_at(slot, until)?;
    let mut before = asked.after.map_or(size, |after| after.min(size));
    let (mut found, mut names) = (Found::default(), Names::default());
    while before > 0 && found.looked_at < LOOKED_AT {
        let from = before.saturating_sub(PAGE as u64);
        let entries = kernel.told(slot, from, before - from)?;
        found.looked_at += entries.len();
        for entry in entries.iter().rev() {
            if entry.time < asked.from {
                return Ok(found);
            }
            before = entry.index;
            if entry.time < asked.to && wanted(&entry.kind, asked) {
                found.items.push(names.explored(kernel, entry)?);
            }
            if found.items.len() == PAGE {
                found.next = Some(before).filter(|before| *before > 0);
                return Ok(found);
            }
        }
        before = from;
    }
    found.next = Some(before).filter(|before| *before > 0);
    Ok(found)
}

fn wanted(kind: &str, asked: &Question) -> bool {
    !asked.data || kind.starts_with("record.") || kind == "transfer.add"
}

/// Ids of accounts, each read once.
#[derive(Default)]
struct Names(BTreeMap<u64, String>);

impl Names {
    fn explored(&mut self, kernel: &Kernel, entry: &Fed) -> Result<Explored> {
        let account = match self.0.get(&entry.account) {
            Some(known) => known.clone(),
            None => readable(kernel, entry.account)?,
        };
        self.0.insert(entry.account, account.clone());
        let fields = match &entry.fields {
            Told::Fields(fields) => fields.clone(),
            Told::Erased | Told::Closed(_) => BTreeMap::new(),
        };
        let (index, at, kind) = (entry.index, When(entry.time), entry.kind.clone());
        Ok(Explored { account, index, at, kind, fields })
    }
}
