//! E4.1: a process says who acts, notifies, escalates, mitigates and documents.

use crate::incidents::{Crew, at, hours};
use crate::registers::{add, take};
use crate::support::{both, days};
use domain::measures::State;
use serde_json::json;

#[test]
fn every_class_has_a_playbook_and_every_incident_is_led_and_in_time() {
    both(803, |world| {
        let mut crew = Crew::new(world);
        crew.expect(world, "E4.1", State::Unproven, "nothing");
        crew.playbooks(world);
        crew.expect(world, "E4.1", State::Unproven, "nothing tried");
        crew.exercise(world, "loss", true);
        crew.expect(world, "E4.1", State::Holding, "written, approved, tried");
        let it = crew.incident(world, "loss");
        crew.expect(world, "E4.1", State::Unproven, "nobody leads it so far");
        crew.triage(world, &it, "loss");
        crew.expect(world, "E4.1", State::Holding, "it is led");
        let task = json!({"title": "restore", "owner": "person:rita", "required": true,
            "due": at(world, hours(2))});
        crew.step(world, &it, "task", &task).unwrap();
        world.clock.advance(hours(2));
        crew.expect(world, "E4.1", State::Failing, "a required task is overdue");
        crew.step(world, &it, "done", &json!({"task": 1, "outcome": "restored"})).unwrap();
        crew.expect(world, "E4.1", State::Holding, "mended");
        let left = crew.incident(world, "other");
        world.clock.advance(hours(24));
        crew.expect(world, "E4.1", State::Failing, "an incident that nobody leads");
        crew.triage(world, &left, "other");
        crew.expect(world, "E4.1", State::Holding, "mended");
        crew.wait(world, 366);
        crew.expect(world, "E4.1", State::Unproven, "tried too long ago");
    });
}

#[test]
fn an_answer_is_looked_at_and_does_not_outlive_its_incident() {
    both(804, |world| {
        let mut crew = Crew::new(world);
        crew.playbooks(world);
        crew.exercise(world, "loss", true);
        crew.expect(world, "E4.1", State::Holding, "without an answer");
        let give = |crew: &Crew, target: &str, incident: Option<&str>| {
            let until = at(world, days(80));
            let row = json!({"kind": "ban", "target": target, "reason": "probes", "until": until,
                "incident": incident});
            let row = add(world, &crew.rita, "answers", &row).unwrap();
            row["id"].as_str().unwrap().to_owned()
        };
        let extend = |crew: &Crew, id: &str| {
            let row = json!({"until": at(world, days(80)), "reason": "it still probes"});
            take(world, &crew.rita, ("answers", id, "extend"), &row).unwrap();
        };
        let lift = |crew: &Crew, id: &str| {
            let why = json!({"reason": "over"});
            take(world, &crew.rita, ("answers", id, "lift"), &why).unwrap();
        };
        let ban = give(&crew, "203.0.113.9", None);
        let answer = crew.answer(world, "E4.1");
        assert_eq!(answer.state, State::Holding, "{answer:#?}");
        let fact = answer.facts.iter().find(|fact| fact.what.starts_with("answers in force"));
        assert!(fact.unwrap().what.ends_with("1 of 1"), "{fact:?}");
        assert!(!format!("{answer:?}").contains("203.0.113.9"), "a board names no target");
        // Stale: nobody looked at it for 30 days.
        crew.wait(world, 31);
        crew.expect(world, "E4.1", State::Unproven, "nobody looked at it");
        let missing = crew.answer(world, "E4.1").missing;
        assert!(missing.iter().any(|what| what.contains(&ban)), "{missing:?}");
        extend(&crew, &ban);
        crew.expect(world, "E4.1", State::Holding, "somebody did");
        lift(&crew, &ban);
        // Missing: an incident that is not there.
        let lost = give(&crew, "203.0.113.10", Some("incident-0"));
        crew.expect(world, "E4.1", State::Unproven, "of which incident");
        lift(&crew, &lost);
        crew.expect(world, "E4.1", State::Holding, "it is lifted");
        // Failing: its incident is closed, and it is in force.
        let it = crew.incident(world, "loss");
        crew.triage(world, &it, "loss");
        let left = give(&crew, "203.0.113.11", Some(&it));
        crew.expect(world, "E4.1", State::Holding, "its incident is open");
        crew.step(world, &it, "contain", &json!({"done": "banned"})).unwrap();
        crew.step(world, &it, "close", &json!({"summary": "a scan"})).unwrap();
        crew.expect(world, "E4.1", State::Holding, "a day to decide");
        world.clock.advance(hours(24));
        crew.expect(world, "E4.1", State::Failing, "nobody decided");
        assert!(crew.answer(world, "E4.1").why().contains(&left));
        extend(&crew, &left);
        crew.expect(world, "E4.1", State::Holding, "somebody says why it stays");
        lift(&crew, &left);
        crew.expect(world, "E4.1", State::Holding, "and lifts it");
    });
}
