//! The steps of a change: approved, denied, made, withdrawn.

use super::{Applied, Approve, Change, Deny, Kind, Withdraw, kinds};
use crate::grants::approving::Waits as _;
use crate::register::{At, Step};
use kernel::{Error, Result};
use schemars::JsonSchema;
use serde::Deserialize;

impl Step<Change> for Approve {
    const ACTION: &'static str = "change.approve";

    fn apply(&self, row: &mut Change, at: &mut At<'_, '_>) -> Result<()> {
        at.tell("action", &row.terms.action);
        self.add(row, at).map(|_| ())
    }
}

/// Makes what was approved.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Apply {}

impl Step<Change> for Apply {
    const ACTION: &'static str = "change.apply";
    const RIGHTS: bool = true;

    fn apply(&self, row: &mut Change, at: &mut At<'_, '_>) -> Result<()> {
        if row.terms.kind == Kind::Policy {
            let why = "a build brings its policies: start the build whose set was approved";
            return Err(Error::conflict(why));
        }
        row.still_open(at.now())?;
        if row.proposed_by != at.by().as_str() {
            let why = format!("`{}` proposed it and applies it, nobody else", row.proposed_by);
            return Err(Error::forbidden(why));
        }
        let approvers = row.enough(at.rights()?)?;
        let way = kinds::of(&row.terms.action)?;
        way.may(at)?;
        at.tell("action", &row.terms.action);
        at.tell("terms", &row.approving.terms_sha256);
        at.tell("approvers", approvers.join(","));
        let to = way.made(&row.terms, at)?;
        at.tell("to", &to);
        row.applied = Some(Applied { to, approvers, mark: at.mark() });
        Ok(())
    }
}

impl Step<Change> for Deny {
    const ACTION: &'static str = "change.deny";

    fn apply(&self, row: &mut Change, at: &mut At<'_, '_>) -> Result<()> {
        at.tell("action", &row.terms.action);
        self.close(row, at)
    }
}

impl Step<Change> for Withdraw {
    const ACTION: &'static str = "change.withdraw";

    fn apply(&self, row: &mut Change, at: &mut At<'_, '_>) -> Result<()> {
        at.tell("action", &row.terms.action);
        let theirs = row.proposed_by == at.by().as_str();
        self.close(row, theirs, at)
    }
}
