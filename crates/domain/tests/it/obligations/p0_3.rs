//! P0.3: vendors are bound to P1 to P7 by agreement.

use crate::support::both;
use crate::vendors::Team;
use domain::measures::{Basis, State};
use serde_json::json;

/// An agreement that ended binds to nothing, which is known, so it fails; unproven again is shown
/// by letting the only vendor go.
#[test]
fn p0_3() {
    both(103, |world| {
        let team = Team::new(world);
        team.expect("P0.3", State::Unproven);
        team.vendor("acme", "processing").unwrap();
        team.expect("P0.3", State::Unproven);
        team.agree("acme", 100);
        assert_eq!(team.expect("P0.3", State::Holding).basis, Some(Basis::Attested));
        let less = json!({"document": "dpa.pdf", "sha256": "cd".repeat(32), "terms": "2026-2",
            "valid_from": team.day(0), "valid_to": team.day(100), "binds": ["P1", "P2"]});
        team.step("mia", "acme", "agree", &less).unwrap();
        let answer = team.expect("P0.3", State::Failing);
        assert!(answer.facts[0].what.contains("does not bind it to P3, P4"), "{answer:?}");
        team.agree("acme", 100);
        team.expect("P0.3", State::Holding);
        team.pass(101);
        team.expect("P0.3", State::Failing);
        team.agree("acme", 100);
        team.expect("P0.3", State::Holding);
        team.vendor("second", "hosting").unwrap();
        team.expect("P0.3", State::Unproven);
        for vendor in ["acme", "second"] {
            let gone = json!({"reason": "moved", "certificate": "letter 7"});
            team.step("mia", vendor, "offboard", &gone).unwrap();
        }
        team.expect("P0.3", State::Unproven);
    });
}
