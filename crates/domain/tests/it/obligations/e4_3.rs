//! E4.3: on-call staffing has no gap, day and night.

use crate::incidents::{Crew, at, hours};
use crate::registers::add;
use crate::support::{both, days};
use domain::measures::State;
use serde_json::json;
use std::time::Duration;

#[test]
fn the_rota_is_full_as_far_ahead_as_the_catalogue_says() {
    both(804, |world| {
        let mut crew = Crew::new(world);
        let shift = |crew: &Crew, kind: &str, from: Duration, to: Duration| {
            let new = json!({"person": "person:rita", "kind": kind, "from": at(world, from),
                "to": at(world, to)});
            add(world, &crew.sam, "shifts", &new).unwrap();
        };
        crew.expect(world, "E4.3", State::Unproven, "no rota");
        shift(&crew, "secondary", Duration::ZERO, days(20));
        crew.expect(world, "E4.3", State::Unproven, "nobody is called first");
        shift(&crew, "primary", Duration::ZERO, days(7));
        crew.expect(world, "E4.3", State::Failing, "a week is open");
        shift(&crew, "primary", days(7) + hours(1), days(20));
        let answer = crew.answer(world, "E4.3");
        assert_eq!(answer.state, State::Failing, "an hour is open");
        assert_eq!(answer.todo[0].due, Some(world.kernel.now().after(days(7))), "from when");
        shift(&crew, "primary", days(7), days(7) + hours(1));
        crew.expect(world, "E4.3", State::Holding, "no gap");
        crew.wait(world, 6);
        crew.expect(world, "E4.3", State::Holding, "exactly as far as it has to be");
        world.clock.advance(Duration::from_secs(1));
        crew.expect(world, "E4.3", State::Failing, "a second is open, two weeks ahead");
        crew.wait(world, 14);
        crew.expect(world, "E4.3", State::Unproven, "every shift is over");
    });
}
