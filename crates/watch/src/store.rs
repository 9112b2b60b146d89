//! Every group that is remembered, who pays for it, and what is forgotten when somebody holds too
//! much.
//!
//! Each tenant has a quota of groups and matches, so that a flood in one costs no other anything.
//! Within a tenant, the group with the fewest matches goes first, of those the oldest: a group of
//! `c` matches is forgotten only when the tenant's other groups all have at least as many (exact to
//! 15, by powers of two beyond). What a forgotten group had is remembered roughly (a count-min
//! sketch, as in TinyLFU), so that a key that keeps coming back rises above those that came once.

use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;

use crate::group::Group;
use crate::limits::Limits;
use crate::plan::Plan;

/// Classes of how many matches a group has.
const CLASSES: usize = 32;

/// What a group costs beside its matches, in matches.
const OVERHEAD: usize = 8;

/// The weight from which a group is shrunk before others are forgotten.
const LARGE: usize = 1_024;

/// The tenant that all share who come after [`Limits::tenants`].
const OTHERS: &str = "(others)";

/// All groups.
#[derive(Debug)]
pub(crate) struct Store {
    pub(crate) plans: Vec<HashMap<Arc<str>, Group>>,
    pub(crate) tenants: Vec<Tenant>,
    places: HashMap<String, usize>,
    /// Places of tenants that hold nothing any more.
    free: Vec<usize>,
    limits: Limits,
    matches: usize,
    /// Tenants that hold a group.
    active: usize,
    serial: u64,
}

/// What a tenant holds.
#[derive(Debug, Default)]
pub(crate) struct Tenant {
    pub(crate) name: String,
    pub(crate) groups: usize,
    pub(crate) matches: usize,
    /// Groups forgotten so far.
    pub(crate) forgotten: u64,
    /// The most matches that one of them had.
    pub(crate) largest: u64,
    queues: Vec<VecDeque<(usize, Arc<str>, u64)>>,
    queued: usize,
    memory: Option<Memory>,
}

impl Tenant {
    fn named(name: &str) -> Self {
        let queues = (0..CLASSES).map(|_| VecDeque::new()).collect();
        Self { name: name.to_owned(), queues, ..Self::default() }
    }
}

/// Roughly how many matches forgotten groups had.
#[derive(Debug)]
struct Memory {
    rows: Vec<u8>,
    noted: usize,
}

/// Counters in a row of the memory, of four: 256 KiB for a tenant that has forgotten anything.
const ROW: usize = 65_536;
const ROWS: usize = 4;

impl Memory {
    fn new() -> Self {
        Self { rows: vec![0; ROW * ROWS], noted: 0 }
    }

    fn places(plan: usize, key: &str) -> [usize; ROWS] {
        let mut hasher = DefaultHasher::new();
        (plan, key).hash(&mut hasher);
        let hash = hasher.finish();
        let (low, high) = (hash as u32 as usize, (hash >> 32) as usize | 1);
        let mut places = [0; ROWS];
        for (row, place) in places.iter_mut().enumerate() {
            *place = row * ROW + low.wrapping_add(row.wrapping_mul(high)) % ROW;
        }
        places
    }

    fn of(&self, plan: usize, key: &str) -> u64 {
        let held = Self::places(plan, key).map(|at| self.rows.get(at).copied().unwrap_or(0));
        u64::from(held.into_iter().min().unwrap_or(0))
    }

    fn note(&mut self, plan: usize, key: &str, matches: u64) {
        self.noted += 1;
        if self.noted > 2 * ROW {
            // Ages: what is long past weighs half.
            self.rows.iter_mut().for_each(|held| *held /= 2);
            self.noted /= 2;
        }
        let matches = u8::try_from(matches).unwrap_or(u8::MAX);
        for at in Self::places(plan, key) {
            if let Some(held) = self.rows.get_mut(at) {
                *held = (*held).max(matches);
            }
        }
    }
}

impl Store {
    pub(crate) fn new(plans: usize, limits: Limits) -> Self {
        let mut store = Self {
            plans: (0..plans).map(|_| HashMap::new()).collect(),
            tenants: Vec::new(),
            places: HashMap::new(),
            free: Vec::new(),
            limits,
            matches: 0,
            active: 0,
            serial: 0,
        };
        store.tenant(OTHERS);
        store
    }

    /// The place of a tenant.
    pub(crate) fn tenant(&mut self, name: &str) -> usize {
        if let Some(&place) = self.places.get(name) {
            return place;
        }
        let free = self.free.pop();
        if free.is_none() && self.tenants.len() > self.limits.tenants {
            return 0;
        }
        let place = free.unwrap_or(self.tenants.len());
        match self.tenants.get_mut(place) {
            Some(tenant) => *tenant = Tenant::named(name),
            None => self.tenants.push(Tenant::named(name)),
        }
        self.places.insert(name.to_owned(), place);
        place
    }

    /// Makes a group if there is none.
    pub(crate) fn open(&mut self, plan: usize, key: &str, tenant: usize) -> Option<&mut Group> {
        let groups = self.plans.get_mut(plan)?;
        if !groups.contains_key(key) {
            let payer = self.tenants.get_mut(tenant)?;
            self.active += usize::from(payer.groups == 0);
            payer.groups += 1;
            payer.matches += OVERHEAD;
            self.matches += OVERHEAD;
            let before = payer.memory.as_ref().map_or(0, |memory| memory.of(plan, key));
            let group = Group {
                timeline: Default::default(),
                owner: tenant,
                other: None,
                weight: OVERHEAD,
                class: usize::MAX,
                serial: 0,
                before,
                alerted: Vec::new(),
                settled: None,
                scheduled: false,
            };
            groups.insert(Arc::from(key), group);
        }
        let group = groups.get_mut(key)?;
        if group.owner != tenant {
            group.other = Some(tenant);
        }
        Some(group)
    }

    /// Charges a group that has changed, and makes room if somebody holds too much now.
    pub(crate) fn charge(&mut self, at: usize, plan: &Plan, key: &str, reach: u64) {
        let Some((key, owner)) = self.weigh(at, key) else { return };
        loop {
            let quota = self.quota();
            let Some(tenant) = self.tenants.get(owner) else { return };
            let too_many = tenant.matches > quota;
            if !too_many && tenant.groups <= self.limits.groups {
                break;
            }
            if too_many && self.shrink(at, plan, &key, reach) {
                continue;
            }
            if !self.forget_one(owner, Some((at, &key))) {
                break;
            }
        }
        while self.matches > self.limits.matches_of_all {
            let largest = (0..self.tenants.len())
                .max_by_key(|&place| self.tenants.get(place).map_or(0, |it| it.matches));
            let Some(largest) = largest else { break };
            if !self.forget_one(largest, Some((at, &key))) && !self.shrink(at, plan, &key, reach) {
                break;
            }
        }
    }

    /// Matches that a tenant may hold, given how many hold any.
    fn quota(&self) -> usize {
        self.limits.matches.min(self.limits.matches_of_all / self.active.max(1))
    }

    /// Brings a group's weight and class up to date; its shared key and its owner.
    fn weigh(&mut self, plan: usize, key: &str) -> Option<(Arc<str>, usize)> {
        let groups = self.plans.get_mut(plan)?;
        let (shared, _) = groups.get_key_value(key)?;
        let shared = Arc::clone(shared);
        let group = groups.get_mut(key)?;
        let tenant = self.tenants.get_mut(group.owner)?;
        let weight = OVERHEAD + shared.len() / 32 + group.timeline.weight();
        tenant.matches = tenant.matches + weight - group.weight;
        self.matches = self.matches + weight - group.weight;
        group.weight = weight;
        let class = class(group.timeline.matches() + group.before);
        if class != group.class {
            self.serial += 1;
            (group.class, group.serial) = (class, self.serial);
            if let Some(queue) = tenant.queues.get_mut(class) {
                queue.push_back((plan, Arc::clone(&shared), self.serial));
                tenant.queued += 1;
            }
        }
        let owner = group.owner;
        if self.tenants.get(owner).is_some_and(|it| it.queued > 4 * it.groups + 64) {
            self.tidy(owner);
        }
        Some((shared, owner))
    }

    /// Drops places in queues that no longer count.
    fn tidy(&mut self, place: usize) {
        let plans = &self.plans;
        let Some(tenant) = self.tenants.get_mut(place) else { return };
        let counts = |(plan, key, serial): &(usize, Arc<str>, u64)| {
            plans
                .get(*plan)
                .and_then(|groups| groups.get(key))
                .is_some_and(|group| group.serial == *serial && group.owner == place)
        };
        tenant.queues.iter_mut().for_each(|queue| queue.retain(counts));
        tenant.queued = tenant.queues.iter().map(VecDeque::len).sum();
    }

    /// Shrinks a group that is large; whether that made it smaller.
    fn shrink(&mut self, at: usize, plan: &Plan, key: &Arc<str>, reach: u64) -> bool {
        let Some(group) = self.plans.get_mut(at).and_then(|groups| groups.get_mut(key)) else {
            return false;
        };
        let before = group.timeline.weight();
        if before < LARGE {
            return false;
        }
        let room = group.timeline.len() / 2;
        group.timeline.shrink(plan, reach, room);
        let smaller = group.timeline.weight() < before;
        self.weigh(at, key);
        smaller
    }

    /// Forgets a tenant's smallest group but this one; whether there was one.
    fn forget_one(&mut self, place: usize, spared: Option<(usize, &Arc<str>)>) -> bool {
        for class in 0..CLASSES {
            let mut kept = None;
            while let Some(next) = self.next_of(place, class) {
                let (plan, key, serial) = next;
                let counts = self
                    .plans
                    .get(plan)
                    .and_then(|groups| groups.get(&key))
                    .is_some_and(|group| group.serial == serial && group.owner == place);
                if !counts {
                    continue;
                }
                if spared.is_some_and(|(at, it)| at == plan && *it == key) {
                    kept = Some((plan, key, serial));
                    continue;
                }
                self.put_back(place, class, kept);
                self.let_go(place, plan, &key);
                return true;
            }
            self.put_back(place, class, kept);
        }
        false
    }

    fn next_of(&mut self, place: usize, class: usize) -> Option<(usize, Arc<str>, u64)> {
        let tenant = self.tenants.get_mut(place)?;
        let next = tenant.queues.get_mut(class)?.pop_front()?;
        tenant.queued -= 1;
        Some(next)
    }

    fn put_back(&mut self, place: usize, class: usize, kept: Option<(usize, Arc<str>, u64)>) {
        let Some(kept) = kept else { return };
        if let Some(tenant) = self.tenants.get_mut(place)
            && let Some(queue) = tenant.queues.get_mut(class)
        {
            queue.push_front(kept);
            tenant.queued += 1;
        }
    }

    /// Takes a group from its owner: another tenant with events in it pays from now on, or it goes.
    fn let_go(&mut self, place: usize, plan: usize, key: &Arc<str>) {
        let Some(groups) = self.plans.get_mut(plan) else { return };
        let Some(group) = groups.get_mut(key) else { return };
        let (weight, matches) = (group.weight, group.timeline.matches() + group.before);
        if let Some(tenant) = self.tenants.get_mut(place) {
            tenant.groups -= 1;
            self.active -= usize::from(tenant.groups == 0);
            tenant.matches -= weight;
        }
        let quota = self.quota();
        let Some(groups) = self.plans.get_mut(plan) else { return };
        let Some(group) = groups.get_mut(key) else { return };
        if let Some(other) = group.other.take()
            && let Some(tenant) = self.tenants.get_mut(other)
            && tenant.groups < self.limits.groups
            && tenant.matches + weight <= quota
        {
            self.active += usize::from(tenant.groups == 0);
            tenant.groups += 1;
            tenant.matches += weight;
            group.owner = other;
            self.serial += 1;
            group.serial = self.serial;
            if let Some(queue) = tenant.queues.get_mut(group.class) {
                queue.push_back((plan, Arc::clone(key), self.serial));
                tenant.queued += 1;
            }
            return;
        }
        groups.remove(key);
        self.matches -= weight;
        if let Some(tenant) = self.tenants.get_mut(place) {
            tenant.forgotten += 1;
            tenant.largest = tenant.largest.max(matches);
            tenant.memory.get_or_insert_with(Memory::new).note(plan, key, matches);
        }
    }

    /// Forgets groups that have nothing left to say.
    pub(crate) fn sweep(&mut self, ended: impl Fn(usize, &mut Group) -> bool) {
        for (plan, groups) in self.plans.iter_mut().enumerate() {
            groups.retain(|key, group| {
                let over = ended(plan, group);
                let Some(tenant) = self.tenants.get_mut(group.owner) else { return !over };
                let weight = OVERHEAD + key.len() / 32 + group.timeline.weight();
                tenant.matches = tenant.matches + weight - group.weight;
                self.matches = self.matches + weight - group.weight;
                group.weight = weight;
                if over {
                    tenant.groups -= 1;
                    self.active -= usize::from(tenant.groups == 0);
                    tenant.matches -= weight;
                    self.matches -= weight;
                }
                !over
            });
        }
        (0..self.tenants.len()).for_each(|place| self.tidy(place));
        self.free_places();
    }

    /// Gives the places of tenants that hold nothing to others, when there is none left.
    fn free_places(&mut self) {
        if self.tenants.len() <= self.limits.tenants {
            return;
        }
        let groups = self.plans.iter().flat_map(HashMap::values);
        let named: HashSet<usize> = groups.filter_map(|group| group.other).collect();
        for (place, tenant) in self.tenants.iter_mut().enumerate().skip(1) {
            let idle = tenant.groups == 0 && !named.contains(&place);
            if idle && self.places.remove(&tenant.name).is_some() {
                *tenant = Tenant::named("");
                self.free.push(place);
            }
        }
    }

    /// How many groups there are.
    pub(crate) fn groups(&self) -> usize {
        self.plans.iter().map(HashMap::len).sum()
    }
}

/// The class of a group with so many matches: exact to 15, by powers of two beyond.
fn class(matches: u64) -> usize {
    match matches {
        0..16 => matches as usize,
        _ => (12 + matches.ilog2() as usize).min(CLASSES - 1),
    }
}
