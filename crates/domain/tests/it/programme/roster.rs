//! The roster of the security team.

use crate::support::{both, field, kind};
use crate::team::Team;
use domain::programme::roster::{Employment, Roster};
use domain::register::{Day, Kept, Read};
use kernel::Kind;
use serde_json::{Value, json};

#[test]
fn the_roster_tells_the_team_of_any_day() {
    both(241, |world| {
        let team = Team::new(world);
        let new = |more: Value| {
            let mut new = json!({"person": "person:omar", "employment": "part-time",
                "function": "response", "from": team.day(0)});
            for (field, value) in more.as_object().unwrap() {
                new[field] = value.clone();
            }
            team.add("lea", "roster", &new)
        };
        for (bad, wrong) in [
            (json!({"person": "person:nobody"}), "person"),
            (json!({"to": "2026-11-21"}), "to"),
            (json!({"function": ""}), "function"),
        ] {
            assert_eq!(field(new(bad.clone())), (Kind::Invalid, wrong.to_owned()), "{bad}");
        }
        let row = new(json!({})).unwrap();
        assert_eq!((&row["id"], &row["state"]["word"]), (&json!("omar"), &json!("part-time")));
        assert_eq!(kind(new(json!({}))), Kind::Conflict, "one place per person");
        let take = |verb: &str, stated: Value| team.take("lea", ("roster", "omar", verb), &stated);
        let first = team.day(0);
        team.wait(10);
        for (bad, wrong) in [
            (json!({"from": first}), "from"),
            (json!({"from": team.day(5), "to": team.day(4)}), "to"),
        ] {
            assert_eq!(field(take("change", bad)), (Kind::Invalid, wrong.to_owned()));
        }
        take("change", json!({"from": team.day(5), "employment": "full-time"})).unwrap();
        let sooner = field(take("change", json!({"from": team.day(5)})));
        assert_eq!(sooner, (Kind::Invalid, "from".to_owned()));
        assert_eq!(team.word("roster", "omar"), "part-time", "not yet");
        team.wait(5);
        assert_eq!(team.word("roster", "omar"), "full-time");
        assert_eq!(field(take("leave", json!({"to": first}))), (Kind::Invalid, "to".to_owned()));
        take("leave", json!({"to": team.day(3)})).unwrap();
        team.wait(4);
        assert_eq!(team.word("roster", "omar"), "left");
        assert_eq!(kind(take("leave", json!({"to": team.day(0)}))), Kind::Conflict);
        let read = Read::<Kept<Roster>>::new(&world.kernel, "omar").unwrap();
        let row = world.run(&team.token("lea"), read).unwrap().output.row;
        let begin = Day::parse(&first).unwrap();
        let on = |day: u32| row.on(begin.plus(day)).map(|term| term.employment);
        let expected =
            [(14, Employment::PartTime), (15, Employment::FullTime), (18, Employment::FullTime)];
        for (day, employment) in expected {
            assert_eq!(on(day), Some(employment), "day {day}");
        }
        assert_eq!(on(19), None);
        take("change", json!({"from": team.day(0)})).unwrap();
        assert_eq!(team.word("roster", "omar"), "full-time", "back in the team");
        let approver = json!({"person": "person:lea", "employment": "full-time",
            "function": "x", "from": team.day(0)});
        assert_eq!(kind(team.add("omar", "roster", &approver)), Kind::Forbidden);
    });
}
