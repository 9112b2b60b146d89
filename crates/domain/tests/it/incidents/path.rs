//! The path of a breach: a token is misused, the affected accounts are found, one is refuted, one
//! held, two are told, one warning escalates.

use super::{Crew, day, hours, id, minutes, post, tick, word};
use crate::registers::{add, take};
use crate::support::{both, field, kind, name};
use domain::incidents::notices::Outcome;
use domain::measures::State;
use domain::services::IssueToken;
use kernel::id::AccountId;
use kernel::{HOUSE, Kind};
use serde_json::{Value, json};
use testkit::World;

/// Four accounts with data, and what the misused service did: it read in three, wrote in one, was
/// refused in the fourth.
fn misuse(world: &World) {
    let import = world.service("import");
    world.grant("service:import", "*", "*", &["read", "write", "open"]);
    let thief = world.service("report");
    for name in ["One", "Two", "Three", "Four"] {
        let account = world.account(&import, name).unwrap();
        world.collection(&import, &account, "c").unwrap();
        for record in ["1", "2", "3"] {
            world.put(&import, (&account, "c", record), "{}").unwrap();
        }
        if name == "Four" {
            world.grant("service:report", "four", "d", &["read"]);
            assert_eq!(kind(world.get(&thief, (&account, "c", "1"))), Kind::Forbidden);
            continue;
        }
        world.grant("service:report", account.as_str(), "c", &["read", "write"]);
        world.get(&thief, (&account, "c", "1")).unwrap();
        world.get(&thief, (&account, "c", "1")).unwrap();
        world.get(&thief, (&account, "c", "2")).unwrap();
        if name == "One" {
            world.put(&thief, (&account, "c", "3"), "{\"x\":1}").unwrap();
        }
    }
}

fn found(crew: &Crew, world: &World, it: &str) -> Value {
    crew.show(world, "affected", &format!("{it}.service.report"))["found"].clone()
}

#[test]
fn affected_accounts_are_what_the_log_says() {
    both(741, |world| {
        let crew = Crew::new(world);
        misuse(world);
        let it = crew.incident(world, "breach");
        let scope = |from: &str, to: &str, who: &str| {
            let asked = json!({"principal": who, "from": from, "to": to});
            crew.step(world, &it, "scope", &asked)
        };
        let (begin, end) = ("2026-11-22T00:00:00Z", "2026-11-23T00:00:00Z");
        for who in ["report", "service:", "kernel", "person:a|b"] {
            assert_eq!(kind(scope(begin, end, who)), Kind::Invalid, "{who}");
        }
        assert_eq!(kind(scope(end, begin, "service:report")), Kind::Invalid);
        scope(begin, end, "service:report").unwrap();
        crew.triage(world, &it, "breach");
        let wait = crew.step(world, &it, "close", &json!({"summary": "x"})).unwrap_err();
        assert!(wait.message().contains("still searched"), "{wait}");
        tick(world);
        let answer = found(&crew, world, &it);
        let accounts = answer["accounts"].as_array().unwrap();
        let of = |name: &str| accounts.iter().find(|one| one["account"] == name).unwrap();
        let numbers = |one: &Value| {
            ["entries", "reads", "writes", "refused", "records"].map(|n| one[n].as_u64().unwrap())
        };
        assert_eq!(accounts.len(), 4, "{answer:#}");
        assert_eq!(numbers(of("one")), [4, 3, 1, 0, 3]);
        assert_eq!(numbers(of("two")), [3, 3, 0, 0, 2]);
        assert_eq!(numbers(of("four")), [0, 0, 0, 1, 0]);
        assert_eq!(of("one")["kinds"], json!(["record.get", "record.put"]));
        assert_eq!(answer["fresh"].as_array().unwrap().len(), 3);
        let judged = crew.step(world, &it, "close", &json!({"summary": "x"})).unwrap_err();
        assert!(judged.message().contains("verify or refute"), "{judged}");
        scope(begin, end, "service:report").unwrap();
        tick(world);
        let again = found(&crew, world, &it);
        assert_eq!((&again["accounts"], &again["fresh"]), (&answer["accounts"], &json!([])));
        let issue = IssueToken::new(&world.kernel, &name("report")).unwrap();
        let fresh = world.run(&crew.admin, issue).unwrap().output;
        let token = world.kernel.identify(&fresh.token).unwrap().credential;
        let two = AccountId::parse("two").unwrap();
        world.get(&fresh.token, (&two, "c", "1")).unwrap();
        let by_token = |token: &str| {
            let asked = json!({"principal": "service:report", "credential": token, "from": begin,
                "to": end});
            crew.step(world, &it, "scope", &asked)
        };
        for bad in ["", "a|b", "a b", "../x"] {
            assert_eq!(field(by_token(bad)), (Kind::Invalid, "credential".to_owned()), "{bad}");
        }
        by_token(&token).unwrap();
        tick(world);
        let row = crew.show(world, "affected", &format!("{it}.service.report.{token}"));
        let accounts = row["found"]["accounts"].as_array().unwrap();
        assert_eq!((accounts.len(), &accounts[0]["account"]), (1, &json!("two")), "{row}");
        assert_eq!((&accounts[0]["reads"], &row["credential"]), (&json!(1), &json!(token)));
        scope(begin, "2026-11-22T00:00:01Z", "service:report").unwrap();
        tick(world);
        assert_eq!(found(&crew, world, &it)["accounts"], json!([]), "nothing at that time");
    });
}

#[test]
fn the_path_of_a_breach() {
    both(742, |world| {
        let crew = Crew::new(world);
        misuse(world);
        crew.playbook(world, "breach", "breach");
        let new = json!({"title": "the token of a report service", "class": "breach",
            "severity": 1, "source": "support", "playbook": "breach"});
        let it = id(&add(world, &crew.rita, "incidents", &new).unwrap());
        crew.triage(world, &it, "breach");
        let scope = json!({"principal": "service:report", "from": "2026-11-22T00:00:00Z",
            "to": "2026-11-23T00:00:00Z"});
        crew.step(world, &it, "scope", &scope).unwrap();
        tick(world);
        let refute = json!({"accounts": ["four"], "why": "it was refused there"});
        crew.step(world, &it, "refute", &refute).unwrap();
        let one = crew.verify(world, &it, "one", "access");
        world.clock.advance(hours(5));
        let two = crew.verify(world, &it, "two", "access");
        crew.verify(world, &it, "three", "disclosure");
        let now = crew.show(world, "breaches", &format!("{it}.one"));
        assert_eq!(now["deadline"], one["deadline"], "what is found later moves no clock");
        assert!(two["deadline"].as_str() > one["deadline"].as_str());
        let order = json!({"incident": it, "accounts": ["three"], "authority": "law-enforcement",
            "agency": "State police", "official": "J. Doe", "contact": "the switchboard",
            "jurisdiction": "NL", "written": true, "reference": "SP-17", "statement": "wait",
            "from": day(world, 0), "to": day(world, 20), "reason": "an arrest is planned"});
        let hold = id(&add(world, &crew.cora, "holds", &order).unwrap());
        let seen = json!({"reference": "SP-17"});
        take(world, &crew.rita, ("holds", &hold, "confirm"), &seen).unwrap();
        let (ada, bo) = (
            crew.contact(world, "one", "a@one.example"),
            crew.contact(world, "two", "b@two.example"),
        );
        let first = crew.notice(world, &it, "one", &[&ada]);
        let second = crew.notice(world, &it, "two", &[&bo]);
        crew.send(world, &first).unwrap();
        assert_eq!(post(world, Outcome::Accepted, "250 ok").len(), 1);
        world.clock.advance(hours(24));
        tick(world);
        let two = crew.show(world, "breaches", &format!("{it}.two"));
        let given = two["warnings"].as_array().unwrap();
        assert_eq!(given.len(), 2, "a quarter and a half of its time are over");
        assert_eq!(crew.show(world, "breaches", &format!("{it}.one"))["warnings"], json!([]));
        crew.send(world, &second).unwrap();
        post(world, Outcome::Unreachable, "no route");
        world.clock.advance(minutes(1));
        post(world, Outcome::Accepted, "250 ok");
        for (account, is) in [("one", "notified"), ("two", "notified"), ("three", "held")] {
            let row = crew.show(world, "breaches", &format!("{it}.{account}"));
            assert_eq!(word(&row), is, "{account}");
        }
        let close = json!({"summary": "tokens of report services live an hour from now on"});
        let open = crew.step(world, &it, "close", &close).unwrap_err();
        assert!(open.message().contains("task 1"), "{open}");
        crew.step(world, &it, "done", &json!({"task": 1, "outcome": "looked"})).unwrap();
        assert_eq!(word(&crew.step(world, &it, "close", &close).unwrap()), "closed");
        let answer = crew.answer(world, "E4.7");
        assert_eq!(answer.state, State::Unproven, "no catalogue states the times: {answer:?}");
        let head = world.kernel.checkpoint(HOUSE).unwrap();
        assert!(head.starts_with("northwind-desk"), "the house is signed: {head}");
    });
}
