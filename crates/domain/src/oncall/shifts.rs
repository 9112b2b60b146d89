//! Shifts: who is on call, from when to when, whatever a rota says.
//!
//! For its span a shift replaces everybody whom a rota has for the same part. Only active
//! responders and security leads stand in one. Where nobody is on call, [`super::coverage`] finds.

use crate::register::{At, Entry, Mark, Register, Row, Status, Step, Tone, When, line, step};
use kernel::{Error, Moment, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Which of those on call.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "ShiftKind")]
pub enum Kind {
    /// Who is called first.
    Primary,
    /// Who is called when the first does not answer.
    Secondary,
}

impl Kind {
    /// Both, in the order in which they are called.
    pub const ALL: [Self; 2] = [Self::Primary, Self::Secondary];

    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Primary => "primary",
            Self::Secondary => "secondary",
        }
    }
}

/// A shift.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Shift {
    /// Who is on call: `person:NAME`.
    pub person: String,
    /// First or second.
    pub kind: Kind,
    /// First moment of it.
    pub from: When,
    /// First moment after it.
    pub to: When,
    /// When it was ended before its time, if it was.
    pub ended: Option<Mark>,
}

/// Longest shift. A longer one is nobody's night.
const LONGEST: Duration = Duration::from_secs(31 * 86_400);
/// How far back one may be entered.
const BACK: Duration = Duration::from_secs(7 * 86_400);
/// How far ahead one may be entered.
const AHEAD: Duration = Duration::from_secs(366 * 86_400);

impl Shift {
    /// From when to when it counts; the second is the first moment after it.
    pub fn span(&self) -> (Moment, Moment) {
        let end = self.ended.as_ref().map_or(self.to.0, |mark| mark.at.0.min(self.to.0));
        (self.from.0, end)
    }
}

/// A shift to be entered.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewShift {
    /// Who is on call: `person:NAME`, an active responder or security lead.
    pub person: String,
    /// First or second.
    pub kind: Kind,
    /// First moment of it.
    pub from: When,
    /// First moment after it, at most 31 days later.
    pub to: When,
}

impl Row for Shift {
    const NOUN: &'static str = "shift";
    const REGISTER: &'static str = "shifts";
    const FORMAT: &'static str = "shift/v1";
    const ADD: &'static str = "shift.add";
    const READ: &'static str = "shift.read";
    const LIST: &'static str = "shift.list";
    type New = NewShift;

    fn add(new: &NewShift, at: &mut At<'_, '_>) -> Result<Self> {
        super::responder("person", &new.person, at)?;
        let (from, to) = (new.from.0, new.to.0);
        if at.now().since(from) > BACK || from > at.now().after(AHEAD) {
            let why = "state a moment from a week ago to a year from now";
            return Err(Error::invalid("from", why));
        }
        if to <= from || to.since(from) > LONGEST {
            return Err(Error::invalid("to", "it is after `from`, by at most 31 days"));
        }
        Ok(Self {
            person: new.person.clone(),
            kind: new.kind,
            from: new.from,
            to: new.to,
            ended: None,
        })
    }

    fn status(&self, now: Moment) -> Status {
        let (from, to) = self.span();
        if to <= now || self.ended.is_some() {
            return Status::of("over", Tone::Past);
        }
        let word = if now < from { "planned" } else { "on-call" };
        Status::of(word, Tone::Good).due(to).who(&self.person)
    }
}

/// Ends a shift before its time.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct End {
    /// Why, and who takes over.
    pub reason: String,
}

impl Step<Shift> for End {
    const ACTION: &'static str = "shift.end";

    fn apply(&self, row: &mut Shift, at: &mut At<'_, '_>) -> Result<()> {
        if row.ended.is_some() || row.to.0 <= at.now() {
            return Err(Error::conflict("this shift is over"));
        }
        at.tell("reason", line("reason", &self.reason, 500)?);
        row.ended = Some(at.mark());
        Ok(())
    }
}

const STEPS: &[Entry] = &[step::<Shift, End>("end", "Ends the shift before its time")];

/// The register, as the faces know it.
pub const REGISTER: Register = Register::of::<Shift>(
    "incidents",
    "Who is on call in place of whom a rota names, or without one",
)
.serves(&["E1.6", "E4.3"])
.first("Enter who is on call for a while; for turns that go round, enter a rota")
.columns(&["person", "kind", "from", "to"])
.steps(STEPS);
