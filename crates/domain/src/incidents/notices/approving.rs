//! Approving a notice: by as many people as the catalogue says, none of them its writer; or by the
//! named last resort alone, once those could not be reached.

use super::super::Said;
use super::super::breaches::Breach;
use super::super::resorts::Resort;
use super::{Notice, chasing};
use crate::register::{At, Step, prose};
use kernel::{Error, Result};
use schemars::JsonSchema;
use serde::Deserialize;

/// Roles whose holders approve notices.
pub(in crate::incidents) const APPROVERS: [&str; 4] =
    ["approver", "security-lead", "counsel", "vendor-manager"];

/// Approves a notice, as another person than its writer.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Approve {
    /// The first eight or more characters of each text's SHA-256, with commas between them, so that
    /// nobody approves another text than they read.
    pub sha256: String,
}

impl Step<Notice> for Approve {
    const ACTION: &'static str = "notice.approve";

    fn apply(&self, row: &mut Notice, at: &mut At<'_, '_>) -> Result<()> {
        row.live()?;
        if row.may_go() {
            return Err(Error::conflict("this notice is approved already"));
        }
        read(row, &self.sha256)?;
        at.another_than(&row.written.by, &APPROVERS, "a notice")?;
        for one in &row.approvals {
            at.another_than(&one.by, &APPROVERS, "a notice")?;
        }
        row.approvals.push(at.mark());
        at.tell("approval", format!("{} of {}", row.approvals.len(), row.needs));
        if row.approvals.len() >= usize::try_from(row.needs).unwrap_or(usize::MAX) {
            row.approved = Some(at.mark());
        }
        Ok(())
    }
}

/// Checks that each text was read, and no other.
fn read(row: &Notice, stated: &str) -> Result<()> {
    let texts = || std::iter::once(&row.sha256).chain(row.others.iter().map(|one| &one.sha256));
    let stated: Vec<&str> = stated.split(',').map(str::trim).collect();
    let fits = |hash: &String, stated: &str| stated.len() >= 8 && hash.starts_with(stated);
    let unread = texts().find(|hash| !stated.iter().any(|one| fits(hash, one)));
    let unknown = stated.iter().find(|one| !texts().any(|hash| fits(hash, one)));
    match (unread, unknown) {
        (None, None) => Ok(()),
        _ => {
            let all: Vec<&str> = texts().map(String::as_str).collect();
            let all = all.join("`, `");
            let why = format!("the SHA-256 of what is sent is `{all}`: read it again, name each");
            Err(Error::invalid("sha256", why))
        }
    }
}

/// Releases a notice that those who approve could not be reached for.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Release {
    /// The first eight or more characters of each text's SHA-256, with commas between them.
    pub sha256: String,
    /// Why it goes out without the approvals: whom nobody could reach, and how it was tried.
    pub reason: String,
}

impl Step<Notice> for Release {
    const ACTION: &'static str = "notice.release";

    fn apply(&self, row: &mut Notice, at: &mut At<'_, '_>) -> Result<()> {
        row.live()?;
        if row.may_go() {
            return Err(Error::conflict("this notice is approved already: send it"));
        }
        let by = at.by().clone();
        let named = at.late::<Resort>(by.parts().1)?.map(|kept| kept.row);
        if !named.is_some_and(|one| one.counts() && one.person == by.as_str()) {
            let why = "only the named last resort releases a notice: see `resorts`";
            return Err(Error::forbidden(why));
        }
        let breach = at.late::<Breach>(&row.breach())?.map(|kept| kept.row);
        let breach = breach.ok_or_else(|| Error::internal("a notice without its breach"))?;
        if let Some(due) = chasing::due(row, &breach, chasing::LAST, at.now()) {
            let due = due.rfc3339();
            let why = format!("those who approve have time until {due}: it is not released before");
            return Err(Error::conflict(why));
        }
        read(row, &self.sha256)?;
        let text = prose("reason", &self.reason, 1000)?;
        row.released = Some(Said { text, mark: at.mark() });
        at.tell("account", &row.account);
        at.tell("released", "by last resort");
        Ok(())
    }
}
