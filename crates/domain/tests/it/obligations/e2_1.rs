//! E2.1: Service Data is encrypted at rest, in every system that holds it.

use super::systems::{scope, through};
use crate::support::both;
use crate::team::Team;
use domain::measures::State;

/// Of Bailee itself the census of keys speaks, which no operation can make bad: an account without
/// keys of its own cannot be founded. What fails is another system.
#[test]
fn service_data_is_encrypted_at_rest() {
    both(121, |world| {
        let team = Team::new(world);
        team.expect("E2.1", State::Unproven);
        scope(&team);
        let answer = team.expect("E2.1", State::Holding);
        assert!(answer.facts.iter().any(|fact| fact.what.starts_with("accounts with keys")));
        through(&team, "E2.1", "encrypted-at-rest", || ());
    });
}
