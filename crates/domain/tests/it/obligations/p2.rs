//! P2: system access controls of vendors.

use super::answered_by_a_vendor;
use crate::support::both;
use crate::vendors::Team;
use domain::measures::{Basis, State};

#[test]
fn p2() {
    answered_by_a_vendor(105, "P2", "p2-1-factors");
}

/// A vendor that comes in only through Bailee is not asked: its tokens are looked at.
#[test]
fn through_bailee_it_is_measured() {
    both(115, |world| {
        let team = Team::new(world);
        team.ready("acme", "support-access");
        team.expect("P2", State::Unproven);
        team.service("acme-bot", "acme").unwrap();
        let answer = team.expect("P2", State::Holding);
        assert_eq!(answer.basis, Some(Basis::Measured));
        assert_eq!(answer.facts[0].what, "vendor acme: 1 of 1 live tokens expire within 91 days");
        team.pass(91);
        team.expect("P2", State::Unproven);
    });
}
