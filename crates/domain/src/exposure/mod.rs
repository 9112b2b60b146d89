//! Exposure: where the provider is vulnerable, and what is done about it: inventories of what runs,
//! feeds of advisories, the advisories that match, scans from outside, Bailee's own probes, audits.
//!
//! Files of other tools are read by the faces; what arrives here is plain lines. An advisory or a
//! finding has a due date by its severity from the day it was first seen, by the numbers of the
//! catalogue that counted then. Accepting a risk is a note with an end: it moves no due date,
//! because what was promised to subscribers is not the provider's to waive.

pub mod advisories;
pub mod audits;
pub mod feeds;
pub mod inventories;
pub mod probes;
pub mod scans;
mod settling;

pub use settling::{Settled, Settling};

use crate::catalogue::Parameters;
use crate::register::{Day, line};
use crate::sites::{owner, shorten};
use kernel::{Error, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How bad something is, by the bands of CVSS v3.1 §5 (9.0, 7.0, 4.0, 0.1).
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Nobody has rated it; it is due as a low one.
    Unknown,
    /// 0.1 to 3.9.
    Low,
    /// 4.0 to 6.9.
    Medium,
    /// 7.0 to 8.9.
    High,
    /// 9.0 to 10.0.
    Critical,
}

impl Severity {
    /// All of them, from the worst.
    pub const ALL: [Self; 5] = [Self::Critical, Self::High, Self::Medium, Self::Low, Self::Unknown];

    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }

    /// The severity of this word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.word() == word)
    }

    /// Days to fix it.
    pub fn days(self, parameters: &Parameters) -> u32 {
        match self {
            Self::Critical => parameters.fix_critical_days,
            Self::High => parameters.fix_high_days,
            Self::Medium => parameters.fix_medium_days,
            Self::Low | Self::Unknown => parameters.fix_low_days,
        }
    }

    /// Whether it is critical or high.
    pub fn grave(self) -> bool {
        self >= Self::High
    }
}

/// Refuses an end of a judgement that is over or too far: a judgement is made again every year.
fn until(field: &'static str, today: Day, end: Day) -> Result<Day> {
    if end < today || end > today.plus(366) {
        return Err(Error::invalid(field, "state a day within 366 days from today"));
    }
    Ok(end)
}

/// Splits a line of a list at `|` into `N` parts; further ones stay in the last.
fn parts<'a, const N: usize>(
    field: &'static str,
    number: usize,
    text: &'a str,
    form: &str,
) -> Result<[&'a str; N]> {
    let refuse = || {
        let text = kernel::id::shown(text);
        Error::invalid(field, format!("line {number}, `{text}`: write `{form}`"))
    };
    let all: Vec<&str> = text.splitn(N, '|').map(str::trim).collect();
    let parts: [&str; N] = all.try_into().map_err(|_| refuse())?;
    // Parts may be empty where the form allows it; what they are is checked by whoever asked.
    if parts.iter().any(|part| part.len() > 300 || part.chars().any(char::is_control)) {
        return Err(refuse());
    }
    Ok(parts)
}

/// A part of a line that may not be empty.
fn part(field: &'static str, number: usize, text: &str) -> Result<String> {
    line(field, text, 300)
        .map_err(|_| Error::invalid(field, format!("line {number}: a part of it is empty")))
}
