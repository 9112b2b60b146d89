//! Who was ever of a vendor: read from every version of the registers of people and services.

use crate::people::Person;
use crate::register::{Noun, parse};
use crate::services::Service;
use kernel::id::PrincipalId;
use kernel::{HOUSE, Kernel, Moment, Result, Version};
use std::collections::BTreeMap;

/// The vendor's people and services by their ids, each with where that was said first, as of a
/// moment.
pub(super) fn principals(
    kernel: &Kernel,
    vendor: &str,
    at: Moment,
) -> Result<BTreeMap<String, (PrincipalId, String)>> {
    let mut found = BTreeMap::new();
    let mut keep = |kind: &str, register: &str, version: &Version, of: Option<&str>| {
        if version.header.at > at.0 || of != Some(vendor) {
            return Ok(());
        }
        let id = format!("{kind}:{}", version.header.id);
        let place = format!("{register}/{} version {}", version.header.id, version.number);
        // Versions come newest first: the last one that is kept said it first.
        found.insert(id.clone(), (PrincipalId::parse(&id)?, place));
        Ok(())
    };
    kernel.versions(HOUSE, Person::REGISTER, |version| {
        let row: Person = parse(&version.body)?;
        keep("person", Person::REGISTER, version, row.vendor.as_deref())
    })?;
    kernel.versions(HOUSE, Service::REGISTER, |version| {
        let row: Service = parse(&version.body)?;
        keep("service", Service::REGISTER, version, row.vendor.as_deref())
    })?;
    Ok(found)
}
