//! E4.7: subscribers are contacted in a stated time after verification.

use crate::incidents::{Crew, hours, post};
use crate::registers::add;
use crate::support::{account_with_data, both};
use domain::incidents::notices::Outcome;
use domain::measures::State;
use serde_json::json;

#[test]
fn every_class_of_harm_has_a_time_that_is_kept() {
    both(808, |world| {
        let mut crew = Crew::new(world);
        account_with_data(world);
        crew.expect(world, "E4.7", State::Unproven, "no time is stated");
        let catalogue = json!({"version": "2026-1", "reason": "our contract",
            "parameters": {"response_hours": 60}});
        add(world, &crew.sam, "catalogues", &catalogue).unwrap();
        crew.expect(world, "E4.7", State::Unproven, "never happened and never tried");
        crew.playbook(world, "loss", "loss");
        crew.exercise(world, "loss", true);
        crew.expect(world, "E4.7", State::Holding, "stated and tried");
        let it = crew.incident(world, "loss");
        crew.triage(world, &it, "loss");
        let breach = crew.verify(world, &it, "one", "loss");
        assert_eq!(breach["hours"], 60, "the time of its class");
        world.clock.advance(hours(59));
        crew.expect(world, "E4.7", State::Holding, "its clock runs");
        world.clock.advance(hours(1));
        crew.expect(world, "E4.7", State::Failing, "not told in time");
        let contact = crew.contact(world, "one", "ada@one.example");
        let notice = crew.notice(world, &it, "one", &[&contact]);
        crew.send(world, &notice).unwrap();
        post(world, Outcome::Accepted, "250 ok");
        crew.step(world, &it, "close", &json!({"summary": "a backup that failed"})).unwrap();
        crew.expect(world, "E4.7", State::Holding, "mended");
        crew.wait(world, 366);
        crew.expect(world, "E4.7", State::Unproven, "too long ago to show anything");
    });
}
