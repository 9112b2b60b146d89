//! F2: the measures are owed during the subscription.

use crate::registers::{add, take};
use crate::reports::Team;
use crate::support::{account_with_data, both};
use domain::measures::State;
use serde_json::json;

#[test]
fn every_account_is_bound_to_the_terms_in_force() {
    both(105, |world| {
        let mut team = Team::new(world);
        let (import, _) = account_with_data(world);
        let state = |team: &Team| team.answer(world, "F2").state;
        assert_eq!(state(&team), State::Unproven, "nothing is promised yet");
        let catalogue = json!({"version": "2026-1", "reason": "our contract"});
        add(world, &team.lea, "catalogues", &catalogue).unwrap();
        assert_eq!(state(&team), State::Unproven, "nobody is bound");
        let bind = |team: &Team, account: &str| {
            let new = json!({"account": account, "plan": "enterprise", "from": "2026-01-01",
                "to": "2027-01-31", "terms": "2026-1"});
            add(world, &team.lea, "subscriptions", &new).unwrap()
        };
        bind(&team, "one");
        assert_eq!(state(&team), State::Holding);
        world.account(&import, "Two").unwrap();
        let some = team.answer(world, "F2");
        assert_eq!(some.state, State::Unproven);
        assert!(some.missing[0].ends_with("1 of 2"), "{:?}", some.missing);
        bind(&team, "two");
        assert_eq!(state(&team), State::Holding);
        let other = json!({"version": "2026-2", "reason": "stricter", "parameters": {}});
        take(world, &team.lea, ("catalogues", "current", "propose"), &other).unwrap();
        assert_eq!(state(&team), State::Holding, "proposed only");
        let approve = json!({"version": "2026-2"});
        take(world, &team.cora, ("catalogues", "current", "approve"), &approve).unwrap();
        assert_eq!(state(&team), State::Failing, "bound to another version");
        let change = json!({"terms": "2026-2"});
        take(world, &team.cora, ("subscriptions", "one", "change"), &change).unwrap();
        assert_eq!(state(&team), State::Failing, "one of two");
        let end = json!({"reason": "cancelled"});
        take(world, &team.cora, ("subscriptions", "two", "end"), &end).unwrap();
        assert_eq!(state(&team), State::Holding, "nothing is owed any more");
        team.wait(world, 71);
        assert_eq!(state(&team), State::Unproven, "what was agreed is over");
        let change = json!({"to": "2027-12-31"});
        take(world, &team.cora, ("subscriptions", "one", "change"), &change).unwrap();
        assert_eq!(state(&team), State::Holding);
    });
}
