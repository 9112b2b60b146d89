//! The clock of a notice, against a clock that counts minute by minute, and over random lives.

use domain::incidents::breaches::{Breach, Harm, HeldFor, Notified, WARNINGS, Warned};
use domain::incidents::clock::{FLOOR, deadline, left, reached};
use domain::incidents::laws::Duties;
use domain::register::{Mark, When};
use kernel::Moment;
use proptest::prelude::*;
use std::collections::BinaryHeap;
use std::time::Duration;

const VERIFIED: Moment = Moment(1_795_356_131_000_000);

fn minute(minute: u64) -> Moment {
    VERIFIED.after(Duration::from_secs(minute * 60))
}

fn spans(holds: &[(u64, u64)]) -> Vec<(Moment, Moment)> {
    holds.iter().map(|(from, to)| (minute(*from), minute(*to))).collect()
}

/// The minute at which this part of the time is used, counted one by one.
fn counted(hours: u32, holds: &[(u64, u64)], percent: u64) -> u64 {
    let budget = u64::from(hours) * 60;
    let target = budget - budget * percent / 100;
    let (mut left, mut held) = (budget, false);
    let used = |now: &u64| {
        if left == target {
            return true;
        }
        if holds.iter().any(|(from, to)| from <= now && now < to) {
            held = true;
            return false;
        }
        if std::mem::take(&mut held) {
            left = left.max(budget.min(FLOOR.as_secs() / 60));
        }
        left -= 1;
        false
    };
    (0..).find(used).unwrap()
}

fn some_holds() -> impl Strategy<Value = Vec<(u64, u64)>> {
    let one = (0_u64..6000, 0_u64..2000).prop_map(|(from, span)| (from, from + span));
    proptest::collection::vec(one, 0..6)
}

#[derive(Clone, Debug)]
enum Event {
    /// Somebody confirms a hold of so many minutes, from now on.
    Hold(u64),
    /// Somebody lifts a hold before its end.
    Lift(usize),
    /// The account is told.
    Tell,
    /// Only time passes.
    Wait,
}

fn some_events() -> impl Strategy<Value = Vec<(u64, Event)>> {
    let event = prop_oneof![
        3 => (1_u64..3000).prop_map(Event::Hold),
        3 => any::<usize>().prop_map(Event::Lift),
        1 => Just(Event::Tell),
        8 => Just(Event::Wait),
    ];
    proptest::collection::vec((0_u64..900, event), 1..40)
}

/// A breach with the jobs that were left for it: earliest first.
struct Life {
    breach: Breach,
    jobs: BinaryHeap<(std::cmp::Reverse<Moment>, u32)>,
}

impl Life {
    fn new(hours: u32) -> Self {
        let mark = Mark { by: "person:rita".to_owned(), at: When(VERIFIED) };
        let mut breach = Breach {
            incident: "i".to_owned(),
            account: "a".to_owned(),
            harm: Harm::Access,
            basis: "b".to_owned(),
            suspected_at: When(VERIFIED),
            verified: mark,
            hours,
            deadline: When(VERIFIED),
            holds: vec![],
            warnings: vec![],
            notices: 0,
            notified: None,
            told: vec![],
            reopened: vec![],
            first: None,
            update_by: None,
            updates_missed: vec![],
            written: vec![],
            duties: Duties::default(),
        };
        breach.settle();
        let mut life = Self { breach, jobs: BinaryHeap::new() };
        life.leave(VERIFIED);
        life
    }

    fn leave(&mut self, now: Moment) {
        let due = self.breach.schedule(now);
        self.jobs.extend(due.into_iter().map(|(at, percent)| (std::cmp::Reverse(at), percent)));
    }

    /// What a tick does.
    fn tick(&mut self, now: Moment) {
        while self.jobs.peek().is_some_and(|(due, _)| due.0 <= now) {
            let (_, percent) = self.jobs.pop().unwrap();
            if let Warned::Later(due) = self.breach.warn(percent, now) {
                assert!(due > now, "a job never waits for itself");
                self.jobs.push((std::cmp::Reverse(due), percent));
            }
        }
    }

    fn happen(&mut self, event: &Event, now: Moment) {
        let before = self.breach.clone();
        match event {
            Event::Hold(span) => {
                let hold = format!("hold-{}", self.breach.holds.len());
                let to = now.after(Duration::from_secs(span * 60));
                self.breach.holds.push(HeldFor {
                    hold,
                    from: When(now),
                    to: When(to),
                    scope: vec![],
                });
                self.breach.settle();
                assert!(self.breach.deadline >= before.deadline, "a hold never shortens");
            }
            Event::Lift(which) => {
                let many = self.breach.holds.len().max(1);
                if let Some(hold) = self.breach.holds.get_mut(which % many) {
                    hold.to = When(hold.to.0.min(now).max(hold.from.0));
                    self.breach.settle();
                    self.leave(now);
                    assert!(self.breach.deadline <= before.deadline, "lifting never extends");
                    let alive = before.late(now);
                    assert_eq!(self.breach.late(now), alive, "lifting makes nothing late at once");
                }
            }
            Event::Tell => {
                let told = Notified { notice: "n".to_owned(), at: When(now) };
                self.breach.notified.get_or_insert(told);
            }
            Event::Wait => {}
        }
    }

    /// Whatever is due has been said, once; and a missed deadline is one of these.
    fn check(&self, now: Moment) {
        let spans: Vec<_> = self.breach.holds.iter().map(|one| (one.from.0, one.to.0)).collect();
        let given: Vec<u32> = self.breach.warnings.iter().map(|one| one.percent).collect();
        for percent in WARNINGS {
            let count = given.iter().filter(|one| **one == percent).count();
            assert!(count <= 1, "{percent} was said {count} times");
            let due = reached(VERIFIED, self.breach.hours, &spans, percent);
            if self.breach.notified.is_none() && due <= now {
                assert_eq!(count, 1, "{percent} was due and not said");
            }
        }
        if self.breach.notified.is_none() && self.breach.late(now) {
            assert!(given.contains(&100), "past the deadline without an escalation");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn the_clock_is_the_one_that_counts_minutes(
        hours in 1_u32..100, holds in some_holds(), percent in 1_u64..=100,
    ) {
        // Whole minutes only, so that both can say the same.
        let percent = if u64::from(hours) * 60 * percent % 100 == 0 { percent } else { 100 };
        let is = reached(VERIFIED, hours, &spans(&holds), u32::try_from(percent).unwrap());
        prop_assert_eq!(is, minute(counted(hours, &holds, percent)));
    }

    #[test]
    fn a_hold_gives_no_more_than_its_own_span_and_the_floor(
        hours in 1_u32..100, holds in some_holds(),
    ) {
        let end = deadline(VERIFIED, hours, &spans(&holds));
        let held = (0..20_000).filter(|now| holds.iter().any(|(a, b)| a <= now && now < b)).count();
        let floors = FLOOR * u32::try_from(holds.len()).unwrap();
        let most = Duration::from_secs(u64::from(hours) * 3600 + u64::try_from(held).unwrap() * 60);
        prop_assert!(end <= VERIFIED.after(most + floors));
        prop_assert!(end >= deadline(VERIFIED, hours, &[]));
    }

    #[test]
    fn what_is_left_stands_while_it_is_held_and_runs_otherwise(
        hours in 1_u32..100, holds in some_holds(), now in 0_u64..9000,
    ) {
        let spans = spans(&holds);
        let at = |now| left(VERIFIED, hours, &spans, minute(now));
        let (one, two) = (at(now), at(now + 1));
        let free = holds.iter().all(|(from, to)| now + 1 < *from || *to <= now);
        let end = deadline(VERIFIED, hours, &spans);
        prop_assert_eq!(one.span.is_zero(), minute(now) >= end);
        match (one.held_to, two.held_to) {
            (Some(to), Some(again)) if to == again => prop_assert_eq!(one.span, two.span),
            (None, None) if minute(now) < end && free => {
                prop_assert_eq!(one.span, two.span + Duration::from_secs(60));
            }
            _ => {}
        }
    }

    #[test]
    fn no_account_is_past_its_deadline_without_an_escalation(
        hours in 1_u32..80, events in some_events(),
    ) {
        let (mut life, mut now) = (Life::new(hours), VERIFIED);
        for (pause, event) in &events {
            now = now.after(Duration::from_secs(pause * 60));
            life.tick(now);
            life.check(now);
            life.happen(event, now);
            life.tick(now);
            life.check(now);
        }
        now = life.breach.deadline.0.max(now);
        life.tick(now);
        life.check(now);
    }
}
