//! Playbooks of CACAO 2.0: ours come back as they were, those of others word for word, and what is
//! hostile is refused with its place.

use super::Crew;
use crate::registers::{add, show, take};
use crate::support::{both, field, kind};
use domain::incidents::playbooks::{Playbook, cacao};
use domain::register::{Kept, Read};
use kernel::{Kind, Result};
use serde_json::{Value, json};
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
