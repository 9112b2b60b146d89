use crate::support::both;
use crate::team::Team;
use domain::measures::{Basis, State};

/// Policies exist, are approved, published and acknowledged; without a look at them for long they
/// prove nothing.
#[test]
fn policies_are_in_force_and_acknowledged() {
    both(101, |world| {
        let team = Team::new(world);
        let new = team.expect("E1.0", State::Unproven);
        assert_eq!(new.missing, ["a policy in force"]);
        team.policy(&["everyone"], 60);
        team.expect("E1.0", State::Unproven);
        for who in ["lea", "omar", "admin"] {
            team.acknowledge(who, "1").unwrap();
        }
        let good = team.expect("E1.0", State::Holding);
        assert_eq!(good.basis, Some(Basis::Recorded));
        assert!(good.facts[1].what.contains("3 of 3 people"), "{good:?}");
        team.join("nia", &["engineer"]);
        let asked = team.expect("E1.0", State::Holding);
        assert_eq!(asked.todo[0].who, "person:nia", "in time so far");
        team.wait(31);
        let bad = team.expect("E1.0", State::Failing);
        assert!(bad.facts[1].what.ends_with("overdue: person:nia"), "{bad:?}");
        assert_eq!(bad.since, bad.todo[0].due, "failing since it was due");
        team.acknowledge("nia", "1").unwrap();
        team.expect("E1.0", State::Holding);
        team.wait(29);
        let stale = team.expect("E1.0", State::Unproven);
        assert_eq!(stale.missing, ["a look at policy `conduct` within its 60 days"]);
        team.publish("conduct", "2");
        team.expect("E1.0", State::Unproven);
        team.acknowledge("nia", "2").unwrap();
        team.expect("E1.0", State::Holding);
    });
}
