//! What each kind of correlation finds, and when it says so.

use proptest::prelude::{Strategy, prop, proptest};
use watch::{Detector, Event, Limits};

use super::support::{FAILURE, SECOND, START, correlation, ids, rules, run, sshd};

const SUCCESS: &str = "
title: success
name: success
logsource: {product: linux, service: sshd}
detection:
    s: {event.outcome: success}
    condition: s
";

/// A correlation that refers to both, so that neither makes an alert itself.
const BOTH: &str = "
title: both
correlation:
    type: event_count
    rules: [failure, success]
    timespan: 1s
    condition: {gte: 1000000}
";

fn detector(lines: &str) -> Detector {
    Detector::new(rules(&[FAILURE, SUCCESS, BOTH, &correlation(lines)]), Limits::default())
}

fn user(number: u64, second: u64, outcome: &str, user: &str) -> Event {
    sshd(number, second, &[("event.outcome", outcome), ("user.name", user), ("source.ip", "a")])
}

#[test]
fn both_ends_of_a_window_belong_to_it() {
    let lines = "    type: event_count
    rules: [failure]
    group-by: [user.name]
    timespan: 1m
    condition: {gte: 2}";
    let pair = |gap: u64| {
        run(&mut detector(lines), &[user(1, 5, "failure", "u"), user(2, 5 + gap, "failure", "u")])
    };
    assert_eq!(pair(60).len(), 1);
    assert_eq!(pair(61), []);
    let alert = &pair(60)[0];
    assert_eq!((alert.from, alert.to), (START + 5 * SECOND, START + 65 * SECOND));
    assert_eq!((alert.count, alert.events.as_slice()), (2, [1, 2].as_slice()));
}

#[test]
fn an_absence_is_told_when_its_window_has_ended() {
    let lines = "    type: temporal_ordered
    rules: [failure, success]
    group-by: [user.name]
    timespan: 10m
    condition: failure and not success";
    let mut detector = detector(lines);
    let events = [
        user(1, 0, "failure", "gone"),
        user(2, 10, "failure", "back"),
        user(3, 300, "success", "back"),
    ];
    assert_eq!(run(&mut detector, &events), []);
    let end = START + 600 * SECOND;
    let late = Limits::default().lateness;
    assert_eq!(detector.tick(end + late - 1), []);
    let alerts = detector.tick(end + late);
    assert_eq!(alerts.len(), 1);
    assert_eq!(alerts[0].group, [("user.name".to_owned(), "gone".to_owned())]);
    assert_eq!(detector.tick(end + 86_400 * SECOND), []);
}

#[test]
fn a_success_before_does_not_excuse_an_ordered_absence_and_does_an_unordered_one() {
    for (kind, expected) in [("temporal_ordered", 1), ("temporal", 0)] {
        let lines = format!(
            "    type: {kind}
    rules: [failure, success]
    group-by: [user.name]
    timespan: 10m
    condition: failure and not success"
        );
        let mut detector = detector(&lines);
        let events = [user(1, 0, "success", "u"), user(2, 10, "failure", "u")];
        assert_eq!(run(&mut detector, &events), []);
        assert_eq!(detector.tick(START + 3_600 * SECOND).len(), expected, "{kind}");
    }
}

#[test]
fn fewer_than_waits_until_nothing_can_come_between() {
    let lines = "    type: event_count
    rules: [failure]
    group-by: [user.name]
    timespan: 1m
    condition: {eq: 2}";
    let mut detector = detector(lines);
    // The third is of the same minute but comes last.
    let mut third = user(3, 5, "failure", "u");
    third.received = START + 40 * SECOND;
    let events = [user(1, 0, "failure", "u"), user(2, 30, "failure", "u"), third];
    assert_eq!(run(&mut detector, &events), []);
    // At 5 s there were two, and at 30 s there are three.
    let alerts = detector.tick(START + 3_600 * SECOND);
    assert_eq!(alerts.len(), 1);
    assert_eq!(alerts[0].to, START + 5 * SECOND);
}

#[test]
fn an_attack_that_goes_on_is_told_once_a_window_and_quiet_makes_it_rarer() {
    let lines = "    type: event_count
    rules: [failure]
    group-by: [user.name]
    timespan: 1m
    condition: {gte: 5}";
    let events: Vec<_> = (0..3_600).map(|n| user(n + 1, n, "failure", "u")).collect();
    assert_eq!(run(&mut detector(lines), &events).len(), 60);
    let quiet = format!("quiet: 1h\n{}", correlation(lines));
    let mut quiet = Detector::new(rules(&[FAILURE, SUCCESS, BOTH, &quiet]), Limits::default());
    assert_eq!(run(&mut quiet, &events).len(), 1);
}

#[test]
fn an_order_may_ask_for_several_of_the_first() {
    let tried = |failures: u64| {
        let mut events: Vec<_> = (1..=failures).map(|n| user(n, n, "failure", "u")).collect();
        events.push(user(failures + 1, 20, "success", "u"));
        run(&mut detector(SHAPES[5]), &events).len()
    };
    assert_eq!((tried(2), tried(3), tried(9)), (0, 1, 1));
    // Three failures of which one is before the window are two.
    let old =
        [user(1, 0, "failure", "u"), user(2, 30, "failure", "u"), user(3, 31, "failure", "u")];
    let success = user(4, 41, "success", "u");
    assert_eq!(run(&mut detector(SHAPES[5]), old.iter().chain([&success])), []);
}

#[test]
fn a_long_window_lists_its_first_and_last_events() {
    let lines = "    type: event_count
    rules: [failure]
    group-by: [user.name]
    timespan: 1h
    condition: {gte: 100}";
    let events: Vec<_> = (1..=100).map(|n| user(n, n, "failure", "u")).collect();
    let alerts = run(&mut detector(lines), &events);
    let listed: Vec<u64> = (1..=16).chain(85..=100).collect();
    assert_eq!((alerts[0].count, &alerts[0].events), (100, &listed));
}

#[test]
fn too_many_values_to_keep_are_estimated_and_the_alert_says_so() {
    let lines = "    type: value_count
    rules: [failure]
    group-by: [source.ip]
    timespan: 1h
    condition: {field: user.name, gte: 30000}";
    let mut detector = detector(lines);
    let events: Vec<_> =
        (1..=40_000).map(|n| user(n, n / 20, "failure", &format!("user{n}"))).collect();
    let alerts = run(&mut detector, &events);
    let last = alerts.last().unwrap();
    assert!(last.degraded.as_ref().unwrap().contains("± 4.6 %"), "{last:?}");
    assert!(last.to.abs_diff(START + 1_500 * SECOND) < 150 * SECOND, "{last:?}");
}

const SHAPES: [&str; 6] = [
    "    type: event_count
    rules: [failure]
    group-by: [user.name]
    timespan: 1m
    condition: {gte: 4}",
    "    type: value_count
    rules: [failure]
    group-by: [user.name]
    timespan: 1m
    condition: {field: port, gte: 3}",
    "    type: value_sum
    rules: [failure]
    group-by: [user.name]
    timespan: 1m
    condition: {field: port, gte: 12}",
    "    type: temporal
    rules: [failure, success]
    group-by: [user.name]
    timespan: 20s",
    "    type: temporal_ordered
    rules: [failure, success]
    group-by: [user.name]
    timespan: 20s",
    "    type: temporal_ordered
    rules: [failure, success]
    group-by: [user.name]
    timespan: 40s
times: 3",
];

/// Seconds, and how much later each event arrives, within the tolerance.
fn stream() -> impl Strategy<Value = Vec<(u64, u64, u8, bool, u8)>> {
    prop::collection::vec((0..400_u64, 0..290_u64, 0..3_u8, prop::bool::ANY, 0..6_u8), 1..120)
}

fn made(stream: &[(u64, u64, u8, bool, u8)], delayed: bool) -> Vec<Event> {
    let mut events: Vec<Event> = stream
        .iter()
        .map(|&(second, delay, who, failed, port)| {
            let outcome = if failed { "failure" } else { "success" };
            let mut event = user(0, second, outcome, &format!("u{who}"));
            event.fields.insert("port".to_owned(), port.into());
            if delayed {
                event.received += delay * SECOND;
            }
            event
        })
        .collect();
    events.sort_by_key(|event| event.received);
    for (number, event) in (1..).zip(&mut events) {
        event.number = number;
    }
    events
}

proptest! {
    /// Whatever order events arrive in, within the tolerance, the alerts are the same.
    #[test]
    fn arriving_late_changes_nothing(stream in stream(), shape in 0..6_usize) {
        let straight = run(&mut detector(SHAPES[shape]), &made(&stream, false));
        let shuffled = run(&mut detector(SHAPES[shape]), &made(&stream, true));
        proptest::prop_assert_eq!(ids(&straight), ids(&shuffled));
    }

    /// The same for what waits, within the time it waits.
    #[test]
    fn what_waits_is_not_misled_by_late_arrivals(stream in stream()) {
        let lines = "    type: temporal_ordered
    rules: [failure, success]
    group-by: [user.name]
    timespan: 20s
    condition: failure and not success";
        let made = |delayed: bool| {
            let within: Vec<_> =
                stream.iter().map(|&(s, delay, a, b, c)| (s, delay % 60, a, b, c)).collect();
            let mut detector = detector(lines);
            let mut alerts = run(&mut detector, &made(&within, delayed));
            alerts.extend(detector.tick(START + 86_400 * SECOND));
            ids(&alerts)
        };
        proptest::prop_assert_eq!(made(false), made(true));
    }
}
