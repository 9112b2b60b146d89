//! E4.1: a process says who acts, notifies, escalates, mitigates and documents.

use crate::incidents::{Crew, at, hours};
use crate::support::both;
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
