//! Detections: what rules over the ledgers and the signals found, and what people say of it.
//!
//! A rule is text in the standard form (Sigma); the engine that evaluates it is outside (the crate
//! `watch`), and tells here what it found. An alert is one finding of one rule about one group,
//! such as an address, in one window of time; its id is made of these three, so telling it again
//! adds nothing. People dispose of alerts: a rule that is wrong too often is seen to be.
//!
//! Which events were evaluated is kept as intervals ([`coverage`]); a gap is shown. What is told
//! here pages nobody by itself: that is the business of incidents.

pub mod acquaintances;
pub mod allowances;
pub mod canaries;
pub mod coverage;
pub mod rules;
pub mod suspects;

use crate::register::{
    At, Entry, Mark, Readers, Register, Row, Status, Step, Tone, When, prose, step,
};
use kernel::{Error, Moment, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The register of incidents, a noun below this one, which says who may read their alerts.
pub(crate) const INCIDENTS: &str = "incidents";

/// How much a finding of a rule matters, as the rule says (Sigma `level`).
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "AlertLevel")]
pub enum Level {
    /// To be known.
    Informational,
    /// Seldom matters.
    Low,
    /// Is looked at.
    Medium,
    /// Is looked at soon.
    High,
    /// Is looked at now.
    Critical,
}

impl Level {
    /// The level of this name; an unknown or missing one is medium.
    pub fn of(name: &str) -> Self {
        match name {
            "informational" => Self::Informational,
            "low" => Self::Low,
            "high" => Self::High,
            "critical" => Self::Critical,
            _ => Self::Medium,
        }
    }

    /// The severity of an incident that begins with it: 1 is the worst.
    pub fn severity(self) -> u8 {
        match self {
            Self::Critical => 1,
            Self::High => 2,
            Self::Medium => 3,
            Self::Low | Self::Informational => 4,
        }
    }
}

/// What somebody says of an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "AlertVerdict")]
pub enum Verdict {
    /// It was what the rule says.
    TruePositive,
    /// It was what the rule says, and nothing wrong.
    Benign,
    /// It was not what the rule says.
    FalsePositive,
    /// It was a test.
    Test,
}

/// What somebody said of an alert, and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "AlertDisposition")]
pub struct Disposition {
    /// The verdict.
    pub verdict: Verdict,
    /// Why.
    pub why: String,
    /// Who, and when.
    pub mark: Mark,
}

/// What the server did about an alert by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "AlertAnswer")]
pub struct Answer {
    /// What: `ban`, `lock`, `limit` or `suspend`, and the row it made.
    pub what: String,
    /// When.
    pub at: When,
    /// Whether it was asked for and could not be given.
    #[serde(default)]
    pub unable: bool,
}

/// An alert.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Alert {
    /// The rule, by its id.
    pub rule: String,
    /// Which version of the rule: the start of a hash over its text.
    pub version: String,
    /// What the rule looks for.
    pub title: String,
    /// How much it matters.
    pub level: Level,
    /// Who wrote the rule.
    pub author: Option<String>,
    /// The rule's tags, such as those of MITRE ATT&CK.
    pub tags: Vec<String>,
    /// Who or what it is about: the rule's group, such as `source.ip=203.0.113.7`.
    pub about: String,
    /// First moment of the window.
    pub from: When,
    /// Last moment of it.
    pub to: When,
    /// How many events matched.
    pub count: u64,
    /// Where those events are: an account's log and entry, or a batch of signals and a place in
    /// it; the first and the last, if they are too many.
    pub evidence: Vec<String>,
    /// What the engine could not say exactly, if anything.
    pub note: Option<String>,
    /// Whether the rule only watches so far: then nobody is called and nothing is done.
    pub shadow: bool,
    /// Whether the events are from before the rule was there.
    pub retroactive: bool,
    /// The allowance that covers it, by its id, if one does.
    pub allowed: Option<String>,
    /// The incident it belongs to, by its id.
    pub incident: Option<String>,
    /// What the server did about it by itself.
    #[serde(default)]
    pub answers: Vec<Answer>,
    /// What somebody said of it.
    pub disposition: Option<Disposition>,
}

impl Alert {
    /// Whether somebody has to look at it.
    pub fn open(&self) -> bool {
        self.disposition.is_none() && !self.shadow && self.allowed.is_none()
    }
}

/// Nothing: alerts come from rules.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAlert {}

impl Row for Alert {
    const NOUN: &'static str = "alert";
    const REGISTER: &'static str = "alerts";
    const FORMAT: &'static str = "alert/v1";
    const ADD: &'static str = "alert.add";
    const READ: &'static str = "alert.read";
    const LIST: &'static str = "alert.list";
    const RESTRICTED: bool = true;
    type New = NewAlert;

    fn add(_: &NewAlert, _: &mut At<'_, '_>) -> Result<Self> {
        let why = "alerts come from rules: declare an incident for what a person noticed";
        Err(Error::conflict(why))
    }

    fn readers(&self) -> Readers<'_> {
        let belongs = self.incident.as_deref();
        belongs.map_or(Readers::Everybody, |id| Readers::As(INCIDENTS, id))
    }

    fn status(&self, _now: Moment) -> Status {
        if let Some(said) = &self.disposition {
            let word = match said.verdict {
                Verdict::TruePositive => "true-positive",
                Verdict::Benign => "benign",
                Verdict::FalsePositive => "false-positive",
                Verdict::Test => "test",
            };
            return Status::of(word, Tone::Past).what(said.why.clone());
        }
        if let Some(allowance) = &self.allowed {
            return Status::of("allowed", Tone::Past).what(format!("allowance {allowance}"));
        }
        if self.shadow {
            return Status::of("shadow", Tone::Past).what("its rule only watches so far");
        }
        let what = format!("events: {}; look at it, and say what it is", self.count);
        let tone = if self.level >= Level::High { Tone::Bad } else { Tone::Due };
        Status::of("open", tone).what(what).who("responder")
    }
}

/// Says what an alert was.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Dispose {
    /// The verdict.
    pub verdict: Verdict,
    /// Why.
    pub why: String,
}

impl Step<Alert> for Dispose {
    const ACTION: &'static str = "alert.dispose";

    fn apply(&self, row: &mut Alert, at: &mut At<'_, '_>) -> Result<()> {
        let why = prose("why", &self.why, 1000)?;
        row.disposition = Some(Disposition { verdict: self.verdict, why, mark: at.mark() });
        at.tell("rule", row.rule.clone());
        Ok(())
    }
}

const STEPS: &[Entry] = &[step::<Alert, Dispose>("dispose", "Says what it was, and why")];

/// The register, as the faces know it.
pub const REGISTER: Register = Register::of::<Alert>(
    "incidents",
    "What rules found in the ledgers and the signals, and what people say of it",
)
.serves(&["E1.2", "E4.2", "E6.2"])
.first("Alerts come from rules by themselves: dispose of each, so that bad rules are seen")
.columns(&["title", "level", "about", "count", "from", "incident"])
.steps(STEPS);
