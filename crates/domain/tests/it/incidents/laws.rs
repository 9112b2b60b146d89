//! Clocks of several laws side by side.

use super::{Crew, at, day, hours, id, tick, word};
use crate::registers::{add, take};
use crate::support::{account_with_data, both, field, kind};
use kernel::Kind;
use serde_json::{Value, json};
use testkit::World;

fn law(name: &str, trigger: &str, recipient: &str, phases: &[&str]) -> Value {
    json!({"name": name, "reference": "Art. 23", "trigger": trigger, "recipient": recipient,
        "phases": phases})
}

/// The laws of a provider, in force.
pub fn in_force(crew: &Crew, world: &World) {
    add(world, &crew.cora, "laws", &json!({})).unwrap();
    let require = |stated: &Value| take(world, &crew.cora, ("laws", "current", "require"), stated);
    let mut contract = law("acme-24", "verified", "subscriber", &["notice|24"]);
    contract["accounts"] = json!(["one"]);
    for good in [
        law("nis2", "suspected", "authority", &["early warning|24", "notification|72"]),
        law("dora", "major", "authority", &["initial|4"]),
        contract,
    ] {
        require(&good).unwrap();
    }
    for (name, bad) in [
        ("phases", law("x", "verified", "subscriber", &["notice|49"])),
        ("phases", law("x", "verified", "authority", &[])),
        ("phases", law("x", "verified", "authority", &["a|0"])),
    ] {
        assert_eq!(field(require(&bad)), (Kind::Invalid, name.to_owned()), "{bad}");
    }
    assert_eq!(field(require(&law("notice", "major", "authority", &["a|1"]))).1, "name");
    let approve = |who: &str| take(world, who, ("laws", "current", "approve"), &json!({}));
    assert_eq!(kind(approve(&crew.cora)), Kind::Forbidden, "another person does");
    assert_eq!(word(&approve(&crew.ann).unwrap()), "in-force");
}

pub fn listed(row: &Value) -> Vec<String> {
    let all = row["duties"]["clocks"].as_array().unwrap().iter();
    all.map(|one| format!("{} {}", one["law"].as_str().unwrap(), one["due"].as_str().unwrap()))
        .collect()
}

#[test]
fn clocks_of_laws_run_beside_the_notice_and_call_when_they_run_out() {
    both(761, |world| {
        let crew = Crew::new(world);
        account_with_data(world);
        in_force(&crew, world);
        let now = |span| at(world, hours(span));
        let it = crew.incident(world, "breach");
        let expected = [format!("nis2 {}", now(24)), format!("nis2 {}", now(72))];
        assert_eq!(listed(&crew.show(world, "incidents", &it)), expected);
        let dora = format!("dora {}", now(4));
        crew.triage(world, &it, "breach");
        assert_eq!(listed(&crew.show(world, "incidents", &it))[0], dora, "earliest first");
        let breach = crew.verify(world, &it, "one", "access");
        assert_eq!((&breach["hours"], &breach["deadline"]), (&json!(24), &json!(now(24))));
        assert_eq!(listed(&breach), [format!("acme-24 {}", now(24))]);
        let order = |scope: Value| {
            json!({"incident": it, "accounts": ["one"], "authority": "government-agency",
                "agency": "A", "official": "O", "contact": "C", "jurisdiction": "J",
                "reference": "R", "statement": "wait", "from": day(world, 0),
                "to": day(world, 3), "reason": "why", "scope": scope})
        };
        let unknown = add(world, &crew.cora, "holds", &order(json!(["gdpr"])));
        assert_eq!(field(unknown), (Kind::Invalid, "scope".to_owned()));
        let hold = id(&add(world, &crew.cora, "holds", &order(json!(["dora"]))).unwrap());
        take(world, &crew.rita, ("holds", &hold, "confirm"), &json!({"reference": "R"})).unwrap();
        let row = crew.show(world, "breaches", &format!("{it}.one"));
        assert_eq!((word(&row), &row["deadline"]), ("running", &json!(now(24))), "not named");
        world.clock.advance(hours(4));
        tick(world);
        let noted = || {
            let row = crew.show(world, "incidents", &it);
            let all = row["duties"]["noted"].as_array().unwrap().clone();
            let all = all.iter().map(|one| format!("{} {}", one["law"], one["percent"]));
            all.collect::<Vec<_>>()
        };
        assert!(noted().is_empty(), "an order stops this one");
        take(world, &crew.cora, ("holds", &hold, "lift"), &json!({"reason": "done"})).unwrap();
        world.clock.advance(hours(4));
        tick(world);
        assert_eq!(noted(), ["\"dora\" 75", "\"dora\" 100"]);
        let row = crew.show(world, "incidents", &it);
        assert_eq!(word(&row), "late");
        assert!(row["timeline"].to_string().contains("dora: initial is late (person:rita)"));
        let told = |law: &str, phase: &str| {
            let stated = json!({"law": law, "phase": phase, "how": "form 4711"});
            crew.step(world, &it, "report", &stated)
        };
        assert_eq!(field(told("dora", "final")).1, "law");
        told("dora", "initial").unwrap();
        assert_eq!(field(told("dora", "initial")).1, "law", "done");
        assert_ne!(word(&crew.show(world, "incidents", &it)), "late");
        let close = crew.step(world, &it, "close", &json!({"summary": "s"})).unwrap_err();
        assert!(close.message().contains("nis2"), "{}", close.message());
        world.clock.advance(hours(16));
        tick(world);
        assert_eq!(noted().last().unwrap(), "\"nis2\" 100");
    });
}
