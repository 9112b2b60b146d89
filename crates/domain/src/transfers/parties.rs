//! Sub-processors: who is declared to process Service Data, beside who is seen to.

use super::Transfer;
use crate::register::Kept;
use crate::systems::System;
use crate::vendors::Vendor;
use kernel::Moment;
use std::collections::BTreeMap;
use std::time::Duration;

/// How far back a transfer shows that its receiver processes Service Data.
const RECENT: Duration = Duration::from_secs(92 * 24 * 3600);

/// Something that shows that a vendor reaches Service Data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Used {
    /// The vendor.
    pub vendor: String,
    /// What shows it, such as `grant grant_1 of service:acme`.
    pub how: String,
}

/// A third party, as it is declared and as it is seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Party {
    /// Its name in the register, or where it was seen.
    pub name: String,
    /// The name of the company; none if it is not in the register.
    pub legal_name: Option<String>,
    /// What it does for the provider; empty if it is not in the register.
    pub services: String,
    /// Where it processes; empty if it is not in the register.
    pub country: String,
    /// Whether systems that hold Service Data stand with it.
    pub hosts: bool,
    /// Whether it is in the register, with agreement and review in force.
    pub declared: bool,
    /// What shows that it reaches Service Data; empty if nothing does.
    pub seen: Vec<String>,
}

impl Party {
    /// Seen, and not declared: somebody who should not have it, or a register that is not kept.
    pub fn undeclared(&self) -> bool {
        !self.declared && !self.seen.is_empty()
    }

    /// Declared, and not seen.
    pub fn unused(&self) -> bool {
        self.declared && self.seen.is_empty()
    }
}

/// Everybody who is declared or seen to process Service Data, in order of their names: vendors with
/// agreement and review in force, against grants (`used`), systems that stand with a vendor, and
/// transfers to one. Vendors that are neither declared nor seen are left out.
pub fn sub_processors(
    vendors: &[Kept<Vendor>],
    systems: &[Kept<System>],
    transfers: &[Kept<Transfer>],
    used: &[Used],
    now: Moment,
) -> Vec<Party> {
    let mut parties: BTreeMap<&str, Party> = BTreeMap::new();
    for kept in vendors {
        let vendor = &kept.row;
        parties.insert(
            &kept.id,
            Party {
                name: kept.id.clone(),
                legal_name: Some(vendor.legal_name.clone()),
                services: vendor.services.clone(),
                country: vendor.country.clone(),
                hosts: vendor.hosts,
                declared: now < vendor.until(),
                seen: vec![],
            },
        );
    }
    let hosted =
        systems.iter().filter(|kept| kept.row.retired.is_none() && kept.row.holds_service_data);
    let hosted = hosted.filter_map(|kept| {
        Some((kept.row.vendor.as_deref()?, format!("system {} stands with it", kept.id)))
    });
    let sent = transfers
        .iter()
        .filter(|kept| kept.row.engagement.is_some() && now.since(kept.added.at.0) <= RECENT);
    let sent = sent.fold(BTreeMap::<&str, usize>::new(), |mut sent, kept| {
        *sent.entry(kept.row.receiver.as_str()).or_default() += 1;
        sent
    });
    let sent = sent
        .into_iter()
        .map(|(vendor, count)| (vendor, format!("{count} transfers to it in 92 days")));
    let used = used.iter().map(|one| (one.vendor.as_str(), one.how.clone()));
    for (vendor, how) in hosted.chain(sent).chain(used) {
        parties.entry(vendor).or_insert_with(|| stranger(vendor)).seen.push(how);
    }
    let mut all: Vec<_> = parties.into_values().collect();
    all.retain(|party| party.declared || !party.seen.is_empty());
    all
}

/// Somebody who is seen and in no register.
fn stranger(name: &str) -> Party {
    Party {
        name: name.to_owned(),
        legal_name: None,
        services: String::new(),
        country: String::new(),
        hosts: false,
        declared: false,
        seen: vec![],
    }
}
