//! The steps of an advisory's life: evaluated, fixed, opened again, updated.

use super::super::{Severity, shorten, until};
use super::{Advisory, Matched, Standing, matched};
use crate::catalogue;
use crate::register::{At, Day, Mark, Needs, Step, When, line, prose};
use kernel::{Error, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What an evaluation says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "AdvisoryVerdict")]
pub enum Verdict {
    /// The provider is affected.
    Affected,
    /// It is not.
    NotAffected,
}

/// Why the provider is not affected, in the terms of VEX (CISA, Status Justifications, 2022).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Justification {
    /// The component is not there.
    ComponentNotPresent,
    /// The component is there without the vulnerable code.
    VulnerableCodeNotPresent,
    /// The vulnerable code is there and never runs.
    VulnerableCodeNotInExecutePath,
    /// The vulnerable code runs, and nobody who would misuse it can make it do so.
    VulnerableCodeCannotBeControlledByAdversary,
    /// Something that is in place already keeps it from being misused.
    InlineMitigationsAlreadyExist,
}

/// An evaluation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Evaluation {
    /// What it says.
    pub verdict: Verdict,
    /// Why the provider is not affected, in the terms of VEX.
    pub justification: Option<Justification>,
    /// Why, in words.
    pub why: String,
    /// Last day it counts.
    pub until: Option<Day>,
    /// Who says so, and since when.
    pub mark: Mark,
}

/// How an advisory was fixed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Fixed {
    /// The version that is not affected, where there is one.
    pub version: Option<String>,
    /// How it was fixed.
    pub how: String,
    /// Who says so, and since when.
    pub mark: Mark,
}

/// Why an advisory was opened again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Reopened {
    /// Why.
    pub why: String,
    /// Who opened it again, and when.
    pub mark: Mark,
}

/// Evaluations that are kept in the row; earlier ones are in its history.
const EVALUATIONS: usize = 24;

/// Says whether the provider is affected.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Evaluate {
    /// Whether the provider is affected.
    pub verdict: Verdict,
    /// Why it is not, in the terms of VEX; needed for `not-affected`.
    pub justification: Option<Justification>,
    /// Why, in words.
    pub why: String,
    /// Last day the judgement counts, within 366 days; needed for `not-affected`.
    pub until: Option<Day>,
}

impl Step<Advisory> for Evaluate {
    const ACTION: &'static str = "advisory.evaluate";

    fn apply(&self, row: &mut Advisory, at: &mut At<'_, '_>) -> Result<()> {
        live(row)?;
        if row.standing(at.now()) == Standing::Fixed {
            return Err(Error::conflict("it is said to be fixed: open it again first"));
        }
        let not = self.verdict == Verdict::NotAffected;
        if not != self.justification.is_some() {
            let why = "state it for `not-affected`, and only for that";
            return Err(Error::invalid("justification", why));
        }
        if not && self.until.is_none() {
            let why = "state when this judgement is to be made again, within 366 days";
            return Err(Error::invalid("until", why));
        }
        if !not && self.until.is_some() {
            return Err(Error::invalid("until", "only `not-affected` has an end"));
        }
        let today = Day::of(at.now());
        let until = self.until.map(|end| until("until", today, end)).transpose()?;
        row.evaluations.push(Evaluation {
            verdict: self.verdict,
            justification: self.justification,
            why: prose("why", &self.why, 2000)?,
            until,
            mark: at.mark(),
        });
        shorten(&mut row.evaluations, EVALUATIONS);
        row.reopened = None;
        row.fixed = None;
        Ok(())
    }
}

/// Says that it is fixed.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Fix {
    /// The version that is not affected, where there is one.
    pub version: Option<String>,
    /// How it was fixed.
    pub how: String,
}

impl Step<Advisory> for Fix {
    const ACTION: &'static str = "advisory.fix";

    fn apply(&self, row: &mut Advisory, at: &mut At<'_, '_>) -> Result<()> {
        live(row)?;
        if row.standing(at.now()) != Standing::Affected {
            let why = "only what is evaluated as `affected` is fixed: evaluate it first";
            return Err(Error::conflict(why));
        }
        let version = self.version.as_ref();
        row.fixed = Some(Fixed {
            version: version.map(|text| line("version", text, 100)).transpose()?,
            how: prose("how", &self.how, 2000)?,
            mark: at.mark(),
        });
        Ok(())
    }
}

/// Opens it again.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Reopen {
    /// Why.
    pub why: String,
}

impl Step<Advisory> for Reopen {
    const ACTION: &'static str = "advisory.reopen";

    fn apply(&self, row: &mut Advisory, at: &mut At<'_, '_>) -> Result<()> {
        live(row)?;
        if row.standing(at.now()) == Standing::Open {
            return Err(Error::conflict("it is open already"));
        }
        let why = line("why", &self.why, 500)?;
        row.reopened = Some(Reopened { why, mark: at.mark() });
        Ok(())
    }
}

fn live(row: &Advisory) -> Result<()> {
    match row.withdrawn {
        Some(_) => Err(Error::conflict("this advisory was withdrawn: there is nothing to do")),
        None => Ok(()),
    }
}

/// Takes over what its feed, or a new inventory, says now; what is not stated stays.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Update {
    /// How bad it is, as its feed rates it now.
    pub severity: Option<Severity>,
    /// Whether it is known to be exploited.
    pub known_exploited: Option<bool>,
    /// When it was changed last.
    pub modified: Option<When>,
    /// When it was withdrawn, if it was.
    pub withdrawn: Option<When>,
    /// All components that it matches now, one each: `inventory|ecosystem|name|version|fixed`;
    /// an empty list if it matches none any more.
    pub matched: Option<Vec<String>>,
}

impl Step<Advisory> for Update {
    const ACTION: &'static str = "advisory.update";

    fn needs(&self, _id: &str, needs: &mut Needs<'_>) -> Result<()> {
        catalogue::need(needs)
    }

    fn apply(&self, row: &mut Advisory, at: &mut At<'_, '_>) -> Result<()> {
        let (was, today) = (row.rated(), Day::of(at.now()));
        row.severity = self.severity.unwrap_or(row.severity);
        row.known_exploited = self.known_exploited.unwrap_or(row.known_exploited);
        row.modified = self.modified.unwrap_or(row.modified);
        row.withdrawn = self.withdrawn.or(row.withdrawn);
        let now = row.rated();
        let days = now.days(&catalogue::parameters(at)?);
        let mut why = None;
        if now > was {
            // The time for the worse rating begins when it becomes known, but nothing is put off.
            row.due = row.due.min(today.plus(days));
            why = Some(format!("it is {} now", now.word()));
        } else if now < was {
            row.due = Day::of(row.seen.0).plus(days);
        }
        if let Some(lines) = &self.matched {
            let new = matched(lines)?;
            let known = |one: &Matched| row.matched.iter().any(|old| old.same(one));
            if let Some(more) = new.iter().find(|one| !known(one)) {
                let (name, version, inventory) = (&more.name, &more.version, &more.inventory);
                why = Some(format!("it matches {name} {version} of {inventory}"));
            }
            row.matched = new;
        }
        // A judgement was about what was known when it was made.
        if let Some(why) = why.filter(|_| !row.evaluations.is_empty() && row.reopened.is_none()) {
            row.reopened = Some(Reopened { why, mark: at.mark() });
        }
        at.tell("matched", row.matched.len().to_string());
        Ok(())
    }
}
