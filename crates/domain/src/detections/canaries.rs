//! Canaries: records that nobody has a reason to read. Whoever reads one says something by it.

use crate::register::{At, Entry, Mark, Register, Row, Status, Step, Tone, line, prose, step};
use kernel::id::{AccountId, Collection, RecordId};
use kernel::{Error, Moment, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A canary.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Canary {
    /// The account, by its readable id.
    pub account: String,
    /// The collection.
    pub collection: String,
    /// The record, by its id.
    pub record: String,
    /// What it pretends to be.
    pub what: String,
    /// When it was given up, if it was.
    pub ended: Option<Mark>,
}

/// A canary to be named.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCanary {
    /// The account, by its readable id.
    pub account: String,
    /// The collection.
    pub collection: String,
    /// The record, by its id; whoever holds a right to write puts it there.
    pub record: String,
    /// What it pretends to be.
    pub what: String,
}

impl Row for Canary {
    const NOUN: &'static str = "canary";
    const REGISTER: &'static str = "canaries";
    const FORMAT: &'static str = "canary/v1";
    const ADD: &'static str = "canary.add";
    const READ: &'static str = "canary.read";
    const LIST: &'static str = "canary.list";
    type New = NewCanary;

    fn add(new: &NewCanary, _at: &mut At<'_, '_>) -> Result<Self> {
        Ok(Self {
            account: AccountId::parse(&new.account)?.to_string(),
            collection: Collection::parse(&new.collection)?.to_string(),
            record: RecordId::parse(&new.record)?.to_string(),
            what: line("what", &new.what, 300)?,
            ended: None,
        })
    }

    fn status(&self, _now: Moment) -> Status {
        match self.ended {
            Some(_) => Status::of("ended", Tone::Past),
            None => Status::of("watched", Tone::Good),
        }
    }
}

/// Gives a canary up.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct End {
    /// Why.
    pub reason: String,
}

impl Step<Canary> for End {
    const ACTION: &'static str = "canary.end";

    fn apply(&self, row: &mut Canary, at: &mut At<'_, '_>) -> Result<()> {
        if row.ended.is_some() {
            return Err(Error::conflict("this canary was given up already"));
        }
        at.tell("reason", prose("reason", &self.reason, 500)?);
        row.ended = Some(at.mark());
        Ok(())
    }
}

const STEPS: &[Entry] = &[step::<Canary, End>("end", "Gives it up")];

/// The register, as the faces know it.
pub const REGISTER: Register = Register::of::<Canary>(
    "programme",
    "Records that nobody has a reason to read: reading one is an alert",
)
.serves(&["E1.2", "E4.2"])
.first("Put a record that looks worth stealing into an account, and name it here")
.columns(&["account", "collection", "record", "what"])
.steps(STEPS);
