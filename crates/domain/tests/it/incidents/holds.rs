//! Holds: two people, an authority, an end; and what they do to a clock.

use super::{Crew, day, hours, id, tick, word};
use crate::registers::{add, show, take};
use crate::support::{account_with_data, both, days, field, kind};
use kernel::{Kind, Result};
use serde_json::{Value, json};
use testkit::World;

fn order(world: &World, incident: &str) -> Value {
    json!({"incident": incident, "accounts": ["one"], "authority": "law-enforcement",
        "agency": "State police", "official": "J. Doe", "contact": "the switchboard",
        "jurisdiction": "NL", "reference": "SP-17", "statement": "Do not tell them yet.",
        "from": day(world, 0), "to": day(world, 3), "reason": "an arrest is planned"})
}

fn confirm(world: &World, token: &str, hold: &str) -> Result<Value> {
    take(world, token, ("holds", hold, "confirm"), &json!({"reference": "SP-17"}))
}

#[test]
fn a_hold_takes_an_authority_two_people_and_an_end() {
    both(721, |world| {
        let crew = Crew::new(world);
        account_with_data(world);
        let it = crew.incident(world, "breach");
        let new = order(world, &it);
        for (name, bad) in [
            ("incident", json!("incident-none")),
            ("accounts", json!([])),
            ("accounts", json!(["nobody"])),
            ("agency", json!("")),
            ("official", json!(" ")),
            ("contact", json!("")),
            ("jurisdiction", json!("")),
            ("reference", json!("")),
            ("statement", json!("")),
            ("reason", json!("")),
            ("to", json!("2026-11-21")),
            ("to", json!(day(world, 31))),
            ("from", json!(day(world, 5))),
        ] {
            let mut stated = new.clone();
            stated[name] = bad;
            let name = if name == "from" { "to" } else { name };
            let refused = add(world, &crew.cora, "holds", &stated);
            assert_eq!(field(refused), (Kind::Invalid, name.to_owned()));
        }
        for authority in ["management", "customer", "insurer"] {
            let mut stated = new.clone();
            stated["authority"] = json!(authority);
            assert_eq!(kind(add(world, &crew.cora, "holds", &stated)), Kind::Invalid);
        }
        let mut endless = new.clone();
        endless.as_object_mut().unwrap().remove("to");
        assert_eq!(field(add(world, &crew.cora, "holds", &endless)), (Kind::Invalid, "to".into()));
        assert_eq!(kind(add(world, &crew.ann, "holds", &new)), Kind::Forbidden);
        let mut written = new.clone();
        (written["written"], written["to"]) = (json!(true), json!(day(world, 300)));
        add(world, &crew.cora, "holds", &written).unwrap();
        let by_counsel = id(&add(world, &crew.cora, "holds", &new).unwrap());
        assert_eq!(kind(confirm(world, &crew.cora, &by_counsel)), Kind::Forbidden, "the same");
        let other = world.person("carl", &["counsel"]);
        assert_eq!(kind(confirm(world, &other, &by_counsel)), Kind::Forbidden, "the same side");
        assert_eq!(kind(confirm(world, &crew.ann, &by_counsel)), Kind::Forbidden);
        let wrong =
            take(world, &crew.rita, ("holds", &by_counsel, "confirm"), &json!({"reference": "x"}));
        assert_eq!(field(wrong), (Kind::Invalid, "reference".to_owned()));
        assert_eq!(word(&confirm(world, &crew.rita, &by_counsel).unwrap()), "holding");
        assert_eq!(kind(confirm(world, &crew.rita, &by_counsel)), Kind::Conflict);
        let by_lead = id(&add(world, &crew.sam, "holds", &new).unwrap());
        assert_eq!(kind(confirm(world, &crew.rita, &by_lead)), Kind::Forbidden, "the same side");
        assert_eq!(word(&confirm(world, &crew.cora, &by_lead).unwrap()), "holding");
        world.clock.advance(days(4));
        assert_eq!(word(&show(world, &crew.sam, "holds", &by_lead).unwrap()), "ended");
        let lift = take(world, &crew.cora, ("holds", &by_lead, "lift"), &json!({"reason": "x"}));
        assert_eq!(kind(lift), Kind::Conflict);
    });
}

#[test]
fn only_a_confirmed_hold_stops_a_clock_and_only_of_its_accounts() {
    both(722, |world| {
        let crew = Crew::new(world);
        let (import, _) = account_with_data(world);
        world.account(&import, "Two").unwrap();
        world.account(&import, "Three").unwrap();
        let it = crew.incident(world, "breach");
        let before = crew.verify(world, &it, "one", "access");
        crew.verify(world, &it, "two", "access");
        world.clock.advance(hours(10));
        let mut new = order(world, &it);
        new["accounts"] = json!(["one", "three"]);
        let hold = id(&add(world, &crew.cora, "holds", &new).unwrap());
        let one = format!("{it}.one");
        let asked = crew.show(world, "breaches", &one);
        assert_eq!(asked["deadline"], before["deadline"], "asking stops nothing");
        confirm(world, &crew.rita, &hold).unwrap();
        let held = crew.show(world, "breaches", &one);
        assert_eq!(word(&held), "held");
        assert_eq!(held["state"]["what"], "held by order; then 38 h 00 min are left");
        let two = crew.show(world, "breaches", &format!("{it}.two"));
        assert_eq!((word(&two), two["deadline"] == before["deadline"]), ("running", true));
        let three = crew.verify(world, &it, "three", "access");
        assert_eq!(word(&three), "held", "an order reaches who is found after it");
        let contact = crew.contact(world, "one", "ada@one.example");
        let notice = crew.notice(world, &it, "one", &[&contact]);
        assert_eq!(kind(crew.send(world, &notice)), Kind::Conflict, "an order holds it");
        world.clock.advance(hours(30));
        tick(world);
        let row = crew.show(world, "breaches", &one);
        assert_eq!(row["warnings"].as_array().unwrap().len(), 0, "warnings stand still too");
        let lift = json!({"reason": "the official called it off"});
        let lifted = take(world, &crew.cora, ("holds", &hold, "lift"), &lift).unwrap();
        assert_eq!(word(&lifted), "lifted");
        let row = crew.show(world, "breaches", &one);
        assert_eq!(row["state"]["what"], "38 h 00 min left to tell the account");
        for _ in 0..38 {
            world.clock.advance(hours(1));
            tick(world);
        }
        let row = crew.show(world, "breaches", &one);
        assert_eq!(word(&row), "missed");
        let given: Vec<_> = row["warnings"].as_array().unwrap().iter().collect();
        let percent: Vec<_> = given.iter().map(|one| one["percent"].as_u64().unwrap()).collect();
        assert_eq!(percent, [25, 50, 75, 90, 100]);
        assert_eq!(kind(take(world, &crew.cora, ("holds", &hold, "lift"), &lift)), Kind::Conflict);
    });
}

#[test]
fn a_hold_that_ends_leaves_at_least_four_hours() {
    both(723, |world| {
        let crew = Crew::new(world);
        account_with_data(world);
        let it = crew.incident(world, "breach");
        crew.verify(world, &it, "one", "disclosure");
        world.clock.advance(hours(47));
        let hold = id(&add(world, &crew.sam, "holds", &order(world, &it)).unwrap());
        confirm(world, &crew.cora, &hold).unwrap();
        let one = format!("{it}.one");
        let held = crew.show(world, "breaches", &one);
        assert_eq!(held["state"]["what"], "held by order; then 1 h 00 min are left");
        // The last day of the order ends at midnight; 14:02:11 was the time of day.
        world.clock.advance(hours(24 * 4));
        tick(world);
        let row = crew.show(world, "breaches", &one);
        assert_eq!(
            (word(&row), &row["deadline"]),
            ("missed", &json!("2026-11-28T04:00:00.000000Z"))
        );
        let noted = crate::support::kinds(world, kernel::HOUSE);
        assert_eq!(noted.iter().filter(|kind| *kind == "hold.expire").count(), 1);
    });
}
