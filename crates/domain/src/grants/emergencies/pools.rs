//! Pools of emergency access: who may reach what at once, without asking, because two people said
//! so beforehand.
//!
//! A pool gives nothing by itself. It names people, accounts, collections, verbs and the longest
//! time, for a quarter of a year at most; its second signature is what approves each grant that an
//! emergency begins. It counts only while whoever signed it is there and none of its holders.

use super::super::requests::APPROVERS;
use super::super::{check_collections, check_verbs};
use crate::accounts::Account;
use crate::register::{At, Day, Entry, Mark, Needs, Register, Row, Status, Step, Tone, line, step};
use crate::systems::entering;
use kernel::authority::Authority;
use kernel::id::{AccountId, PrincipalId};
use kernel::{Error, Moment, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Longest emergency access, in minutes: what takes longer is asked for.
pub const MOST_MINUTES: u32 = 60;

/// Longest life of a pool, in days; then it is looked at and signed again.
const MOST_DAYS: u32 = 92;

/// People and accounts that a pool names.
const MOST_NAMES: usize = 50;

/// A pool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Pool {
    /// What kind of emergency it is for.
    pub purpose: String,
    /// Who may use it: each `person:NAME`.
    pub holders: Vec<String>,
    /// The readable ids of the accounts, or `*` alone.
    pub accounts: Vec<String>,
    /// The collections, or `*` alone.
    pub collections: Vec<String>,
    /// What it allows.
    pub verbs: Vec<String>,
    /// Under which accounts of the host or roles of the database, for `connect`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub logins: Vec<String>,
    /// How long one use of it lasts, in minutes.
    pub minutes: u32,
    /// Last day it counts.
    pub to: Day,
    /// Who proposed it, and when.
    pub proposed: Mark,
    /// The second signature; without it the pool counts for nothing.
    pub approved: Option<Mark>,
    /// When it was ended before its time, if it was.
    pub ended: Option<Mark>,
}

impl Pool {
    /// Whether it counts at a moment, as far as it says itself.
    pub fn in_force(&self, now: Moment) -> bool {
        self.approved.is_some() && self.ended.is_none() && now < self.to.end()
    }

    /// Who signed it, if that still counts: they are there, hold a role for it, and hold nothing
    /// of it.
    pub(super) fn signatory(&self, rights: &Authority) -> Option<PrincipalId> {
        let by = &self.approved.as_ref()?.by;
        let one = rights.principal(&PrincipalId::parse(by).ok()?)?;
        let role = one.roles.iter().any(|role| APPROVERS.contains(&role.as_str()));
        (one.active && role && one.vendor.is_none() && !self.holders.contains(by))
            .then(|| one.id.clone())
    }
}

/// A pool to be proposed.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPool {
    /// The unique name: 1–64 of `a-z 0-9 . _ -`.
    pub name: String,
    /// What kind of emergency it is for, on one line.
    pub purpose: String,
    /// Who may use it: each `person:NAME`, of the provider's own people.
    pub holders: Vec<String>,
    /// The ids of the accounts, or `*` alone; `house` alone for systems.
    pub accounts: Vec<String>,
    /// The collections, or `*` alone; the systems by their ids, for `connect`.
    pub collections: Vec<String>,
    /// Some of `read`, `write`, `delete`, `export`; or `connect` alone, for systems.
    pub verbs: Vec<String>,
    /// Under which accounts of the host or roles of the database, for `connect`: 1 to 8 of them.
    #[serde(default)]
    pub logins: Vec<String>,
    /// How long one use of it lasts, in minutes: 1 to 60.
    pub minutes: u32,
    /// Last day it counts, within 92 days.
    pub to: Day,
}

impl Row for Pool {
    const NOUN: &'static str = "emergency-pool";
    const REGISTER: &'static str = "emergency-pools";
    const FORMAT: &'static str = "emergency-pool/v1";
    const ADD: &'static str = "emergency-pool.add";
    const READ: &'static str = "emergency-pool.read";
    const LIST: &'static str = "emergency-pool.list";
    type New = NewPool;

    fn id(new: &NewPool) -> Option<&str> {
        Some(&new.name)
    }

    fn needs(new: &NewPool, needs: &mut Needs<'_>) -> Result<()> {
        let every = new.accounts.iter().any(|one| one == "*");
        let count = new.accounts.len();
        if count == 0 || count > MOST_NAMES || (every && count > 1) {
            let why = format!("name 1 to {MOST_NAMES} accounts, or `*` alone");
            return Err(Error::invalid("accounts", why));
        }
        if new.accounts.iter().any(|one| entering::is(one, &new.verbs)) {
            return entering::needs(&new.collections, needs);
        }
        for account in new.accounts.iter().filter(|_| !every) {
            let id = AccountId::parse(account);
            let id = id.map_err(|error| Error::invalid("accounts", error.message()))?;
            needs.noun::<Account>(id.as_str())?;
        }
        Ok(())
    }

    fn add(new: &NewPool, at: &mut At<'_, '_>) -> Result<Self> {
        if new.holders.is_empty() || new.holders.len() > MOST_NAMES {
            return Err(Error::invalid("holders", format!("name 1 to {MOST_NAMES} people")));
        }
        for holder in &new.holders {
            if at.person("holders", holder)?.vendor.is_some() {
                let why = format!("`{holder}` works for a vendor, and vendors ask for access");
                return Err(Error::invalid("holders", why));
            }
        }
        reach(new, at)?;
        if new.minutes == 0 || new.minutes > MOST_MINUTES {
            let why = format!("state 1 to {MOST_MINUTES} minutes");
            return Err(Error::invalid("minutes", why));
        }
        if new.to.end() <= at.now() || new.to > Day::of(at.now()).plus(MOST_DAYS) {
            let why = format!("state a day from today on, within {MOST_DAYS} days");
            return Err(Error::invalid("to", why));
        }
        at.tell("holders", new.holders.join(","));
        at.tell("accounts", new.accounts.join(","));
        at.tell("verbs", new.verbs.join(","));
        if !new.logins.is_empty() {
            at.tell("logins", new.logins.join(","));
        }
        at.tell("until", new.to.to_string());
        Ok(Self {
            purpose: line("purpose", &new.purpose, 200)?,
            holders: new.holders.clone(),
            accounts: new.accounts.clone(),
            collections: new.collections.clone(),
            verbs: new.verbs.clone(),
            logins: new.logins.clone(),
            minutes: new.minutes,
            to: new.to,
            proposed: at.mark(),
            approved: None,
            ended: None,
        })
    }

    fn status(&self, now: Moment) -> Status {
        match () {
            () if self.ended.is_some() => Status::of("ended", Tone::Past),
            () if self.to.end() <= now => Status::of("over", Tone::Past),
            () if self.approved.is_none() => Status::of("proposed", Tone::Due)
                .what("it counts for nothing until another person signs it")
                .due(self.to.end())
                .who("approver"),
            () => Status::of("ready", Tone::Good).due(self.to.end()),
        }
    }
}

/// Refuses accounts, collections and verbs that do not hold together.
fn reach(new: &NewPool, at: &At<'_, '_>) -> Result<()> {
    if new.accounts.iter().any(|one| entering::is(one, &new.verbs)) {
        let [account] = new.accounts.as_slice() else {
            let why = "systems are reached by a pool of their own, with the account `house` alone";
            return Err(Error::invalid("accounts", why));
        };
        entering::alone("accounts", account, &new.verbs)?;
        check_collections(&new.collections)?;
        entering::in_use(&new.collections, at)?;
        return entering::check_logins(&new.logins);
    }
    if !new.logins.is_empty() {
        let why = "they are of systems alone: leave them out, or name `connect`";
        return Err(Error::invalid("logins", why));
    }
    for account in new.accounts.iter().filter(|one| *one != "*") {
        if at.find_noun::<Account>(account)?.is_none() {
            let account = kernel::id::shown(account);
            return Err(Error::invalid("accounts", format!("there is no account `{account}`")));
        }
    }
    check_collections(&new.collections)?;
    check_verbs(&new.verbs, false)
}

/// Signs a pool, as a second person who holds nothing of it.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Sign {}

impl Step<Pool> for Sign {
    const ACTION: &'static str = "emergency-pool.sign";

    fn apply(&self, row: &mut Pool, at: &mut At<'_, '_>) -> Result<()> {
        if row.approved.is_some() || row.ended.is_some() || row.to.end() <= at.now() {
            return Err(Error::conflict("this pool is signed, ended or over already"));
        }
        at.another_than(&row.proposed.by, &APPROVERS, "a pool of emergency access")?;
        if row.holders.iter().any(|holder| holder == at.by().as_str()) {
            return Err(Error::forbidden("whoever may use the pool does not sign it: ask another"));
        }
        row.approved = Some(at.mark());
        Ok(())
    }
}

/// Ends a pool; what was begun from it goes on to its own end.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct End {
    /// Why.
    pub reason: String,
}

impl Step<Pool> for End {
    const ACTION: &'static str = "emergency-pool.end";

    fn apply(&self, row: &mut Pool, at: &mut At<'_, '_>) -> Result<()> {
        if row.ended.is_some() {
            return Err(Error::conflict("this pool has ended already"));
        }
        at.tell("reason", line("reason", &self.reason, 500)?);
        row.ended = Some(at.mark());
        Ok(())
    }
}

const STEPS: &[Entry] = &[
    step::<Pool, Sign>("sign", "Signs the pool, as a second person who holds nothing of it"),
    step::<Pool, End>("end", "Ends the pool"),
];

/// The register, as the faces know it.
pub const REGISTER: Register = Register::of::<Pool>(
    "access",
    "Who may reach what in an emergency, approved beforehand by two people",
)
.serves(&["E5.1", "E5.6"])
.first("Propose a pool: who may reach what in an emergency, and for how many minutes")
.columns(&["purpose", "holders", "accounts", "verbs", "minutes", "to"])
.steps(STEPS);
