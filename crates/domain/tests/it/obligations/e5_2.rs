//! E5.2: they have unique IDs with keys and/or complex ephemeral tokens.

use super::systems::{scope, through};
use crate::support::both;
use crate::team::Team;
use domain::measures::State;

/// Every token that Bailee issues ends within 91 days, so what fails is another system.
#[test]
fn tokens_are_unique_and_end() {
    both(152, |world| {
        let team = Team::new(world);
        team.expect("E5.2", State::Unproven);
        scope(&team);
        let answer = team.expect("E5.2", State::Holding);
        let own = "live tokens of 256 bits that expire within 91 days: 3 of 3";
        assert!(answer.facts.iter().any(|fact| fact.what == own), "{answer:?}");
        through(&team, "E5.2", "unique-credentials", || ());
    });
}
