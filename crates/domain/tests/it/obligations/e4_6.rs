//! E4.6: a breach is verified unauthorised access or improper disclosure.

use crate::incidents::{Crew, hours};
use crate::support::{account_with_data, both};
use domain::measures::State;
use serde_json::json;

#[test]
fn suspicions_are_judged_in_time_by_named_people() {
    both(807, |world| {
        let mut crew = Crew::new(world);
        account_with_data(world);
        crew.expect(world, "E4.6", State::Unproven, "never happened and never tried");
        let it = crew.incident(world, "breach");
        crew.expect(world, "E4.6", State::Unproven, "nothing is judged yet");
        let refute = json!({"accounts": ["one"], "why": "its log has no such entry"});
        crew.step(world, &it, "refute", &refute).unwrap();
        crew.expect(world, "E4.6", State::Holding, "judged");
        let slow = crew.incident(world, "breach");
        world.clock.advance(hours(24));
        crew.expect(world, "E4.6", State::Failing, "a suspicion that nobody judges");
        crew.verify(world, &slow, "one", "access");
        crew.expect(world, "E4.6", State::Holding, "mended");
        crew.wait(world, 366);
        crew.expect(world, "E4.6", State::Unproven, "too long ago to show anything");
        crew.playbook(world, "breach", "breach");
        crew.exercise(world, "breach", true);
        crew.expect(world, "E4.6", State::Holding, "tried instead");
    });
}
