//! Every kind of event against the published schema, by other people's code.

use crate::peer::python;
use connectors::logs::syslog::{Habits, Reader};
use connectors::ocsf::{Actor, Change, Event, Finding, Progress, Severity, What};
use std::io::Write as _;
use std::process::{Command, Stdio};

/// Validates each line against its class; says nothing, or the first thing that is wrong.
const VALIDATE: &str = r#"
import json, sys
from jsonschema import Draft202012Validator
from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema
schema = OcsfJsonSchemaEmbedded(get_ocsf_schema(version="1.8.0"))
seen, bad = set(), []
for number, line in enumerate(sys.stdin):
    event = json.loads(line)
    name = schema.lookup_class_name_from_uid(class_uid=event["class_uid"])
    found = list(Draft202012Validator(schema.get_class_schema(class_name=name)).iter_errors(event))
    seen.add(event["class_uid"])
    for error in found:
        place = "/".join(map(str, error.absolute_path))
        bad.append(f"{number} {name} {place}: {error.message[:200]}")
print(json.dumps({"classes": sorted(seen), "bad": bad}))
"#;

fn finding() -> Finding {
    Finding {
        id: "alert-1".into(),
        title: "brute force\nfrom one address".into(),
        rule: Some(("2a8f".into(), "SSH brute force".into())),
        first: Some(1_795_410_000_000_000),
        last: Some(1_795_410_060_000_000),
        related: vec!["house/17".into(), "house/18".into()],
    }
}

/// Each kind, as bare and as full as it can be.
fn events() -> Vec<Event> {
    let login = |off| What::Login { user: "person:lea".into(), off };
    let account = |activity| What::Account { user: "person:lea".into(), activity };
    let call = |activity| What::Call {
        operation: "grant.approve".into(),
        activity,
        resources: vec![("grant".into(), "g-1".into())],
    };
    let data = |activity| What::Data {
        account: "acme".into(),
        collection: (activity > 1).then(|| "cases".into()),
        activity,
        operation: "data.read".into(),
        count: 40,
    };
    let detection = |change| What::Detection { change, finding: finding() };
    let incident = |progress| What::Incident {
        change: Change::Update,
        progress,
        assignee: (progress != Progress::New).then(|| "person:mia".into()),
        findings: vec![finding(), Finding { id: "alert-2".into(), ..Finding::default() }],
    };
    let mut whats = vec![login(false), login(true)];
    whats.extend((0..=13).map(account));
    whats.extend((0..=5).map(call));
    whats.extend((0..=11).map(data));
    whats.extend([Change::Create, Change::Update, Change::Close].map(detection));
    let all = [Progress::New, Progress::InProgress, Progress::OnHold, Progress::Resolved];
    whats.extend(all.map(incident));
    whats.push(incident(Progress::Closed));
    let mut events = Vec::new();
    for (number, what) in whats.into_iter().enumerate() {
        let bare = Event {
            id: format!("house/{number}"),
            time: 1_795_410_000_000_000,
            severity: Severity::default(),
            message: String::new(),
            actor: None,
            from: None,
            done: None,
            what,
        };
        let full = Event {
            severity: [Severity::Unknown, Severity::Low, Severity::High][number % 3],
            message: "x".repeat(5000),
            actor: Some(Actor { id: "service:worker".into(), credential: Some("t-1".into()) }),
            from: Some("::ffff:192.0.2.1".parse().unwrap()),
            done: Some(number % 2 == 0),
            ..bare.clone()
        };
        events.extend([bare, full]);
    }
    let line =
        b"<38>Nov 23 05:00:00 web sshd[7]: Failed password for root from 192.0.2.1 port 7 ssh2";
    let record =
        Reader::new(Habits::default()).read(line, 1_795_410_000_000_000).unwrap().remove(0);
    events.push(Event::of_record("signal-1", 0, &record).unwrap());
    events
}

#[test]
fn every_kind_of_event_is_of_the_published_schema() {
    let Some(python) = python("ocsf_json_schema") else { return };
    let lines: String = events().iter().map(|event| format!("{}\n", event.json())).collect();
    let validate = |lines: &str| -> serde_json::Value {
        let mut command = Command::new(&python);
        command.args(["-c", VALIDATE]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{output:?}");
        serde_json::from_slice(&output.stdout).unwrap()
    };
    let said = validate(&lines);
    assert_eq!(said["bad"], serde_json::json!([]));
    assert_eq!(said["classes"], serde_json::json!([2004, 2005, 3001, 3002, 6003, 6005]));
    // The oracle refuses what is wrong.
    let mut wrong = events()[0].json();
    wrong["user"] = serde_json::json!({"nickname": "x"});
    assert_ne!(validate(&format!("{wrong}\n"))["bad"], serde_json::json!([]));
}

#[test]
fn a_login_of_a_log_keeps_what_matters() {
    let event = events().pop().unwrap().json();
    assert_eq!(event["status_id"], 2);
    assert_eq!(event["user"]["name"], "root");
    assert_eq!(event["src_endpoint"]["ip"], "192.0.2.1");
    assert_eq!(event["type_uid"], 300_201);
}
