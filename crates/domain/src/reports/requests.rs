//! Requests for reports: asked by a subscriber's administrator or auditor, screened, decided by a
//! named person, released for a while, and every copy that left.
//!
//! The reason of a decision and the result of screening are the provider's own; who asked is told
//! the answer. A decision counts for what its screening said: a list that says more since then
//! stops the release until somebody decides again.

use super::desk::Desk;
use super::library::Report;
use super::lines;
use super::screen::{Screen, Subject, Verdict, screen};
use crate::accounts::Account;
use crate::catalogue;
use crate::members::Member;
use crate::register::{
    At, Entry, Kept, Mark, Needs, Register, Row, Status, Step, Tone, When, line, prose, step,
};
use kernel::id::{AccountId, Name};
use kernel::{Error, Moment, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What a named person decides about a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "RequestAnswer")]
pub enum Answer {
    /// Whoever asked may have a copy.
    Clear,
    /// No copy is given.
    Refuse,
}

/// A decision, with the screening it was made on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "RequestDecision")]
pub struct Decision {
    /// What was decided.
    pub answer: Answer,
    /// Why.
    pub reason: String,
    /// What the requester is told; a refusal says something.
    pub told: Option<String>,
    /// What screening said at that moment.
    pub screen: Screen,
    /// Who decided, and when.
    pub mark: Mark,
}

/// A release: the right to download copies for a while.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Released {
    /// Its id, which stands on every copy.
    pub id: String,
    /// First moment it counts no more.
    pub until: When,
    /// Who released, and when.
    pub mark: Mark,
    /// Who ended it before its time, and when.
    pub ended: Option<Mark>,
}

/// That the requester accepted a version of the terms.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "TermsAcceptance")]
pub struct Acceptance {
    /// The version.
    pub terms: String,
    /// SHA-256 of its text.
    pub sha256: String,
    /// Who accepted, and when.
    pub mark: Mark,
}

/// One copy that was given out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Delivery {
    /// Its number in this release, from 1.
    pub number: u32,
    /// Who downloaded it, and when.
    pub mark: Mark,
    /// The terms it was given under.
    pub terms: Option<String>,
    /// SHA-256 of the copy as it was delivered, marked with receiver and release.
    pub sha256: Option<String>,
    /// What became of a copy that was not marked, as somebody found out.
    pub settled_because: Option<String>,
    /// Who found out, and when.
    pub settled: Option<Mark>,
}

/// How long the mark of a copy may take.
pub const MARK_LIFE: Duration = Duration::from_secs(3600);

impl Delivery {
    /// Whether it is known what left: it is marked, or somebody found out.
    pub fn accounted(&self) -> bool {
        self.sha256.is_some() || self.settled.is_some()
    }
}

/// A request for a report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Request {
    /// The report.
    pub report: String,
    /// The account, by its readable id.
    pub account: String,
    /// The account's slot.
    pub slot: u64,
    /// Who asks: `member:NAME`.
    pub member: String,
    /// The requester's name.
    pub full_name: String,
    /// The requester's address.
    pub email: String,
    /// The organisations the requester acts for: the subscriber, and an auditor's firm.
    pub organisations: Vec<String>,
    /// Companies that own or control those, as the requester states.
    pub parents: Vec<String>,
    /// What for, as the requester states.
    pub purpose: String,
    /// By when it has to be answered.
    pub due: When,
    /// What screening said when it was asked.
    pub screen: Screen,
    /// The decision, if there is one; earlier ones are in the row's history.
    pub decision: Option<Decision>,
    /// The release, if there is one.
    pub release: Option<Released>,
    /// Acceptance of the terms, the newest.
    pub accepted: Option<Acceptance>,
    /// Copies given out; at most 20.
    pub deliveries: Vec<Delivery>,
}

impl Request {
    /// When it was answered: refused, or released.
    pub fn answered(&self) -> Option<Moment> {
        let refused = self.decision.as_ref().filter(|one| one.answer == Answer::Refuse);
        let released = self.release.as_ref().map(|release| release.mark.at.0);
        released.or_else(|| refused.map(|one| one.mark.at.0))
    }

    /// The release, if it is in force at this moment.
    pub fn live(&self, now: Moment) -> Option<&Released> {
        self.release.as_ref().filter(|one| one.ended.is_none() && now < one.until.0)
    }

    /// Screens the requester now.
    pub fn rescreen(&self, list: &[super::Listed], now: Moment) -> Screen {
        let (organisations, parents) = (&self.organisations, &self.parents);
        screen(&Subject { organisations, parents, email: &self.email }, list, now)
    }

    /// Whether somebody cleared everything that screening says now.
    pub fn cleared_for(&self, now: &Screen) -> bool {
        let clear = self.decision.as_ref().filter(|one| one.answer == Answer::Clear);
        clear.is_some_and(|one| now.within(&one.screen))
    }
}

/// What is asked, and what it is about.
pub(super) struct Ask<'a> {
    pub(super) member: &'a Kept<Member>,
    pub(super) account: &'a Account,
    pub(super) report: &'a Kept<Report>,
    pub(super) desk: &'a Desk,
    pub(super) purpose: &'a str,
    pub(super) parents: &'a [String],
    pub(super) not_competitor: bool,
    /// Days until it has to be answered.
    pub(super) days: u32,
    pub(super) now: Moment,
}

impl Ask<'_> {
    /// The request, screened.
    pub(super) fn request(&self) -> Result<Request> {
        let (member, now) = (&self.member.row, self.now);
        if member.slot != self.account.slot || !member.active(now) {
            let why = format!("`{}` is no active member of this account", self.member.id);
            return Err(Error::invalid("member", why));
        }
        if !self.report.row.current(now) {
            let why = format!("`{}` is no report that is given out now", self.report.id);
            return Err(Error::invalid("report", why));
        }
        if !self.not_competitor {
            let why = "reports are given to whoever states that it is no competitor: state it";
            return Err(Error::invalid("not_competitor", why));
        }
        let firm = member.firm.iter();
        let names = std::iter::once(&self.account.name).chain(firm);
        let organisations: Vec<String> = names.cloned().collect();
        let parents = lines("parents", self.parents, 10)?;
        let subject =
            Subject { organisations: &organisations, parents: &parents, email: &member.email };
        let screen = screen(&subject, &self.desk.competitors, now);
        Ok(Request {
            report: self.report.id.clone(),
            account: self.account.id.clone(),
            slot: self.account.slot,
            member: format!("member:{}", self.member.id),
            full_name: member.full_name.clone(),
            email: member.email.clone(),
            organisations,
            parents,
            purpose: line("purpose", self.purpose, 500)?,
            due: When(now.after(Duration::from_secs(u64::from(self.days) * 86_400))),
            screen,
            decision: None,
            release: None,
            accepted: None,
            deliveries: vec![],
        })
    }
}

/// A request that a member made outside the portal, such as by letter.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewRequest {
    /// The member who asks, by name.
    pub member: String,
    /// The member's account, by its readable id.
    pub account: String,
    /// The report.
    pub report: String,
    /// What for, as the member states.
    pub purpose: String,
    /// Companies that own or control the member's organisations, as it states; at most 10.
    #[serde(default)]
    pub parents: Vec<String>,
    /// Whether the member stated that it acts for no competitor.
    pub not_competitor: bool,
}

impl Row for Request {
    const NOUN: &'static str = "request";
    const REGISTER: &'static str = "requests";
    const FORMAT: &'static str = "request/v1";
    const ADD: &'static str = "request.add";
    const READ: &'static str = "request.read";
    const LIST: &'static str = "request.list";
    type New = NewRequest;

    fn needs(new: &NewRequest, needs: &mut Needs<'_>) -> Result<()> {
        AccountId::parse(&new.account)?;
        Name::parse(&new.member).map_err(|e| Error::invalid("member", e.message()))?;
        needs.noun::<Account>(&new.account)?;
        needs.row::<Member>(&new.member)?;
        needs.row::<Report>(&new.report)?;
        Desk::need(needs)?;
        catalogue::need(needs)
    }

    fn add(new: &NewRequest, at: &mut At<'_, '_>) -> Result<Self> {
        let account = at.find_noun::<Account>(&new.account)?;
        let no_account = || Error::invalid("account", "there is no such account");
        let ask = Ask {
            member: &at.named::<Member>("member", &new.member)?,
            account: &account.ok_or_else(no_account)?,
            report: &at.named::<Report>("report", &new.report)?,
            desk: &Desk::at(at)?,
            purpose: &new.purpose,
            parents: &new.parents,
            not_competitor: new.not_competitor,
            days: catalogue::parameters(at)?.report_days,
            now: at.now(),
        };
        let row = ask.request()?;
        at.tell("account", row.account.clone());
        at.tell("report", row.report.clone());
        Ok(row)
    }

    fn status(&self, now: Moment) -> Status {
        if let Some(release) = &self.release {
            let (end, refused) = (release.until.0, release.ended.is_some());
            return match () {
                () if refused => Status::of("ended", Tone::Past),
                () if end <= now => Status::of("expired", Tone::Past).due(end),
                () => Status::of("released", Tone::Good).due(end),
            };
        }
        let late = self.due.0 <= now;
        let tone = if late { Tone::Bad } else { Tone::Due };
        let todo = |word, what: String| {
            let word = if late { "overdue" } else { word };
            Status::of(word, tone).what(what).due(self.due.0).who("security-lead")
        };
        match &self.decision {
            Some(decision) if decision.answer == Answer::Refuse => {
                Status::of("refused", Tone::Past)
            }
            Some(_) => todo("cleared", "release the report".to_owned()),
            None => match (self.screen.verdict, self.screen.reasons.first()) {
                (Verdict::Clear, _) | (_, None) => {
                    todo("asked", "screening found nothing: decide".to_owned())
                }
                (_, Some(reason)) => todo("asked", format!("decide: {reason}")),
            },
        }
    }
}

/// Decides about a request, as a named person; also about one that was released.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Decide {
    /// Whether a copy may be given.
    pub answer: Answer,
    /// Why; the requester does not see it.
    pub reason: String,
    /// What the requester is told; required for a refusal.
    pub told: Option<String>,
}

impl Step<Request> for Decide {
    const ACTION: &'static str = "request.decide";

    fn needs(&self, _id: &str, needs: &mut Needs<'_>) -> Result<()> {
        Desk::need(needs)
    }

    fn apply(&self, row: &mut Request, at: &mut At<'_, '_>) -> Result<()> {
        a_person(at, "a request is decided by a named person")?;
        let told = self.told.as_ref().map(|text| prose("told", text, 1000)).transpose()?;
        if self.answer == Answer::Refuse && told.is_none() {
            let why = "a refusal says something to whoever asked";
            return Err(Error::invalid("told", why));
        }
        let over = row.release.is_some() && row.live(at.now()).is_none();
        if over || (row.release.is_none() && row.answered().is_some()) {
            return Err(Error::conflict("this request is over: let the requester ask again"));
        }
        let screen = row.rescreen(&Desk::at(at)?.competitors, at.now());
        at.tell("screen", word(screen.verdict));
        if self.answer == Answer::Refuse
            && let Some(release) = &mut row.release
        {
            release.ended = Some(at.mark());
        }
        let (answer, reason) = (self.answer, prose("reason", &self.reason, 1000)?);
        row.decision = Some(Decision { answer, reason, told, screen, mark: at.mark() });
        Ok(())
    }
}

/// Releases the report to the requester, for a while.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Release {
    /// The report, so that nobody releases another one than they think.
    pub report: String,
}

impl Step<Request> for Release {
    const ACTION: &'static str = "request.release";

    fn needs(&self, _id: &str, needs: &mut Needs<'_>) -> Result<()> {
        needs.row::<Report>(&self.report)?;
        Desk::need(needs)?;
        catalogue::need(needs)
    }

    fn apply(&self, row: &mut Request, at: &mut At<'_, '_>) -> Result<()> {
        a_person(at, "a report is released by a named person")?;
        if row.report != self.report {
            let why = format!("`{}` was asked for", row.report);
            return Err(Error::invalid("report", why));
        }
        if row.release.is_some() {
            return Err(Error::conflict("this request was released already"));
        }
        if !at.named::<Report>("report", &self.report)?.row.current(at.now()) {
            return Err(Error::conflict(
                "this report is not given out now: it is over or withdrawn",
            ));
        }
        if !row.cleared_for(&row.rescreen(&Desk::at(at)?.competitors, at.now())) {
            let why = "nobody cleared what screening says now: decide about the request first";
            return Err(Error::conflict(why));
        }
        let days = catalogue::parameters(at)?.release_days;
        let id = at.id().replacen("request", "release", 1);
        at.tell("release", id.clone());
        let until = When(at.in_days(days));
        row.release = Some(Released { id, until, mark: at.mark(), ended: None });
        Ok(())
    }
}

/// Says what became of a copy that was opened and never marked.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settle {
    /// The number of the copy.
    pub number: u32,
    /// What became of it, and how that is known.
    pub reason: String,
}

impl Step<Request> for Settle {
    const ACTION: &'static str = "request.settle";

    fn apply(&self, row: &mut Request, at: &mut At<'_, '_>) -> Result<()> {
        let (now, mark) = (at.now(), at.mark());
        let found = row.deliveries.iter_mut().find(|one| one.number == self.number);
        let missing = || Error::invalid("number", "there is no copy of this number");
        let copy = found.ok_or_else(missing)?;
        if copy.accounted() {
            return Err(Error::conflict("it is known what became of this copy"));
        }
        if now < copy.mark.at.0.after(MARK_LIFE) {
            return Err(Error::conflict("its mark may still come: wait an hour"));
        }
        copy.settled_because = Some(prose("reason", &self.reason, 1000)?);
        copy.settled = Some(mark);
        Ok(())
    }
}

fn a_person(at: &At<'_, '_>, why: &str) -> Result<()> {
    match at.by().parts().0 {
        "person" => Ok(()),
        _ => Err(Error::forbidden(why)),
    }
}

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Clear => "clear",
        Verdict::Unknown => "unknown",
        Verdict::Match => "match",
    }
}

const STEPS: &[Entry] = &[
    step::<Request, Decide>("decide", "Decides whether the requester may have a copy"),
    step::<Request, Release>("release", "Releases the report to the requester, for a while"),
    step::<Request, Settle>("settle", "Says what became of a copy that was never marked"),
];

/// The register, as the faces know it.
pub const REGISTER: Register = Register::of::<Request>(
    "reports",
    "Who asked for which report, what was decided, and every copy that left",
)
.command("report-request")
.serves(&["E3.1", "E3.2", "E3.3"])
.first("Record a request that a member made outside the portal; the rest come by themselves")
.columns(&["report", "account", "member", "due"])
.steps(STEPS);
