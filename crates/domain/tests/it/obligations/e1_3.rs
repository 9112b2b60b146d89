use crate::support::both;
use crate::team::Team;
use domain::measures::State;
use serde_json::json;

/// The programme is reviewed in time. A review that is overdue is a duty that was not done, so time
/// alone leads to failing; unproven again it is when the review is given up.
#[test]
fn the_programme_is_reviewed() {
    both(103, |world| {
        let team = Team::new(world);
        team.expect("E1.3", State::Unproven);
        let new = json!({"name": "yearly", "kind": "programme", "owner": "person:lea"});
        team.add("lea", "reviews", &new).unwrap();
        let planned = team.expect("E1.3", State::Unproven);
        assert_eq!(planned.missing, ["a closed round of review `yearly`"]);
        team.hold("yearly");
        team.expect("E1.3", State::Holding);
        team.wait(366);
        let late = team.expect("E1.3", State::Failing);
        assert_eq!(late.todo[0].place, "reviews/yearly");
        team.hold("yearly");
        team.expect("E1.3", State::Holding);
        team.policy(&["everyone"], 30);
        team.expect("E1.3", State::Holding);
        team.wait(31);
        let policy = team.expect("E1.3", State::Failing);
        assert_eq!(policy.todo[0].place, "policies/conduct");
        let new = json!({"name": "rules", "kind": "policy", "subject": "conduct",
            "owner": "person:lea"});
        team.add("lea", "reviews", &new).unwrap();
        team.hold("rules");
        team.expect("E1.3", State::Holding);
        let why = json!({"reason": "another one is planned"});
        team.take("lea", ("reviews", "yearly", "end"), &why).unwrap();
        team.expect("E1.3", State::Unproven);
    });
}
