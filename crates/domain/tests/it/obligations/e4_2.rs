//! E4.2: monitoring is centralized, day and night.

use super::systems::{listener, scope, seen, through};
use crate::support::{account_with_data, both};
use crate::team::Team;
use domain::measures::{Listener, State};
use std::time::Duration;

#[test]
fn monitoring_is_centralized() {
    both(142, |world| {
        let team = Team::new(world);
        seen(&team, None, "E4.2", State::Unproven);
        scope(&team);
        account_with_data(world);
        seen(&team, Some(listener(&team)), "E4.2", State::Unproven);
        team.tick();
        seen(&team, None, "E4.2", State::Unproven);
        let good = listener(&team);
        seen(&team, Some(good.clone()), "E4.2", State::Holding);
        let plain = Listener { refuses_plaintext: false, ..good };
        seen(&team, Some(plain), "E4.2", State::Failing);
        world.clock.advance(Duration::from_secs(301));
        let answer = seen(&team, Some(listener(&team)), "E4.2", State::Unproven);
        assert!(answer.missing[0].starts_with("an anchor"), "nobody looked since: {answer:?}");
        team.tick();
        through(&team, "E4.2", "monitored", || ());
    });
}
