use crate::support::both;
use crate::team::Team;
use domain::measures::State;
use serde_json::json;

/// Risks are known, owned and treated in time; a register that nobody rated anew for a year proves
/// nothing.
#[test]
fn risks_are_owned_and_treated() {
    both(102, |world| {
        let team = Team::new(world);
        team.expect("E1.1", State::Unproven);
        team.join("nia", &["security-lead"]);
        let new = json!({"title": "a laptop is lost", "description": "with keys on it",
            "owner": "person:nia", "likelihood": 3, "impact": 4, "controls": ["E5.5"],
            "due": team.day(40)});
        let row = team.add("lea", "risks", &new).unwrap();
        let id = row["id"].as_str().unwrap();
        let treat = |controls: &[&str], owner: &str, due: u32| {
            let plan = json!({"treatment": "mitigate", "plan": "disks are sealed",
                "controls": controls, "owner": owner, "due": team.day(due)});
            team.take("lea", ("risks", id, "treat"), &plan).unwrap();
        };
        team.expect("E1.1", State::Holding);
        treat(&["E9.9"], "person:nia", 40);
        let unknown = team.expect("E1.1", State::Unproven);
        assert!(unknown.missing[0].contains("`E9.9`"));
        treat(&[], "person:nia", 40);
        team.expect("E1.1", State::Unproven);
        treat(&["E5.5"], "person:nia", 40);
        team.wait(41);
        let late = team.expect("E1.1", State::Failing);
        assert_eq!(late.since, late.todo[0].due, "failing since it was due");
        treat(&["E5.5"], "person:nia", 366);
        team.expect("E1.1", State::Holding);
        team.leave("nia");
        let unowned = team.expect("E1.1", State::Failing);
        assert!(unowned.facts[0].what.contains("person:nia has left"), "{unowned:?}");
        assert_eq!(unowned.todo[0].who, "security-lead");
        treat(&["E5.5"], "person:lea", 366);
        team.expect("E1.1", State::Holding);
        team.wait(325);
        team.expect("E1.1", State::Unproven);
        let rate = json!({"likelihood": 2, "impact": 4, "reason": "fewer laptops"});
        team.take("lea", ("risks", id, "rate"), &rate).unwrap();
        team.expect("E1.1", State::Holding);
    });
}
