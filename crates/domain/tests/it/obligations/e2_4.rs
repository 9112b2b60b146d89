//! E2.4: administrative, physical and technical safeguards protect Service Data.

use super::systems::{listener, scope, seen};
use crate::support::{both, days};
use crate::team::Team;
use domain::measures::State;
use domain::register::Day;
use kernel::Moment;
use serde_json::json;

/// A site whose report covers guarding and access, until so many days from now.
fn site(team: &Team<'_>, until: u32) {
    let new = json!({"name": "fra-1", "sub_processor": "acme", "address": "Frankfurt",
        "kind": "colocated"});
    team.add("lea", "sites", &new).unwrap();
    let span = u64::try_from(days(100).as_micros()).unwrap();
    let from = Day::of(Moment(team.world.kernel.now().0 - span)).to_string();
    let stated = json!({"issuer": "Audit & Co", "kind": "soc2", "lists_site": true, "from": from,
        "to": team.day(until), "valid_to": team.day(until), "excepted": [],
        "topics": ["physical"]});
    let row = team.take("lea", ("sites", "fra-1", "report"), &stated).unwrap();
    let confirm = json!({"report": row["reports"][0]["id"]});
    team.take("omar", ("sites", "fra-1", "confirm"), &confirm).unwrap();
}

/// One proven safeguard in each cell, one that fails, and one that is out of date.
#[test]
fn every_cell_has_a_safeguard() {
    both(124, |world| {
        let team = Team::new(world);
        let check = |state| seen(&team, Some(listener(&team)), "E2.4", state);
        check(State::Failing);
        team.join("ann", &["administrator"]);
        let answer = check(State::Unproven);
        assert!(answer.missing.iter().any(|cell| cell.starts_with("physical × integrity")));
        team.policy(&["everyone"], 365);
        for who in ["admin", "ann", "lea", "omar"] {
            team.acknowledge(who, "1").unwrap();
        }
        scope(&team);
        let answer = check(State::Unproven);
        assert_eq!(answer.missing.len(), 3, "the physical ones: {answer:?}");
        site(&team, 30);
        let answer = check(State::Holding);
        assert_eq!(answer.facts.len(), 9, "three kinds, three properties");
        team.leave("ann");
        let answer = check(State::Failing);
        assert_eq!(answer.why(), "technical × security: failing: E5.1");
        team.join("bob", &["administrator"]);
        team.acknowledge("bob", "1").unwrap();
        check(State::Holding);
        let answer = seen(&team, None, "E2.4", State::Unproven);
        assert_eq!(answer.missing.len(), 1, "nobody looked at the listener: {answer:?}");
        assert!(answer.missing[0].starts_with("technical × integrity"), "{answer:?}");
        team.wait(31);
        let answer = check(State::Unproven);
        assert!(answer.missing.iter().all(|cell| cell.starts_with("physical")), "{answer:?}");
    });
}
