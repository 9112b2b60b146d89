//! The same alerts as `rsigma`'s own correlation, on streams in order, where it is right.

use std::collections::BTreeSet;

use proptest::prelude::{prop, proptest};
use rsigma_eval::{CorrelationConfig, CorrelationEngine, JsonEvent};
use rsigma_parser::parse_sigma_yaml;
use serde_json::{Value, json};
use watch::{Detector, Event, Limits, Rules};

use super::support::{FAILURE, SECOND, START, correlation};

const SUCCESS: &str = "
title: success
name: success
logsource: {product: linux, service: sshd}
detection:
    s: {event.outcome: success}
    condition: s
";

/// `rsigma` finds a detection by its id only.
fn with_ids(text: &str) -> String {
    let text = text.replace("name: failure", "name: failure\nid: failure");
    text.replace("name: success", "name: success\nid: success")
}

const SHAPES: [&str; 8] = [
    "    type: event_count
    rules: [failure]
    group-by: [user.name]
    timespan: 30s
    condition: {gte: 4}",
    "    type: event_count
    rules: [failure, success]
    group-by: [user.name, source.ip]
    timespan: 1m
    condition: {gt: 2}",
    "    type: value_count
    rules: [failure]
    group-by: [user.name]
    timespan: 30s
    condition: {field: port, gte: 3}",
    "    type: value_sum
    rules: [failure]
    group-by: [user.name]
    timespan: 30s
    condition: {field: port, gte: 10}",
    "    type: temporal
    rules: [failure, success]
    group-by: [user.name]
    timespan: 10s
    condition: failure and success",
    "    type: temporal
    rules: [failure, success]
    group-by: [user.name]
    timespan: 10s
    condition: {gte: 2}",
    "    type: temporal_ordered
    rules: [failure, success]
    group-by: [user.name]
    timespan: 10s",
    "    type: event_count
    rules: [failure]
    group-by: [user.name]
    timespan: 30s
    condition: {eq: 3}",
];

/// Group, span and second of the first alert in each span.
type Fired = BTreeSet<(String, u64, u64)>;

fn theirs(shape: &str, span: u64, events: &[(u64, Value)]) -> Fired {
    let text = with_ids(&format!("{FAILURE}---{SUCCESS}---\n{}", correlation(shape)));
    let collection = parse_sigma_yaml(&text).unwrap();
    assert_eq!(collection.errors, Vec::<String>::new());
    let mut engine = CorrelationEngine::new(CorrelationConfig::default());
    engine.add_collection(&collection).unwrap();
    let mut fired = Fired::new();
    let mut known = BTreeSet::new();
    for (second, fields) in events {
        let at = START / SECOND + second;
        for result in engine.process_event_at(&JsonEvent::borrow(fields), at as i64) {
            let Some(body) = result.as_correlation() else { continue };
            let group = format!("{:?}", body.group_key);
            if known.insert((group.clone(), at / span)) {
                fired.insert((group, at / span, at));
            }
        }
    }
    fired
}

fn ours(shape: &str, span: u64, events: &[(u64, Value)]) -> Fired {
    let text = with_ids(&format!("{FAILURE}---{SUCCESS}---\n{}", correlation(shape)));
    let (rules, problems) = Rules::parse([("f.yml", text.as_str())]);
    assert_eq!(problems, []);
    let mut detector = Detector::new(rules, Limits::default());
    let mut alerts = Vec::new();
    for (number, (second, fields)) in (1..).zip(events) {
        let time = START + second * SECOND;
        alerts.extend(detector.take(&Event {
            number,
            received: time,
            time,
            product: Some("linux".to_owned()),
            service: Some("sshd".to_owned()),
            fields: fields.as_object().unwrap().clone(),
            ..Event::default()
        }));
    }
    alerts.extend(detector.tick(START + 86_400 * SECOND));
    alerts
        .into_iter()
        .filter(|alert| alert.rule == "many")
        .map(|alert| {
            let at = alert.to / SECOND;
            (format!("{:?}", alert.group), at / span, at)
        })
        .collect()
}

proptest! {
    #[test]
    fn in_order_both_find_the_same(
        stream in
            prop::collection::vec((0..7_u64, 0..3_u8, 0..2_u8, prop::bool::ANY, 0..6_u8), 1..120),
    ) {
        let mut second = 0;
        let events: Vec<(u64, Value)> = stream
            .iter()
            .map(|&(gap, who, ip, failed, port)| {
                second += gap;
                let outcome = if failed { "failure" } else { "success" };
                (second, json!({
                    "event.action": "login",
                    "event.outcome": outcome,
                    "user.name": format!("u{who}"),
                    "source.ip": format!("10.0.0.{ip}"),
                    "port": port,
                }))
            })
            .collect();
        for shape in SHAPES {
            let spans = [("30s", 30), ("10s", 10), ("1m", 60)];
            let span = spans.into_iter().find(|(text, _)| shape.contains(text)).unwrap().1;
            // A count that falls again is judged at the end of a moment, not within it.
            if shape.contains("eq:") && events.windows(2).any(|pair| pair[0].0 == pair[1].0) {
                continue;
            }
            let (theirs, ours) = (theirs(shape, span, &events), ours(shape, span, &events));
            proptest::prop_assert_eq!(theirs, ours, "{}", shape);
        }
    }
}
