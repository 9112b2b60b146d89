use super::{Law, Phase, Recipient, Trigger, clocks, hours, phase};
use crate::incidents::Class;
use crate::incidents::breaches::HeldFor;
use crate::register::When;
use kernel::Moment;
use proptest::prelude::*;
use std::time::Duration;

const T0: Moment = Moment(1_795_356_131_000_000);

fn h(hours: u64) -> Moment {
    T0.after(Duration::from_secs(hours * 3600))
}

fn law(name: &str, trigger: Trigger, recipient: Recipient, phases: &[(&str, u32)]) -> Law {
    let phase = |(name, hours): &(&str, u32)| Phase { name: (*name).to_owned(), hours: *hours };
    Law {
        name: name.to_owned(),
        reference: "r".to_owned(),
        trigger,
        recipient,
        phases: phases.iter().map(phase).collect(),
        classes: vec![],
        accounts: vec![],
    }
}

fn held(scope: &[&str], from: u64, to: u64) -> HeldFor {
    let scope = scope.iter().map(|one| (*one).to_owned()).collect();
    HeldFor { hold: "hold-1".to_owned(), from: When(h(from)), to: When(h(to)), scope }
}

fn laws() -> Vec<Law> {
    use Recipient::{Authority, Subscriber};
    let nis2 = [("early warning", 24), ("notification", 72), ("final report", 720)];
    let mut contract = law("acme", Trigger::Verified, Subscriber, &[("notice", 12)]);
    contract.accounts = vec!["acme".to_owned()];
    let mut other = law("loss", Trigger::Verified, Subscriber, &[("notice", 6)]);
    other.classes = vec![Class::Loss];
    vec![
        law("nis2", Trigger::Suspected, Authority, &nis2),
        law("cert-in", Trigger::Suspected, Authority, &[("report", 6)]),
        law("dora", Trigger::Major, Authority, &[("initial", 4)]),
        contract,
        other,
    ]
}

#[test]
fn every_clock_runs_by_itself_and_the_earliest_is_first() {
    let listed = |account, verified, major, held: &[HeldFor]| {
        let all = clocks(&laws(), (Class::Breach, account), (T0, verified, major), held);
        let hours = |at: When| at.0.since(T0).as_secs() / 3600;
        all.iter().map(|one| format!("{} {} {}", one.law, one.phase, hours(one.due))).collect()
    };
    let nis2 = ["nis2 early warning 24", "nis2 notification 72", "nis2 final report 720"];
    let with = |first: &[&str], rest: &[&str]| -> Vec<String> {
        first.iter().chain(rest).map(|one| (*one).to_owned()).collect()
    };
    let is: Vec<String> = listed(None, None, None, &[]);
    assert_eq!(is, with(&["cert-in report 6"], &nis2), "only what has started");
    let is: Vec<String> = listed(Some("beta"), Some(h(1)), Some(h(1)), &[]);
    assert_eq!(is, with(&["dora initial 5", "cert-in report 6"], &nis2));
    let is: Vec<String> = listed(Some("acme"), Some(h(1)), None, &[]);
    assert_eq!(is, with(&["cert-in report 6", "acme notice 13"], &nis2));
    let order = [held(&["cert-in"], 1, 11), held(&[], 0, 500), held(&["notice"], 0, 500)];
    let is: Vec<String> = listed(None, None, None, &order);
    assert_eq!(is, with(&["cert-in report 16"], &nis2), "only what the order names");
}

#[test]
fn a_contract_makes_the_time_shorter_and_never_longer() {
    for (class, account, catalogue, is) in [
        (Class::Breach, "acme", 48, 12),
        (Class::Breach, "acme", 8, 8),
        (Class::Breach, "beta", 48, 48),
        (Class::Loss, "beta", 72, 6),
    ] {
        assert_eq!(hours(&laws(), class, account, catalogue), is, "{account}");
    }
}

#[test]
fn a_phase_is_a_name_and_hours() {
    assert_eq!(phase("early warning|24").unwrap().hours, 24);
    for bad in ["", "x", "|24", "x|", "x|0", "x|9001", "x|-1", "x\u{202e}|3", "x|1h"] {
        assert!(phase(bad).is_err(), "{bad}");
    }
}

proptest! {
    #[test]
    fn only_a_named_order_moves_a_clock_and_none_makes_it_earlier(
        hours_ in 1_u32..900, from in 0_u64..300, span in 1_u64..300, named in any::<bool>(),
    ) {
        let one = [law("x", Trigger::Verified, Recipient::Authority, &[("p", hours_)])];
        let order = [held(&[if named { "x" } else { "y" }], from, from + span)];
        let starts = (T0, Some(T0), None);
        let due = |held: &[HeldFor]| clocks(&one, (Class::Other, None), starts, held)[0].due;
        prop_assert_eq!(due(&[]).0, h(u64::from(hours_)));
        prop_assert!(due(&order) >= due(&[]));
        prop_assert_eq!(due(&order) > due(&[]), named && from < u64::from(hours_));
    }
}
