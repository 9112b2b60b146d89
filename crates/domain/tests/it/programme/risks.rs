//! Risks.

use crate::support::{both, field, kind, newest, says};
use crate::team::Team;
use kernel::{HOUSE, Kind};
use serde_json::{Value, json};

fn risk(team: &Team<'_>, more: &Value) -> kernel::Result<Value> {
    let mut new = json!({"title": "a laptop is lost", "description": "with keys on it",
        "owner": "person:lea", "likelihood": 3, "impact": 4, "controls": ["E5.5"],
        "due": team.day(30)});
    for (field, value) in more.as_object().unwrap() {
        new[field] = value.clone();
    }
    team.add("lea", "risks", &new)
}

#[test]
fn a_risk_is_rated_treated_and_closed() {
    both(221, |world| {
        let team = Team::new(world);
        for (bad, wrong) in [
            (json!({"owner": "person:nobody"}), "owner"),
            (json!({"likelihood": 0}), "likelihood"),
            (json!({"impact": 6}), "impact"),
            (json!({"controls": vec!["E1.0"; 21]}), "controls"),
            (json!({"due": team.day(367)}), "due"),
            (json!({"due": "2026-11-21"}), "due"),
            (json!({"title": "two\nlines"}), "title"),
            (json!({"state": "closed"}), "state"),
        ] {
            assert_eq!(field(risk(&team, &bad)), (Kind::Invalid, wrong.to_owned()), "{bad}");
        }
        let row = risk(&team, &json!({})).unwrap();
        let id = row["id"].as_str().unwrap().to_owned();
        assert_eq!(row["state"]["word"], "untreated");
        assert_eq!(row["state"]["who"], "person:lea");
        let take =
            |who: &str, verb: &str, stated: &Value| team.take(who, ("risks", &id, verb), stated);
        let rate = json!({"likelihood": 5, "impact": 5, "reason": "it happened elsewhere"});
        take("lea", "rate", &rate).unwrap();
        assert_eq!(newest(world, HOUSE).1["level"], "25");
        let plan =
            json!({"treatment": "mitigate", "plan": "disks are sealed", "due": team.day(60)});
        assert_eq!(take("lea", "treat", &plan).unwrap()["state"]["word"], "in-treatment");
        team.wait(61);
        assert_eq!(team.word("risks", &id), "overdue");
        assert_eq!(kind(take("omar", "close", &json!({"how": "x"}))), Kind::Forbidden, "no role");
        team.join("nia", &["security-lead"]);
        let how = json!({"how": "laptops hold no keys any more"});
        assert_eq!(kind(take("lea", "close", &how)), Kind::Forbidden, "another one could");
        assert_eq!(take("nia", "close", &how).unwrap()["state"]["word"], "closed");
        for (verb, stated) in [("rate", &rate), ("treat", &plan), ("close", &how)] {
            assert_eq!(kind(take("nia", verb, stated)), Kind::Conflict, "{verb}");
        }
    });
}

#[test]
fn a_risk_is_accepted_by_another_for_a_while() {
    both(222, |world| {
        let team = Team::new(world);
        let row = risk(&team, &json!({"owner": "person:omar"})).unwrap();
        let id = row["id"].as_str().unwrap().to_owned();
        let take =
            |who: &str, verb: &str, stated: &Value| team.take(who, ("risks", &id, verb), stated);
        let accept = |to: String| json!({"reason": "rare and cheap", "to": to});
        let early = take("omar", "accept", &accept(team.day(90)));
        assert_eq!(kind(early), Kind::Conflict, "nobody proposed it");
        let plan = json!({"treatment": "accept", "plan": "we bear it", "due": team.day(20)});
        assert_eq!(take("lea", "treat", &plan).unwrap()["state"]["word"], "proposed");
        assert_eq!(kind(take("lea", "accept", &accept(team.day(90)))), Kind::Forbidden, "proposer");
        assert_eq!(kind(take("omar", "accept", &accept(team.day(90)))), Kind::Forbidden, "owner");
        team.join("nia", &["counsel"]);
        let long = field(take("nia", "accept", &accept(team.day(367))));
        assert_eq!(long, (Kind::Invalid, "to".to_owned()));
        let row = take("nia", "accept", &accept(team.day(90))).unwrap();
        assert_eq!(
            (&row["state"]["word"], &row["state"]["tone"]),
            (&json!("accepted"), &json!("good"))
        );
        team.wait(90);
        assert_eq!(team.word("risks", &id), "accepted", "to its last day");
        team.wait(1);
        let row = team.show("risks", &id);
        assert_eq!(
            (&row["state"]["word"], &row["state"]["tone"]),
            (&json!("reopened"), &json!("bad"))
        );
        let plan = json!({"treatment": "transfer", "plan": "insured", "due": team.day(20)});
        let row = take("lea", "treat", &plan).unwrap();
        assert_eq!(row["acceptance"], json!(null), "another plan was accepted, not this one");
        let refused = take("nia", "accept", &accept(team.day(9))).unwrap_err();
        assert!(says(&refused, "treat it with `accept` first"));
    });
}
