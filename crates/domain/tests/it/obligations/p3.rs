//! P3: data access controls of vendors.

use super::answered_by_a_vendor;
use crate::registers::take;
use crate::support::both;
use crate::vendors::{Team, accounts};
use domain::measures::{Basis, State};
use serde_json::json;

#[test]
fn p3() {
    answered_by_a_vendor(106, "P3", "p3-2-queries");
}

/// A vendor that comes in only through Bailee is not asked: its grants are looked at.
#[test]
fn through_bailee_it_is_measured() {
    both(116, |world| {
        let team = Team::new(world);
        let (one, _) = accounts(world);
        team.ready("acme", "support-access");
        team.engage("case-7", "acme", one.as_str(), 100).unwrap();
        team.expect("P3", State::Unproven);
        team.service("acme-bot", "acme").unwrap();
        team.grant("service:acme-bot", one.as_str(), "c", &["read"]).unwrap();
        assert_eq!(team.expect("P3", State::Holding).basis, Some(Basis::Measured));
        let why = json!({"reason": "done"});
        take(world, &team.token("mia"), ("engagements", "case-7", "end"), &why).unwrap();
        team.expect("P3", State::Failing);
        team.pass(1);
        team.expect("P3", State::Holding);
    });
}
