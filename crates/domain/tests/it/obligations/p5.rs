//! P5: input controls of vendors.

use super::answered_by_a_vendor;
use crate::support::both;
use crate::transfers::{declared, hook, send, wanted};
use crate::vendors::{Team, accounts};
use domain::measures::State;

#[test]
fn p5() {
    answered_by_a_vendor(108, "P5", "p5-1-authors");
}

/// P5.2 has no exception: every transfer to a vendor is encrypted, and Bailee saw each.
#[test]
fn transfers_to_vendors_are_counted() {
    both(118, |world| {
        let team = Team::new(world);
        let (one, _) = accounts(world);
        team.ready("acme", "support-access");
        team.answer_all("acme", "P5", "yes", 100);
        team.engage("case-7", "acme", one.as_str(), 100).unwrap();
        declared(world, &team, &hook("acme-in", "acme"));
        let sender = world.service("sender");
        world.grant("service:sender", "*", "c", &["export"]);
        send(world, &sender, wanted(&one, "acme-in", &["x"])).unwrap();
        let answer = team.expect("P5", State::Holding);
        let measured = "transfers to vendors: 1, encrypted: 1";
        assert!(answer.facts.iter().any(|fact| fact.what == measured), "{answer:?}");
    });
}
