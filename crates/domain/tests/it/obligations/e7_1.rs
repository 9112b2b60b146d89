//! E7.1: a physical security organisation works day and night, all year.

use crate::sites::Team;
use crate::support::{both, days};
use domain::measures::{Basis, State};
use serde_json::json;

fn guard(team: &Team<'_>, coverage: &str, source: &str, to: i64) {
    let stated = json!({"arrangement": "post and rounds", "coverage": coverage,
        "company": "Wach GmbH", "evidence": "contract 7", "source": source,
        "valid_to": team.day(to)});
    team.take("sites", "fra-1", "guard", stated).unwrap();
}

#[test]
fn e7_1_follows_the_guarding_of_each_site() {
    both(371, |world| {
        let mut team = Team::new(world);
        team.check("E7.1", State::Unproven);
        team.site("fra-1", "acme");
        team.check("E7.1", State::Unproven);
        guard(&team, "24x7", "recorded", 10);
        assert_eq!(team.check("E7.1", State::Holding).basis, Some(Basis::Recorded));
        guard(&team, "12x5", "recorded", 90);
        team.check("E7.1", State::Holding);
        team.later(days(11));
        team.check("E7.1", State::Failing);
        guard(&team, "24x7", "attested", 60);
        assert_eq!(team.check("E7.1", State::Holding).basis, Some(Basis::Attested));
        team.site("own-1", "own");
        team.check("E7.1", State::Unproven);
        team.take("sites", "own-1", "close", json!({"reason": "never used"})).unwrap();
        team.check("E7.1", State::Holding);
        team.later(days(90));
        team.check("E7.1", State::Unproven);
    });
}

#[test]
fn e7_1_follows_a_report_with_its_exceptions_and_its_end() {
    both(372, |world| {
        let mut team = Team::new(world);
        team.site("fra-1", "acme");
        let enter = |lists: bool| {
            let stated = json!({"issuer": "Cert AG", "kind": "iso27001", "lists_site": lists,
                "from": team.day(-100), "to": team.day(30), "valid_to": team.day(30),
                "topics": ["physical"]});
            team.take("sites", "fra-1", "report", stated).unwrap();
        };
        // One that nobody else has read, and one that was read and is about other sites.
        enter(true);
        let answer = team.check("E7.1", State::Unproven);
        assert!(answer.todo.iter().any(|todo| todo.who == "approver"), "{answer:?}");
        enter(false);
        team.approve("sites", "fra-1", "confirm", json!({"report": "report-2"})).unwrap();
        team.check("E7.1", State::Unproven);
        team.approve("sites", "fra-1", "confirm", json!({"report": "report-1"})).unwrap();
        assert_eq!(team.check("E7.1", State::Holding).basis, Some(Basis::Attested));
        team.reported("fra-1", &["physical", "power"], &["physical"]);
        team.check("E7.1", State::Failing);
        // The next report of the same auditor says that it is mended.
        let stated = json!({"issuer": "Audit & Co", "kind": "soc2", "lists_site": true,
            "from": team.day(-9), "to": team.day(90), "valid_to": team.day(90),
            "topics": ["physical"]});
        team.take("sites", "fra-1", "report", stated).unwrap();
        team.check("E7.1", State::Failing);
        team.approve("sites", "fra-1", "confirm", json!({"report": "report-4"})).unwrap();
        team.check("E7.1", State::Holding);
        team.site("fra-2", "acme");
        team.check("E7.1", State::Unproven);
        team.take("sites", "fra-1", "close", json!({"reason": "moved to fra-2"})).unwrap();
        team.reported("fra-2", &["physical"], &[]);
        assert_eq!(team.check("E7.1", State::Holding).basis, Some(Basis::Attested));
        team.later(days(31));
        team.check("E7.1", State::Unproven);
    });
}
