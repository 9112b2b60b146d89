//! E6.1: hosting sub-processors keep a fully redundant, secure network.

use crate::sites::Team;
use crate::support::{both, days};
use domain::measures::{Basis, State};
use serde_json::json;

#[test]
fn e6_1_follows_links_and_failover() {
    both(361, |world| {
        let mut team = Team::new(world);
        team.check("E6.1", State::Unproven);
        team.site("fra-1", "acme");
        team.check("E6.1", State::Unproven);
        for id in ["link-a", "link-b"] {
            let new = json!({"name": id, "site": "fra-1", "kind": "link", "group": "uplink",
                "capacity": 1000, "unit": "mbit", "load": 400});
            team.add("equipment", new).unwrap();
        }
        let read = |team: &Team<'_>, id: &str, status: &str| {
            team.take("equipment", id, "measure", json!({"status": status})).unwrap();
        };
        read(&team, "link-a", "OL");
        team.check("E6.1", State::Unproven);
        read(&team, "link-b", "OL");
        let test = |team: &Team<'_>, passed: bool, next: i64| {
            let stated = json!({"kind": "failover", "done": team.day(0), "done_by": "Max",
                "passed": passed, "evidence": "change 8", "next_due": team.day(next)});
            team.take("sites", "fra-1", "certify", stated).unwrap();
        };
        team.check("E6.1", State::Unproven);
        test(&team, true, 180);
        let answer = team.check("E6.1", State::Holding);
        assert_eq!(answer.basis, Some(Basis::Recorded));
        let holds = "site fra-1: link group uplink: 2 of 2 units usable, holds with any one gone";
        assert!(answer.facts.iter().any(|fact| fact.what == holds), "{answer:?}");
        // One link lost, too much load, a failed test: each fails it, and is mended.
        read(&team, "link-a", "OFF");
        team.check("E6.1", State::Failing);
        read(&team, "link-a", "OL");
        team.check("E6.1", State::Holding);
        team.take("equipment", "link-a", "load", json!({"load": 700})).unwrap();
        team.check("E6.1", State::Failing);
        team.take("equipment", "link-a", "load", json!({"load": 600})).unwrap();
        team.check("E6.1", State::Holding);
        test(&team, false, 180);
        team.check("E6.1", State::Failing);
        test(&team, true, 20);
        team.check("E6.1", State::Holding);
        team.later(days(21));
        team.check("E6.1", State::Failing);
        test(&team, true, 180);
        team.check("E6.1", State::Holding);
        team.later(days(10));
        team.check("E6.1", State::Unproven);
    });
}

#[test]
fn e6_1_follows_a_report_and_asks_for_the_site_of_every_system() {
    both(362, |world| {
        let mut team = Team::new(world);
        team.site("fra-1", "acme");
        team.reported("fra-1", &["network"], &[]);
        assert_eq!(team.check("E6.1", State::Holding).basis, Some(Basis::Attested));
        let system = |name: &str, vendor: Option<&str>, site: Option<&str>| {
            let new = json!({"name": name, "kind": "host", "purpose": "x", "owner": "person:lea",
                "vendor": vendor, "site": site});
            team.add("systems", new).unwrap();
        };
        system("web-1", Some("acme"), None);
        system("web-2", None, Some("fra-1"));
        team.check("E6.1", State::Holding);
        system("web-3", Some("other"), None);
        team.check("E6.1", State::Unproven);
        team.take("systems", "web-3", "change", json!({"site": "fra-1"})).unwrap();
        team.check("E6.1", State::Holding);
        team.take("systems", "web-3", "change", json!({"site": "ber-1"})).unwrap();
        team.check("E6.1", State::Unproven);
        team.take("systems", "web-3", "retire", json!({"reason": "gone"})).unwrap();
        team.check("E6.1", State::Holding);
        team.later(days(31));
        team.check("E6.1", State::Unproven);
    });
}
