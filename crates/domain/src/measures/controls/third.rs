//! What the live rights say of vendors: facts for the controls of P0 to P7.

use super::TOKEN_LIFE;
use kernel::Moment;
use kernel::authority::{Authority, Grant, Principal};

/// What the live rights say of vendors.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Third {
    /// Their people and services.
    pub principals: Vec<ThirdPrincipal>,
    /// The engagements that count now: sponsored, of a vendor in force, in their window.
    pub engaged: Vec<String>,
}

/// A person or service of a vendor who is active.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ThirdPrincipal {
    /// Who.
    pub id: String,
    /// Of which vendor.
    pub vendor: String,
    /// Live credentials.
    pub live: usize,
    /// Those of them that expire soon enough to be called ephemeral.
    pub ephemeral: usize,
    /// Grants in their window.
    pub grants: Vec<ThirdGrant>,
}

/// A grant of a vendor's person or service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ThirdGrant {
    /// Its id.
    pub id: String,
    /// Whether it is within an engagement that counts now; otherwise nothing can be done with it.
    pub within: bool,
}

/// What the live rights say of vendors at this moment.
pub fn third(authority: &Authority, now: Moment) -> Third {
    let principals = authority.principals();
    let of_vendor = |one: &&std::sync::Arc<Principal>| one.active && one.vendor.is_some();
    let mut third = Third {
        principals: principals
            .iter()
            .filter(of_vendor)
            .map(|one| third_principal(authority, one, now))
            .collect(),
        engaged: vec![],
    };
    third.principals.sort_by(|a, b| a.id.cmp(&b.id));
    for vendor in authority.vendors() {
        let counts = authority.engagements_of(&vendor.name).into_iter().filter(|one| {
            now < vendor.until
                && one.not_before <= now
                && now < one.not_after
                && stands(authority, one)
        });
        third.engaged.extend(counts.map(|one| one.id.clone()));
    }
    third
}

fn third_principal(authority: &Authority, one: &Principal, now: Moment) -> ThirdPrincipal {
    let vendor = one.vendor.clone().unwrap_or_default();
    let live = one
        .credentials
        .iter()
        .filter(|credential| !credential.ended && credential.expires.is_none_or(|end| now < end));
    let live: Vec<_> = live.collect();
    let end = now.after(TOKEN_LIFE);
    let ephemeral = live.iter().filter(|one| one.expires.is_some_and(|at| at <= end)).count();
    let mut grants: Vec<_> = authority.grants_of(&one.id);
    grants.retain(|grant| !grant.ended && grant.not_before <= now && now < grant.not_after);
    let grants = grants.iter().map(|grant| ThirdGrant {
        id: grant.id.clone(),
        within: within(authority, &vendor, grant, now),
    });
    ThirdPrincipal {
        id: one.id.to_string(),
        live: live.len(),
        ephemeral,
        grants: grants.collect(),
        vendor,
    }
}

fn stands(authority: &Authority, engagement: &kernel::authority::Engagement) -> bool {
    let sponsor = authority.principal(&engagement.sponsor);
    !engagement.ended && sponsor.is_some_and(|one| one.active && one.vendor.is_none())
}

fn within(authority: &Authority, vendor: &str, grant: &Grant, now: Moment) -> bool {
    let in_force = authority.vendor_until(vendor).is_some_and(|until| now < until);
    let all = authority.engagements_of(vendor);
    let own = all.iter().find(|one| grant.engagement.as_ref() == Some(&one.id));
    in_force
        && own.is_some_and(|one| {
            stands(authority, one)
                && one.covers(grant)
                && one.not_before <= now
                && now < one.not_after
        })
}
