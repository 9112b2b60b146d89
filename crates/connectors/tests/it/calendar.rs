//! A calendar as three readers of others understand it: PyPI's `icalendar`, and npm's `ical.js`
//! and `node-ical`.

use crate::peer;
use connectors::calendar::{Calendar, Event};
use serde_json::{Value, json};
use std::path::Path;
use std::process::{Command, Stdio};

/// Every reader tells the same of a calendar: for each event uid, begin, end, summary,
/// description, sequence, transparency.
const ICALENDAR: &str = r#"
import icalendar, json, sys
c = icalendar.Calendar.from_ical(sys.stdin.buffer.read())
assert not c.errors, c.errors
events = [[str(e["uid"]), int(e["dtstart"].dt.timestamp()), int(e["dtend"].dt.timestamp()),
    str(e["summary"]), str(e.get("description", "")), int(e["sequence"]), str(e["transp"])]
    for e in c.walk("VEVENT")]
assert all(not e.errors for e in c.walk("VEVENT"))
print(json.dumps({"name": str(c["x-wr-calname"]), "events": events}))
"#;
const ICAL_JS: &str = r#"
import ICAL from "ical.js";
import fs from "node:fs";
const all = new ICAL.Component(ICAL.parse(fs.readFileSync(0, "utf8")));
const events = all.getAllSubcomponents("vevent").map((one) => {
  const event = new ICAL.Event(one);
  return [event.uid, event.startDate.toUnixTime(), event.endDate.toUnixTime(), event.summary,
    event.description ?? "", event.sequence, one.getFirstPropertyValue("transp")];
});
console.log(JSON.stringify({ name: all.getFirstPropertyValue("x-wr-calname"), events }));
"#;
const NODE_ICAL: &str = r#"
import ical from "node-ical";
import fs from "node:fs";
const all = ical.sync.parseICS(fs.readFileSync(0, "utf8"));
const seconds = (date) => Math.round(date.getTime() / 1000);
const events = Object.values(all).filter((one) => one.type === "VEVENT").map((one) =>
  [one.uid, seconds(one.start), seconds(one.end), one.summary, one.description ?? "",
    Number(one.sequence), one.transparency]);
console.log(JSON.stringify({ name: all.vcalendar["WR-CALNAME"], events }));
"#;

fn hostile() -> Calendar {
    let event = |number: u64, summary: &str, description: &str| Event {
        uid: format!("rota-main-{number}-0@example"),
        // Through the change of 29 March 2026 in Europe.
        from: 1_774_746_000 + number * 3600,
        to: 1_774_749_600 + number * 3600,
        summary: summary.to_owned(),
        description: description.to_owned(),
        changed: 1_795_356_131 + number,
    };
    let long = "Zoë \u{1f6a8} \u{65e5}\u{672c}\u{8a9e} ".repeat(30);
    Calendar {
        // Readers disagree on whether text of unregistered properties is escaped.
        name: "On call (example)".to_owned(),
        made: 1_795_356_131,
        refresh_minutes: 15,
        events: vec![
            event(0, "On call (primary): rita", ""),
            // node-ical takes an escaped backslash before an `n` for the end of a line.
            event(1, "a, b; c \\ d \\ n e : f", "first\nsecond\r\nthird"),
            event(2, "x\r\nEND:VEVENT\r\nBEGIN:VEVENT\r\nSUMMARY:planted", "\nATTACH:http://x/"),
            event(3, long.trim(), &long.repeat(3)),
            event(4, &"y".repeat(75), &"z".repeat(74)),
        ],
    }
}

/// What readers should find; a line break is one whatever its form.
fn expected(calendar: &Calendar) -> Value {
    let lines = |text: &str| text.replace("\r\n", "\n");
    let event = |one: &Event| {
        let sequence = one.changed - 1_704_067_200;
        json!([
            one.uid,
            one.from,
            one.to,
            lines(&one.summary),
            lines(&one.description),
            sequence,
            "TRANSPARENT"
        ])
    };
    let events: Vec<_> = calendar.events.iter().map(event).collect();
    json!({"name": calendar.name, "events": events})
}

fn read(mut reader: Command, text: &str) -> Value {
    use std::io::Write as _;
    reader.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = reader.spawn().unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    serde_json::from_slice(&output.stdout).unwrap()
}

fn node(script: &str, tools: &Path) -> Command {
    let mut node = Command::new("node");
    node.args(["--input-type=module", "-e", script]).current_dir(tools);
    node
}

#[test]
fn three_readers_find_what_was_meant_and_nothing_that_was_planted() {
    let calendar = hostile();
    let text = calendar.text();
    let expected = expected(&calendar);
    if let Some(python) = peer::python("icalendar") {
        let mut reader = Command::new(python);
        reader.args(["-c", ICALENDAR]);
        assert_eq!(read(reader, &text), expected, "PyPI icalendar");
    }
    for (package, script) in [("ical.js", ICAL_JS), ("node-ical", NODE_ICAL)] {
        let Some(tools) = peer::npm(package) else { continue };
        let mut told = read(node(script, &tools), &text);
        // What a reader strips from the ends of a value is its own business.
        for (own, told) in calendar.events.iter().zip(told["events"].as_array_mut().unwrap()) {
            for (at, text) in [(3, &own.summary), (4, &own.description)] {
                if told[at].as_str().unwrap() == text.trim() {
                    told[at] = json!(text);
                }
            }
        }
        assert_eq!(told, expected, "npm {package}");
    }
}
