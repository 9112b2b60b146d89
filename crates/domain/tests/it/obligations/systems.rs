//! What every control that speaks of systems has in common: nothing holds without a statement that
//! the register is complete, and each system in it needs a fresh fact.

use crate::team::Team;
use domain::measures::{Answer, Listener, ReadMeasures, State, StateScope};
use serde_json::json;

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
