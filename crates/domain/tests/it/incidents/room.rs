//! The room of an incident: from the suspicion to the end.

use super::{Crew, at, hours, id, minutes, tick, word};
use crate::registers::{add, take};
use crate::support::{account_with_data, both, field, kind, kinds};
use domain::measures::State;
use kernel::{HOUSE, Kind};
use serde_json::json;
use std::time::Duration;

#[test]
fn an_incident_goes_from_suspicion_to_its_end() {
    both(711, |world| {
        let crew = Crew::new(world);
        account_with_data(world);
        crew.playbook(world, "breach", "breach");
        let new = json!({"title": "odd reads", "class": "breach", "severity": 2,
            "source": "support", "playbook": "breach", "suspected_at": "2026-11-22T13:02:11Z"});
        let row = add(world, &crew.rita, "incidents", &new).unwrap();
        assert_eq!(word(&row), "declared");
        assert_eq!(row["investigate_by"], "2026-11-23T13:02:11.000000Z");
        assert_eq!(row["tasks"][0]["title"], "look");
        let it = id(&row);
        let step = |verb, stated: &_| crew.step(world, &it, verb, stated);
        crew.triage(world, &it, "breach");
        assert_eq!(word(&crew.show(world, "incidents", &it)), "investigating");
        let assign = json!({"role": "lead", "person": "person:ann"});
        assert_eq!(step("assign", &assign).unwrap()["tasks"][0]["owner"], "person:ann");
        let task = json!({"title": "turn the token off", "owner": "person:rita", "required": true,
            "due": at(world, hours(1))});
        assert_eq!(step("task", &task).unwrap()["tasks"][1]["number"], 2);
        world.clock.advance(hours(1));
        let late = crew.show(world, "incidents", &it);
        assert_eq!((word(&late), &late["state"]["who"]), ("late", &json!("person:rita")));
        step("done", &json!({"task": 2, "outcome": "it is off"})).unwrap();
        let again = step("except", &json!({"task": 2, "reason": "x"}));
        assert_eq!(kind(again), Kind::Conflict);
        let none = step("done", &json!({"task": 9, "outcome": "x"}));
        assert_eq!(field(none), (Kind::Invalid, "task".to_owned()));
        step("note", &json!({"text": "the reads came from one host"})).unwrap();
        let refute = json!({"accounts": ["one"], "why": "no entry names the token"});
        assert_eq!(word(&step("refute", &refute).unwrap()), "responding");
        assert_eq!(word(&step("contain", &json!({"done": "token ended"})).unwrap()), "contained");
        let close = json!({"summary": "a lost token; shorter lives from now on"});
        let early = step("close", &close).unwrap_err();
        assert!(early.message().contains("task 1 (`look`)"), "{early}");
        step("except", &json!({"task": 1, "reason": "seen by support already"})).unwrap();
        assert_eq!(word(&step("close", &close).unwrap()), "closed");
        for (verb, stated) in
            [("close", &close), ("refute", &refute), ("assign", &assign), ("task", &task)]
        {
            assert_eq!(kind(step(verb, stated)), Kind::Conflict, "{verb} after the end");
        }
        let seen = crew.show(world, "incidents", &it);
        assert_eq!(seen["suspected_at"], "2026-11-22T13:02:11.000000Z", "it never changed");
    });
}

#[test]
fn what_was_found_is_followed_up_after_the_end_with_evidence() {
    both(719, |world| {
        let mut crew = Crew::new(world);
        account_with_data(world);
        crew.playbooks(world);
        for class in ["breach", "loss", "corruption", "unavailability", "other"] {
            crew.exercise(world, class, true);
        }
        let it = crew.incident(world, "breach");
        crew.triage(world, &it, "breach");
        let find = json!({"finding": "tokens live for a year", "title": "shorten their life",
            "owner": "person:ann", "due": at(world, hours(48))});
        let late = json!({"finding": "x", "title": "y", "owner": "person:ann",
            "due": at(world, hours(0))});
        let refused = crew.step(world, &it, "follow-up", &late);
        assert_eq!(field(refused), (Kind::Invalid, "due".to_owned()));
        crew.step(world, &it, "follow-up", &find).unwrap();
        let refute = json!({"accounts": ["one"], "why": "no entry names the token"});
        crew.step(world, &it, "refute", &refute).unwrap();
        crew.step(world, &it, "close", &json!({"summary": "a lost token"})).unwrap();
        let row = crew.show(world, "incidents", &it);
        assert_eq!((word(&row), &row["state"]["who"]), ("followed-up", &json!("person:ann")));
        crew.expect(world, "E4.1", State::Holding, "it is not due yet");
        crew.wait(world, 3);
        assert_eq!(word(&crew.show(world, "incidents", &it)), "late");
        let answer = crew.answer(world, "E4.1");
        assert_eq!(answer.state, State::Failing, "{answer:#?}");
        assert!(format!("{:?}", answer.todo).contains("person:ann"), "{answer:#?}");
        let done = |stated| crew.step(world, &it, "done", &stated);
        let word_only = done(json!({"task": 1, "outcome": "shorter now"}));
        assert_eq!(field(word_only), (Kind::Invalid, "evidence".to_owned()));
        let row =
            done(json!({"task": 1, "outcome": "shorter now", "evidence": "change 81 of auth"}))
                .unwrap();
        assert!(row["tasks"][0]["done"]["text"].as_str().unwrap().ends_with("change 81 of auth"));
        assert_eq!(word(&row), "closed");
        crew.expect(world, "E4.1", State::Holding, "it is done");
        let note = crew.step(world, &it, "note", &json!({"text": "more"}));
        assert_eq!(kind(note), Kind::Conflict, "nothing else is open in it");
    });
}

#[test]
fn what_is_stated_of_an_incident_is_checked() {
    both(712, |world| {
        let crew = Crew::new(world);
        account_with_data(world);
        let new = json!({"title": "t", "class": "loss", "severity": 1, "source": "s"});
        for (name, bad) in [
            ("title", json!(" ")),
            ("severity", json!(0)),
            ("severity", json!(5)),
            ("source", json!("a\u{0}b")),
            ("suspected_at", json!(at(world, Duration::from_micros(1)))),
            ("playbook", json!("loss")),
        ] {
            let mut stated = new.clone();
            stated[name] = bad;
            let refused = add(world, &crew.rita, "incidents", &stated);
            assert_eq!(field(refused), (Kind::Invalid, name.to_owned()));
        }
        assert_eq!(kind(add(world, &crew.cora, "incidents", &new)), Kind::Forbidden);
        let book = json!({"name": "loss", "class": "loss", "purpose": "p"});
        add(world, &crew.sam, "playbooks", &book).unwrap();
        let mut followed = new.clone();
        followed["playbook"] = json!("loss");
        let refused = add(world, &crew.rita, "incidents", &followed);
        assert_eq!(field(refused), (Kind::Invalid, "playbook".to_owned()), "nobody approved it");
        let it = id(&add(world, &crew.rita, "incidents", &new).unwrap());
        let step = |verb, stated: &_| crew.step(world, &it, verb, stated);
        for lead in ["person:ann", "person:nobody", "service:import"] {
            let triage = json!({"class": "loss", "severity": 1, "lead": lead});
            assert_eq!(field(step("triage", &triage)), (Kind::Invalid, "lead".to_owned()));
        }
        assert_eq!(kind(step("close", &json!({"summary": "x"}))), Kind::Conflict, "no lead");
        let past = json!({"title": "t", "owner": "person:rita", "due": at(world, Duration::ZERO)});
        assert_eq!(field(step("task", &past)), (Kind::Invalid, "due".to_owned()));
        for account in ["nobody", "One", ""] {
            let verify = json!({"account": account, "harm": "loss", "basis": "b"});
            assert_eq!(field(step("verify", &verify)), (Kind::Invalid, "account".to_owned()));
            let refute = json!({"accounts": [account], "why": "w"});
            assert_eq!(field(step("refute", &refute)), (Kind::Invalid, "accounts".to_owned()));
        }
        let baseless = json!({"account": "one", "harm": "loss", "basis": " "});
        assert_eq!(field(step("verify", &baseless)), (Kind::Invalid, "basis".to_owned()));
        let breach = crew.verify(world, &it, "one", "loss");
        assert_eq!((word(&breach), &breach["hours"]), ("running", &json!(72)));
        let twice = json!({"account": "one", "harm": "access", "basis": "b"});
        assert_eq!(kind(step("verify", &twice)), Kind::Conflict);
        let refute = json!({"accounts": ["one"], "why": "w"});
        assert_eq!(kind(step("refute", &refute)), Kind::Conflict, "its clock runs");
        for (plural, stated) in [("breaches", json!({})), ("affected", json!({}))] {
            assert_eq!(kind(add(world, &crew.rita, plural, &stated)), Kind::Conflict);
        }
        let service = world.service("import-2");
        let verify = json!({"account": "one", "harm": "loss", "basis": "b"});
        let by_service = take(world, &service, ("incidents", &it, "verify"), &verify);
        assert_eq!(kind(by_service), Kind::Forbidden, "only people judge");
        crew.triage(world, &it, "loss");
        let untold = step("close", &json!({"summary": "x"})).unwrap_err();
        assert!(untold.message().contains("`one` is not notified"), "{untold}");
    });
}

#[test]
fn a_suspicion_that_nobody_judges_escalates_by_itself() {
    both(713, |world| {
        let crew = Crew::new(world);
        account_with_data(world);
        let slow = crew.incident(world, "breach");
        let quick = crew.incident(world, "breach");
        let refute = json!({"accounts": ["one"], "why": "its log has no such entry"});
        crew.step(world, &quick, "refute", &refute).unwrap();
        world.clock.advance(hours(24) - minutes(1));
        tick(world);
        assert_eq!(word(&crew.show(world, "incidents", &slow)), "declared");
        world.clock.advance(minutes(1));
        tick(world);
        let row = crew.show(world, "incidents", &slow);
        assert_eq!(word(&row), "overdue");
        assert_eq!(row["timeline"][0]["mark"]["by"], "kernel");
        assert!(row["escalated"].is_string());
        assert!(crew.show(world, "incidents", &quick)["escalated"].is_null());
        let noted = kinds(world, HOUSE);
        let noted = noted.iter().filter(|kind| *kind == "incident.investigate").count();
        assert_eq!(noted, 3, "once each, and the page of the one that is late in its commit");
        crew.verify(world, &slow, "one", "access");
        assert_eq!(word(&crew.show(world, "incidents", &slow)), "declared", "judged, though late");
    });
}
