//! Imports from the file to the server's records, with everything that goes wrong on the way.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::json;

use crate::server::{Fate, Seen, Server};

const COMPLAINTS: &str = "Id,Company,Text\n\
    1,Wells Fargo & Company,\"a, \"\"b\"\"\"\n\
    2,\"Afni, Inc.\",é\n\
    bad id,Nobody,x\n\
    3,Wells Fargo & Company,\"two\nlines\"\n\
    1,Wells Fargo & Company,later\n";

#[test]
fn rows_become_records_of_their_accounts() {
    let server = Server::start();
    let file = server.file("c.csv", COMPLAINTS);
    let run = server.import(&file, &["--purpose", "load"]).expect_code(1);
    let mut report = run.json();
    assert!(report["seconds"].as_f64().unwrap() >= 0.0);
    report["seconds"] = json!(0);
    let reason = report["errors"][0]["reason"].clone();
    assert!(reason.as_str().unwrap().contains("`bad id` is not a record id"), "{reason}");
    assert_eq!(
        report,
        json!({"rows": 5, "imported": 4, "accounts": 2, "accounts_created": 2, "failed": 1,
            "errors": [{"line": 4, "reason": reason}], "seconds": 0})
    );
    assert!(run.err.starts_with("line 4: "), "{}", run.err);
    let state = server.state();
    assert_eq!(state.accounts["wells-fargo-company"], "Wells Fargo & Company");
    assert_eq!(state.accounts["afni-inc-"], "Afni, Inc.");
    let versions = |id: &str| -> Vec<&str> {
        state.records[id].iter().map(|it| std::str::from_utf8(it).unwrap()).collect()
    };
    assert_eq!(
        versions("wells-fargo-company/complaints/1"),
        [
            r#"{"Id":"1","Company":"Wells Fargo & Company","Text":"a, \"b\""}"#,
            r#"{"Id":"1","Company":"Wells Fargo & Company","Text":"later"}"#,
        ]
    );
    assert_eq!(
        versions("wells-fargo-company/complaints/3"),
        [r#"{"Id":"3","Company":"Wells Fargo & Company","Text":"two\nlines"}"#]
    );
    assert_eq!(
        versions("afni-inc-/complaints/2"),
        [r#"{"Id":"2","Company":"Afni, Inc.","Text":"é"}"#]
    );
    assert!(state.seen.iter().all(|seen| seen.headers["bailee-purpose"] == "load"));
    assert!(!progress_of(&file).exists());
}

fn progress_of(file: &std::path::Path) -> std::path::PathBuf {
    std::path::PathBuf::from(format!("{}.bailee-import", file.display()))
}

#[test]
fn people_get_a_sentence() {
    let server = Server::start();
    let file = server.file("c.csv", "Id,Company\n1,A\n");
    let args = [
        "import",
        file.to_str().unwrap(),
        "--collection",
        "c",
        "--account-column",
        "Company",
        "--id-column",
        "Id",
    ];
    let run = server.run(&args).expect_code(0);
    assert!(
        run.text().starts_with("imported 1 record into 1 account (1 new) in "),
        "{}",
        run.text()
    );
    assert!(run.err.is_empty(), "{}", run.err);
}

#[test]
fn lines_of_json_are_stored_byte_for_byte() {
    let server = Server::start();
    let lines = [
        r#"{"Id":1,"Company":"A","x" : [1.0 , 2e3],"é":"\u00e9"}"#,
        r#" {"Company":"A","Id":"2"} "#,
        r#"{"Company":"A","Id":"2","later":true}"#,
    ];
    let file = server.file("c.jsonl", lines.join("\r\n"));
    assert_eq!(server.import(&file, &[]).expect_code(0).json()["imported"], 3);
    let state = server.state();
    assert_eq!(state.records["a/complaints/1"], [lines[0].as_bytes()]);
    assert_eq!(state.records["a/complaints/2"], [lines[1].as_bytes(), lines[2].as_bytes()]);
}

#[test]
fn an_import_again_finds_the_accounts_there() {
    let server = Server::start();
    let file = server.file("c.csv", COMPLAINTS);
    server.import(&file, &[]).expect_code(1);
    let report = server.import(&file, &[]).expect_code(1).json();
    assert_eq!((&report["imported"], &report["accounts_created"]), (&json!(4), &json!(0)));
    assert_eq!(server.state().records["afni-inc-/complaints/2"].len(), 2);
}

#[test]
fn a_refusal_stops_everything_and_is_4() {
    for (status, path) in [(403, "/v1/accounts"), (401, "/v1/accounts"), (403, "records:batch")] {
        let server = Server::start();
        let rows: String = (0..100).map(|n| format!("{n},Company {n}\n")).collect();
        let file = server.file("c.csv", format!("Id,Company\n{rows}"));
        server.decide(move |seen| {
            let collection = seen.path.ends_with("/collections/complaints");
            if seen.path.ends_with(path) || (path == "/v1/accounts" && collection) {
                Fate::problem(status, "administrators have no right to data")
            } else {
                Fate::Done
            }
        });
        let run = server.import(&file, &[]).expect_code(4);
        assert!(run.err.contains("administrators have no right to data"), "{}", run.err);
        assert!(run.err.contains("account `company-0`"), "{}", run.err);
        assert!(run.out.is_empty());
        let asked = server.asked();
        assert!(asked.len() <= 3, "nothing is sent after a refusal: {asked:?}");
        assert!(!progress_of(&file).exists());
    }
}

#[test]
fn something_not_found_is_a_refusal_too() {
    let server = Server::start();
    let file = server.file("c.csv", "Id,Company\n1,A\n");
    server.decide(|seen| {
        if seen.path.ends_with("batch") {
            Fate::problem(404, "no such account")
        } else {
            Fate::Done
        }
    });
    server.import(&file, &[]).expect_code(4);
}

#[test]
fn who_may_not_create_accounts_may_still_fill_those_that_are_there() {
    let server = Server::start();
    let file = server.file("c.csv", "Id,Company\n1,A\n2,B\n3,C\n");
    for id in ["a", "b"] {
        server.state().accounts.insert(id.to_owned(), id.to_owned());
    }
    server.decide(|seen| {
        let creates = seen.method == "POST" && seen.path == "/v1/accounts";
        if creates { Fate::problem(403, "needs the verb open") } else { Fate::Done }
    });
    let run = server.import(&file, &[]).expect_code(4);
    assert!(run.err.contains("account `c`") && run.err.contains("`open`"), "{}", run.err);
    let state = server.state();
    let written: Vec<&String> = state.records.keys().collect();
    assert_eq!(written, ["a/complaints/1", "b/complaints/2"]);
    let tried = state.seen.iter().filter(|seen| seen.path == "/v1/accounts").count();
    assert_eq!(tried, 1, "the creation of accounts is tried once");
}

#[test]
fn a_record_the_server_refuses_does_not_stop_the_others() {
    let server = Server::start();
    let line = |n: u64| {
        let text = if n % 40 == 7 { "too deep" } else { "fine" };
        format!("{n},A,{text}\n")
    };
    let file = server
        .file("c.csv", format!("Id,Company,Text\n{}", (0..100).map(line).collect::<String>()));
    let report = server.import(&file, &[]).expect_code(1).json();
    assert_eq!((&report["imported"], &report["failed"]), (&json!(97), &json!(3)));
    let lines: Vec<u64> = report["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["line"].as_u64().unwrap())
        .collect();
    assert_eq!(lines, [9, 49, 89]);
    assert_eq!(report["errors"][0]["reason"], "the value is nested too deeply");
    let state = server.state();
    assert!(state.records.values().all(|versions| versions.len() == 1));
    assert!(!state.records.contains_key("a/complaints/7"));
}

#[test]
fn lost_answers_make_no_second_version() {
    let server = Server::start();
    let rows: String = (0..2000).map(|n| format!("{n},Company {}\n", n % 50)).collect();
    let file = server.file("c.csv", format!("Id,Company\n{rows}"));
    let mut asked = 0;
    server.decide(move |_| {
        asked += 1;
        if asked % 9 == 5 { Fate::Lost } else { Fate::Done }
    });
    let report = server.import(&file, &[]).expect_code(0).json();
    assert_eq!(report["imported"], 2000);
    assert_eq!(report["accounts_created"], 50);
    let state = server.state();
    assert_eq!(state.records.len(), 2000);
    assert!(state.records.values().all(|versions| versions.len() == 1));
}

/// A file of several windows, many accounts, some bad rows.
fn large() -> String {
    let row = |n: u64| match n % 1000 {
        500 => format!("{n},\n"),
        _ => format!("{n},Company {}\n", n % 37),
    };
    format!("Id,Company\n{}", (0..13_000).map(row).collect::<String>())
}

#[test]
fn an_interrupted_import_goes_on_and_writes_nothing_twice() {
    let server = Server::start();
    let file = server.file("c.csv", large());
    let batches = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&batches);
    // The server goes away in the middle, with some answers lost.
    server.decide(move |seen: &Seen| {
        if !seen.path.ends_with("records:batch") {
            return Fate::Done;
        }
        match counted.fetch_add(1, Ordering::Relaxed) {
            ..100 => Fate::Done,
            100..104 => Fate::Lost,
            _ => Fate::problem(503, "closing"),
        }
    });
    let run = server.import(&file, &[]).expect_code(6);
    assert!(run.err.contains("run the same command again to go on"), "{}", run.err);
    let progress = std::fs::read_to_string(progress_of(&file)).unwrap();
    assert!(!progress.contains("good-token"));
    assert!(batches.load(Ordering::Relaxed) > 104);
    let before = server.state().records.len();
    assert!((1..12_987).contains(&before), "{before}");

    server.decide(|_| Fate::Done);
    let run = server.import(&file, &[]).expect_code(1);
    assert!(run.err.contains("going on at line "), "{}", run.err);
    let report = run.json();
    assert_eq!(report["rows"], 13_000);
    assert_eq!(report["imported"], 12_987);
    assert_eq!(report["failed"], 13);
    assert_eq!(report["accounts_created"], 37);
    assert_eq!(report["errors"].as_array().unwrap().len(), 13);
    let state = server.state();
    assert_eq!(state.records.len(), 12_987);
    assert!(state.records.values().all(|versions| versions.len() == 1), "a second version");
    assert!(!progress_of(&file).exists());
}

#[test]
fn progress_of_another_import_is_not_used() {
    let server = Server::start();
    let file = server.file("c.csv", large());
    server.decide(|seen| {
        let wrong = seen.path.contains("/company-5/") && seen.path.ends_with("batch");
        if wrong { Fate::problem(409, "no") } else { Fate::Done }
    });
    server.import(&file, &[]).expect_code(5);
    let kept = progress_of(&file);
    assert!(kept.exists());
    server.decide(|_| Fate::Done);
    let asked = server.asked().len();
    let other = Server::start();
    let run = other.import(&file, &[]).expect_code(5);
    assert!(run.err.contains("another server"), "{}", run.err);
    std::fs::write(&kept, "{}").unwrap();
    server.import(&file, &[]).expect_code(5);
    assert_eq!(server.asked().len(), asked);
    let elsewhere = server.folder().join("progress");
    server.import(&file, &["--resume-file", elsewhere.to_str().unwrap()]).expect_code(1);
    assert!(!elsewhere.exists() && kept.exists());
}

#[test]
fn where_progress_cannot_be_kept_the_import_says_so_and_goes_on() {
    let server = Server::start();
    let file = server.file("c.csv", "Id,Company\n1,A\n");
    // What is a folder cannot be written, whoever tries.
    std::fs::create_dir(format!("{}.new", progress_of(&file).display())).unwrap();
    let run = server.import(&file, &[]).expect_code(0);
    assert!(run.err.contains("if interrupted, this import begins anew"), "{}", run.err);
    assert_eq!(run.json()["imported"], 1);
    let run = server.import(&file, &["--resume-file", "/nonexistent/progress"]).expect_code(1);
    assert!(run.err.contains("/nonexistent/progress"), "{}", run.err);
}

#[test]
fn two_names_that_become_one_account_are_told() {
    let server = Server::start();
    let file = server.file("c.csv", "Id,Company\n1,Foo Inc\n2,\"Foo, Inc\"\n3,Foo  Inc\n");
    let run = server.import(&file, &[]).expect_code(0);
    assert_eq!(run.err.matches("warning: ").count(), 1, "{}", run.err);
    assert!(
        run.err.contains("`Foo Inc` and `Foo, Inc` both go to account `foo-inc`"),
        "{}",
        run.err
    );
}

#[test]
fn files_that_cannot_be_imported_are_named() {
    let server = Server::start();
    for (name, content, code, word) in [
        ("a.txt", "Id,Company\n", 2, "--format"),
        ("a.csv", "", 1, "empty"),
        ("b.csv", "Id,Company,Id\n", 1, "two columns"),
        ("c.csv", "Id,company\n", 2, "no column `Company`"),
    ] {
        let file = server.file(name, content);
        let run = server.import(&file, &[]).expect_code(code);
        assert!(run.err.contains(word), "{name}: {}", run.err);
    }
    let missing = server.folder().join("missing.csv");
    assert!(server.import(&missing, &[]).expect_code(1).err.contains("no such file"));
    let run = server.import(server.folder(), &["--format", "csv"]).expect_code(1);
    assert!(run.err.contains("is a directory"), "{}", run.err);
    let file = server.file("d.txt", "Id,Company\n");
    assert_eq!(server.import(&file, &["--format", "csv"]).expect_code(0).json()["rows"], 0);
    assert!(server.asked().is_empty());
}
