//! Requests and answers: what is sent, what is printed, what is tried again.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

use crate::server::{Fate, Server};

#[test]
fn every_refusal_has_its_exit_code_and_the_servers_words() {
    for (status, code) in [
        (400, 1),
        (401, 4),
        (403, 4),
        (404, 3),
        (409, 5),
        (412, 5),
        (413, 1),
        (429, 6),
        (500, 1),
        (503, 6),
    ] {
        let server = Server::start();
        server.decide(move |_| Fate::problem(status, "`x` is wrong: do this"));
        let run = server.run(&["account", "show", "a"]).expect_code(code);
        assert_eq!(run.err, "error: `x` is wrong: do this\n");
        let run = server.run(&["account", "show", "a", "--json"]).expect_code(code);
        let error: serde_json::Value = serde_json::from_str(&run.err).unwrap();
        assert_eq!((&error["status"], &error["exit"]), (&json!(status), &json!(code)));
    }
}

#[test]
fn a_field_is_named_and_control_characters_are_not_obeyed() {
    let server = Server::start();
    server.decide(|_| Fate::json(400, &json!({"detail": "no \u{1b}[2J", "field": "name"})));
    let run = server.run(&["account", "create", "x"]).expect_code(1);
    assert_eq!(run.err, "error: no \\u{1b}[2J (field `name`)\n");
}

#[test]
fn what_is_no_bailee_is_told_as_such() {
    let server = Server::start();
    server.decide(|_| Fate::Says(200, Vec::new(), b"<html>".to_vec()));
    for args in [&["account", "list"][..], &["account", "show", "a"], &["measure", "list"]] {
        let run = server.run(args).expect_code(1);
        assert!(run.err.contains("is this Bailee?"), "{}", run.err);
    }
}

#[test]
fn a_redirect_is_not_followed() {
    let server = Server::start();
    server.decide(|_| {
        let to = vec![("location", "https://elsewhere.invalid/v1/accounts".to_owned())];
        Fate::Says(307, to, Vec::new())
    });
    server.run(&["account", "list"]).expect_code(1);
    assert_eq!(server.asked(), ["GET /v1/accounts?limit=100"]);
}

#[test]
fn an_unavailable_server_is_asked_again_under_the_same_key() {
    let server = Server::start();
    let mut left = 3;
    server.decide(move |_| {
        left -= 1;
        if left >= 0 { Fate::problem(503, "not now") } else { Fate::Done }
    });
    server.run(&["account", "create", "Ä & B", "--id", "a-b"]).expect_code(0);
    let state = server.state();
    assert_eq!(state.seen.len(), 4);
    assert!(state.seen[0].key().len() == 32);
    assert!(state.seen.iter().all(|seen| seen.key() == state.seen[0].key()));
    assert!(state.seen.iter().all(|seen| seen.body == state.seen[0].body));
    assert_eq!(state.accounts["a-b"], "Ä & B");
}

#[test]
fn tries_are_bounded() {
    let server = Server::start();
    server.decide(|_| Fate::problem(503, "not now"));
    server.run(&["account", "list"]).expect_code(6);
    assert_eq!(server.asked().len(), 6);
}

#[test]
fn a_refusal_is_not_tried_again() {
    let server = Server::start();
    server.decide(|_| Fate::problem(403, "no"));
    server.run(&["account", "create", "x"]).expect_code(4);
    assert_eq!(server.asked().len(), 1);
}

#[test]
fn a_write_whose_answer_was_lost_is_done_once() {
    let server = Server::start();
    let mut asked = 0;
    server.decide(move |_| {
        asked += 1;
        // The first answer shows that the server is there.
        match asked {
            1 => Fate::problem(503, "not now"),
            2 => Fate::Lost,
            _ => Fate::Done,
        }
    });
    let run = server.run_on(&["record", "put", "a", "c", "1", "--json"], b"{}").expect_code(0);
    assert_eq!(run.json()["version"], 1);
    assert_eq!(server.state().records["a/c/1"].len(), 1);
    assert_eq!(server.asked().len(), 3);
}

#[test]
fn two_commands_never_share_a_key() {
    let server = Server::start();
    for _ in 0..2 {
        server.run_on(&["record", "put", "a", "c", "1"], b"{}").expect_code(0);
    }
    let state = server.state();
    assert_ne!(state.seen[0].key(), state.seen[1].key());
    assert_eq!(state.records["a/c/1"].len(), 2);
}

#[test]
fn a_record_is_sent_and_printed_byte_for_byte() {
    let server = Server::start();
    let document = " {\"b\" :1.00,\r\n\"a\":\"\\u00e9é\"}\n".as_bytes();
    let file = server.file("r.json", document);
    server.run(&["record", "put", "a", "c", "1", file.to_str().unwrap()]).expect_code(0);
    assert_eq!(server.state().records["a/c/1"], [document]);
    assert_eq!(server.run(&["record", "get", "a", "c", "1"]).expect_code(0).out, document);
    server.run_on(&["record", "put", "a", "c", "2", "-"], document).expect_code(0);
    assert_eq!(server.state().records["a/c/2"], [document]);
}

#[test]
fn a_record_over_the_limit_is_not_sent() {
    let server = Server::start();
    let large = vec![b'1'; 1024 * 1024 + 1];
    let run = server.run_on(&["record", "put", "a", "c", "1"], &large).expect_code(1);
    assert!(run.err.contains("1048576 bytes"), "{}", run.err);
    assert!(server.asked().is_empty());
    server.run_on(&["record", "put", "a", "c", "1"], &large[1..]).expect_code(0);
}

#[test]
fn purpose_and_conditions_are_headers() {
    let server = Server::start();
    let why = ["--purpose", "Beschwerde prüfen", "--on-behalf-of", "agent 7"];
    let put = |more: &[&str]| {
        let args = [&["record", "put", "a", "c", "1"][..], &why, more].concat();
        server.run_on(&args, b"{}").expect_code(0);
    };
    put(&["--if-absent"]);
    put(&["--if-version", "3"]);
    put(&[]);
    let state = server.state();
    let headers = |place: usize| &state.seen[place].headers;
    assert_eq!(headers(0)["bailee-purpose"], "Beschwerde prüfen");
    assert_eq!(headers(0)["bailee-on-behalf-of"], "agent 7");
    assert_eq!(headers(0)["content-type"], "application/json");
    assert_eq!(headers(0)["if-none-match"], "*");
    assert_eq!(headers(1)["if-match"], "\"3\"");
    assert!(!headers(2).contains_key("if-match") && !headers(2).contains_key("if-none-match"));
}

#[test]
fn receipts_come_from_bodies_and_headers() {
    let server = Server::start();
    let file = server.folder().join("receipt.json");
    let keep = ["--receipt", file.to_str().unwrap()];
    let args = [&["record", "put", "a", "c", "1"][..], &keep].concat();
    let run = server.run_on(&args, b"{}").expect_code(0);
    assert_eq!(run.text(), "record   1\nversion  1\n");
    assert!(run.err.contains("bailee verify"), "{}", run.err);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "{\"format\":\"test\"}\n");
    let receipt = r#"{"format":"bailee-receipt/v1","leaf":"e30="}"#;
    server.decide(move |_| {
        let headers =
            vec![("etag", "\"7\"".to_owned()), ("bailee-receipt", URL_SAFE_NO_PAD.encode(receipt))];
        Fate::Says(200, headers, b"[1, 2]".to_vec())
    });
    let args = [&["record", "get", "a", "c", "1", "--json"][..], &keep].concat();
    let run = server.run(&args).expect_code(0);
    let line = format!("{{\"id\":\"1\",\"version\":7,\"value\":[1, 2],\"receipt\":{receipt}}}\n");
    assert_eq!(run.text(), line);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), format!("{receipt}\n"));
}

#[test]
fn what_programs_get_is_what_the_server_wrote() {
    let server = Server::start();
    let page = r#"{"items":[{"id":"b","name":"B"},{"id":"a","name":"A"}],"next":"p2"}"#;
    server.decide(|_| Fate::Says(200, Vec::new(), page.as_bytes().to_vec()));
    let args = ["account", "list", "--limit", "2", "--after", "p 1&x", "--json"];
    assert_eq!(server.run(&args).expect_code(0).text(), format!("{page}\n"));
    assert_eq!(server.asked(), ["GET /v1/accounts?limit=2&after=p+1%26x"]);
    let table = server.run(&["account", "list"]).expect_code(0);
    assert_eq!(
        table.text(),
        "ACCOUNT  NAME  CREATED\nb        B\na        A\nmore: repeat with --after p2\n"
    );
}

#[test]
fn a_grant_is_asked_for_as_written() {
    let server = Server::start();
    server.decide(|_| Fate::json(201, &json!({"id": "g1", "state": "active"})));
    let args = [
        "grant",
        "create",
        "--to",
        "service:import",
        "--account",
        "*",
        "--collection",
        "a,b",
        "--collection",
        "c",
        "--verbs",
        "read,write,open",
        "--purpose",
        "load",
        "--for",
        "1h30m",
        "--json",
    ];
    assert_eq!(server.run(&args).expect_code(0).json()["id"], "g1");
    let body: serde_json::Value = serde_json::from_slice(&server.state().seen[0].body).unwrap();
    assert_eq!(
        body,
        json!({"to": "service:import", "account": "*", "collections": ["a", "b", "c"],
            "verbs": ["read", "write", "open"], "purpose": "load", "for_seconds": 5400})
    );
}

#[test]
fn each_command_asks_one_thing() {
    let server = Server::start();
    server.decide(|_| {
        let answer = json!({"items": [{"id": "E1", "facts": []}], "next": null, "token": "t"});
        Fate::json(200, &answer)
    });
    for (line, asked) in [
        ("service create import --owner person:anna", "POST /v1/services"),
        ("service list --limit 5", "GET /v1/services?limit=5"),
        ("service show import", "GET /v1/services/import"),
        ("service end import", "DELETE /v1/services/import"),
        (
            "service bind import --issuer https://a --audience b --claim sub=c",
            "POST /v1/services/import/workloads",
        ),
        ("service token create import", "POST /v1/services/import/tokens"),
        ("service token end import t1", "DELETE /v1/services/import/tokens/t1"),
        ("person create anna --role engineer,admin --email a@b", "POST /v1/people"),
        ("person list", "GET /v1/people?limit=100"),
        ("person show anna", "GET /v1/people/anna"),
        ("person end anna", "DELETE /v1/people/anna"),
        (
            "person bind anna --issuer https://id.test --subject s",
            "POST /v1/people/anna/identities",
        ),
        ("person token create anna", "POST /v1/people/anna/tokens"),
        ("grant list", "GET /v1/grants?limit=100"),
        ("grant show g1", "GET /v1/grants/g1"),
        ("grant end ../g1", "DELETE /v1/grants/..%2Fg1"),
        ("collection create a c", "PUT /v1/accounts/a/collections/c"),
        ("collection list a", "GET /v1/accounts/a/collections?limit=100"),
        ("record get a c 1 --version 2", "GET /v1/accounts/a/collections/c/records/1?version=2"),
        (
            "record list a c --values --limit 9",
            "GET /v1/accounts/a/collections/c/records?limit=9&values=true",
        ),
        ("record delete a c 1", "DELETE /v1/accounts/a/collections/c/records/1"),
        ("record restore a c 1", "POST /v1/accounts/a/collections/c/records/1:restore"),
        ("record history a c 1", "GET /v1/accounts/a/collections/c/records/1/history?limit=100"),
        ("measure list", "GET /v1/measures"),
        ("measure show E1", "GET /v1/measures"),
        ("ledger checkpoint a", "GET /v1/accounts/a/ledger/checkpoint"),
        (
            "ledger entries a --from 3 --limit 4 --openings",
            "GET /v1/accounts/a/ledger/entries?from=3&limit=4&openings=true",
        ),
        ("ledger receipt a 7", "GET /v1/accounts/a/ledger/receipts/7"),
        ("ledger receipt a 7 --opening", "GET /v1/accounts/a/ledger/receipts/7?opening=true"),
        ("ledger anchor a", "GET /v1/accounts/a/ledger/anchor"),
        (
            "ledger consistency a --from 1 --to 9",
            "GET /v1/accounts/a/ledger/consistency?from=1&to=9",
        ),
        ("ledger keys", "GET /v1/ledger/keys"),
    ] {
        for more in [&[][..], &["--json"]] {
            let args: Vec<&str> = line.split(' ').chain(more.iter().copied()).collect();
            let run = server.run(&args).expect_code(0);
            assert!(!run.out.is_empty(), "{line}");
            assert_eq!(server.asked(), [asked], "{line}");
            let seen = server.state().seen.pop().unwrap();
            assert_eq!(
                seen.method != "GET",
                seen.headers.contains_key("idempotency-key"),
                "{line}"
            );
        }
    }
    server.run(&["measure", "show", "E99"]).expect_code(3);
}
