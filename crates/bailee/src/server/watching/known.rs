//! What detection knows of the registers: a view that is made anew every minute.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Mutex, PoisonError, RwLock};

use domain::accounts::{Account, Create};
use domain::detections::Alert;
use domain::detections::acquaintances::{Acquaintance, Met};
use domain::detections::allowances::Allowance;
use domain::detections::canaries::Canary;
use domain::detections::coverage::Heard;
use domain::detections::rules::{Mode, Rule};
use domain::people::Person;
use domain::register::{Kept, When};
use domain::registers::House;
use domain::services::Service;
use domain::signals::Source;
use domain::vendors::engagements::Engagement;
use kernel::id::PrincipalId;
use kernel::{Act as _, Fed, HOUSE, Moment};

/// Whether an entry of this kind changes what is known here, so that the registers are read again.
/// Of a new account the entry itself says enough.
pub fn is_about(kind: &str) -> bool {
    let noun = kind.split_once('.').map_or(kind, |(noun, _)| noun);
    let nouns =
        ["source", "allowance", "rule", "canary", "vendor", "engagement", "person", "service"];
    let read = kind.ends_with(".read") || kind.ends_with(".list");
    nouns.contains(&noun) && !read
}

/// A view of the registers.
pub struct Known {
    /// The row up to which every change is in it.
    until: i64,
    accounts: RwLock<HashMap<u64, String>>,
    vendors: HashMap<String, String>,
    canaries: HashSet<(String, String)>,
    allowances: Vec<Kept<Allowance>>,
    modes: HashMap<String, Mode>,
    sources: Vec<Kept<Source>>,
    met: Mutex<HashMap<String, HashMap<u64, i64>>>,
    last: Mutex<BTreeMap<String, (Moment, u64)>>,
    engagements: Vec<Kept<Engagement>>,
    /// When each person left who did.
    left: HashMap<String, Moment>,
    founder: Option<Founder>,
}

/// The credential that set the house up, and when there was an administrator beside it.
struct Founder {
    credential: String,
    relieved: Option<Moment>,
}

impl Known {
    /// Out of the registers, as they were when this row was the newest, or later.
    pub fn of(house: &House, until: i64) -> Self {
        let accounts = house.nouns::<Account>().iter();
        let people = house.nouns::<Person>().iter();
        let people =
            people.filter_map(|one| Some((format!("person:{}", one.name), one.vendor.clone()?)));
        let services = house.nouns::<Service>().iter();
        let services =
            services.filter_map(|one| Some((format!("service:{}", one.name), one.vendor.clone()?)));
        let canaries = house.all::<Canary>().iter().filter(|kept| kept.row.ended.is_none());
        let met = house.all::<Acquaintance>().iter().map(|kept| {
            let met = kept.row.met.iter().map(|met| (met.slot, met.entry));
            (kept.row.person.clone(), met.collect())
        });
        Self {
            until,
            accounts: RwLock::new(
                accounts.map(|account| (account.slot, account.id.clone())).collect(),
            ),
            vendors: people.chain(services).collect(),
            canaries: canaries
                .map(|kept| {
                    let row = &kept.row;
                    (row.account.clone(), format!("{}/{}", row.collection, row.record))
                })
                .collect(),
            allowances: house.all::<Allowance>().to_vec(),
            modes: modes(house.all::<Rule>()),
            sources: house.all::<Source>().to_vec(),
            met: Mutex::new(met.collect()),
            last: Mutex::default(),
            engagements: house.all::<Engagement>().to_vec(),
            left: house
                .nouns::<Person>()
                .iter()
                .filter_map(|one| Some((one.name.clone(), Moment(one.left?))))
                .collect(),
            founder: founder(house.nouns::<Person>()),
        }
    }

    /// The row up to which every change is in it.
    pub fn until(&self) -> i64 {
        self.until
    }

    /// Goes on with what an earlier view heard.
    pub fn go_on(&self, before: &Self) {
        let last = before.last.lock().unwrap_or_else(PoisonError::into_inner);
        self.last.lock().unwrap_or_else(PoisonError::into_inner).clone_from(&last);
        self.meet(before);
    }

    /// Knows the accounts that another view knows: none ever ends, and a view may have learnt of
    /// some after the registers were read, or of more than are read.
    pub fn meet(&self, other: &Self) {
        let known = other.accounts.read().unwrap_or_else(PoisonError::into_inner);
        let mut accounts = self.accounts.write().unwrap_or_else(PoisonError::into_inner);
        for (slot, id) in &*known {
            accounts.entry(*slot).or_insert_with(|| id.clone());
        }
    }

    /// Learns of an account from the entry that made it.
    pub fn learn(&self, fed: &Fed) {
        if fed.kind != Create::ACTION.name || fed.account != HOUSE {
            return;
        }
        let slot = fed.field("slot").and_then(|slot| slot.parse().ok());
        let id = fed.field("object").and_then(|object| object.split_once('/'));
        if let Some((slot, (_, id))) = slot.zip(id) {
            let mut accounts = self.accounts.write().unwrap_or_else(PoisonError::into_inner);
            accounts.insert(slot, id.to_owned());
        }
    }

    /// The sources that are to speak, with the minutes they may be silent, and when each was named
    /// and last heard.
    pub fn speakers(&self) -> Vec<(&str, u32, Moment)> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let own = self.sources.iter().filter(|kept| kept.row.counts());
        own.filter_map(|kept| {
            let heard = last.get(&kept.id).map(|(at, _)| *at);
            let since = heard.map_or(kept.added.at.0, |at| at.max(kept.added.at.0));
            Some((kept.id.as_str(), kept.row.silent_minutes?, since))
        })
        .collect()
    }

    /// Whether somebody had left at a moment.
    pub fn left(&self, person: &str, at: Moment) -> bool {
        let name = person.strip_prefix("person:").unwrap_or(person);
        self.left.get(name).is_some_and(|left| *left <= at)
    }

    /// Whether a credential is the one that set the house up, used although somebody else could.
    pub fn first_hour(&self, credential: &str, at: Moment) -> bool {
        let founder = self.founder.as_ref().filter(|one| one.credential == credential);
        founder.and_then(|one| one.relieved).is_some_and(|relieved| relieved < at)
    }

    /// The readable id of an account, if it is known.
    pub fn names(&self, slot: u64) -> Option<String> {
        let house = || (slot == HOUSE).then(|| "house".to_owned());
        let accounts = self.accounts.read().unwrap_or_else(PoisonError::into_inner);
        accounts.get(&slot).cloned().or_else(house)
    }

    /// The readable id of an account.
    pub fn account(&self, slot: u64) -> String {
        self.names(slot).unwrap_or_else(|| format!("slot-{slot}"))
    }

    /// Whether a vendor's principal acts on an account outside all hours that were agreed for it.
    pub fn outside_hours(&self, principal: &str, slot: u64, at: Moment) -> bool {
        let Some(vendor) = self.vendor(principal).filter(|_| slot != HOUSE) else { return false };
        let covers = |kept: &&Kept<Engagement>| {
            let (one, slots) = (&kept.row, kept.row.slots.as_ref());
            let begun = kept.added.at.0 <= at && one.from.start() <= at;
            let ended = one.ended.as_ref().is_some_and(|ended| ended.mark.at.0 <= at);
            one.vendor == vendor
                && begun
                && !ended
                && at < one.to.end()
                && slots.is_none_or(|slots| slots.contains(&slot))
        };
        let mut agreed = self.engagements.iter().filter(covers).peekable();
        // Without an engagement it is refused, and that is another matter.
        agreed.peek().is_some() && agreed.all(|kept| kept.row.outside(at))
    }

    /// The vendor that a principal is of.
    pub fn vendor(&self, principal: &str) -> Option<&str> {
        self.vendors.get(principal).map(String::as_str)
    }

    /// Whether a record of an account is a canary.
    pub fn canary(&self, account: &str, object: &str) -> bool {
        self.canaries.contains(&(account.to_owned(), object.to_owned()))
    }

    /// The allowances that may cover an alert.
    pub fn allowances(&self, alert: &Alert) -> Vec<Kept<Allowance>> {
        self.allowances.iter().filter(|one| one.row.allows(alert)).cloned().collect()
    }

    /// What somebody decided about a rule.
    pub fn mode(&self, rule: &str) -> Option<Mode> {
        self.modes.get(rule).copied()
    }

    /// The source that sends syslog from this address.
    pub fn source(&self, peer: &str) -> Option<&str> {
        let own = |kept: &&Kept<Source>| {
            kept.row.counts() && kept.row.peers.iter().any(|known| known == peer)
        };
        self.sources.iter().find(own).map(|kept| kept.id.as_str())
    }

    /// Notes that a source was heard.
    pub fn hear(&self, source: &str, at: Moment) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.len() < 1000 || last.contains_key(source) {
            let one = last.entry(source.to_owned()).or_insert((at, 0));
            (one.0, one.1) = (one.0.max(at), one.1 + 1);
        }
    }

    /// The sources that were heard since this view was made.
    pub fn heard(&self) -> Vec<Heard> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let one = |(source, (at, received)): (&String, &(Moment, u64))| Heard {
            source: source.clone(),
            last: When(*at),
            received: *received,
            malformed: 0,
            dropped: 0,
        };
        last.iter().map(one).collect()
    }

    /// Whether this entry is the first of a person in an account.
    pub fn first(&self, person: &str, slot: u64, entry: i64) -> bool {
        let met = self.met.lock().unwrap_or_else(PoisonError::into_inner);
        met.get(person).and_then(|met| met.get(&slot)) == Some(&entry)
    }

    /// Who meets whom for the first time in these entries; remembered from now on.
    pub fn meets(&self, entries: &[Fed]) -> Vec<(PrincipalId, Met)> {
        let mut met = self.met.lock().unwrap_or_else(PoisonError::into_inner);
        let mut fresh = Vec::new();
        for fed in entries.iter().filter(|fed| fed.account != HOUSE) {
            let touches = fed.kind.starts_with("record.") || fed.kind == "transfer.add";
            let person = fed.field("actor").and_then(|actor| PrincipalId::parse(actor).ok());
            let Some(person) = person.filter(|one| touches && one.parts().0 == "person") else {
                continue;
            };
            let own = met.entry(person.to_string()).or_default();
            if let std::collections::hash_map::Entry::Vacant(place) = own.entry(fed.account) {
                place.insert(fed.row);
                fresh.push((person, Met { slot: fed.account, entry: fed.row }));
            }
        }
        fresh
    }
}

/// The first credential of whoever joined first, until another administrator joined.
fn founder(people: &[Person]) -> Option<Founder> {
    let first = people.iter().min_by_key(|one| one.joined)?;
    let administers = |one: &&Person| one.roles.iter().any(|role| role == "administrator");
    let others = people.iter().filter(|one| one.name != first.name && one.left.is_none());
    let relieved = others.filter(administers).map(|one| Moment(one.joined)).min();
    let credential = first.credentials.first()?.id.clone();
    Some(Founder { credential, relieved })
}

fn modes(rules: &[Kept<Rule>]) -> HashMap<String, Mode> {
    rules.iter().map(|kept| (kept.row.rule.clone(), kept.row.mode)).collect()
}
