//! Bodies: type, size, form, and that nothing is done for one that did not arrive whole.

use crate::support::{Running, ask};
use kernel::limits::BODY_BYTES;

const RECORD: &str = "/v1/accounts/acme/collections/cases/records/a";
const BATCH: &str = "/v1/accounts/acme/collections/cases/records:batch";

#[test]
fn only_whole_json_in_utf8_is_stored() {
    let server = Running::start(30);
    let worker = server.acme();
    let deep = |levels: usize| [vec![b'['; levels], vec![b']'; levels]].concat();
    for body in [
        b"".to_vec(),
        b"{".to_vec(),
        b"{} {}".to_vec(),
        b"{\"a\":NaN}".to_vec(),
        b"'a'".to_vec(),
        b"\"\xff\"".to_vec(),
        b"\xef\xbb\xbf{}".to_vec(),
        b"\x00".to_vec(),
        deep(101),
        deep(200_000),
    ] {
        let answer = server.expect(400, &ask("PUT", RECORD).by(&worker).json(body));
        assert_eq!(answer.json()["field"], "body");
    }
    let answer = server.expect(400, &ask("PUT", RECORD).by(&worker).json("{\n\"a\": oops}"));
    assert!(answer.detail().contains("line 2 column 6"), "{}", answer.detail());
    server.expect(404, &ask("GET", RECORD).by(&worker));
    server.expect(201, &ask("PUT", RECORD).by(&worker).json(deep(100)));
}

#[test]
fn only_json_is_taken_and_only_where_a_body_is() {
    let server = Running::start(31);
    let worker = server.acme();
    let put = || ask("PUT", RECORD).by(&worker);
    server.expect(415, &put().body("1"));
    server.expect(415, &put().body("1").with("content-type", "text/plain"));
    server.expect(415, &put().json("1").with("content-encoding", "gzip"));
    server.expect(201, &put().body("1").with("content-type", "application/json; charset=utf-8"));
    for (method, path) in [
        ("GET", RECORD),
        ("DELETE", RECORD),
        ("PUT", "/v1/accounts/acme/collections/cases"),
        ("GET", "/healthz"),
    ] {
        let answer = server.expect(400, &ask(method, path).by(&worker).json("{}"));
        assert_eq!(answer.json()["field"], "body", "{method} {path}");
    }
    server.expect(200, &ask("PUT", "/v1/accounts/acme/collections/cases").by(&worker).body(""));
}

#[test]
fn bodies_have_limits() {
    let server = Running::start(32);
    let worker = server.acme();
    let text = |bytes: usize| format!("\"{}\"", "x".repeat(bytes - 2));
    server.expect(201, &ask("PUT", RECORD).by(&worker).json(text(BODY_BYTES)));
    let answer = server.expect(413, &ask("PUT", RECORD).by(&worker).json(text(BODY_BYTES + 1)));
    assert_eq!(answer.json()["type"], "urn:bailee:problem:too-large");
    // Without a promised length the bytes are counted.
    let mut wire = server.connect();
    let head = ask("PUT", RECORD).by(&worker).with("content-type", "application/json");
    wire.send(&head.with("transfer-encoding", "chunked").bytes());
    let chunk = [b"10000\r\n".as_slice(), &[b' '; 0x10000], b"\r\n"].concat();
    for _ in 0..17 {
        wire.send(&chunk);
    }
    wire.send(b"0\r\n\r\n");
    assert_eq!(wire.answer("PUT").status, 413);
    // A promise alone is refused without being waited for.
    let mut wire = server.connect();
    let head = format!(
        "POST {BATCH} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {worker}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n",
        1_u64 << 40
    );
    wire.send(head.as_bytes());
    assert_eq!(wire.answer("POST").status, 413);
    let value = text(BODY_BYTES + 1);
    let batch = format!("{{\"records\":[{{\"id\":\"b\",\"value\":{value}}}]}}");
    let answer = server.expect(400, &ask("POST", BATCH).by(&worker).json(batch));
    assert_eq!(answer.json()["field"], "records[0].value");
    let answer = server.expect(200, &ask("GET", RECORD).by(&worker));
    assert_eq!((answer.body.len(), answer.field("etag")), (BODY_BYTES, Some("\"1\"")));
}

#[test]
fn a_body_that_breaks_off_does_nothing() {
    let server = Running::start(33);
    let worker = server.acme();
    let bytes = ask("PUT", RECORD).by(&worker).json("{\"a\":1}      ").bytes();
    for keep in [bytes.len() - 6, bytes.len() - 1] {
        let mut wire = server.connect();
        wire.send(&bytes[..keep]);
        wire.0.conn.send_close_notify();
        wire.send(b"");
        wire.0.sock.shutdown(std::net::Shutdown::Write).unwrap();
        // Whatever the server says to nobody, it is over when the connection is.
        wire.ended();
    }
    server.expect(404, &ask("GET", RECORD).by(&worker));
}

#[test]
fn a_batch_is_checked_whole_before_anything_is_done() {
    let server = Running::start(34);
    let worker = server.acme();
    let deep = format!("{}1{}", "[".repeat(101), "]".repeat(101));
    for (records, field) in [
        ("[]".to_owned(), "records"),
        (r#"[{"id":"b","value":1},{"id":"b","value":2}]"#.to_owned(), "records"),
        (r#"[{"id":"b","value":1},{"id":"..","value":2}]"#.to_owned(), "records[1].id"),
        (format!(r#"[{{"id":"b","value":1}},{{"id":"c","value":{deep}}}]"#), "records[1].value"),
        (r#"[{"id":"b","value":1,"more":2}]"#.to_owned(), "body"),
        (r#"[{"id":"b"}]"#.to_owned(), "body"),
        (r#"{"id":"b"}"#.to_owned(), "body"),
    ] {
        let body = format!("{{\"records\":{records}}}");
        let answer = server.expect(400, &ask("POST", BATCH).by(&worker).json(body));
        assert_eq!(answer.json()["field"], field, "{records}: {}", answer.text());
    }
    let many: Vec<_> = (0..501).map(|n| format!("{{\"id\":\"r{n}\",\"value\":1}}")).collect();
    let body = format!("{{\"records\":[{}]}}", many.join(","));
    server.expect(400, &ask("POST", BATCH).by(&worker).json(body));
    let list = "/v1/accounts/acme/collections/cases/records";
    assert_eq!(
        server.expect(200, &ask("GET", list).by(&worker)).json()["items"],
        serde_json::json!([])
    );
}

#[test]
fn unknown_members_are_refused_by_name() {
    let server = Running::start(35);
    let admin = server.world.admin.clone();
    for (path, body, word) in [
        ("/v1/accounts", r#"{"name":"x","colour":"red"}"#, "colour"),
        ("/v1/people", r#"{"name":"x","role":["auditor"]}"#, "role"),
        ("/v1/services", r#"{"nam":"x"}"#, "nam"),
        ("/v1/grants", r#"{"to":"service:x","for":"8h"}"#, "for"),
        ("/v1/services", r#"{"name":"x","name":"y"}"#, "duplicate"),
        ("/v1/services", "[]", "line 1 column"),
    ] {
        let answer = server.expect(400, &ask("POST", path).by(&admin).json(body));
        assert!(answer.detail().contains(word), "{path}: {}", answer.detail());
    }
}
