//! Shifts: who stands in the rota, and for how long.

use crate::incidents::{Crew, at, hours, id, word};
use crate::registers::{add, take};
use crate::support::{both, days, field, kind};
use kernel::Kind;
use serde_json::json;
use std::time::Duration;

#[test]
fn only_people_of_the_team_are_on_call_for_a_bounded_time() {
    both(703, |world| {
        let crew = Crew::new(world);
        let now = Duration::ZERO;
        let shift = |person: &str, from: &str, to: &str| {
            let new = json!({"person": person, "kind": "primary", "from": from, "to": to});
            add(world, &crew.sam, "shifts", &new)
        };
        let end = at(world, days(7));
        for person in ["person:ann", "person:nobody", "service:x", "rita"] {
            let refused = shift(person, &at(world, now), &end);
            assert_eq!(field(refused), (Kind::Invalid, "person".to_owned()), "{person}");
        }
        let long = |to| field(shift("person:rita", &at(world, now), &at(world, to)));
        assert_eq!(long(now), (Kind::Invalid, "to".to_owned()));
        assert_eq!(long(days(31) + hours(1)), (Kind::Invalid, "to".to_owned()));
        for from in [at(world, days(367)), "2026-11-01T00:00:00Z".to_owned()] {
            let refused = shift("person:rita", &from, &end);
            assert_eq!(field(refused), (Kind::Invalid, "from".to_owned()), "{from}");
        }
        assert_eq!(kind(shift("person:rita", "noon", &end)), Kind::Invalid);
        let planned = shift("person:rita", &at(world, hours(1)), &end).unwrap();
        assert_eq!(word(&planned), "planned");
        world.clock.advance(hours(1));
        assert_eq!(word(&crew.show(world, "shifts", &id(&planned))), "on-call");
        let over = json!({"reason": "sam takes over"});
        let stop = || take(world, &crew.sam, ("shifts", &id(&planned), "end"), &over);
        assert_eq!(word(&stop().unwrap()), "over");
        assert_eq!(kind(stop()), Kind::Conflict);
        let next = shift("person:sam", &at(world, now), &end).unwrap();
        world.clock.advance(days(7));
        assert_eq!(word(&crew.show(world, "shifts", &id(&next))), "over");
    });
}
