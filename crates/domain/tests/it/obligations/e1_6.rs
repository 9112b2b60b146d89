//! E1.6: the team responds to incidents.

use crate::incidents::{Crew, at, id};
use crate::registers::{add, take};
use crate::support::{both, days, name};
use domain::measures::State;
use domain::people::EndPerson;
use serde_json::json;
use std::time::Duration;

#[test]
fn those_on_call_are_active_responders() {
    both(802, |world| {
        let mut crew = Crew::new(world);
        crew.expect(world, "E1.6", State::Unproven, "no rota");
        let rob = world.person("rob", &["responder"]);
        let shift = |crew: &Crew, who: &str, kind: &str, from: u64, to: u64| {
            let new = json!({"person": who, "kind": kind, "from": at(world, days(from)),
                "to": at(world, days(to))});
            id(&add(world, &crew.sam, "shifts", &new).unwrap())
        };
        let later = shift(&crew, "person:sam", "primary", 1, 10);
        crew.expect(world, "E1.6", State::Failing, "somebody later, nobody now");
        shift(&crew, "person:rita", "primary", 0, 1);
        crew.expect(world, "E1.6", State::Holding, "somebody now");
        let robs = shift(&crew, "person:rob", "secondary", 0, 10);
        crew.expect(world, "E1.6", State::Holding, "two now");
        let leave = EndPerson::new(&world.kernel, &name("rob")).unwrap();
        world.run(&world.admin, leave).unwrap();
        assert!(world.kernel.identify(&rob).is_err());
        crew.expect(world, "E1.6", State::Failing, "a leaver is on call");
        let over = json!({"reason": "rob left"});
        take(world, &crew.sam, ("shifts", &robs, "end"), &over).unwrap();
        crew.expect(world, "E1.6", State::Holding, "mended");
        crew.wait(world, 10);
        crew.expect(world, "E1.6", State::Unproven, "every shift is over");
        assert_eq!(crew.show(world, "shifts", &later)["state"]["word"], "over");
        world.clock.advance(Duration::from_secs(1));
        shift(&crew, "person:rita", "primary", 0, 10);
        crew.expect(world, "E1.6", State::Holding, "a new rota");
    });
}
