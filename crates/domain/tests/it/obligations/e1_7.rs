use crate::support::both;
use crate::team::Team;
use domain::measures::State;
use serde_json::json;

/// Courses in line with the policies in force are taken in time; when a policy has a new version,
/// a course on the one before proves nothing.
#[test]
fn everybody_is_trained_in_line_with_policy() {
    both(107, |world| {
        let team = Team::new(world);
        team.expect("E1.7", State::Unproven);
        team.policy(&["everyone"], 365);
        let new = json!({"name": "basics", "title": "Basics", "policy": "conduct", "version": "1",
            "content": "what to do", "for_roles": ["everyone"]});
        team.add("lea", "courses", &new).unwrap();
        team.expect("E1.7", State::Unproven);
        team.take("lea", ("courses", "basics", "publish"), &json!({})).unwrap();
        let assigning = team.expect("E1.7", State::Unproven);
        assert!(assigning.missing.iter().any(|one| one.contains("assigned to person:omar")));
        team.tick();
        let assigned = team.expect("E1.7", State::Unproven);
        assert_eq!(assigned.missing, ["a completion of course `basics`"]);
        let complete = |who: &str| {
            let id = format!("basics.{who}");
            let said = json!({"attest": "I took it"});
            team.take(who, ("trainings", &id, "complete"), &said).unwrap();
        };
        for who in ["lea", "omar", "admin"] {
            complete(who);
        }
        let good = team.expect("E1.7", State::Holding);
        assert!(good.facts[0].what.contains("3 of 3 people"), "{good:?}");
        team.join("nia", &["engineer"]);
        team.expect("E1.7", State::Unproven);
        team.tick();
        team.expect("E1.7", State::Holding);
        team.wait(31);
        let late = team.expect("E1.7", State::Failing);
        assert!(late.facts[0].what.ends_with("overdue: person:nia"), "{late:?}");
        complete("nia");
        team.expect("E1.7", State::Holding);
        team.publish("conduct", "2");
        let stale = team.expect("E1.7", State::Unproven);
        assert!(stale.missing[0].contains("in line with policy `conduct`"), "{stale:?}");
        let revise = json!({"policy": "conduct", "version": "2", "content": "what to do now"});
        team.take("lea", ("courses", "basics", "revise"), &revise).unwrap();
        team.expect("E1.7", State::Unproven);
        team.take("lea", ("courses", "basics", "publish"), &json!({})).unwrap();
        team.expect("E1.7", State::Holding);
        team.wait(360);
        let again = team.expect("E1.7", State::Failing);
        assert!(again.facts[0].what.contains("1 of 4 people"), "a year is over: {again:?}");
        for who in ["lea", "omar", "admin", "nia"] {
            complete(who);
        }
        team.expect("E1.7", State::Holding);
    });
}
