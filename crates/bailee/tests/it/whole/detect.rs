//! `bailee detect` on files as they come, and on files that somebody made to do harm.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::support::shared;
use crate::program::{Run, run_with};

fn detect(arguments: &[&str]) -> Run {
    run_with(&[&["detect"], arguments].concat(), &[], b"")
}

fn alerts(run: &Run) -> Vec<Value> {
    run.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn write(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

const RULES: &str = "title: Failed
name: failed
logsource: {product: linux, service: sshd}
detection:
    s: {event.outcome: failure}
    condition: s
---
title: Three failures
id: three
level: high
correlation:
    type: event_count
    rules: [failed]
    group-by: [source.ip]
    timespan: 1m
    condition: {gte: 3}
";

/// Seconds since the year began, and the address, of every failed login; counted without any of the
/// program's code.
fn plain_failures(text: &str) -> Vec<(u64, String)> {
    let days_before = BTreeMap::from([("Mar", 59), ("Apr", 90)]);
    let mut found = Vec::new();
    for line in text.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let Some(at) = words.iter().position(|word| *word == "Failed" || *word == "[Failed") else {
            continue;
        };
        let starts = words[4].starts_with("sshd[");
        let repeated = words[5] == "message" && words[6] == "repeated";
        if !starts || !(at == 5 || repeated) {
            continue;
        }
        let port = words.iter().rposition(|word| *word == "port").unwrap();
        let clock: Vec<u64> = words[2].split(':').map(|part| part.parse().unwrap()).collect();
        let day = days_before[words[0]] + words[1].parse::<u64>().unwrap();
        let second = ((day * 24 + clock[0]) * 60 + clock[1]) * 60 + clock[2];
        let times = if repeated { words[7].parse().unwrap() } else { 1 };
        found.extend((0..times).map(|_| (second, words[port - 1].to_owned())));
    }
    found
}

#[test]
fn a_real_log_raises_alerts_for_the_addresses_that_a_plain_count_finds() {
    let Some(log) = shared("auth.log") else { return };
    let run = detect(&["--events", log.to_str().unwrap(), "--year", "2017", "--json"]);
    let run = run.expect_code(0);
    let found: BTreeSet<String> = alerts(&run)
        .iter()
        .filter(|alert| alert["title"] == "Brute force over SSH")
        .map(|alert| alert["group"][0][1].as_str().unwrap().to_owned())
        .collect();

    let text = fs::read_to_string(&log).unwrap();
    let mut by_address: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for (second, address) in plain_failures(&text) {
        by_address.entry(address).or_default().push(second);
    }
    let counted: BTreeSet<String> = by_address
        .iter()
        .filter(|(_, seconds)| seconds.windows(10).any(|ten| ten[9] - ten[0] <= 300))
        .map(|(address, _)| address.clone())
        .collect();
    assert!(counted.len() > 3 && counted.len() < by_address.len() / 2, "{counted:?}");
    assert_eq!(found, counted);

    // The lines it names are lines about that address.
    let lines: Vec<&str> = text.lines().collect();
    for alert in alerts(&run).iter().filter(|it| it["title"] == "Brute force over SSH") {
        for line in alert["events"].as_array().unwrap() {
            let line = lines[line.as_u64().unwrap() as usize - 1];
            assert!(line.contains(alert["group"][0][1].as_str().unwrap()), "{line}");
        }
    }
}

#[test]
fn the_rules_of_others_load_from_their_folder() {
    let Some(sigma) = shared("sigma") else { return };
    let Some(log) = shared("auth.log") else { return };
    let run = detect(&[
        "--rules",
        sigma.join("rules").to_str().unwrap(),
        "--events",
        log.to_str().unwrap(),
        "--year",
        "2017",
        "--json",
    ]);
    let run = run.expect_code(0);
    assert!(!run.err.contains("rules:"), "{}", run.err);
    // Its licence asks that author and id stay with what a rule finds.
    assert!(alerts(&run).iter().all(|it| it["author"].is_string() && it["rule"].is_string()));
}

#[test]
fn an_alert_names_rule_window_and_lines() {
    let folder = tempfile::tempdir().unwrap();
    let rules = write(folder.path(), "rules/sub/r.yml", RULES);
    let rules = Path::new(&rules).parent().unwrap().parent().unwrap().to_str().unwrap().to_owned();
    let line = |second: u32| {
        json!({"time": format!("2026-01-01T00:00:{second:02}Z"), "product": "linux",
            "service": "sshd", "event.outcome": "failure", "source.ip": "192.0.2.1"})
    };
    let text = format!("{}\n\n{}\n{}\n", line(1), line(2), line(30));
    let events = write(folder.path(), "e.ndjson", &text);
    let arguments = ["--rules", &rules, "--events", &events];
    let run = detect(&[&arguments[..], &["--json"]].concat()).expect_code(0);
    let alert = run.json();
    assert_eq!(alert["rule"], "three");
    assert_eq!(alert["events"], json!([1, 3, 4]));
    assert_eq!(alert["group"], json!([["source.ip", "192.0.2.1"]]));
    assert_eq!(
        (alert["from"].as_u64(), alert["to"].as_u64()),
        (Some(1_767_225_601_000_000), Some(1_767_225_630_000_000))
    );
    let run = detect(&arguments).expect_code(0);
    assert_eq!(
        run.text(),
        "high      2026-01-01 00:00:01Z – 2026-01-01 00:00:30Z  Three failures  \
         source.ip=192.0.2.1  3 events of lines 1, 3, 4  [three]\n"
    );
    assert!(run.err.contains("1 alert in 3 events"), "{}", run.err);
}

#[test]
fn a_repeated_message_counts_as_often_as_it_says() {
    let folder = tempfile::tempdir().unwrap();
    let rules = write(folder.path(), "rules/r.yml", RULES);
    let rules = Path::new(&rules).parent().unwrap().to_str().unwrap().to_owned();
    let log = "Jan  2 03:04:05 h sshd[1]: Failed password for root from 192.0.2.1 port 1 ssh2\n\
               Jan  2 03:04:06 h sshd[1]: message repeated 2 times: [ Failed password for root \
               from 192.0.2.1 port 1 ssh2]\n";
    let events = write(folder.path(), "auth.log", log);
    let arguments = ["--rules", &rules, "--events", &events, "--year", "2025", "--json"];
    let alert = detect(&arguments).expect_code(0).json();
    assert_eq!((&alert["count"], &alert["events"]), (&json!(3), &json!([1, 2])));
    assert_eq!(alert["from"], 1_735_787_045_000_000_u64);
}

#[test]
fn a_name_cannot_pretend_to_be_an_address() {
    let folder = tempfile::tempdir().unwrap();
    let rules = write(folder.path(), "rules/r.yml", RULES);
    let rules = Path::new(&rules).parent().unwrap().to_str().unwrap().to_owned();
    let line = "Jan  2 03:04:05 h sshd[1]: Failed password for invalid user x from 198.51.100.7 \
                port 1 ssh2 from 192.0.2.1 port 1 ssh2\n";
    let events = write(folder.path(), "auth.log", &line.repeat(3));
    let arguments = ["--rules", &rules, "--events", &events, "--year", "2025", "--json"];
    let alert = detect(&arguments).expect_code(0).json();
    assert_eq!(alert["group"], json!([["source.ip", "192.0.2.1"]]));
}

#[test]
fn what_cannot_be_read_is_named_and_the_rest_is_evaluated() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "rules/good.yml", RULES);
    write(folder.path(), "rules/bomb.yml", "a: &a [x, x]\nb: [*a, *a]\n");
    write(folder.path(), "rules/deep.yml", &"[".repeat(100_000));
    write(folder.path(), "rules/large.yml", &"# x\n".repeat(400_000));
    write(folder.path(), "rules/broken.yml", "title: [\n");
    write(folder.path(), "rules/binary.yml", "\u{0}\u{1}");
    let rules = folder.path().join("rules").to_str().unwrap().to_owned();
    let good = r#"{"time":1767225600,"product":"linux","service":"sshd",
        "event.outcome":"failure","source.ip":"a"}"#
        .replace(['\n', ' '], "");
    let good = good.as_str();
    let long = format!("{{\"time\":1,\"x\":\"{}\"}}", "x".repeat(2_000_000));
    let text = [good, "{\"time\": 1", "[1]", "{\"a\":1}", &long, good, "{}", good].join("\n");
    let events = write(folder.path(), "e.ndjson", &text);
    let run = detect(&["--rules", &rules, "--events", &events, "--json"]).expect_code(1);
    assert_eq!(run.json()["events"], json!([1, 6, 8]));
    for said in [
        "bomb.yml:1: anchors and aliases are not read: write the value out",
        "deep.yml:1: nested too deep",
        "large.yml: larger than 256 KiB: split it",
        "broken.yml:",
        "binary.yml:",
        "line 2: no JSON at column",
        "line 3: no JSON object",
        "line 4: no time",
        "line 5: longer than 1 MiB: cut it",
        "line 7: no time",
        "1 alert in 3 events",
    ] {
        assert!(run.err.contains(said), "{said}: {}", run.err);
    }
}

#[test]
fn what_cannot_work_at_all_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().join("empty");
    fs::create_dir(&empty).unwrap();
    let empty = empty.to_str().unwrap();
    let events = write(folder.path(), "e", "{}\n");
    let said = |arguments: &[&str], code| detect(arguments).expect_code(code).err;
    assert!(said(&["--rules", empty, "--events", &events], 2).contains("put Sigma files"));
    assert!(said(&["--rules", "/nonexistent", "--events", &events], 1).contains("/nonexistent"));
    assert!(said(&["--events", "/nonexistent"], 1).contains("no such file"));
    assert!(said(&["--events", empty], 2).contains("is a folder"));
    assert!(said(&["--events", &events, "--year", "17"], 2).contains("17"));
}

#[test]
fn a_file_that_is_not_in_order_is_not_evaluated_silently() {
    let folder = tempfile::tempdir().unwrap();
    let line = |time: u64| json!({"time": time, "product": "linux", "service": "sshd"});
    let text = [line(1_767_225_600), line(1_767_229_200), line(1_767_225_600)];
    let text: Vec<String> = text.iter().map(Value::to_string).collect();
    let events = write(folder.path(), "e.ndjson", &text.join("\n"));
    let run = detect(&["--events", &events]).expect_code(1);
    assert!(run.err.contains("line 3 is more than five minutes older"), "{}", run.err);
}

#[test]
fn text_of_an_event_cannot_steer_the_terminal() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "rules/r.yml", RULES);
    let rules = folder.path().join("rules").to_str().unwrap().to_owned();
    let line = json!({"time": 1_767_225_600, "product": "linux", "service": "sshd",
        "event.outcome": "failure", "source.ip": "\u{1b}[2J"});
    let events = write(folder.path(), "e.ndjson", &format!("{line}\n").repeat(3));
    let run = detect(&["--rules", &rules, "--events", &events]).expect_code(0);
    assert!(run.text().contains("\\u{1b}[2J") && !run.text().contains('\u{1b}'));
}
