//! The steps of a request: approved, denied, begun, withdrawn.

use super::{APPROVED_LIFE, AccessRequest, Begun, Closed, Grant, How, Terms, prose, rules};
use crate::grants::approving::{Approval, check_hash, use_link};
use crate::grants::{EXPIRE, bounds};
use crate::people::{Proof, hex};
use crate::register::{At, Needs, Step, When};
use kernel::id::PrincipalId;
use kernel::{Error, HOUSE, Moment, Result};
use schemars::JsonSchema;
use serde::Deserialize;

/// Refuses a step with a request of which nothing can become any more.
fn still_open(row: &AccessRequest, now: Moment) -> Result<()> {
    match row.open(now) {
        true => Ok(()),
        false => {
            let word = crate::register::Row::status(row, now).word;
            Err(Error::conflict(format!("this request is {word}: ask anew")))
        }
    }
}

/// Approves what was asked for.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Approve {
    /// SHA-256 over what was asked for, as the request shows it: one approves what one read.
    pub terms_sha256: String,
    /// What to add, if anything.
    #[serde(default)]
    pub note: Option<String>,
    /// What your passkey signed for the challenge that the request shows; whoever has a passkey
    /// signs.
    #[serde(default)]
    pub proof: Option<Proof>,
    /// The secret of the letter by which you were asked, if you came by it: it counts once.
    #[serde(default)]
    pub letter: Option<String>,
}

impl Step<AccessRequest> for Approve {
    const ACTION: &'static str = "access-request.approve";
    const RIGHTS: bool = true;

    fn needs(&self, id: &str, needs: &mut Needs<'_>) -> Result<()> {
        needs.noun::<Grant>(&grant_of(id))
    }

    fn apply(&self, row: &mut AccessRequest, at: &mut At<'_, '_>) -> Result<()> {
        still_open(row, at.now())?;
        check_hash(&self.terms_sha256, &row.terms_sha256)?;
        rules::check(row, at)?;
        let counting = rules::counting(row, at.rights()?);
        if counting.contains(&at.by().as_str()) {
            return Err(Error::conflict("you approved it already: it takes another person"));
        }
        use_link(&mut row.asked, self.letter.as_deref(), at)?;
        let (hash, given) = (&row.terms_sha256, row.approvals.len());
        let said = (self.note.as_deref(), self.proof.as_ref());
        row.approvals.push(Approval::given(hash, given, said, at)?);
        row.challenge = hex(&row.next_challenge());
        at.tell("to", &row.terms.to);
        at.tell("terms", &row.terms_sha256);
        let enough = rules::counting(row, at.rights()?).len() >= row.needed as usize;
        if enough && row.approved.is_none() {
            row.approved = Some(When(at.now()));
            row.lapses = When(at.now().after(APPROVED_LIFE));
        }
        // A service does not know when its work begins; a person does, and says so.
        match enough && row.terms.to.starts_with("service:") {
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
        still_open(row, at.now())?;
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
    let counting = rules::counting(row, at.rights()?);
    if counting.len() < row.needed as usize {
        let (given, needed) = (counting.len(), row.needed);
        let why = format!("{given} of {needed} approvals count now: ask another approver");
        return Err(Error::conflict(why));
    }
    let approvers: Vec<String> = counting.iter().map(ToString::to_string).collect();
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

/// Refuses what was asked for.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Deny {
    /// Why, which whoever asked can read.
    pub reason: String,
}

impl Step<AccessRequest> for Deny {
    const ACTION: &'static str = "access-request.deny";

    fn apply(&self, row: &mut AccessRequest, at: &mut At<'_, '_>) -> Result<()> {
        still_open(row, at.now())?;
        rules::check(row, at)?;
        close(row, How::Denied, &self.reason, at)
    }
}

/// Takes a request back.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Withdraw {
    /// Why.
    pub reason: String,
}

impl Step<AccessRequest> for Withdraw {
    const ACTION: &'static str = "access-request.withdraw";

    fn apply(&self, row: &mut AccessRequest, at: &mut At<'_, '_>) -> Result<()> {
        still_open(row, at.now())?;
        if !row.about().contains(&at.by().as_str()) {
            return Err(Error::forbidden("whoever asked takes it back: an approver denies it"));
        }
        close(row, How::Withdrawn, &self.reason, at)
    }
}

fn close(row: &mut AccessRequest, how: How, reason: &str, at: &mut At<'_, '_>) -> Result<()> {
    let reason = prose("reason", reason, 500)?;
    at.tell("to", &row.terms.to);
    at.tell("reason", &reason);
    row.closed = Some(Closed { how, reason, mark: at.mark() });
    Ok(())
}
