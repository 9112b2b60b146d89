//! How far a vendor's grants may reach: within one engagement.

use kernel::authority::{self, Authority};
use kernel::{Error, Moment, Result};

/// The engagement of a vendor that a grant stays within: the one that lasts longest.
///
/// # Errors
/// `Forbidden` if the vendor's agreement or review is not in force, or no engagement is as wide.
pub(super) fn engagement(
    rights: &Authority,
    vendor: &str,
    grant: &authority::Grant,
    now: Moment,
) -> Result<String> {
    if rights.vendor_until(vendor).is_none_or(|until| until <= now) {
        return Err(Error::forbidden(format!(
            "vendor `{vendor}` has no agreement and review in force: renew them first"
        )));
    }
    let sponsored = |one: &authority::Engagement| {
        rights.principal(&one.sponsor).is_some_and(|sponsor| sponsor.active)
    };
    let all = rights.engagements_of(vendor);
    let wide = all.iter().filter(|one| !one.ended && sponsored(one) && one.covers(grant));
    wide.max_by_key(|one| one.not_after).map(|one| one.id.clone()).ok_or_else(|| too_wide(vendor))
}

/// What is answered if no engagement is as wide; also about an account that is not there.
pub(super) fn too_wide(vendor: &str) -> Error {
    Error::forbidden(format!(
        "no engagement of vendor `{vendor}` is as wide and as long as this: ask for less, or \
         extend the engagement"
    ))
}
