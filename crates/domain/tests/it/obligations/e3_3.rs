//! E3.3: reports are given under the confidentiality obligations.

use crate::members::{ana, sign_in};
use crate::registers::{add, take};
use crate::reports::{
    SUM, Team, accept, competitor, decide, download, mark, publish, release, report, request, terms,
};
use crate::support::{account_with_data, both, kind};
use domain::measures::State;
use kernel::Kind;
use serde_json::json;
use std::time::Duration;

#[test]
fn terms_are_in_force_and_every_copy_is_accounted_for() {
    both(103, |world| {
        let mut team = Team::new(world);
        let (_, account) = account_with_data(world);
        add(world, &world.admin, "members", &ana()).unwrap();
        publish(world, &team, &report("soc2", "soc2", "2027-03-31"));
        competitor(world, &team, "rival", "Rival Desk Inc.", "rival.example");
        let state = |team: &Team| team.answer(world, "E3.3").state;
        assert_eq!(state(&team), State::Unproven, "no terms");
        terms(world, &team, "nda-1", "2027-01-31");
        assert_eq!(state(&team), State::Holding);
        let ana = sign_in(world, &team.admin, "one.ana");
        let id = request(world, &ana, &account, "soc2").unwrap().id;
        decide(world, &team, &id, "clear").unwrap();
        release(world, &team, &id, "soc2").unwrap();
        accept(world, &ana, &account, (&id, "nda-1")).unwrap();
        download(world, &ana, &account, (&id, "soc2")).unwrap();
        mark(world, &ana, &account, &id, (1, SUM)).unwrap();
        let answer = team.answer(world, "E3.3");
        let said: Vec<_> = answer.facts.iter().map(|fact| fact.what.as_str()).collect();
        assert_eq!(answer.state, State::Holding);
        assert!(said.contains(&"copies under terms that were accepted before: 1 of 1"), "{said:?}");
        // A copy is opened, and the face is gone before it says what it delivered.
        download(world, &ana, &account, (&id, "soc2")).unwrap();
        assert_eq!(state(&team), State::Holding, "its mark may still come");
        let settle = json!({"number": 2, "reason": "the connection broke, nothing was sent"});
        let settle = |team: &Team| take(world, &team.lea, ("requests", &id, "settle"), &settle);
        assert_eq!(kind(settle(&team)), Kind::Conflict, "its mark may still come");
        world.clock.advance(Duration::from_secs(3600));
        assert_eq!(state(&team), State::Failing);
        let late = mark(world, &ana, &account, &id, (2, SUM));
        assert_eq!(kind(late), Kind::Conflict, "too late");
        settle(&team).unwrap();
        assert_eq!(kind(settle(&team)), Kind::Conflict);
        assert_eq!(state(&team), State::Holding);
        team.wait(world, 71);
        assert_eq!(state(&team), State::Unproven, "nobody looked at the terms");
        let review = json!({"review": "2027-06-30"});
        take(world, &team.cora, ("terms", "nda-1", "review"), &review).unwrap();
        assert_eq!(state(&team), State::Holding);
    });
}
