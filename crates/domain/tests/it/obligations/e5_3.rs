//! E5.3: keys and tokens identify each person's activities, access included.

use super::systems::{scope, through};
use crate::support::{account_with_data, both};
use crate::team::Team;
use domain::measures::State;
use std::time::Duration;

/// A ledger that does not sign stops the store, which is tested with the store; here another system
/// fails.
#[test]
fn every_access_is_recorded() {
    both(153, |world| {
        let team = Team::new(world);
        team.expect("E5.3", State::Unproven);
        scope(&team);
        account_with_data(world);
        team.expect("E5.3", State::Unproven);
        team.tick();
        team.expect("E5.3", State::Holding);
        world.clock.advance(Duration::from_secs(301));
        let answer = team.expect("E5.3", State::Unproven);
        assert_eq!(answer.missing, ["an anchor that is not older than five minutes"]);
        team.tick();
        through(&team, "E5.3", "activity-feed", || ());
    });
}
