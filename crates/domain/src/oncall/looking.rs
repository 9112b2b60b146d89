//! Looking ahead, once a day: gaps and people who stand twice are paged weeks before they come, and
//! once a week the way of a page is tried with a page that somebody has to acknowledge.
//!
//! Each finding is paged once. A house without any rota or shift is told by its board alone, and
//! without any channel nothing is tried.

use super::able;
use super::channels::Channel;
use super::coverage::Coverage;
use super::pages::{Raise, Severity, Subject, raise};
use super::rotas::Rota;
use super::shifts::{Kind, Shift};
use crate::catalogue::{Catalogue, Parameters};
use crate::register::{House, Kept, Survey, act};
use kernel::authority::Authority;
use kernel::engine::Wants;
use kernel::{
    Act, After, Error, HOUSE, Kernel, Moment, Operation, Ran, Result, Target, Work, on_house,
};
use std::time::Duration;

act!(
    /// Looking ahead at who is on call.
    Looking, "oncall.look", None, false
);

/// Findings that are paged at one look; what is beyond comes at the next.
const MOST: usize = 10;

const DAY: u64 = 86_400_000_000;
/// The hour of the day, in UTC, from which on a day is looked at: nobody is tested at midnight.
const HOUR: u64 = 9 * 3_600_000_000;

/// What the operation answers if there is nothing to page: then it makes no entry.
const NOTHING: &str = "nothing to page about those on call";

/// The day that a look at this moment is for; one look a day is enough.
pub fn day(now: Moment) -> u64 {
    now.0.saturating_sub(HOUR) / DAY
}

/// Looks ahead, and pages what was found; `test` says whether the way of a page is tried, once a
/// week. For the server itself, at a tick. Answers how many pages were raised.
///
/// # Errors
/// Whatever the kernel answers.
pub fn look_ahead(kernel: &Kernel, right: Ran, test: bool) -> Result<usize> {
    match right.answer(kernel, LookAhead::new(kernel, test)?) {
        Err(error) if error.message() == NOTHING => Ok(0),
        answer => answer,
    }
}

/// Looks ahead.
pub struct LookAhead {
    kernel: Kernel,
    survey: Survey,
    test: bool,
}

impl LookAhead {
    /// With a test of the way, or without.
    ///
    /// # Errors
    /// `Internal` if `house` has no keys.
    pub fn new(kernel: &Kernel, test: bool) -> Result<Self> {
        let survey = Survey::of(kernel, &[])?.and::<Kept<Rota>>(kernel)?;
        let survey = survey.and::<Kept<Shift>>(kernel)?.and::<Kept<Channel>>(kernel)?;
        let survey = survey.and::<Kept<Catalogue>>(kernel)?;
        Ok(Self { kernel: kernel.clone(), survey, test })
    }
}

impl Operation for LookAhead {
    /// How many pages were raised.
    type Output = usize;

    fn target(&self) -> Target {
        on_house(Looking::ACTION)
    }

    fn wants(&self, wants: &mut Wants) {
        wants.heads.push(HOUSE);
        self.survey.wants(wants);
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<usize>> {
        let house = self.survey.find(work)?.read(work)?;
        let mut all = found(&house, work.rights()?);
        all.extend(test(&house).filter(|_| self.test));
        let mut raised = 0;
        for one in &all {
            if raised < MOST && raise::<Looking>(&self.kernel, work, one)? {
                raised += 1;
            }
        }
        match raised {
            0 => Err(Error::conflict(NOTHING)),
            _ => Ok(After::now(raised)),
        }
    }
}

/// Gaps and people who stand twice, as far ahead as the catalogue says.
fn found(house: &House, rights: &Authority) -> Vec<Raise> {
    let (rotas, shifts) = (house.all::<Rota>(), house.all::<Shift>());
    if rotas.is_empty() && shifts.is_empty() {
        return vec![];
    }
    let numbers: Parameters = house
        .one::<Catalogue>("current")
        .map(|kept| kept.row.parameters.clone())
        .unwrap_or_default();
    let now = house.now;
    let to = now.after(Duration::from_secs(u64::from(numbers.rota_days) * 86_400));
    let coverage = Coverage::of(rotas, shifts, now, to);
    let page = |place: String, key: String, from: Moment, title: String| {
        let soon = from.since(now) < Duration::from_secs(86_400);
        let severity = if soon { Severity::High } else { Severity::Low };
        Raise { subject: Subject::Gap, about: place, key, severity, title, first: vec![] }
    };
    let mut all = Vec::new();
    for (from, to) in coverage.gaps(Kind::Primary, |person| able(rights, person)) {
        let (begin, over) = (from.rfc3339(), to.rfc3339());
        // One that lasts already has no beginning of its own: once a day.
        let key = if from == now { format!("day {}", day(now)) } else { begin.clone() };
        let title = format!("nobody is on call first from {begin} to {over}");
        all.push(page("rotas".to_owned(), format!("gap {key}"), from, title));
    }
    for double in coverage.doubles() {
        let (begin, over) = (double.from.rfc3339(), double.to.rfc3339());
        let key = if double.from == now { "now".to_owned() } else { begin.clone() };
        let key = format!("twice {key} {}", double.what());
        let title = format!("from {begin} to {over}, {}", double.what());
        all.push(page(double.other.source.place(), key, double.from, title));
    }
    all
}

/// The test of this week, if there is any channel to test.
fn test(house: &House) -> Option<Raise> {
    let any = house.all::<Channel>().iter().any(|kept| kept.row.counts());
    // Weeks begin on Monday, and 1 January 1970 was a Thursday.
    let week = (day(house.now) + 3) / 7;
    any.then(|| Raise {
        subject: Subject::Test,
        about: "pages".to_owned(),
        key: format!("week {week}"),
        severity: Severity::Low,
        title: "the weekly test of the pager: acknowledge it".to_owned(),
        first: vec![],
    })
}
