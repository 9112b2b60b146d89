//! The detector: events in, alerts out.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

use crate::alert::{Alert, id_of};
use crate::coverage::{Coverage, Interval};
use crate::event::Event;
use crate::group::{Group, told, value, write_key};
use crate::limits::Limits;
use crate::plan::{Kind, Plan};
use crate::rules::{Rule, Rules};
use crate::store::Store;
use crate::timeline::{Breach, Entry};

/// How much time passes between two sweeps, in µs: a minute.
const SWEEP: u64 = 60 * 1_000_000;

/// Evaluates rules on events, one after another.
#[derive(Debug)]
pub struct Detector {
    pub(crate) rules: Arc<Rules>,
    pub(crate) limits: Limits,
    pub(crate) store: Store,
    pub(crate) coverage: Coverage,
    /// The latest receipt or tick, in µs since 1970.
    pub(crate) watermark: u64,
    agenda: BinaryHeap<Reverse<(u64, usize, Arc<str>)>>,
    retroactive: bool,
    swept: u64,
    since_sweep: usize,
    matched: Vec<usize>,
    key: String,
}

/// What a tenant holds, and what was lost because it held too much.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pressure {
    /// The tenant.
    pub tenant: String,
    /// Groups that are remembered at its cost.
    pub groups: usize,
    /// Matches that are remembered at its cost, with what groups cost themselves.
    pub matches: usize,
    /// Groups that were forgotten before their window ended.
    pub forgotten: u64,
    /// The most matches that one of them had: by so many a later count may be too low.
    pub largest: u64,
}

impl Detector {
    /// A detector that has seen nothing.
    pub fn new(rules: impl Into<Arc<Rules>>, limits: Limits) -> Self {
        let rules = rules.into();
        let coverage =
            Coverage::of(rules.iter().map(|rule| (rule.id.clone(), rule.version.clone())));
        Self {
            store: Store::new(rules.plans().len(), limits),
            rules,
            limits,
            coverage,
            watermark: 0,
            agenda: BinaryHeap::new(),
            retroactive: false,
            swept: 0,
            since_sweep: 0,
            matched: Vec::new(),
            key: String::new(),
        }
    }

    /// A detector for running new rules over old events: its alerts say so. What it covered is
    /// handed to the one in use with [`Self::cover`].
    pub fn retroactive(rules: impl Into<Arc<Rules>>, limits: Limits) -> Self {
        Self { retroactive: true, ..Self::new(rules, limits) }
    }

    /// The rules it evaluates.
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// The number of the last event taken.
    pub fn last(&self) -> Option<u64> {
        self.coverage.last()
    }

    /// Evaluates an event. One that was taken before is passed over, so that feeding again from the
    /// last export counts nothing twice.
    pub fn take(&mut self, event: &Event) -> Vec<Alert> {
        let mut alerts = Vec::new();
        if self.coverage.last().is_some_and(|last| event.number <= last) {
            return alerts;
        }
        self.coverage.take(event.number);
        self.advance(event.received, &mut alerts);
        if event.is_own_answer() {
            return alerts;
        }
        let (time, skewed) = self.counted_at(event);
        let mut matched = std::mem::take(&mut self.matched);
        let rules = Arc::clone(&self.rules);
        rules.matching(event, &mut matched);
        for &place in &matched {
            if let Some(rule) = rules.rule(place).filter(|rule| rule.alerts) {
                alerts.push(self.single(rule, event, time, skewed));
            }
            for &(plan, tag) in rules.feeds(place) {
                self.feed((plan, tag), event, time, skewed, &mut alerts);
            }
        }
        self.matched = matched;
        self.since_sweep += 1;
        alerts
    }

    /// Says what time it is, in µs since 1970, so that what waits for an absence is decided without
    /// another event.
    pub fn tick(&mut self, now: u64) -> Vec<Alert> {
        let mut alerts = Vec::new();
        // Nothing else is to be done, so that a sweep is due whatever it costs.
        self.since_sweep = self.since_sweep.max(self.store.groups());
        self.advance(now, &mut alerts);
        alerts
    }

    /// On which events each rule was evaluated; ascending, and a hole is an event it never saw.
    pub fn coverage(&self) -> Vec<(&Rule, Vec<Interval>)> {
        let all = self.coverage.all();
        let of = |rule: &Rule| {
            let key = (rule.id.as_str(), rule.version.as_str());
            let found =
                all.iter().find(|((id, version), _)| (id.as_str(), version.as_str()) == key);
            found.map(|(_, intervals)| intervals.clone()).unwrap_or_default()
        };
        self.rules.iter().map(|rule| (rule, of(rule))).collect()
    }

    /// Adds what another detector evaluated for a rule of this version.
    pub fn cover(&mut self, rule: &str, version: &str, intervals: &[Interval]) {
        self.coverage.add(&(rule.to_owned(), version.to_owned()), intervals);
    }

    /// What each tenant holds and has lost.
    pub fn pressure(&self) -> Vec<Pressure> {
        let held = self.store.tenants.iter();
        held.filter(|tenant| tenant.groups > 0 || tenant.forgotten > 0)
            .map(|tenant| Pressure {
                tenant: tenant.name.clone(),
                groups: tenant.groups,
                matches: tenant.matches,
                forgotten: tenant.forgotten,
                largest: tenant.largest,
            })
            .collect()
    }

    /// When an event counts, and whether its clock is wrong. Our own events count when they were
    /// received; others when they say, unless that is too far off.
    fn counted_at(&self, event: &Event) -> (u64, bool) {
        if event.is_ours() {
            return (event.received, false);
        }
        let earliest = event.received.saturating_sub(self.limits.skew);
        let latest = event.received.saturating_add(self.limits.skew);
        let counted = event.time.clamp(earliest, latest);
        (counted, counted != event.time)
    }

    /// Moves time on: decides what waited, and now and then forgets what is over.
    fn advance(&mut self, now: u64, alerts: &mut Vec<Alert>) {
        self.watermark = self.watermark.max(now);
        while let Some(Reverse((due, _, _))) = self.agenda.peek() {
            if *due > self.watermark {
                break;
            }
            if let Some(Reverse((_, plan, key))) = self.agenda.pop() {
                self.settle(plan, &key, alerts);
            }
        }
        let passed = self.watermark.saturating_sub(self.swept) >= SWEEP;
        if passed && self.since_sweep * 4 >= self.store.groups() {
            (self.swept, self.since_sweep) = (self.watermark, 0);
            self.sweep();
        }
    }

    fn sweep(&mut self) {
        let (rules, limits, watermark) = (Arc::clone(&self.rules), self.limits, self.watermark);
        self.store.sweep(|at, group| {
            let Some(plan) = rules.plans().get(at) else { return true };
            group.timeline.prune(plan, floor(plan, limits, watermark));
            forget_spans(group, plan, limits, watermark);
            let silent = group
                .timeline
                .latest()
                .is_none_or(|latest| latest < floor(plan, limits, watermark));
            silent && group.alerted.is_empty() && !group.scheduled
        });
    }

    /// A match of a rule that looks at one event.
    fn single(&self, rule: &Rule, event: &Event, time: u64, skewed: bool) -> Alert {
        let id = id_of(&[
            b"event",
            rule.id.as_bytes(),
            rule.version.as_bytes(),
            &event.number.to_be_bytes(),
        ]);
        Alert {
            from: time,
            to: time,
            events: vec![event.number],
            count: 1,
            value: 1,
            degraded: skewed.then(|| self.wrong_clock()),
            ..self.blank(rule, id)
        }
    }

    /// An alert of a rule, without what it found.
    fn blank(&self, rule: &Rule, id: String) -> Alert {
        Alert {
            id,
            rule: rule.id.clone(),
            name: rule.name.clone(),
            version: rule.version.clone(),
            title: rule.title.clone(),
            level: rule.level,
            author: rule.author.clone(),
            tags: rule.tags.clone(),
            paging: rule.paging,
            answer: rule.answer,
            group: Vec::new(),
            from: 0,
            to: 0,
            events: Vec::new(),
            count: 0,
            value: 0,
            degraded: None,
            unattributed: false,
            shadow: rule.shadow,
            retroactive: self.retroactive,
        }
    }

    /// Gives a match to a correlation.
    fn feed(
        &mut self,
        (at, tag): (usize, u32),
        event: &Event,
        time: u64,
        skewed: bool,
        alerts: &mut Vec<Alert>,
    ) {
        let rules = Arc::clone(&self.rules);
        let Some(plan) = rules.plans().get(at) else { return };
        let Some(value) = value(plan, event) else { return };
        let weight = match (&plan.kind, plan.field.first()) {
            (Kind::Sum(_), Some(field)) => match event.thousandths(field) {
                Some(weight) => weight,
                None => return,
            },
            _ => 0,
        };
        let mut key = std::mem::take(&mut self.key);
        write_key(&mut key, plan, tag, event, skewed);
        let tenant = self.store.tenant(&event.tenant);
        let (limits, watermark) = (self.limits, self.watermark);
        let mut found = Vec::new();
        let mut due = None;
        if let Some(group) = self.store.open(at, &key, tenant) {
            let entry = Entry { time, number: event.number, weight, tag, events: 1 };
            let alerted = std::mem::take(&mut group.alerted);
            let known = |span: u64| alerted.contains(&span);
            let breaches = group.timeline.take(plan, entry, &value, limits.listed, &known);
            group.alerted = alerted;
            note(group, plan, breaches, &mut found);
            group.timeline.prune(plan, floor(plan, limits, watermark));
            if group.timeline.len() > limits.exact {
                group.timeline.shrink(plan, reach(plan, limits), limits.exact / 2);
            }
            forget_spans(group, plan, limits, watermark);
            due = schedule(group, plan, limits);
        }
        if let Some(due) = due {
            self.agenda.push(Reverse((due, at, Arc::from(key.as_str()))));
            self.tidy_agenda();
        }
        self.store.charge(at, plan, &key, reach(plan, limits));
        alerts.extend(found.into_iter().map(|(b, before)| self.alert(plan, &key, b, before)));
        self.key = key;
    }

    /// Decides what a group of a waiting plan waited for.
    fn settle(&mut self, at: usize, key: &Arc<str>, alerts: &mut Vec<Alert>) {
        let rules = Arc::clone(&self.rules);
        let Some(plan) = rules.plans().get(at) else { return };
        let Some(group) = self.store.plans.get_mut(at).and_then(|it| it.get_mut(key)) else {
            return;
        };
        group.scheduled = false;
        let wait = self.limits.lateness.saturating_add(plan.ahead());
        let until = self.watermark.saturating_sub(wait);
        let alerted = std::mem::take(&mut group.alerted);
        let known = |span: u64| alerted.contains(&span);
        let listed = self.limits.listed;
        let breaches = group.timeline.settle(plan, group.settled, until, listed, &known);
        group.alerted = alerted;
        group.settled = group.settled.max(Some(until));
        let mut found = Vec::new();
        note(group, plan, breaches, &mut found);
        if let Some(due) = schedule(group, plan, self.limits) {
            self.agenda.push(Reverse((due, at, Arc::clone(key))));
        }
        alerts.extend(found.into_iter().map(|(b, before)| self.alert(plan, key, b, before)));
    }

    /// Makes the agenda anew when most of what is on it is about groups that were forgotten.
    fn tidy_agenda(&mut self) {
        if self.agenda.len() > 4 * self.store.groups() + 1_024 {
            self.reschedule();
        }
    }

    /// Puts every group of a waiting plan on the agenda.
    pub(crate) fn reschedule(&mut self) {
        self.agenda.clear();
        for (at, groups) in self.store.plans.iter_mut().enumerate() {
            let Some(plan) = self.rules.plans().get(at) else { continue };
            for (key, group) in groups {
                group.scheduled = false;
                if let Some(due) = schedule(group, plan, self.limits) {
                    self.agenda.push(Reverse((due, at, Arc::clone(key))));
                }
            }
        }
    }

    fn alert(&self, plan: &Plan, key: &str, breach: Breach, before: u64) -> Alert {
        let told = told(plan, key);
        let Some(rule) = self.rules.rule(plan.rule) else {
            // A plan always has its rule; an alert without one would be lost silently.
            return self.blank(&Rule::unknown(), String::new());
        };
        let span = breach.to / plan.span * plan.span;
        let id = id_of(&[
            b"window",
            rule.id.as_bytes(),
            rule.version.as_bytes(),
            key.as_bytes(),
            &span.to_be_bytes(),
        ]);
        let mut degraded: Vec<String> = breach.degraded.into_iter().collect();
        if told.skewed {
            degraded.push(self.wrong_clock());
        }
        if before > 0 {
            degraded.push(format!(
                "up to {before} earlier matches were forgotten, because its tenant held too many \
                 groups"
            ));
        }
        Alert {
            group: told.pairs,
            from: breach.from,
            to: breach.to,
            events: breach.events,
            count: breach.count,
            value: breach.value,
            degraded: (!degraded.is_empty()).then(|| degraded.join("; ")),
            unattributed: told.unattributed,
            ..self.blank(rule, id)
        }
    }

    fn wrong_clock(&self) -> String {
        let seconds = self.limits.skew / 1_000_000;
        format!("its clock is off by more than {seconds} s: counted by the time of receipt")
    }
}

/// Before this moment, in µs since 1970, nothing can matter to a plan any more.
fn floor(plan: &Plan, limits: Limits, watermark: u64) -> u64 {
    let late = limits.skew.max(limits.lateness.saturating_add(plan.ahead()));
    watermark.saturating_sub(late).saturating_sub(plan.window)
}

/// From the oldest match that is kept to the newest, in µs.
fn reach(plan: &Plan, limits: Limits) -> u64 {
    let late = limits.skew.max(limits.lateness.saturating_add(plan.ahead()));
    plan.window.saturating_add(late).saturating_add(limits.skew)
}

/// Forgets alerts of spans that no event can fall into any more.
fn forget_spans(group: &mut Group, plan: &Plan, limits: Limits, watermark: u64) {
    let late = limits.skew.max(limits.lateness.saturating_add(plan.ahead()));
    let oldest = watermark.saturating_sub(late) / plan.span;
    group.alerted.retain(|&span| span >= oldest);
}

/// Remembers in which spans a group had its alert.
fn note(group: &mut Group, plan: &Plan, breaches: Vec<Breach>, found: &mut Vec<(Breach, u64)>) {
    for breach in breaches {
        group.alerted.push(breach.to / plan.span);
        found.push((breach, group.before));
    }
}

/// When a group of a waiting plan is next due, unless that is on the agenda.
fn schedule(group: &mut Group, plan: &Plan, limits: Limits) -> Option<u64> {
    if !plan.waits() || group.scheduled {
        return None;
    }
    let next = group.timeline.next_after(group.settled)?;
    group.scheduled = true;
    Some(next.saturating_add(limits.lateness).saturating_add(plan.ahead()))
}
