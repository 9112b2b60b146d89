//! How many approvals access takes, and whose count.

use super::{AccessRequest, Grant, Terms};
use crate::grants::approving::approver_of;
use kernel::authority::Authority;
use kernel::id::PrincipalId;
use kernel::{Error, Result};

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
pub(super) fn barred(
    approver: &str,
    row: &AccessRequest,
    rights: &Authority,
) -> Option<&'static str> {
    let one = match approver_of(approver, rights) {
        Ok(one) => one,
        Err(why) => return Some(why),
    };
    let holder = PrincipalId::parse(&row.terms.to).ok().and_then(|id| rights.principal(&id));
    let owner = holder.and_then(|holder| holder.owner.clone());
    let owns = owner.is_some_and(|owner| owner == one.id);
    if row.about().contains(&approver) || owns {
        return Some("it is about them: whoever asks, holds or owns does not approve");
    }
    None
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
