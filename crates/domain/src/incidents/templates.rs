//! Templates: what a notice says, written before it is needed, in each language.
//!
//! A text is written for one language and approved by another person as it stands; a change asks
//! again, under the next version. A contact gets the text in its language, or in one that its
//! language is a part of (RFC 4647 §3.4), or in the language that the template states otherwise.

use super::notices::spelled;
use super::{Class, header, language, words};
use crate::register::{At, Entry, Mark, Register, Row, Status, Step, Tone, line, prose, step};
use kernel::{Error, Moment, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A text of a template.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "TemplateText")]
pub struct Text {
    /// Its language, as BCP 47 has it.
    pub language: String,
    /// Its version, from 1.
    pub version: u32,
    /// The subject, with placeholders.
    pub subject: String,
    /// The text, with placeholders.
    pub text: String,
    /// Who wrote it, and when.
    pub written: Mark,
    /// Who approved it as it stands, and when; nobody since the last change.
    pub approved: Option<Mark>,
}

/// A template.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Template {
    /// The class of incident it is for.
    pub class: Class,
    /// What it is for, in a sentence.
    pub purpose: String,
    /// The language of those whose own it does not have.
    pub fallback: String,
    /// Its texts, one for each language; earlier versions are in the row's history.
    pub texts: Vec<Text>,
    /// When it was retired, if it was.
    pub retired: Option<Mark>,
}

/// Languages of one template.
const LANGUAGES: usize = 24;

impl Template {
    /// The approved text in a language, or in the one that the template states otherwise.
    ///
    /// # Errors
    /// `Invalid` if neither is approved, or it is retired.
    pub fn pick(&self, wanted: Option<&str>) -> Result<&Text> {
        let text = self.has(wanted.unwrap_or(&self.fallback)).or_else(|| self.has(&self.fallback));
        text.ok_or_else(|| {
            let wanted = wanted.unwrap_or(&self.fallback);
            let fallback = &self.fallback;
            let why = format!("it has no approved text in `{wanted}` or `{fallback}`: approve one");
            Error::invalid("template", why)
        })
    }

    /// The approved text for a language, if it has one.
    pub fn has(&self, wanted: &str) -> Option<&Text> {
        let live = || self.texts.iter().filter(|one| one.approved.is_some());
        let found = words::lookup(wanted, live().map(|one| one.language.as_str()));
        let found = found.filter(|_| self.retired.is_none())?;
        live().find(|one| one.language == found)
    }

    fn live(&self) -> Result<()> {
        match self.retired {
            Some(_) => Err(Error::conflict("this template is retired: add another one")),
            None => Ok(()),
        }
    }
}

/// A template to be written.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewTemplate {
    /// The unique name: 1–64 of `a-z 0-9 . _ -`.
    pub name: String,
    /// The class of incident it is for.
    pub class: Class,
    /// What it is for, on one line.
    pub purpose: String,
    /// The language of those whose own it does not have, such as `en` (BCP 47).
    pub fallback: String,
}

impl Row for Template {
    const NOUN: &'static str = "template";
    const REGISTER: &'static str = "templates";
    const FORMAT: &'static str = "template/v1";
    const ADD: &'static str = "template.add";
    const READ: &'static str = "template.read";
    const LIST: &'static str = "template.list";
    type New = NewTemplate;

    fn id(new: &NewTemplate) -> Option<&str> {
        Some(&new.name)
    }

    fn add(new: &NewTemplate, _at: &mut At<'_, '_>) -> Result<Self> {
        Ok(Self {
            class: new.class,
            purpose: line("purpose", &new.purpose, 200)?,
            fallback: language("fallback", &new.fallback)?,
            texts: vec![],
            retired: None,
        })
    }

    fn status(&self, _now: Moment) -> Status {
        if self.retired.is_some() {
            return Status::of("retired", Tone::Past);
        }
        if let Some(text) = self.texts.iter().find(|one| one.approved.is_none()) {
            let what = format!("its text in `{}` waits for a second person", text.language);
            return Status::of("unapproved", Tone::Due).what(what).who("approver");
        }
        match self.has(&self.fallback) {
            Some(_) => Status::of("approved", Tone::Good),
            None => Status::of("empty", Tone::Due)
                .what(format!("it has no text in `{}`: write it", self.fallback))
                .who("responder"),
        }
    }
}

/// Writes a text of a template; it is to be approved again.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Write {
    /// Its language, such as `de` or `pt-BR` (BCP 47).
    pub language: String,
    /// The subject, on one line; placeholders as in the text.
    pub subject: String,
    /// The text. `{account}`, `{incident}`, `{verified}`, `{class}`, `{deadline}`, `{number}`,
    /// `{first}`, `{known}`, `{unknown}` and `{next}` are filled in; write a brace that stands for
    /// itself twice.
    pub text: String,
}

impl Step<Template> for Write {
    const ACTION: &'static str = "template.write";

    fn apply(&self, row: &mut Template, at: &mut At<'_, '_>) -> Result<()> {
        row.live()?;
        let language = language("language", &self.language)?;
        let subject = header("subject", &self.subject, 200)?;
        let text = prose("text", &self.text, 20_000)?;
        spelled("subject", &subject)?;
        spelled("text", &text)?;
        let written = at.mark();
        at.tell("language", &language);
        let full = row.texts.len() >= LANGUAGES;
        let new = Text { language, version: 1, subject, text, written, approved: None };
        match row.texts.iter_mut().find(|one| one.language == new.language) {
            Some(one) => *one = Text { version: one.version + 1, ..new },
            None if full => {
                return Err(Error::limit(format!("a template has at most {LANGUAGES} languages")));
            }
            None => row.texts.push(new),
        }
        Ok(())
    }
}

/// Approves a text of a template as it stands, as a second person.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Approve {
    /// Its language.
    pub language: String,
    /// Its version, so that nobody approves another text than they read.
    pub version: u32,
}

impl Step<Template> for Approve {
    const ACTION: &'static str = "template.approve";

    fn apply(&self, row: &mut Template, at: &mut At<'_, '_>) -> Result<()> {
        row.live()?;
        let language = language("language", &self.language)?;
        let text = row.texts.iter_mut().find(|one| one.language == language);
        let text = text.ok_or_else(|| Error::invalid("language", "it has no text in it"))?;
        if text.version != self.version {
            let why = format!("the text is of version {}: read it again", text.version);
            return Err(Error::invalid("version", why));
        }
        if text.approved.is_some() {
            return Err(Error::conflict("this text is approved as it stands"));
        }
        at.another_than(&text.written.by, &super::notices::APPROVERS, "a template")?;
        text.approved = Some(at.mark());
        at.tell("language", &language);
        Ok(())
    }
}

/// Takes a template out of use.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Retire {
    /// Why, and what is used instead.
    pub reason: String,
}

impl Step<Template> for Retire {
    const ACTION: &'static str = "template.retire";

    fn apply(&self, row: &mut Template, at: &mut At<'_, '_>) -> Result<()> {
        row.live()?;
        at.tell("reason", line("reason", &self.reason, 500)?);
        row.retired = Some(at.mark());
        Ok(())
    }
}

const STEPS: &[Entry] = &[
    step::<Template, Write>("write", "Writes its text in a language, to be approved again"),
    step::<Template, Approve>("approve", "Approves a text as it stands, as a second person")
        .within("approvals"),
    step::<Template, Retire>("retire", "Takes the template out of use"),
];

/// The register, as the faces know it.
pub const REGISTER: Register = Register::of::<Template>(
    "incidents",
    "What notices say, in each language, written and approved before they are needed",
)
.serves(&["E4.4", "E4.7"])
.first("Write a template in the language of your subscribers, and let another person approve it")
.columns(&["class", "purpose", "fallback"])
.steps(STEPS);
