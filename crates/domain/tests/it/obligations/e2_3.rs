//! E2.3: only a service that the subscriber chose to link may lack encryption.

use crate::registers::{add, take};
use crate::support::both;
use crate::transfers::{declared, elect, hook, member, plain, send, wanted};
use crate::vendors::{Team, accounts};
use domain::measures::{Basis, State};
use domain::transfers::EndElection;
use domain::transfers::elections::End;
use serde_json::json;

#[test]
fn e2_3() {
    both(111, |world| {
        let team = Team::new(world);
        let (one, _) = accounts(world);
        team.expect("E2.3", State::Unproven);
        team.ready("acme", "support-access");
        add(world, &team.token("mia"), "destinations", &hook("acme-in", "acme")).unwrap();
        assert_eq!(team.expect("E2.3", State::Holding).basis, Some(Basis::Measured));
        declared(world, &team, &plain("archive", &one));
        team.expect("E2.3", State::Unproven);
        let ann = member(world, &one, "administrator");
        let chosen = || elect(world, &team, &ann, (&one, "archive", 9)).unwrap();
        chosen();
        assert_eq!(team.expect("E2.3", State::Holding).basis, Some(Basis::Recorded));
        let sender = world.service("sender");
        team.grant("service:sender", "*", "c", &["export"]).unwrap();
        send(world, &sender, wanted(&one, "archive", &["x"])).unwrap();
        let answer = team.expect("E2.3", State::Holding);
        let measured = "transfers without encryption: 1, elected: 1";
        assert!(answer.facts.iter().any(|fact| fact.what == measured), "{answer:?}");
        let end = End { reason: "their archive takes TLS now".to_owned() };
        let end = EndElection::new(&world.kernel, "one.archive", end).unwrap();
        world.run(&ann, end).unwrap();
        let answer = team.expect("E2.3", State::Failing);
        assert_eq!(answer.todo[0].what, "retire the destination");
        chosen();
        team.expect("E2.3", State::Holding);
        team.pass(10);
        team.expect("E2.3", State::Unproven);
        let why = json!({"reason": "nobody elects it"});
        take(world, &team.token("mia"), ("destinations", "archive", "retire"), &why).unwrap();
        team.expect("E2.3", State::Holding);
    });
}
