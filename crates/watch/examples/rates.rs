//! Measures the detector: events a second on one core.
//!
//! Prints one JSON object per line: `{"what", "value", "unit", "more"}`, as `cargo xtask bench`
//! reads it. Seconds per measurement are the first argument, a folder of further rules the
//! second. A second is one in which this thread ran: what else the machine does is not counted.

#![expect(clippy::disallowed_methods, reason = "measuring time is what a benchmark is for")]
#![expect(clippy::expect_used, reason = "a benchmark that cannot run has to stop")]

use std::path::Path;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use serde_json::{Map, Value};
use watch::{Detector, Event, Limits, PACK, Rules};

/// Events made before the clock starts, so that making them is not measured.
const BATCH: usize = 20_000;

const SECOND: u64 = 1_000_000;
const START: u64 = 1_767_225_600 * SECOND;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let seconds = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(2.0);
    let span = Duration::from_secs_f64(seconds);
    let folder = arguments.next();

    let mixed: Vec<Event> = (0..BATCH as u64).map(access).collect();
    say("detect: own pack", rate(span, rules(None), &mixed, 2_000), "mixed accesses");
    let stuffing: Vec<Event> = (0..BATCH as u64).map(|n| failure(n, n % 10_000)).collect();
    // As many events a second as put ten thousand values into the window of ten minutes.
    let rules_of_one = || {
        let (rules, _) = Rules::parse([("f.yml", DISTINCT)]);
        rules
    };
    say(
        "detect: 10,000 distinct values in a window",
        rate(span, rules_of_one(), &stuffing, 17),
        "one address",
    );
    // Every second event is half a minute late, and the threshold is out of reach.
    let mut late = Detector::new(rules_of_one(), Limits::default());
    say(
        "detect: 10,000 distinct values, half of them late",
        rate_of(span, &mut late, &stuffing, 17, 30 * SECOND),
        "one address",
    );
    if let Some(folder) = folder {
        let rules = rules(Some(Path::new(&folder)));
        let more = format!("{} rules, mixed accesses", rules.len());
        say("detect: own pack and SigmaHQ's", rate(span, rules, &mixed, 2_000), &more);
    }
}

/// One distinct count over ten minutes whose threshold is never reached.
const DISTINCT: &str = "
title: failure
name: failure
logsource: {product: linux, service: sshd}
detection:
    s: {event.outcome: failure}
    condition: s
---
title: stuffing
id: stuffing
correlation:
    type: value_count
    rules: [failure]
    group-by: [source.ip]
    timespan: 10m
    condition: {field: user.name, gte: 1000000}
";

fn say(what: &str, value: f64, more: &str) {
    println!(
        "{{\"what\":\"{what}\",\"value\":{value:.0},\"unit\":\"1/s\",\
         \"more\":\"one core, {more}\"}}"
    );
}

/// Events a second. Each round repeats the same events later; `pace` of them happen in a second.
fn rate(span: Duration, rules: Rules, events: &[Event], pace: u64) -> f64 {
    rate_of(span, &mut Detector::new(rules, Limits::default()), events, pace, 0)
}

/// The same, where the own time of every second event is so many µs before its receipt.
fn rate_of(span: Duration, detector: &mut Detector, events: &[Event], pace: u64, late: u64) -> f64 {
    let mut events = events.to_vec();
    let (mut number, mut done, mut alerts) = (0_u64, 0_u64, 0_usize);
    let mut spent = Duration::ZERO;
    // The first round fills the windows and is not counted.
    for round in 0.. {
        for event in &mut events {
            number += 1;
            event.number = number;
            event.received = START + number * SECOND / pace;
            event.time = event.received - (number % 2) * late;
        }
        let start = ran();
        for event in &events {
            alerts += detector.take(event).len();
        }
        if round > 0 {
            spent += ran().saturating_sub(start);
            done += events.len() as u64;
        }
        if spent >= span {
            break;
        }
    }
    std::hint::black_box(alerts);
    done as f64 / spent.as_secs_f64()
}

/// How long this thread has run (Linux, proc(5) `schedstat`); elsewhere how long it has lived.
fn ran() -> Duration {
    static BEGUN: OnceLock<Instant> = OnceLock::new();
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanos = told.and_then(|text| text.split(' ').next()?.parse().ok());
    match nanos {
        Some(nanos) => Duration::from_nanos(nanos),
        None => BEGUN.get_or_init(Instant::now).elapsed(),
    }
}

/// An access of one of 20,000 people and services to one of 2,000 accounts; some are refused, some
/// list, some write, some change.
fn access(n: u64) -> Event {
    let scattered = n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 33;
    let mut fields = Map::new();
    let mut set = |name: &str, value: Value| fields.insert(name.to_owned(), value);
    let action = match n % 20 {
        0 => "access.refused",
        1 | 2 => "record.list",
        3..6 => "record.put",
        6 => "record.delete",
        _ => "record.get",
    };
    set("event.action", action.into());
    let service = scattered.is_multiple_of(4);
    let kind = if service { "service" } else { "person" };
    set("user.name", format!("{kind}:u{}", scattered % 20_000).into());
    set("user.kind", kind.into());
    set("bailee.account", format!("a{}", scattered % 2_000).into());
    set("bailee.collection", "complaints".into());
    set("bailee.credential", format!("{scattered:016x}").into());
    set("bailee.objects", if action == "record.list" { 100 } else { 1 }.into());
    set("source.ip", format!("10.{}.{}.7", scattered % 200, scattered % 250).into());
    set("source.place", "DE".into());
    Event {
        product: Some("bailee".to_owned()),
        service: Some("ledger".to_owned()),
        tenant: format!("a{}", scattered % 2_000),
        fields,
        ..Event::default()
    }
}

/// A failed login of one of many people from one address.
fn failure(n: u64, user: u64) -> Event {
    let mut fields = Map::new();
    fields.insert("event.action".to_owned(), "login".into());
    fields.insert("event.outcome".to_owned(), "failure".into());
    fields.insert("source.ip".to_owned(), "203.0.113.9".into());
    fields.insert("user.name".to_owned(), format!("user{user}").into());
    fields.insert("message".to_owned(), format!("Failed password for user{user} ({n})").into());
    Event {
        product: Some("linux".to_owned()),
        service: Some("sshd".to_owned()),
        tenant: "host".to_owned(),
        fields,
        ..Event::default()
    }
}

/// The pack, and the rules of a folder.
fn rules(folder: Option<&Path>) -> Rules {
    let mut files: Vec<(String, String)> =
        PACK.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
    if let Some(folder) = folder {
        walk(folder, &mut files);
    }
    files.sort();
    Rules::parse(files.iter().map(|(name, text)| (name.as_str(), text.as_str()))).0
}

fn walk(folder: &Path, files: &mut Vec<(String, String)>) {
    for entry in std::fs::read_dir(folder).expect("the folder of rules can be read") {
        let path = entry.expect("the folder of rules can be read").path();
        if path.is_dir() {
            walk(&path, files);
        } else if path.extension().is_some_and(|it| it == "yml") {
            let text = std::fs::read_to_string(&path).expect("a rule can be read");
            files.push((path.display().to_string(), text));
        }
    }
}
