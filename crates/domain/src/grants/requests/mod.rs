//! Access requests: who needs to reach what, for what and how long, and who said so.
//!
//! Access begins here. A person states a purpose and a reference; others approve what was stated,
//! by its hash; the holder begins it, and only then is there a grant. Nothing in a request changes
//! after it was made: whoever needs something else asks again. What nobody approves lapses, what
//! was approved and not begun lapses too, and no row is ever deleted.
//!
//! An approval counts while its approver is there, holds a role for it and is nobody whom it is
//! about. That is looked at when the grant begins, under the rights of that moment: approvals of
//! somebody who left in between are worth nothing, without anybody taking them back.
//!
//! Does not: decide what a grant allows. The policies check each grant again with every request.

mod entering;
pub(super) mod rules;
mod steps;

pub use super::approving::{
    APPROVED_LIFE, APPROVERS, Approve, Deny, WAITING_LIFE as ASKED_LIFE, Withdraw,
};
pub use rules::needed;
pub use steps::Begin;

use super::approving::{ASK, Approvals, Waits, hashed};
use super::{Grant, bounds, check_collections, check_verbs, check_window};
use crate::accounts::Account;
use crate::people::eligible;
use crate::register::{
    At, Entry, Mark, Needs, Readers, Register, Row, Status, Tone, When, line, step,
};
use crate::systems::entering as systems;
use kernel::authority::{Authority, Principal, Verb};
use kernel::id::{AccountId, PrincipalId};
use kernel::limits::PURPOSE_BYTES;
use kernel::{Error, Moment, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;

/// What was asked for; nothing of it changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "AccessRequestTerms")]
pub struct Terms {
    /// Who shall hold it: `person:NAME` or `service:NAME`.
    pub to: String,
    /// The account's readable id, or `*`.
    pub account: String,
    /// The account's slot; none for `*`.
    pub slot: Option<u64>,
    /// The collections, or `*` alone.
    pub collections: Vec<String>,
    /// What it shall allow.
    pub verbs: Vec<String>,
    /// What for.
    pub purpose: String,
    /// The case, ticket or order it is for, as the team names it.
    pub reference: String,
    /// How long it shall count once it is begun, in seconds.
    pub for_seconds: u64,
    /// The grant that it continues, if it is an extension.
    pub extends: Option<String>,
    /// Under which accounts of the host or roles of the database, for `connect`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub logins: Vec<String>,
    /// The one command that may be run, for `connect` over SSH; nothing forces one without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
}

impl Terms {
    /// SHA-256 of the terms in hexadecimal: what an approver approves. It is over the parts, each
    /// with its length before it, so that no two terms have the same.
    pub fn sha256(&self, id: &str) -> String {
        let slot = self.slot.map_or_else(|| "*".to_owned(), |slot| slot.to_string());
        let seconds = self.for_seconds.to_string();
        let (collections, verbs) = (self.collections.join(","), self.verbs.join(","));
        let extends = self.extends.as_deref().unwrap_or_default();
        let parts = [
            "bailee access request v1",
            id,
            &self.to,
            &self.account,
            &slot,
            &collections,
            &verbs,
            &self.purpose,
            &self.reference,
            &seconds,
            extends,
        ];
        let entering = entering::hashed(self);
        hashed(parts.into_iter().chain(entering.iter().map(String::as_str)))
    }

    /// How long it shall count once it is begun.
    pub fn window(&self) -> Duration {
        Duration::from_secs(self.for_seconds)
    }
}

/// Access that somebody asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AccessRequest {
    /// What was asked for.
    #[serde(flatten)]
    pub terms: Terms,
    /// Who asked: `person:NAME`.
    pub asked_by: String,
    /// Its approvals.
    #[serde(flatten)]
    pub approving: Approvals,
    /// The grant that began, and when.
    pub begun: Option<Begun>,
}

impl Waits for AccessRequest {
    const LATE: (&'static str, &'static str) = ("request", "ask anew");

    fn approvals(&self) -> &Approvals {
        &self.approving
    }

    fn approvals_mut(&mut self) -> &mut Approvals {
        &mut self.approving
    }

    fn open(&self, now: Moment) -> bool {
        self.approving.closed.is_none() && self.begun.is_none() && now < self.approving.lapses.0
    }

    fn barred(&self, id: &str, rights: &Authority) -> Option<&'static str> {
        rules::barred(id, self, rights)
    }
}

/// That a grant began.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Begun {
    /// The grant, by its id.
    pub grant: String,
    /// Who began it, and when.
    pub mark: Mark,
    /// First moment at which it counts no more.
    pub until: When,
}

impl AccessRequest {
    /// Whom it is about: whoever holds it and whoever asked.
    pub fn about(&self) -> [&str; 2] {
        [&self.terms.to, &self.asked_by]
    }
}

/// Access to be asked for.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAccessRequest {
    /// Who shall hold it: `person:NAME` or `service:NAME`; whoever asks, if nobody is stated.
    pub to: Option<String>,
    /// The account's id, or `*` for every account; `house` for systems.
    pub account: String,
    /// The collections, or `*` alone; the systems by their ids, for `connect`.
    pub collections: Vec<String>,
    /// Some of `read`, `write`, `delete`, `export`, `open`; or `connect` alone, for systems.
    pub verbs: Vec<String>,
    /// What for, in a sentence on one line: every entry carries it.
    pub purpose: String,
    /// The case, ticket or order it is for, as the team names it.
    pub reference: String,
    /// How long it shall count once it is begun, in seconds, up to 90 days.
    pub for_seconds: u64,
    /// The grant that it continues when that ends, for an extension: of the same holder, on the
    /// same account, and no wider.
    #[serde(default)]
    pub extends: Option<String>,
    /// Under which accounts of the host or roles of the database, for `connect`: 1 to 8 of them.
    #[serde(default)]
    pub logins: Vec<String>,
    /// The one command that may be run, for `connect` over SSH; on one line.
    #[serde(default)]
    pub command: Option<String>,
}

impl Row for AccessRequest {
    const NOUN: &'static str = "access-request";
    const REGISTER: &'static str = "access-requests";
    const FORMAT: &'static str = "access-request/v1";
    const ADD: &'static str = "access-request.add";
    const READ: &'static str = "access-request.read";
    const LIST: &'static str = "access-request.list";
    const RESTRICTED: bool = true;
    type New = NewAccessRequest;

    fn needs(new: &NewAccessRequest, needs: &mut Needs<'_>) -> Result<()> {
        if systems::is(&new.account, &new.verbs) {
            systems::needs(&new.collections, needs)?;
        } else if new.account != "*" {
            let id = AccountId::parse(&new.account);
            let id = id.map_err(|error| Error::invalid("account", error.message()))?;
            needs.noun::<Account>(id.as_str())?;
        }
        match &new.extends {
            Some(grant) => needs.noun::<Grant>(grant),
            None => Ok(()),
        }
    }

    fn add(new: &NewAccessRequest, at: &mut At<'_, '_>) -> Result<Self> {
        let by = at.by().clone();
        let to = new.to.clone().unwrap_or_else(|| by.to_string());
        let holder = holder(&to, &by, at)?;
        let terms = terms(new, to, &holder, at)?;
        for verb in terms.verbs.iter().filter_map(|word| Verb::parse(word)) {
            if holder.owner.is_none() && !eligible(&holder.roles, verb) {
                let why = format!(
                    "the roles of `{}` are not eligible for `{}`: ask for less, or for the role",
                    holder.id,
                    verb.word()
                );
                return Err(Error::invalid("verbs", why));
            }
        }
        at.tell("to", &terms.to);
        at.tell("account", &terms.account);
        at.tell("collections", terms.collections.join(","));
        at.tell("verbs", terms.verbs.join(","));
        if !terms.logins.is_empty() {
            at.tell("logins", terms.logins.join(","));
        }
        at.tell("for", &terms.purpose);
        at.tell("reference", &terms.reference);
        let terms_sha256 = terms.sha256(at.id());
        at.tell("terms", &terms_sha256);
        let approving = Approvals::of(terms_sha256, needed(&terms), at.now());
        let row = Self { asked_by: by.to_string(), approving, begun: None, terms };
        at.later(at.now(), ASK, format!("{}/{}", Self::REGISTER, at.id()));
        Ok(row)
    }

    fn readers(&self) -> Readers<'_> {
        Readers::Involved(self.about().to_vec())
    }

    fn status(&self, now: Moment) -> Status {
        if let Some(begun) = &self.begun {
            return match now < begun.until.0 {
                true => Status::of("begun", Tone::Good).due(begun.until.0),
                false => Status::of("over", Tone::Past),
            };
        }
        let state = &self.approving;
        if let Some(closed) = &state.closed {
            return Status::of(closed.how.word(), Tone::Past);
        }
        let given = state.given.iter().filter(|one| one.taken_back.is_none()).count();
        match () {
            () if state.lapses.0 <= now => Status::of("lapsed", Tone::Past),
            () if state.approved.is_some() => Status::of("approved", Tone::Due)
                .what("begin it when the work begins; without that the approval lapses")
                .due(state.lapses.0)
                .who(&self.terms.to),
            () => Status::of("asked", Tone::Due)
                .what(format!("{given} of {} approvals are there", state.needed))
                .due(state.lapses.0)
                .who("approver"),
        }
    }
}

/// Who shall hold it: the person who asks, or a service that they own.
fn holder(to: &str, by: &PrincipalId, at: &At<'_, '_>) -> Result<Arc<Principal>> {
    let id = PrincipalId::parse(to).map_err(|error| Error::invalid("to", error.message()))?;
    let known = at.rights()?.principal(&id);
    let grantable = |one: &Arc<Principal>| one.active && one.account.is_none();
    let holder = known
        .filter(grantable)
        .ok_or_else(|| Error::invalid("to", format!("`{id}` is no active person or service")))?;
    if holder.id != *by && holder.owner.as_ref() != Some(by) {
        let why = "ask for yourself, or for a service that you own: let the holder ask";
        return Err(Error::forbidden(why));
    }
    Ok(holder)
}

fn terms(new: &NewAccessRequest, to: String, holder: &Principal, at: &At<'_, '_>) -> Result<Terms> {
    let slot = if systems::is(&new.account, &new.verbs) {
        entering::check(new, at)?;
        Some(kernel::HOUSE)
    } else {
        entering::none(new)?;
        let slot = slot(&new.account, holder, at)?;
        check_collections(&new.collections)?;
        check_verbs(&new.verbs, new.account == "*")?;
        slot
    };
    let window = Duration::from_secs(new.for_seconds);
    check_window(window)?;
    let terms = Terms {
        to,
        account: new.account.clone(),
        slot,
        collections: new.collections.clone(),
        verbs: new.verbs.clone(),
        purpose: line("purpose", &new.purpose, PURPOSE_BYTES)?,
        reference: line("reference", &new.reference, 200)?,
        for_seconds: new.for_seconds,
        extends: new.extends.clone(),
        logins: new.logins.clone(),
        command: entering::command(new)?,
    };
    if let Some(before) = extended(&terms, at)? {
        rules::no_wider(&terms, &before)?;
    }
    if let Some(vendor) = &holder.vendor {
        let span = (at.now(), at.now().after(window));
        let asked = Grant::on("", &terms, at.by().as_str(), span, 0).right()?;
        bounds::engagement(at.rights()?, vendor, &asked, at.now())?;
    }
    Ok(terms)
}

/// The slot behind the readable id. To a vendor's people an account that is not there is one that
/// they are not engaged for: they cannot find out which accounts there are.
fn slot(account: &str, holder: &Principal, at: &At<'_, '_>) -> Result<Option<u64>> {
    if account == "*" {
        return Ok(None);
    }
    match (at.find_noun::<Account>(account)?, &holder.vendor) {
        (Some(found), _) => Ok(Some(found.slot)),
        (None, Some(vendor)) => Err(bounds::too_wide(vendor)),
        (None, None) => {
            let account = kernel::id::shown(account);
            Err(Error::invalid("account", format!("there is no account `{account}`")))
        }
    }
}

/// The grant that an extension continues.
fn extended(terms: &Terms, at: &At<'_, '_>) -> Result<Option<Grant>> {
    let Some(id) = &terms.extends else { return Ok(None) };
    let known = at.find_noun::<Grant>(id)?;
    let own = known.filter(|grant| grant.to == terms.to && grant.state(at.now()) == "active");
    own.map(Some).ok_or_else(|| {
        let id = kernel::id::shown(id);
        Error::invalid("extends", format!("`{id}` is no grant of `{}` that counts now", terms.to))
    })
}

const STEPS: &[Entry] = &[
    step::<AccessRequest, Approve>("approve", "Approves what was asked for, by its hash")
        .within("access"),
    step::<AccessRequest, Deny>("deny", "Refuses what was asked for, and says why")
        .within("access"),
    step::<AccessRequest, Begin>("begin", "Begins what was approved: from now on the grant counts"),
    step::<AccessRequest, Withdraw>("withdraw", "Takes the request back"),
];

/// The register, as the faces know it.
pub const REGISTER: Register = Register::of::<AccessRequest>(
    "own",
    "Access that people ask for, who approved it, and what began",
)
.serves(&["E5.1", "E5.2", "E5.6", "P0.1", "P2", "P3"])
.first("Ask for access: to what, for what, under which reference, and for how long")
.columns(&["to", "account", "verbs", "purpose", "reference", "lapses"])
.steps(STEPS)
.read_by_everybody();
