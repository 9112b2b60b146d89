//! The roster: who works in the security team, in which function, full-time or not, and since when.
//!
//! One row per person. A change of employment begins a new term and leaves the one before as it
//! was, so that the team of any day can be told. A row is confirmed now and then; one that nobody
//! has confirmed for long proves nothing.

use crate::register::{At, Day, Entry, Mark, Register, Row, Status, Step, Tone, line, step};
use kernel::{Error, Moment, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Terms of one person; earlier ones are in the row's history.
const TERMS: usize = 40;

/// How somebody is employed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Employment {
    /// Full-time, by the provider.
    FullTime,
    /// Part-time, by the provider.
    PartTime,
    /// By somebody else, under contract.
    Contractor,
}

/// A time in which nothing changed about somebody's place in the team.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Term {
    /// How they are employed.
    pub employment: Employment,
    /// What they do in the team.
    pub function: String,
    /// First day.
    pub from: Day,
    /// Last day, if there is one.
    pub to: Option<Day>,
}

/// Somebody's place in the security team.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "RosterPlace")]
pub struct Roster {
    /// Who: `person:NAME`.
    pub person: String,
    /// The terms, oldest first.
    pub terms: Vec<Term>,
    /// Who said last that it is so, and when.
    pub confirmed: Mark,
}

impl Roster {
    /// The term that a day is in.
    pub fn on(&self, day: Day) -> Option<&Term> {
        let within = |term: &&Term| term.from <= day && term.to.is_none_or(|to| day <= to);
        self.terms.iter().rev().find(within)
    }

    fn last(&mut self) -> Result<&mut Term> {
        self.terms.last_mut().ok_or_else(|| Error::internal("a place in the roster has no term"))
    }
}

/// Somebody to be put on the roster.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewRoster {
    /// Who: `person:NAME`.
    pub person: String,
    /// How they are employed.
    pub employment: Employment,
    /// What they do in the team, on one line.
    pub function: String,
    /// First day.
    pub from: Day,
    /// Last day, if there is one.
    pub to: Option<Day>,
}

impl Row for Roster {
    const NOUN: &'static str = "roster";
    const REGISTER: &'static str = "roster";
    const FORMAT: &'static str = "roster/v1";
    const ADD: &'static str = "roster.add";
    const READ: &'static str = "roster.read";
    const LIST: &'static str = "roster.list";
    type New = NewRoster;

    fn id(new: &NewRoster) -> Option<&str> {
        Some(new.person.strip_prefix("person:").unwrap_or(&new.person))
    }

    fn add(new: &NewRoster, at: &mut At<'_, '_>) -> Result<Self> {
        let person = at.person("person", &new.person)?;
        if person.vendor.is_some() {
            let why = "the team is the provider's own: a vendor's people are in its engagement";
            return Err(Error::invalid("person", why));
        }
        if new.to.is_some_and(|to| to < new.from) {
            return Err(Error::invalid("to", "the last day is before the first"));
        }
        let function = line("function", &new.function, 200)?;
        let (employment, from, to) = (new.employment, new.from, new.to);
        let terms = vec![Term { employment, function, from, to }];
        Ok(Self { person: new.person.clone(), terms, confirmed: at.mark() })
    }

    fn status(&self, now: Moment) -> Status {
        let today = Day::of(now);
        let status = match (self.on(today), self.terms.last()) {
            (Some(term), _) => {
                let word = match term.employment {
                    Employment::FullTime => "full-time",
                    Employment::PartTime => "part-time",
                    Employment::Contractor => "contractor",
                };
                let status = Status::of(word, Tone::Good);
                term.to.map_or(status.clone(), |to| status.due(to.end()))
            }
            (None, Some(next)) if today < next.from => {
                Status::of("joining", Tone::Good).due(next.from.start())
            }
            _ => return Status::of("left", Tone::Past),
        };
        status.who(&self.person)
    }
}

/// Begins a new term: another employment or function, or back in the team.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// How they are employed from then on; left out, as before.
    pub employment: Option<Employment>,
    /// What they do from then on; left out, as before.
    pub function: Option<String>,
    /// First day of it, not before today: what was so stays so.
    pub from: Day,
    /// Last day, if there is one.
    pub to: Option<Day>,
}

impl Step<Roster> for Change {
    const ACTION: &'static str = "roster.change";

    fn apply(&self, row: &mut Roster, at: &mut At<'_, '_>) -> Result<()> {
        at.person("person", &row.person)?;
        if self.from < Day::of(at.now()) {
            return Err(Error::invalid("from", "state today or a later day: what was so stays so"));
        }
        if self.to.is_some_and(|to| to < self.from) {
            return Err(Error::invalid("to", "the last day is before the first"));
        }
        let last = row.last()?;
        if self.from <= last.from {
            // Nothing of a term that did not begin before this one is left.
            let why = format!("the term before begins on {}: begin this one later", last.from);
            return Err(Error::invalid("from", why));
        }
        let next = Term {
            employment: self.employment.unwrap_or(last.employment),
            function: match &self.function {
                Some(function) => line("function", function, 200)?,
                None => last.function.clone(),
            },
            from: self.from,
            to: self.to,
        };
        if last.to.is_none_or(|to| self.from <= to) {
            last.to = Some(Day::of(Moment(self.from.start().0.saturating_sub(1))));
        }
        row.terms.push(next);
        if row.terms.len() > TERMS {
            row.terms.remove(0);
        }
        row.confirmed = at.mark();
        Ok(())
    }
}

/// Says that it is as the roster has it.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Confirm {}

impl Step<Roster> for Confirm {
    const ACTION: &'static str = "roster.confirm";

    fn apply(&self, row: &mut Roster, at: &mut At<'_, '_>) -> Result<()> {
        row.confirmed = at.mark();
        Ok(())
    }
}

/// Somebody leaves the team. Leaving the provider is another door: `person end`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Leave {
    /// Last day, not before today.
    pub to: Day,
}

impl Step<Roster> for Leave {
    const ACTION: &'static str = "roster.leave";

    fn apply(&self, row: &mut Roster, at: &mut At<'_, '_>) -> Result<()> {
        let today = Day::of(at.now());
        if self.to < today {
            return Err(Error::invalid("to", "state today or a later day: what was so stays so"));
        }
        let last = row.last()?;
        if last.to.is_some_and(|to| to < today) {
            return Err(Error::conflict("they left the team already"));
        }
        if self.to < last.from {
            return Err(Error::invalid("to", "the last day is before the first"));
        }
        last.to = Some(self.to);
        row.confirmed = at.mark();
        Ok(())
    }
}

const STEPS: &[Entry] = &[
    step::<Roster, Change>("change", "Begins a new term: another employment or function"),
    step::<Roster, Confirm>("confirm", "Says that it is still so"),
    step::<Roster, Leave>("leave", "Ends somebody's place in the team"),
];

/// The register, as the faces know it.
pub const REGISTER: Register = Register::of::<Roster>(
    "team",
    "Who works in the security team, in which function, full-time or not, and since when",
)
.serves(&["E1.4", "E1.6"])
.first("Put a person on the roster: employment, function and first day")
.columns(&["person", "confirmed"])
.steps(STEPS);
