//! What channels are told once a page was answered: where it was heard, once, and nobody waits.

use super::pages::{by_itself, channel, deliver, on_call, page, raise};
use crate::incidents::{Crew, hours, minutes};
use crate::registers::{show, take};
use crate::support::both;
use domain::oncall::channels::Way;
use domain::oncall::pages::{
    ByLink, Claim, Claimed, Envelope, Event, Outcome, Report, SEND, Sent, Try,
};
use kernel::authority::Caller;
use serde_json::{Value, json};
use std::cell::RefCell;
use std::collections::BTreeSet;
use testkit::{World, asked_by};

fn told(sent: &[Envelope]) -> Vec<(Way, Event)> {
    let mut all: Vec<_> = sent.iter().map(|one| (one.way, one.event)).collect();
    all.sort_by_key(|(way, _)| way.word());
    all
}

fn answer(world: &World, crew: &Crew, id: &str) {
    take(world, &crew.rita, ("pages", id, "acknowledge"), &json!({})).unwrap();
}

#[test]
fn whoever_heard_of_a_page_hears_that_somebody_has_it_and_that_it_is_over() {
    both(1931, |world| {
        let crew = Crew::new(world);
        on_call(world, &crew, "rita", "primary");
        let ways = ["webhook", "pagerduty", "slack", "email"];
        for (order, way) in (1..).zip(ways) {
            channel(world, &crew, "rita", way, order);
        }
        let new = raise(world, "a");
        let mut pages = vec![];
        for _ in 0..4 {
            pages.extend(deliver(world, "1", |_| Outcome::Accepted));
            world.clock.advance(minutes(1));
        }
        assert_eq!(pages.len(), 4);
        // By the link of a copy.
        let link = ByLink::new(&world.kernel, &new.id(), &pages[0].token).unwrap();
        world.kernel.run(asked_by(Caller::bearer()), link).unwrap();
        let ack = deliver(world, "1", |_| Outcome::Accepted);
        let both = |event| vec![(Way::Pagerduty, event), (Way::Webhook, event)];
        assert_eq!(told(&ack), both(Event::Acknowledged));
        let outcome = json!({"outcome": "a test of ours"});
        take(world, &crew.sam, ("pages", &new.id(), "resolve"), &outcome).unwrap();
        let over = deliver(world, "1", |_| Outcome::Accepted);
        assert_eq!(told(&over), both(Event::Resolved));
        let by = |sent: &[Envelope]| sent[0].by.clone().unwrap().0;
        assert_eq!((by(&ack).as_str(), by(&over).as_str()), ("person:rita", "person:sam"));
        let all: Vec<_> = pages.iter().chain(&ack).chain(&over).collect();
        assert!(all.iter().all(|one| one.page == new.id() && !one.repeated));
        let ids: BTreeSet<_> = all.iter().map(|one| &one.identifier).collect();
        assert_eq!(ids.len(), 8, "each has an id of its own");
        world.clock.advance(hours(5));
        answer(world, &crew, &new.id());
        assert!(deliver(world, "1", |_| Outcome::Accepted).is_empty(), "once");
    });
}

#[test]
fn what_cannot_be_told_is_recorded_and_holds_up_nobody() {
    both(1932, |world| {
        let crew = Crew::new(world);
        on_call(world, &crew, "rita", "primary");
        let bad = channel(world, &crew, "rita", "pagerduty", 1);
        let new = raise(world, "a");
        deliver(world, "1", |_| Outcome::Accepted);
        answer(world, &crew, &new.id());
        let mut tried = vec![];
        for minute in 0..60 {
            let sent = deliver(world, "1", |_| Outcome::Unreachable);
            tried.extend(sent.iter().map(|one| (minute, one.event, one.repeated)));
            world.clock.advance(minutes(1));
        }
        let times: Vec<_> = tried.iter().map(|(minute, ..)| *minute).collect();
        assert_eq!(times, [0, 1, 3, 8, 18, 38], "six attempts, further and further apart");
        assert!(tried[1..].iter().all(|(_, event, again)| *event == Event::Acknowledged && *again));
        let row = page(world, &crew, &new.id());
        assert_eq!(row["tries"][1]["event"], "acknowledged");
        assert_eq!(row["tries"][1]["attempts"].as_array().unwrap().len(), 6);
        assert_eq!(show(world, &crew.sam, "channels", &bad).unwrap()["failures"], 0);
        // Over is over: what was not told of the answer is not told any more.
        let new = raise(world, "b");
        deliver(world, "1", |_| Outcome::Accepted);
        answer(world, &crew, &new.id());
        deliver(world, "1", |_| Outcome::Unreachable);
        let outcome = json!({"outcome": "a test of ours"});
        take(world, &crew.rita, ("pages", &new.id(), "resolve"), &outcome).unwrap();
        world.clock.advance(hours(1));
        let sent = deliver(world, "1", |_| Outcome::Accepted);
        assert_eq!(told(&sent), [(Way::Pagerduty, Event::Resolved)]);
    });
}

#[test]
fn a_page_that_is_on_its_way_is_followed_when_it_ended_and_one_that_was_refused_is_not() {
    both(1933, |world| {
        let crew = Crew::new(world);
        on_call(world, &crew, "rita", "primary");
        channel(world, &crew, "rita", "pagerduty", 1);
        // The attempt is claimed, then somebody answers elsewhere, then it ends like this.
        let during = |key: &str, boot: &'static str| {
            let new = raise(world, key);
            let claims = RefCell::new(vec![]);
            for _ in 0..2 {
                let tick = world.kernel.tick(&|kernel, job, right| {
                    if job.kind != SEND {
                        return domain::run_job(kernel, job, right);
                    }
                    let claim = Claim::new(kernel, &job.object, "one", boot)?;
                    if let Claimed::Send(envelope) = right.ask(kernel, claim)? {
                        claims.borrow_mut().push((job.object.clone(), envelope.claim));
                    }
                    Ok(())
                });
                tick.unwrap();
            }
            answer(world, &crew, &new.id());
            let sent = deliver(world, boot, |_| Outcome::Accepted);
            assert!(sent.is_empty(), "what overtakes a page ends nothing");
            (new.id(), claims.into_inner().pop().unwrap())
        };
        let report = |(object, claim): &(String, u32), outcome, permanent| {
            let (claim, reply) = (*claim, "said".to_owned());
            let sent = Sent::Tried { claim, outcome, permanent, reply };
            by_itself(world, |kernel, right| {
                right.run(kernel, Report::new(kernel, object, sent.clone())?)
            });
        };
        let followed = [(Way::Pagerduty, Event::Acknowledged)];
        for (key, outcome) in [("a", Outcome::Accepted), ("b", Outcome::Unreachable)] {
            let (_, claim) = during(key, "1");
            report(&claim, outcome, false);
            assert_eq!(told(&deliver(world, "1", |_| Outcome::Accepted)), followed, "{key}");
        }
        let (refused, claim) = during("c", "1");
        report(&claim, Outcome::Refused, true);
        assert!(deliver(world, "1", |_| Outcome::Accepted).is_empty(), "it never was there");
        assert_eq!(page(world, &crew, &refused)["tries"].as_array().unwrap().len(), 1);
        // Killed in between: it may have arrived, so it is followed too.
        let (killed, _) = during("d", "1");
        assert_eq!(told(&deliver(world, "2", |_| Outcome::Accepted)), followed);
        assert_eq!(page(world, &crew, &killed)["tries"][0]["unknown"], true);
    });
}

#[test]
fn tries_of_earlier_releases_are_read() {
    let old: Value = json!({"number": 1, "step": 0, "person": "person:rita", "channel": "c",
        "way": "pagerduty", "link": "ab", "made": "2026-11-23T09:00:00Z", "claim": null,
        "unknown": false, "attempts": [], "sent": null});
    let read: Try = serde_json::from_value(old).unwrap();
    assert_eq!(read.event, Event::Raised);
}
