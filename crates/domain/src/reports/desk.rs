//! What every decision about a report looks at: the terms in force and the confirmed list of
//! competitors. It is one row, kept by the steps that change them, so that an operation finds it
//! without reading registers.

use super::competitors::Competitor;
use super::screen::Listed;
use crate::register::{At, Listing, Needs, Noun, Reading};
use kernel::{Error, Result};
use serde::{Deserialize, Serialize};

/// The id of the one row.
pub const DESK: &str = "current";

/// Competitors on the list. The row is read with every request, so it stays below a megabyte.
const MOST: usize = 200;

/// The terms in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// Their id in the register.
    pub id: String,
    /// SHA-256 of their text.
    pub sha256: String,
}

/// What every decision looks at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Desk {
    /// `report-desk/v1`.
    pub format: String,
    /// The terms in force.
    pub terms: Option<Terms>,
    /// Competitors that two people confirmed and did not remove.
    pub competitors: Vec<Listed>,
}

impl Default for Desk {
    fn default() -> Self {
        Self { format: "report-desk/v1".to_owned(), terms: None, competitors: vec![] }
    }
}

impl Noun for Desk {
    const REGISTER: &'static str = "report-desks";
    const NOUN: &'static str = "report desk";
    type Read = Reading<Competitor>;
    type List = Listing<Competitor>;
}

impl Desk {
    pub(super) fn need(needs: &mut Needs<'_>) -> Result<()> {
        needs.noun::<Self>(DESK)
    }

    pub(super) fn at(at: &At<'_, '_>) -> Result<Self> {
        Ok(at.find_noun::<Self>(DESK)?.unwrap_or_default())
    }

    pub(super) fn save(&self, at: &mut At<'_, '_>) -> Result<()> {
        at.save_noun(DESK, self)
    }

    pub(super) fn list(&mut self, one: Listed) -> Result<()> {
        self.competitors.retain(|other| other.id != one.id);
        if self.competitors.len() >= MOST {
            return Err(Error::limit(format!("the list holds {MOST} competitors: remove one")));
        }
        self.competitors.push(one);
        Ok(())
    }

    pub(super) fn strike(&mut self, id: &str) {
        self.competitors.retain(|other| other.id != id);
    }
}
