//! E5.6: rights follow role, least privilege and need to know.

use super::systems::{scope, through};
use crate::support::{both, planted, wish};
use crate::team::Team;
use domain::grants::EndGrant;
use domain::measures::State;
use serde_json::json;

#[test]
fn rights_follow_the_role_and_are_looked_at() {
    both(156, |world| {
        let team = Team::new(world);
        team.expect("E5.6", State::Failing);
        team.join("ann", &["administrator"]);
        team.expect("E5.6", State::Unproven);
        scope(&team);
        let answer = team.expect("E5.6", State::Unproven);
        assert_eq!(answer.missing, ["a review of access"]);
        let new = json!({"name": "access", "kind": "access", "owner": "person:lea"});
        team.add("lea", "reviews", &new).unwrap();
        let answer = team.expect("E5.6", State::Unproven);
        assert_eq!(answer.todo[0].place, "reviews/access");
        team.hold("access");
        team.expect("E5.6", State::Holding);
        // Given against the role.
        let grant = planted(world, &team.token("ann"), wish("person:omar", &["read"])).unwrap();
        let answer = team.expect("E5.6", State::Failing);
        assert_eq!(answer.why(), "grants beyond their holder's roles: 1 of 1");
        assert_eq!(answer.todo[0].place, format!("grants/{}", grant.id));
        world.run(&team.token("admin"), EndGrant::new(&world.kernel, &grant.id).unwrap()).unwrap();
        team.expect("E5.6", State::Holding);
        through(&team, "E5.6", "access-brokered", || ());
        team.wait(366 - 61 - 93);
        scope(&team);
        let answer = team.expect("E5.6", State::Unproven);
        assert!(answer.missing[0].starts_with("a round of review `access`"), "{answer:?}");
        team.hold("access");
        team.expect("E5.6", State::Holding);
    });
}
