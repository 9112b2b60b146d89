//! Records from put to restore, over the wire.

use crate::support::{Answer, Running, ask};
use ledger::verify::verify_receipt;
use serde_json::{Value, json};

const RECORDS: &str = "/v1/accounts/acme/collections/cases/records";
const RECORD: &str = "/v1/accounts/acme/collections/cases/records/a";

/// A receipt of this server that holds.
fn check(server: &Running, receipt: &str) {
    let key = server.world.kernel.public_key();
    let report = verify_receipt(receipt, Some(&key));
    assert!(report.ok(), "{report:?}");
}

fn receipt(answer: &Answer) -> String {
    serde_json::value::to_raw_value(&answer.json()["receipt"]).unwrap().get().to_owned()
}

#[test]
fn a_record_comes_back_byte_for_byte_with_receipts_that_hold() {
    let server = Running::start(40);
    let worker = server.acme();
    let body = "{\n\t\"b\" : 1.0e2, \"a\":\"\\u00fc ü\", \"a\":[ ]\n}  ";
    let put = server.expect(201, &ask("PUT", RECORD).by(&worker).json(body));
    assert_eq!((put.json()["id"].as_str(), put.json()["version"].as_u64()), (Some("a"), Some(1)));
    assert_eq!(put.field("etag"), Some("\"1\""));
    check(&server, &receipt(&put));

    let got = server.expect(200, &ask("GET", RECORD).by(&worker));
    assert_eq!(got.text(), body);
    assert_eq!(got.field("content-type"), Some("application/json"));
    assert_eq!(got.field("etag"), Some("\"1\""));
    assert_eq!(got.field("cache-control"), Some("no-store"));
    check(&server, &got.receipt());
    // The receipt commits to what was done and shows nothing of it.
    assert!(!got.receipt().contains("opening"));

    let altered = receipt(&put).replace("\"leaf\":\"", "\"leaf\":\"A");
    assert!(!verify_receipt(altered, None).ok());
}

#[test]
fn conditions_guard_versions() {
    let server = Running::start(41);
    let worker = server.acme();
    let put = |body: &str| ask("PUT", RECORD).by(&worker).json(body);
    let answer = server.expect(412, &put("1").with("if-match", "*"));
    assert_eq!(answer.json()["type"], "urn:bailee:problem:precondition");
    server.expect(201, &put("1").with("if-none-match", "*"));
    server.expect(412, &put("2").with("if-none-match", "*"));
    server.expect(412, &put("2").with("if-match", "\"2\""));
    server.expect(200, &put("2").with("if-match", "\"1\""));
    let same = server.expect(304, &ask("GET", RECORD).by(&worker).with("if-none-match", "\"2\""));
    assert_eq!((same.field("etag"), same.body.len()), (Some("\"2\""), 0));
    check(&server, &same.receipt());
    let newer = server.expect(200, &ask("GET", RECORD).by(&worker).with("if-none-match", "\"1\""));
    assert_eq!(newer.text(), "2");
    let older = server.expect(200, &ask("GET", &format!("{RECORD}?version=1")).by(&worker));
    assert_eq!((older.text(), older.field("etag")), ("1", Some("\"1\"")));
    server.expect(404, &ask("GET", &format!("{RECORD}?version=3")).by(&worker));
    server.expect(412, &ask("DELETE", RECORD).by(&worker).with("if-match", "\"1\""));
    server.expect(200, &ask("DELETE", RECORD).by(&worker).with("if-match", "\"2\""));
}

#[test]
fn what_is_deleted_can_be_restored_and_has_a_history() {
    let server = Running::start(42);
    let worker = server.acme();
    server.expect(201, &ask("PUT", RECORD).by(&worker).json("\"first\""));
    let deleted = server.expect(200, &ask("DELETE", RECORD).by(&worker));
    check(&server, &receipt(&deleted));
    server.expect(404, &ask("GET", RECORD).by(&worker));
    server.expect(404, &ask("DELETE", RECORD).by(&worker));
    let restored = server.expect(200, &ask("POST", &format!("{RECORD}:restore")).by(&worker));
    assert_eq!(restored.json()["version"], 3);
    server.expect(409, &ask("POST", &format!("{RECORD}:restore")).by(&worker));
    assert_eq!(server.expect(200, &ask("GET", RECORD).by(&worker)).text(), "\"first\"");

    let page = |query: &str| {
        server.expect(200, &ask("GET", &format!("{RECORD}/history{query}")).by(&worker)).json()
    };
    let all = page("");
    let told: Vec<_> = all["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|version| {
            (version["version"].as_u64(), version["kind"].as_str(), version["deleted"].as_bool())
        })
        .collect();
    assert_eq!(
        told,
        [
            (Some(3), Some("record.restore"), Some(false)),
            (Some(2), Some("record.delete"), Some(true)),
            (Some(1), Some("record.put"), Some(false)),
        ]
    );
    assert_eq!(
        (all["next"].clone(), all["items"][0]["author"].clone()),
        (Value::Null, json!("service:worker"))
    );
    let first = page("?limit=2");
    assert_eq!(first["next"], "2");
    let second = page("?limit=2&after=2");
    assert_eq!(
        (second["items"][0]["version"].as_u64(), second["next"].clone()),
        (Some(1), Value::Null)
    );
}

#[test]
fn a_batch_is_written_whole_and_lists_come_in_pages() {
    let server = Running::start(43);
    let worker = server.acme();
    let body = r#"{"records":[
        {"id":"x","value":{"n": 1}}, {"id":"y","value": [1 , 2] }, {"id":"z","value":"ü"}
    ]}"#;
    let batch = format!("{RECORDS}:batch");
    let written = server.expect(200, &ask("POST", &batch).by(&worker).json(body)).json();
    let items = written["items"].as_array().unwrap();
    assert_eq!(items.len(), 3);
    for (item, id) in items.iter().zip(["x", "y", "z"]) {
        assert_eq!((item["id"].as_str(), item["version"].as_u64()), (Some(id), Some(1)));
        check(&server, &item["receipt"].to_string());
    }
    for (id, value) in [("x", "{\"n\": 1}"), ("y", "[1 , 2]"), ("z", "\"ü\"")] {
        let got = server.expect(200, &ask("GET", &format!("{RECORDS}/{id}")).by(&worker));
        assert_eq!(got.text(), value);
    }
    let first =
        server.expect(200, &ask("GET", &format!("{RECORDS}?limit=2&values=true")).by(&worker));
    // Values stand in the list as they were given.
    assert!(first.text().contains("\"value\":{\"n\": 1}"), "{}", first.text());
    check(&server, &first.receipt());
    let next = first.json()["next"].as_str().unwrap().to_owned();
    let path = format!("{RECORDS}?limit=2&after={next}");
    let second = server.expect(200, &ask("GET", &path).by(&worker)).json();
    assert_eq!(
        (second["items"][0]["id"].as_str(), second["next"].clone()),
        (Some("z"), Value::Null)
    );
    assert!(second["items"][0].get("value").is_none());
}

#[test]
fn a_repeated_request_is_done_once() {
    let server = Running::start(44);
    let worker = server.acme();
    let put = |body: &str| ask("PUT", RECORD).by(&worker).json(body).with("idempotency-key", "k-1");
    let first = server.expect(201, &put("1"));
    let again = server.expect(201, &put("1"));
    assert_eq!(
        (first.json()["version"].as_u64(), again.json()["version"].as_u64()),
        (Some(1), Some(1))
    );
    check(&server, &receipt(&again));
    let other = server.expect(409, &put("2"));
    assert!(other.detail().contains("Idempotency-Key"), "{}", other.detail());
    // The condition is part of what is asked.
    server.expect(409, &put("1").with("if-match", "\"1\""));
    assert_eq!(server.expect(200, &ask("GET", RECORD).by(&worker)).field("etag"), Some("\"1\""));

    let batch = format!("{RECORDS}:batch");
    let body = r#"{"records":[{"id":"x","value":1},{"id":"y","value":2}]}"#;
    let batch = ask("POST", &batch).by(&worker).json(body).with("idempotency-key", "k-2");
    let (first, again) = (server.expect(200, &batch).json(), server.expect(200, &batch).json());
    assert_eq!(again["items"][1]["version"], first["items"][1]["version"]);
    check(&server, &again["items"][1]["receipt"].to_string());
}

#[test]
fn accounts_and_collections() {
    let server = Running::start(45);
    let worker = server.acme();
    let new = ask("POST", "/v1/accounts").by(&worker).json(r#"{"name":"Wells Fargo & Company"}"#);
    let created = server.expect(201, &new);
    assert_eq!(created.json()["id"], "wells-fargo-company");
    assert_eq!(created.field("location"), Some("/v1/accounts/wells-fargo-company"));
    check(&server, &receipt(&created));
    server.expect(409, &new);
    let seen =
        server.expect(200, &ask("GET", "/v1/accounts/wells-fargo-company").by(&worker)).json();
    assert_eq!(
        (&seen["slot"], &seen["name"]),
        (&created.json()["slot"], &json!("Wells Fargo & Company"))
    );
    assert!(seen["vkey"].as_str().unwrap().contains('+'));
    let list = server.expect(200, &ask("GET", "/v1/accounts").by(&server.world.admin)).json();
    assert_eq!(list["items"].as_array().unwrap().len(), 2);
    assert_eq!((&list["items"][0]["id"], &list["next"]), (&json!("acme"), &Value::Null));

    let notes = "/v1/accounts/wells-fargo-company/collections/notes";
    let missing =
        server.expect(404, &ask("PUT", &format!("{notes}/records/a")).by(&worker).json("1"));
    assert!(missing.detail().contains("`notes`"));
    let created = server.expect(201, &ask("PUT", notes).by(&worker));
    assert_eq!(created.json()["collection"], "notes");
    check(&server, &receipt(&created));
    server.expect(200, &ask("PUT", notes).by(&worker));
    let list = "/v1/accounts/wells-fargo-company/collections";
    let list = server.expect(200, &ask("GET", list).by(&worker)).json();
    assert_eq!(list, json!({"items": [{"collection": "notes"}], "next": null}));
}
