//! P0.1: a third party sees only what its work needs.

use crate::registers::{add, take};
use crate::support::both;
use crate::vendors::{Team, accounts};
use domain::grants::EndGrant;
use domain::measures::{Basis, State};
use serde_json::json;

/// Goes stale by itself: an engagement ends, and then nothing says what the vendor may do.
#[test]
fn p0_1() {
    both(101, |world| {
        let team = Team::new(world);
        team.expect("P0.1", State::Unproven);
        let (one, _) = accounts(world);
        team.ready("acme", "support-access");
        team.expect("P0.1", State::Unproven);
        team.engage("case-7", "acme", one.as_str(), 60).unwrap();
        assert_eq!(team.expect("P0.1", State::Holding).basis, Some(Basis::Recorded));
        team.service("acme-bot", "acme").unwrap();
        let grant = team.grant("service:acme-bot", one.as_str(), "c", &["read"]).unwrap();
        let answer = team.expect("P0.1", State::Holding);
        let measured = "service:acme-bot: 1 of 1 grants within an engagement";
        assert!(answer.facts.iter().any(|fact| fact.what == measured), "{answer:?}");
        // The sponsor leaves: the grant is refused, and stands in the register all the same.
        let mia = domain::people::EndPerson::new(&world.kernel, &crate::support::name("mia"));
        world.run(&team.admin(), mia.unwrap()).unwrap();
        let answer = team.expect("P0.1", State::Failing);
        assert!(answer.todo.iter().any(|todo| todo.what.starts_with("end grant grant_")));
        let end = EndGrant::new(&world.kernel, &grant).unwrap();
        world.run(&team.admin(), end).unwrap();
        team.expect("P0.1", State::Unproven);
        let lea = team.token("lea");
        let extend = json!({"to": team.day(60), "sponsor": "person:lea"});
        take(world, &lea, ("engagements", "case-7", "extend"), &extend).unwrap();
        team.expect("P0.1", State::Holding);
        team.pass(61);
        team.expect("P0.1", State::Unproven);
        // A vendor that holds data and is engaged for nothing.
        let system = json!({"name": "db", "kind": "host", "purpose": "x", "owner": "person:lea",
            "holds_service_data": true, "vendor": "acme"});
        add(world, &team.token("lea"), "systems", &system).unwrap();
        team.expect("P0.1", State::Failing);
    });
}
