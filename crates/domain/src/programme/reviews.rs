//! Reviews: somebody looks, at set times, whether the programme is effective and accurate.
//!
//! A review is planned once and held in rounds. A round opens with an agenda that is computed from
//! what the registers show at that moment, and closes only when each item has a verdict with a name
//! and a reason. What was to be changed or was escalated comes back on the next agenda. Opening one
//! needs every register, which are below this noun: the table of registers brings them.

use super::LEADS;
use super::agenda;
use super::policies::Policy;
use super::risks::Risk;
use crate::catalogue::{self, Parameters, parameters};
use crate::register::{
    self, At, Boxed, Day, Entry, Kept, Mark, Needs, On, Register, Row, Shown, Status, Step, Survey,
    Tone, When, act, line, prose, stated, step,
};
use kernel::engine::Wants;
use kernel::{
    Act, After, Error, HOUSE, Kernel, Moment, Operation, RecordKey, Result, Target, Work, on_house,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Rounds that are named in the row; earlier ones are in its history.
const CLOSED: usize = 40;

/// What a review looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "ReviewKind")]
pub enum Kind {
    /// The whole programme: every register.
    Programme,
    /// One policy, or `all`.
    Policy,
    /// One risk, or `all`.
    Risk,
    /// Who may do what.
    Access,
    /// One kind of security infrastructure: `rules`, `grants`, `keys`, `backups` or `scans`.
    Infrastructure,
    /// One site, or `all`.
    Site,
}

/// What a review of infrastructure can be about (E1.5).
pub const INFRASTRUCTURE: [&str; 5] = ["rules", "grants", "keys", "backups", "scans"];

/// A subject that stands for every one of its kind.
pub const ALL: &str = "all";

/// What the reviewer says of an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "ReviewVerdict")]
pub enum Verdict {
    /// It is right as it is.
    Keep,
    /// It is to be changed.
    Change,
    /// It is for somebody with more authority.
    Escalate,
}

/// A verdict on an item.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "ReviewDecision")]
pub struct Decision {
    /// What it says.
    pub verdict: Verdict,
    /// Why.
    pub reason: String,
    /// Whether whoever decided answers for the item as well, because nobody else could.
    pub own: bool,
    /// Who, and when.
    pub mark: Mark,
}

/// An item of an agenda.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Item {
    /// Its number, from 1.
    pub number: u32,
    /// The register it is about, or a row of it: `vendors/acme`.
    pub place: String,
    /// What is to be looked at.
    pub what: String,
    /// Who answers for it, where that is a person: `person:NAME`.
    pub owner: Option<String>,
    /// The verdict, once there is one.
    pub decision: Option<Decision>,
}

/// A round of a review.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Round {
    /// Who opened it, and when.
    pub opened: Mark,
    /// Index of the `house` entry that opened it: what changed from there on is for the next.
    pub entry: u64,
    /// The agenda, as it was when the round opened.
    pub agenda: Vec<Item>,
}

/// A round that was closed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Closed {
    /// Who opened it, and when.
    pub opened: Mark,
    /// Who closed it, and when.
    pub closed: Mark,
    /// Items on its agenda.
    pub items: u32,
    /// Items that are to be changed.
    pub change: u32,
    /// Items that were escalated.
    pub escalate: u32,
    /// What the review came to.
    pub conclusion: String,
}

/// A review.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Review {
    /// What it looks at.
    pub kind: Kind,
    /// Which one of that kind.
    pub subject: String,
    /// Days from one round to the next.
    pub period_days: u32,
    /// Who sees to it that it is held: `person:NAME`.
    pub owner: String,
    /// The day it was planned.
    pub since: Day,
    /// The round that is held now, if one is.
    pub open: Option<Round>,
    /// The newest round that was closed, with its verdicts.
    pub last: Option<Round>,
    /// Rounds that were closed, oldest first.
    pub closed: Vec<Closed>,
    /// When the review was given up, if it was.
    pub ended: Option<Mark>,
}

impl Review {
    /// The newest round that was closed.
    pub fn newest(&self) -> Option<&Closed> {
        self.closed.last()
    }

    /// First moment at which a round had to be closed and was not.
    pub fn due(&self) -> Moment {
        self.due_within(self.period_days)
    }

    /// As [`Review::due`], if the catalogue allows less time by now.
    pub fn due_by(&self, numbers: &Parameters) -> Moment {
        self.due_within(self.period_days.min(longest(self.kind, numbers)))
    }

    fn due_within(&self, days: u32) -> Moment {
        let from = self.newest().map_or(self.since, |one| Day::of(one.closed.at.0));
        from.plus(days).end()
    }

    fn standing(&self) -> Result<()> {
        match self.ended {
            Some(_) => Err(Error::conflict("this review was given up: plan another one")),
            None => Ok(()),
        }
    }

    fn round(&mut self) -> Result<&mut Round> {
        self.standing()?;
        let missing = || Error::conflict("no round is open: open one first");
        self.open.as_mut().ok_or_else(missing)
    }
}

/// Most days between two rounds, by kind.
fn longest(kind: Kind, numbers: &Parameters) -> u32 {
    match kind {
        Kind::Infrastructure => numbers.infrastructure_review_days,
        _ => numbers.review_days,
    }
}

/// A review to be planned.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewReview {
    /// The unique name: 1–64 of `a-z 0-9 . _ -`.
    pub name: String,
    /// What it looks at.
    pub kind: Kind,
    /// Which one of that kind; left out, `all`. A review of infrastructure names `rules`, `grants`,
    /// `keys`, `backups` or `scans`.
    pub subject: Option<String>,
    /// Days from one round to the next; left out, those of the catalogue.
    pub period_days: Option<u32>,
    /// Who sees to it that it is held: `person:NAME`.
    pub owner: String,
}

impl Row for Review {
    const NOUN: &'static str = "review";
    const REGISTER: &'static str = "reviews";
    const FORMAT: &'static str = "review/v1";
    const ADD: &'static str = "review.add";
    const READ: &'static str = "review.read";
    const LIST: &'static str = "review.list";
    type New = NewReview;

    fn id(new: &NewReview) -> Option<&str> {
        Some(&new.name)
    }

    fn needs(new: &NewReview, needs: &mut Needs<'_>) -> Result<()> {
        let one = new.subject.as_deref().filter(|subject| *subject != ALL);
        match (new.kind, one) {
            (Kind::Policy, Some(subject)) => needs.row::<Policy>(subject)?,
            (Kind::Risk, Some(subject)) => needs.row::<Risk>(subject)?,
            _ => {}
        }
        catalogue::need(needs)
    }

    fn add(new: &NewReview, at: &mut At<'_, '_>) -> Result<Self> {
        at.person("owner", &new.owner)?;
        let subject = new.subject.as_deref().unwrap_or(ALL);
        match (new.kind, subject) {
            (Kind::Policy | Kind::Risk, ALL) => {}
            (Kind::Policy, one) => drop(at.named::<Policy>("subject", one)?),
            (Kind::Risk, one) => drop(at.named::<Risk>("subject", one)?),
            (Kind::Infrastructure, one) if !INFRASTRUCTURE.contains(&one) => {
                let why = format!("name one of `{}`", INFRASTRUCTURE.join("`, `"));
                return Err(Error::invalid("subject", why));
            }
            (Kind::Programme | Kind::Access, one) if one != ALL => {
                return Err(Error::invalid("subject", "this kind is about `all`: leave it out"));
            }
            _ => {}
        }
        let most = longest(new.kind, &parameters(at)?);
        let period_days = new.period_days.unwrap_or(most);
        if period_days == 0 || period_days > most {
            let why = format!("such a review is held every 1 to {most} days, says the catalogue");
            return Err(Error::invalid("period_days", why));
        }
        Ok(Self {
            kind: new.kind,
            subject: line("subject", subject, 100)?,
            period_days,
            owner: new.owner.clone(),
            since: Day::of(at.now()),
            open: None,
            last: None,
            closed: vec![],
            ended: None,
        })
    }

    fn status(&self, now: Moment) -> Status {
        if self.ended.is_some() {
            return Status::of("given-up", Tone::Past);
        }
        let waiting =
            |round: &Round| round.agenda.iter().filter(|item| item.decision.is_none()).count();
        let status = match &self.open {
            _ if self.due() <= now => {
                let what = "it was not held in time: open a round, decide its items, close it";
                Status::of("overdue", Tone::Bad).what(what)
            }
            Some(round) => {
                let (left, all) = (waiting(round), round.agenda.len());
                let what = format!("{left} of {all} items wait for a verdict");
                Status::of("open", Tone::Due).what(what)
            }
            None if self.newest().is_none() => {
                Status::of("planned", Tone::Due).what("hold its first round: open it")
            }
            None => Status::of("held", Tone::Good),
        };
        status.due(self.due()).who(&self.owner)
    }
}

act!(
    /// Opening a round.
    Opened, "review.open", None, false
);

/// Opens a round. Its agenda comes from what the registers show now.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Open {}

/// Opens a round with the agenda that the registers give at that moment.
struct Opening {
    key: RecordKey,
    survey: Survey,
}

impl Operation for Opening {
    type Output = Shown<Review>;

    fn target(&self) -> Target {
        on_house(Opened::ACTION)
    }

    fn wants(&self, wants: &mut Wants) {
        wants.record(&self.key);
        self.survey.wants(wants);
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<Shown<Review>>> {
        let (allowed, mut kept) = register::load::<Kept<Review>, Opened>(work, &self.key)?;
        kept.row.standing()?;
        if kept.row.open.is_some() {
            return Err(Error::conflict("a round is open already: close it first"));
        }
        let house = self.survey.find(work)?.read(work)?;
        let agenda = agenda::of(&kept.id, &kept.row, &house, work.rights()?);
        let items = agenda.len().to_string();
        let opened = Mark { by: work.caller().principal.to_string(), at: When(work.now()) };
        kept.row.open = Some(Round { opened, entry: work.next_index(HOUSE)?, agenda });
        work.save(allowed, register::body(&kept)?, vec![("items", items)])?;
        Ok(After::now(Shown::at(kept, work.now())))
    }
}

/// The operation that opens a round of this review, with what the registers show.
///
/// # Errors
/// `Internal` if `house` has no keys, `Invalid` for what is stated besides.
pub fn open(kernel: &Kernel, on: On<'_>, json: &[u8], survey: Survey) -> Result<Boxed> {
    let On::Row(id) = on else {
        return Err(Error::internal("a step needs a row"));
    };
    let Open {} = stated(json)?;
    let key = register::key::<Kept<Review>>(kernel, id)?;
    Ok(Boxed::new(Opening { key, survey }, Review::NOUN))
}

/// Gives a verdict on an item, as another person than who answers for it.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Decide {
    /// The number of the item.
    pub item: u32,
    /// What you say of it.
    pub verdict: Verdict,
    /// Why.
    pub reason: String,
}

impl Step<Review> for Decide {
    const ACTION: &'static str = "review.decide";

    fn apply(&self, row: &mut Review, at: &mut At<'_, '_>) -> Result<()> {
        let mark = at.mark();
        let round = row.round()?;
        let all = round.agenda.len();
        let item = round.agenda.iter_mut().find(|item| item.number == self.item);
        let item = item.ok_or_else(|| {
            Error::invalid("item", format!("there is no such item: they are numbered 1 to {all}"))
        })?;
        if let Some(before) = &item.decision {
            let why = format!("`{}` has decided this item: it stands", before.mark.by);
            return Err(Error::conflict(why));
        }
        let own = item.owner.as_ref() == Some(&mark.by);
        if own && at.holders(&LEADS)? > 1 {
            at.another_than(&mark.by, &LEADS, "a verdict on what one answers for")?;
        }
        let reason = line("reason", &self.reason, 500)?;
        at.tell("item", self.item.to_string());
        at.tell("own", own.to_string());
        item.decision = Some(Decision { verdict: self.verdict, reason, own, mark });
        Ok(())
    }
}

/// Closes the round, once each item has its verdict.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Close {
    /// What the review came to.
    pub conclusion: String,
}

impl Step<Review> for Close {
    const ACTION: &'static str = "review.close";

    fn apply(&self, row: &mut Review, at: &mut At<'_, '_>) -> Result<()> {
        let round = row.round()?.clone();
        let verdict = |item: &Item| item.decision.as_ref().map(|decision| decision.verdict);
        let open: Vec<_> = round.agenda.iter().filter(|item| item.decision.is_none()).collect();
        if let Some(first) = open.first() {
            let why = format!(
                "{} of {} items have no verdict yet, the first is {}: decide them",
                open.len(),
                round.agenda.len(),
                first.number
            );
            return Err(Error::conflict(why));
        }
        let count = |wanted| {
            let such = round.agenda.iter().filter(|item| verdict(item) == Some(wanted));
            u32::try_from(such.count()).unwrap_or(u32::MAX)
        };
        let closed = Closed {
            opened: round.opened.clone(),
            closed: at.mark(),
            items: u32::try_from(round.agenda.len()).unwrap_or(u32::MAX),
            change: count(Verdict::Change),
            escalate: count(Verdict::Escalate),
            conclusion: prose("conclusion", &self.conclusion, 5000)?,
        };
        at.tell("items", closed.items.to_string());
        at.tell("change", closed.change.to_string());
        at.tell("escalate", closed.escalate.to_string());
        row.closed.push(closed);
        if row.closed.len() > CLOSED {
            row.closed.remove(0);
        }
        (row.open, row.last) = (None, Some(round));
        Ok(())
    }
}

/// Gives a review up.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct End {
    /// Why it is not held any more, or what is held instead.
    pub reason: String,
}

impl Step<Review> for End {
    const ACTION: &'static str = "review.end";

    fn apply(&self, row: &mut Review, at: &mut At<'_, '_>) -> Result<()> {
        row.standing()?;
        at.tell("reason", line("reason", &self.reason, 500)?);
        row.ended = Some(at.mark());
        Ok(())
    }
}

/// The step that opens a round, by a maker that brings the survey.
pub const fn opened_by(make: fn(&Kernel, On<'_>, &[u8]) -> Result<Boxed>) -> Entry {
    Entry {
        verb: "open",
        summary: "Opens a round: its agenda is what failed, fell due or changed since the last",
        area: None,
        action: Opened::ACTION,
        schema: |generator| generator.subschema_for::<Open>(),
        make,
    }
}

/// Giving a verdict.
pub const DECIDE: Entry =
    step::<Review, Decide>("decide", "Gives a verdict on an item of the agenda");
/// Closing a round.
pub const CLOSE: Entry =
    step::<Review, Close>("close", "Closes the round, once each item has its verdict");
/// Giving a review up.
pub const END: Entry = step::<Review, End>("end", "Gives the review up");

/// The register, as the faces know it, without its steps.
pub const REGISTER: Register = Register::of::<Review>(
    "programme",
    "When programme, policies, risks, access and infrastructure are looked at, with what outcome",
)
.serves(&["E1.3", "E1.5"])
.first("Plan a review: what it looks at, how often, and who sees to it")
.columns(&["kind", "subject", "period_days", "owner"]);
