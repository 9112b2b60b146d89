//! What is refused for a while although a right allows it, and what must never be refused so.
//!
//! A restraint is put into words by a noun that the kernel does not know. It is part of the live
//! rights: it counts from its commit on, is there before the first request after a start, and
//! lapses by the clock. An exemption wins over every restraint, whichever was there first.
//!
//! Does not: look at operations of the kernel itself. What runs by itself runs on.

use super::PrincipalId;
use crate::error::Error;
use crate::limits::{LIMITED_BURST, LIMITED_PER_MINUTE};
use crate::time::Moment;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A network: addresses that share their first bits. One address is a network too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Network {
    first: IpAddr,
    bits: u8,
}

impl Network {
    /// What stands for one caller: an IPv4 address, or the /64 of an IPv6 one, within which a
    /// caller changes its address at will (RFC 8981).
    pub fn of(address: IpAddr) -> Self {
        let address = address.to_canonical();
        Self::new(address, if address.is_ipv4() { 32 } else { 64 })
    }

    /// The network of so many bits that an address is in.
    fn new(address: IpAddr, bits: u8) -> Self {
        let first = match address {
            IpAddr::V4(four) => {
                let kept = u32::MAX.checked_shl(32 - u32::from(bits)).unwrap_or(0);
                IpAddr::V4(Ipv4Addr::from(u32::from(four) & kept))
            }
            IpAddr::V6(six) => {
                let kept = u128::MAX.checked_shl(128 - u32::from(bits)).unwrap_or(0);
                IpAddr::V6(Ipv6Addr::from(u128::from(six) & kept))
            }
        };
        Self { first, bits }
    }

    /// Whether it is of IPv4.
    pub fn is_ipv4(&self) -> bool {
        self.first.is_ipv4()
    }

    /// Bits that its addresses share.
    pub fn bits(&self) -> u8 {
        self.bits
    }

    /// Whether an address is in it.
    pub fn holds(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        address.is_ipv4() == self.is_ipv4() && Self::new(address, self.bits) == *self
    }

    /// Whether some address is in both.
    pub fn meets(&self, other: &Self) -> bool {
        self.holds(other.first) || other.holds(self.first)
    }
}

impl FromStr for Network {
    type Err = ();

    /// `192.0.2.7`, `192.0.2.0/24`, `2001:db8::1` (its /64) or `2001:db8::/32`. Bits beyond the
    /// stated ones are zero, or it is refused.
    fn from_str(text: &str) -> Result<Self, ()> {
        let Some((address, bits)) = text.split_once('/') else {
            return text.parse().map(Self::of).map_err(drop);
        };
        let address: IpAddr = address.parse().map_err(drop)?;
        let plain = bits.bytes().all(|byte| byte.is_ascii_digit()) && bits.len() <= 3;
        let bits: u8 = bits.parse().ok().filter(|_| plain).ok_or(())?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let network = Self::new(address, bits.min(most));
        // An IPv4 address in IPv6 form has one spelling, its own.
        let own = address.to_canonical() == address;
        (own && bits <= most && network.first == address).then_some(network).ok_or(())
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_ipv4() && self.bits == 32 {
            return self.first.fmt(f);
        }
        write!(f, "{}/{}", self.first, self.bits)
    }
}

/// What a restraint is on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    /// Every request from these addresses.
    Network(Network),
    /// Everything of this principal.
    Principal(PrincipalId),
    /// Everything of this vendor's people and services.
    Vendor(String),
    /// Everything in this account, by its slot, except by its own members.
    Account(u64),
}

/// What is refused for a while.
#[derive(Clone, Debug)]
pub struct Restraint {
    /// Its id in the register.
    pub id: String,
    /// On what.
    pub place: Place,
    /// Whether a few requests a minute go through, instead of none; for networks and principals.
    pub slows: bool,
    /// The rule that asked for it, if one did; exemptions may be for one rule.
    pub rule: Option<String>,
    /// First moment at which it counts no more.
    pub until: Moment,
}

/// What must not be refused by a restraint, or by those of one rule.
#[derive(Clone, Debug)]
pub struct Exemption {
    /// Its id in the register.
    pub id: String,
    /// Whom it is for: a network or a principal.
    pub place: Place,
    /// The rule whose restraints it is about; every restraint, if none is stated.
    pub rule: Option<String>,
    /// First moment at which it counts no more.
    pub until: Moment,
}

impl Exemption {
    fn covers(&self, place: &Place, rule: Option<&str>, now: Moment) -> bool {
        let own = match (&self.place, place) {
            (Place::Network(wide), Place::Network(one)) => {
                wide.bits <= one.bits && wide.holds(one.first)
            }
            (own, place) => own == place,
        };
        own && now < self.until && self.rule.as_deref().is_none_or(|only| rule == Some(only))
    }
}

/// A restraint with what it let through.
struct Held {
    restraint: Restraint,
    /// When the next request would be due at the pace, in µs since 1970 (GCRA).
    due: AtomicU64,
}

/// The restraints in force, and the exemptions from them.
#[derive(Default)]
pub(super) struct Restraints {
    places: HashMap<Place, Vec<Arc<Held>>>,
    ids: HashMap<String, Place>,
    /// How many networks of each length there are, which is how many have to be looked up.
    lengths: BTreeMap<(bool, u8), usize>,
    exemptions: HashMap<String, Exemption>,
    spared: Vec<Place>,
}

impl Restraints {
    pub(super) fn put(&mut self, restraint: Restraint) {
        self.remove(&restraint.id.clone());
        if let Place::Network(network) = &restraint.place {
            *self.lengths.entry((network.is_ipv4(), network.bits)).or_default() += 1;
        }
        let place = restraint.place.clone();
        self.ids.insert(restraint.id.clone(), place.clone());
        let held = Arc::new(Held { restraint, due: AtomicU64::new(0) });
        self.places.entry(place).or_default().push(held);
    }

    pub(super) fn exempt(&mut self, exemption: Exemption) {
        self.exemptions.insert(exemption.id.clone(), exemption);
    }

    pub(super) fn spare(&mut self, places: Vec<Place>) {
        self.spared = places;
    }

    fn remove(&mut self, id: &str) {
        let Some(place) = self.ids.remove(id) else { return };
        if let Some(held) = self.places.get_mut(&place) {
            held.retain(|one| one.restraint.id != id);
            if held.is_empty() {
                self.places.remove(&place);
            }
        }
        if let Place::Network(network) = place {
            let length = (network.is_ipv4(), network.bits);
            if let Some(count) = self.lengths.get_mut(&length) {
                *count = count.saturating_sub(1);
                if *count == 0 {
                    self.lengths.remove(&length);
                }
            }
        }
    }

    /// Lets go of what counts no more.
    pub(super) fn forget(&mut self, now: Moment) {
        let over = |held: &Arc<Held>| held.restraint.until <= now;
        let over = self.places.values().flatten().filter(|held| over(held));
        let over: Vec<_> = over.map(|held| held.restraint.id.clone()).collect();
        for id in over {
            self.remove(&id);
        }
        self.exemptions.retain(|_, one| now < one.until);
    }

    pub(super) fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether something is exempt, by the configuration or by the register.
    pub(super) fn exempts(&self, place: &Place, rule: Option<&str>, now: Moment) -> bool {
        self.exempt_until(place, rule, now).is_some()
    }

    /// Until when something is exempt, if it is.
    fn exempt_until(&self, place: &Place, rule: Option<&str>, now: Moment) -> Option<Moment> {
        let spared = |own: &Place| match (own, place) {
            (Place::Network(wide), Place::Network(one)) => {
                wide.bits <= one.bits && wide.holds(one.first)
            }
            (own, place) => own == place,
        };
        if self.spared.iter().any(spared) {
            return Some(Moment(u64::MAX));
        }
        let exempt = self.exemptions.values().filter(|one| one.covers(place, rule, now));
        exempt.map(|one| one.until).max()
    }

    /// Whether something exempt lies within a network that is wider than it.
    pub(super) fn touches_exempt(&self, network: &Network, now: Moment) -> Option<String> {
        let meets = |place: &Place| match place {
            Place::Network(own) => own.meets(network).then(|| own.to_string()),
            _ => None,
        };
        let general = |one: &&Exemption| one.rule.is_none() && now < one.until;
        let exempt = self.exemptions.values().filter(general).map(|one| &one.place);
        self.spared.iter().chain(exempt).find_map(meets)
    }

    /// The restraint of this kind in force on a place, by its id.
    pub(super) fn on(&self, place: &Place, slows: bool, now: Moment) -> Option<String> {
        let held = self.places.get(place)?;
        let found = held.iter().map(|held| &held.restraint);
        let mut found = found.filter(|one| one.slows == slows && now < one.until);
        found.next().map(|one| one.id.clone())
    }

    /// What refuses everything on a place, or the first moment at which something may; `own` is
    /// whoever asks, who may be exempt where the place is not.
    pub(super) fn refusing(
        &self,
        place: &Place,
        own: &Place,
        now: Moment,
    ) -> Result<Moment, Refusal> {
        let mut until = Moment(u64::MAX);
        let held = self.places.get(place).into_iter().flatten();
        for one in held.map(|held| &held.restraint).filter(|one| !one.slows && now < one.until) {
            match self.exempt_until(own, one.rule.as_deref(), now) {
                Some(exempt) => until = until.min(exempt),
                None => return Err(Refusal::of(one)),
            }
        }
        Ok(until)
    }

    /// Whether a request from this address is let in.
    pub(super) fn admit(&self, address: IpAddr, now: Moment) -> Result<(), Refusal> {
        if let Some(refusal) = self.banned(address, now) {
            return Err(refusal);
        }
        let own = one(address);
        self.around(address).try_for_each(|held| self.slow([held], &own, now))
    }

    /// What refuses every request of this address, if something does.
    pub(super) fn banned(&self, address: IpAddr, now: Moment) -> Option<Refusal> {
        let own = one(address);
        let mut held = self.around(address).map(|held| &held.restraint);
        let found = held.find(|one| {
            !one.slows && now < one.until && !self.exempts(&own, one.rule.as_deref(), now)
        });
        found.map(Refusal::of)
    }

    /// What is on a network that an address is in.
    fn around(&self, address: IpAddr) -> impl Iterator<Item = &Arc<Held>> {
        let address = address.to_canonical();
        let own = self.lengths.keys().filter(move |(four, _)| *four == address.is_ipv4());
        own.flat_map(move |(_, bits)| {
            let place = Place::Network(Network::new(address, *bits));
            self.places.get(&place).into_iter().flatten()
        })
    }

    /// The networks that are refused, each with its end; not those that are exempt as a whole.
    pub(super) fn bans(&self, now: Moment) -> Vec<(Network, Moment)> {
        let all = self.places.values().flatten().map(|held| &held.restraint);
        let bans = all.filter_map(|one| match &one.place {
            Place::Network(network) if !one.slows && now < one.until => {
                let exempt = self.exempts(&one.place, one.rule.as_deref(), now);
                (!exempt).then_some((*network, one.until))
            }
            _ => None,
        });
        let mut bans: Vec<_> = bans.collect();
        bans.sort_unstable();
        bans
    }

    /// Whether a principal may ask once more at its pace.
    pub(super) fn pace(&self, principal: &PrincipalId, now: Moment) -> Result<(), Refusal> {
        let place = Place::Principal(principal.clone());
        let held = self.places.get(&place).into_iter().flatten();
        self.slow(held, &place, now)
    }

    fn slow<'a>(
        &self,
        held: impl IntoIterator<Item = &'a Arc<Held>>,
        own: &Place,
        now: Moment,
    ) -> Result<(), Refusal> {
        for one in held {
            let restraint = &one.restraint;
            let counts = restraint.slows && now < restraint.until;
            if counts && !self.exempts(own, restraint.rule.as_deref(), now) {
                one.take(now)?;
            }
        }
        Ok(())
    }
}

/// An address by itself, as what may be exempt.
fn one(address: IpAddr) -> Place {
    let address = address.to_canonical();
    Place::Network(Network::new(address, if address.is_ipv4() { 32 } else { 128 }))
}

impl Held {
    /// Lets one request through, or says how long to wait (generic cell rate algorithm, ITU-T
    /// I.371).
    fn take(&self, now: Moment) -> Result<(), Refusal> {
        let every = 60_000_000 / LIMITED_PER_MINUTE;
        let ahead = every * LIMITED_BURST;
        let next = |due: u64| {
            let due = due.max(now.0);
            (due - now.0 + every <= ahead).then_some(due + every)
        };
        match self.due.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next) {
            Ok(_) => Ok(()),
            Err(due) => {
                let at = Moment(due.saturating_sub(ahead).saturating_add(every));
                Err(Refusal { slows: true, until: at, ..Refusal::of(&self.restraint) })
            }
        }
    }
}

/// What refused a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The restraint, by its id.
    pub id: String,
    /// On what.
    pub place: Place,
    /// Whether it was too many, and not at all.
    pub slows: bool,
    /// When to ask again at the earliest.
    pub until: Moment,
}

impl Refusal {
    fn of(restraint: &Restraint) -> Self {
        let Restraint { id, place, until, .. } = restraint.clone();
        Self { id, place, slows: false, until }
    }

    /// As the caller is told. Who is behind it and why is not its business.
    pub fn error(&self, now: Moment) -> Error {
        let (id, at) = (&self.id, self.until.rfc3339());
        let seconds = self.until.since(now).as_millis().div_ceil(1000);
        let seconds = u64::try_from(seconds).unwrap_or(u64::MAX).max(1);
        let ask = format!("ask the provider to lift `{id}`, or wait until {at}");
        let error = match (&self.place, self.slows) {
            (Place::Network(_), true) => {
                Error::limit(format!("requests from this address are limited: wait {seconds} s"))
            }
            (_, true) => Error::limit(format!("your requests are limited: wait {seconds} s")),
            (Place::Network(_), false) => {
                Error::forbidden(format!("requests from this address are refused: {ask}"))
            }
            (Place::Account(_), false) => Error::forbidden(format!(
                "this account is closed to everybody but its own members: {ask}"
            )),
            (_, false) => Error::forbidden(format!("this access is locked: {ask}")),
        };
        error.restrained(id.clone(), seconds)
    }
}

#[cfg(test)]
mod tests;
