//! P0.2: a vendor security review programme assesses and manages risk.

use crate::support::both;
use crate::vendors::Team;
use domain::measures::{Basis, State};
use serde_json::json;

/// An overdue review is a duty that was not done, so it fails; unproven again is shown by letting
/// the only vendor go.
#[test]
fn p0_2() {
    both(102, |world| {
        let team = Team::new(world);
        team.expect("P0.2", State::Unproven);
        team.vendor("acme", "processing").unwrap();
        team.expect("P0.2", State::Unproven);
        let review = json!({"verdict": "approve", "summary": "all read"});
        team.step("mia", "acme", "review", &review).unwrap();
        let answer = team.expect("P0.2", State::Unproven);
        assert_eq!(answer.todo[0].what, "sign the review");
        team.step("abe", "acme", "sign", &json!({"verdict": "approve"})).unwrap();
        let answer = team.expect("P0.2", State::Holding);
        assert_eq!(answer.basis, Some(Basis::Recorded));
        assert!(answer.facts[0].what.contains("1 of 1 vendors have one in force"), "{answer:?}");
        let find = json!({"text": "no restore tried", "severity": "high", "owner": "person:mia",
            "due": team.day(10)});
        team.step("mia", "acme", "find", &find).unwrap();
        team.expect("P0.2", State::Holding);
        team.pass(11);
        let answer = team.expect("P0.2", State::Failing);
        assert_eq!(answer.todo[0].who, "person:mia");
        team.step("mia", "acme", "resolve", &json!({"finding": 1, "how": "tried"})).unwrap();
        team.expect("P0.2", State::Holding);
        team.pass(173);
        let answer = team.expect("P0.2", State::Failing);
        assert!(answer.since.is_some_and(|since| since <= world.kernel.now()), "since the lapse");
        team.review("acme", "approve");
        team.expect("P0.2", State::Holding);
        let wider = json!({"classes": ["processing", "transmission"]});
        team.step("mia", "acme", "change", &wider).unwrap();
        team.expect("P0.2", State::Failing);
        team.review("acme", "approve");
        team.expect("P0.2", State::Holding);
        team.review("acme", "refuse");
        team.expect("P0.2", State::Failing);
        let gone = json!({"reason": "refused", "certificate": "letter 7"});
        team.step("mia", "acme", "offboard", &gone).unwrap();
        team.expect("P0.2", State::Unproven);
    });
}
