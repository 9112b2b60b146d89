//! Which events a rule was evaluated on.
//!
//! An event counts as evaluated when the detector took it while the rule was loaded, whether or not
//! it was of the rule's log source. A hole between two intervals is an event that no rule saw.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Event numbers from `first` to `last`, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interval {
    /// The first event.
    pub first: u64,
    /// The last event.
    pub last: u64,
}

/// How many intervals are kept for a rule; the oldest are forgotten first.
const KEPT: usize = 1_024;

/// The intervals of all rules. A rule is named by its id and version.
#[derive(Clone, Debug, Default)]
pub(crate) struct Coverage {
    /// What was covered before the current run.
    past: BTreeMap<(String, String), Vec<Interval>>,
    /// The run that every loaded rule sees.
    run: Option<Interval>,
    /// The last event taken, before a restart too.
    last: Option<u64>,
}

impl Coverage {
    /// Nothing yet, for these rules.
    pub(crate) fn of(rules: impl Iterator<Item = (String, String)>) -> Self {
        Self { past: rules.map(|key| (key, Vec::new())).collect(), run: None, last: None }
    }

    /// The last event taken.
    pub(crate) fn last(&self) -> Option<u64> {
        self.last
    }

    /// An event was evaluated.
    pub(crate) fn take(&mut self, number: u64) {
        self.last = Some(number);
        match &mut self.run {
            Some(run) if run.last.checked_add(1) == Some(number) => run.last = number,
            _ => {
                self.close();
                self.run = Some(Interval { first: number, last: number });
            }
        }
    }

    /// Another detector evaluated these events for a rule.
    pub(crate) fn add(&mut self, rule: &(String, String), intervals: &[Interval]) {
        if let Some(past) = self.past.get_mut(rule) {
            past.extend_from_slice(intervals);
            merge(past);
        }
    }

    /// The intervals of every rule, ascending.
    pub(crate) fn all(&self) -> Vec<((String, String), Vec<Interval>)> {
        let with_run = |past: &Vec<Interval>| {
            let mut all = past.clone();
            all.extend(self.run);
            merge(&mut all);
            all
        };
        self.past.iter().map(|(rule, past)| (rule.clone(), with_run(past))).collect()
    }

    /// Goes on after a restart.
    pub(crate) fn resume(&mut self, last: Option<u64>, of: &[((String, String), Vec<Interval>)]) {
        for (rule, intervals) in of {
            self.add(rule, intervals);
        }
        self.run = None;
        self.last = last;
    }

    fn close(&mut self) {
        let Some(run) = self.run.take() else { return };
        for past in self.past.values_mut() {
            past.push(run);
            merge(past);
        }
    }
}

/// Puts intervals in order, joins those that touch, and forgets the oldest beyond the limit.
fn merge(intervals: &mut Vec<Interval>) {
    intervals.sort_unstable_by_key(|it| (it.first, it.last));
    let mut merged: Vec<Interval> = Vec::with_capacity(intervals.len());
    for &next in intervals.iter() {
        match merged.last_mut() {
            Some(last) if next.first <= last.last.saturating_add(1) => {
                last.last = last.last.max(next.last);
            }
            _ => merged.push(next),
        }
    }
    let surplus = merged.len().saturating_sub(KEPT);
    merged.drain(..surplus);
    *intervals = merged;
}

#[cfg(test)]
mod tests {
    use super::{Coverage, Interval};

    fn rule(id: &str) -> (String, String) {
        (id.to_owned(), "v1".to_owned())
    }

    #[test]
    fn a_hole_is_visible_and_a_back_run_closes_it() {
        let mut coverage = Coverage::of([rule("a")].into_iter());
        for number in [1, 2, 3, 7, 8] {
            coverage.take(number);
        }
        let held = |coverage: &Coverage| coverage.all()[0].1.clone();
        assert_eq!(
            held(&coverage),
            [Interval { first: 1, last: 3 }, Interval { first: 7, last: 8 }]
        );
        coverage.add(&rule("a"), &[Interval { first: 4, last: 6 }]);
        assert_eq!(held(&coverage), [Interval { first: 1, last: 8 }]);
    }

    #[test]
    fn after_a_restart_a_new_rule_is_covered_only_from_then_on() {
        let mut before = Coverage::of([rule("a")].into_iter());
        (1..=5).for_each(|number| before.take(number));
        let mut after = Coverage::of([rule("a"), rule("b")].into_iter());
        after.resume(before.last(), &before.all());
        after.take(6);
        let all = after.all();
        assert_eq!(all[0].1, [Interval { first: 1, last: 6 }]);
        assert_eq!(all[1].1, [Interval { first: 6, last: 6 }]);
    }
}
