//! The security programme: policies and who acknowledged them, courses and who took them, risks,
//! reviews, and the roster of the team.
//!
//! A policy or course addresses people by their roles. What it asks of them has a due date; a
//! training that is not done in time ends eligibility for access, by a duty that the rights hold
//! and the policies check. Risks and reviews are judgements: each keeps who made it, when and why.
//!
//! Nothing here is found out by itself. That somebody read a policy is what they say, and the
//! register shows that they said it, about which bytes, and when.

pub mod policies;
pub mod acknowledgements;
pub mod courses;
pub mod trainings;
pub mod assignments;
pub mod risks;
pub mod reviews;
mod agenda;
pub mod roster;

use crate::people::{Person, ROLES};
use kernel::authority::Principal;
use kernel::{Error, Result};

/// Roles that may give a second signature.
pub(crate) const SIGNERS: [&str; 4] = ["approver", "security-lead", "vendor-manager", "counsel"];

/// Roles that keep the programme.
pub(crate) const LEADS: [&str; 1] = ["security-lead"];

/// An audience of everybody who works for the provider.
pub const EVERYONE: &str = "everyone";

/// Whether an audience is one: roles there are, or `everyone` alone.
fn audience(field: &'static str, named: &[String]) -> Result<Vec<String>> {
    let known = |role: &String| ROLES.iter().any(|(known, _)| known == role);
    let everyone = named.iter().any(|one| one == EVERYONE);
    if named.is_empty() || (everyone && named.len() > 1) || named.len() > ROLES.len() {
        return Err(Error::invalid(field, "name roles, or `everyone` alone"));
    }
    if let Some(other) = named.iter().find(|one| !everyone && !known(one)) {
        let roles = ROLES.map(|(role, _)| role).join("`, `");
        let other = kernel::id::shown(other);
        return Err(Error::invalid(
            field,
            format!("`{other}` is no role: use `{roles}`, or `everyone` alone"),
        ));
    }
    Ok(named.to_vec())
}

/// Whether an audience addresses somebody with these roles.
fn addresses(audience: &[String], roles: &[String]) -> bool {
    audience.iter().any(|one| one == EVERYONE || roles.contains(one))
}

/// Whether somebody is one of the provider's own people, and still there. A vendor's people are
/// bound by the vendor's agreement, and what its own programme asks of them.
pub(crate) fn own(principal: &Principal) -> bool {
    let person = principal.id.parts().0 == "person";
    person && principal.active && principal.vendor.is_none() && principal.account.is_none()
}

/// As [`own`], of a person as the register keeps it.
pub(crate) fn staff(person: &Person) -> bool {
    person.left.is_none() && person.vendor.is_none()
}

/// The name of a policy or course: short, and without a dot, so that ids made of it and other names
/// can be taken apart again.
fn named(text: &str) -> Result<()> {
    let good = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_".contains(&b);
    if text.is_empty() || text.len() > 40 || !text.bytes().all(good) {
        let text = kernel::id::shown(text);
        let why = format!("`{text}` is no such name: use 1 to 40 of `a-z 0-9 - _`");
        return Err(Error::invalid("name", why));
    }
    Ok(())
}

/// The label of a version: `1`, `2.0`, `2026-11`.
fn label(field: &'static str, text: &str) -> Result<String> {
    let good = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-.".contains(&b);
    if text.is_empty() || text.len() > 20 || !text.bytes().all(good) {
        let text = kernel::id::shown(text);
        let why = format!("`{text}` is no version: use 1 to 20 of `a-z 0-9 . -`");
        return Err(Error::invalid(field, why));
    }
    Ok(text.to_owned())
}

/// SHA-256 of these bytes in hexadecimal, as `sha256sum` prints it.
fn sha256(bytes: &[u8]) -> String {
    kernel::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
