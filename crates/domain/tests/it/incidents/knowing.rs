//! Need to know: who reads a restricted incident, in every way in which registers are read.

use super::{Crew, hours, id, tick};
use crate::registers::{add, show, take};
use crate::support::{account_with_data, both, field, kind, name};
use domain::incidents::file::TakeFile;
use domain::incidents::whole::ReadWhole;
use domain::measures::ReadMeasures;
use domain::registers::REGISTERS;
use kernel::{Kind, Result};
use serde_json::{Value, json};
use testkit::World;

/// What hangs on the incident: register and id.
fn hanging(world: &World, crew: &Crew, it: &str) -> Vec<(&'static str, String)> {
    let token = world.service("report");
    world.grant("service:report", "one", "cases", &["read"]);
    let credential = world.kernel.identify(&token).unwrap().credential;
    let scope = json!({"principal": "service:report", "credential": credential,
        "from": "2026-11-22T00:00:00Z", "to": "2026-11-23T00:00:00Z"});
    let scoped = crew.step(world, it, "scope", &scope).unwrap()["scoped"][0].clone();
    tick(world);
    let breach = crew.verify(world, it, "one", "access");
    let contact = crew.contact(world, "one", "ada@one.example");
    let notice = crew.notice(world, it, "one", &[&contact]);
    let order = json!({"incident": it, "accounts": ["one"], "authority": "law-enforcement",
        "agency": "Agency", "official": "O. Fficial", "contact": "+31 20 1", "jurisdiction": "NL",
        "written": true, "reference": "A-1", "statement": "Do not tell.",
        "from": "2026-11-22", "to": "2026-11-25", "reason": "an open inquiry"});
    let hold = add(world, &crew.cora, "holds", &order).unwrap();
    vec![
        ("incidents", it.to_owned()),
        ("affected", scoped.as_str().unwrap().to_owned()),
        ("breaches", id(&breach)),
        ("notices", notice),
        ("holds", id(&hold)),
    ]
}

fn listed(world: &World, token: &str, plural: &str) -> Vec<String> {
    let register = domain::registers::known(plural).unwrap();
    let page = (register.page)(&world.kernel, 100, None).unwrap();
    let page = world.run(token, page).unwrap().output;
    page["items"].as_array().unwrap().iter().map(id).collect()
}

/// Every way in which one row is read, and a step that would show it.
fn reads(world: &World, token: &str, (plural, id): (&str, &str)) -> Vec<Result<Value>> {
    let register = domain::registers::known(plural).unwrap();
    let history = (register.history)(&world.kernel, id).unwrap();
    let mut all =
        vec![show(world, token, plural, id), world.run(token, history).map(|done| done.output)];
    if plural == "incidents" {
        let whole = ReadWhole::new(&world.kernel, id).unwrap();
        all.push(world.run(token, whole).map(|_| json!("the room")));
        let file = TakeFile::new(&world.kernel, id).unwrap();
        all.push(world.run(token, file).map(|_| json!("the file")));
    }
    all
}

#[test]
fn who_does_not_take_part_finds_nothing_of_it() {
    both(731, |world| {
        let crew = Crew::new(world);
        account_with_data(world);
        let (bea, aud) = (world.person("bea", &["responder"]), world.person("aud", &["auditor"]));
        let it = crew.incident(world, "breach");
        crew.triage(world, &it, "breach");
        let all = hanging(world, &crew, &it);
        let missing = |token: &str, (plural, id): &(&str, String)| {
            for read in reads(world, token, (plural, id)) {
                let error = read.unwrap_err();
                let noun = domain::registers::known(plural).unwrap().noun;
                assert_eq!(error.kind(), Kind::NotFound, "{plural}: {error}");
                assert_eq!(error.message(), format!("no {noun} `{id}`"), "as if it were not there");
            }
            assert!(listed(world, token, plural).is_empty(), "{plural}");
        };
        let found = |token: &str, (plural, id): &(&str, String)| {
            for read in reads(world, token, (plural, id)) {
                read.unwrap();
            }
            assert_eq!(listed(world, token, plural), [id.as_str()]);
        };
        for one in &all {
            found(&bea, one);
        }
        crew.step(world, &it, "restrict", &json!({"reason": "one of us"})).unwrap();
        for one in &all {
            for token in [&bea, &aud, &crew.ann, &world.admin] {
                missing(token, one);
            }
            for token in [&crew.rita, &crew.sam, &crew.cora] {
                found(token, one);
            }
        }
        let step = |token: &str, verb: &str, stated: &Value| {
            take(world, token, ("incidents", &it, verb), stated)
        };
        let note = json!({"text": "hello"});
        assert_eq!(kind(step(&bea, "note", &note)), Kind::NotFound);
        let admit = json!({"person": "person:bea", "reason": "knows the host"});
        assert_eq!(kind(step(&bea, "admit", &admit)), Kind::NotFound, "nobody admits themselves");
        let contacts = listed(world, &bea, "contacts");
        let word = json!({"incident": it, "account": "one", "contacts": contacts, "subject": "s",
            "text": "t"});
        let refused = field(add(world, &bea, "notices", &word));
        assert_eq!(refused, (Kind::Invalid, "incident".to_owned()), "as for no incident at all");
        let (plural, notice) = &all[3];
        assert_eq!(kind(take(world, &bea, (plural, notice, "send"), &json!({}))), Kind::NotFound);

        step(&crew.sam, "admit", &admit).unwrap();
        for one in &all {
            found(&bea, one);
        }
        let out = json!({"person": "person:bea", "reason": "is asked about"});
        step(&crew.rita, "exclude", &out).unwrap();
        for one in &all {
            missing(&bea, one);
        }
        step(&crew.rita, "share", &json!({"reason": "it is over"})).unwrap();
        for one in &all {
            found(&bea, one);
        }
    });
}

#[test]
fn nobody_is_kept_out_of_what_only_they_could_mend() {
    both(732, |world| {
        let crew = Crew::new(world);
        let new = json!({"title": "odd", "class": "other", "severity": 2, "source": "a letter",
            "need_to_know": "about a security lead"});
        let it = id(&add(world, &crew.rita, "incidents", &new).unwrap());
        let exclude = |token: &str, who: &str| {
            let stated = json!({"person": who, "reason": "it is about them"});
            take(world, token, ("incidents", &it, "exclude"), &stated)
        };
        exclude(&crew.rita, "person:sam").unwrap();
        assert_eq!(kind(show(world, &crew.sam, "incidents", &it)), Kind::NotFound);
        assert_eq!(kind(exclude(&crew.rita, "person:rita")), Kind::Conflict);
        assert_eq!(
            kind(exclude(&crew.rita, "person:cora")),
            Kind::Conflict,
            "nobody would be left"
        );
        let assign = json!({"role": "lead", "person": "person:sam"});
        let refused = take(world, &crew.rita, ("incidents", &it, "assign"), &assign);
        assert_eq!(kind(refused), Kind::Conflict, "first they are admitted again");
        let assign = json!({"role": "communications", "person": "person:ann"});
        take(world, &crew.rita, ("incidents", &it, "assign"), &assign).unwrap();
        show(world, &crew.ann, "incidents", &it).unwrap();
        let vendor = json!({"person": "person:nobody", "reason": "x"});
        let refused = take(world, &crew.rita, ("incidents", &it, "admit"), &vendor);
        assert_eq!(field(refused), (Kind::Invalid, "person".to_owned()));
    });
}

#[test]
fn what_everybody_reads_names_nothing_of_it() {
    both(733, |world| {
        let mut crew = Crew::new(world);
        account_with_data(world);
        let it = crew.incident(world, "breach");
        crew.triage(world, &it, "breach");
        let task = json!({"title": "ask the secret witness", "owner": "person:rita",
            "required": true, "due": world.kernel.now().after(hours(1)).rfc3339()});
        crew.step(world, &it, "task", &task).unwrap();
        crew.verify(world, &it, "one", "access");
        let plan = json!({"name": "all", "kind": "programme", "owner": "person:sam"});
        add(world, &crew.sam, "reviews", &plan).unwrap();
        let said = |world: &World, crew: &Crew| {
            let read = ReadMeasures::new(&world.kernel, None).unwrap();
            let all = world.run(&crew.ann, read).unwrap().output;
            let of = |id: &str| ["E4.1", "E4.4", "E4.5", "E4.6", "E4.7"].contains(&id);
            let all: Vec<_> = all.into_iter().filter(|one| of(one.obligation.id)).collect();
            let round = take(world, &crew.sam, ("reviews", "all", "open"), &json!({})).unwrap();
            let items = round["open"]["agenda"].as_array().unwrap().clone();
            for item in &items {
                let verdict = json!({"item": item["number"], "verdict": "keep", "why": "seen"});
                let _ = take(world, &crew.sam, ("reviews", "all", "decide"), &verdict);
            }
            format!("{all:?} {}", round["open"])
        };
        crew.wait(world, 3);
        let before = said(world, &crew);
        for word in ["secret witness", "account one: not told in time", &format!("breaches/{it}")] {
            assert!(before.contains(word), "{word}: {before}");
        }
        crew.step(world, &it, "restrict", &json!({"reason": "one of us"})).unwrap();
        let read = ReadMeasures::new(&world.kernel, None).unwrap();
        let after = format!("{:?}", world.run(&crew.ann, read).unwrap().output);
        assert!(after.contains("an account of a restricted incident: not told in time"), "{after}");
        for word in ["secret witness", "account one: not told", "breaches/", "odd reads"] {
            assert!(!after.contains(word), "{word}");
        }
        let plan = json!({"name": "next", "kind": "programme", "owner": "person:sam"});
        add(world, &crew.sam, "reviews", &plan).unwrap();
        let round = take(world, &crew.sam, ("reviews", "next", "open"), &json!({})).unwrap();
        let agenda = round["open"].to_string();
        assert!(!agenda.contains(&it), "{agenda}");
    });
}

#[test]
fn what_follows_by_itself_goes_on_and_the_last_resort_reads_what_it_releases() {
    both(734, |world| {
        let crew = Crew::new(world);
        account_with_data(world);
        let it = crew.incident(world, "breach");
        crew.triage(world, &it, "breach");
        world.person("vic", &["vendor-manager"]);
        let new = json!({"name": "vic", "reach": "+31 20 0000000"});
        add(world, &crew.rita, "resorts", &new).unwrap();
        let issue = domain::people::IssueToken::new(&world.kernel, &name("vic")).unwrap();
        let vic = world.run(&crew.admin, issue).unwrap().output.token;
        take(world, &vic, ("resorts", "vic", "agree"), &json!({})).unwrap();
        crew.step(world, &it, "restrict", &json!({"reason": "one of us"})).unwrap();
        crew.verify(world, &it, "one", "access");
        let contact = crew.contact(world, "one", "ada@one.example");
        let new = json!({"incident": it, "account": "one", "contacts": [contact],
            "subject": "Notice {number}", "text": "{account}"});
        let notice = id(&add(world, &crew.rita, "notices", &new).unwrap());
        assert_eq!(kind(show(world, &vic, "notices", &notice)), Kind::NotFound);
        // Whoever left the jobs is out of it by then.
        crew.step(
            world,
            &it,
            "triage",
            &json!({"class": "breach", "severity": 1,
            "lead": "person:sam"}),
        )
        .unwrap();
        let out = json!({"person": "person:rita", "reason": "is asked about"});
        take(world, &crew.sam, ("incidents", &it, "exclude"), &out).unwrap();
        world.clock.advance(hours(25));
        tick(world);
        let row = show(world, &crew.sam, "notices", &notice).unwrap();
        let called = row["chased"][0]["who"].as_array().unwrap();
        assert!(!called.contains(&json!("person:ann")), "she may not read it: {called:?}");
        assert!(called.contains(&json!("person:cora")), "{called:?}");
        world.clock.advance(hours(12));
        tick(world);
        assert_eq!(show(world, &vic, "notices", &notice).unwrap()["state"]["word"], "unreleased");
        let warned = show(world, &crew.sam, "breaches", &format!("{it}.one")).unwrap();
        assert!(!warned["warnings"].as_array().unwrap().is_empty(), "{warned}");
    });
}

#[test]
fn every_register_of_an_incident_knows_who_may_read() {
    let restricted =
        ["incidents", "affected", "breaches", "holds", "notices", "alerts", "suspects", "answers"];
    for register in REGISTERS {
        let mut generator = schemars::SchemaGenerator::default();
        let schema = (register.shown)(&mut generator);
        let all = serde_json::to_value(generator.definitions()).unwrap();
        let name = schema.get("$ref").and_then(Value::as_str).unwrap().rsplit('/').next().unwrap();
        let names_one = all[name]["properties"].get("incident").is_some();
        let own = restricted.contains(&register.plural);
        assert!(!names_one || own, "{} names an incident: who may read it?", register.plural);
    }
}
