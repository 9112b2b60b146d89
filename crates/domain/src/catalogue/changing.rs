//! Whether what decides about access may be changed directly, or by a change that others approved.
//!
//! The catalogue says how many approvals that takes; with none everything goes directly. Where
//! nobody else could approve, it goes directly too, and its entry says so.

use super::{CURRENT, Catalogue};
use crate::people::{others, refused};
use crate::register::At;
use kernel::Result;

/// Refuses what goes by request here, unless it is the part of a change. `action` is what a change
/// has to name.
///
/// # Errors
/// `Forbidden`, with the command that proposes it.
pub(crate) fn directly(action: &'static str, at: &mut At<'_, '_>) -> Result<()> {
    if at.is_change() {
        return Ok(());
    }
    let numbers = at.late::<Catalogue>(CURRENT)?.map(|kept| kept.row.parameters);
    if numbers.unwrap_or_default().changes_by_request == 0 {
        return Ok(());
    }
    if others(at.rights()?, at.by()) {
        return Err(refused(action));
    }
    at.tell("bootstrap", "true");
    Ok(())
}
