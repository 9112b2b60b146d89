//! Shifts: who is on call, from when to when; and where nobody is.
//!
//! Only active responders and security leads stand in the rota. A gap ahead is found by looking at
//! every shift at once, with [`gaps`]. Nothing here pages anybody.

use crate::register::{At, Entry, Mark, Register, Row, Status, Step, Tone, When, line, step};
use kernel::{Error, Moment, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Which of those on call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "ShiftKind")]
pub enum Kind {
    /// Who is called first.
    Primary,
    /// Who is called when the first does not answer.
    Secondary,
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

/// Where nobody is on call between two moments, in order: begin, and first moment after it.
pub fn gaps(
    spans: impl IntoIterator<Item = (Moment, Moment)>,
    from: Moment,
    to: Moment,
) -> Vec<(Moment, Moment)> {
    let mut spans: Vec<_> = spans.into_iter().filter(|(begin, end)| begin < end).collect();
    spans.sort_unstable();
    let (mut at, mut gaps) = (from, Vec::new());
    for (begin, end) in spans {
        if at >= to {
            break;
        }
        if begin > at {
            gaps.push((at, begin.min(to)));
        }
        at = at.max(end);
    }
    if at < to {
        gaps.push((at, to));
    }
    gaps
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
pub const REGISTER: Register =
    Register::of::<Shift>("incidents", "Who is on call, day and night; a gap ahead is shown")
        .serves(&["E1.6", "E4.3"])
        .first("Fill the rota: enter who is on call first, from now on without a gap")
        .columns(&["person", "kind", "from", "to"])
        .steps(STEPS);

#[cfg(test)]
mod tests {
    use super::gaps;
    use kernel::Moment;

    #[test]
    fn gaps_are_where_nobody_is() {
        let m = |pairs: &[(u64, u64)]| -> Vec<(Moment, Moment)> {
            pairs.iter().map(|(a, b)| (Moment(*a), Moment(*b))).collect()
        };
        for (spans, expected) in [
            (vec![], vec![(10, 20)]),
            (vec![(0, 30)], vec![]),
            (vec![(10, 20)], vec![]),
            (vec![(12, 15)], vec![(10, 12), (15, 20)]),
            (vec![(15, 25), (5, 15)], vec![]),
            (vec![(5, 12), (11, 14), (13, 13), (16, 40)], vec![(14, 16)]),
            (vec![(0, 10), (20, 30)], vec![(10, 20)]),
            (vec![(5, 30), (6, 7), (40, 50)], vec![]),
        ] {
            assert_eq!(gaps(m(&spans), Moment(10), Moment(20)), m(&expected), "{spans:?}");
        }
    }
}
