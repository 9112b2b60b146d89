//! E6.3: security advisories are monitored.

use crate::exposure::matched;
use crate::sites::Team;
use crate::support::{both, days};
use domain::measures::{Basis, State};
use serde_json::{Value, json};
use std::time::Duration;

fn read(team: &Team<'_>) {
    let stated = json!({"entries": 1206, "matched": 1});
    team.take("feeds", "rustsec", "refresh", stated).unwrap();
}

fn step(team: &Team<'_>, verb: &str, stated: Value) {
    team.take("advisories", "rustsec-2023-0071", verb, stated).unwrap();
}

fn import(team: &Team<'_>, version: &str) {
    let stated = json!({"components": [format!("crates.io|rsa|{version}")]});
    team.take("inventories", "shop", "replace", stated).unwrap();
}

#[test]
fn e6_3_follows_feeds_inventories_and_evaluations() {
    both(363, |world| {
        let mut team = Team::new(world);
        team.check("E6.3", State::Unproven);
        let new = json!({"name": "rustsec", "kind": "osv", "source": "advisory-db"});
        team.add("feeds", new).unwrap();
        read(&team);
        team.check("E6.3", State::Unproven);
        matched(&team, "high");
        let answer = team.check("E6.3", State::Unproven);
        assert_eq!(answer.missing, ["an evaluation of RUSTSEC-2023-0071 (high)"]);
        let affected = || json!({"verdict": "affected", "why": "we use it"});
        step(&team, "evaluate", affected());
        let answer = team.check("E6.3", State::Holding);
        assert_eq!(answer.basis, Some(Basis::Recorded));
        assert_eq!(answer.todo.len(), 1, "it is to be fixed: {answer:?}");
        team.later(days(28));
        read(&team);
        team.check("E6.3", State::Holding);
        import(&team, "0.9.5");
        team.later(days(3));
        read(&team);
        let answer = team.check("E6.3", State::Failing);
        let due = team.world.kernel.now().since(answer.since.unwrap());
        assert!(due < days(1), "failing since it was due");
        // It is said to be fixed, and then the next inventory says otherwise.
        step(&team, "fix", json!({"how": "upgraded"}));
        team.check("E6.3", State::Holding);
        team.later(Duration::from_secs(60));
        import(&team, "0.9.5");
        team.check("E6.3", State::Failing);
        import(&team, "0.10.0");
        team.check("E6.3", State::Holding);
        // An old reading, then an old inventory.
        team.later(days(3));
        let answer = team.check("E6.3", State::Unproven);
        assert_eq!(answer.missing, ["a fresh reading of feed `rustsec`"]);
        read(&team);
        team.check("E6.3", State::Holding);
        team.later(days(29));
        read(&team);
        let answer = team.check("E6.3", State::Unproven);
        assert_eq!(answer.missing, ["an inventory `shop` that is not older than 31 days"]);
    });
}

#[test]
fn e6_3_follows_judgements_that_end() {
    both(364, |world| {
        let mut team = Team::new(world);
        let new = json!({"name": "rustsec", "kind": "osv", "source": "advisory-db"});
        team.add("feeds", new).unwrap();
        read(&team);
        matched(&team, "medium");
        let not = json!({"verdict": "not-affected", "why": "no RSA keys", "until": team.day(20),
            "justification": "vulnerable-code-not-in-execute-path"});
        step(&team, "evaluate", not);
        team.check("E6.3", State::Holding);
        team.later(days(21));
        read(&team);
        team.check("E6.3", State::Unproven);
        step(&team, "update", json!({"known_exploited": true}));
        team.check("E6.3", State::Unproven);
        team.later(days(8));
        read(&team);
        team.check("E6.3", State::Failing);
        step(&team, "update", json!({"withdrawn": team.ago(1)}));
        team.check("E6.3", State::Holding);
        // An advisory that names an inventory nobody knows is not taken for fixed.
        let unknown = json!({"osv": "GHSA-1", "summary": "x", "severity": "low",
            "modified": team.ago(9), "feed": "rustsec", "matched": ["elsewhere|npm|a|1|"]});
        team.add("advisories", unknown).unwrap();
        team.check("E6.3", State::Unproven);
    });
}
