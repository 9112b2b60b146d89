//! Controls of E1.6 and E4.3: who is on call, by rotas and shifts.

use super::Facts;
use super::incidents::{days, numbers};
use crate::measures::weigh::Weigh;
use crate::oncall::coverage::Coverage;
use crate::oncall::rotas::Rota;
use crate::oncall::shifts::{Kind, Shift};
use crate::register::Kept;
use kernel::Moment;

/// Who is on call from now on, as far ahead as the catalogue says.
fn coverage(facts: &Facts) -> Coverage {
    let end = facts.now.after(days(numbers(facts).rota_days));
    let (rotas, shifts) = (facts.house.all::<Rota>(), facts.house.all::<Shift>());
    Coverage::of(rotas, shifts, facts.now, end)
}

/// When the newest rota or shift that is not over was entered or changed; none if all are over.
fn rota(facts: &Facts) -> Option<Moment> {
    let live = |kept: &&Kept<Rota>| kept.row.until.is_none_or(|until| until.0 > facts.now);
    let rotas = facts.house.all::<Rota>().iter().filter(live);
    let rotas = rotas.map(|kept| kept.row.changed.as_ref().unwrap_or(&kept.added).at.0);
    let shifts = facts.house.all::<Shift>().iter();
    let shifts = shifts.filter(|kept| kept.row.span().1 > facts.now).map(|kept| kept.added.at.0);
    rotas.chain(shifts).max()
}

/// Findings of one kind that are named one by one; what is beyond is counted.
const NAMED: usize = 20;

/// E1.6: those on call are active responders, nobody stands twice, and somebody is on call now.
pub(super) fn on_call_by_team(facts: &Facts, weigh: &mut Weigh) {
    let Some(newest) = rota(facts) else {
        weigh.missing("a rota: nobody is on call now or later");
        weigh.todo("fill the rota", "security-lead", None, "rotas");
        return;
    };
    let of_team = |person: &String| facts.responders.contains(person);
    let coverage = coverage(facts);
    let mut seen: Vec<(&String, String)> = vec![];
    for span in coverage.spans().iter().filter(|span| !of_team(&span.person)) {
        let (person, place) = (&span.person, span.source.place());
        if seen.contains(&(person, place.clone())) || seen.len() >= NAMED {
            continue;
        }
        let what = format!("{}: {person} is no active responder", place.replacen("s/", " ", 1));
        weigh.recorded(what, span.changed, false);
        let what = format!("give the turns of {person} to somebody of the team");
        weigh.todo(what, "security-lead", Some(span.from.max(facts.now)), &place);
        seen.push((person, place));
    }
    for double in coverage.doubles().into_iter().take(NAMED) {
        let (from, to) = (double.from.rfc3339(), double.to.rfc3339());
        let what = format!("from {from} to {to}, {}", double.what());
        weigh.recorded(what, double.one.changed.max(double.other.changed), false);
        let place = double.other.source.place();
        weigh.todo("settle who is on call", "security-lead", Some(double.from), place);
    }
    let good = coverage.spans().iter().filter(|span| of_team(&span.person)).count();
    if good > 0 {
        let all = coverage.spans().len();
        weigh.recorded(format!("turns of active responders: {good} of {all}"), newest, true);
    }
    let now = |kind| coverage.at(kind, facts.now).find(|span| of_team(&span.person));
    match Kind::ALL.into_iter().find_map(now) {
        Some(span) => {
            weigh.recorded(format!("on call now: {}", span.person), span.from, true);
        }
        None => {
            weigh.recorded("nobody of the team is on call now", facts.now, false);
            weigh.todo("put somebody on call", "security-lead", Some(facts.now), "shifts");
        }
    }
}

/// E4.3: no gap in the rota, as far ahead as the catalogue says.
pub(super) fn on_call(facts: &Facts, weigh: &mut Weigh) {
    let ahead_days = numbers(facts).rota_days;
    let coverage = coverage(facts);
    let able = |person: &str| facts.responders.iter().any(|one| one == person);
    let first = |kind| coverage.spans().iter().any(|span| span.kind == kind && able(&span.person));
    let Some(newest) = rota(facts).filter(|_| first(Kind::Primary)) else {
        weigh.missing("a rota: no active responder is on call first, now or soon");
        weigh.todo("fill the rota", "security-lead", None, "rotas");
        return;
    };
    let open = coverage.gaps(Kind::Primary, able);
    if open.is_empty() {
        let what = format!("somebody is on call first for the next {ahead_days} days");
        weigh.recorded(what, newest, true);
    }
    let (named, more) = (open.iter().take(NAMED), open.len().saturating_sub(NAMED));
    for (from, to) in named {
        let (begin, over) = (from.rfc3339(), to.rfc3339());
        weigh.recorded(format!("nobody is on call from {begin} to {over}"), facts.now, false);
        weigh.todo("fill the gap in the rota", "security-lead", Some(*from), "shifts");
    }
    if more > 0 {
        weigh.recorded(format!("further gaps in the rota: {more}"), facts.now, false);
    }
}
