//! Shares of datagrams: so many a second for each source, and for all together.
//!
//! A source over UDP is what somebody wrote into a packet. Its share keeps one loud sender from
//! taking the others' room; the share of all keeps made-up sources from it.

use std::collections::HashMap;
use std::net::IpAddr;

/// Datagrams a second and at once, of one source.
const OF_ONE: Share = Share { a_second: 50, at_once: 500 };

/// Of all sources together.
const OF_ALL: Share = Share { a_second: 2_000, at_once: 4_000 };

/// Sources that have a share of their own; all others have one together.
const SOURCES: usize = 4096;

/// One second in µs.
const SECOND: u64 = 1_000_000;

/// A rate.
#[derive(Clone, Copy)]
struct Share {
    a_second: u64,
    at_once: u64,
}

impl Share {
    /// Whether one more fits at `now` (µs), given when the next is due (GCRA, ITU-T I.371).
    fn take(self, due: &mut u64, now: u64) -> bool {
        let (gap, next) = (SECOND / self.a_second, (*due).max(now));
        let fits = next - now <= gap * (self.at_once - 1);
        if fits {
            *due = next + gap;
        }
        fits
    }
}

/// The shares of all sources.
#[derive(Debug, Default)]
pub struct Quotas {
    one: HashMap<IpAddr, u64>,
    others: u64,
    all: u64,
    /// When the table is looked through next, in µs.
    sweep: u64,
}

impl Quotas {
    /// Whether a datagram of this source fits, at `now` in µs.
    pub fn take(&mut self, peer: IpAddr, now: u64) -> bool {
        let key = network(peer);
        if !self.one.contains_key(&key) && self.one.len() >= SOURCES && now >= self.sweep {
            // Whoever has its whole share again is as good as new. Once a second: with made-up
            // sources every datagram would have the whole table looked at.
            self.one.retain(|_, due| *due > now);
            self.sweep = now + SECOND;
        }
        let room = self.one.len() < SOURCES;
        let due = match self.one.get_mut(&key) {
            Some(due) => due,
            None if room => self.one.entry(key).or_default(),
            None => &mut self.others,
        };
        // The source's own share first: what it loses there costs the others nothing.
        OF_ONE.take(due, now) && OF_ALL.take(&mut self.all, now)
    }
}

/// A source: an address, or for IPv6 its /64, within which one host can have any.
fn network(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => {
            std::net::Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(quotas: &mut Quotas, peer: IpAddr, now: u64, tries: u64) -> u64 {
        (0..tries).filter(|_| quotas.take(peer, now)).count() as u64
    }

    #[test]
    fn a_source_has_its_share_and_no_more() {
        let mut quotas = Quotas::default();
        let (loud, quiet) = (IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2]));
        assert_eq!(taken(&mut quotas, loud, SECOND, 9_000), OF_ONE.at_once);
        assert_eq!(taken(&mut quotas, quiet, SECOND, 10), 10);
        assert_eq!(taken(&mut quotas, loud, 2 * SECOND, 9_000), OF_ONE.a_second);
        // Within a /64 all addresses are one source.
        let six = |last: u8| {
            let mut octets = [0x20; 16];
            octets[15] = last;
            IpAddr::from(octets)
        };
        let all: u64 = (0..200).map(|n| taken(&mut quotas, six(n), 9 * SECOND, 10)).sum();
        assert_eq!(all, OF_ONE.at_once);
    }

    #[test]
    fn made_up_sources_get_what_all_get_and_no_memory() {
        let mut quotas = Quotas::default();
        let made_up = |n: u32| IpAddr::from(n.to_be_bytes());
        let all = (0..100_000).filter(|n| quotas.take(made_up(*n), SECOND)).count() as u64;
        assert_eq!(all, OF_ALL.at_once);
        assert!(quotas.one.len() <= SOURCES);
    }
}
