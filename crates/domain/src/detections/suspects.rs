//! Suspects: who or what alerts are about, with all of them together and the incident that is open.
//!
//! One incident is open for one suspect, however many alerts there are: the hundredth is no reason
//! to wake somebody a hundredth time.

use super::INCIDENTS;
use crate::register::{At, Entry, Readers, Register, Row, Status, Tone, When};
use kernel::{Error, Moment, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A suspect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Suspect {
    /// Who or what, such as `source.ip=203.0.113.7`.
    pub about: String,
    /// How many alerts there were about it.
    pub alerts: u64,
    /// The newest of them, by their ids; at most 20.
    pub newest: Vec<String>,
    /// When the last one came.
    pub last: When,
    /// The incident that was opened for it last, by its id.
    pub incident: Option<String>,
}

/// Alerts that a row names.
pub const NAMED: usize = 20;

/// Nothing: suspects come from alerts.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewSuspect {}

/// The id of a suspect: readable text may hold anything, an id may not.
pub fn id(about: &str) -> String {
    let hash = kernel::digest(about.as_bytes());
    let hex: String = hash.iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    format!("suspect-{hex}")
}

impl Row for Suspect {
    const NOUN: &'static str = "suspect";
    const REGISTER: &'static str = "suspects";
    const FORMAT: &'static str = "suspect/v1";
    const ADD: &'static str = "suspect.add";
    const READ: &'static str = "suspect.read";
    const LIST: &'static str = "suspect.list";
    const RESTRICTED: bool = true;
    type New = NewSuspect;

    fn add(_: &NewSuspect, _: &mut At<'_, '_>) -> Result<Self> {
        Err(Error::conflict("suspects come from alerts: declare an incident for what you noticed"))
    }

    fn readers(&self) -> Readers<'_> {
        let belongs = self.incident.as_deref();
        belongs.map_or(Readers::Everybody, |id| Readers::As(INCIDENTS, id))
    }

    fn status(&self, _now: Moment) -> Status {
        let what = format!("alerts: {}", self.alerts);
        match &self.incident {
            Some(id) => Status::of("investigated", Tone::Due).what(format!("{what}; {id}")),
            None => Status::of("seen", Tone::Past).what(what),
        }
    }
}

const STEPS: &[Entry] = &[];

/// The register, as the faces know it.
pub const REGISTER: Register =
    Register::of::<Suspect>("incidents", "Who or what alerts are about, all of them together")
        .serves(&["E4.2", "E6.2"])
        .first("Suspects come from alerts by themselves")
        .columns(&["about", "alerts", "last", "incident"])
        .steps(STEPS);
