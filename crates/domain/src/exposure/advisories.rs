//! Advisories that match a component, each with its evaluation: affected or not, why, fixed how.
//!
//! An evaluation is a judgement of a named person with its reason, in the terms of VEX. "Not
//! affected" has an end, after which the advisory is open again. So is one that turns out to match
//! further components, or that is rated worse. What is said to be fixed is believed until the next
//! inventory; the control compares them.

mod evaluation;

pub use evaluation::{
    Evaluate, Evaluation, Fix, Fixed, Justification, Reopen, Reopened, Update, Verdict,
};

use super::Severity;
use crate::catalogue;
use crate::register::{At, Day, Entry, Needs, Register, Row, Status, Tone, When, line, step};
use kernel::id::Name;
use kernel::{Error, Moment, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Components that one advisory matches. More are the same library in many places: their owners
/// are better asked than listed.
const MATCHES: usize = 500;

/// A component that an advisory matches.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Matched {
    /// The inventory that lists it.
    pub inventory: String,
    /// Its ecosystem, as OSV names it.
    pub ecosystem: String,
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The first version that is not affected, if there is one.
    pub fixed: Option<String>,
}

impl Matched {
    fn same(&self, other: &Self) -> bool {
        (&self.inventory, &self.ecosystem, &self.name, &self.version)
            == (&other.inventory, &other.ecosystem, &other.name, &other.version)
    }
}

/// An advisory that matches a component.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Advisory {
    /// Its id as its feed has it, such as `RUSTSEC-2023-0071`.
    pub osv: String,
    /// Other ids of the same vulnerability.
    pub aliases: Vec<String>,
    /// What it is about.
    pub summary: String,
    /// How bad it is, as its feed rates it.
    pub severity: Severity,
    /// Whether it is known to be exploited; then it is due as a critical one.
    pub known_exploited: bool,
    /// When it was published.
    pub published: Option<When>,
    /// When it was changed last.
    pub modified: When,
    /// When it was withdrawn, if it was.
    pub withdrawn: Option<When>,
    /// The feed that it comes from.
    pub feed: String,
    /// The components that it matches; none any more if all are gone or replaced.
    pub matched: Vec<Matched>,
    /// When it was first seen here.
    pub seen: When,
    /// Last day by which it is to be fixed, if the provider is affected.
    pub due: Day,
    /// Evaluations, oldest first.
    pub evaluations: Vec<Evaluation>,
    /// How it was fixed, if it was.
    pub fixed: Option<Fixed>,
    /// Why it was opened again, if that was after the last evaluation.
    pub reopened: Option<Reopened>,
}

/// Where an advisory stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It was withdrawn.
    Withdrawn,
    /// It matches nothing any more.
    Gone,
    /// Nobody has said whether the provider is affected, or what was said does not count any more.
    Open,
    /// The provider is affected, and it is not fixed.
    Affected,
    /// The provider is not affected.
    NotAffected,
    /// It is said to be fixed.
    Fixed,
}

impl Advisory {
    /// How bad it counts as.
    pub fn rated(&self) -> Severity {
        if self.known_exploited { Severity::Critical } else { self.severity }
    }

    /// The evaluation that counts at a moment.
    pub fn evaluation(&self, now: Moment) -> Option<&Evaluation> {
        let last = self.evaluations.last().filter(|_| self.reopened.is_none())?;
        last.until.is_none_or(|until| now < until.end()).then_some(last)
    }

    /// Where it stands at a moment.
    pub fn standing(&self, now: Moment) -> Standing {
        match self.evaluation(now).map(|one| one.verdict) {
            _ if self.withdrawn.is_some() => Standing::Withdrawn,
            _ if self.matched.is_empty() => Standing::Gone,
            _ if self.fixed.is_some() && self.reopened.is_none() => Standing::Fixed,
            Some(Verdict::Affected) => Standing::Affected,
            Some(Verdict::NotAffected) => Standing::NotAffected,
            None => Standing::Open,
        }
    }
}

/// An advisory to be registered.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAdvisory {
    /// Its id as its feed has it, such as `RUSTSEC-2023-0071`; the row's id is the same in small
    /// letters.
    pub osv: AdvisoryId,
    /// Other ids of the same vulnerability, such as `CVE-2023-49092`.
    #[serde(default)]
    pub aliases: Vec<String>,
    /// What it is about, on one line.
    pub summary: String,
    /// How bad it is, as its feed rates it.
    pub severity: Severity,
    /// Whether it is known to be exploited.
    #[serde(default)]
    pub known_exploited: bool,
    /// When it was published: `2026-11-22T14:02:11Z`.
    pub published: Option<When>,
    /// When it was changed last.
    pub modified: When,
    /// When it was withdrawn, if it was.
    pub withdrawn: Option<When>,
    /// The feed that it comes from.
    pub feed: String,
    /// The components that it matches, one each: `inventory|ecosystem|name|version|fixed`; the
    /// first version that is not affected may be empty.
    pub matched: Vec<String>,
}

/// The id of an advisory, as its feed has it and as the row's id.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(from = "String")]
pub struct AdvisoryId {
    shown: String,
    id: String,
}

impl From<String> for AdvisoryId {
    fn from(shown: String) -> Self {
        let small = |c: char| match c.to_ascii_lowercase() {
            // Red Hat and SUSE write a colon.
            ':' => '-',
            other => other,
        };
        let id = shown.trim().chars().map(small).collect();
        Self { shown, id }
    }
}

impl Row for Advisory {
    const NOUN: &'static str = "advisory";
    const REGISTER: &'static str = "advisories";
    const FORMAT: &'static str = "advisory/v1";
    const ADD: &'static str = "advisory.add";
    const READ: &'static str = "advisory.read";
    const LIST: &'static str = "advisory.list";
    type New = NewAdvisory;

    fn id(new: &NewAdvisory) -> Option<&str> {
        Some(&new.osv.id)
    }

    fn needs(_: &NewAdvisory, needs: &mut Needs<'_>) -> Result<()> {
        catalogue::need(needs)
    }

    fn add(new: &NewAdvisory, at: &mut At<'_, '_>) -> Result<Self> {
        let matched = matched(&new.matched)?;
        if matched.is_empty() {
            let why = "an advisory that matches no component is not kept: count it in its feed";
            return Err(Error::invalid("matched", why));
        }
        if new.aliases.len() > 50 {
            return Err(Error::invalid("aliases", "at most 50 ids"));
        }
        let aliases = new.aliases.iter().map(|one| line("aliases", one, 100));
        let rated = if new.known_exploited { Severity::Critical } else { new.severity };
        let days = rated.days(&catalogue::parameters(at)?);
        at.tell("severity", rated.word());
        Ok(Self {
            osv: line("osv", &new.osv.shown, 64)?,
            aliases: aliases.collect::<Result<_>>()?,
            summary: line("summary", &new.summary, 500)?,
            severity: new.severity,
            known_exploited: new.known_exploited,
            published: new.published,
            modified: new.modified,
            withdrawn: new.withdrawn,
            feed: line("feed", &new.feed, 64)?,
            matched,
            seen: When(at.now()),
            due: Day::of(at.now()).plus(days),
            evaluations: vec![],
            fixed: None,
            reopened: None,
        })
    }

    fn status(&self, now: Moment) -> Status {
        let late = self.due.end() <= now;
        let open = |word, what: String| {
            let tone = if late { Tone::Bad } else { Tone::Due };
            Status::of(if late { "overdue" } else { word }, tone)
                .what(what)
                .due(self.due.end())
                .who("responder")
        };
        let rated = self.rated().word();
        match self.standing(now) {
            Standing::Withdrawn => Status::of("withdrawn", Tone::Past),
            Standing::Gone => Status::of("gone", Tone::Past),
            Standing::Fixed => Status::of("fixed", Tone::Good),
            Standing::Open => match &self.reopened {
                Some(again) => open("open", format!("open again: {}", again.why)),
                None => open("open", format!("say whether it affects us; it is {rated}")),
            },
            Standing::Affected => open("affected", format!("fix it; it is {rated}")),
            Standing::NotAffected => {
                let status = Status::of("not-affected", Tone::Good);
                match self.evaluation(now).and_then(|one| one.until) {
                    Some(until) => status.due(until.end()),
                    None => status,
                }
            }
        }
    }
}

/// Reads the lines of components that match.
fn matched(lines: &[String]) -> Result<Vec<Matched>> {
    const FIELD: &str = "matched";
    if lines.len() > MATCHES {
        return Err(Error::invalid(FIELD, format!("name at most {MATCHES} components")));
    }
    let mut all: Vec<Matched> = Vec::new();
    for (n, text) in lines.iter().enumerate() {
        let number = n + 1;
        let form = "inventory|ecosystem|name|version|fixed";
        let [inventory, ecosystem, name, version, fixed] = super::parts(FIELD, number, text, form)?;
        let inventory = Name::parse(inventory).map_err(|error| {
            Error::invalid(FIELD, format!("line {number}: {}", error.message()))
        })?;
        let one = Matched {
            inventory: inventory.to_string(),
            ecosystem: super::part(FIELD, number, ecosystem)?,
            name: super::part(FIELD, number, name)?,
            version: super::part(FIELD, number, version)?,
            fixed: (!fixed.is_empty()).then(|| fixed.to_owned()),
        };
        if !all.iter().any(|known| known.same(&one)) {
            all.push(one);
        }
    }
    Ok(all)
}

const STEPS: &[Entry] = &[
    step::<Advisory, Evaluate>("evaluate", "Says whether the provider is affected, and why"),
    step::<Advisory, Fix>("fix", "Says that it is fixed, by which version and how"),
    step::<Advisory, Reopen>("reopen", "Opens it again, and says why"),
    step::<Advisory, Update>("update", "Takes over what its feed, or a new inventory, says now"),
];

/// The register, as the faces know it.
pub const REGISTER: Register = Register::of::<Advisory>(
    "exposure",
    "Advisories that match a component, each with its evaluation and due date",
)
.serves(&["E6.3"])
.first("Register an advisory that matches a component; reading a feed does it for you")
.columns(&["osv", "severity", "known_exploited", "due", "summary"])
.steps(STEPS);
