//! Playbooks of CACAO 2.0: ours come back as they were, those of others word for word, and what is
//! hostile is refused with its place.

use super::Crew;
use crate::registers::{add, show, take};
use crate::support::{both, field, kind};
use domain::incidents::playbooks::{Playbook, cacao};
use domain::register::{Kept, Read};
use kernel::{Kind, Result};
use serde_json::{Value, json};
use std::cell::RefCell;
use testkit::World;

fn exported(world: &World, token: &str, name: &str) -> String {
    let read = Read::<Kept<Playbook>>::new(&world.kernel, name).unwrap();
    cacao::export(&world.run(token, read).unwrap().output).unwrap()
}

fn adopt(world: &World, token: &str, name: &str, text: &str) -> Result<Value> {
    take(world, token, ("playbooks", name, "adopt"), &json!({"cacao": text}))
}

fn written(world: &World, crew: &Crew, name: &str) {
    let new = json!({"name": name, "class": "breach", "purpose": "what to do"});
    add(world, &crew.sam, "playbooks", &new).unwrap();
}

fn id(kind: &str, number: u32) -> String {
    format!("{kind}--00000000-0000-4000-8000-{number:012}")
}

/// A playbook of somebody else: a condition, two ways, a command that does not run here.
fn foreign() -> Value {
    let (start, first, asks) = (id("start", 1), id("action", 2), id("if-condition", 3));
    let (yes, no, end) = (id("action", 4), id("action", 5), id("end", 6));
    json!({
        "type": "playbook", "spec_version": "cacao-2.0", "id": id("playbook", 9),
        "name": "Their playbook", "created_by": id("identity", 8),
        "created": "2024-01-01T00:00:00.000Z", "modified": "2024-01-01T00:00:00.000Z",
        "playbook_types": ["investigation"], "x_of_nobody": 1.50,
        "workflow_start": start,
        "workflow": {
            start: {"type": "start", "on_completion": first},
            &first: {"type": "action", "name": "look", "agent": id("individual", 7),
                "commands": [{"type": "ssh", "command": "last"}], "on_completion": asks},
            &asks: {"type": "if-condition", "condition": "__seen__:value = 'yes'",
                "on_true": yes, "on_false": no, "on_completion": end},
            &yes: {"type": "action", "name": "lock it", "on_completion": end,
                "agent": id("individual", 7), "commands": [{"type": "manual", "command": "go"}]},
            &no: {"type": "action", "name": "write it down", "on_completion": end,
                "agent": id("individual", 7), "commands": [{"type": "manual", "command": "go"}]},
            &end: {"type": "end"},
        },
        "agent_definitions": {id("individual", 7): {"type": "individual", "name": "analyst"}},
    })
}

#[test]
fn ours_come_back_as_they_were() {
    both(741, |world| {
        let crew = Crew::new(world);
        written(world, &crew, "ours");
        for step in [
            json!({"title": "look", "phase": "triage", "required": true, "role": "lead"}),
            json!({"title": "ban it", "phase": "contain", "role": "responder", "answer": "ban",
                "within_hours": 2}),
            json!({"title": "tell them — 漢字", "phase": "notify", "required": true, "role": "lead",
                "within_hours": 48}),
        ] {
            take(world, &crew.sam, ("playbooks", "ours", "require"), &step).unwrap();
        }
        let text = exported(world, &crew.sam, "ours");
        assert_eq!(text, exported(world, &crew.sam, "ours"), "the same again");
        let json: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(
            (&json["type"], &json["spec_version"]),
            (&json!("playbook"), &json!("cacao-2.0"))
        );
        let all = json["workflow"].as_object().unwrap();
        let start = json["workflow_start"].as_str().unwrap();
        let (mut place, mut commands) = (all[start]["on_completion"].as_str().unwrap(), vec![]);
        while let Some(next) = all[place]["on_completion"].as_str() {
            commands.push(all[place]["commands"][0].clone());
            assert!(json["agent_definitions"].get(all[place]["agent"].as_str().unwrap()).is_some());
            place = next;
        }
        assert_eq!(all[place]["type"], "end");
        assert_eq!(commands[0], json!({"type": "manual", "command": "look"}));
        assert_eq!(commands[1]["command"], "POST /v1/answers HTTP/1.1");
        let body: Value = serde_json::from_str(commands[1]["content"].as_str().unwrap()).unwrap();
        assert_eq!((&body["kind"], &body["target"]), (&json!("ban"), &json!("__target__:value")));

        written(world, &crew, "copy");
        let copy = adopt(world, &crew.sam, "copy", &text).unwrap();
        let row = show(world, &crew.sam, "playbooks", "ours").unwrap();
        assert_eq!(copy["steps"], row["steps"]);
        assert_eq!(copy["cacao"]["not_run"], json!([]));
        assert_eq!(copy["approved"], Value::Null, "a second person reads it first");
    });
}

#[test]
fn what_is_not_run_is_kept_word_for_word() {
    both(742, |world| {
        let crew = Crew::new(world);
        written(world, &crew, "theirs");
        let text = format!(" {}\n", serde_json::to_string_pretty(&foreign()).unwrap());
        let row = adopt(world, &crew.sam, "theirs", &text).unwrap();
        let titles: Vec<_> =
            row["steps"].as_array().unwrap().iter().map(|one| one["title"].clone()).collect();
        let only = "__seen__:value = 'yes'";
        let wanted = [
            "look".to_owned(),
            format!("lock it (if {only})"),
            format!("write it down (unless {only})"),
        ];
        assert_eq!(titles, wanted);
        assert_eq!(row["steps"][0]["role"], "analyst");
        assert_eq!(row["steps"][0]["phase"], "triage");
        let kept = row["cacao"]["not_run"].to_string();
        assert!(
            kept.contains("command `ssh` of `look`") && kept.contains("if-condition"),
            "{kept}"
        );
        assert_eq!(exported(world, &crew.sam, "theirs"), text, "byte for byte");
        let step = json!({"title": "more", "phase": "learn", "required": true, "role": "lead"});
        take(world, &crew.sam, ("playbooks", "theirs", "require"), &step).unwrap();
        let other: Value = serde_json::from_str(&exported(world, &crew.sam, "theirs")).unwrap();
        assert_eq!(other["derived_from"], json!([id("playbook", 9)]), "it is ours from then on");
    });
}

#[test]
fn what_is_hostile_is_refused_with_its_place() {
    both(743, |world| {
        let crew = Crew::new(world);
        written(world, &crew, "x");
        let refused = |text: &str| adopt(world, &crew.sam, "x", text).unwrap_err();
        let changed = |change: &dyn Fn(&mut Value)| {
            let mut all = foreign();
            change(&mut all);
            let error = refused(&all.to_string());
            assert_eq!(error.kind(), Kind::Invalid, "{error}");
            error.message().to_owned()
        };
        let cycle = changed(&|all| {
            all["workflow"][id("action", 4)]["on_completion"] = json!(id("if-condition", 3));
        });
        assert!(cycle.contains("leads back to itself"), "{cycle}");
        let own = changed(&|all| {
            all["workflow"][id("action", 2)]["on_completion"] = json!(id("action", 2));
        });
        assert!(own.contains(&id("action", 2)), "{own}");
        let missing = changed(&|all| {
            all["workflow"][id("action", 2)]["on_completion"] = json!(id("action", 77));
        });
        assert!(missing.contains("which is missing"), "{missing}");
        let unknown = changed(&|all| all["workflow"][id("end", 6)]["type"] = json!("explode"));
        assert!(unknown.contains("unknown type `explode`"), "{unknown}");
        changed(&|all| all["workflow"][id("end", 6)]["type"] = json!("start"));
        changed(&|all| all["spec_version"] = json!("cacao-1.1"));
        changed(&|all| all["workflow_start"] = json!(id("action", 2)));
        changed(&|all| all["workflow_start"] = json!(id("start", 44)));
        changed(&|all| all["id"] = json!("playbook--1"));
        changed(&|all| all["workflow"] = json!([]));
        changed(&|all| all["workflow"][id("action", 2)]["on_completion"] = json!({"a": 1}));
        let start = id("start", 1);
        changed(&|all| {
            all["workflow"] = json!({&start: {"type": "start", "on_completion": id("end", 6)},
                id("end", 6): {"type": "end"}});
        });
        for text in ["", "[]", "{", "null", "\"playbook\"", &"[".repeat(100_000)] {
            assert_eq!(refused(text).kind(), Kind::Invalid, "{}", &text[..text.len().min(20)]);
        }
        let deep =
            format!("{{\"type\":\"playbook\",\"x\":{}1{}}}", "[".repeat(5000), "]".repeat(5000));
        assert_eq!(refused(&deep).kind(), Kind::Invalid);
        assert_eq!(refused(&" ".repeat(300_000)).kind(), Kind::Limit, "more than a playbook has");
    });
}

#[test]
fn what_is_large_or_tangled_is_bounded() {
    both(744, |world| {
        let crew = Crew::new(world);
        written(world, &crew, "x");
        // As long as a workflow may be, in one line: no recursion, and too many actions.
        let mut all = foreign();
        let mut workflow =
            json!({id("start", 1): {"type": "start", "on_completion": id("action", 100)}});
        for number in 100..390 {
            let next = if number == 389 { id("end", 6) } else { id("action", number + 1) };
            workflow[id("action", number)] = json!({"type": "action", "on_completion": next,
                "agent": id("individual", 7), "commands": [{"type": "manual", "command": "a"}]});
        }
        workflow[id("end", 6)] = json!({"type": "end"});
        all["workflow"] = workflow;
        assert_eq!(kind(adopt(world, &crew.sam, "x", &all.to_string())), Kind::Limit);
        // Ways that double at each step are walked once each.
        let mut doubling =
            json!({id("start", 1): {"type": "start", "on_completion": id("if-condition", 10)}});
        for number in 10..200 {
            let next = if number == 199 { id("action", 2) } else { id("if-condition", number + 1) };
            let both = json!({"type": "if-condition", "condition": "a", "on_true": next,
                "on_false": next});
            doubling[id("if-condition", number)] = both;
        }
        doubling[id("action", 2)] = json!({"type": "action", "name": "\u{202e}\u{0}a\nb",
            "on_completion": id("end", 6), "commands": [], "agent": 4});
        doubling[id("end", 6)] = json!({"type": "end"});
        all["workflow"] = doubling;
        let row = adopt(world, &crew.sam, "x", &all.to_string()).unwrap();
        assert_eq!(row["steps"].as_array().unwrap().len(), 1);
        assert!(row["steps"][0]["title"].as_str().unwrap().len() <= 200);
        assert_eq!(
            field(take(world, &crew.sam, ("playbooks", "x", "adopt"), &json!({}))).1,
            "cacao"
        );
        let engineer = world.person("eva", &["engineer"]);
        assert_eq!(kind(adopt(world, &engineer, "x", "{}")), Kind::Forbidden);
    });
}

/// A playbook with every kind of answer and with people's steps, with and without hours.
fn everything(world: &World, crew: &Crew, name: &str) {
    written(world, crew, name);
    let answers = ["limit", "lock", "end-sessions", "suspend", "ban", "close-vendor"];
    let answers = answers.into_iter().chain(["close-account"]).map(|answer| {
        json!({"title": format!("{answer} — 漢字 \"it\""), "phase": "contain", "role": "responder",
            "answer": answer, "within_hours": 2})
    });
    let people = ["triage", "contain", "notify", "recover", "learn"]
        .map(|phase| json!({"title": "look", "phase": phase, "required": true, "role": "lead"}));
    for step in answers.chain(people) {
        take(world, &crew.sam, ("playbooks", name, "require"), &step).unwrap();
    }
}

/// Whether a text has the form of an identifier of CACAO (section 10.10), with a UUID of version 4.
fn identifier(text: &str) -> bool {
    let Some((kind, uuid)) = text.split_once("--") else { return false };
    let parts: Vec<_> = uuid.split('-').collect();
    let lower = |part: &&str| part.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'a'..=b'f'));
    kind.len() >= 3
        && kind.bytes().all(|b| b.is_ascii_lowercase() || b == b'-')
        && parts.iter().map(|part| part.len()).eq([8, 4, 4, 4, 12])
        && parts.iter().all(lower)
        && parts[2].starts_with('4')
        && parts[3].starts_with(['8', '9', 'a', 'b'])
}

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

/// The object has these properties, and of the others no more than those.
#[track_caller]
fn holds(object: &Value, required: &[&str], others: &[&str]) {
    let keys = keys(object);
    for name in required {
        assert!(keys.contains(name), "`{name}` is missing: {object:#}");
    }
    for name in keys {
        assert!(required.contains(&name) || others.contains(&name), "`{name}`: {object:#}");
    }
}

/// Every text in it.
fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Array(all) => all.iter().flat_map(texts).collect(),
        Value::Object(all) => {
            let names = all.keys().cloned();
            names.chain(all.values().flat_map(texts)).collect()
        }
        _ => vec![],
    }
}

/// The rules of the specification that its JSON schemas check, and those that they cannot: what is
/// named is there, an id is of one thing, and a version has a moment of its own.
#[test]
fn an_export_keeps_the_rules_of_the_specification() {
    both(745, |world| {
        let crew = Crew::new(world);
        everything(world, &crew, "all");
        let all: Value = serde_json::from_str(&exported(world, &crew.sam, "all")).unwrap();
        let required = [
            "type",
            "spec_version",
            "id",
            "name",
            "created_by",
            "created",
            "modified",
            "workflow_start",
            "workflow",
        ];
        let others = [
            "description",
            "revoked",
            "labels",
            "agent_definitions",
            "extension_definitions",
            "playbook_variables",
        ];
        holds(&all, &required, &others);
        for moment in ["created", "modified"] {
            let text = all[moment].as_str().unwrap();
            assert_eq!((text.len(), &text[19..20], &text[23..]), (24, ".", "Z"), "{text}");
            assert!(domain::register::When::parse(text).is_some());
        }
        assert!(all["modified"].as_str() >= all["created"].as_str());
        let mut ids = vec![all["id"].as_str().unwrap(), all["created_by"].as_str().unwrap()];
        let (workflow, agents) = (&all["workflow"], &all["agent_definitions"]);
        let extensions = &all["extension_definitions"];
        for some in [workflow, agents, extensions] {
            assert!(!keys(some).is_empty(), "an empty dictionary is left out");
            ids.extend(keys(some));
        }
        for id in &ids {
            assert!(identifier(id), "{id}");
        }
        let uuids: std::collections::BTreeSet<_> =
            ids.iter().map(|id| id.split_once("--").unwrap().1).collect();
        assert_eq!(uuids.len(), ids.len(), "no UUID is used twice");
        let start = all["workflow_start"].as_str().unwrap();
        assert_eq!(workflow[start]["type"], "start");
        let mut counted = [0; 3];
        for (id, step) in workflow.as_object().unwrap() {
            let kind = step["type"].as_str().unwrap();
            assert!(id.starts_with(&format!("{kind}--")), "{id}");
            match kind {
                "start" => holds(step, &["type", "on_completion"], &[]),
                "end" => holds(step, &["type"], &[]),
                _ => action(step, agents, extensions),
            }
            let place = ["start", "action", "end"].iter().position(|one| *one == kind);
            counted[place.unwrap()] += 1;
            if kind != "end" {
                let next = step["on_completion"].as_str().unwrap();
                assert!(workflow.get(next).is_some(), "{id} leads to {next}");
            }
        }
        assert_eq!(counted, [1, 12, 1]);
        agents_and_extensions(agents, extensions);
        variables(&all);
    });
}

fn action(step: &Value, agents: &Value, extensions: &Value) {
    let required = ["type", "name", "commands", "agent", "on_completion", "step_extensions"];
    holds(step, &required, &["timeout", "in_args"]);
    let agent = &agents[step["agent"].as_str().unwrap()];
    assert!(step.get("timeout").is_none_or(|timeout| timeout.as_u64() == Some(7_200_000)));
    let commands = step["commands"].as_array().unwrap();
    assert_eq!(commands.len(), 1, "at least one");
    let command = &commands[0];
    match command["type"].as_str().unwrap() {
        "manual" => {
            holds(command, &["type", "command"], &[]);
            assert_eq!(agent["type"], "group", "people do it");
        }
        "http-api" => {
            holds(command, &["type", "command", "headers", "content"], &["description"]);
            assert_eq!(agent["type"], "http-api");
            let lists = command["headers"].as_object().unwrap().values();
            lists.for_each(|one| assert!(one.as_array().unwrap().iter().all(Value::is_string)));
            assert!(command["content"].is_string(), "a body is a text");
        }
        other => panic!("{other}"),
    }
    for id in keys(&step["step_extensions"]) {
        assert!(extensions.get(id).is_some(), "{id}");
        let names = keys(&step["step_extensions"][id]);
        let plain = |name: &str| {
            name.len() >= 3 && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
        };
        assert!(names.iter().all(|name| plain(name)), "{names:?}");
    }
}

fn agents_and_extensions(agents: &Value, extensions: &Value) {
    for (id, agent) in agents.as_object().unwrap() {
        assert!(id.starts_with(&format!("{}--", agent["type"].as_str().unwrap())), "{id}");
        match agent["type"].as_str().unwrap() {
            "group" => holds(agent, &["type", "name"], &[]),
            _ => {
                holds(agent, &["type", "name", "address", "port"], &[]);
                assert_eq!(keys(&agent["address"]), ["dname"]);
                assert!(agent["address"]["dname"].is_array() && agent["port"].is_string());
            }
        }
    }
    for one in extensions.as_object().unwrap().values() {
        let required = ["type", "name", "created_by", "schema", "version"];
        holds(one, &required, &["description"]);
        assert!(identifier(one["created_by"].as_str().unwrap()));
        assert_eq!(one["version"].as_str().unwrap().split('.').count(), 3);
    }
}

/// Each variable that is used is declared, and each that is declared is used and handed in.
fn variables(all: &Value) {
    let declared = keys(&all["playbook_variables"]);
    for name in &declared {
        let inner = name.strip_prefix("__").and_then(|name| name.strip_suffix("__")).unwrap();
        assert!(inner.starts_with(|c: char| c.is_ascii_alphabetic()), "{name}");
        assert!(inner.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'), "{name}");
        let one = &all["playbook_variables"][name];
        holds(one, &["type"], &["description", "external"]);
        assert_eq!((&one["type"], &one["external"]), (&json!("string"), &json!(true)));
    }
    let all_texts: String = texts(all).join("\n");
    let mut used = std::collections::BTreeSet::new();
    for (place, _) in all_texts.match_indices("__:value") {
        let name = all_texts[..place].rsplit("__").next().unwrap();
        used.insert(format!("__{name}__"));
    }
    let declared: std::collections::BTreeSet<_> = declared.into_iter().map(str::to_owned).collect();
    assert_eq!(used, declared);
    for step in all["workflow"].as_object().unwrap().values() {
        let answers = step["commands"][0]["type"] == "http-api";
        let handed = step.get("in_args").map_or(vec![], texts);
        let wanted = if answers { declared.iter().cloned().collect() } else { vec![] };
        assert_eq!(handed, wanted);
    }
}

#[test]
fn a_version_has_its_moment_and_an_id_is_of_one_playbook() {
    let seeds = [746, 747].map(|seed| {
        let (ours, extension) = (RefCell::new(vec![]), RefCell::new(Value::Null));
        both(seed, |world| {
            let crew = Crew::new(world);
            let read = |name: &str| -> Value {
                serde_json::from_str(&exported(world, &crew.sam, name)).unwrap()
            };
            // Without an action it is none of CACAO's.
            written(world, &crew, "none");
            let none = Read::<Kept<Playbook>>::new(&world.kernel, "none").unwrap();
            let none = world.run(&crew.sam, none).unwrap().output;
            let refused = cacao::export(&none).unwrap_err();
            assert_eq!(refused.kind(), Kind::Conflict);
            assert!(refused.message().contains("require"), "{refused}");
            world.clock.advance(std::time::Duration::from_secs(seed));
            everything(world, &crew, "ours");
            let first = read("ours");
            assert_eq!(first["revoked"], false);
            // Taking it out of use is a version of its own, of the same playbook.
            world.clock.advance(std::time::Duration::from_secs(5));
            let why = json!({"reason": "another is followed"});
            take(world, &crew.sam, ("playbooks", "ours", "retire"), &why).unwrap();
            let last = read("ours");
            assert_eq!((&last["id"], &last["created"]), (&first["id"], &first["created"]));
            assert_eq!(last["revoked"], true);
            assert!(last["modified"].as_str() > first["modified"].as_str());
            ours.borrow_mut().push(first["id"].clone());
            extension.replace(first["extension_definitions"].clone());
        });
        (ours.into_inner(), extension.into_inner())
    });
    let [(one, extension), (other, again)] = seeds;
    assert!(one.iter().all(|id| !other.contains(id)), "another provider's of the same name");
    assert_eq!(extension, again, "the extension is the same everywhere, with its author");
}

#[test]
fn what_several_ways_lead_to_says_all_of_them_and_comes_where_it_is_reached() {
    both(748, |world| {
        let crew = Crew::new(world);
        written(world, &crew, "theirs");
        let manual = |name: &str, next: &str| {
            json!({"type": "action", "name": name, "on_completion": next,
                "agent": id("individual", 7), "commands": [{"type": "manual", "command": "go"}]})
        };
        let steps = |workflow: Value| {
            let mut all = foreign();
            all["workflow"] = workflow;
            let row = adopt(world, &crew.sam, "theirs", &all.to_string()).unwrap();
            let steps = row["steps"].as_array().unwrap().clone();
            steps.into_iter().map(|one| one["title"].as_str().unwrap().to_owned()).collect()
        };
        let (start, end) = (id("start", 1), id("end", 6));
        let starts = |next: &str| json!({"type": "start", "on_completion": next});
        // A branch that two conditions lead to, and what follows it there.
        let titles: Vec<String> = steps(json!({
            &start: starts(&id("if-condition", 2)),
            id("if-condition", 2): {"type": "if-condition", "condition": "a",
                "on_true": id("action", 3), "on_false": id("action", 4),
                "on_completion": id("switch-condition", 8)},
            id("switch-condition", 8): {"type": "switch-condition", "switch": "s",
                "cases": {"0": id("action", 4), "default": id("action", 5)},
                "on_completion": id("action", 9)},
            id("action", 3): manual("three", &end),
            id("action", 4): manual("four", &id("action", 7)),
            id("action", 5): manual("five", &end), id("action", 7): manual("seven", &end),
            id("action", 9): manual("nine", &end), &end: {"type": "end"},
        }));
        let twice = "unless a or if s is 0";
        assert_eq!(
            titles,
            [
                "three (if a)".to_owned(),
                format!("four ({twice})"),
                format!("seven ({twice})"),
                "five (if s is default)".to_owned(),
                "nine".to_owned(),
            ]
        );
        let kept = show(world, &crew.sam, "playbooks", "theirs").unwrap();
        let kept = kept["cacao"]["not_run"].to_string();
        assert!(kept.contains("if-condition `a`") && kept.contains("condition `s`"), "{kept}");
        // Where the ways are more than a title holds, it says so.
        let long = |word: &str| format!("{word} is {}", "long ".repeat(11));
        let titles: Vec<String> = steps(json!({
            &start: starts(&id("if-condition", 2)),
            id("if-condition", 2): {"type": "if-condition", "condition": long("one"),
                "on_true": id("action", 3), "on_completion": id("if-condition", 4)},
            id("if-condition", 4): {"type": "if-condition", "condition": long("two"),
                "on_true": id("action", 3), "on_false": end},
            id("action", 3): manual("three", &end), &end: {"type": "end"},
        }));
        assert_eq!(titles, [format!("three (if {} or otherwise)", long("one").trim())]);
        // What runs beside each other comes before what follows both.
        let titles: Vec<String> = steps(json!({
            &start: starts(&id("parallel", 2)),
            id("parallel", 2): {"type": "parallel", "on_completion": id("action", 5),
                "next_steps": [id("action", 3), id("action", 4)]},
            id("action", 3): manual("one side", &end), id("action", 4): manual("other", &end),
            id("action", 5): manual("after both", &end), &end: {"type": "end"},
        }));
        assert_eq!(titles, ["one side", "other", "after both"]);
    });
}
