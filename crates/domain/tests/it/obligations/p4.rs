//! P4: receivers of Service Data are known, and nothing is read on the way.

use super::answered_by_a_vendor;
use crate::registers::{add, take};
use crate::support::both;
use crate::transfers::{hook, send, wanted};
use crate::vendors::{Team, accounts};
use domain::measures::State;
use serde_json::json;

#[test]
fn p4() {
    answered_by_a_vendor(107, "P4", "p4-1-receivers");
}

/// Destinations are checked, and whoever is seen has to be declared.
#[test]
fn declared_against_observed() {
    both(117, |world| {
        let team = Team::new(world);
        let (one, _) = accounts(world);
        team.ready("acme", "support-access");
        team.answer_all("acme", "P4", "yes", 365);
        team.engage("case-7", "acme", one.as_str(), 100).unwrap();
        let answer = team.expect("P4", State::Holding);
        let unseen = "sub-processor acme: declared, and not seen";
        assert!(answer.facts.iter().any(|fact| fact.what == unseen), "{answer:?}");
        add(world, &team.token("mia"), "destinations", &hook("acme-in", "acme")).unwrap();
        let answer = team.expect("P4", State::Unproven);
        assert_eq!(answer.todo[0].place, "destinations/acme-in");
        let verify = || {
            let how = json!({"how": "called their security desk"});
            take(world, &team.token("mia"), ("destinations", "acme-in", "verify"), &how).unwrap()
        };
        verify();
        let sender = world.service("sender");
        world.grant("service:sender", "*", "c", &["export"]);
        send(world, &sender, wanted(&one, "acme-in", &["x"])).unwrap();
        let answer = team.expect("P4", State::Holding);
        let measured = "transfers to vendors: 1, encrypted: 1";
        assert!(answer.facts.iter().any(|fact| fact.what == measured), "{answer:?}");
        let system = json!({"name": "db", "kind": "host", "purpose": "x", "owner": "person:lea",
            "holds_service_data": true, "vendor": "shadow"});
        add(world, &team.token("lea"), "systems", &system).unwrap();
        let answer = team.expect("P4", State::Failing);
        assert!(answer.todo.iter().any(|todo| todo.what == "register vendor `shadow`"));
        for line in [
            "sub-processor acme: declared, and seen: 1 transfers to it in 92 days",
            "sub-processor shadow: not declared, and seen: system db stands with it",
        ] {
            assert!(answer.facts.iter().any(|fact| fact.what == line), "{line}: {answer:?}");
        }
        let moved = json!({"reason": "moved to our own"});
        take(world, &team.token("lea"), ("systems", "db", "retire"), &moved).unwrap();
        team.expect("P4", State::Holding);
        team.pass(366);
        team.answer_all("acme", "P4", "yes", 365);
        team.expect("P4", State::Unproven);
        verify();
        team.expect("P4", State::Holding);
    });
}
