//! Who may read a row that not everybody may read whose role opens its register: need to know.
//!
//! A row says so of itself, or names the row whose word counts, as a breach names its incident. All
//! reading of registers comes through here: one row, its versions, a page, and every step. Whoever
//! may not read a row gets the answer of a row that does not exist, in every one of them.
//!
//! It bounds people of the provider alone. What the kernel does by itself sees every row, and so do
//! operations that rest on a secret of their own; members of accounts have operations of their own.

use super::{Mark, Noun, line, parse};
use kernel::authority::Principal;
use kernel::{Error, HOUSE, Moment, Pointer, Result, Work};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Roles that read every such row, unless somebody is excluded by name: who answers for security,
/// and who answers for the law.
pub const ALWAYS: [&str; 2] = ["security-lead", "counsel"];

/// People that one row admits or excludes.
const MOST: usize = 100;

/// Who may read a row, besides what roles say.
pub enum Readers<'a> {
    /// Everybody whose role opens the register.
    Everybody,
    /// Who is named here.
    Named(&'a NeedToKnow),
    /// Whoever may read the row of this id in this register, whose field `need_to_know` counts.
    As(&'static str, &'a str),
    /// These principals, and the provider's own people who oversee what others may do.
    Involved(Vec<&'a str>),
}

/// Roles of the provider's own people that oversee what others may do, as the policy
/// `registers-seen` names them.
pub const OVERSEERS: [&str; 7] = [
    "administrator",
    "auditor",
    "security-lead",
    "responder",
    "approver",
    "vendor-manager",
    "counsel",
];

/// Somebody who was admitted or excluded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Named {
    /// Who: `person:NAME`.
    pub person: String,
    /// Why.
    pub why: String,
    /// Who said so, and when.
    pub mark: Mark,
}

/// Whether only named people may read a row, and who they are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NeedToKnow {
    /// Since when only they may, who said so and why; nothing while everybody may whose role
    /// opens the register.
    pub since: Option<Restricted>,
    /// Who takes part.
    pub participants: Vec<Named>,
    /// Who may not read it while it is restricted, whatever their role.
    pub excluded: Vec<Named>,
}

/// That only named people may read a row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Restricted {
    /// Why.
    pub why: String,
    /// Who said so, and when.
    pub mark: Mark,
}

impl NeedToKnow {
    /// Whether this person of the provider may read the row.
    pub fn lets(&self, one: &Principal) -> bool {
        if self.since.is_none() {
            return true;
        }
        let among = |list: &[Named]| list.iter().any(|named| named.person == one.id.as_str());
        if among(&self.excluded) {
            return false;
        }
        let always = one.roles.iter().any(|role| ALWAYS.contains(&role.as_str()));
        among(&self.participants) || (always && one.vendor.is_none())
    }

    /// Makes it so that only those who take part may read.
    ///
    /// # Errors
    /// `Conflict` if it is so already.
    pub fn restrict(&mut self, why: &str, mark: Mark) -> Result<()> {
        if self.since.is_some() {
            return Err(Error::conflict("it is restricted already: admit or exclude people"));
        }
        self.since = Some(Restricted { why: line("reason", why, 500)?, mark });
        Ok(())
    }

    /// Lets everybody read again whose role opens the register.
    ///
    /// # Errors
    /// `Conflict` if it is so already.
    pub fn share(&mut self) -> Result<()> {
        match self.since.take() {
            Some(_) => Ok(()),
            None => Err(Error::conflict("everybody may read it already whose role opens it")),
        }
    }

    /// Admits somebody, who is excluded no longer.
    ///
    /// # Errors
    /// `Limit` for too many.
    pub fn admit(&mut self, person: &str, why: &str, mark: Mark) -> Result<()> {
        self.excluded.retain(|one| one.person != person);
        if self.participants.iter().any(|one| one.person == person) {
            return Ok(());
        }
        put(&mut self.participants, person, why, mark)
    }

    /// Excludes somebody, who takes part no longer.
    ///
    /// # Errors
    /// `Limit` for too many.
    pub fn exclude(&mut self, person: &str, why: &str, mark: Mark) -> Result<()> {
        self.participants.retain(|one| one.person != person);
        self.excluded.retain(|one| one.person != person);
        put(&mut self.excluded, person, why, mark)
    }

    /// Since when it is restricted, if it is.
    pub fn restricted(&self) -> Option<Moment> {
        self.since.as_ref().map(|since| since.mark.at.0)
    }
}

fn put(list: &mut Vec<Named>, person: &str, why: &str, mark: Mark) -> Result<()> {
    if list.len() >= MOST {
        return Err(Error::limit(format!("at most {MOST} people are named: take somebody out")));
    }
    let why = line("reason", why, 500)?;
    list.push(Named { person: person.to_owned(), why, mark });
    Ok(())
}

/// What of another row says who may read it.
#[derive(Deserialize)]
struct Said {
    #[serde(default)]
    need_to_know: NeedToKnow,
}

/// What was found of rows that others name, so that a page asks for each once.
#[derive(Default)]
pub(super) struct Asked(BTreeMap<String, bool>);

impl Asked {
    /// Whether whoever acts may read this row.
    pub(super) fn may<N: Noun>(&mut self, work: &Work<'_>, row: &N) -> Result<bool> {
        if work.by_kernel() || work.caller().principal.parts().0 != "person" {
            return Ok(true);
        }
        let (register, id) = match row.readers() {
            Readers::Everybody => return Ok(true),
            Readers::Named(said) => return lets(work, said),
            Readers::As(register, id) => (register, id),
            Readers::Involved(people) => return involved(work, &people),
        };
        if let Some(known) = self.0.get(id) {
            return Ok(*known);
        }
        let key = work.key(HOUSE, register, id)?;
        let said = work.look_late(&key)?.map(|body| serde_json::from_slice::<Said>(&body));
        let bad = |error| Error::internal(format!("`{register}/{id}` has another form: {error}"));
        let may = match said.transpose().map_err(bad)? {
            Some(said) => lets(work, &said.need_to_know)?,
            None => true,
        };
        self.0.insert(id.to_owned(), may);
        Ok(may)
    }
}

fn involved(work: &Work<'_>, people: &[&str]) -> Result<bool> {
    let caller = &work.caller().principal;
    if people.contains(&caller.as_str()) {
        return Ok(true);
    }
    let one = work.rights()?.principal(caller);
    let oversees = |one: &Principal| one.roles.iter().any(|r| OVERSEERS.contains(&r.as_str()));
    Ok(one.is_some_and(|one| one.vendor.is_none() && oversees(&one)))
}

fn lets(work: &Work<'_>, said: &NeedToKnow) -> Result<bool> {
    if said.since.is_none() {
        return Ok(true);
    }
    let one = work.rights()?.principal(&work.caller().principal);
    Ok(one.is_some_and(|one| said.lets(&one)))
}

/// Whether whoever acts may read this row.
pub(super) fn may<N: Noun>(work: &Work<'_>, row: &N) -> Result<bool> {
    Asked::default().may(work, row)
}

/// Those of a page that whoever acts may read.
pub(super) fn readable<N: Noun>(work: &Work<'_>, rows: Vec<Pointer>) -> Result<Vec<Pointer>> {
    if !N::RESTRICTED || work.by_kernel() {
        return Ok(rows);
    }
    let mut asked = Asked::default();
    let mut seen = Vec::with_capacity(rows.len());
    for pointer in rows {
        if asked.may(work, &parse::<N>(&work.body(&pointer)?)?)? {
            seen.push(pointer);
        }
    }
    Ok(seen)
}
