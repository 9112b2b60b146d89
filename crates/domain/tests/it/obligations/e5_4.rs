//! E5.4: IDs and credentials are issued at hire.

use crate::support::both;
use crate::team::Team;
use domain::measures::{Basis, State};
use serde_json::json;
use std::time::Duration;

#[test]
fn a_credential_comes_with_the_job() {
    both(154, |world| {
        let team = Team::new(world);
        team.wait(367);
        let answer = team.expect("E5.4", State::Unproven);
        assert!(answer.missing[0].starts_with("somebody who joined within a year"));
        team.join("nia", &["engineer"]);
        let answer = team.expect("E5.4", State::Holding);
        assert_eq!(answer.basis, Some(Basis::Measured));
        assert!(answer.facts[0].what.ends_with(": 1 of 1"), "{answer:?}");
        let place = json!({"person": "person:nia", "employment": "full-time",
            "function": "detection", "from": team.day(0)});
        team.add("lea", "roster", &place).unwrap();
        team.expect("E5.4", State::Holding);
        world.clock.advance(Duration::from_secs(60));
        team.leave("nia");
        let answer = team.expect("E5.4", State::Failing);
        assert_eq!(answer.todo[0].place, "roster/nia", "on the roster, and not here any more");
        team.take("lea", ("roster", "nia", "leave"), &json!({"to": team.day(0)})).unwrap();
        team.expect("E5.4", State::Failing);
        team.wait(1);
        team.expect("E5.4", State::Holding);
        team.wait(366);
        team.expect("E5.4", State::Unproven);
    });
}

/// Whoever comes with the store is no joiner: an empty store proves nothing.
#[test]
fn the_first_administrator_is_no_joiner() {
    both(155, |world| {
        let read = domain::measures::ReadMeasures::new(&world.kernel, None).unwrap();
        let all = world.run(&world.admin, read).unwrap().output;
        let answer = &all.iter().find(|one| one.obligation.id == "E5.4").unwrap().answer;
        assert_eq!(answer.state, State::Unproven);
    });
}
