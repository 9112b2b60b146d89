//! How findings of scans and audits are settled.

use super::until;
use crate::register::{At, Day, Mark, prose};
use kernel::{Error, Moment, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How a finding is settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Settling {
    /// It is fixed.
    Fixed,
    /// It is none, until somebody looks again.
    FalsePositive,
    /// It is known and left for a while; that moves no due date.
    Accepted,
}

/// A finding that somebody has said something about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Settled {
    /// How.
    pub how: Settling,
    /// Why, or what was done.
    pub why: String,
    /// Last day that counts; `fixed` has none.
    pub until: Option<Day>,
    /// Who settled it, and when.
    pub mark: Mark,
}

impl Settled {
    /// As stated.
    ///
    /// # Errors
    /// `Invalid` with the field.
    pub(super) fn stated(
        how: Settling,
        why: &str,
        end: Option<Day>,
        at: &At<'_, '_>,
    ) -> Result<Self> {
        let today = Day::of(at.now());
        let end = match (how, end) {
            (Settling::Fixed, Some(_)) => {
                return Err(Error::invalid("until", "what is fixed has no end"));
            }
            (Settling::FalsePositive | Settling::Accepted, None) => {
                let why = "state when somebody looks at it again, within 366 days";
                return Err(Error::invalid("until", why));
            }
            (_, end) => end.map(|end| until("until", today, end)).transpose()?,
        };
        Ok(Self { how, why: prose("why", why, 1000)?, until: end, mark: at.mark() })
    }

    /// Whether there is nothing left to fix at a moment. What is accepted is left to fix.
    pub fn closes(&self, now: Moment) -> bool {
        let counts = self.until.is_none_or(|until| now < until.end());
        counts && self.how != Settling::Accepted
    }

    /// Whether somebody accepts it at a moment.
    pub fn accepts(&self, now: Moment) -> bool {
        self.how == Settling::Accepted && self.until.is_some_and(|until| now < until.end())
    }
}
