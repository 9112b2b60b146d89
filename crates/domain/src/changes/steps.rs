//! The steps of a change: approved, denied, made, withdrawn.

use super::{APPROVED_LIFE, Applied, Change, Closed, How, Kind, kinds};
use crate::grants::approving::{
    Approval, Waits as _, check_hash, next_challenge, not_theirs, use_link,
};
use crate::people::{Proof, hex};
use crate::register::{At, Row, Step, When, prose};
use kernel::{Error, Moment, Result};
use schemars::JsonSchema;
use serde::Deserialize;

/// Refuses a step with a change of which nothing can become any more.
fn still_open(row: &Change, now: Moment) -> Result<()> {
    match row.open(now) {
        true => Ok(()),
        false => {
            let word = row.status(now).word;
            Err(Error::conflict(format!("this change is {word}: propose it anew")))
        }
    }
}

/// Refuses whoever acts if their approval or refusal would not count.
fn check(row: &Change, at: &At<'_, '_>) -> Result<()> {
    let rights = at.rights()?;
    let Some(why) = row.barred(at.by().as_str(), rights) else { return Ok(()) };
    Err(not_theirs(at.by().as_str(), why, row.able(rights).len()))
}

/// Approves what is proposed.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Approve {
    /// SHA-256 over what would be done, as the change shows it: one approves what one read.
    pub terms_sha256: String,
    /// What to add, if anything.
    #[serde(default)]
    pub note: Option<String>,
    /// What your passkey signed for the challenge that the change shows; whoever has a passkey
    /// signs.
    #[serde(default)]
    pub proof: Option<Proof>,
    /// The secret of the letter by which you were asked, if you came by it: it counts once.
    #[serde(default)]
    pub letter: Option<String>,
}

impl Step<Change> for Approve {
    const ACTION: &'static str = "change.approve";

    fn apply(&self, row: &mut Change, at: &mut At<'_, '_>) -> Result<()> {
        still_open(row, at.now())?;
        check_hash(&self.terms_sha256, &row.terms_sha256)?;
        check(row, at)?;
        if row.counting(at.rights()?).contains(&at.by().as_str()) {
            return Err(Error::conflict("you approved it already: it takes another person"));
        }
        use_link(&mut row.asked, self.letter.as_deref(), at)?;
        let said = (self.note.as_deref(), self.proof.as_ref());
        let one = Approval::given(&row.terms_sha256, row.approvals.len(), said, at)?;
        row.approvals.push(one);
        row.challenge = hex(&next_challenge(&row.terms_sha256, row.approvals.len()));
        at.tell("action", &row.terms.action);
        at.tell("terms", &row.terms_sha256);
        let enough = row.counting(at.rights()?).len() >= row.needed as usize;
        if enough && row.approved.is_none() {
            row.approved = Some(When(at.now()));
            row.lapses = When(at.now().after(APPROVED_LIFE));
        }
        Ok(())
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
        still_open(row, at.now())?;
        if row.proposed_by != at.by().as_str() {
            let why = format!("`{}` proposed it and applies it, nobody else", row.proposed_by);
            return Err(Error::forbidden(why));
        }
        let approvers: Vec<String> =
            row.counting(at.rights()?).into_iter().map(str::to_owned).collect();
        if approvers.len() < row.needed as usize {
            let (given, needed) = (approvers.len(), row.needed);
            let why = format!("{given} of {needed} approvals count now: ask another approver");
            return Err(Error::conflict(why));
        }
        let way = kinds::of(&row.terms.action)?;
        way.may(at)?;
        at.tell("action", &row.terms.action);
        at.tell("terms", &row.terms_sha256);
        at.tell("approvers", approvers.join(","));
        let to = way.made(&row.terms, at)?;
        at.tell("to", &to);
        row.applied = Some(Applied { to, approvers, mark: at.mark() });
        Ok(())
    }
}

/// Refuses what is proposed.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Deny {
    /// Why, which whoever proposed it can read.
    pub reason: String,
}

impl Step<Change> for Deny {
    const ACTION: &'static str = "change.deny";

    fn apply(&self, row: &mut Change, at: &mut At<'_, '_>) -> Result<()> {
        still_open(row, at.now())?;
        check(row, at)?;
        close(row, How::Denied, &self.reason, at)
    }
}

/// Takes a proposal back.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Withdraw {
    /// Why.
    pub reason: String,
}

impl Step<Change> for Withdraw {
    const ACTION: &'static str = "change.withdraw";

    fn apply(&self, row: &mut Change, at: &mut At<'_, '_>) -> Result<()> {
        still_open(row, at.now())?;
        if row.proposed_by != at.by().as_str() {
            let why = "whoever proposed it takes it back: an approver denies it";
            return Err(Error::forbidden(why));
        }
        close(row, How::Withdrawn, &self.reason, at)
    }
}

fn close(row: &mut Change, how: How, reason: &str, at: &mut At<'_, '_>) -> Result<()> {
    let reason = prose("reason", reason, 500)?;
    at.tell("action", &row.terms.action);
    at.tell("reason", &reason);
    row.closed = Some(Closed { how, reason, mark: at.mark() });
    Ok(())
}
