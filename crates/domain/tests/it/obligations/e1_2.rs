//! E1.2: technology and process stand against common attacks.

use super::systems::watching;
use crate::incidents::Crew;
use crate::support::both;
use domain::measures::{Basis, State};

#[test]
fn attacks_are_prepared_for_and_the_answer_is_tried() {
    both(801, |world| {
        let mut crew = Crew::new(world);
        crew.expect(world, "E1.2", State::Unproven, "limits alone are not enough");
        crew.playbook(world, "breach", "breach");
        crew.expect(world, "E1.2", State::Unproven, "one class of two, and nothing tried");
        crew.playbook(world, "down", "unavailability");
        crew.expect(world, "E1.2", State::Unproven, "nothing tried");
        crew.exercise(world, "breach", true);
        crew.expect(world, "E1.2", State::Unproven, "no rule looks for an attack");
        watching(world);
        crew.expect(world, "E1.2", State::Holding, "tried");
        assert_eq!(crew.answer(world, "E1.2").basis, Some(Basis::Recorded));
        crew.wait(world, 1);
        crew.exercise(world, "down", false);
        watching(world);
        crew.expect(world, "E1.2", State::Failing, "the newest try went wrong");
        crew.wait(world, 1);
        crew.exercise(world, "down", true);
        watching(world);
        crew.expect(world, "E1.2", State::Holding, "mended");
        crew.wait(world, 366);
        watching(world);
        crew.expect(world, "E1.2", State::Unproven, "tried too long ago");
    });
}
