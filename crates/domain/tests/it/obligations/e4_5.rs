//! E4.5: a notice is held only by order of law enforcement or a government agency.

use crate::incidents::{Crew, day, hours, id, post};
use crate::registers::{add, take};
use crate::support::{account_with_data, both};
use domain::incidents::notices::Outcome;
use domain::measures::State;
use serde_json::json;

#[test]
fn a_notice_that_waits_has_a_confirmed_order() {
    both(806, |world| {
        let mut crew = Crew::new(world);
        account_with_data(world);
        crew.expect(world, "E4.5", State::Unproven, "never happened and never tried");
        crew.playbook(world, "breach", "breach");
        crew.exercise(world, "breach", true);
        crew.expect(world, "E4.5", State::Holding, "tried");
        let it = crew.incident(world, "breach");
        crew.verify(world, &it, "one", "access");
        let order = json!({"incident": it, "accounts": ["one"], "authority": "government-agency",
            "agency": "A", "official": "O", "contact": "C", "jurisdiction": "J", "reference": "R",
            "statement": "wait", "from": day(world, 0), "to": day(world, 5), "reason": "why"});
        let hold = id(&add(world, &crew.cora, "holds", &order).unwrap());
        crew.expect(world, "E4.5", State::Holding, "its clock runs, order or not");
        world.clock.advance(hours(47));
        let seen = json!({"reference": "R"});
        take(world, &crew.rita, ("holds", &hold, "confirm"), &seen).unwrap();
        world.clock.advance(hours(10));
        crew.expect(world, "E4.5", State::Holding, "held by a confirmed order");
        let answer = crew.answer(world, "E4.5");
        assert!(answer.facts[0].what.contains("by a confirmed order: 1, without one: 0"));
        crew.wait(world, 5);
        crew.expect(world, "E4.5", State::Failing, "the order is over, and nobody was told");
        let contact = crew.contact(world, "one", "ada@one.example");
        let notice = crew.notice(world, &it, "one", &[&contact]);
        crew.send(world, &notice).unwrap();
        post(world, Outcome::Accepted, "250 ok");
        crew.expect(world, "E4.5", State::Holding, "mended");
        crew.wait(world, 366);
        crew.expect(world, "E4.5", State::Unproven, "too long ago to show anything");
    });
}
