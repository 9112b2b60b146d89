//! E5.6: rights follow role, least privilege and need to know.

use super::systems::{scope, through};
use crate::access_reviews::used;
use crate::support::{both, days, planted, wish};
use crate::team::Team;
use domain::grants::uses::KERNEL;
use domain::grants::{EndGrant, Wish};
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

#[test]
fn what_nobody_uses_is_proposed_for_removal_and_a_review_of_access_counts() {
    both(157, |world| {
        let team = Team::new(world);
        team.join("ann", &["administrator"]);
        team.join("eve", &["engineer"]);
        scope(&team);
        let new = json!({"name": "autumn", "kind": "all", "days": 7,
            "reviewers": ["person:omar", "person:lea"]});
        team.add("lea", "access-reviews", &new).unwrap();
        assert_eq!(team.expect("E5.6", State::Unproven).missing, ["a review of access"]);
        let rights = team.show("access-reviews", "autumn");
        for item in rights["items"].as_array().unwrap() {
            let right = item["right"].as_str().unwrap();
            let by = if item["holder"] == "person:omar" { "lea" } else { "omar" };
            world.clock.advance(std::time::Duration::from_secs(20));
            let stated = json!({"right": right, "verdict": "keep", "reason": "their work"});
            team.take(by, ("access-reviews", "autumn", "decide"), &stated).unwrap();
        }
        let answer = team.expect("E5.6", State::Holding);
        let facts: Vec<_> = answer.facts.iter().map(|fact| fact.what.as_str()).collect();
        assert!(facts.iter().any(|what| what.starts_with("access review autumn: 5 rights")));
        // A grant of 60 days that nobody uses after the first one, so it is proposed after 30.
        used(world, KERNEL, None);
        let long = Wish { window: days(60), ..wish("person:eve", &["read"]) };
        team.wait(1);
        let grant = planted(world, &team.token("ann"), long).unwrap();
        used(world, "person:eve", Some(&grant.id));
        team.expect("E5.6", State::Holding);
        team.wait(30);
        team.expect("E5.6", State::Holding);
        team.wait(1);
        let answer = team.expect("E5.6", State::Failing);
        let why = "unused for 90 days or most of their time: 1 of 1 grants";
        assert!(answer.why().starts_with(why), "{answer:?}");
        assert_eq!(answer.todo[0].place, format!("grants/{}", grant.id));
        used(world, "person:eve", Some(&grant.id));
        scope(&team);
        team.expect("E5.6", State::Holding);
        // And roles of people who do nothing at all.
        for who in ["admin", "ann", "lea", "omar"] {
            used(world, &format!("person:{who}"), None);
        }
        team.wait(60);
        for who in ["admin", "ann", "lea", "omar"] {
            used(world, &format!("person:{who}"), None);
        }
        scope(&team);
        team.wait(31);
        let answer = team.expect("E5.6", State::Failing);
        assert_eq!(answer.todo[0].place, "people/eve", "{answer:?}");
    });
}
