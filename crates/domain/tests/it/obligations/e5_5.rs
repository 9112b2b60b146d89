//! E5.5: credentials are revoked at termination or suspected compromise.

use super::systems::{scope, through};
use crate::registers::{add, take};
use crate::support::both;
use crate::team::Team;
use domain::measures::State;
use domain::register::Day;
use serde_json::json;
use std::time::Duration;

/// An ended credential that Bailee accepts is a defect that no operation can bring about, so what
/// fails is another system, which a revocation does not reach.
#[test]
fn what_was_ended_is_refused() {
    both(155, |world| {
        let team = Team::new(world);
        team.expect("E5.5", State::Unproven);
        scope(&team);
        let answer = team.expect("E5.5", State::Unproven);
        assert_eq!(answer.missing, ["a credential that was ended, to see it refused"]);
        team.join("sam", &["support"]);
        team.leave("sam");
        team.expect("E5.5", State::Holding);
        // A host whose agent says that it refuses what was revoked, and then says nothing.
        let agent = world.service("agent");
        let host = json!({"name": "web-1", "kind": "host", "purpose": "shop",
            "owner": "person:lea", "reporter": "service:agent"});
        add(world, &team.token("lea"), "systems", &host).unwrap();
        let says = |good: bool| {
            let fact = json!({"claim": "revocation-enforced", "good": good, "source": "measured",
                "evidence": "newest lists in place",
                "valid_to": Day::of(world.kernel.now()).plus(1).to_string()});
            take(world, &agent, ("systems", "web-1", "report"), &fact).unwrap();
        };
        says(true);
        team.expect("E5.5", State::Holding);
        world.clock.advance(Duration::from_secs(3601));
        let answer = team.expect("E5.5", State::Unproven);
        assert_eq!(answer.missing, ["a fresh fact about system `web-1`"]);
        says(false);
        team.expect("E5.5", State::Failing);
        says(true);
        team.expect("E5.5", State::Holding);
        let gone = json!({"reason": "given back"});
        take(world, &team.token("lea"), ("systems", "web-1", "retire"), &gone).unwrap();
        through(&team, "E5.5", "revocation-enforced", || ());
    });
}
