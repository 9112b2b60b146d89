//! The matches of one group in order of time, and what is asked of them.
//!
//! A *breach* is a moment at which the condition holds, looking back over the window. Which moments
//! are breaches depends on the set of matches alone, not on the order in which they came. In order,
//! a match costs O(1); one that comes late costs a pass over the two windows around it, at most
//! [`Limits::exact`](crate::Limits::exact) steps.

use std::collections::{HashMap, VecDeque};

use crate::plan::{Kind, Plan};
use crate::sketch::{ERROR, Sketch};
use crate::sum::{Sum, Values};

/// One match, or several that were rounded into one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// When, in µs since 1970.
    pub(crate) time: u64,
    /// The first event's number.
    pub(crate) number: u64,
    /// What it adds to a sum, in thousandths.
    pub(crate) weight: u64,
    /// Which rule matched, or which value it had.
    pub(crate) tag: u32,
    /// How many events it stands for.
    pub(crate) events: u32,
}

/// The condition held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Breach {
    pub(crate) from: u64,
    pub(crate) to: u64,
    pub(crate) value: u64,
    pub(crate) count: u64,
    pub(crate) events: Vec<u64>,
    pub(crate) degraded: Option<String>,
}

/// The matches of a group.
#[derive(Clone, Debug, Default)]
pub(crate) struct Timeline {
    entries: VecDeque<Entry>,
    /// The first entry of the window that ends with the last.
    head: usize,
    /// What that window adds up to.
    sum: Sum,
    /// Values seen, by the tag that stands for them.
    values: Values,
    /// How far times were rounded, in µs; 0 when they are exact.
    rounded: u64,
    sketch: Option<Box<Sketch>>,
    /// The first and last numbers, once only a sketch is kept.
    listed: VecDeque<u64>,
}

impl Timeline {
    /// What it weighs, in matches of 32 bytes.
    pub(crate) fn weight(&self) -> usize {
        let sketch = self.sketch.as_ref().map_or(0, |sketch| sketch.weight());
        self.entries.len() + self.values.weight() + sketch
    }

    /// Matches kept.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// How hot it is: matches kept, one for one, or events that were estimated.
    pub(crate) fn matches(&self) -> u64 {
        self.sketch.as_ref().map_or(self.entries.len() as u64, |sketch| sketch.events())
    }

    /// The newest match, in µs since 1970.
    pub(crate) fn latest(&self) -> Option<u64> {
        let sketched = self.sketch.as_ref().map(|sketch| sketch.latest());
        self.entries.back().map(|entry| entry.time).max(sketched)
    }

    /// Takes a match. Calls `found` for each span of the plan in which it makes or is a breach,
    /// unless `known` says that the span had one already.
    pub(crate) fn take(
        &mut self,
        plan: &Plan,
        entry: Entry,
        value: &str,
        listed: usize,
        known: &dyn Fn(u64) -> bool,
    ) -> Vec<Breach> {
        if self.sketch.is_some() {
            return self.take_sketched(plan, entry, value, listed, known);
        }
        let entry = self.tagged(plan, entry, value);
        let in_order = self
            .entries
            .back()
            .is_none_or(|last| (last.time, last.tag_in(plan)) <= (entry.time, entry.tag_in(plan)));
        if !in_order {
            return self.take_late(plan, entry, listed, known);
        }
        self.entries.push_back(entry);
        self.sum.add(plan, &entry);
        let since = entry.time.saturating_sub(plan.window);
        while let Some(first) = self.entries.get(self.head).filter(|first| first.time < since) {
            self.sum.remove(plan, first);
            self.head += 1;
        }
        if plan.waits() || known(entry.time / plan.span) {
            return Vec::new();
        }
        let last = self.entries.len() - 1;
        let held = self.sum.holds(plan, since);
        held.map(|value| self.breach(self.head, last, value, self.sum.events, listed))
            .into_iter()
            .collect()
    }

    fn tagged(&mut self, plan: &Plan, mut entry: Entry, value: &str) -> Entry {
        if matches!(plan.kind, Kind::Distinct(_)) {
            entry.tag = self.values.tag(value);
        }
        entry
    }

    fn take_late(
        &mut self,
        plan: &Plan,
        entry: Entry,
        listed: usize,
        known: &dyn Fn(u64) -> bool,
    ) -> Vec<Breach> {
        let key = (entry.time, entry.tag_in(plan));
        let at = self.entries.partition_point(|held| (held.time, held.tag_in(plan)) <= key);
        self.entries.insert(at, entry);
        if self.needs_no_pass(plan, &entry, known) {
            let latest = self.entries.back().map_or(0, |last| last.time);
            if entry.time >= latest.saturating_sub(plan.window) {
                self.sum.add(plan, &entry);
            } else {
                self.head += 1;
            }
            return Vec::new();
        }
        let first = self.first_since(entry.time.saturating_sub(plan.window));
        let until = entry.time.saturating_add(plan.window);
        let mut found: Vec<Breach> = Vec::new();
        let (sum, head) = self.run(plan, first, |head, last, to, sum| {
            if to < entry.time || to > until || plan.waits() || known(to / plan.span) {
                return;
            }
            if found.last().is_some_and(|breach| breach.to / plan.span == to / plan.span) {
                return;
            }
            if let Some(value) = sum.holds(plan, to.saturating_sub(plan.window)) {
                found.push(self.breach(head, last, value, sum.events, listed));
            }
        });
        (self.sum, self.head) = (sum, head);
        found
    }

    /// Whether a late match can make no breach that matters: even all matches together are too few,
    /// or every span it can reach has its alert. Whoever sends everything late then costs no more
    /// than anybody else.
    fn needs_no_pass(&self, plan: &Plan, entry: &Entry, known: &dyn Fn(u64) -> bool) -> bool {
        let too_few = match &plan.kind {
            // An order of matches has to be followed through.
            Kind::Ordered(_) => return false,
            Kind::Count(bound) => self.rounded == 0 && !bound.holds(self.entries.len() as u128),
            Kind::Distinct(bound) => !bound.holds(self.values.len() as u128),
            Kind::Sum(_) | Kind::Together(_) | Kind::Absent(_) => false,
        };
        if too_few || plan.waits() {
            return true;
        }
        let latest = self.entries.back().map_or(0, |last| last.time);
        let until = entry.time.saturating_add(plan.window).min(latest);
        // At most two: a span is at least as long as the window.
        (entry.time / plan.span..=until / plan.span).all(known)
    }

    /// Slides the window from the entry at `first` to the end, and shows each moment: the window's
    /// first entry, its last, its time, and what it adds up to.
    fn run(
        &self,
        plan: &Plan,
        first: usize,
        mut show: impl FnMut(usize, usize, u64, &Sum),
    ) -> (Sum, usize) {
        let mut sum = Sum::default();
        let mut head = first;
        for last in first..self.entries.len() {
            let Some(entry) = self.entries.get(last) else { break };
            sum.add(plan, entry);
            let since = entry.time.saturating_sub(plan.window);
            while let Some(old) = self.entries.get(head).filter(|old| old.time < since) {
                sum.remove(plan, old);
                head += 1;
            }
            if self.entries.get(last + 1).is_none_or(|next| next.time != entry.time) {
                show(head, last, entry.time, &sum);
            }
        }
        (sum, head)
    }

    /// Decides the moments after `after` and up to `until` of a plan that waits.
    pub(crate) fn settle(
        &self,
        plan: &Plan,
        after: Option<u64>,
        until: u64,
        listed: usize,
        known: &dyn Fn(u64) -> bool,
    ) -> Vec<Breach> {
        let undecided = |time: u64| after.is_none_or(|after| time > after) && time <= until;
        let Some(begin) = self.entries.iter().find(|entry| undecided(entry.time)) else {
            return Vec::new();
        };
        let first = self.first_since(begin.time.saturating_sub(plan.window));
        let mut found: Vec<Breach> = Vec::new();
        self.run(plan, first, |head, last, to, sum| {
            if !undecided(to) || known(to / plan.span) {
                return;
            }
            if found.last().is_some_and(|breach| breach.to / plan.span == to / plan.span) {
                return;
            }
            let Some(value) = sum.holds(plan, to.saturating_sub(plan.window)) else { return };
            if self.happened(plan, last) {
                return;
            }
            found.push(self.breach(head, last, value, sum.events, listed));
        });
        found
    }

    /// Whether the moment of this entry is no absence: it is not what was waited for, or what must
    /// be missing is there.
    fn happened(&self, plan: &Plan, last: usize) -> bool {
        let Kind::Absent(absent) = &plan.kind else { return false };
        let Some(moment) = self.entries.get(last).map(|entry| entry.time) else { return true };
        let is_missing = |tag: u32| absent.missing.iter().any(|missing| missing.tag == tag);
        let here = self.first_since(moment);
        // A moment at which only the missing rule matched begins no absence.
        if self.entries.range(here..=last).all(|entry| is_missing(entry.tag)) {
            return true;
        }
        let first = self.first_since(moment.saturating_sub(plan.window));
        let end = moment.saturating_add(plan.window);
        self.entries.range(first..).take_while(|entry| entry.time <= end).any(|entry| {
            absent.missing.iter().any(|missing| {
                missing.tag == entry.tag
                    && ((missing.before && entry.time <= moment)
                        || (missing.after && entry.time >= moment))
            })
        })
    }

    fn first_since(&self, since: u64) -> usize {
        self.entries.partition_point(|entry| entry.time < since)
    }

    /// The next undecided match of a plan that waits.
    pub(crate) fn next_after(&self, after: Option<u64>) -> Option<u64> {
        let at = match after {
            Some(after) => self.entries.partition_point(|entry| entry.time <= after),
            None => 0,
        };
        self.entries.get(at).map(|entry| entry.time)
    }

    fn breach(&self, head: usize, last: usize, value: u64, count: u64, listed: usize) -> Breach {
        let half = (listed / 2).max(1);
        let numbers = |range: std::ops::Range<usize>| {
            range.filter_map(|at| self.entries.get(at)).map(|entry| entry.number)
        };
        let end = last + 1;
        let mut events: Vec<u64> = if end - head <= 2 * half {
            numbers(head..end).collect()
        } else {
            numbers(head..head + half).chain(numbers(end - half..end)).collect()
        };
        events.sort_unstable();
        events.dedup();
        let time = |at: usize| self.entries.get(at).map_or(0, |entry| entry.time);
        let degraded = (self.rounded > 0).then(|| {
            let seconds = self.rounded.div_ceil(1_000_000);
            format!("many matches: times are rounded up by at most {seconds} s")
        });
        Breach { from: time(head), to: time(last), value, count, events, degraded }
    }

    fn take_sketched(
        &mut self,
        plan: &Plan,
        entry: Entry,
        value: &str,
        listed: usize,
        known: &dyn Fn(u64) -> bool,
    ) -> Vec<Breach> {
        let Some(sketch) = self.sketch.as_mut() else { return Vec::new() };
        let estimate = sketch.add(entry.time, value, u64::from(entry.events));
        if self.listed.len() >= listed.max(1) {
            self.listed.remove(listed / 2);
        }
        self.listed.push_back(entry.number);
        let Kind::Distinct(bound) = &plan.kind else { return Vec::new() };
        let to = sketch.latest();
        if plan.waits() || known(to / plan.span) || !bound.holds(u128::from(estimate)) {
            return Vec::new();
        }
        vec![Breach {
            from: sketch.from(),
            to,
            value: estimate,
            count: sketch.events(),
            events: self.listed.iter().copied().collect(),
            degraded: Some(ERROR.to_owned()),
        }]
    }

    /// Forgets what no window can reach any more.
    pub(crate) fn prune(&mut self, plan: &Plan, floor: u64) {
        while let Some(first) = self.entries.front().copied().filter(|first| first.time < floor) {
            self.entries.pop_front();
            match self.head.checked_sub(1) {
                Some(head) => self.head = head,
                None => self.sum.remove(plan, &first),
            }
            if matches!(plan.kind, Kind::Distinct(_)) {
                self.values.drop(first.tag);
            }
        }
    }

    /// Makes room: matches within one cell of time become one; if that is not enough for a distinct
    /// count, only an estimate is kept.
    pub(crate) fn shrink(&mut self, plan: &Plan, reach: u64, room: usize) {
        let cell = (reach / 512).max(1);
        self.rounded = self.rounded.max(cell);
        let mut merged: Vec<Entry> = Vec::new();
        let mut places: HashMap<(u64, u32), usize> = HashMap::new();
        for entry in &self.entries {
            let place = *places.entry((entry.time / cell, entry.tag)).or_insert(merged.len());
            match merged.get_mut(place) {
                Some(into) => {
                    // The later time: counted too long rather than too short.
                    into.time = into.time.max(entry.time);
                    into.weight = into.weight.saturating_add(entry.weight);
                    into.events = into.events.saturating_add(entry.events);
                    if matches!(plan.kind, Kind::Distinct(_)) {
                        self.values.drop(entry.tag);
                    }
                }
                None => merged.push(*entry),
            }
        }
        merged.sort_by_key(|entry| (entry.time, entry.tag_in(plan)));
        if matches!(plan.kind, Kind::Distinct(_)) && merged.len() > room {
            self.sketch(plan, &merged);
            return;
        }
        self.entries = merged.into();
        let latest = self.entries.back().map_or(0, |entry| entry.time);
        let first = self.first_since(latest.saturating_sub(plan.window));
        (self.sum, self.head) = self.run(plan, first, |_, _, _, _| {});
    }

    fn sketch(&mut self, plan: &Plan, entries: &[Entry]) {
        let mut sketch = Sketch::new(plan.window);
        for entry in entries {
            sketch.add(entry.time, self.values.of(entry.tag), u64::from(entry.events));
            if self.listed.len() < 16 {
                self.listed.push_back(entry.number);
            }
        }
        self.entries = VecDeque::new();
        self.values = Values::default();
        (self.sum, self.head) = (Sum::default(), 0);
        self.sketch = Some(Box::new(sketch));
    }

    /// As it is stored: entries with their values, and the sketch.
    pub(crate) fn stored(&self, plan: &Plan) -> Stored {
        let distinct = matches!(plan.kind, Kind::Distinct(_));
        // Values are numbered anew in the order of entries, so that the same matches give the same
        // bytes whatever came before.
        let mut numbers: HashMap<u32, u32> = HashMap::new();
        let mut values = Vec::new();
        let mut entries = Vec::with_capacity(self.entries.len());
        for it in &self.entries {
            let tag = if distinct {
                let next = numbers.len() as u32;
                *numbers.entry(it.tag).or_insert_with(|| {
                    values.push(self.values.of(it.tag).to_owned());
                    next
                })
            } else {
                it.tag
            };
            entries.push((it.time, it.number, it.weight, tag, it.events));
        }
        Stored {
            entries,
            values,
            rounded: self.rounded,
            sketch: self.sketch.as_deref().cloned(),
            listed: self.listed.iter().copied().collect(),
        }
    }

    /// From what was stored.
    pub(crate) fn restored(plan: &Plan, stored: Stored) -> Self {
        let mut line = Self {
            rounded: stored.rounded,
            sketch: stored.sketch.map(Box::new),
            listed: stored.listed.into(),
            ..Self::default()
        };
        for (time, number, weight, tag, events) in stored.entries {
            let entry = Entry { time, number, weight, tag, events };
            let value = stored.values.get(tag as usize).map_or("", String::as_str);
            let entry = line.tagged(plan, entry, value);
            line.entries.push_back(entry);
        }
        let latest = line.entries.back().map_or(0, |entry| entry.time);
        let first = line.first_since(latest.saturating_sub(plan.window));
        (line.sum, line.head) = line.run(plan, first, |_, _, _, _| {});
        line
    }
}

impl Entry {
    /// Where matches of one moment are in order: by rule, but not by value.
    fn tag_in(&self, plan: &Plan) -> u32 {
        if matches!(plan.kind, Kind::Distinct(_)) { 0 } else { self.tag }
    }
}

/// A timeline as it is stored.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub(crate) struct Stored {
    entries: Vec<(u64, u64, u64, u32, u32)>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    values: Vec<String>,
    #[serde(default)]
    rounded: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sketch: Option<Sketch>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    listed: Vec<u64>,
}
