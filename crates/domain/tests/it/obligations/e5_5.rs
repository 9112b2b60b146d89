//! E5.5: credentials are revoked at termination or suspected compromise.

use super::systems::{scope, through};
use crate::support::both;
use crate::team::Team;
use domain::measures::State;

/// An ended credential that Bailee accepts is a defect that no operation can bring about, so what
/// fails is another system, which a revocation does not reach.
#[test]
fn what_was_ended_is_refused() {
    both(155, |world| {
        let team = Team::new(world);
        team.expect("E5.5", State::Unproven);
        scope(&team);
        let answer = team.expect("E5.5", State::Unproven);
        assert_eq!(answer.missing, ["a credential that was ended, to see it refused"]);
        team.join("sam", &["support"]);
        team.leave("sam");
        team.expect("E5.5", State::Holding);
        through(&team, "E5.5", "revocation-enforced", || ());
    });
}
