//! What the detector may hold, whatever arrives.

use watch::{Detector, Limits};

use super::support::{FAILURE, correlation, rules, sshd};

fn detector(limits: Limits) -> Detector {
    let count = correlation(
        "    type: event_count
    rules: [failure]
    group-by: [source.ip]
    timespan: 1h
    condition: {gte: 100000}",
    );
    let values = correlation(
        "    type: value_count
    rules: [failure]
    group-by: [source.ip]
    timespan: 1h
    condition: {field: user.name, gte: 100000}",
    )
    .replace("id: many", "id: values");
    Detector::new(rules(&[FAILURE, &count, &values]), limits)
}

#[test]
fn nobody_holds_more_than_the_quota() {
    let limits = Limits { groups: 1_000, matches: 20_000, exact: 4_000, ..Limits::default() };
    let mut detector = detector(limits);
    for number in 1..=60_000_u64 {
        // One address that is loud, many that come once, and as many values.
        let ip = if number % 2 == 0 { "10.0.0.1".to_owned() } else { format!("a{number}") };
        let user = format!("user{number}");
        let fields = [("source.ip", ip.as_str()), ("user.name", user.as_str())];
        detector.take(&sshd(number, number / 100, &fields));
        if number % 5_000 == 0 {
            for held in detector.pressure() {
                assert!(held.groups <= limits.groups, "{held:?}");
                assert!(held.matches <= limits.matches, "{held:?}");
            }
        }
    }
}

#[test]
fn all_together_hold_no_more_than_the_whole() {
    let limits =
        Limits { matches: 20_000, matches_of_all: 30_000, tenants: 20, ..Limits::default() };
    let mut detector = detector(limits);
    for number in 1..=60_000_u64 {
        let ip = format!("a{}", number % 3_000);
        let user = format!("user{number}");
        let mut event = sshd(number, number / 100, &[("source.ip", &ip), ("user.name", &user)]);
        event.tenant = format!("t{}", number % 50);
        detector.take(&event);
        if number % 5_000 == 0 {
            let pressure = detector.pressure();
            let all: usize = pressure.iter().map(|held| held.matches).sum();
            assert!(all <= limits.matches_of_all, "{all}");
            assert!(pressure.len() <= limits.tenants + 1);
        }
    }
}

#[test]
fn what_is_over_is_forgotten() {
    let mut detector = detector(Limits::default());
    for number in 1..=1_000_u64 {
        detector.take(&sshd(number, 1, &[("source.ip", &number.to_string()), ("user.name", "u")]));
    }
    assert!(detector.pressure()[0].groups >= 2_000);
    for number in 1_001..=1_600_u64 {
        detector.take(&sshd(number, 20_000 + number, &[("source.ip", "b"), ("user.name", "u")]));
    }
    let pressure = detector.pressure();
    assert!(pressure[0].groups <= 2 && pressure[0].forgotten == 0, "{pressure:?}");
    // The time that passes is enough, without another event.
    detector.tick(super::support::START + 90_000 * super::support::SECOND);
    assert_eq!(detector.pressure(), []);
}

#[test]
fn a_tenant_that_is_gone_makes_room_for_another() {
    let limits = Limits { tenants: 10, ..Limits::default() };
    let mut detector = detector(limits);
    let mut number = 0;
    for round in 0..5_u64 {
        for tenant in 0..10 {
            number += 1;
            let mut event = sshd(number, round * 20_000, &[("source.ip", "a"), ("user.name", "u")]);
            event.fields.insert("source.ip".to_owned(), format!("{round}.{tenant}").into());
            event.tenant = format!("{round}/{tenant}");
            detector.take(&event);
        }
        let pressure = detector.pressure();
        let apart = pressure.iter().filter(|held| held.tenant.starts_with(&format!("{round}/")));
        assert!(apart.count() >= 9, "{pressure:?}");
    }
}

#[test]
fn what_waits_does_not_pile_up() {
    let lines = "    type: temporal_ordered
    rules: [failure, success]
    group-by: [source.ip]
    timespan: 7d
    condition: failure and not success";
    let success = FAILURE.replace("failure", "success");
    let limits = Limits { groups: 100, ..Limits::default() };
    let mut detector = Detector::new(rules(&[FAILURE, &success, &correlation(lines)]), limits);
    for number in 1..=20_000_u64 {
        detector.take(&sshd(number, 1, &[("source.ip", &number.to_string())]));
    }
    assert_eq!(detector.pressure()[0].groups, 100);
    // What is left of it is decided, each once.
    let alerts = detector.tick(super::support::START + 30 * 86_400 * super::support::SECOND);
    assert_eq!(alerts.len(), 100);
}
