//! Playbooks: written by one, approved by another, tried.

use super::{Crew, day, word};
use crate::registers::{add, take};
use crate::support::{both, field, kind};
use kernel::Kind;
use serde_json::json;

#[test]
fn a_playbook_is_approved_as_it_stands_by_another() {
    both(701, |world| {
        let crew = Crew::new(world);
        let new = json!({"name": "breach", "class": "breach", "purpose": "reads by a stranger"});
        let row = add(world, &crew.sam, "playbooks", &new).unwrap();
        assert_eq!(word(&row), "empty");
        assert_eq!(kind(add(world, &crew.sam, "playbooks", &new)), Kind::Conflict);
        let step = |verb, stated: &_| take(world, &crew.sam, ("playbooks", "breach", verb), stated);
        let approve =
            |token: &str| take(world, token, ("playbooks", "breach", "approve"), &json!({}));
        assert_eq!(kind(approve(&crew.ann)), Kind::Conflict, "nothing in it is required");
        let mut look = json!({"title": "look", "phase": "triage", "required": true, "role": "lead",
            "within_hours": 2});
        assert_eq!(word(&step("require", &look).unwrap()), "unapproved");
        for (name, bad) in
            [("title", json!("")), ("role", json!("a\nb")), ("within_hours", json!(0))]
        {
            let mut stated = look.clone();
            stated[name] = bad;
            assert_eq!(field(step("require", &stated)), (Kind::Invalid, name.to_owned()));
        }
        look["phase"] = json!("whenever");
        assert_eq!(kind(step("require", &look)), Kind::Invalid);
        let untried = json!({"done_on": day(world, 0), "passed": true, "result": "fine"});
        assert_eq!(kind(step("exercise", &untried)), Kind::Conflict, "not approved");
        assert_eq!(kind(approve(&crew.sam)), Kind::Forbidden, "its author");
        assert_eq!(kind(approve(&crew.rita)), Kind::Forbidden, "no such role");
        assert_eq!(word(&approve(&crew.ann).unwrap()), "approved");
        assert_eq!(kind(approve(&crew.ann)), Kind::Conflict);
        let tell = json!({"title": "tell counsel", "phase": "notify", "role": "lead"});
        assert_eq!(word(&step("require", &tell).unwrap()), "unapproved", "it changed");
        let reason = json!({"number": 2, "reason": "counsel is called anyway"});
        assert_eq!(step("drop", &reason).unwrap()["steps"].as_array().unwrap().len(), 1);
        assert_eq!(field(step("drop", &reason)), (Kind::Invalid, "number".to_owned()));
        approve(&crew.ann).unwrap();
        for bad in [day(world, 1), "2025-01-01".to_owned()] {
            let tried = json!({"done_on": bad, "result": "x"});
            assert_eq!(field(step("exercise", &tried)), (Kind::Invalid, "done_on".to_owned()));
        }
        crew.exercise(world, "breach", false);
        assert_eq!(word(&crew.show(world, "playbooks", "breach")), "failed");
        crew.exercise(world, "breach", true);
        assert_eq!(word(&crew.show(world, "playbooks", "breach")), "exercised");
        let over = json!({"reason": "merged into another"});
        assert_eq!(word(&step("retire", &over).unwrap()), "retired");
        assert_eq!(kind(step("retire", &over)), Kind::Conflict);
        assert_eq!(kind(step("require", &tell)), Kind::Conflict);
    });
}
