//! Reading who is on call: as an answer, for commands and pages.

use super::RESPONDERS;
use super::coverage::{Coverage, Double, Span};
use super::rotas::Rota;
use super::shifts::{Kind, Shift};
use crate::register::{Kept, Survey, When, act};
use kernel::authority::Authority;
use kernel::engine::Wants;
use kernel::{Act, After, Error, HOUSE, Kernel, Moment, Operation, Result, Target, Work, on_house};
use schemars::JsonSchema;
use serde::Serialize;
use std::time::Duration;

act!(
    /// Reading who is on call.
    ReadingWho, "oncall.read", None, false
);

/// Days ahead that can be asked for.
pub const DAYS: u32 = 180;

/// Who is on call from a moment on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct OnCall {
    /// The moment.
    pub at: When,
    /// The first moment that was not looked at.
    pub to: When,
    /// Who is on call at that moment.
    pub now: Vec<Slot>,
    /// Every turn from then on, in order.
    pub turns: Vec<Slot>,
    /// Where nobody who can answer is on call first, in order.
    pub gaps: Vec<Gap>,
    /// Where the rota says two things at once.
    pub doubles: Vec<Twice>,
}

/// Somebody on call for a while.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "OnCallSlot")]
pub struct Slot {
    /// Which of those on call.
    pub kind: Kind,
    /// Who: `person:NAME`.
    pub person: String,
    /// First moment of it.
    pub from: When,
    /// First moment after it.
    pub to: When,
    /// The rota or shift it comes from, such as `rotas/main`.
    pub source: String,
    /// Whether the person is an active responder; nobody else covers anything.
    pub able: bool,
}

/// A while in which nobody is on call first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "OnCallGap")]
pub struct Gap {
    /// Which of those on call.
    pub kind: Kind,
    /// First moment of it.
    pub from: When,
    /// First moment after it.
    pub to: When,
}

/// A while in which the rota says two things at once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "OnCallDouble")]
pub struct Twice {
    /// First moment of it.
    pub from: When,
    /// First moment after it.
    pub to: When,
    /// What is said twice.
    pub what: String,
}

/// Whether somebody is an active person of the provider who answers incidents.
pub(crate) fn able(rights: &Authority, person: &str) -> bool {
    let known = kernel::id::PrincipalId::parse(person).ok();
    known.and_then(|id| rights.principal(&id)).is_some_and(|one| {
        let role = one.roles.iter().any(|role| RESPONDERS.contains(&role.as_str()));
        one.active && one.vendor.is_none() && one.id.parts().0 == "person" && role
    })
}

/// Reads who is on call.
pub struct ReadOnCall {
    survey: Survey,
    at: Option<When>,
    days: u32,
}

impl ReadOnCall {
    /// From a moment on, or from now; so many days ahead.
    ///
    /// # Errors
    /// `Invalid` for more than [`DAYS`] days.
    pub fn new(kernel: &Kernel, at: Option<When>, days: u32) -> Result<Self> {
        if days > DAYS {
            return Err(Error::invalid("days", format!("ask for at most {DAYS} days")));
        }
        let survey = Survey::of(kernel, &[])?;
        let survey = survey.and::<Kept<Rota>>(kernel)?.and::<Kept<Shift>>(kernel)?;
        Ok(Self { survey, at, days })
    }
}

impl Operation for ReadOnCall {
    type Output = OnCall;

    fn target(&self) -> Target {
        on_house(ReadingWho::ACTION)
    }

    fn wants(&self, wants: &mut Wants) {
        self.survey.wants(wants);
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<OnCall>> {
        let house = self.survey.find(work)?.read(work)?;
        let from = self.at.map_or(work.now(), |at| at.0);
        let to = from.after(Duration::from_secs(u64::from(self.days) * 86_400));
        let coverage = Coverage::of(house.all::<Rota>(), house.all::<Shift>(), from, to);
        let answer = shown(&coverage, work.rights()?, from, to);
        let fields = vec![("from", from.rfc3339()), ("turns", answer.turns.len().to_string())];
        work.note(HOUSE, ReadingWho::ACTION.name, fields);
        Ok(After::now(answer))
    }
}

fn shown(coverage: &Coverage, rights: &Authority, from: Moment, to: Moment) -> OnCall {
    let slot = |span: &Span| Slot {
        kind: span.kind,
        person: span.person.clone(),
        from: When(span.from),
        to: When(span.to),
        source: span.source.place(),
        able: able(rights, &span.person),
    };
    let now = Kind::ALL.into_iter().flat_map(|kind| coverage.at(kind, from)).map(slot);
    let gaps = coverage.gaps(Kind::Primary, |person| able(rights, person));
    let gap = |(from, to)| Gap { kind: Kind::Primary, from: When(from), to: When(to) };
    let twice = |double: Double| Twice {
        from: When(double.from),
        to: When(double.to),
        what: double.what(),
    };
    OnCall {
        at: When(from),
        to: When(to),
        now: now.collect(),
        turns: coverage.spans().iter().map(slot).collect(),
        gaps: gaps.into_iter().map(gap).collect(),
        doubles: coverage.doubles().into_iter().map(twice).collect(),
    }
}
