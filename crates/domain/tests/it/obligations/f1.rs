//! F1: measures may change; what holds now and held before can be seen.

use crate::support::{account_with_data, both};
use crate::team::Team;
use domain::measures::{State, note_states};
use kernel::{EVERY_TICK, Job, Kernel, Ran};
use serde_json::json;

/// A tick as the server does it: the controls are asked, and what changed is kept.
fn noted(team: &Team<'_>) {
    let run = |kernel: &Kernel, job: &Job, right: Ran| match job.kind.as_str() {
        EVERY_TICK => note_states(kernel, right, None).map(|_| ()),
        _ => domain::run_job(kernel, job, right),
    };
    team.world.kernel.tick(&run).unwrap();
}

#[test]
fn what_is_promised_is_seen_over_time() {
    both(171, |world| {
        let team = Team::new(world);
        account_with_data(world);
        team.expect("F1", State::Unproven);
        let first = json!({"version": "2026-1", "reason": "our contract"});
        team.add("lea", "catalogues", &first).unwrap();
        let answer = team.expect("F1", State::Unproven);
        assert_eq!(answer.missing.len(), 2, "no approval, and nothing kept: {answer:?}");
        noted(&team);
        let answer = team.expect("F1", State::Unproven);
        assert_eq!(answer.missing, ["an approval of the catalogue by a second person"]);
        let bound = json!({"account": "one", "plan": "enterprise", "from": "2026-01-01",
            "to": "2029-01-31", "terms": "2026-1"});
        team.add("lea", "subscriptions", &bound).unwrap();
        let answer = team.expect("F1", State::Failing);
        assert!(
            answer.why().contains("nobody approved version 2026-1, and it is owed; accounts: 1")
        );
        let propose = |version: &str, parameters: serde_json::Value| {
            let stated =
                json!({"version": version, "reason": "as it is", "parameters": parameters});
            team.take("lea", ("catalogues", "current", "propose"), &stated).unwrap();
        };
        let approve = |version: &str| {
            let stated = json!({"version": version});
            team.take("omar", ("catalogues", "current", "approve"), &stated).unwrap();
        };
        propose("2026-1", json!({}));
        team.expect("F1", State::Failing);
        approve("2026-1");
        team.expect("F1", State::Holding);
        // A change waits too long for its second person; then it is made, and shown as weaker.
        propose("2026-2", json!({"breach_hours": 72}));
        team.expect("F1", State::Holding);
        team.wait(32);
        let answer = team.expect("F1", State::Failing);
        assert_eq!(answer.why(), "version 2026-2 waits for a second person");
        approve("2026-2");
        let answer = team.expect("F1", State::Holding);
        assert!(answer.facts[0].what.ends_with("promises less by breach_hours"), "{answer:?}");
        team.wait(366);
        team.expect("F1", State::Unproven);
        propose("2026-2", json!({"breach_hours": 72}));
        approve("2026-2");
        team.expect("F1", State::Holding);
    });
}
