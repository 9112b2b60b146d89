//! E3.4: ISO 27001 certificate and/or SOC 2 or SOC 3 reports are there and valid.

use crate::registers::take;
use crate::reports::{Team, publish, report};
use crate::support::both;
use domain::measures::{Basis, State};
use serde_json::json;

#[test]
fn a_promised_report_is_valid_today_and_not_qualified() {
    both(104, |world| {
        let mut team = Team::new(world);
        let state = |team: &Team| team.answer(world, "E3.4").state;
        assert_eq!(state(&team), State::Unproven);
        publish(world, &team, &report("letter", "penetration-letter", "2027-03-31"));
        assert_eq!(state(&team), State::Unproven, "not what was promised");
        publish(world, &team, &report("soc3", "soc3", "2027-03-31"));
        let holds = team.answer(world, "E3.4");
        assert_eq!((holds.state, holds.basis), (State::Holding, Some(Basis::Attested)));
        let mut qualified = report("soc2", "soc2", "2027-03-31");
        qualified["qualified"] = json!(true);
        qualified["exceptions"] = json!("access reviews were late");
        publish(world, &team, &qualified);
        let fails = team.answer(world, "E3.4");
        assert_eq!((fails.state, fails.todo[0].place.as_str()), (State::Failing, "reports/soc2"));
        let because = json!({"reason": "reissued without exceptions"});
        take(world, &team.lea, ("reports", "soc2", "withdraw"), &because).unwrap();
        assert_eq!(state(&team), State::Holding);
        team.wait(world, 130);
        assert_eq!(state(&team), State::Unproven, "an expired report is no current one");
        publish(world, &team, &report("next", "soc3", "2027-12-31"));
        assert_eq!(state(&team), State::Holding);
    });
}
