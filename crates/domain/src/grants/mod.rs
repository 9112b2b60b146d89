//! Grants: the right to do something with named accounts, for a purpose and for a while.
//!
//! A role gives eligibility; only a grant gives access. Grants are never deleted: they expire or
//! are ended, and stay in the register. Whoever approves does not hold, and does not own the
//! service that holds; while there is only one administrator, approving for oneself is allowed,
//! marked `bootstrap` in every entry that rests on it, and E5.1 and E5.6 are failing.

pub mod approving;
mod bounds;
pub mod emergencies;
mod ending;
mod moving;
pub mod reach;
pub mod requests;
pub mod reviews;
mod settling;
pub mod uses;

pub use ending::{EndGrant, ReleaseGrant};
pub use moving::MovePerson;
pub(crate) use moving::{MoveRoles, move_to};
pub use settling::settle;

use requests::Terms;

use crate::people::administrators;
use crate::register::{self, Noun, act, line};
use kernel::authority::{self, Verb};
use kernel::engine::Wants;
use kernel::id::{AccountId, Collection, PrincipalId};
use kernel::limits::{GRANT_WINDOW, PURPOSE_BYTES};
use kernel::{
    Act, After, Error, HOUSE, Kernel, Moment, Operation, RecordKey, Replay, Result, Target, Work,
    on_house,
};
use serde::{Deserialize, Serialize};
use std::time::Duration;

act!(
    /// Approving a grant.
    Create, "grant.create", None, true
);
act!(
    /// Ending a grant before its time.
    End, "grant.end", None, true
);
act!(
    /// Giving back a grant before its time, by its holder.
    Release, "grant.release", None, true
);
act!(
    /// Looking at a grant.
    Look, "grant.read", None, false
);
act!(
    /// Listing grants.
    ListGrants, "grant.list", None, false
);
act!(
    /// A grant's window closed.
    Expired, "grant.expired", None, false
);

/// The job that notes the end of a grant's window.
pub const EXPIRE: &str = "grant.expired";

/// Field of the entry that gives a grant, if its approver holds it or owns the service that does.
const SELF_APPROVED: &str = "bootstrap";

/// Field of the entry that gives a grant, with the engagement it is under.
const ENGAGEMENT: &str = "engagement";

/// A grant as the register keeps it.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub struct Grant {
    /// `grant/v1`.
    pub format: String,
    /// Its id.
    pub id: String,
    /// Who holds it.
    pub to: String,
    /// The account's readable id, or `*`.
    pub account: String,
    /// The account's slot; none for `*`.
    pub slot: Option<u64>,
    /// The collections, or `*` alone.
    pub collections: Vec<String>,
    /// What it allows.
    pub verbs: Vec<String>,
    /// What for.
    pub purpose: String,
    /// First moment it counts, µs since 1970.
    pub not_before: u64,
    /// First moment it counts no more, µs since 1970.
    pub not_after: u64,
    /// Who approved it.
    pub approver: String,
    /// Approved by the only administrator there was, for itself or its own service.
    pub bootstrap: bool,
    /// When it was ended, if it was.
    pub ended: Option<u64>,
    /// Index of the `house` entry that gave it.
    pub given: u64,
    /// The engagement it was given under, for a vendor's people and services.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engagement: Option<String>,
    /// The access request that led to it, by its id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<String>,
    /// Who ended it, if somebody did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_by: Option<String>,
    /// The emergency that began it, by its id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub emergency: Option<String>,
    /// Under which logins it reaches systems, for `connect`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub logins: Vec<String>,
    /// The one command that may be run there, if one is forced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
}

impl Noun for Grant {
    const REGISTER: &'static str = "grants";
    const NOUN: &'static str = "grant";
    type Read = Look;
    type List = ListGrants;
}

impl Grant {
    /// A grant on these terms, approved by somebody else than its holder.
    fn on(id: &str, terms: &Terms, approver: &str, span: (Moment, Moment), given: u64) -> Self {
        Self {
            format: "grant/v1".to_owned(),
            id: id.to_owned(),
            to: terms.to.clone(),
            account: terms.account.clone(),
            slot: terms.slot,
            collections: terms.collections.clone(),
            verbs: terms.verbs.clone(),
            purpose: terms.purpose.clone(),
            not_before: span.0.0,
            not_after: span.1.0,
            approver: approver.to_owned(),
            bootstrap: false,
            ended: None,
            given,
            engagement: None,
            request: None,
            ended_by: None,
            emergency: None,
            logins: terms.logins.clone(),
            command: terms.command.clone(),
        }
    }

    /// The grant as the authority takes it.
    ///
    /// # Errors
    /// `Internal` if a stored value has another form.
    pub fn right(&self) -> Result<authority::Grant> {
        let every = self.collections.iter().any(|name| name == "*");
        let named = self.collections.iter().map(|name| Collection::parse(name));
        let bad = || Error::internal("a stored grant has another form");
        let verbs = self.verbs.iter().map(|verb| Verb::parse(verb).ok_or_else(bad));
        Ok(authority::Grant {
            id: self.id.clone(),
            given: self.given,
            holder: PrincipalId::parse(&self.to)?,
            account: self.slot,
            collections: if every { None } else { Some(named.collect::<Result<_>>()?) },
            verbs: verbs.collect::<Result<_>>()?,
            purpose: self.purpose.clone(),
            not_before: Moment(self.not_before),
            not_after: Moment(self.not_after),
            approver: PrincipalId::parse(&self.approver)?,
            bootstrap: self.bootstrap,
            ended: self.ended.is_some(),
            engagement: self.engagement.clone(),
            emergency: self.emergency.is_some(),
        })
    }

    /// What it is at this moment, in one word.
    pub fn state(&self, now: Moment) -> &'static str {
        match () {
            () if self.ended.is_some() => "ended",
            () if self.not_after <= now.0 => "expired",
            () if now.0 < self.not_before => "approved",
            () => "active",
        }
    }
}

/// What is asked for in a grant.
#[derive(Clone, Debug)]
pub struct Wish {
    /// Who shall hold it: `service:NAME` or `person:NAME`.
    pub to: String,
    /// The account's readable id, or `*`.
    pub account: String,
    /// The collections, or `*` alone.
    pub collections: Vec<String>,
    /// What it shall allow.
    pub verbs: Vec<String>,
    /// What for.
    pub purpose: String,
    /// How long.
    pub window: Duration,
}

/// Approves a grant.
pub struct CreateGrant {
    terms: Terms,
    window: Duration,
    to: PrincipalId,
    id: String,
    key: RecordKey,
}

impl CreateGrant {
    /// As wished. `id` is 16 random bytes.
    ///
    /// # Errors
    /// `Invalid` with the field that is wrong; `NotFound` if there is no such account.
    pub fn new(kernel: &Kernel, wish: Wish, id: [u8; 16]) -> Result<Self> {
        let to = PrincipalId::parse(&wish.to).map_err(|e| Error::invalid("to", e.message()))?;
        let slot = match wish.account.as_str() {
            "*" => None,
            id => Some(kernel.slot(&AccountId::parse(id)?)?),
        };
        check_collections(&wish.collections)?;
        check_verbs(&wish.verbs, slot.is_none())?;
        check_window(wish.window)?;
        let terms = Terms {
            to: to.to_string(),
            account: wish.account,
            slot,
            collections: wish.collections,
            verbs: wish.verbs,
            purpose: line("purpose", &wish.purpose, PURPOSE_BYTES)?,
            reference: String::new(),
            for_seconds: wish.window.as_secs(),
            extends: None,
            logins: vec![],
            command: None,
        };
        let id = format!("grant_{:032x}", u128::from_be_bytes(id));
        let key = register::key::<Grant>(kernel, &id)?;
        Ok(Self { terms, window: wish.window, to, id, key })
    }

    fn row(&self, work: &Work<'_>) -> Result<Grant> {
        let approver = work.caller().principal.clone();
        let holder = work.rights()?.principal(&self.to);
        let grantable =
            |one: &std::sync::Arc<authority::Principal>| one.active && one.account.is_none();
        let holder = holder.filter(grantable).ok_or_else(|| {
            Error::invalid("to", format!("`{}` is no active person or service", self.to))
        })?;
        let own = approver == self.to || holder.owner.as_ref() == Some(&approver);
        if holder.owner.is_none() && !own {
            return Err(Error::forbidden(
                "a person asks for access and others approve it (`bailee request`): only services \
                 are given grants directly",
            ));
        }
        if own && administrators(work.rights()?) > 1 {
            return Err(Error::forbidden(
                "whoever approves a grant neither holds it nor owns the service that does: \
                 let another administrator approve it",
            ));
        }
        let given = work.next_index(HOUSE)?;
        let mut row = self.given(&self.id, approver.as_str(), own, work.now(), given);
        if let Some(vendor) = &holder.vendor {
            let (rights, now) = (work.rights()?, work.now());
            row.engagement = Some(bounds::engagement(rights, vendor, &row.right()?, now)?);
        }
        Ok(row)
    }

    /// The grant as it was wished, given by this approver at this moment.
    fn given(&self, id: &str, approver: &str, bootstrap: bool, now: Moment, given: u64) -> Grant {
        let span = (now, now.after(self.window));
        Grant { bootstrap, ..Grant::on(id, &self.terms, approver, span, given) }
    }
}

impl Operation for CreateGrant {
    type Output = Grant;

    fn target(&self) -> Target {
        on_house(Create::ACTION)
    }

    fn wants(&self, wants: &mut Wants) {
        wants.record(&self.key);
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<Grant>> {
        let allowed = work.load::<Create>(&self.key)?;
        let row = self.row(work)?;
        let mut fields = vec![
            ("to", row.to.clone()),
            ("account", row.account.clone()),
            ("collections", row.collections.join(",")),
            ("verbs", row.verbs.join(",")),
            ("for", row.purpose.clone()),
            ("until", register::shown(row.not_after)),
        ];
        if let Some(engagement) = &row.engagement {
            fields.push((ENGAGEMENT, engagement.clone()));
        }
        if row.bootstrap {
            fields.push((SELF_APPROVED, "true".to_owned()));
        }
        work.save(allowed, register::body(&row)?, fields)?;
        work.later(Moment(row.not_after), HOUSE, EXPIRE, &row.id);
        Ok(After::now(row))
    }

    fn replay(&self, first: &Replay) -> Result<Grant> {
        let lost = || Error::internal("the first answer cannot be rebuilt");
        let object = first.field(0, "object").ok_or_else(lost)?;
        let id = object.strip_prefix("grants/").ok_or_else(lost)?;
        let approver = first.field(0, "actor").ok_or_else(lost)?;
        let bootstrap = first.field(0, SELF_APPROVED).is_some();
        let (given, now) = (first.index().ok_or_else(lost)?, first.at().ok_or_else(lost)?);
        Ok(self.given(id, approver, bootstrap, now, given))
    }
}

/// Notes that a grant's window closed. The grant itself stopped counting by the clock.
pub struct NoteExpiry {
    /// The grant's id.
    pub id: String,
}

impl Operation for NoteExpiry {
    type Output = ();

    fn target(&self) -> Target {
        on_house(Expired::ACTION)
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<()>> {
        work.note(HOUSE, Expired::ACTION.name, vec![("expired", self.id.clone())]);
        Ok(After::now(()))
    }
}

/// Refuses a grant that lasts for nothing, or for too long.
fn check_window(window: Duration) -> Result<()> {
    if window.is_zero() || window > GRANT_WINDOW {
        let days = GRANT_WINDOW.as_secs() / 86_400;
        return Err(Error::invalid(
            "for_seconds",
            format!("a grant lasts 1 second to {days} days"),
        ));
    }
    Ok(())
}

fn check_collections(collections: &[String]) -> Result<()> {
    let every = collections.iter().any(|name| name == "*");
    if collections.is_empty() || (every && collections.len() > 1) || collections.len() > 50 {
        return Err(Error::invalid("collections", "name 1 to 50 collections, or `*` alone"));
    }
    if !every {
        for name in collections {
            Collection::parse(name)?;
        }
    }
    Ok(())
}

fn check_verbs(verbs: &[String], every_account: bool) -> Result<()> {
    let known = Verb::DATA.map(Verb::word).join("`, `");
    if verbs.is_empty() {
        return Err(Error::invalid("verbs", format!("name what it allows: `{known}`")));
    }
    for verb in verbs {
        if Verb::parse(verb) == Some(Verb::Connect) {
            let why = "`connect` is of systems: people ask for it with the account `house`";
            return Err(Error::invalid("verbs", why));
        }
        if Verb::parse(verb).is_none() {
            let verb = kernel::id::shown(verb);
            return Err(Error::invalid("verbs", format!("`{verb}` is no verb: use `{known}`")));
        }
    }
    if verbs.iter().any(|verb| verb == "open") && !every_account {
        return Err(Error::invalid("verbs", "`open` creates accounts: it needs the account `*`"));
    }
    Ok(())
}
