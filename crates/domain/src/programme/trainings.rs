//! Trainings: a course assigned to a person, with the day it is due and what came of it.
//!
//! One row per course and person. Whoever has not taken a course by its due day is overdue; after
//! the days of grace they lose eligibility for access, with the next request on every node, and
//! have it back in the moment in which they complete the course. What was taken counts for as long
//! as the course says, and is assigned again ahead of that.

use super::courses::Course;
use super::{named, own};
use crate::catalogue::{self, Parameters, parameters};
use crate::register::{
    At, Day, Entry, Mark, Needs, Register, Row, Status, Step, Tone, When, line, step,
};
use kernel::authority::Duty;
use kernel::id::{PrincipalId, shown};
use kernel::{Error, Moment, Result};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, Serialize};
use std::borrow::Cow;
use std::time::Duration;

/// Attempts kept in the row; earlier ones are in its history.
const ATTEMPTS: usize = 20;

/// Failed attempts within a day, after which one waits: a test is not to be solved by trying.
const A_DAY: usize = 5;

/// The job that assigns a training again, ahead of the day on which it stops to count.
pub const RENEW: &str = "training.renew";

/// An attempt that did not reach the pass mark.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "TrainingAttempt")]
pub struct Attempt {
    /// When.
    pub at: When,
    /// The edition of the course.
    pub edition: u32,
    /// Answers that were right.
    pub right: u32,
    /// Questions.
    pub of: u32,
}

/// That the person completed the course.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Completion {
    /// When.
    pub at: When,
    /// The edition of the course.
    pub edition: u32,
    /// The policy it teaches.
    pub policy: String,
    /// The label of the policy's version.
    pub version: String,
    /// Answers that were right; none where it was attested.
    pub right: Option<u32>,
    /// Questions.
    pub of: u32,
    /// What the person says, where the course has no questions.
    pub attested: Option<String>,
    /// Last day it counts.
    pub valid_to: Day,
}

/// A course assigned to a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Training {
    /// The course.
    pub course: String,
    /// Who takes it: `person:NAME`.
    pub person: String,
    /// Last day to do it, while it has to be done.
    pub due: Option<Day>,
    /// Last day of grace after that; then access ends until it is done.
    pub grace_to: Option<Day>,
    /// The newest completion.
    pub done: Option<Completion>,
    /// Attempts that failed, oldest first.
    pub failed: Vec<Attempt>,
    /// When it was ended, if it was: the course was retired, the person left, or somebody said why.
    pub ended: Option<Mark>,
}

impl Training {
    /// The duty as the rights hold it: it ends eligibility at the end of the days of grace, and
    /// nothing once the course is done.
    ///
    /// # Errors
    /// `Internal` if a stored value has another form.
    pub fn duty(&self, id: &str) -> Result<Duty> {
        let bad = |_| Error::internal("a stored training has another form");
        let holder = PrincipalId::parse(&self.person).map_err(bad)?;
        let until = self.grace_to.filter(|_| self.ended.is_none()).map(Day::end);
        Ok(Duty { id: id.to_owned(), holder, until })
    }

    /// Whether it was to be done by now, and was not.
    pub fn overdue(&self, now: Moment) -> bool {
        self.ended.is_none() && self.due.is_some_and(|due| due.end() <= now)
    }

    /// The completion, if it still counts.
    pub fn valid(&self, now: Moment) -> Option<&Completion> {
        self.done.as_ref().filter(|done| now < done.valid_to.end())
    }

    /// It has to be done again, by this day.
    pub(super) fn ask_again(&mut self, due: Day, numbers: &Parameters) {
        self.due = Some(due);
        self.grace_to = Some(due.plus(numbers.training_grace_days));
    }
}

/// The id of a training: `COURSE.PERSON`. No two have the same, because a course has no dot in its
/// name.
pub(super) fn id_of(course: &str, person: &str) -> Result<String> {
    named(course).map_err(|error| Error::invalid("course", error.message()))?;
    let known = PrincipalId::parse(person).ok().filter(|id| id.parts().0 == "person");
    let name = known.as_ref().map(|id| id.parts().1).ok_or_else(|| {
        Error::invalid("person", format!("`{}` is no person: write `person:NAME`", shown(person)))
    })?;
    Ok(format!("{course}.{name}"))
}

/// The course in the id of a training.
pub(super) fn course_of(id: &str) -> &str {
    id.split_once('.').map_or(id, |(course, _)| course)
}

/// A training assigned now.
pub(super) fn fresh(course: &str, person: &str, now: Moment, numbers: &Parameters) -> Training {
    let mut training = Training {
        course: course.to_owned(),
        person: person.to_owned(),
        due: None,
        grace_to: None,
        done: None,
        failed: vec![],
        ended: None,
    };
    training.ask_again(Day::of(now).plus(numbers.training_days), numbers);
    training
}

/// As [`fresh`], if the course is taught and the person is one of the provider's own.
pub(super) fn assigned(
    at: &At<'_, '_>,
    id: &str,
    course: &Course,
    person: &str,
) -> Result<Training> {
    if !course.taught() {
        let why = "this course is not published, or retired: nobody can take it";
        return Err(Error::conflict(why));
    }
    if !own(&*at.person("person", person)?) {
        let why = "a vendor's people are trained by the vendor: its answers say how";
        return Err(Error::invalid("person", why));
    }
    Ok(fresh(id, person, at.now(), &parameters(at)?))
}

/// A training to be assigned.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Assignment {
    /// The course.
    course: String,
    /// To whom: `person:NAME`.
    person: String,
}

/// A training to be assigned, with the id that follows from it.
#[derive(Clone, Debug)]
pub struct NewTraining {
    stated: Assignment,
    id: String,
}

impl<'de> Deserialize<'de> for NewTraining {
    fn deserialize<D: Deserializer<'de>>(from: D) -> std::result::Result<Self, D::Error> {
        let stated = Assignment::deserialize(from)?;
        let id = id_of(&stated.course, &stated.person);
        let id = id.map_err(|error| serde::de::Error::custom(error.message()))?;
        Ok(Self { stated, id })
    }
}

impl JsonSchema for NewTraining {
    fn schema_name() -> Cow<'static, str> {
        "NewTraining".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        Assignment::json_schema(generator)
    }
}

impl Row for Training {
    const NOUN: &'static str = "training";
    const REGISTER: &'static str = "trainings";
    const FORMAT: &'static str = "training/v1";
    const ADD: &'static str = "training.add";
    const READ: &'static str = "training.read";
    const LIST: &'static str = "training.list";
    const RIGHTS: bool = true;
    const COMPOSED: bool = true;
    type New = NewTraining;

    fn id(new: &NewTraining) -> Option<&str> {
        Some(&new.id)
    }

    fn needs(new: &NewTraining, needs: &mut Needs<'_>) -> Result<()> {
        needs.row::<Course>(&new.stated.course)?;
        catalogue::need(needs)
    }

    fn add(new: &NewTraining, at: &mut At<'_, '_>) -> Result<Self> {
        let Assignment { course, person } = &new.stated;
        let kept = at.named::<Course>("course", course)?;
        assigned(at, course, &kept.row, person)
    }

    fn status(&self, now: Moment) -> Status {
        if self.ended.is_some() {
            return Status::of("ended", Tone::Past);
        }
        let Some((due, grace)) = self.due.zip(self.grace_to) else {
            return match &self.done {
                Some(done) if now < done.valid_to.end() => {
                    Status::of("done", Tone::Good).due(done.valid_to.end()).who(&self.person)
                }
                _ => {
                    let what = "what was taken counts no more, and it was not assigned again";
                    Status::of("lapsed", Tone::Bad).what(what).who("security-lead")
                }
            };
        };
        let status = if now < due.end() {
            let word = if self.done.is_some() { "due-again" } else { "assigned" };
            Status::of(word, Tone::Due).what(format!("complete it by {due}")).due(due.end())
        } else if now < grace.end() {
            let what = format!("it was due on {due}: after {grace} access ends until it is done");
            Status::of("overdue", Tone::Bad).what(what).due(grace.end())
        } else {
            let what = format!("it was due on {due}: there is no access until it is done");
            Status::of("suspended", Tone::Bad).what(what).due(due.end())
        };
        status.who(&self.person)
    }
}

/// Completes a course: everybody for themselves.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Complete {
    /// The chosen answer to each question, in order, each counted from 0.
    #[serde(default)]
    pub answers: Vec<u32>,
    /// Where the course has no questions: that you took it, in your own words.
    pub attest: Option<String>,
}

impl Step<Training> for Complete {
    const ACTION: &'static str = "training.complete";

    fn needs(&self, id: &str, needs: &mut Needs<'_>) -> Result<()> {
        needs.row::<Course>(course_of(id))?;
        catalogue::need(needs)
    }

    fn apply(&self, row: &mut Training, at: &mut At<'_, '_>) -> Result<()> {
        if at.by().as_str() != row.person {
            let why = format!("`{}` completes this course themselves", row.person);
            return Err(Error::forbidden(why));
        }
        let id = row.course.clone();
        let course = at.named::<Course>("course", &id)?.row;
        if row.ended.is_some() || !course.taught() {
            let why =
                "this course cannot be taken now: it was ended, or a new edition is being made";
            return Err(Error::conflict(why));
        }
        if row.due.is_none() {
            return Err(Error::conflict("there is nothing to do: it is not due again yet"));
        }
        let of = u32::try_from(course.questions.len()).unwrap_or(u32::MAX);
        let (right, attested) = if of == 0 {
            let said = self.attest.as_deref().unwrap_or_default();
            (None, Some(line("attest", said, 500)?))
        } else {
            let right = self.graded(row, &id, &course, at)?;
            if u64::from(right) * 100 < u64::from(of) * u64::from(course.pass_mark) {
                fail(row, at, &course, right, of);
                return Ok(());
            }
            (Some(right), None)
        };
        at.tell("outcome", "passed");
        at.tell("edition", course.edition.to_string());
        let valid_to = Day::of(at.now()).plus(course.validity_days);
        let (edition, policy, version) = (course.edition, course.policy, course.version);
        let now = When(at.now());
        row.done =
            Some(Completion { at: now, edition, policy, version, right, of, attested, valid_to });
        (row.due, row.grace_to) = (None, None);
        // As long ahead of its end as people have for a new assignment.
        let ahead = u64::from(parameters(at)?.training_days) * 86_400_000_000;
        let again = Moment(valid_to.start().0.saturating_sub(ahead)).max(at.now());
        let object = at.id().to_owned();
        at.later(again, RENEW, object);
        Ok(())
    }
}

impl Complete {
    fn graded(&self, row: &Training, id: &str, course: &Course, at: &At<'_, '_>) -> Result<u32> {
        let day = Duration::from_secs(86_400);
        let lately = row.failed.iter().filter(|one| at.now().since(one.at.0) < day).count();
        if lately >= A_DAY {
            let why = format!("{A_DAY} attempts failed within a day: read it again and come back");
            return Err(Error::limit(why));
        }
        course.grade(id, &self.answers)
    }
}

fn fail(row: &mut Training, at: &mut At<'_, '_>, course: &Course, right: u32, of: u32) {
    at.tell("outcome", "failed");
    at.tell("edition", course.edition.to_string());
    row.failed.push(Attempt { at: When(at.now()), edition: course.edition, right, of });
    if row.failed.len() > ATTEMPTS {
        row.failed.remove(0);
    }
}

/// Ends an assignment that was a mistake, or is not needed any more.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct End {
    /// Why this person does not have to take the course.
    pub reason: String,
}

impl Step<Training> for End {
    const ACTION: &'static str = "training.end";

    fn apply(&self, row: &mut Training, at: &mut At<'_, '_>) -> Result<()> {
        if row.ended.is_some() {
            return Err(Error::conflict("this training is ended already"));
        }
        if at.by().as_str() == row.person {
            let why = "nobody excuses themselves from a training: ask another person";
            return Err(Error::forbidden(why));
        }
        at.tell("reason", line("reason", &self.reason, 500)?);
        row.ended = Some(at.mark());
        Ok(())
    }
}

const STEPS: &[Entry] = &[
    step::<Training, Complete>("complete", "Completes the course, by answers or by attesting it")
        .within("own"),
    step::<Training, End>("end", "Ends an assignment that is not needed"),
];

/// The register, as the faces know it.
pub const REGISTER: Register = Register::of::<Training>(
    "programme",
    "Which course is assigned to whom, by when, and who completed it",
)
.serves(&["E1.7", "E5.6"])
.first("Assign a course to a person; courses that name roles are assigned by themselves")
.columns(&["course", "person", "due"])
.steps(STEPS);
