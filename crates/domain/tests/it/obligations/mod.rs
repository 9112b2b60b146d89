//! One test per obligation: its control, driven by real operations through every state.

mod all;
mod e1_0;
mod e1_1;
mod e1_2;
mod e1_3;
mod e1_4;
mod e1_5;
mod e1_6;
mod e1_7;
mod e2_1;
mod e2_2;
mod e2_3;
mod e2_4;
mod e3_1;
mod e3_2;
mod e3_3;
mod e3_4;
mod e4_1;
mod e4_2;
mod e4_3;
mod e4_4;
mod e4_5;
mod e4_6;
mod e4_7;
mod e5_1;
mod e5_2;
mod e5_3;
mod e5_4;
mod e5_5;
mod e5_6;
mod e5_7;
mod e6_1;
mod e6_2;
mod e6_3;
mod e6_4;
mod e7_1;
mod e7_2;
mod e7_3;
mod f1;
mod f2;
mod p0_1;
mod p0_2;
mod p0_3;
mod p1;
mod p2;
mod p3;
mod p4;
mod p5;
mod p6;
mod p7;
pub mod systems;

use crate::support::both;
use crate::vendors::Team;
use domain::measures::{Basis, State};
use serde_json::json;

/// A measure that vendors answer for: nobody registered, not answered, answered, one `no`, mended,
/// the worst of two vendors, and stale.
fn answered_by_a_vendor(seed: u64, measure: &str, question: &str) {
    both(seed, |world| {
        let team = Team::new(world);
        team.expect(measure, State::Unproven);
        team.vendor("acme", "processing").unwrap();
        team.expect(measure, State::Unproven);
        team.answer_all("acme", measure, "yes", 100);
        assert_eq!(team.expect(measure, State::Holding).basis, Some(Basis::Attested));
        let say = |reply: &str| {
            let stated = json!({"question": question, "reply": reply, "evidence": "seen on site",
                "source": "recorded", "valid_to": team.day(100)});
            team.step("mia", "acme", "answer", &stated).unwrap();
        };
        say("no");
        let answer = team.expect(measure, State::Failing);
        let bad = answer.facts.iter().find(|fact| !fact.good).unwrap();
        assert!(bad.what.contains(question) && bad.basis == Basis::Recorded, "{answer:?}");
        say("not-applicable");
        team.expect(measure, State::Holding);
        team.vendor("second", "hosting").unwrap();
        let answer = team.expect(measure, State::Unproven);
        assert_eq!(answer.todo[0].place, "vendors/second", "as good as the worst");
        team.answer_all("second", measure, "yes", 200);
        team.expect(measure, State::Holding);
        team.pass(101);
        let answer = team.expect(measure, State::Unproven);
        assert_eq!(answer.todo[0].place, "vendors/acme", "its answers are old");
    });
}
