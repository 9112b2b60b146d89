//! On call: rotas and their zones, shifts, coverage, calendars.

mod bundling;
mod calendars;
mod coverage;
mod following;
mod pages;
mod rotas;
mod shifts;

use domain::oncall::Clock;
use domain::oncall::rotas::Rota;
use domain::oncall::shifts::{Kind, Shift};
use domain::register::{Day, Kept, Mark, When};
use kernel::Moment;

/// Somebody, at the beginning.
pub fn mark() -> Mark {
    Mark { by: "person:sam".to_owned(), at: When(Moment(0)) }
}

pub fn kept<N>(id: &str, row: N) -> Kept<N> {
    Kept { format: String::new(), id: id.to_owned(), added: mark(), row }
}

/// A rota of whole days.
pub fn rota(zone: &str, start: &str, handoff: &str, turn_days: u32, people: &[&str]) -> Rota {
    Rota {
        kind: Kind::Primary,
        zone: zone.to_owned(),
        start: Day::parse(start).unwrap(),
        handoff: Clock::parse(handoff).unwrap(),
        turn_days,
        people: people.iter().map(|one| format!("person:{one}")).collect(),
        turn: 0,
        earlier: vec![],
        hours: None,
        until: None,
        changed: None,
    }
}

pub fn shift(person: &str, kind: Kind, from: Moment, to: Moment) -> Shift {
    let person = format!("person:{person}");
    Shift { person, kind, from: When(from), to: When(to), ended: None }
}

/// A moment, written in UTC.
pub fn utc(text: &str) -> Moment {
    When::parse(text).unwrap().0
}
