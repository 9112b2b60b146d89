//! Ladders: who is paged when nobody answers, step by step, up to somebody who always is.
//!
//! A step whose place is empty, whose person left or has no channel that counts, is passed over at
//! once. After the last step comes a person of last resort, so that silence is never the result. A
//! page takes the ladder of its name: `low` for what can wait, where there is one, and `default`
//! for everything else. Without any ladder [`Ladder::built_in`] counts, so that nothing is lost in
//! a house that is not set up yet.

use crate::register::{At, Entry, Mark, Register, Row, Status, Step, Tone, step};
use kernel::{Error, Moment, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A step of a ladder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "LadderRung")]
pub struct Rung {
    /// Who is paged: `rota primary`, `rota secondary`, `person:NAME` or `everybody`, who are all
    /// active responders.
    pub target: String,
    /// Minutes until the next step, if nobody acknowledges; 1 to 240.
    pub wait_minutes: u32,
}

/// Whom a step pages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// Whoever is on call first.
    Primary,
    /// Whoever is on call second.
    Secondary,
    /// This person.
    Person(String),
    /// Every active responder.
    Everybody,
}

impl Target {
    /// Reads the form of [`Rung::target`].
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "rota primary" => Self::Primary,
            "rota secondary" => Self::Secondary,
            "everybody" => Self::Everybody,
            person => Self::Person(person.strip_prefix("person:").map(|_| person.to_owned())?),
        })
    }
}

/// A ladder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Ladder {
    /// The steps, in order.
    pub steps: Vec<Rung>,
    /// Who is paged when every step is over, again and again: `person:NAME`.
    pub last_resort: String,
    /// Who changed it last, and when.
    pub changed: Option<Mark>,
}

/// The name of the ladder that counts where no other does.
pub const DEFAULT: &str = "default";
/// The name of the ladder for what can wait.
pub const LOW: &str = "low";

/// Steps of one ladder.
const STEPS_MOST: usize = 10;

impl Ladder {
    /// What counts where no ladder is entered: first, second, then everybody.
    pub fn built_in() -> Self {
        let rung = |target: &str, wait_minutes| Rung { target: target.to_owned(), wait_minutes };
        let (first, second) = (rung("rota primary", 5), rung("rota secondary", 10));
        let steps = vec![first, second, rung("everybody", 20)];
        Self { steps, last_resort: "everybody".to_owned(), changed: None }
    }
}

/// A ladder to be entered.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewLadder {
    /// Its name: `default`, or `low` for what can wait.
    pub name: String,
    /// The steps, in order: 1 to 10.
    pub steps: Vec<Rung>,
    /// Who is paged when every step is over: `person:NAME`, an active person of the provider.
    pub last_resort: String,
}

impl Row for Ladder {
    const NOUN: &'static str = "ladder";
    const REGISTER: &'static str = "ladders";
    const FORMAT: &'static str = "ladder/v1";
    const ADD: &'static str = "ladder.add";
    const READ: &'static str = "ladder.read";
    const LIST: &'static str = "ladder.list";
    type New = NewLadder;

    fn id(new: &NewLadder) -> Option<&str> {
        Some(&new.name)
    }

    fn add(new: &NewLadder, at: &mut At<'_, '_>) -> Result<Self> {
        if ![DEFAULT, LOW].contains(&new.name.as_str()) {
            return Err(Error::invalid("name", format!("a ladder is `{DEFAULT}` or `{LOW}`")));
        }
        checked(&new.steps, &new.last_resort, at)?;
        let (steps, last_resort) = (new.steps.clone(), new.last_resort.clone());
        Ok(Self { steps, last_resort, changed: None })
    }

    fn status(&self, _now: Moment) -> Status {
        Status::of("in-force", Tone::Good)
    }
}

fn checked(steps: &[Rung], last: &str, at: &At<'_, '_>) -> Result<()> {
    if steps.is_empty() || steps.len() > STEPS_MOST {
        return Err(Error::invalid("steps", format!("state 1 to {STEPS_MOST} steps")));
    }
    for rung in steps {
        if !(1..=240).contains(&rung.wait_minutes) {
            return Err(Error::invalid("steps", "wait 1 to 240 minutes at each step"));
        }
        match Target::parse(&rung.target) {
            None => {
                let why = "page `rota primary`, `rota secondary`, `person:NAME` or `everybody`";
                return Err(Error::invalid("steps", why));
            }
            Some(Target::Person(person)) => super::responder("steps", &person, at)?,
            Some(_) => {}
        }
    }
    let person = at.person("last_resort", last)?;
    match person.vendor {
        Some(_) => Err(Error::invalid("last_resort", "name a person of the provider's own")),
        None => Ok(()),
    }
}

/// Replaces the steps of a ladder.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// The steps, in order: 1 to 10.
    pub steps: Vec<Rung>,
    /// Who is paged when every step is over: `person:NAME`.
    pub last_resort: String,
}

impl Step<Ladder> for Change {
    const ACTION: &'static str = "ladder.change";

    fn apply(&self, row: &mut Ladder, at: &mut At<'_, '_>) -> Result<()> {
        checked(&self.steps, &self.last_resort, at)?;
        (row.steps, row.last_resort) = (self.steps.clone(), self.last_resort.clone());
        row.changed = Some(at.mark());
        Ok(())
    }
}

const STEPS: &[Entry] = &[step::<Ladder, Change>("change", "Replaces its steps")];

/// The register, as the faces know it.
pub const REGISTER: Register =
    Register::of::<Ladder>("incidents", "Who is paged when nobody answers, step by step")
        .serves(&["E1.6", "E4.3"])
        .first("Enter the ladder `default`: who is paged first, next, and in the last resort")
        .columns(&["last_resort"])
        .steps(STEPS);
