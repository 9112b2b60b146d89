//! Our own rules fire when they should, and not when they should not.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Map, Value};
use watch::{Answer, Detector, Event, Level, Limits, PACK, Rules};

use super::support::{SECOND, START};

/// What makes a rule fire, and what does not.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Cases {
    /// The rule's name.
    rule: String,
    fires: Vec<Case>,
    quiet: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    why: String,
    events: Vec<Told>,
}

/// Events, perhaps many of a kind: `{n}` in a value is the number of the event among them, from 1,
/// and `{n%3}` what is left of it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Told {
    /// Seconds after the start.
    at: u64,
    #[serde(default = "once")]
    repeat: u64,
    /// Seconds between them.
    #[serde(default)]
    every: u64,
    product: Option<String>,
    service: Option<String>,
    category: Option<String>,
    fields: Map<String, Value>,
}

fn once() -> u64 {
    1
}

impl Told {
    fn events(&self) -> impl Iterator<Item = Event> {
        (1..=self.repeat).map(|n| {
            let written = |value: &Value| match value {
                Value::String(text) => Value::from(
                    text.replace("{n}", &n.to_string()).replace("{n%3}", &(n % 3).to_string()),
                ),
                other => other.clone(),
            };
            let time = START + (self.at + (n - 1) * self.every) * SECOND;
            Event {
                number: 0,
                received: time,
                time,
                product: self.product.clone(),
                service: self.service.clone(),
                category: self.category.clone(),
                tenant: "acme".to_owned(),
                fields: self.fields.iter().map(|(name, it)| (name.clone(), written(it))).collect(),
            }
        })
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../detections")
}

fn pack() -> Rules {
    let (rules, problems) = Rules::parse(PACK.iter().copied());
    assert_eq!(problems, []);
    rules
}

fn cases() -> Vec<Cases> {
    let mut all = Vec::new();
    for (name, _) in PACK {
        let path = folder().join("cases").join(name).with_extension("json");
        let text = fs::read_to_string(&path).unwrap();
        let cases: Vec<Cases> = serde_json::from_str(&text).unwrap();
        all.extend(cases);
    }
    all
}

#[test]
fn every_file_is_in_the_program() {
    let named: BTreeSet<String> = PACK.iter().map(|(name, _)| (*name).to_owned()).collect();
    let there: BTreeSet<String> = fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".yml"))
        .collect();
    assert_eq!(named, there);
}

#[test]
fn every_rule_that_alerts_has_cases_of_both_kinds() {
    let cases = cases();
    let rules = pack();
    let mut with_cases = BTreeSet::new();
    for held in &cases {
        assert!(!held.fires.is_empty() && !held.quiet.is_empty(), "{}", held.rule);
        assert!(with_cases.insert(held.rule.clone()), "{} twice", held.rule);
    }
    let alerting: BTreeSet<String> =
        rules.iter().filter(|rule| rule.alerts).map(|rule| rule.name.clone().unwrap()).collect();
    assert_eq!(with_cases, alerting);
}

#[test]
fn every_rule_fires_and_is_quiet_as_its_cases_say() {
    for held in cases() {
        for (case, fires) in
            held.fires.iter().map(|it| (it, true)).chain(held.quiet.iter().map(|it| (it, false)))
        {
            let rules = pack();
            let rule = rules.iter().find(|it| it.name.as_ref() == Some(&held.rule)).unwrap();
            let id = rule.id.clone();
            let mut detector = Detector::new(rules, Limits::default());
            let mut events: Vec<Event> = case.events.iter().flat_map(Told::events).collect();
            events.sort_by_key(|event| event.time);
            let mut alerts = Vec::new();
            for (number, event) in (1..).zip(&mut events) {
                event.number = number;
                alerts.extend(detector.take(event));
            }
            alerts.extend(detector.tick(START + 30 * 86_400 * SECOND));
            alerts.retain(|alert| alert.rule == id);
            assert_eq!(!alerts.is_empty(), fires, "{}: {}: {alerts:?}", held.rule, case.why);
            assert!(
                alerts.iter().all(|it| it.degraded.is_none() && !it.unattributed),
                "{}: {}: {alerts:?}",
                held.rule,
                case.why
            );
        }
    }
}

#[test]
fn every_rule_says_what_it_is_and_what_else_looks_like_it() {
    for rule in pack().iter() {
        assert_eq!(rule.id.len(), 36, "{}", rule.title);
        assert!(rule.name.is_some() && rule.author.is_some() && rule.license.is_some());
        if rule.alerts {
            assert!(
                rule.description.is_some() && !rule.false_positives.is_empty(),
                "{}",
                rule.title
            );
            assert!(rule.level > Level::Informational, "{}", rule.title);
            assert!(rule.tags.iter().any(|tag| tag.starts_with("attack.")), "{}", rule.title);
            assert!(!rule.paging || rule.level >= Level::High, "{}", rule.title);
        } else {
            assert_eq!((rule.paging, rule.answer), (false, Answer::None), "{}", rule.title);
        }
    }
}
