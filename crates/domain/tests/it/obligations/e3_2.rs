//! E3.2: or the subscriber's independent auditor does, that is no competitor either.

use crate::members::{aud, sign_in};
use crate::registers::{add, take};
use crate::reports::{Team, competitor, decide, publish, release, report, request};
use crate::support::{account_with_data, both};
use domain::measures::{Basis, State};
use serde_json::json;

#[test]
fn auditors_are_named_independent_screened_and_expire() {
    both(102, |world| {
        let mut team = Team::new(world);
        let (_, account) = account_with_data(world);
        publish(world, &team, &report("soc3", "soc3", "2027-03-31"));
        let state = |team: &Team| team.answer(world, "E3.2").state;
        assert_eq!(state(&team), State::Unproven, "nobody is named");
        add(world, &world.admin, "members", &aud("2027-02-28")).unwrap();
        assert_eq!(state(&team), State::Unproven, "there is no list to screen against");
        competitor(world, &team, "rival", "Rival Desk Inc.", "rival.example");
        let holds = team.answer(world, "E3.2");
        assert_eq!((holds.state, holds.basis), (State::Holding, Some(Basis::Recorded)));
        competitor(world, &team, "near", "Other Inc.", "pruefer.test");
        assert_eq!(state(&team), State::Unproven, "a look-alike: a person has to look");
        competitor(world, &team, "pruefer", "Pruefer Consulting", "pruefer.example");
        assert_eq!(state(&team), State::Failing, "its domain is a competitor's");
        let auditor = sign_in(world, &team.admin, "one.aud");
        let id = request(world, &auditor, &account, "soc3").unwrap().id;
        assert_eq!(state(&team), State::Failing, "asking is not being cleared");
        decide(world, &team, &id, "clear").unwrap();
        release(world, &team, &id, "soc3").unwrap();
        assert_eq!(state(&team), State::Holding, "a named person cleared it");
        competitor(world, &team, "firm", "Prüfer AG", "firm.example");
        assert_eq!(state(&team), State::Failing, "the list says more than was decided on");
        let end = json!({"reason": "a competitor"});
        decide(world, &team, &id, "refuse").unwrap();
        take(world, &team.admin, ("members", "one.aud", "end"), &end).unwrap();
        assert_eq!(state(&team), State::Unproven, "nobody is left");
        let mut next = aud("2027-02-28");
        for (key, value) in
            [("name", "one.tia"), ("firm", "Audit LLP"), ("email", "tia@audit.example")]
        {
            next[key] = json!(value);
        }
        add(world, &team.admin, "members", &next).unwrap();
        assert_eq!(state(&team), State::Holding);
        team.wait(world, 99);
        assert_eq!(state(&team), State::Unproven, "its last day is over");
    });
}
