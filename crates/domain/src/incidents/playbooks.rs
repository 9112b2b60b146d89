//! Playbooks: what is done, by which role, when something of a class happens; written before.
//!
//! A second person approves one as it stands; a change asks again. An incident takes the steps as
//! they were when it was declared. An exercise says on which day a playbook was tried, and how it
//! went. A playbook runs nothing by itself. Others exchange playbooks as [`cacao`].

pub mod cacao;

use super::Class;
use crate::answers;
use crate::register::{At, Day, Entry, Mark, Register, Row, Status, Step, Tone, line, prose, step};
use cacao::Imported;
use kernel::{Error, Moment, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// When in an incident a step is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Find out what it is.
    Triage,
    /// Keep it from getting worse.
    Contain,
    /// Tell those who have to know.
    Notify,
    /// Come back to normal.
    Recover,
    /// Learn from it.
    Learn,
}

/// A step of a playbook.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Planned {
    /// Its number in the playbook.
    pub number: u32,
    /// What is to be done.
    pub title: String,
    /// When in an incident.
    pub phase: Phase,
    /// Whether an incident cannot be closed without it.
    pub required: bool,
    /// The role in the incident that does it, such as `communications`.
    pub role: String,
    /// Hours after the incident was declared within which it is done.
    pub within_hours: Option<u32>,
    /// The answer that it gives, if it is one: somebody gives it from the incident's room.
    #[serde(default)]
    pub answer: Option<answers::Kind>,
}

/// A try of a playbook.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Exercise {
    /// The day.
    pub done_on: Day,
    /// Whether it went as planned.
    pub passed: bool,
    /// What was tried, and what was found.
    pub result: String,
    /// Who entered it, and when.
    pub mark: Mark,
}

/// A playbook.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Playbook {
    /// The class of incident it is for.
    pub class: Class,
    /// What it is for, in a sentence.
    pub purpose: String,
    /// Its steps, in order.
    pub steps: Vec<Planned>,
    /// Who wrote the present form, and when.
    pub written: Mark,
    /// Who approved the present form, and when; nobody since the last change.
    pub approved: Option<Mark>,
    /// Exercises, oldest first.
    pub exercises: Vec<Exercise>,
    /// When it was retired, if it was.
    pub retired: Option<Mark>,
    /// The playbook of CACAO 2.0 that its steps are from, if they are.
    #[serde(default)]
    pub cacao: Option<Imported>,
}

/// Steps of a playbook. More are not read in the middle of the night.
const STEPS_MOST: usize = 60;
/// Exercises kept in the row; earlier ones are in its history.
const EXERCISES: usize = 40;

impl Playbook {
    /// Whether it may be followed: approved as it stands, with steps, and not retired.
    pub fn counts(&self) -> bool {
        self.approved.is_some() && !self.steps.is_empty() && self.retired.is_none()
    }

    /// The newest exercise.
    pub fn exercised(&self) -> Option<&Exercise> {
        self.exercises.iter().max_by_key(|one| (one.done_on, one.mark.at))
    }

    /// Somebody changed the steps: it has to be approved again, and is no longer what was taken in.
    fn rewritten(&mut self, by: Mark) {
        (self.written, self.approved) = (by, None);
        if let Some(cacao) = &mut self.cacao {
            cacao.changed = true;
        }
    }

    fn live(&self) -> Result<()> {
        match self.retired {
            Some(_) => Err(Error::conflict("this playbook is retired: add another one")),
            None => Ok(()),
        }
    }
}

/// A playbook to be written.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPlaybook {
    /// The unique name: 1–64 of `a-z 0-9 . _ -`.
    pub name: String,
    /// The class of incident it is for.
    pub class: Class,
    /// What it is for, on one line.
    pub purpose: String,
}

impl Row for Playbook {
    const NOUN: &'static str = "playbook";
    const REGISTER: &'static str = "playbooks";
    const FORMAT: &'static str = "playbook/v1";
    const ADD: &'static str = "playbook.add";
    const READ: &'static str = "playbook.read";
    const LIST: &'static str = "playbook.list";
    type New = NewPlaybook;

    fn id(new: &NewPlaybook) -> Option<&str> {
        Some(&new.name)
    }

    fn add(new: &NewPlaybook, at: &mut At<'_, '_>) -> Result<Self> {
        Ok(Self {
            class: new.class,
            purpose: line("purpose", &new.purpose, 200)?,
            steps: vec![],
            written: at.mark(),
            approved: None,
            exercises: vec![],
            retired: None,
            cacao: None,
        })
    }

    fn status(&self, _now: Moment) -> Status {
        if self.retired.is_some() {
            return Status::of("retired", Tone::Past);
        }
        if self.steps.is_empty() {
            let what = "it has no steps: add them with `require`";
            return Status::of("empty", Tone::Due).what(what).who(&self.written.by);
        }
        if self.approved.is_none() {
            let what = "nobody but its author has approved it as it stands";
            return Status::of("unapproved", Tone::Due).what(what).who("approver");
        }
        match self.exercised() {
            Some(one) if !one.passed => Status::of("failed", Tone::Bad)
                .what(format!("the exercise of {} did not go as planned", one.done_on))
                .who("security-lead"),
            Some(_) => Status::of("exercised", Tone::Good),
            None => Status::of("approved", Tone::Good),
        }
    }
}

/// Adds a step to a playbook.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Require {
    /// What is to be done, on one line.
    pub title: String,
    /// When in an incident.
    pub phase: Phase,
    /// Whether an incident cannot be closed without it.
    #[serde(default)]
    pub required: bool,
    /// The role in the incident that does it, such as `communications`.
    pub role: String,
    /// Hours after the incident was declared within which it is done, up to 8760.
    pub within_hours: Option<u32>,
    /// The answer that it gives, if it is one.
    pub answer: Option<answers::Kind>,
}

impl Step<Playbook> for Require {
    const ACTION: &'static str = "playbook.require";

    fn apply(&self, row: &mut Playbook, at: &mut At<'_, '_>) -> Result<()> {
        row.live()?;
        if row.steps.len() >= STEPS_MOST {
            return Err(Error::limit(format!("a playbook has at most {STEPS_MOST} steps")));
        }
        if self.within_hours.is_some_and(|hours| hours == 0 || hours > 8760) {
            return Err(Error::invalid("within_hours", "state 1 to 8760 hours, or nothing"));
        }
        let number = row.steps.iter().map(|one| one.number).max().unwrap_or(0) + 1;
        row.steps.push(Planned {
            number,
            title: line("title", &self.title, 200)?,
            phase: self.phase,
            required: self.required,
            role: line("role", &self.role, 60)?,
            within_hours: self.within_hours,
            answer: self.answer,
        });
        row.rewritten(at.mark());
        Ok(())
    }
}

/// Takes a step out of a playbook.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Drop {
    /// The step's number.
    pub number: u32,
    /// Why it is not needed.
    pub reason: String,
}

impl Step<Playbook> for Drop {
    const ACTION: &'static str = "playbook.drop";

    fn apply(&self, row: &mut Playbook, at: &mut At<'_, '_>) -> Result<()> {
        row.live()?;
        at.tell("reason", line("reason", &self.reason, 500)?);
        let Some(place) = row.steps.iter().position(|one| one.number == self.number) else {
            return Err(Error::invalid("number", "there is no step of this number"));
        };
        row.steps.remove(place);
        row.rewritten(at.mark());
        Ok(())
    }
}

/// Takes in a playbook of CACAO 2.0: its actions become the steps, in place of those that are.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Adopt {
    /// The playbook, as the text of its JSON, of up to 256 KiB; it is kept word for word.
    pub cacao: String,
}

impl Step<Playbook> for Adopt {
    const ACTION: &'static str = "playbook.adopt";

    fn apply(&self, row: &mut Playbook, at: &mut At<'_, '_>) -> Result<()> {
        row.live()?;
        let taken = cacao::read(&self.cacao)?;
        let sha256 = super::hex(&kernel::digest(self.cacao.as_bytes()));
        at.tell("sha256", &sha256);
        at.tell("steps", taken.steps.len().to_string());
        row.steps = taken.steps;
        (row.written, row.approved) = (at.mark(), None);
        row.cacao = Some(Imported {
            id: taken.id,
            name: taken.name,
            sha256,
            text: self.cacao.clone(),
            not_run: taken.not_run,
            mark: at.mark(),
            changed: false,
        });
        Ok(())
    }
}

/// Approves a playbook as it stands, as a second person.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Approve {}

impl Step<Playbook> for Approve {
    const ACTION: &'static str = "playbook.approve";

    fn apply(&self, row: &mut Playbook, at: &mut At<'_, '_>) -> Result<()> {
        row.live()?;
        if row.approved.is_some() {
            return Err(Error::conflict("it is approved as it stands"));
        }
        if !row.steps.iter().any(|one| one.required) {
            let why = "no step of it is required: add one with `require` first";
            return Err(Error::conflict(why));
        }
        let roles = ["approver", "security-lead", "counsel", "vendor-manager"];
        at.another_than(&row.written.by, &roles, "a playbook")?;
        row.approved = Some(at.mark());
        Ok(())
    }
}

/// Enters an exercise of a playbook.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Try {
    /// The day, not later than today.
    pub done_on: Day,
    /// Whether it went as planned.
    #[serde(default)]
    pub passed: bool,
    /// What was tried, and what was found.
    pub result: String,
}

impl Step<Playbook> for Try {
    const ACTION: &'static str = "playbook.exercise";

    fn apply(&self, row: &mut Playbook, at: &mut At<'_, '_>) -> Result<()> {
        row.live()?;
        if row.approved.is_none() {
            let why = "only an approved playbook is exercised: let another person approve it";
            return Err(Error::conflict(why));
        }
        let today = Day::of(at.now());
        if self.done_on > today || self.done_on.plus(366) < today {
            let why = "state a day that is not later than today and not older than a year";
            return Err(Error::invalid("done_on", why));
        }
        row.exercises.push(Exercise {
            done_on: self.done_on,
            passed: self.passed,
            result: prose("result", &self.result, 4000)?,
            mark: at.mark(),
        });
        if row.exercises.len() > EXERCISES {
            row.exercises.remove(0);
        }
        Ok(())
    }
}

/// Takes a playbook out of use.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Retire {
    /// Why, and what is followed instead.
    pub reason: String,
}

impl Step<Playbook> for Retire {
    const ACTION: &'static str = "playbook.retire";

    fn apply(&self, row: &mut Playbook, at: &mut At<'_, '_>) -> Result<()> {
        row.live()?;
        at.tell("reason", line("reason", &self.reason, 500)?);
        row.retired = Some(at.mark());
        Ok(())
    }
}

const STEPS: &[Entry] = &[
    step::<Playbook, Require>("require", "Adds a step; the playbook is to be approved again"),
    step::<Playbook, Adopt>("adopt", "Takes the steps from a playbook of CACAO 2.0"),
    step::<Playbook, Drop>("drop", "Takes a step out; the playbook is to be approved again"),
    step::<Playbook, Approve>("approve", "Approves the playbook as it stands, as a second person")
        .within("approvals"),
    step::<Playbook, Try>("exercise", "Enters an exercise of the playbook"),
    step::<Playbook, Retire>("retire", "Takes the playbook out of use"),
];

/// The register, as the faces know it.
pub const REGISTER: Register = Register::of::<Playbook>(
    "incidents",
    "What is done, by which role, when something happens; written, approved and tried before",
)
.serves(&["E1.2", "E4.1"])
.first("Write a playbook for each class of incident, and let another person approve it")
.columns(&["class", "purpose", "approved"])
.steps(STEPS);
