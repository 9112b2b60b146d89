//! Breaches: one incident and one account that a person verified to be affected, with the clock of
//! the notice that is owed.
//!
//! Its deadline is computed from three things: when it was verified, how many hours the catalogue
//! gave then, and which orders hold it. Warnings are noted once each, at a quarter, half, three
//! quarters and nine tenths of the time, and when it has run out. It is notified when a notice
//! reached every contact that it was sent to, or another way of delivery is documented.
//!
//! A row is made by verifying an account in an incident, and in no other way; no step changes one.

mod updates;
mod warnings;

pub use updates::{NoteUpdate, Promised, UPDATE};
pub use warnings::{CALLS, CHASE, GiveWarning, WARN, Warn, object};

use super::clock::{self, Left, Span};
use super::laws::Duties;
use super::{Class, Incident};
use crate::oncall::pages::{Raise, Severity, Subject};
use crate::register::{At, Entry, Mark, Readers, Register, Row, Status, Tone, When};
use kernel::{Error, Moment, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What happened to an account's data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Harm {
    /// Unauthorised access to it.
    Access,
    /// Improper disclosure of it.
    Disclosure,
    /// It is lost.
    Loss,
    /// It is altered or destroyed in part.
    Corruption,
    /// It cannot be reached.
    Unavailability,
}

impl Harm {
    /// Whether it makes a Service Data Breach: access or disclosure.
    pub fn is_breach(self) -> bool {
        matches!(self, Self::Access | Self::Disclosure)
    }

    /// The class of incident it makes.
    pub fn class(self) -> Class {
        match self {
            Self::Access | Self::Disclosure => Class::Breach,
            Self::Loss => Class::Loss,
            Self::Corruption => Class::Corruption,
            Self::Unavailability => Class::Unavailability,
        }
    }

    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Access => "access",
            Self::Disclosure => "disclosure",
            Self::Loss => "loss",
            Self::Corruption => "corruption",
            Self::Unavailability => "unavailability",
        }
    }
}

/// An order that stops the clock for a while.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HeldFor {
    /// The hold, by its id.
    pub hold: String,
    /// First moment it counts.
    pub from: When,
    /// First moment it counts no more.
    pub to: When,
    /// The clocks that it stops, by the names of their laws; `notice` is that of the notice to the
    /// account, which it also stops if none is named.
    #[serde(default)]
    pub scope: Vec<String>,
}

impl HeldFor {
    /// Whether it stops the clock of the notice to the account.
    pub fn notices(&self) -> bool {
        self.scope.is_empty() || self.scope.iter().any(|one| one == NOTICE)
    }
}

/// The name that stands for the notice to an account, where clocks are named.
pub const NOTICE: &str = "notice";

/// That somebody was called because a clock of a law runs out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Summoned {
    /// The law, by its name.
    pub law: String,
    /// The phase.
    pub phase: String,
    /// How much of the time was used, in percent; 100 is a missed deadline.
    pub percent: u32,
    /// When it was noted.
    pub at: When,
}

/// A warning that was given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Warning {
    /// How much of the time was used, in percent; 100 is a missed deadline.
    pub percent: u32,
    /// When it was noted.
    pub at: When,
}

/// That the account was told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Notified {
    /// The notice, by its id.
    pub notice: String,
    /// When it had reached whom it had to reach.
    pub at: When,
}

/// That the account was told no longer: a letter came back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "BreachReopened")]
pub struct Reopened {
    /// The notice, by its id.
    pub notice: String,
    /// When the account counted as told by it.
    pub told: When,
    /// When that was taken back.
    pub at: When,
    /// Why.
    pub reason: String,
}

/// A notice that was given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "NoticeKnown")]
pub struct Known {
    /// The notice, by its id.
    pub notice: String,
    /// Its number among the notices to this account about this incident.
    pub number: u32,
    /// When it was given: sent, or documented as given in another way.
    pub at: When,
}

/// An update that was promised and not given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UpdateMissed {
    /// By when it was promised.
    pub by: When,
    /// When it was noted that it is late.
    pub at: When,
}

/// An account that is affected by an incident.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Breach {
    /// The incident, by its id.
    pub incident: String,
    /// The account, by its readable id.
    pub account: String,
    /// What happened to its data.
    pub harm: Harm,
    /// On what the verification rests.
    pub basis: String,
    /// When the incident was first suspected.
    pub suspected_at: When,
    /// Who verified it, and when: the clock's start.
    pub verified: Mark,
    /// Hours from then until the notice is due, as the catalogue said at that time.
    pub hours: u32,
    /// The first moment at which the notice is late, with the orders as they stand.
    pub deadline: When,
    /// Orders that stop the clock.
    pub holds: Vec<HeldFor>,
    /// Warnings that were given, each once.
    pub warnings: Vec<Warning>,
    /// How many notices were written to the account about it.
    pub notices: u32,
    /// When the account was told, if it was.
    pub notified: Option<Notified>,
    /// Every notice that has reached whom it had to reach, oldest first.
    #[serde(default)]
    pub told: Vec<Notified>,
    /// When the account counted as told and does not any more, oldest first.
    #[serde(default)]
    pub reopened: Vec<Reopened>,
    /// The first notice that was given.
    #[serde(default)]
    pub first: Option<Known>,
    /// By when the last notice promises the next one.
    #[serde(default)]
    pub update_by: Option<When>,
    /// Updates that were promised and were late.
    #[serde(default)]
    pub updates_missed: Vec<UpdateMissed>,
    /// The newest notices that were written, by their ids.
    #[serde(default)]
    pub written: Vec<String>,
    /// Clocks of laws besides, for the account and those whom it serves.
    #[serde(default)]
    pub duties: Duties,
}

/// Notices of which it is kept that they were written.
const WRITTEN: usize = 20;
/// How often it is kept that an account was told no longer; earlier ones are in the row's history.
const REOPENED: usize = 20;

/// When warnings are due, in percent of the time.
pub const WARNINGS: [u32; 5] = [25, 50, 75, 90, 100];

/// What became of a warning whose moment may have come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Warned {
    /// It was given now.
    Now,
    /// The account was told, or the warning was given before.
    Settled,
    /// Its moment moved, because an order holds the clock.
    Later(Moment),
}

impl Breach {
    fn spans(&self) -> Vec<Span> {
        let holds = self.holds.iter().filter(|one| one.notices());
        holds.map(|one| (one.from.0, one.to.0)).collect()
    }

    /// Computes the deadline from everything else.
    pub fn settle(&mut self) {
        self.deadline = When(clock::deadline(self.verified.at.0, self.hours, &self.spans()));
        self.duties.verified = Some(self.verified.at);
        self.duties.held.clone_from(&self.holds);
        let (class, account) = (self.harm.class(), self.account.clone());
        self.duties.settle(class, Some(&account), self.suspected_at.0);
    }

    /// What is left of the time.
    pub fn left(&self, now: Moment) -> Left {
        clock::left(self.verified.at.0, self.hours, &self.spans(), now)
    }

    /// Whether an order stops the clock now.
    pub fn held(&self, now: Moment) -> bool {
        let mut holds = self.holds.iter().filter(|one| one.notices());
        holds.any(|one| one.from.0 <= now && now < one.to.0) && self.left(now).held_to.is_some()
    }

    /// Whether the deadline passed before the account was told.
    pub fn late(&self, now: Moment) -> bool {
        self.notified.as_ref().map_or(now, |one| one.at.0) >= self.deadline.0
    }

    /// Which warnings are still to be given, and when.
    pub fn schedule(&self, now: Moment) -> Vec<(Moment, u32)> {
        let given = |percent: u32| self.warnings.iter().any(|one| one.percent == percent);
        let left =
            WARNINGS.into_iter().filter(|percent| self.notified.is_none() && !given(*percent));
        left.map(|percent| (self.due(percent).max(now), percent)).collect()
    }

    /// The first notice that was given. A row that is older than this field knows only the one
    /// that reached the account, which was the first to do so.
    pub fn first(&self) -> Option<Known> {
        let told = |one: &Notified| Known { notice: one.notice.clone(), number: 1, at: one.at };
        self.first.clone().or_else(|| self.notified.as_ref().map(told))
    }

    /// A notice was written.
    pub fn wrote(&mut self, notice: &str) {
        self.notices += 1;
        self.written.push(notice.to_owned());
        if self.written.len() > WRITTEN {
            self.written.remove(0);
        }
    }

    /// A notice reached whom it had to reach.
    pub fn tell(&mut self, notice: &str, at: Moment) {
        let told = Notified { notice: notice.to_owned(), at: When(at) };
        if self.told.iter().all(|one| one.notice != told.notice) {
            self.told.push(told.clone());
        }
        self.notified.get_or_insert(told);
    }

    /// A notice reached somebody no longer. Answers whether the duty is open again: what was told
    /// by another notice stays told. The deadline never moves.
    pub fn untell(&mut self, notice: &str, at: Moment, reason: &str) -> bool {
        self.told.retain(|one| one.notice != notice);
        let Some(was) = self.notified.take_if(|told| told.notice == notice) else { return false };
        self.notified = self.told.iter().min_by_key(|one| one.at).cloned();
        if self.notified.is_some() {
            return false;
        }
        self.reopened.push(Reopened {
            notice: was.notice,
            told: was.at,
            at: When(at),
            reason: reason.to_owned(),
        });
        if self.reopened.len() > REOPENED {
            self.reopened.remove(0);
        }
        true
    }

    fn due(&self, percent: u32) -> Moment {
        clock::reached(self.verified.at.0, self.hours, &self.spans(), percent)
    }

    /// The page of a warning. Accounts of one incident whose notices are due within an hour of each
    /// other are one page; none is named in it, because it leaves by channels of others.
    fn page(&self, percent: u32) -> Raise {
        let (incident, due) = (&self.incident, self.deadline.0.rfc3339());
        let hour = due.get(..13).unwrap_or_default();
        let title = match percent {
            100 => format!("{incident}: the time to tell an affected account has run out"),
            _ => format!("{incident}: {percent} % of the time to tell an affected account is used"),
        };
        Raise {
            subject: Subject::Clock,
            about: format!("incidents/{incident}"),
            key: format!("{percent} of {hour}"),
            severity: if percent < 75 { Severity::Low } else { Severity::High },
            title,
            first: vec![],
        }
    }

    /// Gives a warning, if its moment has come and it was not given before.
    pub fn warn(&mut self, percent: u32, now: Moment) -> Warned {
        let given = self.warnings.iter().any(|one| one.percent == percent);
        if self.notified.is_some() || given {
            return Warned::Settled;
        }
        let due = self.due(percent);
        if now < due {
            return Warned::Later(due);
        }
        self.warnings.push(Warning { percent, at: When(now) });
        Warned::Now
    }
}

/// The id of the row of an incident and an account.
pub fn id(incident: &str, account: &str) -> String {
    format!("{incident}.{account}")
}

/// Nothing: a breach is verified in its incident.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewBreach {}

impl Row for Breach {
    const NOUN: &'static str = "breach";
    const REGISTER: &'static str = "breaches";
    const FORMAT: &'static str = "breach/v1";
    const ADD: &'static str = "breach.add";
    const READ: &'static str = "breach.read";
    const LIST: &'static str = "breach.list";
    const RESTRICTED: bool = true;
    type New = NewBreach;

    fn add(_: &NewBreach, _: &mut At<'_, '_>) -> Result<Self> {
        Err(Error::conflict("an account is verified in its incident: use `verify` there"))
    }

    fn readers(&self) -> Readers<'_> {
        Readers::As(Incident::REGISTER, &self.incident)
    }

    fn status(&self, now: Moment) -> Status {
        let late = self.late(now);
        if let Some(told) = &self.notified {
            let over = told.at.0.since(self.deadline.0);
            return match (late, self.update_by) {
                (false, Some(by)) if by.0 <= now => Status::of("update-late", Tone::Bad)
                    .what("the next notice was promised by then: write it, with what is known")
                    .due(by.0)
                    .who("responder"),
                (false, Some(by)) => Status::of("update-owed", Tone::Due)
                    .what("the account is told; the next notice is promised")
                    .due(by.0)
                    .who("responder"),
                (false, None) => Status::of("notified", Tone::Good),
                (true, _) => Status::of("notified-late", Tone::Bad).what(format!(
                    "the account was told {} after the deadline",
                    clock::shown(over)
                )),
            };
        }
        if late {
            let what = "the account was not told in time: send the notice at once";
            return Status::of("missed", Tone::Bad)
                .what(what)
                .due(self.deadline.0)
                .who("responder");
        }
        let left = self.left(now);
        let span = clock::shown(left.span);
        if let (Some(back), None) = (self.reopened.last(), left.held_to) {
            let what = format!("{}: tell the next contact, or in another way", back.reason);
            return Status::of("undelivered", Tone::Bad)
                .what(what)
                .due(self.deadline.0)
                .who("responder");
        }
        match left.held_to {
            Some(to) => Status::of("held", Tone::Due)
                .what(format!("held by order; then {span} are left"))
                .due(to)
                .who("counsel"),
            None => Status::of("running", Tone::Due)
                .what(format!("{span} left to tell the account"))
                .due(self.deadline.0)
                .who("responder"),
        }
    }
}

const STEPS: &[Entry] = &[];

/// The register, as the faces know it.
pub const REGISTER: Register = Register::of::<Breach>(
    "incidents",
    "Accounts that a person verified to be affected, each with the clock of its notice",
)
.serves(&["E4.4", "E4.5", "E4.6", "E4.7"])
.first("Verify an affected account in its incident: that makes a row here and starts its clock")
.columns(&["incident", "account", "harm", "deadline", "notified"])
.steps(STEPS);
