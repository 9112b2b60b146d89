//! Rotas: people who take turns on call, in the order in which they do, on the clock of the team.
//!
//! A turn begins at a stated local time every so many days and ends where the next one begins,
//! whatever the clock on the wall does in between; the rule for local times that do not exist, or
//! exist twice, is that of RFC 5545 §3.3.5. A rota may be restricted to hours and days of the week,
//! so that teams of several zones can share a day. Another order counts from the next hand-off on,
//! so that whoever is on call stays so.
//!
//! Does not: say who is on call. A [shift](super::shifts) replaces a turn, and several rotas may
//! stand beside each other; [`super::coverage`] puts all of them together.

use super::shifts::Kind;
use crate::register::{At, Day, Entry, Mark, Register, Row, Status, Step, Tone, When, line, step};
use crate::zones::{self, Clock, Weekday, Zone};
use jiff::civil::Date;
use kernel::{Error, Moment, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Hours and days to which a rota is restricted, on its own clock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Hours {
    /// When they begin.
    pub from: Clock,
    /// When they end; not later than `from` means on the next day.
    pub to: Clock,
    /// The days on which they begin.
    pub weekdays: Vec<Weekday>,
}

/// An order that counted for a while.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Earlier {
    /// The people, in the order of their turns.
    pub people: Vec<String>,
    /// The first turn of this order.
    pub turn: u32,
}

/// A rota.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Rota {
    /// Which of those on call.
    pub kind: Kind,
    /// The time zone, by its name in the IANA database.
    pub zone: String,
    /// The day on which the first turn begins.
    pub start: Day,
    /// When one hands over to the next, on the clock of the zone.
    pub handoff: Clock,
    /// Days of a turn.
    pub turn_days: u32,
    /// The people, in the order of their turns: `person:NAME`.
    pub people: Vec<String>,
    /// The first turn of this order; turns are counted from 0.
    pub turn: u32,
    /// Orders before this one, oldest first.
    pub earlier: Vec<Earlier>,
    /// Hours and days to which it is restricted; always, if none are stated.
    pub hours: Option<Hours>,
    /// First moment at which it counts no more, if it ends.
    pub until: Option<When>,
    /// Who changed or ended it last, and when.
    pub changed: Option<Mark>,
}

/// A turn, or a part of one that falls into the hours of its rota.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Turn {
    /// Its number, from 0.
    pub number: u32,
    /// Who has it.
    pub person: String,
    /// First moment of it.
    pub from: Moment,
    /// First moment after it.
    pub to: Moment,
}

/// People of one rota.
const PEOPLE: usize = 40;
/// Orders that are kept; what is before them is in the row's history.
const EARLIER: usize = 40;
/// Days of the longest turn. A longer one is nobody's turn.
const TURN: u32 = 31;
/// How far ahead of a moment turns are computed at most.
const AHEAD: Duration = Duration::from_secs(400 * 86_400);
/// How far ahead one may begin, in days.
const START: u32 = 366;

impl Rota {
    /// The turns between two moments, in order; each is as long as it is, also where it begins
    /// before the first of them or ends after the second. At most 400 days are looked at.
    pub fn turns(&self, from: Moment, to: Moment) -> Vec<Turn> {
        self.try_turns(from, to.min(from.after(AHEAD))).unwrap_or_default()
    }

    /// Without a turn outside the years that calendars know.
    fn try_turns(&self, from: Moment, to: Moment) -> Option<Vec<Turn>> {
        let (zone, start) = (Zone::of(&self.zone)?, zones::date(self.start)?);
        let length = i64::from(self.turn_days.max(1));
        let begin = |number: u32| {
            let day = zones::later(start, i64::from(number) * length)?;
            zone.moment(day, self.handoff)
        };
        // A local day can differ from the day of its hand-off by one: one turn earlier is enough.
        let days = i64::from((zone.day(from)? - start).get_days());
        let mut number = u32::try_from(days / length - 1).unwrap_or(0);
        let end = self.until.map_or(to, |until| until.0.min(to));
        let mut turns = Vec::new();
        loop {
            let (first, next) = (begin(number)?, begin(number + 1)?);
            if first >= end {
                return Some(turns);
            }
            let last = self.until.map_or(next, |until| until.0.min(next));
            if let Some(person) = self.person(number).filter(|_| last > from) {
                let turn = Turn { number, person: person.to_owned(), from: first, to: last };
                match &self.hours {
                    None => turns.extend(Some(turn).filter(|turn| turn.from < turn.to)),
                    Some(hours) => turns.extend(within(&turn, hours, &zone, (from, end))?),
                }
            }
            number += 1;
        }
    }

    /// Who has a turn.
    fn person(&self, number: u32) -> Option<&str> {
        let before = self.earlier.iter().rev().find(|one| one.turn <= number);
        let (people, first) = match before.filter(|_| number < self.turn) {
            Some(one) => (&one.people, one.turn),
            None => (&self.people, self.turn),
        };
        let place = number.saturating_sub(first) as usize % people.len().max(1);
        people.get(place).map(String::as_str)
    }

    /// The first turn that begins after a moment.
    fn next(&self, now: Moment) -> u32 {
        let whole = Self { hours: None, until: None, ..self.clone() };
        let turns = whole.turns(now, now.after(Duration::from_secs(33 * 86_400)));
        let next = turns.iter().find(|turn| turn.from > now);
        next.map_or(0, |turn| turn.number)
    }

    /// Who has a turn now, and until when; not looking at shifts.
    fn now(&self, now: Moment) -> Option<Turn> {
        let turns = self.turns(now, Moment(now.0 + 1));
        turns.into_iter().find(|turn| turn.from <= now && now < turn.to)
    }

    fn ended(&self, now: Moment) -> bool {
        self.until.is_some_and(|until| until.0 <= now)
    }
}

/// The parts of a turn that fall into the hours, of those that touch a span.
fn within(turn: &Turn, hours: &Hours, zone: &Zone, span: (Moment, Moment)) -> Option<Vec<Turn>> {
    let (from, to) = (turn.from.max(span.0), turn.to.min(span.1));
    let (mut day, last) = (zones::later(zone.day(from)?, -1)?, zone.day(to)?);
    let mut parts = Vec::new();
    while day <= last {
        if hours.weekdays.contains(&Weekday::of(day)) {
            let (begin, end) = window(day, hours, zone)?;
            let part = Turn { from: begin.max(turn.from), to: end.min(turn.to), ..turn.clone() };
            parts.extend(Some(part).filter(|one| one.from < one.to && one.to > span.0));
        }
        day = zones::later(day, 1)?;
    }
    parts.retain(|one| one.from < span.1);
    Some(parts)
}

fn window(day: Date, hours: &Hours, zone: &Zone) -> Option<(Moment, Moment)> {
    let over = if hours.to <= hours.from { zones::later(day, 1)? } else { day };
    Some((zone.moment(day, hours.from)?, zone.moment(over, hours.to)?))
}

/// A rota to be entered.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewRota {
    /// The unique name: 1–64 of `a-z 0-9 . _ -`.
    pub name: String,
    /// Which of those on call.
    pub kind: Kind,
    /// The time zone, by its name in the IANA database, such as `Europe/Berlin`.
    pub zone: String,
    /// The day on which the first turn begins, at most 366 days ahead.
    pub start: Day,
    /// When one hands over to the next, on the clock of the zone: `09:00`.
    pub handoff: Clock,
    /// Days of a turn, 1 to 31.
    pub turn_days: u32,
    /// The people, in the order of their turns: up to 40 active responders or security leads.
    pub people: Vec<String>,
    /// Hours and days to which it is restricted; always, if none are stated.
    pub hours: Option<Hours>,
    /// The day on which it ends, at the hand-off.
    pub until: Option<Day>,
}

impl Row for Rota {
    const NOUN: &'static str = "rota";
    const REGISTER: &'static str = "rotas";
    const FORMAT: &'static str = "rota/v1";
    const ADD: &'static str = "rota.add";
    const READ: &'static str = "rota.read";
    const LIST: &'static str = "rota.list";
    type New = NewRota;

    fn id(new: &NewRota) -> Option<&str> {
        Some(&new.name)
    }

    fn add(new: &NewRota, at: &mut At<'_, '_>) -> Result<Self> {
        let zone = Zone::parse(&new.zone)?;
        if !(1..=TURN).contains(&new.turn_days) {
            return Err(Error::invalid("turn_days", format!("state 1 to {TURN} days")));
        }
        if new.start > Day::of(at.now()).plus(START) || new.start < Day::of(Moment(0)).plus(3653) {
            let why = "state a day from 1980 to a year from now";
            return Err(Error::invalid("start", why));
        }
        people(&new.people, at)?;
        if let Some(hours) = &new.hours
            && hours.weekdays.is_empty()
        {
            return Err(Error::invalid("hours", "name the days of the week on which they begin"));
        }
        let until = new.until.map(|day| {
            let ends = zones::date(day).and_then(|day| zone.moment(day, new.handoff));
            let ends = ends.filter(|_| day > new.start);
            let why = "it is a day after `start`";
            ends.map(When).ok_or_else(|| Error::invalid("until", why))
        });
        at.tell("kind", new.kind.word());
        Ok(Self {
            kind: new.kind,
            zone: new.zone.clone(),
            start: new.start,
            handoff: new.handoff,
            turn_days: new.turn_days,
            people: new.people.clone(),
            turn: 0,
            earlier: vec![],
            hours: new.hours.clone(),
            until: until.transpose()?,
            changed: None,
        })
    }

    fn status(&self, now: Moment) -> Status {
        if self.ended(now) {
            return Status::of("over", Tone::Past);
        }
        match self.now(now) {
            Some(turn) => Status::of("running", Tone::Good).who(turn.person).due(turn.to),
            None => Status::of("waiting", Tone::Good).what("nobody has a turn in it now"),
        }
    }
}

/// Checks who is to take turns.
fn people(people: &[String], at: &At<'_, '_>) -> Result<()> {
    if people.is_empty() || people.len() > PEOPLE {
        return Err(Error::invalid("people", format!("name 1 to {PEOPLE} people, in order")));
    }
    people.iter().try_for_each(|one| super::responder("people", one, at))
}

/// Gives a rota another order, from the next hand-off on.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Order {
    /// The people, in the order of their turns; the first has the next one.
    pub people: Vec<String>,
}

impl Step<Rota> for Order {
    const ACTION: &'static str = "rota.order";

    fn apply(&self, row: &mut Rota, at: &mut At<'_, '_>) -> Result<()> {
        running(row, at)?;
        people(&self.people, at)?;
        let next = row.next(at.now());
        let before = Earlier { people: std::mem::take(&mut row.people), turn: row.turn };
        // An order that no turn had yet is no earlier one.
        if before.turn < next {
            row.earlier.push(before);
        }
        if row.earlier.len() > EARLIER {
            row.earlier.remove(0);
        }
        (row.people, row.turn) = (self.people.clone(), next);
        row.changed = Some(at.mark());
        at.tell("turn", next.to_string());
        Ok(())
    }
}

/// Ends a rota.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct End {
    /// Why, and what stands in its place.
    pub reason: String,
    /// First moment at which it counts no more; now if nothing is stated.
    pub at: Option<When>,
}

impl Step<Rota> for End {
    const ACTION: &'static str = "rota.end";

    fn apply(&self, row: &mut Rota, at: &mut At<'_, '_>) -> Result<()> {
        running(row, at)?;
        let end = self.at.unwrap_or(When(at.now()));
        if end.0 < at.now() || row.until.is_some_and(|until| until < end) {
            let why = "state a moment from now on, not later than it ends already";
            return Err(Error::invalid("at", why));
        }
        at.tell("reason", line("reason", &self.reason, 500)?);
        (row.until, row.changed) = (Some(end), Some(at.mark()));
        Ok(())
    }
}

fn running(row: &Rota, at: &At<'_, '_>) -> Result<()> {
    match row.ended(at.now()) {
        true => Err(Error::conflict("this rota is over: enter another one")),
        false => Ok(()),
    }
}

const STEPS: &[Entry] = &[
    step::<Rota, Order>("order", "Gives it another order, from the next hand-off on"),
    step::<Rota, End>("end", "Ends it, now or at a moment ahead"),
];

/// The register, as the faces know it.
pub const REGISTER: Register =
    Register::of::<Rota>("incidents", "People who take turns on call, and when they hand over")
        .serves(&["E1.6", "E4.3"])
        .first("Enter a rota: who takes turns, in which zone, and when one hands over to the next")
        .columns(&["kind", "zone", "handoff", "turn_days", "people"])
        .steps(STEPS);
