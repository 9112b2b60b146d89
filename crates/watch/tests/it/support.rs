//! Rules and events for tests.

use serde_json::{Map, Value};
use watch::{Alert, Detector, Event, Limits, Rules};

/// 2026-01-01T00:00:00Z, in µs.
pub const START: u64 = 1_767_225_600_000_000;

/// A second, in µs.
pub const SECOND: u64 = 1_000_000;

/// Failed logins, told by sshd.
pub const FAILURE: &str = "
title: failure
name: failure
logsource: {product: linux, service: sshd}
detection:
    s: {event.action: login, event.outcome: failure}
    condition: s
";

/// Rules from texts, all of which must be read.
pub fn rules(texts: &[&str]) -> Rules {
    let names: Vec<String> = (0..texts.len()).map(|number| format!("{number}.yml")).collect();
    let files = names.iter().map(String::as_str).zip(texts.iter().copied());
    let (rules, problems) = Rules::parse(files);
    assert!(problems.is_empty(), "{problems:?}");
    rules
}

/// A correlation over [`FAILURE`] with these lines under `correlation`.
pub fn correlation(lines: &str) -> String {
    format!("title: many\nid: many\nlevel: high\ncorrelation:\n{lines}\n")
}

/// At least ten failures in five minutes from one address.
pub fn brute() -> Detector {
    let many = correlation(
        "    type: event_count
    rules: [failure]
    group-by: [source.ip]
    timespan: 5m
    condition: {gte: 10}",
    );
    Detector::new(rules(&[FAILURE, &many]), Limits::default())
}

/// An event of sshd at this second after [`START`].
pub fn sshd(number: u64, second: u64, fields: &[(&str, &str)]) -> Event {
    let mut all = Map::new();
    all.insert("event.action".to_owned(), Value::from("login"));
    all.insert("event.outcome".to_owned(), Value::from("failure"));
    for (name, value) in fields {
        all.insert((*name).to_owned(), Value::from(*value));
    }
    let time = START + second * SECOND;
    Event {
        number,
        received: time,
        time,
        product: Some("linux".to_owned()),
        service: Some("sshd".to_owned()),
        category: None,
        tenant: "host".to_owned(),
        fields: all,
    }
}

/// Takes all events.
pub fn run<'a>(detector: &mut Detector, events: impl IntoIterator<Item = &'a Event>) -> Vec<Alert> {
    events.into_iter().flat_map(|event| detector.take(event)).collect()
}

/// Ids, sorted.
pub fn ids(alerts: &[Alert]) -> Vec<String> {
    let mut ids: Vec<String> = alerts.iter().map(|alert| alert.id.clone()).collect();
    ids.sort();
    ids
}
