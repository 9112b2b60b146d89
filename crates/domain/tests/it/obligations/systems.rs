//! What every control that speaks of systems has in common: nothing holds without a statement that
//! the register is complete, and each system in it needs a fresh fact.

use crate::team::Team;
use domain::detections::coverage::{Coverage, Covered, EVALUATED, KeepCoverage, RULES, Span};
use domain::detections::rules::Mode;
use domain::measures::{Answer, Listener, ReadMeasures, State, StateScope};
use domain::register::When;
use serde_json::json;
use testkit::World;

/// What the server's own probe sees when all is well.
pub fn listener(team: &Team<'_>) -> Listener {
    let at = team.world.kernel.now();
    Listener { version: "TLSv1.3".to_owned(), refuses_plaintext: true, at }
}

/// Asks for an obligation with this probe; it has to be in this state, and to say what to do unless
/// it holds.
#[track_caller]
pub fn seen(team: &Team<'_>, listener: Option<Listener>, id: &str, state: State) -> Answer {
    let read = ReadMeasures::new(&team.world.kernel, listener).unwrap();
    let all = team.world.run(&team.token("admin"), read).unwrap().output;
    let answer = all.into_iter().find(|one| one.obligation.id == id).unwrap().answer;
    assert_eq!(answer.state, state, "{id}: {answer:#?}");
    assert!(state != State::Unproven || !answer.missing.is_empty(), "{id}: {answer:#?}");
    assert!(state == State::Holding || !answer.todo.is_empty(), "{id}: {answer:#?}");
    answer
}

/// What detection keeps of itself when all is well: rules in force, everything evaluated, a
/// synthetic attack that came out as an alert.
pub fn watched(world: &World) -> Coverage {
    let at = When(world.kernel.now());
    let entries = vec![Span { from: 1, to: 9 }];
    Coverage { entries, canary: Some(at), ..Coverage::begun(at.0) }
}

/// Which rules there are, as detection keeps them.
pub fn rules(world: &World, mode: Mode) -> Coverage {
    let covered = Covered {
        rule: "r-1".to_owned(),
        title: "Brute force".to_owned(),
        version: "1".to_owned(),
        mode,
        since: When(world.kernel.now()),
        entry: 1,
        signals: 1,
    };
    Coverage { rules: vec![covered], canary: None, ..watched(world) }
}

/// Keeps this, as the server does.
pub fn keep(world: &World, id: &str, coverage: &Coverage) {
    let kept = std::cell::Cell::new(false);
    let tick = world.kernel.tick(&|kernel, job, right| {
        if job.kind == kernel::EVERY_TICK && !kept.get() {
            right.ask(kernel, KeepCoverage::new(kernel, id, coverage.clone())?)?;
            kept.set(true);
        }
        domain::run_job(kernel, job, right)
    });
    tick.unwrap();
    assert!(kept.get());
}

/// Keeps that all is well with detection now.
pub fn watching(world: &World) {
    keep(world, EVALUATED, &watched(world));
    keep(world, RULES, &rules(world, Mode::Live));
}

/// States that the register of systems is complete.
pub fn scope(team: &Team<'_>) {
    let state = StateScope::new(&team.world.kernel, "all of them are registered").unwrap();
    team.world.run(&team.token("admin"), state).unwrap();
}

/// Registers a system that holds Service Data.
pub fn system(team: &Team<'_>, id: &str) {
    let new = json!({"name": id, "kind": "data-store", "purpose": "orders",
        "holds_service_data": true, "owner": "person:lea"});
    team.add("lea", "systems", &new).unwrap();
}

/// Reports a fact about a system that counts for 60 days.
pub fn report(team: &Team<'_>, id: &str, claim: &str, good: bool) {
    let fact = json!({"claim": claim, "good": good, "source": "recorded",
        "evidence": "looked at by hand", "valid_to": team.day(60)});
    team.take("lea", ("systems", id, "report"), &fact).unwrap();
}

/// From holding without any system, by a system's facts through every state, and back. `again` does
/// what goes stale besides them.
pub fn through(team: &Team<'_>, id: &str, claim: &str, again: impl Fn()) {
    let check = |state| seen(team, Some(listener(team)), id, state);
    assert_eq!(check(State::Holding).systems, Some((1, 1)), "Bailee itself");
    system(team, "db-1");
    let answer = check(State::Unproven);
    assert_eq!(answer.systems, Some((1, 2)));
    assert!(answer.todo.iter().any(|todo| todo.place == "systems/db-1"), "{answer:#?}");
    report(team, "db-1", claim, true);
    assert_eq!(check(State::Holding).systems, Some((2, 2)));
    report(team, "db-1", claim, false);
    let answer = check(State::Failing);
    assert!(answer.why().starts_with("system db-1:"), "{answer:#?}");
    report(team, "db-1", claim, true);
    check(State::Holding);
    team.wait(61);
    again();
    let answer = check(State::Unproven);
    assert_eq!(answer.missing, ["a fresh fact about system `db-1`"]);
    report(team, "db-1", claim, true);
    check(State::Holding);
    let gone = json!({"reason": "wiped and given back"});
    team.take("lea", ("systems", "db-1", "retire"), &gone).unwrap();
    check(State::Holding);
    team.wait(93);
    again();
    let answer = check(State::Unproven);
    assert_eq!(answer.missing, ["a statement of scope that is not older than 92 days"]);
    scope(team);
    check(State::Holding);
}
