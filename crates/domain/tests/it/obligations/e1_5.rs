use crate::support::both;
use crate::team::Team;
use domain::measures::State;
use serde_json::json;

const KINDS: [&str; 5] = ["rules", "grants", "keys", "backups", "scans"];

/// Each kind of infrastructure is reviewed in time. Overdue is a duty that was not done, so time
/// alone leads to failing; unproven again it is when a review is given up.
#[test]
fn infrastructure_is_reviewed() {
    both(105, |world| {
        let team = Team::new(world);
        assert_eq!(team.expect("E1.5", State::Unproven).missing.len(), 5);
        for kind in KINDS {
            let new = json!({"name": kind, "kind": "infrastructure", "subject": kind,
                "owner": "person:lea"});
            team.add("lea", "reviews", &new).unwrap();
            team.expect("E1.5", State::Unproven);
        }
        for kind in KINDS {
            team.hold(kind);
        }
        assert_eq!(team.expect("E1.5", State::Holding).facts.len(), 5);
        team.wait(20);
        for kind in &KINDS[..4] {
            team.hold(kind);
        }
        team.wait(12);
        let late = team.expect("E1.5", State::Failing);
        assert_eq!(late.todo.len(), 1, "the one that was not held");
        assert_eq!(late.todo[0].place, "reviews/scans");
        team.hold("scans");
        team.expect("E1.5", State::Holding);
        let why = json!({"reason": "there are no rules any more"});
        team.take("lea", ("reviews", "rules", "end"), &why).unwrap();
        assert_eq!(team.expect("E1.5", State::Unproven).missing, ["a review of rules"]);
    });
}
