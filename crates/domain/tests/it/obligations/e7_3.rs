//! E7.3: N+1 power and cooling, generators and fire suppression exist.

use crate::sites::Team;
use crate::support::{both, days};
use domain::measures::{Basis, State};
use serde_json::json;
use std::time::Duration;

fn certify(team: &Team<'_>, kind: &str, passed: bool) {
    let stated = json!({"kind": kind, "done": team.day(0), "done_by": "Max", "passed": passed,
        "evidence": "log 3", "next_due": team.day(180)});
    team.take("sites", "fra-1", "certify", stated).unwrap();
}

fn machines(team: &Team<'_>) {
    for id in ["ups-a", "ups-b"] {
        let new = json!({"name": id, "site": "fra-1", "kind": "ups", "group": "room 1",
            "capacity": 10, "unit": "kw", "nut": format!("127.0.0.1:3493/{id}")});
        team.add("equipment", new).unwrap();
    }
    for id in ["hvac-a", "hvac-b"] {
        let new = json!({"name": id, "site": "fra-1", "kind": "hvac", "group": "room 1",
            "capacity": 8, "unit": "kw", "load": 4});
        team.add("equipment", new).unwrap();
        team.take("equipment", id, "measure", json!({"status": "OL"})).unwrap();
    }
    let new = json!({"name": "gen-1", "site": "fra-1", "kind": "generator", "group": "yard"});
    team.add("equipment", new).unwrap();
}

#[test]
fn e7_3_follows_the_state_of_machines() {
    both(375, |world| {
        let mut team = Team::new(world);
        team.check("E7.3", State::Unproven);
        team.site("fra-1", "acme");
        machines(&team);
        certify(&team, "generator", true);
        certify(&team, "suppression", true);
        team.check("E7.3", State::Unproven);
        team.poll(|_| Some(("OL", 40)));
        assert_eq!(team.check("E7.3", State::Holding).basis, Some(Basis::Recorded));
        let five = Duration::from_secs(300);
        // On battery: one of two is not enough for N+1.
        team.later(five);
        team.poll(|id| Some((if id == "ups-a" { "OB DISCHRG" } else { "OL" }, 40)));
        let answer = team.check("E7.3", State::Failing);
        assert_eq!(answer.since, Some(world.kernel.now()));
        assert!(answer.facts.iter().any(|fact| !fact.good && fact.basis == Basis::Measured));
        team.later(five);
        team.poll(|_| Some(("OL CHRG", 40)));
        team.check("E7.3", State::Holding);
        // More load than one can carry.
        team.later(five);
        team.poll(|_| Some(("OL", 60)));
        team.check("E7.3", State::Failing);
        team.later(five);
        team.poll(|_| Some(("OL", 40)));
        team.check("E7.3", State::Holding);
        certify(&team, "generator", false);
        team.check("E7.3", State::Failing);
        certify(&team, "generator", true);
        let done = json!({"done": team.day(-9), "work": "oil", "next_due": team.day(-1)});
        team.take("equipment", "gen-1", "service", done).unwrap();
        team.check("E7.3", State::Failing);
        let done = json!({"done": team.day(0), "work": "oil", "next_due": team.day(300)});
        team.take("equipment", "gen-1", "service", done).unwrap();
        team.check("E7.3", State::Holding);
        // Nobody polls: first nothing is wrong, then nothing is known.
        team.later(Duration::from_secs(14 * 60));
        team.check("E7.3", State::Holding);
        team.later(Duration::from_secs(60));
        team.check("E7.3", State::Unproven);
        team.poll(|_| Some(("OL", 40)));
        team.check("E7.3", State::Holding);
        team.later(days(181));
        team.poll(|_| Some(("OL", 40)));
        let answer = team.check("E7.3", State::Failing);
        assert!(answer.facts.iter().any(|fact| fact.what.contains("was due by")), "{answer:?}");
    });
}

#[test]
fn e7_3_follows_a_report_by_topic_unless_a_machine_says_otherwise() {
    both(376, |world| {
        let mut team = Team::new(world);
        team.site("fra-1", "acme");
        team.reported("fra-1", &["power", "cooling"], &[]);
        team.check("E7.3", State::Unproven);
        team.reported("fra-1", &["fire"], &[]);
        assert_eq!(team.check("E7.3", State::Holding).basis, Some(Basis::Attested));
        let new = json!({"name": "gen-1", "site": "fra-1", "kind": "generator", "group": "yard"});
        team.add("equipment", new).unwrap();
        team.check("E7.3", State::Holding);
        team.take("equipment", "gen-1", "measure", json!({"status": "OFF ALARM"})).unwrap();
        team.check("E7.3", State::Failing);
        team.take("equipment", "gen-1", "measure", json!({"status": "OL"})).unwrap();
        team.check("E7.3", State::Holding);
        team.later(days(31));
        team.check("E7.3", State::Unproven);
    });
}
