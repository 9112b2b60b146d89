//! What bounds rights from outside: the vendor somebody works for, the engagement that vendor has,
//! and duties that end eligibility when they are not met in time.

use super::{Grant, Verb};
use crate::id::{Collection, PrincipalId};
use crate::time::Moment;

/// A vendor, as far as rights go.
#[derive(Clone, Debug)]
pub struct Vendor {
    /// Its name.
    pub name: String,
    /// First moment at which agreement or review have lapsed; the beginning of time if one of them
    /// is missing or the vendor was let go.
    pub until: Moment,
    /// Whether its people may sign in with passwords and one-time codes.
    pub passwords: bool,
}

/// What a vendor was engaged for: no grant of its people and services reaches further.
#[derive(Clone, Debug)]
pub struct Engagement {
    /// Its id in the register.
    pub id: String,
    /// The vendor.
    pub vendor: String,
    /// The person of the provider who answers for it.
    pub sponsor: PrincipalId,
    /// The accounts' slots; `None` for every account but `house`.
    pub accounts: Option<Vec<u64>>,
    /// The collections; `None` for every collection.
    pub collections: Option<Vec<Collection>>,
    /// What it allows.
    pub verbs: Vec<Verb>,
    /// First moment it counts.
    pub not_before: Moment,
    /// First moment it counts no more.
    pub not_after: Moment,
    /// Whether somebody ended it before its time.
    pub ended: bool,
}

impl Engagement {
    /// Whether a grant stays within it: accounts, collections, verbs and window.
    pub fn covers(&self, grant: &Grant) -> bool {
        let account = match (&self.accounts, grant.account) {
            (None, _) => true,
            (Some(named), Some(slot)) => named.contains(&slot),
            (Some(_), None) => false,
        };
        let collections = match (&self.collections, &grant.collections) {
            (None, _) => true,
            (Some(named), Some(asked)) => asked.iter().all(|one| named.contains(one)),
            (Some(_), None) => false,
        };
        account
            && collections
            && grant.verbs.iter().all(|verb| self.verbs.contains(verb))
            && self.not_before <= grant.not_before
            && grant.not_after <= self.not_after
    }
}

/// Something a principal has to have done by a time, or it is not eligible until it has.
#[derive(Clone, Debug)]
pub struct Duty {
    /// Its id in the register.
    pub id: String,
    /// Whose it is.
    pub holder: PrincipalId,
    /// First moment at which not having done it ends eligibility; `None` once it is done.
    pub until: Option<Moment>,
}

/// What bounds one request of a vendor's principal: its vendor and the engagement of its grant, as
/// they stand.
#[derive(Clone, Debug)]
pub struct Bound<'a> {
    /// The vendor.
    pub vendor: &'a Vendor,
    /// The engagement.
    pub engagement: &'a Engagement,
    /// Whether its sponsor is still there.
    pub sponsored: bool,
}
