//! E6.4: external vulnerability scans and audits are made regularly.

use crate::sites::Team;
use crate::support::{both, days};
use domain::measures::{Basis, State, StateScope};
use serde_json::{Value, json};

fn scope(team: &Team<'_>) {
    let state = StateScope::new(&team.world.kernel, "all systems are registered").unwrap();
    team.world.run(team.admin(), state).unwrap();
}

fn endpoint(team: &Team<'_>, name: &str, address: Option<&str>) {
    let new = json!({"name": name, "kind": "endpoint", "purpose": "x", "owner": "person:lea",
        "address": address});
    team.add("systems", new).unwrap();
}

fn scan(team: &Team<'_>, vantage: &str, covered: &[&str], findings: &[&str]) -> Value {
    let new = json!({"tool": "nmap", "version": "7.93", "vantage": vantage,
        "started": team.ago(60), "covered": covered, "findings": findings});
    team.add("scans", new).unwrap()
}

fn audit(team: &Team<'_>, name: &str, kind: &str, next: i64) {
    let new = json!({"name": name, "kind": kind, "auditor": "Red GmbH", "independent": true,
        "scope": "all of it", "from": team.day(-3), "to": team.day(0), "report": "report 12",
        "next_due": team.day(next)});
    team.add("audits", new).unwrap();
}

#[test]
fn e6_4_follows_scans_findings_and_audits() {
    both(365, |world| {
        let mut team = Team::new(world);
        team.check("E6.4", State::Unproven);
        scope(&team);
        endpoint(&team, "shop", Some("203.0.113.7:443"));
        endpoint(&team, "api", None);
        team.check("E6.4", State::Unproven);
        scan(&team, "internal", &["shop", "api"], &[]);
        audit(&team, "internal-1", "internal", 300);
        let answer = team.check("E6.4", State::Unproven);
        assert_eq!(answer.missing.len(), 3, "neither from outside nor independent: {answer:?}");
        team.take("systems", "api", "change", json!({"address": "203.0.113.8:443"})).unwrap();
        audit(&team, "pentest-1", "penetration-test", 60);
        let weak = "smb|203.0.113.8:443|high|open to all";
        scan(&team, "external", &["shop", "203.0.113.8"], &[weak]);
        let answer = team.check("E6.4", State::Holding);
        assert_eq!(answer.basis, Some(Basis::Attested), "the audit is somebody else's word");
        let scanned = "endpoints scanned from outside: 2 of 2";
        assert!(answer.facts.iter().any(|fact| fact.what == scanned), "{answer:?}");
        // The next scan sees it again: its clock goes on, and accepting it changes nothing.
        team.later(days(25));
        let row = scan(&team, "external", &["shop", "203.0.113.8"], &[weak]);
        let id = row["id"].as_str().unwrap().to_owned();
        team.check("E6.4", State::Holding);
        team.later(days(6));
        team.check("E6.4", State::Failing);
        let settle = |team: &Team<'_>, how: &str, until: Option<String>| {
            let stated = json!({"finding": "finding-1", "how": how, "why": "x", "until": until});
            team.take("scans", &id, "settle", stated).unwrap();
        };
        settle(&team, "accepted", Some(team.day(90)));
        team.check("E6.4", State::Failing);
        settle(&team, "fixed", None);
        team.check("E6.4", State::Holding);
        // The next audit is due; a finding of it, too.
        scan(&team, "external", &["shop", "api"], &[]);
        team.later(days(30));
        team.check("E6.4", State::Failing);
        audit(&team, "pentest-2", "penetration-test", 300);
        team.check("E6.4", State::Holding);
        let find =
            json!({"severity": "low", "text": "x", "due": team.day(0), "owner": "person:max"});
        team.take("audits", "pentest-2", "find", find).unwrap();
        team.later(days(1));
        team.check("E6.4", State::Failing);
        let stated = json!({"finding": "finding-1", "how": "fixed", "why": "patched"});
        team.take("audits", "pentest-2", "settle", stated).unwrap();
        team.check("E6.4", State::Holding);
        // Nobody scans.
        team.later(days(1));
        let answer = team.check("E6.4", State::Unproven);
        assert_eq!(answer.missing.len(), 2, "{answer:?}");
        scan(&team, "external", &["shop", "api"], &[]);
        team.check("E6.4", State::Holding);
        endpoint(&team, "new", Some("203.0.113.9:443"));
        team.check("E6.4", State::Unproven);
    });
}
