//! The steps of a request: approved, denied, begun, withdrawn.

use super::{AccessRequest, Approve, Begun, Deny, Grant, Terms, Withdraw};
use crate::grants::approving::Waits as _;
use crate::grants::{EXPIRE, bounds};
use crate::register::{At, Needs, Step, When};
use kernel::id::PrincipalId;
use kernel::{Error, HOUSE, Moment, Result};
use schemars::JsonSchema;
use serde::Deserialize;

impl Step<AccessRequest> for Approve {
    const ACTION: &'static str = "access-request.approve";
    const RIGHTS: bool = true;

    fn needs(&self, id: &str, needs: &mut Needs<'_>) -> Result<()> {
        needs.noun::<Grant>(&grant_of(id))
    }

    fn apply(&self, row: &mut AccessRequest, at: &mut At<'_, '_>) -> Result<()> {
        at.tell("to", &row.terms.to);
        // A service does not know when its work begins; a person does, and says so.
        match self.add(row, at)? && row.terms.to.starts_with("service:") {
            true => begin(row, at),
            false => Ok(()),
        }
    }
}

/// Begins what was approved.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Begin {}

impl Step<AccessRequest> for Begin {
    const ACTION: &'static str = "access-request.begin";
    const RIGHTS: bool = true;

    fn needs(&self, id: &str, needs: &mut Needs<'_>) -> Result<()> {
        needs.noun::<Grant>(&grant_of(id))
    }

    fn apply(&self, row: &mut AccessRequest, at: &mut At<'_, '_>) -> Result<()> {
        row.still_open(at.now())?;
        let by = at.by().as_str();
        if !row.about().contains(&by) {
            return Err(Error::forbidden(format!("`{}` begins it, nobody else", row.terms.to)));
        }
        begin(row, at)
    }
}

/// The id of the grant that a request leads to: of the same bits, so that it is known beforehand.
fn grant_of(id: &str) -> String {
    let bits = id.rsplit_once('-').map_or(id, |(_, bits)| bits);
    format!("grant_{bits:0>32}")
}

/// Makes the grant, if everything still is as it was approved.
fn begin(row: &mut AccessRequest, at: &mut At<'_, '_>) -> Result<()> {
    let approvers = row.enough(at.rights()?)?;
    let holder = PrincipalId::parse(&row.terms.to)?;
    let Some(holder) = at.rights()?.principal(&holder).filter(|one| one.active) else {
        return Err(Error::conflict(format!("`{}` is not there any more", row.terms.to)));
    };
    let from = starts(&row.terms, at)?;
    let span = (from, from.after(row.terms.window()));
    let id = grant_of(at.id());
    let mut grant = given(&id, row, &approvers, span, at)?;
    if let Some(vendor) = &holder.vendor {
        let asked = grant.right()?;
        grant.engagement = Some(bounds::engagement(at.rights()?, vendor, &asked, at.now())?);
    }
    at.tell("granted", &id);
    at.tell("until", span.1.rfc3339());
    if let Some(engagement) = &grant.engagement {
        at.tell("engagement", engagement.clone());
    }
    at.later(span.1, EXPIRE, &id);
    at.save_noun(&id, &grant)?;
    row.begun = Some(Begun { grant: id, mark: at.mark(), until: When(span.1) });
    Ok(())
}

/// When it begins to count: now, and an extension when what it continues has ended.
fn starts(terms: &Terms, at: &At<'_, '_>) -> Result<Moment> {
    let Some(before) = &terms.extends else { return Ok(at.now()) };
    let before = at.late_noun::<Grant>(before)?;
    let Some(before) = before.filter(|grant| grant.ended.is_none()) else {
        return Err(Error::conflict("the grant that it continues was ended: ask anew"));
    };
    Ok(Moment(before.not_after).max(at.now()))
}

fn given(
    id: &str,
    row: &AccessRequest,
    approvers: &[String],
    span: (Moment, Moment),
    at: &At<'_, '_>,
) -> Result<Grant> {
    // The last word is whose approval made it count.
    let approver = approvers.last().ok_or_else(|| Error::internal("nobody approved it"))?;
    let given = at.next_index(HOUSE)?;
    let request = Some(at.id().to_owned());
    Ok(Grant { request, ..Grant::on(id, &row.terms, approver, span, given) })
}

impl Step<AccessRequest> for Deny {
    const ACTION: &'static str = "access-request.deny";

    fn apply(&self, row: &mut AccessRequest, at: &mut At<'_, '_>) -> Result<()> {
        at.tell("to", &row.terms.to);
        self.close(row, at)
    }
}

impl Step<AccessRequest> for Withdraw {
    const ACTION: &'static str = "access-request.withdraw";

    fn apply(&self, row: &mut AccessRequest, at: &mut At<'_, '_>) -> Result<()> {
        at.tell("to", &row.terms.to);
        let theirs = row.about().contains(&at.by().as_str());
        self.close(row, theirs, at)
    }
}
