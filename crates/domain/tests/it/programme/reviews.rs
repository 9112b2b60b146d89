//! Reviews.

use crate::support::{both, field, kind, newest};
use crate::team::Team;
use kernel::{HOUSE, Kind};
use serde_json::{Value, json};

fn agenda(row: &Value) -> Vec<String> {
    let items = row["open"]["agenda"].as_array().unwrap();
    items.iter().map(|one| format!("{}: {}", one["place"], one["what"]).replace('"', "")).collect()
}

fn has(row: &Value, place: &str, what: &str) -> bool {
    agenda(row).iter().any(|one| one.starts_with(&format!("{place}: ")) && one.contains(what))
}

#[test]
fn a_review_is_planned_within_the_catalogue() {
    both(231, |world| {
        let team = Team::new(world);
        let new = |more: Value| {
            let mut new = json!({"name": "r", "kind": "programme", "owner": "person:lea"});
            for (field, value) in more.as_object().unwrap() {
                new[field] = value.clone();
            }
            team.add("lea", "reviews", &new)
        };
        for (bad, wrong) in [
            (json!({"owner": "person:nobody"}), "owner"),
            (json!({"period_days": 366}), "period_days"),
            (json!({"period_days": 0}), "period_days"),
            (json!({"subject": "some"}), "subject"),
            (json!({"kind": "policy", "subject": "none"}), "subject"),
            (json!({"kind": "risk", "subject": "none"}), "subject"),
            (json!({"kind": "infrastructure"}), "subject"),
            (json!({"kind": "infrastructure", "subject": "doors"}), "subject"),
            (
                json!({"kind": "infrastructure", "subject": "keys", "period_days": 32}),
                "period_days",
            ),
        ] {
            assert_eq!(field(new(bad.clone())), (Kind::Invalid, wrong.to_owned()), "{bad}");
        }
        let row = new(json!({"kind": "infrastructure", "subject": "keys"})).unwrap();
        assert_eq!((&row["period_days"], &row["state"]["word"]), (&json!(31), &json!("planned")));
        let take = |verb: &str, stated: Value| team.take("lea", ("reviews", "r", verb), &stated);
        let verdict = json!({"item": 1, "verdict": "keep", "reason": "x"});
        assert_eq!(kind(take("decide", verdict)), Kind::Conflict, "no round is open");
        assert_eq!(kind(take("close", json!({"conclusion": "x"}))), Kind::Conflict);
        take("open", json!({})).unwrap();
        assert_eq!(kind(take("open", json!({}))), Kind::Conflict, "one at a time");
        assert_eq!(kind(take("open", json!({"agenda": []}))), Kind::Invalid, "it is computed");
        let missing = team.take("lea", ("reviews", "none", "open"), &json!({}));
        assert_eq!(kind(missing), Kind::NotFound);
        let service = world.service("probe");
        let path = ("reviews", "r", "open");
        assert_eq!(
            kind(crate::registers::take(world, &service, path, &json!({}))),
            Kind::Forbidden
        );
        take("end", json!({"reason": "another one is planned"})).unwrap();
        assert_eq!(kind(take("open", json!({}))), Kind::Conflict);
        assert_eq!(team.word("reviews", "r"), "given-up");
    });
}

#[test]
fn an_agenda_comes_from_facts_and_closes_with_a_verdict_on_each_item() {
    both(232, |world| {
        let team = Team::new(world);
        let owner = json!({"name": "yearly", "kind": "programme", "owner": "person:omar"});
        team.add("lea", "reviews", &owner).unwrap();
        team.policy(&["everyone"], 365);
        team.take("lea", ("policies", "conduct", "draft"), &json!({"version": "2", "text": "x"}))
            .unwrap();
        let risk = json!({"title": "a laptop is lost", "description": "with keys on it",
            "owner": "person:lea", "likelihood": 3, "impact": 4, "due": team.day(30)});
        let risk = team.add("lea", "risks", &risk).unwrap()["id"].as_str().unwrap().to_owned();
        let take = |who: &str, verb: &str, stated: Value| {
            team.take(who, ("reviews", "yearly", verb), &stated)
        };
        let row = take("lea", "open", json!({})).unwrap();
        assert_eq!(newest(world, HOUSE).0, "review.open");
        assert_eq!(newest(world, HOUSE).1["items"], agenda(&row).len().to_string());
        assert!(has(&row, "reviews", "effective and accurate"), "{row:#}");
        assert!(has(&row, "policies/conduct", "version 2 waits for approval"), "{row:#}");
        assert!(has(&row, &format!("risks/{risk}"), "decide what is done"), "{row:#}");
        assert!(has(&row, "policies", "1 rows of `policies`"), "{row:#}");
        assert!(!has(&row, "reviews/yearly", ""), "a review is not on its own agenda");
        assert_eq!(row["state"]["word"], "open");
        let decide = |who: &str, item: u64, verdict: &str| {
            let stated = json!({"item": item, "verdict": verdict, "reason": "looked at"});
            take(who, "decide", stated)
        };
        assert_eq!(field(decide("lea", 99, "keep")), (Kind::Invalid, "item".to_owned()));
        assert_eq!(kind(decide("omar", 1, "keep")), Kind::Forbidden, "no role");
        let number = |row: &Value, place: &str| {
            let items = row["open"]["agenda"].as_array().unwrap().iter();
            let mut items = items.filter(|one| one["place"] == *place);
            items.next().unwrap()["number"].as_u64().unwrap()
        };
        let own = number(&row, &format!("risks/{risk}"));
        let alone = decide("lea", own, "change").unwrap();
        let item = &alone["open"]["agenda"][usize::try_from(own - 1).unwrap()];
        assert_eq!(item["decision"]["own"], true, "nobody else could");
        assert_eq!(kind(decide("lea", own, "keep")), Kind::Conflict, "a verdict stands");
        let early = take("lea", "close", json!({"conclusion": "fine"})).unwrap_err();
        assert!(crate::support::says(&early, "no verdict yet"), "{early:?}");
        team.join("nia", &["security-lead"]);
        let policy = number(&row, "policies/conduct");
        let others: Vec<u64> = (1..=agenda(&row).len() as u64).filter(|n| *n != own).collect();
        for item in others {
            decide("nia", item, if item == policy { "escalate" } else { "keep" }).unwrap();
        }
        let row = take("nia", "close", json!({"conclusion": "in order"})).unwrap();
        let closed = &row["closed"][0];
        assert_eq!((&closed["change"], &closed["escalate"]), (&json!(1), &json!(1)));
        assert_eq!(closed["closed"]["by"], "person:nia");
        assert_eq!(row["last"]["agenda"][0]["decision"]["mark"]["by"], "person:nia");
        assert_eq!(row["state"]["word"], "held");
        let row = take("lea", "open", json!({})).unwrap();
        assert!(has(&row, "policies/conduct", "was escalated last time"), "{row:#}");
        assert!(has(&row, &format!("risks/{risk}"), "was to be changed last time"), "{row:#}");
        assert!(!has(&row, "policies", "rows of"), "nothing changed since: {row:#}");
        let own = number(&row, &format!("risks/{risk}"));
        assert_eq!(kind(decide("lea", own, "keep")), Kind::Forbidden, "now somebody else could");
        decide("nia", own, "keep").unwrap();
    });
}

#[test]
fn each_kind_looks_at_what_is_its_own() {
    both(233, |world| {
        let team = Team::new(world);
        team.policy(&["everyone"], 365);
        let system = json!({"name": "db-1", "kind": "data-store", "purpose": "orders",
            "holds_service_data": true, "owner": "person:lea"});
        team.add("lea", "systems", &system).unwrap();
        world.service("import");
        world.grant("service:import", "*", "*", &["read"]);
        let held = |name: &str, kind: &str, subject: &str| {
            let new =
                json!({"name": name, "kind": kind, "subject": subject, "owner": "person:lea"});
            team.add("lea", "reviews", &new).unwrap();
            team.take("lea", ("reviews", name, "open"), &json!({})).unwrap()
        };
        let row = held("policy", "policy", "conduct");
        assert!(agenda(&row).iter().all(|one| !one.contains("systems")), "{row:#}");
        let row = held("grants", "infrastructure", "grants");
        assert!(
            agenda(&row).iter().any(|one| one.contains("service:import may read on every account"))
        );
        let row = held("access", "access", "all");
        assert!(agenda(&row).iter().any(|one| one.contains("is it still needed")), "{row:#}");
        let row = held("keys", "infrastructure", "keys");
        assert!(has(&row, "people", "credentials that count: 4, without an end: 0"), "{row:#}");
        let row = held("backups", "infrastructure", "backups");
        assert!(has(&row, "systems/db-1", "nobody has said that system `db-1`"), "{row:#}");
        team.wait(32);
        assert_eq!(team.word("reviews", "keys"), "overdue", "open is not closed");
    });
}
