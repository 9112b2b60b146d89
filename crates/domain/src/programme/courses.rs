//! Courses: what people are taught in line with a policy, with questions or an attestation.
//!
//! A course cites the version of a policy that it teaches, and is published in editions: what is
//! taught or asked changes only in a new edition. The right answer of a question is kept as a hash,
//! so that it is not read in passing; whoever reads the course and computes hashes can still find
//! it, as they could in the text of the policy. A test is no secret, it is a check on reading.

use super::policies::Policy;
use super::trainings::{self, Training};
use super::{audience, label, named, sha256};
use crate::catalogue::{self, parameters};
use crate::register::{
    At, Entry, Kept, Mark, Needs, Register, Row, Status, Step, Tone, line, prose, step,
};
use kernel::{Error, Moment, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Longest content of a course, in bytes.
const CONTENT_BYTES: usize = 200_000;

/// Questions of one course. A test of more is two courses.
const QUESTIONS: usize = 50;

/// The job that assigns what is missing, and ends what has no course any more.
pub const SETTLE: &str = "training.settle";

/// A question with its choices.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Question {
    /// What is asked.
    pub question: String,
    /// What can be answered, counted from 0.
    pub choices: Vec<String>,
    /// What the right answer is checked against: a hash over course, question and choice.
    pub check: String,
}

/// A course.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Course {
    /// Its title.
    pub title: String,
    /// The policy it teaches.
    pub policy: String,
    /// The label of the version of the policy it teaches.
    pub version: String,
    /// What is taught, in Markdown, or where to find it.
    pub content: String,
    /// The roles it is assigned to, or `everyone` alone; nobody if empty.
    pub for_roles: Vec<String>,
    /// Percent of the questions that have to be answered rightly, 1 to 100.
    pub pass_mark: u32,
    /// Days for which having taken it counts.
    pub validity_days: u32,
    /// The edition, from 1.
    pub edition: u32,
    /// The questions; without any, taking it is attested.
    pub questions: Vec<Question>,
    /// When this edition was published, if it was.
    pub published: Option<Mark>,
    /// When the course was retired, if it was.
    pub retired: Option<Mark>,
}

impl Course {
    /// Whether it is taught now.
    pub fn taught(&self) -> bool {
        self.published.is_some() && self.retired.is_none()
    }

    /// Whether it is assigned to somebody with these roles.
    pub fn addresses(&self, roles: &[String]) -> bool {
        super::addresses(&self.for_roles, roles)
    }

    /// How many questions these answers get right.
    ///
    /// # Errors
    /// `Invalid` if there are not as many answers as questions, or one is no choice.
    pub(super) fn grade(&self, id: &str, answers: &[u32]) -> Result<u32> {
        if answers.len() != self.questions.len() {
            let why = format!("answer each of the {} questions, in order", self.questions.len());
            return Err(Error::invalid("answers", why));
        }
        let mut right = 0;
        for (asked, answer) in self.questions.iter().zip(answers) {
            if usize::try_from(*answer).is_ok_and(|answer| answer >= asked.choices.len()) {
                let why = format!("`{answer}` is no choice: they are counted from 0");
                return Err(Error::invalid("answers", why));
            }
            right += u32::from(check(id, &asked.question, *answer) == asked.check);
        }
        Ok(right)
    }

    fn in_making(&self) -> Result<()> {
        self.standing()?;
        match self.published {
            Some(_) => Err(Error::conflict("this edition is published: begin a new one first")),
            None => Ok(()),
        }
    }

    fn standing(&self) -> Result<()> {
        match self.retired {
            Some(_) => Err(Error::conflict("this course is retired: add another one")),
            None => Ok(()),
        }
    }
}

fn check(course: &str, question: &str, choice: u32) -> String {
    sha256(format!("bailee-answer/v1\n{course}\n{question}\n{choice}").as_bytes())
}

/// A course to be added.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCourse {
    /// The unique name: 1–40 of `a-z 0-9 - _`.
    pub name: String,
    /// Its title.
    pub title: String,
    /// The policy it teaches.
    pub policy: String,
    /// The label of the policy's version in force.
    pub version: String,
    /// What is taught, in Markdown, or where to find it.
    pub content: String,
    /// The roles it is assigned to by itself, or `everyone` alone; left out, that is done by hand.
    #[serde(default)]
    pub for_roles: Vec<String>,
    /// Percent of the questions that have to be answered rightly, 1 to 100; left out, 80.
    pub pass_mark: Option<u32>,
    /// Days for which having taken it counts; left out, those of the catalogue.
    pub validity_days: Option<u32>,
}

impl Row for Course {
    const NOUN: &'static str = "course";
    const REGISTER: &'static str = "courses";
    const FORMAT: &'static str = "course/v1";
    const ADD: &'static str = "course.add";
    const READ: &'static str = "course.read";
    const LIST: &'static str = "course.list";
    type New = NewCourse;

    fn id(new: &NewCourse) -> Option<&str> {
        Some(&new.name)
    }

    fn needs(new: &NewCourse, needs: &mut Needs<'_>) -> Result<()> {
        needs.row::<Policy>(&new.policy)?;
        catalogue::need(needs)
    }

    fn add(new: &NewCourse, at: &mut At<'_, '_>) -> Result<Self> {
        named(&new.name)?;
        let numbers = parameters(at)?;
        let pass_mark = new.pass_mark.unwrap_or(80);
        if !(1..=100).contains(&pass_mark) {
            return Err(Error::invalid("pass_mark", "state 1 to 100 percent"));
        }
        // Shorter than the time people have for it, it would never be done.
        let (least, most) = (numbers.training_days + 1, numbers.training_period_days);
        let validity_days = new.validity_days.unwrap_or(most);
        if !(least..=most).contains(&validity_days) {
            let why = format!("a course counts for {least} to {most} days, says the catalogue");
            return Err(Error::invalid("validity_days", why));
        }
        let for_roles = match new.for_roles.as_slice() {
            [] => vec![],
            roles => audience("for_roles", roles)?,
        };
        Ok(Self {
            title: line("title", &new.title, 200)?,
            policy: new.policy.clone(),
            version: cited(at, &new.policy, &new.version)?,
            content: prose("content", &new.content, CONTENT_BYTES)?,
            for_roles,
            pass_mark,
            validity_days,
            edition: 1,
            questions: vec![],
            published: None,
            retired: None,
        })
    }

    fn status(&self, _now: Moment) -> Status {
        match (&self.retired, &self.published) {
            (Some(_), _) => Status::of("retired", Tone::Past),
            (None, Some(_)) => Status::of("taught", Tone::Good),
            (None, None) => {
                let what = format!("edition {} is in the making: publish it", self.edition);
                Status::of("in-making", Tone::Due).what(what).who("security-lead")
            }
        }
    }
}

/// The version of a policy that a course teaches has to be in force.
fn cited(at: &At<'_, '_>, policy: &str, version: &str) -> Result<String> {
    let policy = at.named::<Policy>("policy", policy)?;
    match policy.row.current() {
        Some(current) if current.version == version => label("version", version),
        Some(current) => {
            let why =
                format!("version `{}` of the policy is in force: teach that", current.version);
            Err(Error::invalid("version", why))
        }
        None => Err(Error::invalid("policy", "no version of this policy is in force")),
    }
}

/// Adds a question to the edition in the making.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ask {
    /// What is asked, on one line.
    pub question: String,
    /// Two to ten answers to choose from.
    pub choices: Vec<String>,
    /// Which of them is right, counted from 0. It is kept as a hash and not shown again.
    pub right: u32,
}

impl Step<Course> for Ask {
    const ACTION: &'static str = "course.ask";

    fn apply(&self, row: &mut Course, at: &mut At<'_, '_>) -> Result<()> {
        row.in_making()?;
        if row.questions.len() >= QUESTIONS {
            return Err(Error::limit(format!("a course has at most {QUESTIONS} questions")));
        }
        if !(2..=10).contains(&self.choices.len()) {
            return Err(Error::invalid("choices", "give two to ten answers to choose from"));
        }
        let choices: Vec<_> = self.choices.iter().map(|one| line("choices", one, 300)).collect();
        let choices = choices.into_iter().collect::<Result<Vec<_>>>()?;
        if usize::try_from(self.right).is_ok_and(|right| right >= choices.len()) {
            return Err(Error::invalid("right", "name one of the choices, counted from 0"));
        }
        let question = line("question", &self.question, 500)?;
        if row.questions.iter().any(|asked| asked.question == question) {
            return Err(Error::invalid("question", "this is asked already: ask something else"));
        }
        let check = check(at.id(), &question, self.right);
        row.questions.push(Question { question, choices, check });
        Ok(())
    }
}

/// Publishes the edition in the making.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Publish {}

impl Step<Course> for Publish {
    const ACTION: &'static str = "course.publish";

    fn apply(&self, row: &mut Course, at: &mut At<'_, '_>) -> Result<()> {
        row.in_making()?;
        at.tell("edition", row.edition.to_string());
        row.published = Some(at.mark());
        settle(at);
        Ok(())
    }
}

/// Begins a new edition. Until it is published nobody can complete the course, and due days go on.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Revise {
    /// The policy it teaches from now on, which may be the same.
    pub policy: String,
    /// The label of the policy's version in force, which the new edition teaches.
    pub version: String,
    /// What is taught from now on; left out, it stays.
    pub content: Option<String>,
    /// The roles it is assigned to from now on; left out, they stay.
    pub for_roles: Option<Vec<String>>,
    /// Whether the questions so far are dropped.
    #[serde(default)]
    pub ask_anew: bool,
}

impl Step<Course> for Revise {
    const ACTION: &'static str = "course.revise";

    fn needs(&self, _id: &str, needs: &mut Needs<'_>) -> Result<()> {
        needs.row::<Policy>(&self.policy)
    }

    fn apply(&self, row: &mut Course, at: &mut At<'_, '_>) -> Result<()> {
        row.standing()?;
        row.version = cited(at, &self.policy, &self.version)?;
        row.policy.clone_from(&self.policy);
        if let Some(content) = &self.content {
            row.content = prose("content", content, CONTENT_BYTES)?;
        }
        if let Some(roles) = &self.for_roles {
            row.for_roles = audience("for_roles", roles)?;
        }
        if self.ask_anew {
            row.questions.clear();
        }
        row.edition += u32::from(row.published.take().is_some());
        at.tell("edition", row.edition.to_string());
        Ok(())
    }
}

/// Assigns the course to one person.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Assign {
    /// To whom: `person:NAME`.
    pub person: String,
}

impl Step<Course> for Assign {
    const ACTION: &'static str = "course.assign";
    const RIGHTS: bool = true;

    fn needs(&self, id: &str, needs: &mut Needs<'_>) -> Result<()> {
        needs.row::<Training>(&trainings::id_of(id, &self.person)?)?;
        catalogue::need(needs)
    }

    fn apply(&self, row: &mut Course, at: &mut At<'_, '_>) -> Result<()> {
        let id = trainings::id_of(at.id(), &self.person)?;
        if at.find::<Training>(&id)?.is_some() {
            let why = format!("it is assigned already: see the training `{id}`");
            return Err(Error::conflict(why));
        }
        let course = at.id().to_owned();
        let training = trainings::assigned(at, &course, row, &self.person)?;
        let kept: Kept<Training> = at.fresh(&id, training);
        at.tell("training", id);
        at.save(&kept)
    }
}

/// Ends a course, and with it every training: nobody can take it any more.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Retire {
    /// Why, and what is taught instead.
    pub reason: String,
}

impl Step<Course> for Retire {
    const ACTION: &'static str = "course.retire";

    fn apply(&self, row: &mut Course, at: &mut At<'_, '_>) -> Result<()> {
        row.standing()?;
        at.tell("reason", line("reason", &self.reason, 500)?);
        row.retired = Some(at.mark());
        settle(at);
        Ok(())
    }
}

fn settle(at: &mut At<'_, '_>) {
    let (now, id) = (at.now(), at.id().to_owned());
    at.later(now, SETTLE, id);
}

const STEPS: &[Entry] = &[
    step::<Course, Ask>("ask", "Adds a question to the edition in the making"),
    step::<Course, Publish>("publish", "Publishes the edition and assigns it to its roles"),
    step::<Course, Assign>("assign", "Assigns the course to one person"),
    step::<Course, Revise>("revise", "Begins a new edition"),
    step::<Course, Retire>("retire", "Ends the course"),
];

/// The register, as the faces know it.
pub const REGISTER: Register = Register::of::<Course>(
    "programme",
    "What people are taught in line with a policy, and how it is checked that they learned it",
)
.serves(&["E1.7"])
.first("Add a course: the version of the policy it teaches, its content and whom it is for")
.columns(&["title", "policy", "version", "for_roles"])
.steps(STEPS)
.read_by_everybody();
