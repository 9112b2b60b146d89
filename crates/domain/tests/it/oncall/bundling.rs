//! What becomes due for one channel while it pauses goes together, and no page is lost for that.

use super::pages::{channel, deliver, on_call, page, raise};
use crate::incidents::{Crew, minutes};
use crate::registers::take;
use crate::support::both;
use domain::oncall::pages::{
    Claim, Claimed, Envelope, Outcome, Report, SEND, Sent, TOGETHER, together,
};
use kernel::{EVERY_TICK, Ran};
use serde_json::{Value, json};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use testkit::{Dice, World};

/// What became of a message.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Reply(Outcome),
    /// The server was killed before it recorded anything; the message may have arrived.
    Killed,
}

const GOOD: End = End::Reply(Outcome::Accepted);

type Bags = BTreeMap<String, Vec<(String, Ran)>>;

/// Claims what goes together, one after the other.
fn claim(
    kernel: &kernel::Kernel,
    bag: Vec<(String, Ran)>,
    boot: &str,
) -> Vec<(String, Ran, Claimed)> {
    let (mut with, mut count, mut taken) = (None, 0, vec![]);
    for (object, right) in bag {
        if count >= TOGETHER {
            break;
        }
        let claim = Claim::new(kernel, &object, "one", boot).unwrap().with(with);
        let claimed = right.ask(kernel, claim).unwrap();
        if let Claimed::Send(envelope) = &claimed {
            count += if envelope.alone { TOGETHER } else { 1 };
            with = Some(envelope.used);
        }
        taken.push((object, right, claimed));
    }
    taken
}

/// Runs what is due, as the server does; gives the messages that left.
fn messages(world: &World, boot: &str, end: impl Fn(&[Envelope]) -> End) -> Vec<Vec<Envelope>> {
    let sent = RefCell::new(vec![]);
    for _ in 0..3 {
        let bags = RefCell::new(Bags::new());
        let tick = world.kernel.tick(&|kernel, job, right| match job.kind.as_str() {
            SEND => {
                let with = together(&job.object).unwrap().to_owned();
                bags.borrow_mut().entry(with).or_default().push((job.object.clone(), right));
                Ok(())
            }
            EVERY_TICK => {
                for (_, bag) in std::mem::take(&mut *bags.borrow_mut()) {
                    let taken = claim(kernel, bag, boot);
                    let all: Vec<Envelope> = taken
                        .iter()
                        .filter_map(|(.., claimed)| match claimed {
                            Claimed::Send(envelope) => Some(envelope.as_ref().clone()),
                            _ => None,
                        })
                        .collect();
                    let end = if all.is_empty() { GOOD } else { end(&all) };
                    if !all.is_empty() {
                        sent.borrow_mut().push(all.clone());
                    }
                    for (object, right, claimed) in taken {
                        let report = match (claimed, end) {
                            (Claimed::Held, _) | (Claimed::Send(_), End::Killed) => continue,
                            (Claimed::Nothing, _) => Sent::Nothing,
                            (Claimed::Later(due), _) => Sent::Later(due),
                            (Claimed::Send(one), End::Reply(outcome)) => {
                                let (claim, reply) = (one.claim, "said".to_owned());
                                let permanent = outcome == Outcome::Refused && all.len() == 1;
                                Sent::Tried { claim, outcome, permanent, reply }
                            }
                        };
                        right.run(kernel, Report::new(kernel, &object, report)?)?;
                    }
                }
                domain::run_job(kernel, job, right)
            }
            _ => domain::run_job(kernel, job, right),
        });
        tick.unwrap();
    }
    sent.into_inner()
}

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

fn pages(message: &[Envelope]) -> Vec<String> {
    message.iter().map(|one| one.page.clone()).collect()
}

fn paged_by(world: &World, way: &str) -> Crew {
    let crew = Crew::new(world);
    on_call(world, &crew, "rita", "primary");
    channel(world, &crew, "rita", way, 1);
    let steps = json!([{"target": "person:rita", "wait_minutes": 60}]);
    let ladder = json!({"name": "default", "steps": steps, "last_resort": "person:sam"});
    crate::registers::add(world, &crew.sam, "ladders", &ladder).unwrap();
    crew
}

#[test]
fn the_first_goes_at_once_and_what_follows_goes_together_oldest_first() {
    for (way, pause) in [("email", 60), ("slack", 10)] {
        both(1941, |world| {
            let crew = paged_by(world, way);
            let first = raise(world, "first").id();
            let sent = messages(world, "1", |_| GOOD);
            assert_eq!(sent.iter().map(|one| pages(one)).collect::<Vec<_>>(), [[first]]);
            let mut waiting = vec![];
            for key in ["a", "b", "c", "d", "e"] {
                world.clock.advance(seconds(1));
                waiting.push(raise(world, key).id());
                assert!(messages(world, "1", |_| GOOD).is_empty(), "{way} pauses");
            }
            let answered = waiting.remove(1);
            take(world, &crew.rita, ("pages", &answered, "acknowledge"), &json!({})).unwrap();
            world.clock.advance(seconds(pause - 6));
            assert!(messages(world, "1", |_| GOOD).is_empty(), "{way} pauses until then");
            world.clock.advance(seconds(1));
            let sent = messages(world, "1", |_| GOOD);
            assert_eq!(sent.len(), 1, "{way}: one message with all of them");
            assert_eq!(pages(&sent[0]), waiting, "{way}: without what was answered");
            for id in &waiting {
                let row = page(world, &crew, id);
                let attempts = row["tries"][0]["attempts"].as_array().unwrap();
                assert!(attempts.len() == 1 && row["tries"][0]["sent"].is_string(), "{row}");
            }
            world.clock.advance(minutes(9));
            assert!(messages(world, "1", |_| GOOD).is_empty(), "once");
        });
    }
}

#[test]
fn a_message_is_bounded_and_the_rest_goes_in_the_next() {
    let world = World::memory(1942);
    paged_by(&world, "email");
    let all: Vec<_> = (0..TOGETHER + 10)
        .map(|number| {
            world.clock.advance(Duration::from_millis(1));
            raise(&world, &number.to_string()).id()
        })
        .collect();
    let sent = messages(&world, "1", |_| GOOD);
    assert_eq!(sent.iter().map(|one| pages(one)).collect::<Vec<_>>(), [all[..TOGETHER].to_vec()]);
    world.clock.advance(seconds(60));
    let sent = messages(&world, "1", |_| GOOD);
    assert_eq!(sent.iter().map(|one| pages(one)).collect::<Vec<_>>(), [all[TOGETHER..].to_vec()]);
}

#[test]
fn a_message_whose_end_nobody_recorded_goes_again_with_what_came_since() {
    both(1943, |world| {
        let crew = paged_by(world, "email");
        let old: Vec<_> = ["a", "b", "c"].map(|key| raise(world, key).id()).to_vec();
        let before = messages(world, "1", |_| End::Killed);
        assert_eq!(before.len(), 1);
        assert_eq!(pages(&before[0]).iter().collect::<BTreeSet<_>>(), old.iter().collect());
        let again = messages(world, "2", |_| End::Killed);
        assert_eq!(pages(&again[0]), pages(&before[0]), "at once, whatever the pause");
        let new = raise(world, "d").id();
        assert!(messages(world, "2", |_| GOOD).is_empty(), "it is at three, and the fourth waits");
        world.clock.advance(seconds(60));
        let after = messages(world, "3", |_| GOOD);
        assert_eq!(after.len(), 1);
        let by = |id: &str| after[0].iter().find(|one| one.page == id);
        for one in &before[0] {
            let again = by(&one.page).unwrap();
            assert!(again.repeated && !one.repeated, "it says that it may be a repetition");
            assert_eq!((&again.identifier, &again.token), (&one.identifier, &one.token));
            assert_eq!(again.claim, one.claim + 2);
        }
        assert!(!by(&new).unwrap().repeated);
        let message = |all: &[Envelope]| Envelope::message(&all.iter().collect::<Vec<_>>());
        assert_ne!(message(&before[0]), message(&after[0]), "nobody takes it for the one before");
        assert_eq!(message(&before[0]), message(&before[0].clone()));
        for id in old.iter().chain([&new]) {
            assert!(page(world, &crew, id)["tries"][0]["sent"].is_string());
        }
    });
}

#[test]
fn one_page_that_is_refused_takes_no_other_with_it() {
    both(1944, |world| {
        let crew = paged_by(world, "email");
        let all: Vec<_> = ["a", "b", "c"].map(|key| raise(world, key).id()).to_vec();
        let bad = all[1].clone();
        let mut sent = vec![];
        for _ in 0..8 {
            sent.extend(messages(world, "1", |message| {
                let refused = message.iter().any(|one| one.page == bad);
                End::Reply(if refused { Outcome::Refused } else { Outcome::Accepted })
            }));
            world.clock.advance(minutes(1));
        }
        let sizes: Vec<_> = sent.iter().map(Vec::len).collect();
        assert_eq!(sizes, [3, 1, 1, 1], "then each by itself");
        for id in &all {
            let row = page(world, &crew, id);
            assert_eq!(row["tries"][0]["sent"].is_string(), *id != bad, "{row}");
        }
    });
}

#[test]
fn events_for_programs_go_one_by_one_and_a_flood_of_them_waits_a_minute() {
    let world = World::memory(1945);
    paged_by(&world, "pagerduty");
    for number in 0..70 {
        raise(&world, &number.to_string());
    }
    let sent = deliver(&world, "1", |_| Outcome::Accepted);
    assert_eq!(sent.len(), 60);
    assert!(sent.iter().all(|one| one.alone));
    world.clock.advance(seconds(59));
    assert!(deliver(&world, "1", |_| Outcome::Accepted).is_empty());
    world.clock.advance(seconds(1));
    assert_eq!(deliver(&world, "1", |_| Outcome::Accepted).len(), 10);
}

/// Random pages, answers, kills and failures: whatever is not answered arrives.
#[test]
fn no_page_is_lost_because_it_went_with_others() {
    for seed in 0..6 {
        let world = World::memory(1960 + seed);
        let mut dice = Dice::new(99 + seed);
        let crew = paged_by(&world, ["email", "slack"][usize::try_from(seed % 2).unwrap()]);
        let (mut boot, mut raised, mut answered) = (0, vec![], BTreeSet::new());
        let arrived = RefCell::new(BTreeMap::<String, Vec<Envelope>>::new());
        for round in 0..60 {
            for _ in 0..dice.below(4) {
                if round < 40 {
                    raised.push(raise(&world, &raised.len().to_string()).id());
                }
            }
            if let Some(id) = raised.get(usize::try_from(dice.below(80)).unwrap()) {
                take(&world, &crew.rita, ("pages", id, "acknowledge"), &json!({})).unwrap();
                answered.insert(id.clone());
            }
            let roll = if round < 40 { dice.below(6) } else { 9 };
            let end = |all: &[Envelope]| {
                assert!(all.len() <= TOGETHER);
                if roll != 1 {
                    for one in all {
                        let mut arrived = arrived.borrow_mut();
                        arrived.entry(one.page.clone()).or_default().push(one.clone());
                    }
                }
                match roll {
                    0 => End::Killed,
                    1 => End::Reply(Outcome::Unreachable),
                    _ => GOOD,
                }
            };
            for message in messages(&world, &boot.to_string(), end) {
                let late = message.iter().find(|one| answered.contains(&one.page));
                assert!(late.is_none(), "seed {seed}: answered, and sent all the same");
            }
            boot += u64::from(roll == 0);
            world.clock.advance(seconds(5 + dice.below(40)));
        }
        assert!(
            raised.len() > 20 && !answered.is_empty(),
            "seed {seed}: a life with something in it"
        );
        for id in &raised {
            let (row, arrived) = (page(&world, &crew, id), arrived.borrow());
            let copies = arrived.get(id).map(Vec::as_slice).unwrap_or_default();
            let first = &row["tries"][0];
            let given_up = first["attempts"].as_array().is_some_and(|all| all.len() == 3);
            let ended = first["sent"].is_string() || given_up || answered.contains(id);
            assert!(ended, "seed {seed}: {row}");
            assert!(!first["sent"].is_string() || !copies.is_empty(), "seed {seed}: {row}");
            // Copies are the same, and only the first does not say that it may be another.
            for (nth, copy) in copies.iter().enumerate() {
                assert_eq!(copy.identifier, copies[0].identifier);
                assert!(nth == 0 || copy.repeated, "seed {seed}: copy {nth}");
            }
            let claims: Vec<_> = copies.iter().map(|one| one.claim).collect();
            assert!(claims.is_sorted_by(|one, next| one < next), "seed {seed}: {claims:?}");
            assert_ne!(row["tries"], Value::Null);
        }
    }
}
