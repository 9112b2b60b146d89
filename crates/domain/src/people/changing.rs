//! Whether somebody's roles may be changed directly here, or by a change that others approved.

use super::APPROVERS;
use kernel::authority::{Authority, Principal};
use kernel::id::PrincipalId;
use kernel::{Error, HOUSE, Result, Work};
use serde_json::Value;

/// Whether what decides about access goes by request here: the catalogue says so, and somebody else
/// could approve. The catalogue comes after people, so its number is read by its name.
///
/// # Errors
/// `Internal` if the catalogue does not open.
pub(crate) fn by_request(work: &Work<'_>) -> Result<bool> {
    let row = work.look_late(&work.key(HOUSE, "catalogues", "current")?)?;
    let row = row.and_then(|body| serde_json::from_slice::<Value>(&body).ok());
    let number = row.and_then(|row| row.pointer("/parameters/changes_by_request")?.as_u64());
    Ok(number.unwrap_or(0) > 0 && others(work.rights()?, &work.caller().principal))
}

/// Whether somebody else than this person could approve.
pub(crate) fn others(rights: &Authority, by: &PrincipalId) -> bool {
    let approves = |one: &Principal| {
        let ours = one.active && one.vendor.is_none() && one.id.parts().0 == "person";
        ours && one.id != *by && approving(&one.roles)
    };
    rights.principals().iter().any(|one| approves(one))
}

/// Whether a role among these approves.
pub(crate) fn approving(roles: &[String]) -> bool {
    roles.iter().any(|role| APPROVERS.contains(&role.as_str()))
}

/// What somebody is told who tries directly what goes by request.
pub(crate) fn refused(action: &str) -> Error {
    Error::forbidden(format!(
        "`{action}` takes others' approval here: propose it with `bailee change propose --action \
         {action}`, and apply it when it is approved"
    ))
}
