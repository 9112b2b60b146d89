//! When those who approve do not answer: who is called next, so that silence is never the result.
//!
//! From the moment at which a notice is written, its approvals have what is left of the clock. At
//! half of that everybody else who may approve is called; at three quarters the last resort, who
//! alone may then release it. A hold stops this as it stops the clock. Whom to call is said in
//! three places: the notice's status, the incident's timeline, and [`Summons`], for whoever pages.

use super::super::breaches::{self, Breach, CALLS, CHASE};
use super::super::resorts::Resort;
use super::approving::APPROVERS;
use super::{Incident, Notice};
use crate::oncall::pages;
use crate::register::{self, At, Kept, Mark, Row, Status, Tone, When, act};
use kernel::engine::{PageWant, Wants};
use kernel::{
    Act, After, Error, HOUSE, Kernel, Moment, Operation, RecordKey, Result, Target, Work, on_house,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Percent of the time after which everybody else who may approve is called.
const ALTERNATES: u32 = CALLS[0];
/// Percent of the time after which the last resort is called.
pub(super) const LAST: u32 = CALLS[1];
/// Time for the approval of a notice to an account that was told, if no other one is promised.
const UPDATE_TIME: Duration = Duration::from_secs(24 * 3600);
/// Last resorts that are looked at, and people that are named.
const MOST: usize = 50;

/// That somebody was called because a notice was not approved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "NoticeChased")]
pub struct Chased {
    /// How much of the time for its approval was used, in percent.
    pub percent: u32,
    /// When.
    pub at: When,
    /// Who was called: `person:NAME`; nobody, if there was nobody to call.
    pub who: Vec<String>,
}

/// What an escalation says to whoever pages: who has to act, and about what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summons {
    /// The incident, by its id.
    pub incident: String,
    /// The row where they act, such as `notices/notice-1`.
    pub place: String,
    /// Who: `person:NAME`.
    pub who: Vec<String>,
    /// What is to be done, in a sentence without a name of an account.
    pub what: String,
}

impl Summons {
    /// Calls them: a note in the incident's timeline, and a page.
    ///
    /// # Errors
    /// `Internal` if the incident does not open.
    pub fn raise<A: Act>(&self, kernel: &Kernel, work: &mut Work<'_>) -> Result<()> {
        let key = register::key::<Kept<Incident>>(kernel, &self.incident)?;
        let allowed = work.load_late::<A>(&key)?;
        let Some(pointer) = allowed.present().filter(|one| !one.deleted) else { return Ok(()) };
        let mut kept: Kept<Incident> = register::parse(&work.body(&pointer)?)?;
        self.write(&mut kept.row, work.now());
        self.admit(&mut kept.row, work.now())?;
        work.save(allowed, register::body(&kept)?, vec![("place", self.place.clone())])?;
        // Another page for others who are called about the same.
        self.page::<A>(kernel, work, &self.who.join(" "))
    }

    /// Whoever is called about a restricted incident has to read what it is about; among those who
    /// approve only the last resort is called without taking part.
    fn admit(&self, row: &mut Incident, now: Moment) -> Result<()> {
        let said = &row.need_to_know;
        let out = |who: &&String| said.excluded.iter().any(|one| one.person == **who);
        let called = self.who.iter().filter(|who| said.since.is_some() && !out(who));
        for who in called.cloned().collect::<Vec<_>>() {
            let mark = Mark { by: "kernel".to_owned(), at: When(now) };
            row.need_to_know.admit(&who, "was called, because a notice waits for them", mark)?;
        }
        Ok(())
    }

    /// Pages those who have to act; `key` tells this call from others about the same place.
    ///
    /// # Errors
    /// As [`pages::raise`].
    pub(in crate::incidents) fn page<A: Act>(
        &self,
        kernel: &Kernel,
        work: &mut Work<'_>,
        key: &str,
    ) -> Result<()> {
        let page = pages::Raise {
            subject: pages::Subject::Notice,
            about: self.place.clone(),
            key: key.to_owned(),
            severity: pages::Severity::High,
            title: format!("{}: {}", self.place, self.what),
            first: self.who.clone(),
        };
        pages::raise::<A>(kernel, work, &page).map(drop)
    }
}

impl Summons {
    /// Writes it into the timeline, for whoever saves the incident anyway.
    pub(in crate::incidents) fn write(&self, incident: &mut Incident, now: Moment) {
        let who = if self.who.is_empty() { "nobody is named".into() } else { self.who.join(", ") };
        incident.noted(format!("{}: {} ({who})", self.place, self.what), now);
    }
}

act!(
    /// Those who approve a notice did not answer.
    Waited, "notice.chase", None, false
);

/// Leaves the calls for a new notice.
pub(super) fn watch(row: &Notice, breach: &Breach, at: &mut At<'_, '_>) {
    for percent in [ALTERNATES, LAST] {
        let due = due(row, breach, percent, at.now()).unwrap_or(at.now());
        let object = breaches::object(at.id(), percent);
        at.later(due, CHASE, object);
    }
}

/// When this part of the time for approval will be used; nothing once it is. While an order holds
/// the clock, this is the end of the order.
pub(super) fn due(row: &Notice, breach: &Breach, percent: u32, now: Moment) -> Option<Moment> {
    let written = row.written.at.0;
    let part = |span: Duration| span * percent / 100;
    if breach.notified.is_some() {
        let end = breach.update_by.map_or(written.after(UPDATE_TIME), |by| by.0);
        let due = written.after(part(end.since(written)));
        return (now < due).then_some(due);
    }
    let (whole, left) = (breach.left(written).span, breach.left(now));
    let target = whole.saturating_sub(part(whole));
    match left.held_to {
        Some(to) => Some(to),
        None => (left.span > target).then(|| now.after(left.span.saturating_sub(target))),
    }
}

/// What a notice is that nobody has approved so far.
pub(super) fn status(row: &Notice) -> Status {
    let (have, needs) = (row.approvals.len(), row.needs);
    let open = Status::of("unapproved", Tone::Due);
    let Some(last) = row.chased.last() else {
        let what = match needs {
            1 => "a second person reads and approves it".to_owned(),
            _ => format!("{have} of {needs} others have read and approved it"),
        };
        return open.what(what).who("approver");
    };
    let who = last.who.join(", ");
    match (last.percent >= LAST, who.is_empty()) {
        (true, false) => Status::of("unreleased", Tone::Bad)
            .what(format!("{have} of {needs} approved it: the last resort releases it"))
            .who(who),
        (true, true) => Status::of("unreleased", Tone::Bad)
            .what(format!("{have} of {needs} approved it, and no last resort is named"))
            .who("security-lead"),
        (false, false) => {
            open.what(format!("{have} of {needs} approved it: whoever can does so now")).who(who)
        }
        (false, true) => {
            let what = format!("{have} of {needs} approved it, and nobody else may: name somebody");
            open.what(what).who("security-lead")
        }
    }
}

/// Calls whoever comes next, or notes that it is not needed.
pub struct Chase {
    kernel: Kernel,
    key: RecordKey,
    resorts: PageWant,
    percent: u32,
}

impl Chase {
    /// The call that the job names.
    ///
    /// # Errors
    /// `Internal` for a job of another form.
    pub fn new(kernel: &Kernel, object: &str) -> Result<Self> {
        let bad = || Error::internal(format!("the job `{object}` has another form"));
        let (id, percent) = object.split_once('|').ok_or_else(bad)?;
        let collection = kernel.collection_tag(HOUSE, Resort::REGISTER)?;
        Ok(Self {
            kernel: kernel.clone(),
            key: register::key::<Kept<Notice>>(kernel, id)?,
            resorts: PageWant { account: HOUSE, collection, after: 0, limit: MOST },
            percent: percent.parse().map_err(|_| bad())?,
        })
    }

    fn settled(&self, work: &mut Work<'_>, id: String, outcome: String) -> Result<After<()>> {
        let fields = vec![("notice", id), ("outcome", outcome)];
        work.note(HOUSE, Waited::ACTION.name, fields);
        Ok(After::now(()))
    }

    /// Who is called now.
    fn called(&self, work: &Work<'_>, row: &Notice) -> Result<Vec<String>> {
        let mut who = Vec::new();
        let key = register::key::<Kept<Incident>>(&self.kernel, &row.incident)?;
        let incident = work.look_late(&key)?.map(|body| register::parse::<Kept<Incident>>(&body));
        let said = incident.transpose()?.map(|kept| kept.row.need_to_know).unwrap_or_default();
        if self.percent >= LAST {
            for pointer in work.page(&self.resorts)?.iter().filter(|one| !one.deleted) {
                let kept: Kept<Resort> = register::parse(&work.body(pointer)?)?;
                let out = said.excluded.iter().any(|one| one.person == kept.row.person);
                if kept.row.counts() && !out {
                    who.push(kept.row.person);
                }
            }
            return Ok(who);
        }
        let done = |id: &str| row.written.by == id || row.approvals.iter().any(|one| one.by == id);
        for one in work.rights()?.principals() {
            let able = one.roles.iter().any(|role| APPROVERS.contains(&role.as_str()));
            let own = one.active && one.vendor.is_none() && one.id.parts().0 == "person";
            if able && own && said.lets(&one) && !done(one.id.as_str()) && who.len() < MOST {
                who.push(one.id.to_string());
            }
        }
        who.sort_unstable();
        Ok(who)
    }
}

impl Operation for Chase {
    type Output = ();

    fn target(&self) -> Target {
        on_house(Waited::ACTION)
    }

    fn wants(&self, wants: &mut Wants) {
        wants.record(&self.key);
        wants.pages.push(self.resorts.clone());
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<()>> {
        let (allowed, mut kept) = register::load::<Kept<Notice>, Waited>(work, &self.key)?;
        let known = kept.row.chased.iter().any(|one| one.percent == self.percent);
        if kept.row.may_go() || kept.row.withdrawn.is_some() || known {
            return self.settled(work, kept.id, "settled".to_owned());
        }
        let breach = register::key::<Kept<Breach>>(&self.kernel, &kept.row.breach())?;
        let body = work.look_late(&breach)?;
        let body = body.ok_or_else(|| Error::internal("a notice without its breach"))?;
        let breach: Kept<Breach> = register::parse(&body)?;
        let now = work.now();
        if let Some(due) = due(&kept.row, &breach.row, self.percent, now) {
            let due = due.max(now.after(Duration::from_secs(1)));
            work.later(due, HOUSE, CHASE, &breaches::object(&kept.id, self.percent));
            return self.settled(work, kept.id, format!("moved to {}", due.rfc3339()));
        }
        let who = self.called(work, &kept.row)?;
        let chased = Chased { percent: self.percent, at: When(now), who: who.clone() };
        kept.row.chased.push(chased);
        let percent = ("percent", self.percent.to_string());
        work.save(allowed, register::body(&kept)?, vec![percent, ("who", who.join(","))])?;
        let what = match self.percent >= LAST {
            true => "it is not approved, and the last resort may release it",
            false => "it is not approved, and somebody else has to",
        };
        let summons = Summons {
            incident: kept.row.incident.clone(),
            place: format!("notices/{}", kept.id),
            who,
            what: what.to_owned(),
        };
        summons.raise::<Waited>(&self.kernel, work)?;
        Ok(After::now(()))
    }
}
