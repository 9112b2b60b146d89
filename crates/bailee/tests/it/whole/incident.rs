//! The file of an incident by the command line: taken out of the server, verified without it.

use super::inside::Inside;
use super::support::{ends_with, run, text};
use serde_json::json;
use std::fs;

#[test]
fn the_file_of_an_incident_is_written_once_and_verifies_without_the_server() {
    let server = Inside::start(721);
    let lea = server.world.person("lea", &["security-lead"]);
    let add = ["incident", "add", "--title", "odd reads", "--class", "breach", "--severity", "2"];
    let row = server.did(&lea, &[&add[..], &["--source", "support", "--json"]].concat());
    let id = row["id"].as_str().unwrap();
    server.did(&lea, &["incident", "note", id, "--text", "called support", "--json"]);
    let (file, receipt) = (server.beside("incident.json"), server.beside("receipt.json"));
    let export = ["incident", "export", id, "--out", text(&file)];
    let said =
        ends_with(&server.cli(&lea, &[&export[..], &["--receipt", text(&receipt)]].concat()), 0);
    assert!(said.contains("check it with: bailee verify"), "{said}");
    ends_with(&server.cli(&lea, &export), 2);
    let none = server.beside("none.json");
    let nobody = ["incident", "export", "incident-none", "--out", text(&none)];
    ends_with(&server.cli(&lea, &nobody), 3);
    let worker = server.world.person("sue", &["support"]);
    let unseen = ["incident", "export", id, "--out", text(&none)];
    ends_with(&server.cli(&worker, &unseen), 4);
    assert!(!none.exists());

    let verified = ends_with(&run(&["verify", text(&file)]), 0);
    assert!(verified.contains("2 entries of that log carry it"), "{verified}");
    ends_with(&run(&["verify", text(&receipt)]), 0);
    let whole = fs::read_to_string(&file).unwrap();
    fs::write(&file, whole.replace("called support", "called nobody!")).unwrap();
    let refused = ends_with(&run(&["verify", text(&file)]), 7);
    assert!(refused.contains("WRONG        content"), "{refused}");
    fs::write(&file, &whole[..whole.len() - 1]).unwrap();
    let refused = ends_with(&run(&["verify", text(&file)]), 7);
    assert!(refused.contains("WRONG"), "{refused}");
}

#[test]
fn a_playbook_of_others_is_taken_in_and_given_back_and_a_bad_one_says_why() {
    let server = Inside::start(722);
    let lea = server.world.person("lea", &["security-lead"]);
    let id = |kind: &str, nth: u32| format!("{kind}--00000000-0000-4000-8000-{nth:012}");
    let theirs = json!({
        "type": "playbook", "spec_version": "cacao-2.0", "id": id("playbook", 1), "name": "Theirs",
        "created_by": id("identity", 2), "created": "2026-01-01T00:00:00.000Z",
        "modified": "2026-01-01T00:00:00.000Z", "workflow_start": id("start", 3),
        "workflow": {
            id("start", 3): {"type": "start", "on_completion": id("action", 4)},
            id("action", 4): {"type": "action", "name": "call them", "agent": id("group", 6),
                "commands": [{"type": "manual", "command": "call"}], "on_completion": id("end", 5)},
            id("end", 5): {"type": "end"},
        },
        "agent_definitions": {id("group", 6): {"type": "group", "name": "desk"}},
    });
    let (good, bad, out) =
        (server.beside("good.json"), server.beside("bad.json"), server.beside("out.json"));
    fs::write(&good, format!("{theirs:#}\n\n")).unwrap();
    let mut without = theirs.clone();
    without["workflow_start"] = json!(id("action", 4));
    fs::write(&bad, without.to_string()).unwrap();
    let load = |file, more: &[&str]| {
        server.cli(&lea, &[&["playbook", "load", "theirs", text(file)], more].concat())
    };
    let refused = ends_with(&load(&bad, &["--class", "loss"]), 1);
    assert!(refused.contains("`workflow_start` names no start step"), "{refused}");
    assert!(refused.contains("`theirs` is written, without steps"), "{refused}");
    let export = ["playbook", "export", "theirs", "--out", text(&out)];
    let empty = ends_with(&server.cli(&lea, &export), 5);
    assert!(empty.contains("CACAO asks for one action"), "{empty}");
    assert!(!out.exists(), "nothing is written for nothing");
    let said = ends_with(&load(&good, &[]), 0);
    assert!(said.contains("has 1 steps; 0 parts are kept and not run"), "{said}");
    ends_with(&server.cli(&lea, &export), 0);
    assert_eq!(fs::read(&out).unwrap(), fs::read(&good).unwrap(), "byte for byte");
    ends_with(&server.cli(&lea, &export), 2);
}
