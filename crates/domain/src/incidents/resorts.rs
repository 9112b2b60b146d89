//! Last resorts: who alone may release a notice when those who approve cannot be reached.
//!
//! Somebody is named before it is needed, and says that they take it on. Without one, a notice that
//! waits for its second approval can wait past its deadline; so E4.4 does not hold without one.

use super::notices::APPROVERS;
use crate::register::{At, Entry, Mark, Register, Row, Status, Step, Tone, line, step};
use kernel::{Error, Moment, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A last resort.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Resort {
    /// Who: `person:NAME`.
    pub person: String,
    /// How they are reached when everything else is down, such as a telephone number.
    pub reach: String,
    /// When they said that they take it on, if they did.
    pub agreed: Option<Mark>,
    /// When it ended, if it did.
    pub ended: Option<Mark>,
}

impl Resort {
    /// Whether they may release a notice.
    pub fn counts(&self) -> bool {
        self.agreed.is_some() && self.ended.is_none()
    }
}

/// A last resort to be named.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewResort {
    /// The name of an active person who may approve, as in `person:NAME`.
    pub name: String,
    /// How they are reached when everything else is down, on one line.
    pub reach: String,
}

impl Row for Resort {
    const NOUN: &'static str = "resort";
    const REGISTER: &'static str = "resorts";
    const FORMAT: &'static str = "resort/v1";
    const ADD: &'static str = "resort.add";
    const READ: &'static str = "resort.read";
    const LIST: &'static str = "resort.list";
    type New = NewResort;

    fn id(new: &NewResort) -> Option<&str> {
        Some(&new.name)
    }

    fn add(new: &NewResort, at: &mut At<'_, '_>) -> Result<Self> {
        let id = format!("person:{}", new.name);
        let person = at.person("name", &id)?;
        let able = person.roles.iter().any(|role| APPROVERS.contains(&role.as_str()));
        if !able || person.vendor.is_some() {
            let why = format!(
                "`{id}` may not approve: name one with a role of `{}`",
                APPROVERS.join("`, `")
            );
            return Err(Error::invalid("name", why));
        }
        let reach = line("reach", &new.reach, 200)?;
        Ok(Self { person: id, reach, agreed: None, ended: None })
    }

    fn status(&self, _now: Moment) -> Status {
        if self.ended.is_some() {
            return Status::of("ended", Tone::Past);
        }
        match &self.agreed {
            Some(_) => Status::of("agreed", Tone::Good),
            None => Status::of("named", Tone::Due)
                .what("it does not count before they say that they take it on")
                .who(&self.person),
        }
    }
}

/// Says that one takes it on, which only the named person does.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Agree {}

impl Step<Resort> for Agree {
    const ACTION: &'static str = "resort.agree";

    fn apply(&self, row: &mut Resort, at: &mut At<'_, '_>) -> Result<()> {
        if row.ended.is_some() || row.agreed.is_some() {
            return Err(Error::conflict("it is agreed or ended already"));
        }
        if at.by().as_str() != row.person {
            let who = &row.person;
            return Err(Error::forbidden(format!("only `{who}` says so")));
        }
        row.agreed = Some(at.mark());
        Ok(())
    }
}

/// Ends it.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct End {
    /// Why, and who is named instead.
    pub reason: String,
}

impl Step<Resort> for End {
    const ACTION: &'static str = "resort.end";

    fn apply(&self, row: &mut Resort, at: &mut At<'_, '_>) -> Result<()> {
        if row.ended.is_some() {
            return Err(Error::conflict("it ended already"));
        }
        at.tell("reason", line("reason", &self.reason, 500)?);
        row.ended = Some(at.mark());
        Ok(())
    }
}

const STEPS: &[Entry] = &[
    step::<Resort, Agree>("agree", "Says that one takes it on").within("approvals"),
    step::<Resort, End>("end", "Ends it"),
];

/// The register, as the faces know it.
pub const REGISTER: Register = Register::of::<Resort>(
    "incidents",
    "Who alone may release a notice when those who approve cannot be reached",
)
.serves(&["E4.4"])
.first("Name a last resort, who says that they take it on")
.columns(&["person", "reach", "agreed"])
.steps(STEPS);
