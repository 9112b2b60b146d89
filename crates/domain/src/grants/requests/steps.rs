//! The steps of a request: approved, denied, begun, withdrawn.

use super::{
    APPROVED_LIFE, AccessRequest, Approval, Begun, Closed, Grant, How, SignedBy, Terms, line,
    prose, rules,
};
use crate::grants::{EXPIRE, bounds};
use crate::people::{Person, Proof, hex, live_passkeys};
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
}

impl Step<AccessRequest> for Approve {
    const ACTION: &'static str = "access-request.approve";
    const RIGHTS: bool = true;

    fn needs(&self, id: &str, needs: &mut Needs<'_>) -> Result<()> {
        needs.noun::<Grant>(&grant_of(id))
    }

    fn apply(&self, row: &mut AccessRequest, at: &mut At<'_, '_>) -> Result<()> {
        still_open(row, at.now())?;
        if self.terms_sha256 != row.terms_sha256 {
            let why = "it is not the hash of what was asked for: read the request again";
            return Err(Error::invalid("terms_sha256", why));
        }
        rules::check(row, at)?;
        let counting = rules::counting(row, at.rights()?);
        if counting.contains(&at.by().as_str()) {
            return Err(Error::conflict("you approved it already: it takes another person"));
        }
        if row.approvals.len() >= 50 {
            return Err(Error::limit("a request keeps 50 approvals: ask anew"));
        }
        let note = self.note.as_deref().map(|note| line("note", note, 500)).transpose()?;
        let signed = signed(row, self.proof.as_ref(), at)?;
        let (mark, terms_sha256) = (at.mark(), row.terms_sha256.clone());
        row.approvals.push(Approval { mark, terms_sha256, note, signed, taken_back: None });
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

/// The signature of an approver's passkey. Whoever has one cannot approve without it, so that a
/// session that others came by is not enough.
fn signed(row: &AccessRequest, proof: Option<&Proof>, at: &At<'_, '_>) -> Result<Option<SignedBy>> {
    let person = at.late_noun::<Person>(at.by().parts().1)?;
    let person = person.ok_or_else(|| Error::internal("an approver has no row"))?;
    let mut keys = live_passkeys(&person.credentials, at.now());
    let Some(proof) = proof else {
        return match keys.next() {
            None => Ok(None),
            Some(_) => Err(Error::invalid(
                "proof",
                "you have a passkey, and it signs what you approve: approve on the request's page",
            )),
        };
    };
    let passkey =
        keys.filter_map(|one| one.passkey.as_ref()).find(|one| one.key_id == proof.key_id);
    let passkey = passkey.ok_or_else(|| Error::invalid("proof", "it is of no passkey of yours"))?;
    let challenge = row.next_challenge();
    passkey.check(proof, &challenge)?;
    let (challenge, public_key) = (hex(&challenge), passkey.public_key.clone());
    Ok(Some(SignedBy { challenge, public_key, proof: proof.clone() }))
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
