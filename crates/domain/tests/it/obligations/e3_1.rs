//! E3.1: a subscriber that is no competitor gets the reports on request.

use crate::members::{ana, sign_in};
use crate::registers::{add, take};
use crate::reports::{Team, competitor, decide, publish, release, report, request};
use crate::support::{account_with_data, both};
use domain::measures::State;
use serde_json::json;

#[test]
fn requests_are_answered_in_time_from_a_current_library() {
    both(101, |world| {
        let mut team = Team::new(world);
        let (_, account) = account_with_data(world);
        add(world, &world.admin, "members", &ana()).unwrap();
        let state = |team: &Team| team.answer(world, "E3.1").state;
        let empty = team.answer(world, "E3.1");
        assert_eq!((empty.state, empty.facts.len(), empty.todo.len()), (State::Unproven, 0, 2));
        publish(world, &team, &report("soc3", "soc3", "2027-03-31"));
        assert_eq!(state(&team), State::Unproven, "no list of competitors");
        competitor(world, &team, "rival", "Rival Desk Inc.", "rival.example");
        assert_eq!(state(&team), State::Holding);
        let ana = sign_in(world, &team.admin, "one.ana");
        let id = request(world, &ana, &account, "soc3").unwrap().id;
        assert_eq!(state(&team), State::Holding, "there is time");
        team.wait(world, 10);
        let late = team.answer(world, "E3.1");
        assert_eq!(late.state, State::Failing);
        assert_eq!(late.todo[0].place, format!("requests/{id}"));
        assert_eq!(late.since, late.todo[0].due, "failing since it was due");
        decide(world, &team, &id, "clear").unwrap();
        assert_eq!(state(&team), State::Failing, "cleared is not given");
        release(world, &team, &id, "soc3").unwrap();
        assert_eq!(state(&team), State::Holding);
        // The list now names who holds a release.
        competitor(world, &team, "one", "One Ltd", "one.example");
        assert_eq!(state(&team), State::Failing);
        decide(world, &team, &id, "refuse").unwrap();
        assert_eq!(state(&team), State::Holding);
        // A review of the list that is overdue, then a library that is out of date.
        team.wait(world, 120);
        assert_eq!(state(&team), State::Unproven, "the report is over");
        publish(world, &team, &report("next", "soc3", "2027-12-31"));
        assert_eq!(state(&team), State::Holding);
        team.wait(world, 95);
        assert_eq!(state(&team), State::Unproven, "nobody looked at the list");
        let review = json!({"reason": "still is", "review": "2027-12-31"});
        for id in ["rival", "one"] {
            take(world, &team.lea, ("competitors", id, "review"), &review).unwrap();
        }
        assert_eq!(state(&team), State::Holding);
    });
}
