//! Rules, as far as people decide about them: which only watch so far, which are off, and why.
//!
//! The text of a rule is a file, with the server or in the operator's folder; a rule without a row
//! here is in the mode that its file says.

use crate::catalogue::directly;
use crate::register::{At, Entry, Mark, Register, Row, Status, Step, Tone, line, prose, step};
use kernel::{Error, Moment, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a rule may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "RuleMode")]
pub enum Mode {
    /// Its alerts count.
    Live,
    /// Its alerts are kept, nobody is called and nothing is done.
    Shadow,
    /// It is not evaluated.
    Off,
}

/// A decision about a rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Rule {
    /// The rule, by the id in its text.
    pub rule: String,
    /// What it may do.
    pub mode: Mode,
    /// Why.
    pub reason: String,
    /// Who decided, and when.
    pub decided: Mark,
}

/// A decision about a rule.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewRule {
    /// The rule, by the id in its text; which is the id of this row.
    pub rule: String,
    /// What it may do.
    pub mode: Mode,
    /// Why.
    pub reason: String,
}

impl Row for Rule {
    const NOUN: &'static str = "rule";
    const REGISTER: &'static str = "rules";
    const FORMAT: &'static str = "rule/v1";
    const ADD: &'static str = "rule.add";
    const READ: &'static str = "rule.read";
    const LIST: &'static str = "rule.list";
    type New = NewRule;

    fn id(new: &NewRule) -> Option<&str> {
        Some(&new.rule)
    }

    fn add(new: &NewRule, at: &mut At<'_, '_>) -> Result<Self> {
        if new.mode != Mode::Live {
            directly(Self::ADD, at)?;
        }
        Ok(Self {
            rule: line("rule", &new.rule, 64)?,
            mode: new.mode,
            reason: prose("reason", &new.reason, 1000)?,
            decided: at.mark(),
        })
    }

    fn status(&self, _now: Moment) -> Status {
        match self.mode {
            Mode::Live => Status::of("live", Tone::Good),
            Mode::Shadow => Status::of("shadow", Tone::Due)
                .what("look at what it found, and take it live or off")
                .who("security-lead"),
            Mode::Off => Status::of("off", Tone::Past).what(self.reason.clone()),
        }
    }
}

/// Decides anew what a rule may do.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Decide {
    /// What it may do.
    pub mode: Mode,
    /// Why.
    pub reason: String,
}

impl Step<Rule> for Decide {
    const ACTION: &'static str = "rule.decide";

    fn apply(&self, row: &mut Rule, at: &mut At<'_, '_>) -> Result<()> {
        if row.mode == self.mode {
            return Err(Error::conflict("the rule is in this mode already"));
        }
        if self.mode != Mode::Live {
            directly(Self::ACTION, at)?;
        }
        row.reason = prose("reason", &self.reason, 1000)?;
        (row.mode, row.decided) = (self.mode, at.mark());
        Ok(())
    }
}

const STEPS: &[Entry] = &[step::<Rule, Decide>("decide", "Decides anew what it may do")];

/// The register, as the faces know it.
pub const REGISTER: Register = Register::of::<Rule>(
    "programme",
    "Which detection rules are live, only watch, or are off, and why",
)
.serves(&["E1.2", "E6.2"])
.first("A rule is in the mode that its file says, until somebody decides otherwise here")
.columns(&["rule", "mode", "reason"])
.steps(STEPS);
