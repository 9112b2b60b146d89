//! How many approvals access takes, and whose count.

use super::{AccessRequest, Grant, Terms};
use crate::register::At;
use kernel::authority::{Authority, Principal};
use kernel::id::PrincipalId;
use kernel::{Error, Result};

/// Roles whose holders approve access, as the policy `access-by-role` names them.
pub const APPROVERS: [&str; 3] = ["approver", "security-lead", "administrator"];

/// Verbs that take two approvals: they take data out, away, or make accounts.
const GRAVE: [&str; 3] = ["delete", "export", "open"];

/// Approvals that access takes: one to look and to write in one account or to sign in to systems
/// that are named, two for everything that takes data out or away, for every account and for every
/// system at once.
pub fn needed(terms: &Terms) -> u32 {
    let grave = terms.verbs.iter().any(|verb| GRAVE.contains(&verb.as_str()));
    let everywhere = terms.slot == Some(kernel::HOUSE) && terms.collections == ["*"];
    if grave || everywhere || terms.slot.is_none() { 2 } else { 1 }
}

/// Why somebody's approval of this request does not count, if it does not: they are not there or
/// hold no role for it, it is about them, or they work for the same vendor as somebody it is about.
pub(in crate::grants) fn barred(
    approver: &str,
    row: &AccessRequest,
    rights: &Authority,
) -> Option<&'static str> {
    let known = |id: &str| PrincipalId::parse(id).ok().and_then(|id| rights.principal(&id));
    let Some(one) = known(approver).filter(|one| one.active && one.id.parts().0 == "person") else {
        return Some("they are not there");
    };
    if !one.roles.iter().any(|role| APPROVERS.contains(&role.as_str())) {
        return Some("they hold no role for it");
    }
    if one.vendor.is_some() {
        return Some("only the provider's own people approve access");
    }
    let owner = known(&row.terms.to).and_then(|holder| holder.owner.clone());
    let owns = owner.is_some_and(|owner| owner == one.id);
    if row.about().contains(&approver) || owns {
        return Some("it is about them: whoever asks, holds or owns does not approve");
    }
    None
}

/// The people whose approvals count now, each once.
pub(in crate::grants) fn counting<'r>(row: &'r AccessRequest, rights: &Authority) -> Vec<&'r str> {
    let mut people: Vec<&str> = Vec::new();
    for approval in row.standing().filter(|one| one.terms_sha256 == row.terms_sha256) {
        let by = approval.mark.by.as_str();
        if !people.contains(&by) && barred(by, row, rights).is_none() {
            people.push(by);
        }
    }
    people
}

/// Refuses whoever acts if their approval or refusal would not count.
pub(super) fn check(row: &AccessRequest, at: &At<'_, '_>) -> Result<()> {
    let Some(why) = barred(at.by().as_str(), row, at.rights()?) else { return Ok(()) };
    let others = at.rights()?.principals();
    let able =
        |one: &Principal| barred(one.id.as_str(), row, at.rights().ok()?).is_none().then_some(());
    let able = others.iter().filter(|one| able(one).is_some()).count();
    let next = match able {
        0 => "nobody else here may approve it: give another person the role `approver`",
        _ => "ask another approver",
    };
    Err(Error::forbidden(format!("`{}` does not decide this: {why}; {next}", at.by())))
}

/// An extension reaches no further than what it continues.
pub(super) fn no_wider(terms: &Terms, before: &Grant) -> Result<()> {
    let within = |asked: &[String], held: &[String]| {
        held.iter().any(|one| one == "*") || asked.iter().all(|one| held.contains(one))
    };
    let wider = |field, what| {
        let why =
            format!("an extension reaches no further than `{}`: ask anew for {what}", before.id);
        Err(Error::invalid(field, why))
    };
    if before.slot.is_some() && before.slot != terms.slot {
        return wider("account", "another account");
    }
    if !within(&terms.collections, &before.collections) {
        return wider("collections", "other collections");
    }
    if !terms.verbs.iter().all(|verb| before.verbs.contains(verb)) {
        return wider("verbs", "other verbs");
    }
    if !terms.logins.iter().all(|login| before.logins.contains(login)) {
        return wider("logins", "other logins");
    }
    if before.command.is_some() && before.command != terms.command {
        return wider("command", "another command");
    }
    Ok(())
}
