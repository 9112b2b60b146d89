//! A restart forgets nothing, and a change of rules shows.

use proptest::prelude::{prop, proptest};
use watch::{Detector, Interval, Limits, Rules};

use super::support::{FAILURE, START, correlation, rules, run, sshd};

const SUCCESS: &str = "
title: success
name: success
logsource: {product: linux, service: sshd}
detection:
    s: {event.outcome: success}
    condition: s
";

fn all_kinds() -> Rules {
    let kinds = [
        ("count", "type: event_count", "rules: [failure]", "condition: {gte: 3}"),
        ("values", "type: value_count", "rules: [failure]", "condition: {field: port, gte: 3}"),
        ("sum", "type: value_sum", "rules: [failure]", "condition: {field: port, gte: 9}"),
        ("both", "type: temporal", "rules: [failure, success]", ""),
        ("then", "type: temporal_ordered", "rules: [failure, success]", ""),
        (
            "silence",
            "type: temporal_ordered",
            "rules: [failure, success]",
            "condition: failure and not success",
        ),
    ];
    let texts: Vec<String> = kinds
        .iter()
        .map(|(id, kind, rules, condition)| {
            format!(
                "title: {id}\nid: {id}\ncorrelation:\n    {kind}\n    {rules}\n    group-by: \
                 [user.name]\n    timespan: 30s\n    {condition}\n"
            )
        })
        .collect();
    let mut all = vec![FAILURE, SUCCESS];
    all.extend(texts.iter().map(String::as_str));
    rules(&all)
}

proptest! {
    /// A restart anywhere gives the alerts that no restart gives.
    #[test]
    fn a_restart_changes_no_alert(
        stream in prop::collection::vec((0..200_u64, 0..3_u8, prop::bool::ANY, 0..6_u8), 1..80),
        at in 0..80_usize,
    ) {
        let mut events: Vec<_> = stream
            .iter()
            .map(|&(second, who, failed, port)| {
                let outcome = if failed { "failure" } else { "success" };
                let who = format!("u{who}");
                let mut event = sshd(0, second, &[("event.outcome", outcome), ("user.name", &who)]);
                event.received = START + 300_000_000 + second / 7;
                event.fields.insert("port".to_owned(), port.into());
                event
            })
            .collect();
        for (number, event) in (1..).zip(&mut events) {
            event.number = number;
        }
        let end = START + 86_400_000_000;
        let mut straight = Detector::new(all_kinds(), Limits::default());
        let mut expected = run(&mut straight, &events);
        expected.extend(straight.tick(end));

        let (before, after) = events.split_at(at.min(events.len()));
        let mut first = Detector::new(all_kinds(), Limits::default());
        let mut alerts = run(&mut first, before);
        let bytes = first.export();
        let mut second = Detector::new(all_kinds(), Limits::default());
        second.import(&bytes).unwrap();
        proptest::prop_assert_eq!(&second.export(), &bytes);
        // The last ones are fed again, as after a crash.
        alerts.extend(run(&mut second, &before[before.len().saturating_sub(3)..]));
        alerts.extend(run(&mut second, after));
        alerts.extend(second.tick(end));
        proptest::prop_assert_eq!(alerts, expected);
    }
}

#[test]
fn a_changed_rule_begins_anew_and_its_coverage_says_so() {
    let many = |least: u32| {
        correlation(&format!(
            "    type: event_count
    rules: [failure]
    group-by: [source.ip]
    timespan: 5m
    condition: {{gte: {least}}}"
        ))
    };
    let mut before = Detector::new(rules(&[FAILURE, &many(3)]), Limits::default());
    run(&mut before, &[sshd(1, 1, &[("source.ip", "a")]), sshd(2, 2, &[("source.ip", "a")])]);
    let bytes = before.export();

    let mut same = Detector::new(rules(&[FAILURE, &many(3)]), Limits::default());
    same.import(&bytes).unwrap();
    assert_eq!(run(&mut same, &[sshd(3, 3, &[("source.ip", "a")])]).len(), 1);

    let mut changed = Detector::new(rules(&[FAILURE, &many(2)]), Limits::default());
    changed.import(&bytes).unwrap();
    assert_eq!(run(&mut changed, &[sshd(3, 3, &[("source.ip", "a")])]), []);
    let covered: Vec<(String, Vec<Interval>)> =
        changed.coverage().into_iter().map(|(rule, it)| (rule.id.clone(), it)).collect();
    assert_eq!(covered[0], ("failure".to_owned(), vec![Interval { first: 1, last: 3 }]));
    assert_eq!(covered[1], ("many".to_owned(), vec![Interval { first: 3, last: 3 }]));

    // Run back over what it missed, it finds what it would have found, and says that it is late.
    let mut back = Detector::retroactive(rules(&[FAILURE, &many(2)]), Limits::default());
    let old = [sshd(1, 1, &[("source.ip", "a")]), sshd(2, 2, &[("source.ip", "a")])];
    let alerts = run(&mut back, &old);
    assert!(alerts.len() == 1 && alerts[0].retroactive);
    for (rule, intervals) in back.coverage() {
        changed.cover(&rule.id, &rule.version, &intervals);
    }
    assert!(changed.coverage().iter().all(|(_, it)| *it == [Interval { first: 1, last: 3 }]));
}

#[test]
fn an_event_that_nobody_evaluated_is_a_hole() {
    let mut detector = super::support::brute();
    run(&mut detector, &[sshd(1, 1, &[]), sshd(2, 1, &[]), sshd(5, 1, &[])]);
    let hole = [Interval { first: 1, last: 2 }, Interval { first: 5, last: 5 }];
    assert!(detector.coverage().iter().all(|(_, it)| *it == hole));
}

#[test]
fn what_is_no_state_is_refused_and_nothing_changes() {
    let mut detector = super::support::brute();
    run(&mut detector, &[sshd(1, 1, &[("source.ip", "a")])]);
    let bytes = detector.export();
    let later = String::from_utf8(bytes.clone())
        .unwrap()
        .replace("\"version\":1,\"last\"", "\"version\":2,\"last\"");
    for wrong in [&b""[..], b"{}", b"null", later.as_bytes(), &bytes[..bytes.len() / 2]] {
        assert!(detector.import(wrong).is_err());
    }
    assert_eq!(detector.export(), bytes);
}
