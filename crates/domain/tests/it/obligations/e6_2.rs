//! E6.2: industry-standard tools defend against unauthorised network activity.

use super::systems::{listener, report, scope, seen, system, watching};
use crate::answers::{alert, ban, raise};
use crate::support::both;
use crate::team::Team;
use domain::measures::{Basis, Listener, State};
use serde_json::json;

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

#[test]
fn what_rules_ask_for_is_given_or_it_fails_until_somebody_judged_it() {
    both(163, |world| {
        let team = Team::new(world);
        team.join("rob", &["responder"]);
        scope(&team);
        system(&team, "firewall");
        report(&team, "firewall", "defended", true);
        watching(world);
        let check = |state| seen(&team, Some(listener(&team)), "E6.2", state);
        let of = |answer: &domain::measures::Answer, what: &str| {
            answer.facts.iter().filter(|fact| fact.what.contains(what)).count()
        };
        let before = check(State::Holding);
        assert_eq!((of(&before, "by itself"), of(&before, "could not be given")), (0, 0));
        let now = world.kernel.now();
        raise(world, "alert-1", alert("source.ip=203.0.113.9", now), ban("203.0.113.9"));
        let given = check(State::Holding);
        assert_eq!(of(&given, "by itself: 1"), 1, "{given:#?}");
        // By itself the server answers no network.
        raise(world, "alert-2", alert("source.ip=203.0.113.0/24", now), ban("203.0.113.0/24"));
        let failing = check(State::Failing);
        assert!(failing.why().contains("alert-2"), "{failing:#?}");
        assert!(!format!("{failing:?}").contains("203.0.113.0"), "a board names no target");
        let why = json!({"verdict": "benign", "why": "our own scanner"});
        team.take("rob", ("alerts", "alert-2", "dispose"), &why).unwrap();
        check(State::Holding);
        // What somebody decided before is no failure.
        let end = world.kernel.now().after(std::time::Duration::from_secs(3600)).rfc3339();
        let allow = json!({"field": "source.ip", "value": "203.0.113.12", "reason": "ours",
            "rule": "rule-1", "until": end});
        team.add("lea", "allowances", &allow).unwrap();
        raise(world, "alert-3", alert("x=1", now), ban("203.0.113.12"));
        check(State::Holding);
    });
}
