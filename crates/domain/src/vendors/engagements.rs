//! Engagements: what a vendor may do, on which accounts, for whom, and until when.
//!
//! No grant of a vendor's people and services reaches further than one engagement, and no record
//! is sent to a vendor without one. An engagement counts only while its sponsor is there and the
//! vendor's agreement and review are in force; the live rights check all of it with each request.
//!
//! Does not: give access. Only a grant does, and somebody else approves it.

use super::{Class, Vendor, sponsor};
use crate::accounts::Account;
use crate::register::{At, Day, Entry, Mark, Needs, Register, Row, Status, Step, Tone, line, step};
use crate::systems::entering;
use crate::zones::{Clock, Weekday, Zone};
use kernel::authority::{self, Right, Verb};
use kernel::id::{AccountId, Collection, PrincipalId};
use kernel::{Error, Moment, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Longest engagement, in days; what is needed for longer is decided again.
const MOST_DAYS: u32 = 366;

/// Accounts or collections that one engagement names; for more, name `*`.
const MOST_NAMES: usize = 50;

/// Days before its end in which an engagement shows as due.
const AHEAD_DAYS: u32 = 14;

/// What a vendor was engaged for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Engagement {
    /// The vendor.
    pub vendor: String,
    /// What for.
    pub purpose: String,
    /// The readable ids of the accounts, or `*` alone; `house` alone for systems.
    pub accounts: Vec<String>,
    /// Their slots; none for `*`.
    pub slots: Option<Vec<u64>>,
    /// The collections, or `*` alone; the systems by their ids, for `connect`.
    pub collections: Vec<String>,
    /// What it allows: `read`, `write`, `delete`, `open`, and `export` for sending to the vendor;
    /// or `connect` alone, for signing in to systems.
    pub verbs: Vec<String>,
    /// Who of the provider answers for it: `person:NAME`. It counts only while they are there.
    pub sponsor: String,
    /// How the vendor processes under it.
    pub class: Class,
    /// First day it counts.
    pub from: Day,
    /// Last day it counts.
    pub to: Day,
    /// Who extended it last, and when.
    pub extended: Option<Mark>,
    /// How it ended before its time, if it did.
    pub ended: Option<Ended>,
    /// The hours in which the vendor works; at any time, if none were agreed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hours: Option<Hours>,
}

/// Hours that were agreed. Work outside of them is not refused: it is told, as an alert.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "EngagementHours")]
#[serde(deny_unknown_fields)]
pub struct Hours {
    /// The time zone, by its name in the IANA database, such as `Europe/Berlin`.
    pub zone: String,
    /// When they begin, such as `08:00`.
    pub from: Clock,
    /// When they end; not later than `from` means on the next day.
    pub to: Clock,
    /// The days of the week on which they begin.
    pub weekdays: Vec<Weekday>,
}

/// The end of something before its time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Ended {
    /// Why.
    pub reason: String,
    /// Who did it, and when.
    pub mark: Mark,
}

impl Engagement {
    /// Whether it counts at this moment, as far as it says itself.
    pub fn in_force(&self, now: Moment) -> bool {
        self.ended.is_none() && self.from.start() <= now && now < self.to.end()
    }

    /// Whether a moment is outside the hours that were agreed.
    pub fn outside(&self, at: Moment) -> bool {
        self.hours.as_ref().is_some_and(|hours| {
            let zone = Zone::of(&hours.zone);
            !zone.is_some_and(|zone| zone.within(at, (hours.from, hours.to), &hours.weekdays))
        })
    }

    /// The engagement as far as rights go.
    ///
    /// # Errors
    /// `Internal` if a stored value has another form.
    pub fn right(&self, id: &str) -> Result<Right> {
        let bad = || Error::internal("a stored engagement has another form");
        let verbs = self.verbs.iter().map(|verb| Verb::parse(verb).ok_or_else(bad));
        let collections = self.collections.iter().map(|name| Collection::parse(name));
        Ok(Right::Engagement(authority::Engagement {
            id: id.to_owned(),
            vendor: self.vendor.clone(),
            sponsor: PrincipalId::parse(&self.sponsor)?,
            accounts: self.slots.clone(),
            collections: match every(&self.collections) {
                true => None,
                false => Some(collections.collect::<Result<_>>()?),
            },
            verbs: verbs.collect::<Result<_>>()?,
            not_before: self.from.start(),
            not_after: self.to.end(),
            ended: self.ended.is_some(),
        }))
    }
}

/// An engagement to be declared.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewEngagement {
    /// The unique name: 1–64 of `a-z 0-9 . _ -`.
    pub name: String,
    /// The vendor; its agreement and its review have to be in force.
    pub vendor: String,
    /// What for, on one line.
    pub purpose: String,
    /// The ids of the accounts, or `*` alone; `house` alone for systems.
    pub accounts: Vec<String>,
    /// The collections, or `*` alone; the systems by their ids, for `connect`.
    pub collections: Vec<String>,
    /// What it allows: `read`, `write`, `delete`, `open`, and `export` for sending to the vendor;
    /// or `connect` alone, for signing in to systems.
    pub verbs: Vec<String>,
    /// Who of the provider answers for it: `person:NAME`.
    pub sponsor: String,
    /// How the vendor processes under it; one of the vendor's classes.
    pub class: Class,
    /// First day it counts.
    pub from: Day,
    /// Last day it counts, at most 366 days after the first.
    pub to: Day,
    /// The hours in which the vendor works; at any time, if none are stated.
    #[serde(default)]
    pub hours: Option<Hours>,
}

impl Row for Engagement {
    const NOUN: &'static str = "engagement";
    const REGISTER: &'static str = "engagements";
    const FORMAT: &'static str = "engagement/v1";
    const ADD: &'static str = "engagement.add";
    const READ: &'static str = "engagement.read";
    const LIST: &'static str = "engagement.list";
    const RIGHTS: bool = true;
    type New = NewEngagement;

    fn id(new: &NewEngagement) -> Option<&str> {
        Some(&new.name)
    }

    fn needs(new: &NewEngagement, needs: &mut Needs<'_>) -> Result<()> {
        needs.row::<Vendor>(&new.vendor)?;
        names("accounts", &new.accounts)?;
        if enters(new) {
            return entering::needs(&new.collections, needs);
        }
        if !every(&new.accounts) {
            for account in &new.accounts {
                let id = AccountId::parse(account);
                let id = id.map_err(|error| Error::invalid("accounts", error.message()))?;
                needs.noun::<Account>(id.as_str())?;
            }
        }
        Ok(())
    }

    fn add(new: &NewEngagement, at: &mut At<'_, '_>) -> Result<Self> {
        let vendor = at.named::<Vendor>("vendor", &new.vendor)?.row;
        ready(&new.vendor, vendor.until(), at.now())?;
        sponsor(at, &new.sponsor)?;
        if !vendor.classes.contains(&new.class) {
            let why = "the vendor was not asked about that: add the class to the vendor first";
            return Err(Error::invalid("class", why));
        }
        names("collections", &new.collections)?;
        if !every(&new.collections) {
            for name in &new.collections {
                Collection::parse(name)
                    .map_err(|error| Error::invalid("collections", error.message()))?;
            }
        }
        window(new.from, new.to, at.now())?;
        if let Some(hours) = &new.hours {
            Zone::parse(&hours.zone)?;
            if hours.weekdays.is_empty() {
                let why = "name the days of the week on which they begin";
                return Err(Error::invalid("hours", why));
            }
        }
        let slots = match enters(new) {
            true => systems(new, at).map(|()| Some(vec![kernel::HOUSE]))?,
            false => slots(&new.accounts, at)?,
        };
        at.tell("vendor", new.vendor.clone());
        at.tell("accounts", new.accounts.join(","));
        at.tell("collections", new.collections.join(","));
        at.tell("verbs", new.verbs.join(","));
        at.tell("until", new.to.to_string());
        Ok(Self {
            vendor: new.vendor.clone(),
            purpose: line("purpose", &new.purpose, 500)?,
            verbs: verbs(&new.verbs, slots.is_none())?,
            accounts: new.accounts.clone(),
            slots,
            collections: new.collections.clone(),
            sponsor: new.sponsor.clone(),
            class: new.class,
            from: new.from,
            to: new.to,
            extended: None,
            ended: None,
            hours: new.hours.clone(),
        })
    }

    fn status(&self, now: Moment) -> Status {
        if self.ended.is_some() {
            return Status::of("ended", Tone::Past);
        }
        let end = self.to.end();
        match () {
            () if end <= now => Status::of("over", Tone::Past),
            () if now < self.from.start() => {
                Status::of("planned", Tone::Good).due(self.from.start()).who(&self.sponsor)
            }
            () if end <= Day::of(now).plus(AHEAD_DAYS).end() => Status::of("ending", Tone::Due)
                .what("it ends soon: extend it, or let it end")
                .due(end)
                .who(&self.sponsor),
            () => Status::of("in-force", Tone::Good).due(end).who(&self.sponsor),
        }
    }
}

/// Ends an engagement before its time.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct End {
    /// Why.
    pub reason: String,
}

impl Step<Engagement> for End {
    const ACTION: &'static str = "engagement.end";

    fn apply(&self, row: &mut Engagement, at: &mut At<'_, '_>) -> Result<()> {
        if row.ended.is_some() {
            return Err(Error::conflict("this engagement has ended"));
        }
        at.tell("vendor", row.vendor.clone());
        let reason = line("reason", &self.reason, 500)?;
        row.ended = Some(Ended { reason, mark: at.mark() });
        Ok(())
    }
}

/// Extends an engagement; it takes the same as declaring one.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Extend {
    /// Last day it counts from now on, at most 366 days from today.
    pub to: Day,
    /// Who answers for it from now on, if that changes: `person:NAME`.
    pub sponsor: Option<String>,
}

impl Step<Engagement> for Extend {
    const ACTION: &'static str = "engagement.extend";

    fn apply(&self, row: &mut Engagement, at: &mut At<'_, '_>) -> Result<()> {
        if row.ended.is_some() {
            return Err(Error::conflict("this engagement has ended: declare a new one"));
        }
        let until = at.rights()?.vendor_until(&row.vendor).unwrap_or_default();
        ready(&row.vendor, until, at.now())?;
        let answers = self.sponsor.as_ref().unwrap_or(&row.sponsor);
        sponsor(at, answers)?;
        window(Day::of(at.now()), self.to, at.now())?;
        at.tell("vendor", row.vendor.clone());
        at.tell("until", self.to.to_string());
        row.sponsor = answers.clone();
        row.to = self.to;
        row.extended = Some(at.mark());
        Ok(())
    }
}

/// Refuses a vendor whose agreement or review is not in force.
fn ready(name: &str, until: Moment, now: Moment) -> Result<()> {
    if now < until {
        return Ok(());
    }
    Err(Error::conflict(format!(
        "vendor `{name}` has no agreement that binds it to P1 to P7, or no approving review with \
         two signatures, in force: renew them first"
    )))
}

/// Whether a list of names is `*` alone.
fn every(list: &[String]) -> bool {
    list.iter().any(|name| name == "*")
}

fn names(field: &'static str, list: &[String]) -> Result<()> {
    if list.is_empty() || list.len() > MOST_NAMES || (every(list) && list.len() > 1) {
        let why = format!("name 1 to {MOST_NAMES}, or `*` alone");
        return Err(Error::invalid(field, why));
    }
    Ok(())
}

fn window(from: Day, to: Day, now: Moment) -> Result<()> {
    if to < from || to > from.plus(MOST_DAYS) || to.end() <= now {
        let why = format!("an engagement ends today or later, within {MOST_DAYS} days");
        return Err(Error::invalid("to", why));
    }
    Ok(())
}

/// Whether it is about signing in to systems, which are collections of `house`.
fn enters(new: &NewEngagement) -> bool {
    new.accounts.iter().any(|account| entering::is(account, &new.verbs))
}

/// Refuses systems that are not in use, and `connect` beside anything else. A vendor is engaged for
/// systems by name: every system at once is more than anybody's work needs.
fn systems(new: &NewEngagement, at: &At<'_, '_>) -> Result<()> {
    let [account] = new.accounts.as_slice() else {
        let why = "systems are of an engagement of their own, with the account `house` alone";
        return Err(Error::invalid("accounts", why));
    };
    entering::alone("accounts", account, &new.verbs)?;
    if every(&new.collections) {
        return Err(Error::invalid("collections", "name the systems that the work needs"));
    }
    entering::in_use(&new.collections, at)
}

/// The slots behind the readable ids; none for `*`.
fn slots(accounts: &[String], at: &At<'_, '_>) -> Result<Option<Vec<u64>>> {
    if every(accounts) {
        return Ok(None);
    }
    let slot = |id: &String| {
        let missing = || Error::invalid("accounts", format!("there is no account `{id}`"));
        Ok(at.find_noun::<Account>(id)?.ok_or_else(missing)?.slot)
    };
    accounts.iter().map(slot).collect::<Result<_>>().map(Some)
}

fn verbs(stated: &[String], every_account: bool) -> Result<Vec<String>> {
    let mut verbs: Vec<String> = Vec::new();
    for word in stated {
        let Some(verb) = Verb::parse(word) else {
            let (word, known) = (kernel::id::shown(word), Verb::DATA.map(Verb::word).join("`, `"));
            return Err(Error::invalid("verbs", format!("`{word}` is no verb: use `{known}`")));
        };
        if verb == Verb::Open && !every_account {
            let why = "`open` creates accounts: it needs the account `*`";
            return Err(Error::invalid("verbs", why));
        }
        if !verbs.iter().any(|known| known == word) {
            verbs.push(word.clone());
        }
    }
    if verbs.is_empty() {
        return Err(Error::invalid("verbs", "name what it allows"));
    }
    Ok(verbs)
}

const STEPS: &[Entry] = &[
    step::<Engagement, Extend>("extend", "Gives the engagement a later end"),
    step::<Engagement, End>("end", "Ends the engagement, at once"),
];

/// The register, as the faces know it.
pub const REGISTER: Register = Register::of::<Engagement>(
    "vendors",
    "What each vendor may do: accounts, collections, verbs, purpose and end",
)
.serves(&["P0.1", "P3", "P4"])
.first("Declare an engagement: what a reviewed vendor does, on which accounts, until when")
.columns(&["vendor", "purpose", "accounts", "verbs", "to"])
.steps(STEPS);
