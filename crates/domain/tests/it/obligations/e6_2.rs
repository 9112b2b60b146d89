//! E6.2: industry-standard tools defend against unauthorised network activity.

use super::systems::{listener, report, scope, seen, system, watching};
use crate::support::both;
use crate::team::Team;
use domain::measures::{Basis, Listener, State};

/// What stands before Bailee is not seen by Bailee: a register without a system proves nothing.
#[test]
fn defences_stand_before_every_system() {
    both(162, |world| {
        let team = Team::new(world);
        seen(&team, None, "E6.2", State::Unproven);
        scope(&team);
        let check = |state| seen(&team, Some(listener(&team)), "E6.2", state);
        let answer = check(State::Unproven);
        assert!(answer.missing[0].starts_with("detection rules"), "{answer:?}");
        watching(world);
        let answer = check(State::Unproven);
        assert!(answer.missing[0].starts_with("a system that stands before Bailee"));
        system(&team, "firewall");
        check(State::Unproven);
        report(&team, "firewall", "defended", true);
        let answer = check(State::Holding);
        assert_eq!((answer.basis, answer.systems), (Some(Basis::Recorded), Some((2, 2))));
        assert!(answer.facts.iter().any(|fact| fact.what == "an unknown token is refused"));
        seen(&team, None, "E6.2", State::Unproven);
        let plain = Listener { refuses_plaintext: false, ..listener(&team) };
        seen(&team, Some(plain), "E6.2", State::Failing);
        report(&team, "firewall", "defended", false);
        check(State::Failing);
        report(&team, "firewall", "defended", true);
        check(State::Holding);
        team.wait(61);
        watching(world);
        check(State::Unproven);
    });
}
