//! Access reviews: every right in a scope is looked at by somebody else than its holder, and what
//! nobody answers for is removed.
//!
//! A review lists what is in force when it opens. Each item shows when the right was used last and
//! how many peers have the like; each is decided by itself. To keep a right takes a reason, to
//! remove it takes none; what is not decided when the review is due is removed by the server.
//!
//! Does not: give anything back. What was removed is asked for anew.

mod items;
mod steps;

pub use items::{patience, unused};
pub use steps::{Decide, LAPSE, Lapse, Withdraw, decides};
use steps::{UNANSWERED, another};

use super::requests::APPROVERS;
use crate::accounts::Account;
use crate::catalogue::{self, parameters};
use crate::register::{At, Day, Entry, Mark, Needs, Register, Row, Status, Tone, When, line, step};
use crate::systems::System;
use crate::vendors::Vendor;
use kernel::{Error, Moment, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Items of one review.
const MOST: usize = 400;

/// Days that a review may last.
const DAYS: u32 = 31;

/// Kept items from which on the time spent on them says something.
const ENOUGH: usize = 5;

/// Seconds under which nobody can have looked at an item.
const HASTY_SECONDS: u64 = 5;

/// What a review is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "AccessReviewKind")]
pub enum Kind {
    /// Every grant, and every role of every person.
    All,
    /// Every grant that reaches an account.
    Account,
    /// The roles and grants of a person, and the grants of services they own.
    Person,
    /// The roles and grants of a vendor's people and services.
    Vendor,
    /// Every grant to sign in to a system.
    System,
}

/// What a review is about, and which one of that.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "AccessReviewScope")]
#[serde(deny_unknown_fields)]
pub struct Scope {
    /// What it is about.
    pub kind: Kind,
    /// The account's id, `person:NAME`, the vendor's or the system's id; nothing for `all`.
    pub subject: Option<String>,
}

impl Scope {
    /// Whether roles are looked at, and not only what they lead to.
    fn of_roles(&self) -> bool {
        matches!(self.kind, Kind::All | Kind::Person | Kind::Vendor)
    }
}

/// What becomes of a right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "AccessReviewVerdict")]
pub enum Verdict {
    /// It is needed as it is.
    Keep,
    /// It ends now.
    Remove,
}

/// What was decided of an item.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "AccessReviewDecision")]
pub struct Decision {
    /// What becomes of it.
    pub verdict: Verdict,
    /// Why.
    pub reason: String,
    /// Seconds since the same reviewer's decision before, or since the review opened; nothing where
    /// nobody decided in time.
    pub seconds: Option<u64>,
    /// Who, and when.
    pub mark: Mark,
}

/// A right that is looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "AccessReviewItem")]
pub struct Item {
    /// The grant by its id, or a role as `person:NAME/ROLE`.
    pub right: String,
    /// Who holds it.
    pub holder: String,
    /// What it allows.
    pub what: String,
    /// The day it was given.
    pub given: Day,
    /// The last day it was used, as far as that is known.
    pub last_used: Option<Day>,
    /// How many of the holder's peers have the like.
    pub peers: usize,
    /// People who share a role with the holder.
    pub of_peers: usize,
    /// What is proposed, where uses say something.
    pub proposed: Option<Verdict>,
    /// What was decided, once it was.
    pub decision: Option<Decision>,
}

/// A review of access.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AccessReview {
    /// What it is about.
    pub scope: Scope,
    /// Who decides: `person:NAME`, each.
    pub reviewers: Vec<String>,
    /// When it opened.
    pub opened: When,
    /// First moment at which what is not decided is removed.
    pub due: When,
    /// The rights, as they were when it opened.
    pub items: Vec<Item>,
    /// When the last item was decided, and by whom.
    pub closed: Option<Mark>,
    /// That it was withdrawn before it was due, if it was; what was decided until then stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub withdrawn: Option<Withdrawn>,
}

impl AccessReview {
    /// Items that wait for a decision.
    pub fn waiting(&self) -> usize {
        self.items.iter().filter(|item| item.decision.is_none()).count()
    }

    /// Decisions of this kind.
    pub fn decided(&self, verdict: Verdict) -> impl Iterator<Item = &Decision> {
        let made = self.items.iter().filter_map(|item| item.decision.as_ref());
        made.filter(move |decision| decision.verdict == verdict)
    }

    /// Items that nobody decided in time.
    pub fn unanswered(&self) -> usize {
        self.decided(Verdict::Remove).filter(|decision| decision.reason == UNANSWERED).count()
    }

    /// Median seconds that were spent on an item that was kept.
    pub fn seconds(&self) -> Option<u64> {
        let mut all: Vec<u64> = self.decided(Verdict::Keep).filter_map(|one| one.seconds).collect();
        all.sort_unstable();
        all.get(all.len().saturating_sub(1) / 2).copied()
    }

    /// Whether it still takes answers.
    pub fn open(&self, now: Moment) -> bool {
        self.closed.is_none() && self.withdrawn.is_none() && now < self.due.0
    }

    /// Whether everything was kept, faster than anybody can look: then it says nothing.
    pub fn hasty(&self) -> bool {
        let kept = self.decided(Verdict::Keep).count();
        let fast = self.seconds().is_some_and(|seconds| seconds < HASTY_SECONDS);
        kept == self.items.len() && kept >= ENOUGH && fast
    }
}

/// That a review was withdrawn.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "AccessReviewWithdrawn")]
pub struct Withdrawn {
    /// Why.
    pub reason: String,
    /// Who, and when.
    pub mark: Mark,
}

/// A review to be opened.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAccessReview {
    /// The unique name: 1–64 of `a-z 0-9 . _ -`.
    pub name: String,
    /// What it is about: `all`, `account`, `person`, `vendor` or `system`.
    pub kind: Kind,
    /// The account's id, `person:NAME`, the vendor's or the system's id; nothing for `all`.
    #[serde(default)]
    pub subject: Option<String>,
    /// Who decides: 1 to 10 of `person:NAME`, each with a role that approves access.
    pub reviewers: Vec<String>,
    /// Days until what is not decided is removed, 1 to 31.
    pub days: u32,
}

impl NewAccessReview {
    fn subject(&self) -> Result<Option<&str>> {
        match (self.kind, self.subject.as_deref()) {
            (Kind::All, Some(_)) => {
                Err(Error::invalid("subject", "`all` is about everything: leave it out"))
            }
            (Kind::All, None) => Ok(None),
            (_, None) => Err(Error::invalid("subject", "name which one it is about")),
            (_, Some(subject)) => Ok(Some(subject)),
        }
    }
}

impl Row for AccessReview {
    const NOUN: &'static str = "access-review";
    const REGISTER: &'static str = "access-reviews";
    const FORMAT: &'static str = "access-review/v1";
    const ADD: &'static str = "access-review.add";
    const READ: &'static str = "access-review.read";
    const LIST: &'static str = "access-review.list";
    type New = NewAccessReview;

    fn id(new: &NewAccessReview) -> Option<&str> {
        Some(&new.name)
    }

    fn needs(new: &NewAccessReview, needs: &mut Needs<'_>) -> Result<()> {
        match (new.kind, new.subject()?) {
            (Kind::Account, Some(id)) => needs.noun::<Account>(id)?,
            (Kind::Vendor, Some(id)) => needs.row::<Vendor>(id)?,
            (Kind::System, Some(id)) => needs.row::<System>(id)?,
            _ => {}
        }
        catalogue::need(needs)
    }

    fn add(new: &NewAccessReview, at: &mut At<'_, '_>) -> Result<Self> {
        let slot = check_subject(new, at)?;
        check_reviewers(&new.reviewers, at)?;
        if new.days == 0 || new.days > DAYS {
            return Err(Error::invalid("days", format!("a review lasts 1 to {DAYS} days")));
        }
        let scope = Scope { kind: new.kind, subject: new.subject.clone() };
        let items = items::of(&scope, slot, parameters(at)?.unused_days, at)?;
        if items.is_empty() {
            return Err(Error::invalid(
                "kind",
                "no right is in this scope: there is nothing to do",
            ));
        }
        for item in &items {
            let rights = at.rights()?;
            if new.reviewers.iter().all(|by| another(&item.holder, by, rights).is_err()) {
                let why = format!("nobody named may decide on `{}`: name another too", item.right);
                return Err(Error::invalid("reviewers", why));
            }
        }
        let (now, due) = (at.now(), at.in_days(new.days));
        at.tell("items", items.len().to_string());
        at.tell("until", due.rfc3339());
        let id = at.id().to_owned();
        at.later(due, LAPSE, id);
        let reviewers = new.reviewers.clone();
        let (opened, due) = (When(now), When(due));
        Ok(Self { scope, reviewers, opened, due, items, closed: None, withdrawn: None })
    }

    fn status(&self, now: Moment) -> Status {
        let (all, left) = (self.items.len(), self.waiting());
        if let Some(withdrawn) = &self.withdrawn {
            return Status::of("withdrawn", Tone::Past).what(withdrawn.reason.clone());
        }
        if self.closed.is_some() {
            let (kept, removed) =
                (self.decided(Verdict::Keep).count(), self.decided(Verdict::Remove).count());
            let unanswered = self.unanswered();
            let seconds = self.seconds().unwrap_or_default();
            let what = format!(
                "kept {kept} of {all}, removed {removed}, of them {unanswered} unanswered; half of \
                 what was kept took {seconds} s or less each"
            );
            return match self.hasty() {
                true => Status::of("hasty", Tone::Bad)
                    .what(format!("{what}: nobody can have looked, review it again"))
                    .who("security-lead"),
                false => Status::of("done", Tone::Past).what(what),
            };
        }
        let what = format!("{left} of {all} rights wait for an answer: without one they end");
        let tone = if now < self.due.0 { Tone::Due } else { Tone::Bad };
        let who = self.reviewers.join(", ");
        Status::of("open", tone).what(what).due(self.due.0).who(who)
    }
}

/// The slot of the account, if it is about one.
fn check_subject(new: &NewAccessReview, at: &At<'_, '_>) -> Result<Option<u64>> {
    let Some(subject) = new.subject()? else { return Ok(None) };
    match new.kind {
        Kind::Account => {
            let account = at.find_noun::<Account>(subject)?.ok_or_else(|| {
                let id = kernel::id::shown(subject);
                Error::invalid("subject", format!("there is no account `{id}`"))
            })?;
            return Ok(Some(account.slot));
        }
        Kind::Person => drop(at.person("subject", subject)?),
        Kind::Vendor => drop(at.named::<Vendor>("subject", subject)?),
        Kind::System => drop(at.named::<System>("subject", subject)?),
        Kind::All => {}
    }
    line("subject", subject, 200)?;
    Ok(None)
}

fn check_reviewers(reviewers: &[String], at: &At<'_, '_>) -> Result<()> {
    let mut seen = std::collections::BTreeSet::new();
    if reviewers.is_empty() || reviewers.len() > 10 || !reviewers.iter().all(|one| seen.insert(one))
    {
        return Err(Error::invalid("reviewers", "name 1 to 10 people, each once"));
    }
    for reviewer in reviewers {
        let one = at.person("reviewers", reviewer)?;
        let may =
            one.vendor.is_none() && one.roles.iter().any(|role| APPROVERS.contains(&role.as_str()));
        if !may {
            let why = format!(
                "`{}` decides nothing: name people of the provider with one of `{}`",
                one.id,
                APPROVERS.join("`, `")
            );
            return Err(Error::invalid("reviewers", why));
        }
    }
    Ok(())
}

const STEPS: &[Entry] = &[
    step::<AccessReview, Decide>(
        "decide",
        "Keeps a right, with a reason, or removes it at once; one at a time",
    ),
    step::<AccessReview, Withdraw>(
        "withdraw",
        "Withdraws a review that was opened by mistake: nothing more is removed, and it counts for \
         nothing",
    ),
];

/// The register, as the faces know it.
pub const REGISTER: Register = Register::of::<AccessReview>(
    "access",
    "Campaigns in which every right is kept for a reason or removed, also by nobody's answer",
)
.serves(&["E5.6", "E5.7", "P0.1"])
.first("Open a review of access: of what, by whom, and in how many days")
.columns(&["scope", "reviewers", "due"])
.steps(STEPS);
