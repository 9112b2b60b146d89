//! Inventories, feeds, advisories, scans, probes and audits: their lives, and what is refused.

use crate::registers::{show, take};
use crate::sites::Team;
use crate::support::{both, days, field, kind};
use domain::exposure::probes::{Look, PROBE, Seen, Sight};
use kernel::{Job, Kernel, Kind, Ran, Result};
use serde_json::{Value, json};
use std::time::Duration;

#[track_caller]
fn refused(outcome: Result<Value>, name: &str) {
    assert_eq!(field(outcome), (Kind::Invalid, name.to_owned()));
}

#[track_caller]
fn word(row: &Value, word: &str) {
    assert_eq!(row["state"]["word"], word, "{row}");
}

/// An inventory of one component, and an advisory that matches it.
pub fn matched(team: &Team<'_>, severity: &str) -> Value {
    let new = json!({"name": "shop", "written_as": "Cargo.lock"});
    if show(team.world, &team.lea, "inventories", "shop").is_err() {
        team.add("inventories", new).unwrap();
    }
    let stated = json!({"components": ["crates.io|rsa|0.9.5", "crates.io|serde|1.0.219"]});
    team.take("inventories", "shop", "replace", stated).unwrap();
    team.add("advisories", advisory(team, severity)).unwrap()
}

fn advisory(team: &Team<'_>, severity: &str) -> Value {
    json!({"osv": "RUSTSEC-2023-0071", "aliases": ["CVE-2023-49092"], "summary": "timing channel",
        "severity": severity, "modified": team.ago(9), "feed": "rustsec",
        "matched": ["shop|crates.io|rsa|0.9.5|"]})
}

#[test]
fn an_inventory_is_replaced_as_a_whole() {
    both(601, |world| {
        let mut team = Team::new(world);
        let new = |system: Option<&str>| {
            team.add(
                "inventories",
                json!({"name": "shop", "written_as": "Cargo.lock",
                "system": system}),
            )
        };
        refused(new(Some("nowhere")), "system");
        word(&new(None).unwrap(), "empty");
        let replace = |components: Value| {
            team.take("inventories", "shop", "replace", json!({"components": components}))
        };
        for bad in ["", "serde", "crates.io|serde", "crates.io||1", "|serde|1", "crates.io|serde|"]
        {
            refused(replace(json!(["crates.io|serde|1.0.0", bad])), "components");
        }
        refused(replace(json!([])), "components");
        let all = json!(["npm|b|2", "crates.io|a|1", " npm | b | 2 "]);
        let row = replace(all).unwrap();
        assert_eq!(row["components"], json!(["crates.io|a|1", "npm|b|2"]), "sorted, each once");
        assert_eq!(row["count"], 2);
        word(&row, "imported");
        let large: Vec<String> =
            (0..20_000).map(|n| format!("crates.io|component-{n}|1.0.{n}")).collect();
        assert_eq!(replace(json!(large)).unwrap()["count"], 20_000);
        let more: Vec<String> = (0..20_001).map(|n| format!("npm|c|{n}")).collect();
        assert_eq!(kind(replace(json!(more))), Kind::Limit);
        let wide: Vec<String> =
            (0..4_000).map(|n| format!("npm|{}|{n}", "c".repeat(250))).collect();
        assert_eq!(kind(replace(json!(wide))), Kind::Limit);
        team.later(days(32));
        word(&show(world, &team.lea, "inventories", "shop").unwrap(), "stale");
        let retire = || team.take("inventories", "shop", "retire", json!({"reason": "gone"}));
        word(&retire().unwrap(), "retired");
        assert_eq!(kind(retire()), Kind::Conflict);
        let again = json!({"components": ["npm|a|1"]});
        assert_eq!(kind(team.take("inventories", "shop", "replace", again)), Kind::Conflict);
    });
}

#[test]
fn a_feed_is_read_again_and_again() {
    both(602, |world| {
        let mut team = Team::new(world);
        let new = json!({"name": "rustsec", "kind": "osv", "source": "advisory-db, branch osv"});
        word(&team.add("feeds", new).unwrap(), "unread");
        let refresh =
            |team: &Team<'_>, stated: Value| team.take("feeds", "rustsec", "refresh", stated);
        refused(refresh(&team, json!({"entries": 0, "matched": 0})), "entries");
        refused(refresh(&team, json!({"entries": 1, "matched": 2})), "matched");
        let future = json!({"entries": 1, "matched": 0, "newest": team.day(2)});
        refused(refresh(&team, future), "newest");
        let old = json!({"entries": 1206, "matched": 3, "newest": team.day(-93)});
        word(&refresh(&team, old).unwrap(), "outdated");
        let new = json!({"entries": 1206, "matched": 3, "refused": 1, "newest": team.day(-92)});
        word(&refresh(&team, new).unwrap(), "read");
        team.later(Duration::from_secs(72 * 3600));
        word(&show(world, &team.lea, "feeds", "rustsec").unwrap(), "stale");
        word(&refresh(&team, json!({"entries": 1206, "matched": 3})).unwrap(), "read");
        let responder = world.person("rita", &["responder"]);
        let stated = json!({"entries": 1, "matched": 0});
        take(world, &responder, ("feeds", "rustsec", "refresh"), &stated).unwrap();
        let service = world.service("ci");
        let by_service = take(world, &service, ("feeds", "rustsec", "refresh"), &stated);
        assert_eq!(kind(by_service), Kind::Forbidden);
        let retire = || team.take("feeds", "rustsec", "retire", json!({"reason": "another one"}));
        word(&retire().unwrap(), "retired");
        assert_eq!(kind(retire()), Kind::Conflict);
        assert_eq!(kind(refresh(&team, stated)), Kind::Conflict);
    });
}

#[test]
fn an_advisory_is_evaluated_fixed_and_opened_again() {
    both(603, |world| {
        let mut team = Team::new(world);
        let with = |name: &str, value: Value| {
            let mut stated = advisory(&team, "high");
            stated[name] = value;
            team.add("advisories", stated)
        };
        for bad in ["", "shop|crates.io|rsa", "Shop!|crates.io|rsa|1|", "shop||rsa|1|"] {
            refused(with("matched", json!([bad])), "matched");
        }
        refused(with("matched", json!([])), "matched");
        refused(with("matched", json!(vec!["shop|npm|a|1|"; 501])), "matched");
        refused(with("aliases", json!(vec!["CVE-1"; 51])), "aliases");
        assert_eq!(kind(with("osv", json!("RUSTSEC 1"))), Kind::Invalid);
        let row = matched(&team, "high");
        assert_eq!(
            (&row["id"], &row["osv"], &row["due"]),
            (&json!("rustsec-2023-0071"), &json!("RUSTSEC-2023-0071"), &json!(team.day(30)))
        );
        word(&row, "open");
        assert_eq!(kind(team.add("advisories", advisory(&team, "high"))), Kind::Conflict);
        let mut red = advisory(&team, "low");
        red["osv"] = json!("RHSA-2026:1234");
        assert_eq!(team.add("advisories", red).unwrap()["id"], "rhsa-2026-1234");
        let step = |team: &Team<'_>, verb: &str, stated: Value| {
            team.take("advisories", "rustsec-2023-0071", verb, stated)
        };
        let not = |until: Option<String>, justification: Option<&str>| {
            json!({"verdict": "not-affected", "why": "no RSA keys", "until": until,
                "justification": justification})
        };
        let reason = Some("vulnerable-code-not-in-execute-path");
        refused(step(&team, "evaluate", not(Some(team.day(9)), None)), "justification");
        refused(step(&team, "evaluate", not(None, reason)), "until");
        for days in [-1, 367] {
            refused(step(&team, "evaluate", not(Some(team.day(days)), reason)), "until");
        }
        let affected = json!({"verdict": "affected", "why": "we use it"});
        let mut odd = affected.clone();
        odd["justification"] = json!("component-not-present");
        refused(step(&team, "evaluate", odd), "justification");
        let mut odd = affected.clone();
        odd["until"] = json!(team.day(3));
        refused(step(&team, "evaluate", odd), "until");
        let why = json!({"why": "new facts"});
        assert_eq!(kind(step(&team, "reopen", why.clone())), Kind::Conflict);
        let fix = json!({"version": "0.10.0", "how": "upgraded"});
        assert_eq!(kind(step(&team, "fix", fix.clone())), Kind::Conflict, "not evaluated");
        let row = step(&team, "evaluate", not(Some(team.day(9)), reason)).unwrap();
        word(&row, "not-affected");
        assert_eq!(row["evaluations"][0]["mark"]["by"], "person:lea");
        assert_eq!(kind(step(&team, "fix", fix.clone())), Kind::Conflict, "not affected");
        team.later(days(10));
        word(&show(world, &team.lea, "advisories", "rustsec-2023-0071").unwrap(), "open");
        word(&step(&team, "evaluate", affected.clone()).unwrap(), "affected");
        word(&step(&team, "fix", fix).unwrap(), "fixed");
        assert_eq!(kind(step(&team, "evaluate", affected.clone())), Kind::Conflict);
        let row = step(&team, "reopen", why).unwrap();
        word(&row, "open");
        assert_eq!(row["state"]["what"], "open again: new facts");
        word(&step(&team, "evaluate", affected).unwrap(), "affected");
        team.later(days(21));
        word(&show(world, &team.lea, "advisories", "rustsec-2023-0071").unwrap(), "overdue");
    });
}

#[test]
fn an_update_opens_a_judgement_that_it_outdates() {
    both(604, |world| {
        let mut team = Team::new(world);
        matched(&team, "low");
        let step = |team: &Team<'_>, verb: &str, stated: Value| {
            team.take("advisories", "rustsec-2023-0071", verb, stated).unwrap()
        };
        let not = |team: &Team<'_>| {
            let stated = json!({"verdict": "not-affected", "why": "no RSA keys",
                "until": team.day(300), "justification": "vulnerable-code-not-present"});
            step(team, "evaluate", stated)
        };
        word(&not(&team), "not-affected");
        let same = json!({"matched": ["shop|crates.io|rsa|0.9.5|0.10.0"], "modified": team.ago(1)});
        word(&step(&team, "update", same), "not-affected");
        let more = json!({"matched": ["shop|crates.io|rsa|0.9.5|", "shop|crates.io|rsa|0.9.6|"]});
        let row = step(&team, "update", more);
        word(&row, "open");
        assert_eq!(row["reopened"]["why"], "it matches rsa 0.9.6 of shop");
        word(&not(&team), "not-affected");
        team.later(days(100));
        assert_eq!(
            show(world, &team.lea, "advisories", "rustsec-2023-0071").unwrap()["due"],
            json!(team.day(80))
        );
        let row = step(&team, "update", json!({"known_exploited": true}));
        word(&row, "open");
        assert_eq!(
            (&row["due"], &row["reopened"]["why"]),
            (&json!(team.day(7)), &json!("it is critical now"))
        );
        let row = step(&team, "update", json!({"known_exploited": false, "severity": "medium"}));
        assert_eq!(row["due"], json!(team.day(-10)), "from the day it was first seen");
        word(&row, "overdue");
        word(&step(&team, "update", json!({"matched": []})), "gone");
        let back = json!({"matched": ["shop|crates.io|rsa|0.9.5|"]});
        word(&step(&team, "update", back), "overdue");
        word(&step(&team, "update", json!({"withdrawn": team.ago(1)})), "withdrawn");
        for (verb, stated) in [("reopen", json!({"why": "x"})), ("fix", json!({"how": "x"}))] {
            let outcome = team.take("advisories", "rustsec-2023-0071", verb, stated);
            assert_eq!(kind(outcome), Kind::Conflict);
        }
    });
}

#[test]
fn a_scan_is_imported_and_its_findings_settled() {
    both(605, |world| {
        let mut team = Team::new(world);
        let scan = |team: &Team<'_>, changes: Value| {
            let mut new = json!({"tool": "testssl.sh", "version": "3.0.8", "vantage": "external",
                "started": team.ago(60), "covered": ["203.0.113.7:443"],
                "findings": ["BEAST|203.0.113.7:443|high|CBC in TLS 1.0",
                    "HSTS|203.0.113.7:443|low|no HSTS"]});
            for (name, value) in changes.as_object().unwrap() {
                new[name] = value.clone();
            }
            team.add("scans", new)
        };
        let bad = [
            (json!({"started": "2027-01-01T00:00:00Z"}), "started"),
            (json!({"started": "2025-01-01T00:00:00Z"}), "started"),
            (json!({"covered": []}), "covered"),
            (json!({"covered": vec!["x"; 501]}), "covered"),
            (json!({"covered": [""]}), "covered"),
            (json!({"findings": vec!["a|b|low|c"; 501]}), "findings"),
            (json!({"findings": ["a|b|c"]}), "findings"),
            (json!({"findings": ["a|b|awful|c"]}), "findings"),
        ];
        for (changes, name) in bad {
            refused(scan(&team, changes), name);
        }
        let row = scan(&team, json!({})).unwrap();
        word(&row, "open");
        let id = row["id"].as_str().unwrap().to_owned();
        assert!(id.starts_with("scan-"), "{id}");
        assert_eq!(
            (&row["findings"][0]["due"], &row["findings"][1]["due"]),
            (&json!(team.day(30)), &json!(team.day(180)))
        );
        let settle = |team: &Team<'_>, finding: &str, how: &str, until: Option<i64>| {
            let until = until.map(|days| team.day(days));
            let stated =
                json!({"finding": finding, "how": how, "why": "looked at", "until": until});
            team.take("scans", &id, "settle", stated)
        };
        refused(settle(&team, "finding-3", "fixed", None), "finding");
        refused(settle(&team, "finding-1", "fixed", Some(3)), "until");
        for how in ["accepted", "false-positive"] {
            refused(settle(&team, "finding-1", how, None), "until");
            refused(settle(&team, "finding-1", how, Some(367)), "until");
        }
        let row = settle(&team, "finding-1", "accepted", Some(90)).unwrap();
        assert_eq!(row["state"]["what"], "2 findings are open, 1 of them accepted for a while");
        word(&settle(&team, "finding-2", "false-positive", Some(90)).unwrap(), "open");
        assert_eq!(kind(settle(&team, "finding-2", "fixed", None)), Kind::Conflict);
        team.later(days(31));
        let row = show(world, &team.lea, "scans", &id).unwrap();
        word(&row, "overdue");
        word(&settle(&team, "finding-1", "fixed", None).unwrap(), "clean");
        team.later(days(60));
        word(&show(world, &team.lea, "scans", &id).unwrap(), "open");
        word(&scan(&team, json!({"findings": []})).unwrap(), "clean");
    });
}

#[test]
fn an_audit_has_findings_with_owners_and_a_next_one() {
    both(606, |world| {
        let mut team = Team::new(world);
        let audit = |team: &Team<'_>, changes: Value| {
            let mut new = json!({"name": "pentest-1", "kind": "penetration-test",
                "auditor": "Red GmbH", "independent": true, "scope": "shop and its API",
                "from": team.day(-20), "to": team.day(-10), "report": "report 12",
                "next_due": team.day(100)});
            for (name, value) in changes.as_object().unwrap() {
                new[name] = value.clone();
            }
            team.add("audits", new)
        };
        let bad = [
            (json!({"to": team.day(1)}), "to"),
            (json!({"to": team.day(-21)}), "from"),
            (json!({"next_due": team.day(-10)}), "next_due"),
            (json!({"next_due": team.day(800)}), "next_due"),
            (json!({"scope": ""}), "scope"),
            (json!({"auditor": "a\nb"}), "auditor"),
        ];
        for (changes, name) in bad {
            refused(audit(&team, changes), name);
        }
        word(&audit(&team, json!({})).unwrap(), "closed");
        let find = |team: &Team<'_>, due: i64, owner: &str| {
            let stated = json!({"severity": "high", "text": "stored script", "due": team.day(due),
                "owner": owner});
            team.take("audits", "pentest-1", "find", stated)
        };
        refused(find(&team, -11, "person:lea"), "due");
        refused(find(&team, 800, "person:lea"), "due");
        refused(find(&team, 20, "person:nobody"), "owner");
        word(&find(&team, 20, "person:max").unwrap(), "open");
        team.later(days(21));
        let row = show(world, &team.lea, "audits", "pentest-1").unwrap();
        word(&row, "findings-overdue");
        assert_eq!(row["state"]["who"], "person:max");
        let settle = |finding: &str| {
            let stated = json!({"finding": finding, "how": "fixed", "why": "escaped"});
            team.take("audits", "pentest-1", "settle", stated)
        };
        refused(settle("finding-2"), "finding");
        word(&settle("finding-1").unwrap(), "closed");
        assert_eq!(kind(settle("finding-1")), Kind::Conflict);
        team.later(days(80));
        word(&show(world, &team.lea, "audits", "pentest-1").unwrap(), "overdue");
        let follow =
            |next: &str| team.take("audits", "pentest-1", "follow", json!({"audit": next}));
        refused(follow("pentest-2"), "audit");
        refused(follow("pentest-1"), "audit");
        audit(&team, json!({"name": "iso-1", "kind": "iso27001"})).unwrap();
        refused(follow("iso-1"), "audit");
        audit(&team, json!({"name": "pentest-2"})).unwrap();
        word(&follow("pentest-2").unwrap(), "followed");
        assert_eq!(kind(follow("pentest-2")), Kind::Conflict);
    });
}

/// What a probe sees of a good endpoint.
fn good() -> Sight {
    Sight {
        reachable: true,
        version: Some("TLSv1.3".to_owned()),
        old_versions: vec![],
        trusted: true,
        certificate_ends: None,
        plaintext: false,
        strict_transport: true,
        problem: None,
    }
}

/// Everything that probes, as the server does it; what was asked for.
fn probe(team: &Team<'_>, sight: &Sight) -> Vec<String> {
    let asked = std::cell::RefCell::new(vec![]);
    let run = |kernel: &Kernel, job: &Job, right: Ran| match job.kind.as_str() {
        PROBE => {
            let look = Look::of(&job.object).unwrap();
            asked.borrow_mut().push(look.address.clone());
            right.run(kernel, Seen::new(kernel, look, sight.clone())?)
        }
        _ => domain::run_job(kernel, job, right),
    };
    team.world.kernel.tick(&run).unwrap();
    asked.into_inner()
}

#[test]
fn an_endpoint_is_probed_and_its_system_gets_a_measured_fact() {
    both(607, |world| {
        let mut team = Team::new(world);
        let system = |name: &str, kind: &str, address: Option<&str>| {
            let new = json!({"name": name, "kind": kind, "purpose": "x", "owner": "person:lea",
                "address": address});
            team.add("systems", new).unwrap();
        };
        system("shop", "endpoint", Some("shop.example:443"));
        system("bare", "endpoint", None);
        system("host", "host", Some("10.0.0.7:22"));
        for id in ["bare", "host", "nowhere"] {
            refused(team.add("probes", json!({"system": id})), "system");
        }
        word(&team.add("probes", json!({"system": "shop"})).unwrap(), "waiting");
        world.kernel.tick(&domain::run_job).unwrap();
        let see = |team: &Team<'_>| show(world, &team.lea, "probes", "shop").unwrap();
        word(&see(&team), "waiting");
        assert_eq!(probe(&team, &good()), ["shop.example:443"]);
        word(&see(&team), "encrypted");
        let fact = |team: &Team<'_>| {
            let row = show(world, &team.lea, "systems", "shop").unwrap();
            assert_eq!(row["facts"].as_array().unwrap().len(), 1, "the newest takes the place");
            row["facts"][0].clone()
        };
        let first = fact(&team);
        assert_eq!(
            (&first["good"], &first["source"], &first["mark"]["by"]),
            (&json!(true), &json!("measured"), &json!("kernel"))
        );
        assert!(probe(&team, &good()).is_empty(), "not due before six hours have passed");
        team.later(Duration::from_secs(6 * 3600));
        let odd = Sight { problem: Some("refused\u{7}".into()), reachable: false, ..good() };
        assert_eq!(probe(&team, &odd).len(), 1);
        word(&see(&team), "unreachable");
        assert_eq!((fact(&team), &see(&team)["state"]["what"]), (first, &json!("refused")));
        for (n, weak) in [
            Sight { version: Some("TLSv1.1".into()), ..good() },
            Sight { trusted: false, ..good() },
            Sight { plaintext: true, ..good() },
            Sight { old_versions: vec!["TLSv1.0".into()], ..good() },
        ]
        .into_iter()
        .enumerate()
        {
            team.later(Duration::from_secs(15 * 60));
            assert_eq!(probe(&team, &weak).len(), 1, "{n}");
            word(&see(&team), "deficient");
            assert_eq!(fact(&team)["good"], false, "{n}");
        }
        team.take("systems", "shop", "change", json!({"address": "shop.example:8443"})).unwrap();
        team.later(Duration::from_secs(15 * 60));
        assert_eq!(probe(&team, &good()), ["shop.example:443"]);
        assert_eq!(fact(&team)["good"], false, "what was seen elsewhere says nothing");
        assert_eq!(probe(&team, &good()), ["shop.example:8443"]);
        assert_eq!(fact(&team)["good"], true);
        team.later(days(1));
        word(&see(&team), "stale");
        let end = || team.take("probes", "shop", "end", json!({"reason": "moved"}));
        word(&end().unwrap(), "ended");
        assert_eq!(kind(end()), Kind::Conflict);
        assert_eq!(probe(&team, &good()).len(), 1, "the job that was left, which leaves none");
        team.later(days(1));
        assert!(probe(&team, &good()).is_empty());
        let seen = Seen::new(&world.kernel, Look::of("shop x:1").unwrap(), good()).unwrap();
        // No policy knows the action: measured is what Bailee itself saw.
        assert!(world.run(&team.lea, seen).is_err());
    });
}
