//! Risks: what could go wrong with Service Data, how bad it would be, and what is done about it.
//!
//! A risk is rated, treated by a day, accepted by a second person for a while, or closed. It points
//! to the obligations whose controls treat it. An acceptance has a hard end, after which the risk
//! is open again; it excuses nobody towards a subscriber.

use super::{LEADS, SIGNERS};
use crate::register::{At, Day, Entry, Mark, Register, Row, Status, Step, Tone, line, prose, step};
use kernel::{Error, Moment, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Longest acceptance, in days: a risk is looked at again every year.
const ACCEPTED_DAYS: u32 = 366;

/// Obligations that one risk points to.
const CONTROLS: usize = 20;

/// What is done about a risk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Treatment {
    /// Controls make it less likely or less bad.
    Mitigate,
    /// It is borne for a while, once a second person has accepted that.
    Accept,
    /// Somebody else bears it, by contract or insurance.
    Transfer,
    /// What causes it is given up.
    Avoid,
}

/// What is to be done about a risk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "RiskPlan")]
pub struct Plan {
    /// What is done.
    pub treatment: Treatment,
    /// How.
    pub plan: String,
    /// Who decided that, and when.
    pub mark: Mark,
}

/// That a second person accepted a risk for a while.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "RiskAcceptance")]
pub struct Acceptance {
    /// Why it can be borne.
    pub reason: String,
    /// Last day of it.
    pub to: Day,
    /// Who, and when.
    pub mark: Mark,
}

/// That a risk is gone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Closing {
    /// How it went away.
    pub how: String,
    /// Who, and when.
    pub mark: Mark,
}

/// A risk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Risk {
    /// Its title.
    pub title: String,
    /// What could happen, and why.
    pub description: String,
    /// Who answers for it: `person:NAME`.
    pub owner: String,
    /// How likely it is, 1 to 5.
    pub likelihood: u8,
    /// How bad it would be, 1 to 5.
    pub impact: u8,
    /// Who rated it last, and when.
    pub rated: Mark,
    /// The obligations whose controls treat it, such as `E2.1`.
    pub controls: Vec<String>,
    /// What is to be done, if that is decided.
    pub plan: Option<Plan>,
    /// Last day to have it treated.
    pub due: Day,
    /// The newest acceptance, if there is one.
    pub acceptance: Option<Acceptance>,
    /// When it was closed, if it was.
    pub closed: Option<Closing>,
}

impl Risk {
    /// Likelihood times impact, 1 to 25.
    pub fn level(&self) -> u8 {
        self.likelihood.saturating_mul(self.impact)
    }

    /// The acceptance, while it counts.
    pub fn accepted(&self, now: Moment) -> Option<&Acceptance> {
        self.acceptance.as_ref().filter(|accepted| now < accepted.to.end())
    }

    /// Whether it was to be treated by now, and neither was nor is accepted.
    pub fn overdue(&self, now: Moment) -> bool {
        self.closed.is_none() && self.accepted(now).is_none() && self.due.end() <= now
    }

    fn open(&self) -> Result<()> {
        match self.closed {
            Some(_) => Err(Error::conflict("this risk is closed: add another one if it is back")),
            None => Ok(()),
        }
    }
}

/// A risk to be added.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewRisk {
    /// Its title, on one line.
    pub title: String,
    /// What could happen, and why.
    pub description: String,
    /// Who answers for it: `person:NAME`.
    pub owner: String,
    /// How likely it is, 1 (hardly) to 5 (almost certainly).
    pub likelihood: u8,
    /// How bad it would be, 1 (a nuisance) to 5 (the end of the service).
    pub impact: u8,
    /// The obligations whose controls treat it, such as `E2.1`.
    #[serde(default)]
    pub controls: Vec<String>,
    /// Last day to have it treated.
    pub due: Day,
}

impl Row for Risk {
    const NOUN: &'static str = "risk";
    const REGISTER: &'static str = "risks";
    const FORMAT: &'static str = "risk/v1";
    const ADD: &'static str = "risk.add";
    const READ: &'static str = "risk.read";
    const LIST: &'static str = "risk.list";
    type New = NewRisk;

    fn add(new: &NewRisk, at: &mut At<'_, '_>) -> Result<Self> {
        at.person("owner", &new.owner)?;
        Ok(Self {
            title: line("title", &new.title, 200)?,
            description: prose("description", &new.description, 5000)?,
            owner: new.owner.clone(),
            likelihood: grade("likelihood", new.likelihood)?,
            impact: grade("impact", new.impact)?,
            rated: at.mark(),
            controls: controls(&new.controls)?,
            plan: None,
            due: ahead(at, "due", new.due)?,
            acceptance: None,
            closed: None,
        })
    }

    fn status(&self, now: Moment) -> Status {
        if self.closed.is_some() {
            return Status::of("closed", Tone::Past);
        }
        if let Some(accepted) = self.accepted(now) {
            return Status::of("accepted", Tone::Good).due(accepted.to.end()).who(&self.owner);
        }
        let status = match (&self.acceptance, &self.plan) {
            (Some(over), _) if self.overdue(now) => {
                let what = format!("its acceptance ended on {}: it is open again", over.to);
                Status::of("reopened", Tone::Bad).what(what)
            }
            _ if self.overdue(now) => {
                let what = format!("it was to be treated by {}", self.due);
                Status::of("overdue", Tone::Bad).what(what)
            }
            (_, Some(Plan { treatment: Treatment::Accept, mark, .. })) => {
                let what = format!("its acceptance waits for another than {}", mark.by);
                Status::of("proposed", Tone::Due).what(what)
            }
            (_, Some(_)) => Status::of("in-treatment", Tone::Good),
            (_, None) => Status::of("untreated", Tone::Due).what("decide what is done about it"),
        };
        status.due(self.due.end()).who(&self.owner)
    }
}

fn grade(field: &'static str, grade: u8) -> Result<u8> {
    match grade {
        1..=5 => Ok(grade),
        _ => Err(Error::invalid(field, "state 1 to 5")),
    }
}

fn controls(ids: &[String]) -> Result<Vec<String>> {
    if ids.len() > CONTROLS {
        let why = format!("point to at most {CONTROLS} obligations");
        return Err(Error::invalid("controls", why));
    }
    ids.iter().map(|id| line("controls", id, 8)).collect()
}

/// A day by which something is done: none that is over, and none beyond a year.
fn ahead(at: &At<'_, '_>, field: &'static str, day: Day) -> Result<Day> {
    if day.end() <= at.now() || day > Day::of(at.now()).plus(ACCEPTED_DAYS) {
        let why = format!("state a day from today to {ACCEPTED_DAYS} days ahead");
        return Err(Error::invalid(field, why));
    }
    Ok(day)
}

/// Rates the risk anew.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// How likely it is, 1 to 5.
    pub likelihood: u8,
    /// How bad it would be, 1 to 5.
    pub impact: u8,
    /// Why.
    pub reason: String,
}

impl Step<Risk> for Rate {
    const ACTION: &'static str = "risk.rate";

    fn apply(&self, row: &mut Risk, at: &mut At<'_, '_>) -> Result<()> {
        row.open()?;
        row.likelihood = grade("likelihood", self.likelihood)?;
        row.impact = grade("impact", self.impact)?;
        at.tell("reason", line("reason", &self.reason, 500)?);
        at.tell("level", row.level().to_string());
        row.rated = at.mark();
        Ok(())
    }
}

/// Decides what is done about the risk, and by when.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Treat {
    /// What is done; `accept` waits for a second person.
    pub treatment: Treatment,
    /// How.
    pub plan: String,
    /// Last day to have it treated.
    pub due: Day,
    /// Who answers for it from now on: `person:NAME`; left out, as before.
    pub owner: Option<String>,
    /// The obligations whose controls treat it from now on; left out, as before.
    pub controls: Option<Vec<String>>,
}

impl Step<Risk> for Treat {
    const ACTION: &'static str = "risk.treat";

    fn apply(&self, row: &mut Risk, at: &mut At<'_, '_>) -> Result<()> {
        row.open()?;
        if let Some(owner) = &self.owner {
            at.person("owner", owner)?;
            row.owner.clone_from(owner);
        }
        if let Some(ids) = &self.controls {
            row.controls = controls(ids)?;
        }
        row.due = ahead(at, "due", self.due)?;
        let plan = prose("plan", &self.plan, 5000)?;
        row.plan = Some(Plan { treatment: self.treatment, plan, mark: at.mark() });
        // What was accepted was another plan.
        row.acceptance = None;
        Ok(())
    }
}

/// Accepts the risk for a while, as another person than its owner and than who proposed it.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Accept {
    /// Why it can be borne.
    pub reason: String,
    /// Last day of the acceptance, at most 366 days from today.
    pub to: Day,
}

impl Step<Risk> for Accept {
    const ACTION: &'static str = "risk.accept";

    fn apply(&self, row: &mut Risk, at: &mut At<'_, '_>) -> Result<()> {
        row.open()?;
        let proposed = row.plan.as_ref().filter(|plan| plan.treatment == Treatment::Accept);
        let Some(proposed) = proposed else {
            let why = "nobody proposed to accept it: treat it with `accept` first";
            return Err(Error::conflict(why));
        };
        for first in [&proposed.mark.by, &row.owner] {
            at.another_than(first, &SIGNERS, "accepting a risk")?;
        }
        let to = ahead(at, "to", self.to)?;
        let reason = prose("reason", &self.reason, 1000)?;
        at.tell("until", to.to_string());
        // When the acceptance ends, the risk is due: no other day stands in for it.
        row.due = to;
        row.acceptance = Some(Acceptance { reason, to, mark: at.mark() });
        Ok(())
    }
}

/// Closes a risk that is gone.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Close {
    /// How it went away.
    pub how: String,
}

impl Step<Risk> for Close {
    const ACTION: &'static str = "risk.close";

    fn apply(&self, row: &mut Risk, at: &mut At<'_, '_>) -> Result<()> {
        row.open()?;
        // Whoever answers for it does not say alone that it is gone, unless nobody else could.
        if at.by().as_str() == row.owner && at.holders(&LEADS)? > 1 {
            at.another_than(&row.owner, &LEADS, "closing a risk")?;
        }
        row.closed = Some(Closing { how: prose("how", &self.how, 2000)?, mark: at.mark() });
        Ok(())
    }
}

const STEPS: &[Entry] = &[
    step::<Risk, Rate>("rate", "Rates the risk anew"),
    step::<Risk, Treat>("treat", "Decides what is done about it, by when, and who answers for it"),
    step::<Risk, Accept>("accept", "Accepts it for a while, as a second person")
        .within("approvals"),
    step::<Risk, Close>("close", "Closes a risk that is gone"),
];

/// The register, as the faces know it.
pub const REGISTER: Register = Register::of::<Risk>(
    "programme",
    "What could go wrong with Service Data, how bad it would be, and what is done about it",
)
.serves(&["E1.1", "E1.3"])
.first("Add a risk: what could happen, how likely and how bad, who answers for it, and by when")
.columns(&["title", "owner", "likelihood", "impact", "due"])
.steps(STEPS);
