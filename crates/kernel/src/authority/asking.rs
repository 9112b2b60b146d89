//! Looking at the live rights: who there is, and what they hold.

use super::{Authority, Engagement, Grant, Principal, Vendor};
use crate::id::PrincipalId;
use crate::time::Moment;
use std::sync::Arc;

impl Authority {
    /// Every principal, in no order.
    pub fn principals(&self) -> Vec<Arc<Principal>> {
        self.read().principals.values().cloned().collect()
    }

    /// Every grant, ended and expired ones too, in no order.
    pub fn grants(&self) -> Vec<Arc<Grant>> {
        self.read().grants.values().flatten().cloned().collect()
    }

    /// The grants of one principal.
    pub fn grants_of(&self, holder: &PrincipalId) -> Vec<Arc<Grant>> {
        self.read().grants.get(holder).cloned().unwrap_or_default()
    }

    /// The engagements of a vendor, ended and expired ones too, in no order.
    pub fn engagements_of(&self, vendor: &str) -> Vec<Arc<Engagement>> {
        let live = self.read();
        live.engagements.values().filter(|one| one.vendor == vendor).cloned().collect()
    }

    /// Every vendor, in no order.
    pub fn vendors(&self) -> Vec<Vendor> {
        self.read().vendors.values().cloned().collect()
    }

    /// First moment at which a vendor may not be worked with; `None` for an unknown one.
    pub fn vendor_until(&self, vendor: &str) -> Option<Moment> {
        self.read().vendors.get(vendor).map(|vendor| vendor.until)
    }

    /// Whether the people of a vendor may sign in with passwords and one-time codes.
    pub fn takes_passwords(&self, vendor: &str) -> bool {
        self.read().vendors.get(vendor).is_some_and(|vendor| vendor.passwords)
    }

    /// Whether people of any vendor may.
    pub fn takes_any_passwords(&self) -> bool {
        self.read().vendors.values().any(|vendor| vendor.passwords)
    }

    /// First moment at which a duty that is not met ends somebody's eligibility, if there is one.
    pub fn eligible_until(&self, id: &PrincipalId) -> Option<Moment> {
        Some(self.read().duty(id)).filter(|until| *until < Moment(u64::MAX))
    }

    /// One principal.
    pub fn principal(&self, id: &PrincipalId) -> Option<Arc<Principal>> {
        self.read().principals.get(id).cloned()
    }
}
