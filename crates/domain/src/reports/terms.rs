//! Terms: the confidentiality obligations under which reports are given, by version. A version is
//! never changed; another one takes its place, and is accepted anew.

use super::desk::{self, Desk};
use super::{SECOND, sha256, stated_sha256};
use crate::register::{
    At, Day, Entry, Mark, Needs, Register, Row, Status, Step, Tone, prose, step,
};
use kernel::{Error, Moment, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Longest text, in bytes: what somebody can be asked to read.
const TEXT_BYTES: usize = 100_000;

/// Days until terms are looked at again.
const REVIEW_DAYS: u32 = 366;

/// A version of the terms.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Terms {
    /// The text, in Markdown.
    pub text: String,
    /// SHA-256 of the text.
    pub sha256: String,
    /// Last day by which somebody looks at them again.
    pub review: Day,
    /// Who looked at them last, and when.
    pub reviewed: Option<Mark>,
    /// Who entered them, and when.
    pub entered: Mark,
    /// Who published them as a second person, and when.
    pub published: Option<Mark>,
}

/// A version to be entered.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewTerms {
    /// The version, as the unique name: 1–64 of `a-z 0-9 . _ -`.
    pub name: String,
    /// The text, in Markdown, at most 100,000 bytes.
    pub text: String,
    /// Last day by which somebody looks at them again, at most 366 days ahead.
    pub review: Day,
}

impl Row for Terms {
    const NOUN: &'static str = "terms";
    const REGISTER: &'static str = "terms";
    const FORMAT: &'static str = "terms/v1";
    const ADD: &'static str = "terms.add";
    const READ: &'static str = "terms.read";
    const LIST: &'static str = "terms.list";
    type New = NewTerms;

    fn id(new: &NewTerms) -> Option<&str> {
        Some(&new.name)
    }

    fn add(new: &NewTerms, at: &mut At<'_, '_>) -> Result<Self> {
        let text = prose("text", &new.text, TEXT_BYTES)?;
        let sha256 = sha256(text.as_bytes());
        at.tell("sha256", sha256.clone());
        let review = check_review(new.review, at.now())?;
        Ok(Self { text, sha256, review, reviewed: None, entered: at.mark(), published: None })
    }

    fn status(&self, now: Moment) -> Status {
        match &self.published {
            None => Status::of("draft", Tone::Due)
                .what("nobody can accept it before a second person publishes it")
                .who("counsel"),
            Some(_) if self.review.end() <= now => Status::of("overdue", Tone::Due)
                .what("look at it again, or publish another version")
                .due(self.review.end())
                .who("counsel"),
            Some(_) => Status::of("published", Tone::Good).due(self.review.end()),
        }
    }
}

/// Publishes a version: from now on it is the one that has to be accepted.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PublishTerms {
    /// SHA-256 of the text, so that nobody publishes another one than they read.
    pub sha256: String,
}

impl Step<Terms> for PublishTerms {
    const ACTION: &'static str = "terms.publish";

    fn needs(&self, _id: &str, needs: &mut Needs<'_>) -> Result<()> {
        Desk::need(needs)
    }

    fn apply(&self, row: &mut Terms, at: &mut At<'_, '_>) -> Result<()> {
        if row.published.is_some() {
            return Err(Error::conflict("this version was published already: enter another one"));
        }
        if stated_sha256(&self.sha256)? != row.sha256 {
            return Err(Error::invalid("sha256", "this is another text: read it again"));
        }
        at.another_than(&row.entered.by, &SECOND, "publishing terms")?;
        row.published = Some(at.mark());
        let mut desk = Desk::at(at)?;
        desk.terms = Some(desk::Terms { id: at.id().to_owned(), sha256: row.sha256.clone() });
        desk.save(at)
    }
}

/// Looks at a version again: it stays as it is.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReviewTerms {
    /// Last day by which somebody looks at them again, at most 366 days ahead.
    pub review: Day,
}

impl Step<Terms> for ReviewTerms {
    const ACTION: &'static str = "terms.review";

    fn apply(&self, row: &mut Terms, at: &mut At<'_, '_>) -> Result<()> {
        if row.published.is_none() {
            return Err(Error::conflict("this version is not published"));
        }
        row.review = check_review(self.review, at.now())?;
        row.reviewed = Some(at.mark());
        Ok(())
    }
}

fn check_review(review: Day, now: Moment) -> Result<Day> {
    let today = Day::of(now);
    match review < today || review > today.plus(REVIEW_DAYS) {
        true => Err(Error::invalid("review", "name a day from today to 366 days ahead")),
        false => Ok(review),
    }
}

const STEPS: &[Entry] = &[
    step::<Terms, PublishTerms>("publish", "Publishes this version, as a second person")
        .within("approvals"),
    step::<Terms, ReviewTerms>("review", "Looks at it again: it stays as it is"),
];

/// The register, as the faces know it.
pub const REGISTER: Register = Register::of::<Terms>(
    "reports",
    "The confidentiality obligations under which reports are given, by version",
)
.serves(&["E3.3"])
.first("Enter the terms under which reports are given; a second person publishes them")
.columns(&["review", "sha256"])
.steps(STEPS);
