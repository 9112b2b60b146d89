//! Readings: what a unit said of itself, when, and for how long that counts.

use super::{Equipment, in_use};
use crate::catalogue;
use crate::register::{At, Mark, Needs, Step, When};
use crate::systems::Source;
use kernel::{Error, Moment, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How long a reading by a person counts, in days.
const BY_HAND_DAYS: u64 = 31;

/// What a unit said of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Reading {
    /// Status words of Network UPS Tools: `OL` on line, `OB` on battery, `LB` battery low, `RB`
    /// replace battery, `OVER` overloaded, `BYPASS`, `OFF`, `ALARM` and others.
    pub status: String,
    /// Load in percent of the capacity.
    pub load_percent: Option<u32>,
    /// Seconds it would run on its batteries.
    pub runtime_seconds: Option<u32>,
    /// Charge of its batteries in percent.
    pub charge_percent: Option<u32>,
    /// Where it comes from: `measured` by Bailee's own poll, or `recorded`.
    pub source: Source,
    /// Since when the status is what it is, by the readings without a gap.
    pub since: When,
    /// First moment at which it counts no more.
    pub counts_to: When,
    /// Who read it, and when.
    pub mark: Mark,
}

impl Reading {
    /// Whether a unit of this status carries its capacity.
    pub fn usable(&self) -> bool {
        const LOST: [&str; 8] = ["OB", "LB", "RB", "OVER", "BYPASS", "OFF", "ALARM", "FSD"];
        let mut words = self.status.split_ascii_whitespace();
        words.clone().any(|word| word == "OL") && !words.any(|word| LOST.contains(&word))
    }

    /// Whether it counts at a moment.
    pub fn fresh(&self, now: Moment) -> bool {
        now < self.counts_to.0
    }
}

/// Why a poll brought no reading.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Trouble {
    /// What went wrong.
    pub problem: String,
    /// Since when no poll has brought a reading.
    pub since: When,
}

/// A reading of the equipment's state.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Measure {
    /// Status words of Network UPS Tools, such as `OL` or `OB DISCHRG`; `OL` for other equipment
    /// that works, `OFF` for what does not.
    pub status: String,
    /// Load in percent of the capacity.
    pub load_percent: Option<u32>,
    /// Seconds it would run on its batteries.
    pub runtime_seconds: Option<u32>,
    /// Charge of its batteries in percent.
    pub charge_percent: Option<u32>,
}

impl Step<Equipment> for Measure {
    const ACTION: &'static str = "equipment.measure";

    fn needs(&self, _id: &str, needs: &mut Needs<'_>) -> Result<()> {
        catalogue::need(needs)
    }

    fn apply(&self, row: &mut Equipment, at: &mut At<'_, '_>) -> Result<()> {
        in_use(row)?;
        let by = at.by().to_string();
        let service = at.by().parts().0 == "service";
        if service && row.reporter.as_deref() != Some(by.as_str()) {
            let why = "this service is not the equipment's reporter: name it in the register first";
            return Err(Error::forbidden(why));
        }
        let status = words(&self.status).ok_or_else(|| {
            let why = "write 1 to 20 status words of capital letters, such as `OL` or `OB DISCHRG`";
            Error::invalid("status", why)
        })?;
        let bounds = [
            ("load_percent", self.load_percent, 1000),
            ("charge_percent", self.charge_percent, 100),
            ("runtime_seconds", self.runtime_seconds, 31_536_000),
        ];
        for (field, value, most) in bounds {
            if value.is_some_and(|value| value > most) {
                return Err(Error::invalid(field, format!("state at most {most}")));
            }
        }
        // What a machine reports it can report again soon; a person comes by less often.
        let life = match service {
            true => Duration::from_secs(u64::from(catalogue::parameters(at)?.ups_minutes) * 60),
            false => Duration::from_secs(BY_HAND_DAYS * 86_400),
        };
        let since = since(row, &status, at.now());
        row.reading = Some(Reading {
            status,
            load_percent: self.load_percent,
            runtime_seconds: self.runtime_seconds,
            charge_percent: self.charge_percent,
            source: Source::Recorded,
            since,
            counts_to: When(at.now().after(life)),
            mark: at.mark(),
        });
        Ok(())
    }
}

/// Since when the status is what it is.
pub(super) fn since(row: &Equipment, status: &str, now: Moment) -> When {
    let same = |one: &&Reading| one.status == status && one.fresh(now);
    row.reading.as_ref().filter(same).map_or(When(now), |one| one.since)
}

/// Status words, cleaned; `None` for what is none.
pub(super) fn words(text: &str) -> Option<String> {
    let words: Vec<&str> = text.split_ascii_whitespace().collect();
    let good = |word: &&str| {
        let known = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b"-:_".contains(&b);
        word.len() <= 20 && word.bytes().all(known)
    };
    ((1..=20).contains(&words.len()) && words.iter().all(good)).then(|| words.join(" "))
}
