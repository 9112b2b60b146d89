//! What restraints mean for whoever asks: addresses, principals, vendors, accounts.

use super::live::Live;
use super::{Authority, Network, Place, Principal, Refusal, Right};
use crate::id::PrincipalId;
use crate::time::Moment;
use std::net::IpAddr;

impl Authority {
    /// Never restrains these, whatever the registers say: the allow-list of the configuration.
    pub fn spare(&self, places: Vec<Place>) {
        let mut live = self.write();
        live.restraints.spare(places);
        live.revision += 1;
    }

    /// Lets go of restraints that count no more.
    pub(crate) fn forget_restraints(&self, now: Moment) {
        self.write().restraints.forget(now);
    }

    /// How many restraints are held.
    pub fn restraints(&self) -> usize {
        self.read().restraints.len()
    }

    /// The restraint in force on a place, by its id: one that slows, or one that refuses.
    pub fn restraint_on(&self, place: &Place, slows: bool, now: Moment) -> Option<String> {
        self.read().restraints.on(place, slows, now)
    }

    /// Whether a place is exempt from restraints that this rule, or a person, asked for.
    pub fn exempts(&self, place: &Place, rule: Option<&str>, now: Moment) -> bool {
        self.read().restraints.exempts(place, rule, now)
    }

    /// A network that is exempt and shares addresses with this one, as it is written.
    pub fn exempt_within(&self, network: &Network, now: Moment) -> Option<String> {
        self.read().restraints.touches_exempt(network, now)
    }

    /// Whether a request from this address is let in at all, before anything of it is looked at.
    ///
    /// # Errors
    /// What refuses it.
    pub fn admit(&self, address: IpAddr, now: Moment) -> Result<(), Refusal> {
        self.read().restraints.admit(address, now)
    }

    /// What refuses every request of this address, if something does.
    pub fn banned(&self, address: IpAddr, now: Moment) -> Option<Refusal> {
        self.read().restraints.banned(address, now)
    }

    /// The networks that are refused, each with its end; not those that are exempt as a whole.
    pub fn bans(&self, now: Moment) -> Vec<(Network, Moment)> {
        self.read().restraints.bans(now)
    }

    /// Whether a principal may ask once more, where it is slowed.
    ///
    /// # Errors
    /// What refuses it.
    pub fn pace(&self, principal: &PrincipalId, now: Moment) -> Result<(), Refusal> {
        self.read().restraints.pace(principal, now)
    }

    /// Whether everything of a principal is refused at this moment.
    pub fn locked(&self, principal: &PrincipalId, now: Moment) -> bool {
        let live = self.read();
        live.principals.get(principal).is_some_and(|one| live.unlocked(one, now).is_err())
    }
}

impl Live {
    /// Until when nothing refuses everything of a principal.
    pub(super) fn unlocked(&self, principal: &Principal, now: Moment) -> Result<Moment, Refusal> {
        let own = Place::Principal(principal.id.clone());
        let until = self.restraints.refusing(&own, &own, now)?;
        let Some(vendor) = &principal.vendor else { return Ok(until) };
        let vendor = Place::Vendor(vendor.clone());
        Ok(until.min(self.restraints.refusing(&vendor, &own, now)?))
    }

    /// Until when an account is open to a principal.
    pub(super) fn open(
        &self,
        principal: &Principal,
        account: u64,
        now: Moment,
    ) -> Result<Moment, Refusal> {
        if account == 0 || principal.account == Some(account) {
            return Ok(Moment(u64::MAX));
        }
        let own = Place::Principal(principal.id.clone());
        self.restraints.refusing(&Place::Account(account), &own, now)
    }
}

/// Whether a right is about addresses alone.
pub(super) fn is_of_addresses(right: &Right) -> bool {
    let place = match right {
        Right::Restraint(one) => &one.place,
        Right::Exemption(one) => &one.place,
        _ => return false,
    };
    matches!(place, Place::Network(_))
}
