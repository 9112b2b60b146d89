//! Notices: written, approved, sent, tried again, acknowledged, given in another way.

use super::{Crew, hours, id, minutes, post, tick, word};
use crate::registers::{add, take};
use crate::support::{account_with_data, both, days, field, kind};
use domain::incidents::notices::{Acknowledged, Outcome};
use domain::measures::ReadMeasures;
use domain::portal::AccountPage;
use kernel::authority::Caller;
use kernel::id::AccountId;
use kernel::{Kind, Result};
use serde_json::json;
use testkit::{World, asked_by};

/// Follows the link of a letter; whoever has it is asked for nothing else.
fn follow(world: &World, notice: &str, token: &str) -> Result<()> {
    let operation = Acknowledged::new(&world.kernel, notice, token)?;
    world.kernel.run(asked_by(Caller::bearer()), operation).map(drop)
}

#[test]
fn a_notice_is_written_once_and_approved_by_another() {
    both(731, |world| {
        let crew = Crew::new(world);
        let (import, _) = account_with_data(world);
        world.account(&import, "Two").unwrap();
        let it = crew.incident(world, "breach");
        let ada = crew.contact(world, "one", "ada@one.example");
        let other = crew.contact(world, "two", "bo@two.example");
        let new = json!({"incident": it, "account": "one", "contacts": [ada],
            "subject": "Notice {number}", "text": "{class} of {account} in {incident}: {{as is}}"});
        let write = |stated: &_| add(world, &crew.rita, "notices", stated);
        assert_eq!(field(write(&new)), (Kind::Invalid, "account".to_owned()), "not verified");
        crew.verify(world, &it, "one", "disclosure");
        let unchecked = json!({"account": "one", "name": "n", "email": "c@one.example",
            "kind": "legal", "source": "s"});
        let unchecked = id(&add(world, &crew.rita, "contacts", &unchecked).unwrap());
        for (name, bad) in [
            ("incident", json!("incident-none")),
            ("account", json!("nobody")),
            ("contacts", json!([])),
            ("contacts", json!(["contact-none"])),
            ("contacts", json!([other])),
            ("contacts", json!([unchecked])),
            ("contacts", json!(vec!["x"; 17])),
            ("subject", json!("a\r\nBcc: all@one.example")),
            ("text", json!("hello {name}")),
            ("text", json!("{")),
            ("text", json!("}")),
            ("text", json!("ends with {account")),
            ("text", json!("")),
        ] {
            let mut stated = new.clone();
            stated[name] = bad;
            let refused = write(&stated);
            assert_eq!(field(refused), (Kind::Invalid, name.to_owned()), "{}", stated[name]);
        }
        let row = write(&new).unwrap();
        assert_eq!(row["text"], format!("disclosure of one in {it}: {{as is}}"));
        assert_eq!(row["subject"], "Notice 1");
        let text = row["text"].as_str().unwrap();
        let hash: String =
            kernel::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(row["sha256"], hash, "as sha256sum prints it");
        let step = |token: &str, verb, stated: &_| {
            take(world, token, ("notices", row["id"].as_str().unwrap(), verb), stated)
        };
        assert_eq!(kind(step(&crew.rita, "send", &json!({}))), Kind::Conflict, "not approved");
        let by_post = json!({"way": "post", "evidence": "RR 1"});
        assert_eq!(kind(step(&crew.rita, "deliver", &by_post)), Kind::Conflict, "not approved");
        let read = json!({"sha256": &hash[..8]});
        let unread = step(&crew.ann, "approve", &json!({"sha256": "00000000"}));
        assert_eq!(field(unread), (Kind::Invalid, "sha256".to_owned()));
        let short = step(&crew.ann, "approve", &json!({"sha256": &hash[..7]}));
        assert_eq!(field(short), (Kind::Invalid, "sha256".to_owned()));
        let by_lead = add(world, &crew.sam, "notices", &new).unwrap();
        assert_eq!((&by_lead["number"], word(&by_lead)), (&json!(2), "unapproved"));
        let own = ("notices", by_lead["id"].as_str().unwrap(), "approve");
        assert_eq!(
            kind(take(world, &crew.sam, own, &json!({"sha256": by_lead["sha256"]}))),
            Kind::Forbidden
        );
        assert_eq!(word(&step(&crew.ann, "approve", &read).unwrap()), "unapproved", "one of two");
        assert_eq!(kind(step(&crew.ann, "approve", &read)), Kind::Forbidden, "each counts once");
        assert_eq!(kind(step(&crew.rita, "send", &json!({}))), Kind::Conflict, "one is missing");
        assert_eq!(word(&step(&crew.sam, "approve", &read).unwrap()), "approved");
        assert_eq!(kind(step(&crew.cora, "approve", &read)), Kind::Conflict);
        let drop = json!({"reason": "another text"});
        assert_eq!(word(&step(&crew.rita, "withdraw", &drop).unwrap()), "withdrawn");
        assert_eq!(kind(step(&crew.rita, "send", &json!({}))), Kind::Conflict);
    });
}

#[test]
fn every_attempt_is_kept_and_an_account_is_told_when_every_contact_has_it() {
    both(732, |world| {
        let crew = Crew::new(world);
        account_with_data(world);
        let it = crew.incident(world, "breach");
        crew.verify(world, &it, "one", "access");
        let (ada, bo) = (
            crew.contact(world, "one", "ada@one.example"),
            crew.contact(world, "one", "bo@one.example"),
        );
        let notice = crew.notice(world, &it, "one", &[&ada, &bo]);
        assert_eq!(word(&crew.send(world, &notice).unwrap()), "sending");
        assert_eq!(kind(crew.send(world, &notice)), Kind::Conflict, "it is on its way");
        tick(world);
        let row = crew.show(world, "notices", &notice);
        assert!(row["receivers"][0]["attempts"].as_array().unwrap().is_empty(), "nobody can send");
        let first = post(world, Outcome::Unreachable, "no route\r\nto host");
        let to: Vec<_> = first.iter().map(|one| one.email.as_str()).collect();
        assert_eq!(to, ["ada@one.example", "bo@one.example"]);
        assert!(first[0].token.len() == 64 && first[0].token != first[1].token);
        assert_eq!(first[0].subject, "Security notice 1");
        assert!(post(world, Outcome::Accepted, "250 ok").is_empty(), "not before its time");
        world.clock.advance(minutes(1));
        let again = post(world, Outcome::Accepted, "250 ok");
        assert_eq!(again.len(), 2);
        assert!(
            first
                .iter()
                .any(|one| one.identifier == again[0].identifier && one.token == again[0].token),
            "the same letter again"
        );
        let row = crew.show(world, "notices", &notice);
        assert_eq!(word(&row), "notified");
        let said: Vec<_> = row["receivers"][0]["attempts"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| (one["outcome"].as_str().unwrap(), one["reply"].as_str().unwrap()))
            .collect();
        assert_eq!(said, [("unreachable", "no route  to host"), ("accepted", "250 ok")]);
        let breach = crew.show(world, "breaches", &format!("{it}.one"));
        assert_eq!((word(&breach), &breach["notified"]["notice"]), ("notified", &json!(notice)));
        assert!(post(world, Outcome::Accepted, "250 ok").is_empty(), "nothing is left");
        let text = row.to_string();
        assert!(!text.contains(&first[0].token), "the secret itself is not kept");
        let wrong = follow(world, &notice, "0000");
        assert_eq!(kind(wrong), Kind::NotFound);
        assert_eq!(kind(follow(world, "notice-none", &first[0].token)), Kind::NotFound);
        world.clock.advance(hours(1));
        follow(world, &notice, &first[0].token).unwrap();
        let row = crew.show(world, "notices", &notice);
        assert_eq!(word(&row), "acknowledged");
        let (used, wrong) = (follow(world, &notice, &first[0].token), follow(world, &notice, "1"));
        let unknown = follow(world, "notice-none", &first[0].token).unwrap_err();
        assert_eq!(used.unwrap_err().message(), unknown.message(), "it counts once");
        assert_eq!(wrong.unwrap_err().message(), unknown.message(), "and nobody learns why");
        world.clock.advance(days(90));
        let late = follow(world, &notice, &first[1].token).unwrap_err();
        assert_eq!(late.message(), unknown.message(), "it ends after ninety days");
    });
}

#[test]
fn a_bearer_may_do_nothing_but_what_is_proven_by_a_secret() {
    both(735, |world| {
        account_with_data(world);
        let bearer = || asked_by(Caller::bearer());
        let one = AccountId::parse("one").unwrap();
        let read = ReadMeasures::new(&world.kernel, None).unwrap();
        assert_eq!(kind(world.kernel.run(bearer(), read)), Kind::Forbidden);
        let page = AccountPage::new(&world.kernel, &one).unwrap();
        assert_eq!(kind(world.kernel.run(bearer(), page)), Kind::NotFound);
        let missing = Acknowledged::new(&world.kernel, "notice-none", "x").unwrap();
        assert_eq!(kind(world.kernel.run(bearer(), missing)), Kind::NotFound);
    });
}

/// A breach of account `one` that was verified, and its notice under way to one contact: the crew,
/// the incident and the notice.
fn sent(world: &World) -> (Crew, String, String) {
    let crew = Crew::new(world);
    account_with_data(world);
    let it = crew.incident(world, "breach");
    crew.verify(world, &it, "one", "access");
    let ada = crew.contact(world, "one", "ada@one.example");
    let notice = crew.notice(world, &it, "one", &[&ada]);
    crew.send(world, &notice).unwrap();
    (crew, it, notice)
}

#[test]
fn a_contact_that_cannot_be_reached_is_given_up_and_told_in_another_way() {
    both(733, |world| {
        let (crew, it, notice) = sent(world);
        let mut waits = Vec::new();
        for attempt in 1..=12 {
            let mut waited = 0;
            while post(world, Outcome::Refused, "550 no such user").is_empty() {
                world.clock.advance(minutes(1));
                waited += 1;
                assert!(waited < 100, "attempt {attempt}");
            }
            waits.push(waited);
        }
        assert_eq!(waits, [0, 1, 5, 15, 60, 60, 60, 60, 60, 60, 60, 60]);
        world.clock.advance(hours(3));
        assert!(post(world, Outcome::Accepted, "250").is_empty(), "given up");
        let row = crew.show(world, "notices", &notice);
        assert_eq!(word(&row), "undelivered");
        assert_eq!(row["receivers"][0]["attempts"].as_array().unwrap().len(), 12);
        let by_post = json!({"way": "post", "evidence": "RR 123 NL"});
        let deliver = || take(world, &crew.rita, ("notices", &notice, "deliver"), &by_post);
        assert_eq!(word(&deliver().unwrap()), "notified");
        assert_eq!(kind(deliver()), Kind::Conflict);
        let breach = crew.show(world, "breaches", &format!("{it}.one"));
        assert_eq!(word(&breach), "notified");
    });
}

#[test]
fn an_order_that_comes_after_sending_stops_the_next_attempt() {
    both(734, |world| {
        let (crew, it, notice) = sent(world);
        assert_eq!(post(world, Outcome::Unreachable, "no answer").len(), 1);
        let order = json!({"incident": it, "accounts": ["one"], "authority": "government-agency",
            "agency": "A", "official": "O", "contact": "C", "jurisdiction": "J", "reference": "R",
            "statement": "wait", "from": "2026-11-22", "to": "2026-11-23", "reason": "why"});
        let hold = id(&add(world, &crew.cora, "holds", &order).unwrap());
        take(world, &crew.rita, ("holds", &hold, "confirm"), &json!({"reference": "R"})).unwrap();
        world.clock.advance(minutes(1));
        assert!(post(world, Outcome::Accepted, "250").is_empty(), "held");
        world.clock.advance(hours(34));
        assert_eq!(post(world, Outcome::Accepted, "250").len(), 1, "the order is over");
        assert_eq!(word(&crew.show(world, "notices", &notice)), "notified");
    });
}
