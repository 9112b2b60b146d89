//! E7.2: areas with systems are restricted.

use crate::sites::Team;
use crate::support::{both, days, name};
use domain::measures::{Basis, State};
use domain::people::EndPerson;
use serde_json::{Value, json};
use std::time::Duration;

#[test]
fn e7_2_follows_lists_and_badges() {
    both(373, |world| {
        let mut team = Team::new(world);
        team.check("E7.2", State::Unproven);
        team.site("fra-1", "acme");
        team.check("E7.2", State::Unproven);
        team.add("areas", json!({"name": "cage", "site": "fra-1", "purpose": "racks"})).unwrap();
        let cage = |team: &Team<'_>, verb: &str, stated: Value| {
            team.take("areas", "cage", verb, stated).unwrap()
        };
        world.person("omar", &["engineer"]);
        for who in ["person:lea", "person:omar"] {
            let stated = json!({"person": who, "from": team.day(-1), "to": team.day(300)});
            cage(&team, "allow", stated);
        }
        cage(&team, "reconcile", json!({}));
        team.check("E7.2", State::Unproven);
        let badge = |team: &Team<'_>, who: &str| {
            let event = format!("{},{who},yes", team.ago(0));
            cage(team, "badges", json!({"events": [event]}));
        };
        badge(&team, "lea");
        assert_eq!(team.check("E7.2", State::Holding).basis, Some(Basis::Recorded));
        let end = EndPerson::new(&world.kernel, &name("omar")).unwrap();
        world.run(&world.admin, end).unwrap();
        team.later(Duration::from_secs(60));
        badge(&team, "omar");
        team.check("E7.2", State::Failing);
        cage(&team, "settle", json!({"finding": "badge-1", "how": "badge taken back"}));
        team.check("E7.2", State::Holding);
        cage(&team, "reconcile", json!({}));
        team.check("E7.2", State::Failing);
        cage(&team, "remove", json!({"person": "person:omar"}));
        team.check("E7.2", State::Holding);
        team.later(days(80));
        badge(&team, "lea");
        team.check("E7.2", State::Holding);
        team.later(days(13));
        team.check("E7.2", State::Unproven);
        cage(&team, "reconcile", json!({}));
        team.check("E7.2", State::Holding);
        team.later(days(80));
        team.check("E7.2", State::Unproven);
    });
}

#[test]
fn e7_2_follows_a_report_unless_a_door_says_otherwise() {
    both(374, |world| {
        let mut team = Team::new(world);
        team.site("fra-1", "acme");
        team.reported("fra-1", &["physical"], &[]);
        assert_eq!(team.check("E7.2", State::Holding).basis, Some(Basis::Attested));
        team.add("areas", json!({"name": "cage", "site": "fra-1", "purpose": "racks"})).unwrap();
        team.check("E7.2", State::Holding);
        let event = format!("{},stranger,yes", team.ago(0));
        team.take("areas", "cage", "badges", json!({"events": [event]})).unwrap();
        team.check("E7.2", State::Failing);
        let stated = json!({"finding": "badge-1", "how": "a guest of lea, in the visitors' book"});
        team.take("areas", "cage", "settle", stated).unwrap();
        team.check("E7.2", State::Holding);
        team.later(days(31));
        team.check("E7.2", State::Unproven);
    });
}
