//! Emergencies: access at once, out of a pool that two people signed beforehand.
//!
//! It asks nobody, because nobody may be there to ask. It is short, it says so in every entry that
//! rests on it, which the account can read, and somebody else reviews it within days. Until they
//! have, its holder loses eligibility for access when those days are over: an emergency that nobody
//! looks at is the last one.

pub mod pools;

use super::requests::Terms;
use super::{EXPIRE, Grant};
use crate::accounts::Account;
use crate::people::eligible;
use crate::register::{
    At, Entry, Mark, Needs, Readers, Register, Row, Status, Step, Tone, When, line, prose, step,
};
use crate::systems::entering;
use kernel::authority::{Duty, Verb};
use kernel::id::{AccountId, PrincipalId};
use kernel::limits::PURPOSE_BYTES;
use kernel::{Error, HOUSE, Moment, Result};
use pools::Pool;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How long there is to review an emergency, before its holder loses eligibility.
pub const REVIEW: Duration = Duration::from_secs(3 * 86_400);

/// The job that tells an account of an emergency: the emergency and the account's slot.
pub const TELL: &str = "emergency.tell";

/// The emergency that began a grant, by the grant's id: both have the same number.
pub fn of_grant(grant: &str) -> Option<String> {
    let bits = grant.strip_prefix("grant_").filter(|bits| bits.len() == 32)?;
    Some(format!("{}-{}", Emergency::NOUN, bits.get(20..)?))
}

/// That an account was told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "EmergencyTold")]
pub struct Told {
    /// The account's readable id.
    pub account: String,
    /// Its slot.
    pub slot: u64,
    /// When.
    pub at: When,
    /// A letter to each of its contacts that counted then.
    pub letters: Vec<LetterTo>,
}

/// A letter to a contact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "EmergencyLetter")]
pub struct LetterTo {
    /// The contact, by its id.
    pub contact: String,
    /// How often it was tried.
    pub attempts: u32,
    /// When the other side took it, if it did.
    pub accepted: Option<When>,
}

/// What came of the review.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "EmergencyVerdict")]
pub enum Verdict {
    /// There was an emergency, and what was done was needed for it.
    Justified,
    /// There was none, or more was done than it needed.
    Unjustified,
}

/// A review.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "EmergencyReview")]
pub struct Reviewed {
    /// What came of it.
    pub verdict: Verdict,
    /// What was looked at and found.
    pub findings: String,
    /// The incident or risk that follows from it, if one does.
    pub follows: Option<String>,
    /// Who, and when.
    pub mark: Mark,
}

/// An emergency.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Emergency {
    /// The pool.
    pub pool: String,
    /// Who reached for it: `person:NAME`.
    pub holder: String,
    /// The account's readable id, or `*`.
    pub account: String,
    /// What happened.
    pub reason: String,
    /// The grant that it began.
    pub grant: String,
    /// Who signed the pool.
    pub approver: String,
    /// When it began.
    pub begun: When,
    /// First moment at which the grant counts no more.
    pub until: When,
    /// When it was ended before that, if it was.
    pub ended: Option<Mark>,
    /// First moment at which its holder is not eligible for access any more, unless somebody has
    /// reviewed it.
    pub review_by: When,
    /// The review.
    pub reviewed: Option<Reviewed>,
    /// The accounts that were told, because it names them or touched them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub told: Vec<Told>,
}

impl Emergency {
    /// The duty as the rights hold it: its holder loses eligibility if nobody reviews it in time.
    ///
    /// # Errors
    /// `Internal` if a stored value has another form.
    pub fn duty(&self, id: &str) -> Result<Duty> {
        let bad = |_| Error::internal("a stored emergency has another form");
        let holder = PrincipalId::parse(&self.holder).map_err(bad)?;
        let until = self.reviewed.is_none().then_some(self.review_by.0);
        Ok(Duty { id: format!("emergency/{id}"), holder, until })
    }
}

/// An emergency to be begun.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewEmergency {
    /// The pool, by its name.
    pub pool: String,
    /// The account's id; one that the pool names, or `*` if the pool is for every account; `house`
    /// if it is for systems.
    pub account: String,
    /// What happened and why it cannot wait, on one line; every entry carries it.
    pub reason: String,
}

impl Row for Emergency {
    const NOUN: &'static str = "emergency";
    const REGISTER: &'static str = "emergencies";
    const FORMAT: &'static str = "emergency/v1";
    const ADD: &'static str = "emergency.add";
    const READ: &'static str = "emergency.read";
    const LIST: &'static str = "emergency.list";
    const RIGHTS: bool = true;
    const RESTRICTED: bool = true;
    type New = NewEmergency;

    fn needs(new: &NewEmergency, needs: &mut Needs<'_>) -> Result<()> {
        needs.row::<Pool>(&new.pool)?;
        if new.account != "*" && new.account != entering::HOUSE {
            let id = AccountId::parse(&new.account);
            let id = id.map_err(|error| Error::invalid("account", error.message()))?;
            needs.noun::<Account>(id.as_str())?;
        }
        Ok(())
    }

    fn add(new: &NewEmergency, at: &mut At<'_, '_>) -> Result<Self> {
        let holder = at.by().clone();
        // A pool of others is one that is not there.
        let missing = || {
            let pool = kernel::id::shown(&new.pool);
            Error::invalid("pool", format!("you are in no pool `{pool}` that counts now"))
        };
        let pool = at.find::<Pool>(&new.pool)?.ok_or_else(missing)?.row;
        if !pool.in_force(at.now()) || !pool.holders.iter().any(|one| one == holder.as_str()) {
            return Err(missing());
        }
        let approver = pool.signatory(at.rights()?).ok_or_else(|| {
            let why = "whoever signed this pool is not there any more: have it signed anew";
            Error::conflict(why)
        })?;
        let terms = terms(new, &pool, &holder, at)?;
        let (now, span) = (at.now(), Duration::from_secs(u64::from(pool.minutes) * 60));
        let grant = begin(&terms, &approver, (now, now.after(span)), at)?;
        if let Some(slot) = terms.slot {
            at.later(now, TELL, format!("{}|{slot}", at.id()));
        }
        at.tell("pool", &new.pool);
        at.tell("account", &new.account);
        at.tell("reason", &terms.purpose);
        at.tell("granted", &grant);
        at.tell("until", now.after(span).rfc3339());
        Ok(Self {
            pool: new.pool.clone(),
            holder: holder.to_string(),
            account: new.account.clone(),
            reason: terms.purpose,
            grant,
            approver: approver.to_string(),
            begun: When(now),
            until: When(now.after(span)),
            ended: None,
            review_by: When(now.after(span).after(REVIEW)),
            reviewed: None,
            told: vec![],
        })
    }

    fn readers(&self) -> Readers<'_> {
        Readers::Involved(vec![&self.holder])
    }

    fn status(&self, now: Moment) -> Status {
        if let Some(reviewed) = &self.reviewed {
            return match reviewed.verdict {
                Verdict::Justified => Status::of("reviewed", Tone::Past),
                Verdict::Unjustified => Status::of("unjustified", Tone::Bad)
                    .what("it was found to be none: see what follows from it")
                    .who("security-lead"),
            };
        }
        let review = "somebody else has to review it, or its holder loses eligibility";
        match () {
            () if self.review_by.0 <= now => Status::of("unreviewed", Tone::Bad)
                .what("nobody reviewed it in time: its holder is not eligible for access")
                .due(self.review_by.0)
                .who("approver"),
            () if self.ended.is_none() && now < self.until.0 => {
                Status::of("running", Tone::Due).what(review).due(self.until.0).who(&self.holder)
            }
            () => Status::of("over", Tone::Due).what(review).due(self.review_by.0).who("approver"),
        }
    }
}

fn terms(new: &NewEmergency, pool: &Pool, holder: &PrincipalId, at: &At<'_, '_>) -> Result<Terms> {
    let covered = pool.accounts.iter().any(|one| one == "*" || *one == new.account);
    let slot = match new.account.as_str() {
        "*" => None,
        entering::HOUSE => Some(HOUSE),
        id => at.find_noun::<Account>(id)?.map(|account| account.slot),
    };
    if !covered || (new.account != "*" && slot.is_none()) {
        let account = kernel::id::shown(&new.account);
        let why = format!("the pool does not reach `{account}`: name one of its accounts");
        return Err(Error::invalid("account", why));
    }
    let roles = at.rights()?.principal(holder).map(|one| one.roles.clone()).unwrap_or_default();
    if !pool.verbs.iter().filter_map(|verb| Verb::parse(verb)).all(|verb| eligible(&roles, verb)) {
        return Err(Error::forbidden("your roles are not eligible for what the pool allows"));
    }
    Ok(Terms {
        to: holder.to_string(),
        account: new.account.clone(),
        slot,
        collections: pool.collections.clone(),
        verbs: pool.verbs.clone(),
        purpose: line("reason", &new.reason, PURPOSE_BYTES)?,
        reference: at.id().to_owned(),
        for_seconds: u64::from(pool.minutes) * 60,
        extends: None,
        logins: pool.logins.clone(),
        command: None,
    })
}

/// Saves the grant; answers its id.
fn begin(
    terms: &Terms,
    approver: &PrincipalId,
    (from, until): (Moment, Moment),
    at: &mut At<'_, '_>,
) -> Result<String> {
    let bits = at.id().rsplit_once('-').map_or("", |(_, bits)| bits).to_owned();
    let id = format!("grant_{bits:0>32}");
    let grant = Grant {
        emergency: Some(at.id().to_owned()),
        ..Grant::on(&id, terms, approver.as_str(), (from, until), at.next_index(HOUSE)?)
    };
    // Whatever the pool says, the authority reads it as it reads every grant.
    grant.right()?;
    at.save_noun(&id, &grant)?;
    at.later(until, EXPIRE, &id);
    Ok(id)
}

/// Ends an emergency before its time.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct End {}

impl Step<Emergency> for End {
    const ACTION: &'static str = "emergency.end";

    fn apply(&self, row: &mut Emergency, at: &mut At<'_, '_>) -> Result<()> {
        if row.ended.is_some() || row.until.0 <= at.now() {
            return Err(Error::conflict("this emergency is over already"));
        }
        if row.holder != at.by().as_str() {
            let why = "its holder ends it; an administrator ends the grant";
            return Err(Error::forbidden(why));
        }
        let mut grant = at
            .late_noun::<Grant>(&row.grant)?
            .ok_or_else(|| Error::internal("the grant of an emergency is not there"))?;
        grant.ended.get_or_insert(at.now().0);
        grant.ended_by.get_or_insert_with(|| at.by().to_string());
        at.save_noun(&grant.id.clone(), &grant)?;
        row.ended = Some(at.mark());
        Ok(())
    }
}

/// Reviews an emergency.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Review {
    /// What comes of it.
    pub verdict: Verdict,
    /// What was looked at and found.
    pub findings: String,
    /// The incident or risk that follows from it, if one does.
    #[serde(default)]
    pub follows: Option<String>,
}

impl Step<Emergency> for Review {
    const ACTION: &'static str = "emergency.review";

    fn apply(&self, row: &mut Emergency, at: &mut At<'_, '_>) -> Result<()> {
        if row.reviewed.is_some() {
            return Err(Error::conflict("this emergency was reviewed already"));
        }
        if row.ended.is_none() && at.now() < row.until.0 {
            return Err(Error::conflict("it is not over yet: review it when it is"));
        }
        if row.holder == at.by().as_str() {
            return Err(Error::forbidden("nobody reviews their own emergency: ask another person"));
        }
        let follows = self.follows.as_deref().map(|text| line("follows", text, 200)).transpose()?;
        if self.verdict == Verdict::Unjustified && follows.is_none() {
            let why = "say what follows from it: an incident, a risk, a talk";
            return Err(Error::invalid("follows", why));
        }
        let findings = prose("findings", &self.findings, 4000)?;
        at.tell("holder", &row.holder);
        let mark = at.mark();
        row.reviewed = Some(Reviewed { verdict: self.verdict, findings, follows, mark });
        Ok(())
    }
}

const STEPS: &[Entry] = &[
    step::<Emergency, End>("end", "Ends it before its time"),
    step::<Emergency, Review>("review", "Says whether it was one, as somebody else")
        .within("access"),
];

/// The register, as the faces know it.
pub const REGISTER: Register = Register::of::<Emergency>(
    "own",
    "Emergency access: who reached for it, for what, and what its review found",
)
.serves(&["E5.1", "E5.3", "E5.6"])
.first("Reach for emergency access, out of a pool that was signed beforehand")
.columns(&["holder", "pool", "account", "reason", "until", "review_by"])
.steps(STEPS)
.read_by_everybody();
