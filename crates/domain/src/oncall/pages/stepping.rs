//! Taking a step of a ladder: who is paged now, and when the next step comes.

use super::{Event, Page, Raise, Subject, Taken, Try, raise, sending};
use crate::oncall::channels::Channel;
use crate::oncall::coverage::Coverage;
use crate::oncall::ladders::{DEFAULT, LOW, Ladder, Target};
use crate::oncall::rotas::Rota;
use crate::oncall::shifts::{Kind, Shift};
use crate::oncall::{able, hex};
use crate::register::{self, House, Kept, Row, Survey, When, act};
use kernel::authority::Authority;
use kernel::engine::Wants;
use kernel::id::PrincipalId;
use kernel::{
    Act, After, Error, HOUSE, Kernel, Moment, Operation, RecordKey, Result, Target as Object, Work,
    on_house,
};
use std::time::Duration;

act!(
    /// A step of a ladder was taken.
    Stepped, "page.step", None, false
);
act!(
    /// A page was raised by the server itself.
    Raising, "page.raise", None, false
);

/// The job that takes the next step of a page.
pub const STEP: &str = "page.step";

/// How often the last resort is paged: for about two hours.
const LAST: u32 = 8;
/// Minutes between those.
const AGAIN: u64 = 15;
/// Minutes that those who are paged before the ladder have.
const FIRST: u64 = 15;
/// People whom one step pages.
const PEOPLE: usize = 50;
/// Tries of one page, so that it fits into its row.
const TRIES: usize = 600;
/// Time between two channels of one person.
const BETWEEN: Duration = Duration::from_secs(60);

/// What that job is about.
pub(super) fn object(page: &str, step: u32) -> String {
    format!("{page}|{step}")
}

/// Raises a page, as the server itself.
pub struct RaisePage {
    kernel: Kernel,
    new: Raise,
    key: RecordKey,
}

impl RaisePage {
    /// This one; nothing is done if it was raised before.
    ///
    /// # Errors
    /// `Internal` if `house` has no keys.
    pub fn new(kernel: &Kernel, new: Raise) -> Result<Self> {
        let key = register::key::<Kept<Page>>(kernel, &new.id())?;
        Ok(Self { kernel: kernel.clone(), new, key })
    }
}

impl Operation for RaisePage {
    /// Whether it is new.
    type Output = bool;

    fn target(&self) -> Object {
        on_house(Raising::ACTION)
    }

    fn wants(&self, wants: &mut Wants) {
        wants.record(&self.key);
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<bool>> {
        if raise::<Raising>(&self.kernel, work, &self.new)? {
            return Ok(After::now(true));
        }
        let fields = vec![("page", self.new.id()), ("outcome", "raised before".to_owned())];
        work.note(HOUSE, Raising::ACTION.name, fields);
        Ok(After::now(false))
    }
}

/// Takes a step of a page, unless somebody answered.
pub struct TakeStep {
    key: RecordKey,
    step: u32,
    survey: Survey,
}

impl TakeStep {
    /// The one that the job names.
    ///
    /// # Errors
    /// `Internal` for a job of another form.
    pub fn new(kernel: &Kernel, object: &str) -> Result<Self> {
        let bad = || Error::internal(format!("the job `{object}` has another form"));
        let (page, step) = object.split_once('|').ok_or_else(bad)?;
        let survey = Survey::of(kernel, &[])?.and::<Kept<Rota>>(kernel)?;
        let survey = survey.and::<Kept<Shift>>(kernel)?.and::<Kept<Channel>>(kernel)?;
        Ok(Self {
            key: register::key::<Kept<Page>>(kernel, page)?,
            step: step.parse().map_err(|_| bad())?,
            survey: survey.and::<Kept<Ladder>>(kernel)?,
        })
    }
}

impl Operation for TakeStep {
    type Output = ();

    fn target(&self) -> Object {
        on_house(Stepped::ACTION)
    }

    fn wants(&self, wants: &mut Wants) {
        wants.record(&self.key);
        self.survey.wants(wants);
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<()>> {
        let (allowed, mut kept) = register::load::<Kept<Page>, Stepped>(work, &self.key)?;
        if kept.row.settled() || kept.row.exhausted.is_some() || kept.row.next != self.step {
            let fields = vec![("page", kept.id), ("outcome", "nothing to do".to_owned())];
            work.note(HOUSE, Stepped::ACTION.name, fields);
            return Ok(After::now(()));
        }
        let house = self.survey.find(work)?.read(work)?;
        let climb = climb(&house, &kept.row, self.step, work.rights()?);
        let now = work.now();
        let paged = climb.people.len();
        for passed in climb.passed {
            let (step, why) = passed;
            let taken = Taken { step, at: When(now), people: vec![], passed: Some(why.to_owned()) };
            kept.row.steps.push(taken);
        }
        for (person, channels) in &climb.people {
            reach(work, &mut kept, climb.step, person, channels)?;
        }
        if paged > 0 {
            let people = climb.people.iter().map(|(person, _)| person.clone()).collect();
            let taken = Taken { step: climb.step, at: When(now), people, passed: None };
            kept.row.steps.push(taken);
        }
        match climb.wait {
            Some(wait) => {
                kept.row.next = climb.step + 1;
                work.later(now.after(wait), HOUSE, STEP, &object(&kept.id, climb.step + 1));
            }
            None => kept.row.exhausted = Some(When(now)),
        }
        let fields = vec![("step", climb.step.to_string()), ("people", paged.to_string())];
        work.save(allowed, register::body(&kept)?, fields)?;
        Ok(After::now(()))
    }
}

/// A person, with the channels that count, in order.
type Reached<'h> = (String, Vec<&'h Kept<Channel>>);

/// What a step comes to.
struct Climb<'h> {
    /// The step that is taken.
    step: u32,
    /// Steps that were passed over, and why.
    passed: Vec<(u32, &'static str)>,
    /// Who is paged.
    people: Vec<Reached<'h>>,
    /// How long until the next step; none after the last.
    wait: Option<Duration>,
}

/// Whom a page reaches from a step on: an empty step is passed over at once.
fn climb<'h>(house: &'h House, page: &Page, from: u32, rights: &Authority) -> Climb<'h> {
    let ladder = ladder(house, page);
    let ahead = u32::from(!page.first.is_empty());
    let most = ahead + u32::try_from(ladder.steps.len()).unwrap_or(0);
    let (mut step, mut passed) = (from, vec![]);
    let minutes = |minutes: u64| Duration::from_secs(minutes * 60);
    while step < most {
        let rung = step.checked_sub(ahead).and_then(|at| ladder.steps.get(at as usize));
        let (named, wait) = match rung {
            None => (page.first.clone(), minutes(FIRST)),
            Some(rung) => (targets(house, &rung.target, rights), minutes(rung.wait_minutes.into())),
        };
        let people = reachable(house, &named, |person| able(rights, person));
        if !people.is_empty() {
            return Climb { step, passed, people, wait: Some(wait) };
        }
        let why = match named.is_empty() {
            true => "nobody is on call there",
            false => "whoever is named left, or has no channel that counts",
        };
        passed.push((step, why));
        step += 1;
    }
    let named = match Target::parse(&ladder.last_resort) {
        Some(Target::Person(person)) => vec![person],
        _ => targets(house, "everybody", rights),
    };
    // Whoever is named for this need not be a responder, but has to be there.
    let people = reachable(house, &named, |person| active(rights, person));
    if people.is_empty() {
        passed.push((step, "the last resort left, or has no channel that counts"));
    }
    let wait = (step + 1 < most + LAST).then(|| minutes(AGAIN));
    Climb { step, passed, people, wait }
}

/// The ladder of a page.
fn ladder(house: &House, page: &Page) -> Ladder {
    let low = page.severity == super::Severity::Low;
    let of = |name: &str| house.one::<Ladder>(name).map(|kept| kept.row.clone());
    let own = if low { of(LOW) } else { None };
    own.or_else(|| of(DEFAULT)).unwrap_or_else(Ladder::built_in)
}

/// Who is named by the target of a step, now.
fn targets(house: &House, target: &str, rights: &Authority) -> Vec<String> {
    let (rotas, shifts) = (house.all::<Rota>(), house.all::<Shift>());
    let coverage = Coverage::of(rotas, shifts, house.now, Moment(house.now.0 + 1));
    let on_call = |kind| coverage.at(kind, house.now).map(|span| span.person.clone()).collect();
    let mut named: Vec<String> = match Target::parse(target) {
        Some(Target::Primary) => on_call(Kind::Primary),
        Some(Target::Secondary) => on_call(Kind::Secondary),
        Some(Target::Person(person)) => vec![person],
        Some(Target::Everybody) => {
            let all = rights.principals();
            all.iter().map(|one| one.id.to_string()).filter(|one| able(rights, one)).collect()
        }
        None => vec![],
    };
    named.sort_unstable();
    named.dedup();
    named
}

/// Those of them who can be reached, each with the channels that count.
fn reachable<'h>(
    house: &'h House,
    named: &[String],
    there: impl Fn(&str) -> bool,
) -> Vec<Reached<'h>> {
    let mut people = Vec::new();
    for person in named.iter().filter(|person| there(person)).take(PEOPLE) {
        let all = house.all::<Channel>().iter();
        let own = all.filter(|kept| kept.row.person == *person && kept.row.counts());
        let mut own: Vec<_> = own.collect();
        own.sort_by_key(|kept| (kept.row.order, kept.added.at));
        if !own.is_empty() {
            people.push((person.clone(), own));
        }
    }
    people
}

fn active(rights: &Authority, person: &str) -> bool {
    let known = PrincipalId::parse(person).ok().and_then(|id| rights.principal(&id));
    known.is_some_and(|one| one.active && one.vendor.is_none())
}

/// Leaves a try for each channel of a person; a later channel comes a minute after the one before,
/// whatever becomes of that one.
fn reach(
    work: &mut Work<'_>,
    kept: &mut Kept<Page>,
    step: u32,
    person: &str,
    channels: &[&Kept<Channel>],
) -> Result<()> {
    let mut due = work.now();
    for channel in channels {
        if kept.row.tries.len() >= TRIES {
            break;
        }
        let token = hex(&work.random::<32>()?);
        let number = u32::try_from(kept.row.tries.len() + 1).unwrap_or(u32::MAX);
        let one = Try {
            number,
            step,
            person: person.to_owned(),
            channel: channel.id.clone(),
            way: channel.row.way,
            event: Event::Raised,
            link: hex(&kernel::token_hash(&token)),
            made: When(due),
            claim: None,
            unknown: false,
            attempts: vec![],
            sent: None,
        };
        work.later(due, HOUSE, sending::SEND, &sending::object(&kept.id, &one, &token));
        kept.row.tries.push(one);
        due = due.after(BETWEEN);
    }
    Ok(())
}

/// A page that is raised about a channel that brings nothing any more.
pub(super) fn dead(channel: &Kept<Channel>, now: Moment) -> Raise {
    let (id, way) = (&channel.id, channel.row.way.word());
    Raise {
        subject: Subject::Channel,
        about: format!("{}/{id}", <Channel as Row>::REGISTER),
        key: now.rfc3339(),
        severity: super::Severity::Low,
        title: format!("the channel {id} ({way}) failed three pages in a row and is passed over"),
        first: vec![channel.row.person.clone()],
    }
}
