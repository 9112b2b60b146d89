use crate::support::both;
use crate::team::Team;
use domain::measures::State;
use serde_json::json;

/// Enough people work full-time in the team; a roster that nobody confirmed for a year proves
/// nothing.
#[test]
fn the_team_is_large_enough() {
    both(104, |world| {
        let team = Team::new(world);
        team.expect("E1.4", State::Unproven);
        let place = |who: &str, employment: &str| {
            let new = json!({"person": format!("person:{who}"), "employment": employment,
                "function": "security engineering", "from": team.day(0)});
            team.add("lea", "roster", &new).unwrap();
        };
        place("lea", "full-time");
        let alone = team.expect("E1.4", State::Failing);
        assert!(alone.facts[0].what.starts_with("full-time in the team today: 1 of at least 2"));
        place("omar", "part-time");
        team.expect("E1.4", State::Failing);
        let change = json!({"employment": "full-time", "from": team.day(1)});
        team.take("lea", ("roster", "omar", "change"), &change).unwrap();
        team.expect("E1.4", State::Failing);
        team.wait(1);
        team.expect("E1.4", State::Holding);
        team.leave("omar");
        team.expect("E1.4", State::Failing);
        team.join("nia", &["responder"]);
        place("nia", "full-time");
        team.expect("E1.4", State::Holding);
        team.take("lea", ("roster", "nia", "leave"), &json!({"to": team.day(0)})).unwrap();
        team.expect("E1.4", State::Holding);
        team.wait(1);
        team.expect("E1.4", State::Failing);
        let back = json!({"from": team.day(1)});
        team.take("lea", ("roster", "nia", "change"), &back).unwrap();
        team.wait(365);
        let stale = team.expect("E1.4", State::Unproven);
        assert_eq!(stale.missing, ["a roster that was confirmed within 365 days"]);
        for who in ["lea", "nia"] {
            team.take("lea", ("roster", who, "confirm"), &json!({})).unwrap();
        }
        team.expect("E1.4", State::Holding);
    });
}
