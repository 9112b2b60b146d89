//! P7: vendors keep Service Data apart from other parties' data.

use super::answered_by_a_vendor;
use crate::support::both;
use crate::vendors::{Team, accounts};
use domain::measures::{Basis, State};

#[test]
fn p7() {
    answered_by_a_vendor(110, "P7", "p7-separation");
}

/// A vendor that comes in only through Bailee is not asked: each account has keys of its own.
#[test]
fn through_bailee_it_is_measured() {
    both(120, |world| {
        let team = Team::new(world);
        accounts(world);
        team.ready("acme", "support-access");
        team.expect("P7", State::Unproven);
        team.service("acme-bot", "acme").unwrap();
        assert_eq!(team.expect("P7", State::Holding).basis, Some(Basis::Measured));
    });
}
