//! E4.2: monitoring is centralized, day and night.

use super::systems::{keep, listener, rules, scope, seen, through, watched, watching};
use crate::support::{account_with_data, both};
use crate::team::Team;
use domain::detections::coverage::{Coverage, EVALUATED, Heard, RULES, Span};
use domain::detections::rules::Mode;
use domain::measures::{Listener, State};
use domain::register::When;
use serde_json::json;
use std::time::Duration;

#[test]
fn monitoring_is_centralized() {
    both(142, |world| {
        let team = Team::new(world);
        seen(&team, None, "E4.2", State::Unproven);
        scope(&team);
        account_with_data(world);
        seen(&team, Some(listener(&team)), "E4.2", State::Unproven);
        team.tick();
        let missing = seen(&team, Some(listener(&team)), "E4.2", State::Unproven).missing;
        assert!(missing.iter().any(|what| what.starts_with("an evaluation")), "{missing:?}");
        watching(world);
        seen(&team, None, "E4.2", State::Unproven);
        let good = listener(&team);
        seen(&team, Some(good.clone()), "E4.2", State::Holding);
        let plain = Listener { refuses_plaintext: false, ..good };
        seen(&team, Some(plain), "E4.2", State::Failing);
        world.clock.advance(Duration::from_secs(301));
        let answer = seen(&team, Some(listener(&team)), "E4.2", State::Unproven);
        assert!(answer.missing[0].starts_with("an anchor"), "nobody looked since: {answer:?}");
        team.tick();
        through(&team, "E4.2", "monitored", || watching(world));
    });
}

#[test]
fn what_detection_keeps_of_itself_is_weighed() {
    both(143, |world| {
        let team = Team::new(world);
        scope(&team);
        account_with_data(world);
        watching(world);
        let check = |state| seen(&team, Some(listener(&team)), "E4.2", state);
        check(State::Holding);
        let gap = vec![Span { from: 1, to: 4 }, Span { from: 7, to: 9 }];
        keep(world, EVALUATED, &Coverage { entries: gap, ..watched(world) });
        assert!(check(State::Failing).why().contains("5 to 6 were evaluated by no rule"));
        keep(world, EVALUATED, &Coverage { canary: None, ..watched(world) });
        assert!(check(State::Unproven).missing[0].starts_with("a synthetic attack"));
        keep(world, EVALUATED, &watched(world));
        check(State::Holding);
        keep(world, RULES, &rules(world, Mode::Off));
        check(State::Failing);
        let broken = Coverage { problems: vec!["x.yml".to_owned()], ..rules(world, Mode::Live) };
        keep(world, RULES, &broken);
        check(State::Failing);
        keep(world, RULES, &rules(world, Mode::Live));
        check(State::Holding);
        world.clock.advance(Duration::from_secs(16 * 60));
        team.tick();
        assert!(check(State::Unproven).missing[0].starts_with("an evaluation"), "stale");
        watching(world);
        world.clock.advance(Duration::from_secs(61 * 60));
        let old = watched(world);
        world.clock.advance(Duration::from_secs(1));
        keep(world, EVALUATED, &Coverage { canary: watched_before(&old), ..watched(world) });
        check(State::Unproven);
    });
}

/// The moment of a synthetic attack more than an hour ago.
fn watched_before(coverage: &Coverage) -> Option<When> {
    coverage.canary.map(|at| When(kernel::Moment(at.0.0 - 3_601_000_000)))
}

#[test]
fn a_source_that_is_silent_fails() {
    both(144, |world| {
        let team = Team::new(world);
        scope(&team);
        account_with_data(world);
        watching(world);
        let source = json!({"name": "web-1", "what": "its sshd", "kind": "syslog",
            "peers": ["203.0.113.9"], "silent_minutes": 10});
        team.add("lea", "sources", &source).unwrap();
        let check = |state| seen(&team, Some(listener(&team)), "E4.2", state);
        assert!(check(State::Unproven).missing[0].starts_with("a first signal of source `web-1`"));
        let heard = |ago: u64| {
            let last = When(kernel::Moment(world.kernel.now().0 - ago * 60_000_000));
            let source = "web-1".to_owned();
            let heard = Heard { source, last, received: 1, malformed: 0, dropped: 0 };
            keep(world, EVALUATED, &Coverage { sources: vec![heard], ..watched(world) });
        };
        heard(9);
        check(State::Holding);
        heard(11);
        assert!(check(State::Failing).why().contains("web-1 is silent"));
        team.take("lea", ("sources", "web-1", "end"), &json!({"reason": "host is gone"})).unwrap();
        check(State::Holding);
    });
}
