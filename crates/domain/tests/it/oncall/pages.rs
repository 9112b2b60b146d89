//! Pages: raised once, climbing until somebody answers, sent by one, never lost.

use crate::incidents::{Crew, at, hours, id, minutes, word};
use crate::registers::{add, show, take};
use crate::support::{both, days, field, kind, name};
use domain::oncall::channels::Way;
use domain::oncall::look_ahead;
use domain::oncall::pages::{
    ByLink, Claim, Claimed, Envelope, Event, FOLLOW, Outcome, Raise, RaisePage, Report, SEND, Sent,
    Severity, Subject,
};
use domain::people::EndPerson;
use kernel::authority::Caller;
use kernel::{EVERY_TICK, Kernel, Kind, Ran, Result};
use serde_json::{Value, json};
use std::cell::RefCell;
use testkit::{Dice, World, asked_by};

/// Runs what is due, and sends pages by channels that answer like this.
pub fn deliver(world: &World, boot: &str, answer: impl Fn(&Envelope) -> Outcome) -> Vec<Envelope> {
    let sent = RefCell::new(Vec::new());
    for _ in 0..3 {
        let tick = world.kernel.tick(&|kernel, job, right| {
            if ![SEND, FOLLOW].contains(&job.kind.as_str()) {
                return domain::run_job(kernel, job, right);
            }
            let object = &job.object;
            let report = match right.ask(kernel, Claim::new(kernel, object, "one", boot)?)? {
                Claimed::Held => return Ok(()),
                Claimed::Nothing => Sent::Nothing,
                Claimed::Later(due) => Sent::Later(due),
                Claimed::Send(envelope) => {
                    let (outcome, claim) = (answer(&envelope), envelope.claim);
                    sent.borrow_mut().push(*envelope);
                    Sent::Tried { claim, outcome, permanent: false, reply: "said".to_owned() }
                }
            };
            right.run(kernel, Report::new(kernel, object, report)?)
        });
        tick.unwrap();
    }
    sent.into_inner()
}

/// Does something as the server itself.
pub fn by_itself(world: &World, work: impl Fn(&Kernel, Ran) -> Result<()>) {
    let tick = world.kernel.tick(&|kernel, job, right| match job.kind.as_str() {
        EVERY_TICK => work(kernel, right),
        _ => Ok(()),
    });
    tick.unwrap();
}

pub fn channel(world: &World, crew: &Crew, person: &str, way: &str, order: u32) -> String {
    let mut new = json!({"person": format!("person:{person}"), "way": way, "order": order});
    match way {
        "email" => new["address"] = json!(format!("{person}@example.com")),
        "webhook" => {
            new["address"] = json!("https://hook.example/in");
            new["secret"] = json!("hook");
        }
        "page" => {}
        _ => new["secret"] = json!("key"),
    }
    id(&add(world, &crew.sam, "channels", &new).unwrap())
}

pub fn on_call(world: &World, crew: &Crew, person: &str, kind: &str) -> String {
    let new = json!({"person": format!("person:{person}"), "kind": kind,
        "from": at(world, hours(0)), "to": at(world, days(20))});
    id(&add(world, &crew.sam, "shifts", &new).unwrap())
}

pub fn raise(world: &World, key: &str) -> Raise {
    let new = Raise {
        subject: Subject::Alert,
        about: "detections/brute".to_owned(),
        key: key.to_owned(),
        severity: Severity::High,
        title: "many logins failed".to_owned(),
        first: vec![],
    };
    by_itself(world, |kernel, right| right.run(kernel, RaisePage::new(kernel, new.clone())?));
    new
}

pub fn page(world: &World, crew: &Crew, id: &str) -> Value {
    show(world, &crew.sam, "pages", id).unwrap()
}

/// Runs what is due as [`deliver`] does, and gives those who are paged; what is told afterwards has
/// tests of its own.
fn woken(world: &World, boot: &str, answer: impl Fn(&Envelope) -> Outcome) -> Vec<Envelope> {
    let mut sent = deliver(world, boot, answer);
    sent.retain(|one| one.event == Event::Raised);
    sent
}

fn people(sent: &[Envelope]) -> Vec<(String, Way)> {
    sent.iter().map(|one| (one.person.replace("person:", ""), one.way)).collect()
}

#[test]
fn a_page_climbs_until_somebody_answers_and_then_nothing_is_sent() {
    both(1911, |world| {
        let crew = Crew::new(world);
        on_call(world, &crew, "rita", "primary");
        on_call(world, &crew, "sam", "secondary");
        for person in ["rita", "sam"] {
            channel(world, &crew, person, "webhook", 1);
        }
        channel(world, &crew, "rita", "email", 2);
        let new = raise(world, "a");
        raise(world, "a");
        let all = show(world, &crew.sam, "pages", &new.id()).unwrap();
        assert_eq!(word(&all), "paging", "raised twice, it is one");
        let sent = deliver(world, "1", |_| Outcome::Accepted);
        assert_eq!(people(&sent), [("rita".to_owned(), Way::Webhook)]);
        world.clock.advance(minutes(1));
        let sent = deliver(world, "1", |_| Outcome::Accepted);
        assert_eq!(people(&sent), [("rita".to_owned(), Way::Email)], "a minute later the next way");
        world.clock.advance(minutes(4));
        let sent = deliver(world, "1", |_| Outcome::Accepted);
        assert_eq!(people(&sent), [("sam".to_owned(), Way::Webhook)], "the second after five");
        // The link of any copy answers, once and for all.
        let answer = |token: &str| {
            let by = ByLink::new(&world.kernel, &new.id(), token).unwrap();
            world.kernel.run(asked_by(Caller::bearer()), by).map(|done| done.output.1)
        };
        assert_eq!(kind(answer(&"0".repeat(64))), Kind::NotFound);
        let first = answer(&sent[0].token).unwrap();
        assert_eq!((first.by.as_str(), first.how.as_str()), ("person:sam", "link"));
        let step = (("pages", new.id().leak() as &str, "acknowledge"), json!({}));
        let shown = take(world, &crew.rita, step.0, &step.1).unwrap();
        assert_eq!(shown["acknowledged"]["by"], "person:sam", "answering twice is answering once");
        assert_eq!(answer(&sent[0].token).unwrap(), first);
        world.clock.advance(hours(5));
        assert!(woken(world, "1", |_| Outcome::Accepted).is_empty());
        let outcome = json!({"outcome": "a test of ours"});
        take(world, &crew.rita, ("pages", &new.id(), "resolve"), &outcome).unwrap();
        assert_eq!(word(&page(world, &crew, &new.id())), "resolved");
    });
}

#[test]
fn an_empty_step_is_passed_over_at_once_and_the_last_resort_is_always_paged() {
    both(1912, |world| {
        let crew = Crew::new(world);
        let steps = json!([{"target": "rota primary", "wait_minutes": 5},
            {"target": "person:rita", "wait_minutes": 5},
            {"target": "everybody", "wait_minutes": 5}]);
        let ladder = |last: &str| json!({"name": "default", "steps": steps, "last_resort": last});
        for (new, name) in [
            (ladder("person:nobody"), "last_resort"),
            (json!({"name": "other", "steps": steps, "last_resort": "person:ann"}), "name"),
            (json!({"name": "low", "steps": [], "last_resort": "person:ann"}), "steps"),
        ] {
            let refused = add(world, &crew.sam, "ladders", &new);
            assert_eq!(field(refused), (Kind::Invalid, name.to_owned()));
        }
        add(world, &crew.sam, "ladders", &ladder("person:sam")).unwrap();
        channel(world, &crew, "rita", "webhook", 1);
        channel(world, &crew, "sam", "webhook", 1);
        // Nobody is on call, and rita leaves.
        let leave = EndPerson::new(&world.kernel, &name("rita")).unwrap();
        world.run(&crew.admin, leave).unwrap();
        let new = raise(world, "a");
        let sent = deliver(world, "1", |_| Outcome::Unreachable);
        assert_eq!(people(&sent), [("sam".to_owned(), Way::Webhook)], "everybody who is left");
        let shown = page(world, &crew, &new.id());
        let passed: Vec<_> = shown["steps"]
            .as_array()
            .unwrap()
            .iter()
            .map(|step| (step["step"].as_u64().unwrap(), step["passed"].is_string()))
            .collect();
        assert_eq!(passed, [(0, true), (1, true), (2, false)]);
        let mut count = 0;
        for _ in 0..200 {
            world.clock.advance(minutes(1));
            count += deliver(world, "1", |_| Outcome::Accepted).len();
        }
        assert!(count >= 8, "the last resort is paged again and again: {count}");
        let shown = page(world, &crew, &new.id());
        assert_eq!(word(&shown), "unanswered");
        assert_eq!(shown["state"]["tone"], "bad");
    });
}

#[test]
fn a_dead_channel_is_passed_over_and_its_owner_told_by_another() {
    both(1913, |world| {
        let crew = Crew::new(world);
        on_call(world, &crew, "rita", "primary");
        let dead = channel(world, &crew, "rita", "webhook", 1);
        channel(world, &crew, "rita", "slack", 2);
        channel(world, &crew, "sam", "webhook", 1);
        let answer = |one: &Envelope| match (one.person.as_str(), one.way) {
            ("person:rita", Way::Webhook) => Outcome::Unreachable,
            _ => Outcome::Accepted,
        };
        for key in ["a", "b", "c"] {
            let new = raise(world, key);
            let first = woken(world, "1", answer);
            let expected = [Way::Webhook, Way::Slack].map(|way| ("rita".to_owned(), way));
            assert_eq!(people(&first), expected, "the next way at once where one fails");
            let mut tried = 1;
            for _ in 0..4 {
                world.clock.advance(minutes(1));
                let sent = woken(world, "1", answer);
                tried += sent
                    .iter()
                    .filter(|one| {
                        one.way == Way::Webhook
                            && one.person == "person:rita"
                            && one.page == new.id()
                    })
                    .count();
            }
            assert_eq!(tried, 3, "three attempts each");
            take(world, &crew.rita, ("pages", &new.id(), "acknowledge"), &json!({})).unwrap();
        }
        let shown = show(world, &crew.sam, "channels", &dead).unwrap();
        assert_eq!((word(&shown), shown["failures"].as_u64()), ("dead", Some(3)));
        let sent = woken(world, "1", answer);
        assert!(sent.iter().all(|one| one.way != Way::Webhook || one.person != "person:rita"));
        let new = raise(world, "d");
        let sent = woken(world, "1", answer);
        let own: Vec<_> = sent.iter().filter(|one| one.page == new.id()).cloned().collect();
        assert_eq!(people(&own), [("rita".to_owned(), Way::Slack)]);
        let mended = json!({"mended": "the address had moved"});
        take(world, &crew.rita, ("channels", &dead, "revive"), &mended).unwrap();
        assert_eq!(word(&show(world, &crew.sam, "channels", &dead).unwrap()), "ready");
    });
}

#[test]
fn the_owner_of_a_dead_channel_is_paged_before_the_ladder() {
    both(1914, |world| {
        let crew = Crew::new(world);
        on_call(world, &crew, "sam", "primary");
        channel(world, &crew, "sam", "webhook", 1);
        channel(world, &crew, "rita", "webhook", 2);
        channel(world, &crew, "rita", "slack", 1);
        let answer = |one: &Envelope| match one.way {
            Way::Slack => Outcome::Refused,
            _ => Outcome::Accepted,
        };
        let new = json!({"title": "three of them", "severity": "high"});
        let mut told = vec![];
        let steps = json!([{"target": "person:rita", "wait_minutes": 60}]);
        let ladder = json!({"name": "default", "steps": steps, "last_resort": "person:sam"});
        add(world, &crew.sam, "ladders", &ladder).unwrap();
        for _ in 0..3 {
            add(world, &crew.sam, "pages", &new).unwrap();
        }
        for _ in 0..12 {
            told.extend(deliver(world, "1", answer));
            world.clock.advance(minutes(1));
        }
        let about: Vec<_> = told.iter().filter(|one| one.subject == Subject::Channel).collect();
        assert_eq!(about.len(), 1);
        assert_eq!((about[0].person.as_str(), about[0].way), ("person:rita", Way::Webhook));
        assert!(about[0].title.contains("failed three pages in a row"));
    });
}

#[test]
fn a_claim_is_held_by_one_and_what_is_reported_late_does_not_count() {
    both(1915, |world| {
        let crew = Crew::new(world);
        on_call(world, &crew, "rita", "primary");
        channel(world, &crew, "rita", "webhook", 1);
        let new = raise(world, "a");
        world
            .kernel
            .tick(&|kernel, job, right| match job.kind.as_str() {
                SEND => Ok(()),
                _ => domain::run_job(kernel, job, right),
            })
            .unwrap();
        // One server claims and is killed; another has to wait; the same started again has not.
        let claims = RefCell::new(vec![]);
        let claim = |node: &'static str, boot: &'static str| {
            world
                .kernel
                .tick(&|kernel, job, right| {
                    if job.kind == SEND {
                        let claim = Claim::new(kernel, &job.object, node, boot)?;
                        claims.borrow_mut().push((job.object.clone(), right.ask(kernel, claim)?));
                    }
                    Ok(())
                })
                .unwrap();
            claims.borrow_mut().pop().unwrap()
        };
        let number = |claimed: &Claimed| match claimed {
            Claimed::Send(envelope) => Some((envelope.claim, envelope.repeated)),
            _ => None,
        };
        let (object, first) = claim("one", "1");
        assert_eq!(number(&first), Some((1, false)));
        assert!(claim("two", "1").1 == Claimed::Held);
        assert!(claim("one", "1").1 == Claimed::Held, "the same server, at it already");
        let (_, again) = claim("one", "2");
        assert_eq!(number(&again), Some((2, true)), "it may be a repetition, and says so");
        let (Claimed::Send(before), Claimed::Send(after)) = (&first, &again) else { panic!() };
        assert_eq!((&before.identifier, &before.token), (&after.identifier, &after.token));
        let report = |claim| Sent::Tried {
            claim,
            outcome: Outcome::Accepted,
            permanent: false,
            reply: "yes\r\nno".to_owned(),
        };
        by_itself(world, |kernel, right| {
            right.run(kernel, Report::new(kernel, &object, report(1))?)
        });
        let shown = page(world, &crew, &new.id());
        assert_eq!(shown["tries"][0]["sent"], Value::Null, "under a claim that was taken over");
        by_itself(world, |kernel, right| {
            right.run(kernel, Report::new(kernel, &object, report(2))?)
        });
        let shown = page(world, &crew, &new.id());
        assert!(shown["tries"][0]["sent"].is_string());
        assert_eq!(shown["tries"][0]["attempts"][0]["reply"], "yes  no");
        assert!(claim("one", "2").1 == Claimed::Nothing);
        world.clock.advance(minutes(2));
        assert!(claim("two", "9").1 == Claimed::Nothing, "sent is sent");
    });
}

#[test]
fn gaps_are_paged_weeks_ahead_and_the_way_is_tried_once_a_week() {
    both(1917, |world| {
        let crew = Crew::new(world);
        let looked = |test: bool| {
            let raised = RefCell::new(0);
            by_itself(world, |kernel, right| {
                *raised.borrow_mut() = look_ahead(kernel, right, test)?;
                Ok(())
            });
            raised.into_inner()
        };
        assert_eq!(looked(true), 0, "an empty house is told by its board");
        let new = json!({"person": "person:rita", "kind": "primary",
            "from": at(world, hours(0)), "to": at(world, days(9))});
        add(world, &crew.sam, "shifts", &new).unwrap();
        assert_eq!(looked(true), 1, "a gap in nine days");
        assert_eq!(looked(true), 0, "once");
        channel(world, &crew, "rita", "page", 1);
        assert_eq!(looked(false), 0);
        assert_eq!(looked(true), 1, "the test of the week");
        assert_eq!(looked(true), 0, "once");
        world.clock.advance(days(7));
        assert_eq!(looked(true), 1, "the next week");
    });
}

/// Random people, channels, failures and answers: no page is forgotten, no step left out.
#[test]
fn every_page_ends_answered_or_at_its_last_resort() {
    for seed in 0..6 {
        let world = World::memory(1950 + seed);
        let mut dice = Dice::new(77 + seed);
        let crew = Crew::new(&world);
        let steps: Vec<Value> = (0..=dice.below(3))
            .map(|_| {
                let all = ["rota primary", "rota secondary", "everybody", "person:rita"];
                let target = all[usize::try_from(dice.below(4)).unwrap()];
                json!({"target": target, "wait_minutes": 1 + dice.below(10)})
            })
            .collect();
        let count = steps.len() as u64;
        let ladder = json!({"name": "default", "steps": steps, "last_resort": "person:sam"});
        add(&world, &crew.sam, "ladders", &ladder).unwrap();
        if dice.chance(1, 2) {
            on_call(&world, &crew, "rita", "primary");
        }
        for person in ["rita", "sam"] {
            for order in 1..=dice.below(3) {
                let way = ["webhook", "slack", "email"][usize::try_from(dice.below(3)).unwrap()];
                channel(&world, &crew, person, way, u32::try_from(order).unwrap());
            }
        }
        let pages: Vec<_> = ["a", "b"].map(|key| raise(&world, key).id()).to_vec();
        let bad = dice.below(4);
        let answers_at = dice.chance(1, 2).then(|| dice.below(200));
        for minute in 0..260 {
            let roll = RefCell::new(&mut dice);
            deliver(&world, "1", |_| match roll.borrow_mut().chance(bad, 4) {
                true => Outcome::Unreachable,
                false => Outcome::Accepted,
            });
            if answers_at == Some(minute) {
                take(&world, &crew.rita, ("pages", &pages[0], "acknowledge"), &json!({})).unwrap();
            }
            world.clock.advance(minutes(1));
        }
        for (number, id) in pages.iter().enumerate() {
            let row = page(&world, &crew, id);
            let steps = row["steps"].as_array().unwrap();
            let numbers: Vec<_> = steps.iter().map(|one| one["step"].as_u64().unwrap()).collect();
            let answered = row["acknowledged"].is_object();
            assert_eq!(answered, number == 0 && answers_at.is_some(), "seed {seed}");
            assert!(answered || row["exhausted"].is_string(), "seed {seed}: {row}");
            // Steps are taken in order, and none is left out: taken, or passed over with a reason.
            let expected: Vec<u64> = (0..numbers.len() as u64).collect();
            assert_eq!(numbers, expected, "seed {seed}");
            assert!(answered || numbers.len() as u64 >= count + 8, "seed {seed}: {numbers:?}");
            for one in steps {
                let people = one["people"].as_array().unwrap();
                assert_ne!(people.is_empty(), one["passed"].is_null(), "seed {seed}: {one}");
            }
            // Whoever a step names was tried by each channel that counted then, to the end.
            let tries = row["tries"].as_array().unwrap();
            for one in tries.iter().filter(|_| !answered) {
                let ended =
                    one["sent"].is_string() || one["attempts"].as_array().unwrap().len() == 3;
                let recent = one["step"] == *numbers.last().unwrap();
                let dead = show(&world, &crew.sam, "channels", one["channel"].as_str().unwrap());
                assert!(ended || recent || word(&dead.unwrap()) == "dead", "seed {seed}: {one}");
            }
        }
    }
}
