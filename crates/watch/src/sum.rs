//! What the matches in a window add up to, kept up to date as they come and go.

use std::collections::{HashMap, VecDeque};

use crate::plan::{Kind, Plan};
use crate::timeline::Entry;

/// Values of a distinct count, and how many entries hold each.
#[derive(Clone, Debug, Default)]
pub(crate) struct Values {
    tags: HashMap<Box<str>, u32>,
    held: Vec<(Box<str>, u32)>,
    free: Vec<u32>,
    bytes: usize,
}

/// What a value costs beside its text, which is kept twice, in bytes.
const VALUE: usize = 96;

impl Values {
    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.tags.len()
    }

    /// What they weigh, in matches of 32 bytes.
    pub(crate) fn weight(&self) -> usize {
        self.bytes / 32
    }

    pub(crate) fn tag(&mut self, value: &str) -> u32 {
        if let Some(&tag) = self.tags.get(value) {
            if let Some((_, held)) = self.held.get_mut(tag as usize) {
                *held += 1;
            }
            return tag;
        }
        let tag = self.free.pop().unwrap_or_else(|| {
            self.held.push((Box::default(), 0));
            (self.held.len() - 1) as u32
        });
        if let Some(slot) = self.held.get_mut(tag as usize) {
            *slot = (Box::from(value), 1);
        }
        self.tags.insert(Box::from(value), tag);
        self.bytes += VALUE + 2 * value.len();
        tag
    }

    pub(crate) fn drop(&mut self, tag: u32) {
        let Some((value, held)) = self.held.get_mut(tag as usize) else { return };
        *held = held.saturating_sub(1);
        if *held == 0 {
            self.tags.remove(value);
            self.bytes = self.bytes.saturating_sub(VALUE + 2 * value.len());
            *value = Box::default();
            self.free.push(tag);
        }
    }

    pub(crate) fn of(&self, tag: u32) -> &str {
        self.held.get(tag as usize).map_or("", |(value, _)| value)
    }
}

/// What a window adds up to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sum {
    pub(crate) events: u64,
    weight: u128,
    /// By tag: entries in the window, for a distinct count.
    held: Vec<u32>,
    distinct: u64,
    /// By tag: the last match, for combinations; for an order, the latest start of a sequence that
    /// ends with this rule.
    at: Vec<Option<u64>>,
    /// The last matches of the first rule of an order, as many as it must have.
    recent: VecDeque<u64>,
}

impl Sum {
    pub(crate) fn add(&mut self, plan: &Plan, entry: &Entry) {
        self.events += u64::from(entry.events);
        let tag = entry.tag as usize;
        match &plan.kind {
            Kind::Count(_) => {}
            Kind::Sum(_) => self.weight += u128::from(entry.weight),
            Kind::Distinct(_) => {
                if self.held.len() <= tag {
                    self.held.resize(tag + 1, 0);
                }
                if let Some(held) = self.held.get_mut(tag) {
                    *held += 1;
                    self.distinct += u64::from(*held == 1);
                }
            }
            Kind::Together(_) | Kind::Absent(_) => {
                self.at.resize(plan.references, None);
                if let Some(at) = self.at.get_mut(tag) {
                    *at = (*at).max(Some(entry.time));
                }
            }
            Kind::Ordered(times) => {
                self.at.resize(plan.references, None);
                let start = match tag.checked_sub(1) {
                    None => self.times_before(entry, *times),
                    Some(before) => self.at.get(before).copied().flatten(),
                };
                if let Some(at) = self.at.get_mut(tag) {
                    *at = (*at).max(start);
                }
            }
        }
    }

    pub(crate) fn remove(&mut self, plan: &Plan, entry: &Entry) {
        self.events -= u64::from(entry.events);
        match &plan.kind {
            Kind::Sum(_) => self.weight -= u128::from(entry.weight),
            Kind::Distinct(_) => {
                if let Some(held) = self.held.get_mut(entry.tag as usize) {
                    *held -= 1;
                    self.distinct -= u64::from(*held == 0);
                }
            }
            // Times are compared with the start of the window.
            Kind::Count(_) | Kind::Together(_) | Kind::Ordered(_) | Kind::Absent(_) => {}
        }
    }

    /// The value, if the condition holds for a window that begins at `since`.
    pub(crate) fn holds(&self, plan: &Plan, since: u64) -> Option<u64> {
        let recent =
            |tag: u32| self.at.get(tag as usize).copied().flatten().is_some_and(|at| at >= since);
        let (value, holds) = match &plan.kind {
            Kind::Count(bound) => (self.events, bound.holds(u128::from(self.events))),
            Kind::Distinct(bound) => (self.distinct, bound.holds(u128::from(self.distinct))),
            Kind::Sum(bound) => {
                let whole = u64::try_from(self.weight / 1000).unwrap_or(u64::MAX);
                (whole, bound.holds(self.weight))
            }
            Kind::Together(seen) => (self.seen(since), seen.holds(&recent)),
            Kind::Absent(absent) => (self.seen(since), absent.seen.holds(&recent)),
            Kind::Ordered(_) => {
                let last = (plan.references as u32).saturating_sub(1);
                (plan.references as u64, recent(last))
            }
        };
        holds.then_some(value)
    }

    /// When the first of the last so many matches of the first rule was.
    fn times_before(&mut self, entry: &Entry, times: usize) -> Option<u64> {
        let copies = usize::try_from(entry.events).unwrap_or(times).min(times);
        self.recent.extend(std::iter::repeat_n(entry.time, copies));
        let surplus = self.recent.len().saturating_sub(times);
        self.recent.drain(..surplus);
        if self.recent.len() < times { None } else { self.recent.front().copied() }
    }

    fn seen(&self, since: u64) -> u64 {
        self.at.iter().flatten().filter(|&&at| at >= since).count() as u64
    }
}
