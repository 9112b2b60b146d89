//! What a review of access is about: every right in its scope as it stands, each with when it was
//! used last and how many of the holder's peers have the like.

use super::{Item, Kind, MOST, Scope, Verdict};
use crate::grants::Grant;
use crate::grants::uses::{self, AccessUse};
use crate::people::Person;
use crate::register::{At, Day};
use kernel::authority::{self, Authority, Principal};
use kernel::id::PrincipalId;
use kernel::{Error, HOUSE, Moment, Result};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// The right of a role, as items name it: `person:NAME/ROLE`.
fn role(person: &PrincipalId, role: &str) -> String {
    format!("{person}/{role}")
}

/// Everything in the scope, in the order of holders. `slot` is that of the account, if the scope is
/// one.
pub(super) fn of(
    scope: &Scope,
    slot: Option<u64>,
    unused_days: u32,
    at: &At<'_, '_>,
) -> Result<Vec<Item>> {
    let (rights, now) = (at.rights()?, at.now());
    let held = Held::of(rights, now);
    // Counted before anything is read.
    let grants = held.grants(scope, slot, rights);
    let roles = |one: &Arc<Principal>| if scope.of_roles() { one.roles.len() } else { 0 };
    let count = grants.len() + held.people(scope).map(roles).sum::<usize>();
    if count > MOST {
        let why = format!(
            "{count} rights are in this scope, a review takes {MOST}: open one for each account, \
             person, vendor or system"
        );
        return Err(Error::limit(why));
    }
    let mut uses = Uses::new(at)?;
    let mut items = Vec::new();
    for one in held.people(scope) {
        let peers = held.peers(one);
        for word in one.roles.iter().filter(|_| scope.of_roles()) {
            let with = |peer: &&Arc<Principal>| peer.roles.contains(word);
            let last = uses.of(one.id.as_str(), at)?.map(|row| row.last);
            let added = person_since(one, at)?;
            items.push(Item {
                right: role(&one.id, word),
                holder: one.id.to_string(),
                what: format!("role {word}"),
                given: Day::of(added),
                last_used: last,
                peers: peers.iter().filter(|peer| with(peer)).count(),
                of_peers: peers.len(),
                proposed: uses.proposed((Day::of(added), last), unused_days, now),
                decision: None,
            });
        }
    }
    for grant in grants {
        let Some(row) = at.late_noun::<Grant>(&grant.id)? else { continue };
        let last = uses.of(grant.holder.as_str(), at)?.and_then(|used| used.of(&grant.id));
        let given = Day::of(grant.not_before);
        let patience = patience(grant.not_before, grant.not_after, unused_days);
        let (peers, of_peers) = held.with_the_like(grant, rights);
        items.push(Item {
            right: grant.id.clone(),
            holder: grant.holder.to_string(),
            what: described(&row),
            given,
            last_used: last,
            peers,
            of_peers,
            proposed: uses.proposed((given, last), patience, now),
            decision: None,
        });
    }
    items.sort_by(|one, other| (&one.holder, &one.right).cmp(&(&other.holder, &other.right)));
    Ok(items)
}

/// When somebody got their present roles, or joined.
fn person_since(one: &Principal, at: &At<'_, '_>) -> Result<Moment> {
    let person = at.late_noun::<Person>(one.id.parts().1)?;
    Ok(person.map(|row| row.roles_since()).unwrap_or_default())
}

fn described(grant: &Grant) -> String {
    let collections = match grant.collections.as_slice() {
        [one] if one == "*" => "everything".to_owned(),
        some => some.join(", "),
    };
    let account = if grant.account == "*" { "every account" } else { &grant.account };
    let until = Moment(grant.not_after).rfc3339();
    let until = until.get(..10).unwrap_or_default();
    format!(
        "{} on {collections} in {account}, for `{}`, until {until}",
        grant.verbs.join(", "),
        grant.purpose
    )
}

/// Who holds what at this moment.
struct Held {
    people: Vec<Arc<Principal>>,
    by_holder: HashMap<PrincipalId, Vec<Arc<authority::Grant>>>,
}

impl Held {
    fn of(rights: &Authority, now: Moment) -> Self {
        let person = |one: &Arc<Principal>| {
            one.active && one.account.is_none() && one.id.parts().0 == "person"
        };
        let mut people: Vec<_> = rights.principals().into_iter().filter(person).collect();
        people.sort_unstable_by(|one, other| one.id.as_str().cmp(other.id.as_str()));
        // What was begun in an emergency has a review of its own.
        let counts =
            |one: &Arc<authority::Grant>| !one.ended && !one.emergency && now < one.not_after;
        let mut by_holder: HashMap<_, Vec<_>> = HashMap::new();
        for grant in rights.grants().into_iter().filter(counts) {
            by_holder.entry(grant.holder.clone()).or_default().push(grant);
        }
        Self { people, by_holder }
    }

    fn people(&self, scope: &Scope) -> impl Iterator<Item = &Arc<Principal>> {
        self.people.iter().filter(move |one| match scope.kind {
            Kind::All => true,
            Kind::Person => scope.subject.as_deref() == Some(one.id.as_str()),
            Kind::Vendor => scope.subject == one.vendor && one.vendor.is_some(),
            Kind::Account | Kind::System => false,
        })
    }

    fn grants(
        &self,
        scope: &Scope,
        slot: Option<u64>,
        rights: &Authority,
    ) -> Vec<&Arc<authority::Grant>> {
        let subject = scope.subject.as_deref();
        let within = |grant: &&Arc<authority::Grant>| {
            let holder = rights.principal(&grant.holder);
            match scope.kind {
                Kind::All => true,
                Kind::Account => grant.account.is_none() || grant.account == slot,
                Kind::System => {
                    let named = |all: &Vec<_>| {
                        all.iter().any(|one: &kernel::id::Collection| Some(one.as_str()) == subject)
                    };
                    grant.account == Some(HOUSE) && grant.collections.as_ref().is_none_or(named)
                }
                Kind::Person => {
                    let owner = holder.as_ref().and_then(|one| one.owner.as_ref());
                    let owned = owner.map(PrincipalId::as_str) == subject;
                    Some(grant.holder.as_str()) == subject || owned
                }
                Kind::Vendor => holder.is_some_and(|one| {
                    one.vendor.as_deref().is_some_and(|vendor| Some(vendor) == subject)
                }),
            }
        };
        self.by_holder.values().flatten().filter(within).collect()
    }

    /// Others who share a role, and work for the same house.
    fn peers(&self, of: &Principal) -> Vec<&Arc<Principal>> {
        let alike = |one: &&Arc<Principal>| {
            one.id != of.id
                && one.vendor == of.vendor
                && one.roles.iter().any(|role| of.roles.contains(role))
        };
        self.people.iter().filter(alike).collect()
    }

    /// How many of the holder's peers hold as much in the same place, and how many peers there are.
    fn with_the_like(&self, grant: &authority::Grant, rights: &Authority) -> (usize, usize) {
        let Some(holder) = rights.principal(&grant.holder) else { return (0, 0) };
        let peers = self.peers(&holder);
        let like = |one: &Arc<authority::Grant>| {
            let place = one.account.is_none() || one.account == grant.account;
            place && grant.verbs.iter().all(|verb| one.verbs.contains(verb))
        };
        let has = |peer: &&&Arc<Principal>| {
            self.by_holder.get(&peer.id).is_some_and(|held| held.iter().any(like))
        };
        (peers.iter().filter(has).count(), peers.len())
    }
}

/// What was used, as far as it is kept.
struct Uses {
    /// Since when uses are kept at all.
    since: Option<Day>,
    known: BTreeMap<String, Option<AccessUse>>,
}

impl Uses {
    fn new(at: &At<'_, '_>) -> Result<Self> {
        let since = at.late::<AccessUse>(uses::KERNEL)?.map(|kept| Day::of(kept.added.at.0));
        Ok(Self { since, known: BTreeMap::new() })
    }

    fn of(&mut self, holder: &str, at: &At<'_, '_>) -> Result<Option<&AccessUse>> {
        if !self.known.contains_key(holder) {
            let row = at.late::<AccessUse>(&uses::id(holder))?.map(|kept| kept.row);
            self.known.insert(holder.to_owned(), row);
        }
        Ok(self.known.get(holder).and_then(Option::as_ref))
    }

    fn proposed(
        &self,
        (given, last): (Day, Option<Day>),
        days: u32,
        now: Moment,
    ) -> Option<Verdict> {
        unused(given, last, self.since?, days, now).then_some(Verdict::Remove)
    }
}

/// Days without use that a grant is given: those of the catalogue, or half of its own time if that
/// is less, and a week at least. A grant lasts 90 days at most, so that it would otherwise end
/// before anybody speaks.
pub fn patience(from: Moment, until: Moment, days: u32) -> u32 {
    let half = until.since(from).as_secs() / 2 / 86_400;
    u32::try_from(half).unwrap_or(days).max(7).min(days)
}

/// Whether a right was not used for so many days: counted from its last use, or from when it was
/// given, or since uses are kept, whichever is latest.
pub fn unused(given: Day, last: Option<Day>, kept_since: Day, days: u32, now: Moment) -> bool {
    let from = last.map_or(given.max(kept_since), |last| last.max(given));
    from.plus(days).end() <= now
}
