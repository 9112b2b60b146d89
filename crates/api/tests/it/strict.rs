//! Logins, paths, queries, header fields: what is not understood is refused by name.

use crate::support::{Running, ask};

const RECORD: &str = "/v1/accounts/acme/collections/cases/records/a";

#[test]
fn a_login_is_checked_before_anything_else() {
    let server = Running::start(20);
    // What is wrong besides is not told.
    for (method, path) in [
        ("GET", "/v1/accounts"),
        ("GET", "/v1/accounts/none?bad=1"),
        ("DELETE", "/v1/accounts"),
        ("GET", "/nothing"),
        ("BREW", "/"),
        ("PUT", RECORD),
    ] {
        let answer = server.expect(401, &ask(method, path));
        assert_eq!(answer.field("www-authenticate"), Some("Bearer"));
        assert_eq!(answer.json()["type"], "urn:bailee:problem:unauthenticated");
        assert!(answer.json()["request"].as_str().unwrap().starts_with("r-"));
    }
    let admin = &server.world.admin;
    for value in [
        "Bearer",
        "Bearer x",
        "Basic YTpi",
        &format!("Token {admin}"),
        &format!("Bearer {admin} ,"),
    ] {
        server.expect(401, &ask("GET", "/v1/accounts").with("authorization", value));
    }
    server.expect(401, &ask("GET", "/v1/accounts").by(admin).by(admin));
    server.expect(200, &ask("GET", "/v1/accounts").by(admin));
}

#[test]
fn a_refusal_does_not_wait_for_the_body() {
    let server = Running::start(21);
    let mut wire = server.connect();
    let head = format!("PUT {RECORD} HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000000\r\n\r\n");
    wire.send(head.as_bytes());
    assert_eq!(wire.answer("PUT").status, 401);
    // What would follow is not waited for: the connection ends.
    assert!(wire.ended());

    // A small body is listened to, and the connection is kept.
    let mut wire = server.connect();
    wire.send(&ask("PUT", RECORD).json(vec![b'x'; 5000]).bytes());
    assert_eq!(wire.answer("PUT").status, 401);
    wire.send(&ask("GET", "/healthz").bytes());
    assert_eq!(wire.answer("GET").status, 200);
}

#[test]
fn paths_have_one_spelling() {
    let server = Running::start(22);
    let worker = server.acme();
    let long = format!("/v1/accounts/acme/collections/cases/records/{}", "x".repeat(129));
    for (path, status, field) in [
        ("/v1/accounts/", 404, None),
        ("//v1/accounts", 404, None),
        ("/v1//accounts", 404, None),
        ("/V1/accounts", 404, None),
        ("/v1/%61ccounts", 404, None),
        ("/v1/accounts/acme/", 404, None),
        ("/v1/accounts/acme/collections/cases/records/a/", 404, None),
        ("/v1/accounts/acme/collections/cases/records/a/b", 404, None),
        ("/v1/accounts/.", 400, Some("account")),
        ("/v1/accounts/..", 400, Some("account")),
        ("/v1/accounts/%2e%2e", 400, Some("account")),
        ("/v1/accounts/ACME", 400, Some("account")),
        ("/v1/accounts/acm%65", 200, None),
        ("/v1/accounts/%D0%B0cme", 400, Some("account")),
        ("/v1/accounts/acme%00", 400, Some("account")),
        ("/v1/accounts/%ff", 400, Some("account")),
        ("/v1/accounts/%zz", 400, Some("account")),
        ("/v1/accounts/acme/collections/cases/records/%2e", 400, Some("record")),
        ("/v1/accounts/acme/collections/cases/records/a%2Fb", 400, Some("record")),
        ("/v1/accounts/acme/collections/cases/records/a%252e", 400, Some("record")),
        ("/v1/accounts/acme/collections/cases/records/%E2%80%AEa", 400, Some("record")),
        (long.as_str(), 400, Some("record")),
        ("/v1/accounts/acme/collections/.cases/records/a", 400, Some("collection")),
        ("/v1/accounts/acme/collections/Cases/records/a", 400, Some("collection")),
        ("/v1/people/%2e", 400, Some("name")),
        ("/v1/grants/a%2Fb", 400, Some("grant")),
        ("/v1/accounts/acme/ledger/tile/9/000", 400, Some("tile")),
        ("/v1/accounts/acme/ledger/tile/0/../0/000", 400, Some("tile")),
        ("/v1/accounts/acme/ledger/receipts/01", 400, Some("index")),
        ("/v1/accounts/acme/ledger/receipts/-1", 400, Some("index")),
    ] {
        let answer = server.expect(status, &ask("GET", path).by(&worker));
        if status != 200 {
            assert_eq!(answer.json()["field"].as_str(), field, "{path}: {}", answer.text());
        }
    }
}

#[test]
fn a_method_that_is_not_there_names_those_that_are() {
    let server = Running::start(23);
    let worker = server.acme();
    for (method, path, allow) in [
        ("PATCH", RECORD, "PUT, GET, DELETE"),
        ("HEAD", RECORD, "PUT, GET, DELETE"),
        ("HEAD", "/v1/accounts/acme/collections/cases/records", "GET"),
        ("GET", "/v1/accounts/acme/collections/cases/records/a:restore", "POST"),
        ("DELETE", "/v1/accounts/acme", "GET, HEAD"),
        ("PUT", "/v1/accounts", "POST, GET, HEAD"),
        ("OPTIONS", "/v1/accounts", "POST, GET, HEAD"),
    ] {
        let answer = server.expect(405, &ask(method, path).by(&worker));
        assert_eq!(answer.field("allow"), Some(allow), "{method} {path}");
    }
    let answer = server.expect(405, &ask("POST", "/healthz"));
    assert_eq!(answer.field("allow"), Some("GET, HEAD"));
    let answer = server.expect(200, &ask("HEAD", "/v1/accounts/acme").by(&worker));
    assert!(answer.field("content-length").unwrap().parse::<usize>().unwrap() > 50);
}

#[test]
fn queries_hold_what_is_known_once() {
    let server = Running::start(24);
    let worker = server.acme();
    let records = "/v1/accounts/acme/collections/cases/records";
    for (path, field) in [
        (format!("{records}?colour=red"), "colour"),
        (format!("{records}?limit=1&limit=1"), "limit"),
        (format!("{records}?limit=0"), "limit"),
        (format!("{records}?limit=1001"), "limit"),
        (format!("{records}?limit=01"), "limit"),
        (format!("{records}?limit=%2B1"), "limit"),
        (format!("{records}?limit="), "limit"),
        (format!("{records}?values=yes"), "values"),
        (format!("{records}?after=x"), "after"),
        (format!("{records}?after=-1"), "after"),
        (format!("{RECORD}?version=0"), "version"),
        (format!("{RECORD}?limit=1"), "limit"),
        ("/v1/accounts/acme?x".to_owned(), "x"),
        ("/v1/accounts/acme/ledger/consistency?from=1".to_owned(), "to"),
        ("/v1/accounts/acme/ledger/consistency?from=2&to=1".to_owned(), "from"),
        ("/v1/accounts/acme/ledger/entries?limit=5000".to_owned(), "limit"),
    ] {
        let answer = server.expect(400, &ask("GET", &path).by(&worker));
        assert_eq!(answer.json()["field"], field, "{path}: {}", answer.text());
    }
    let answer = server.expect(400, &ask("GET", &format!("{records}?colour=red")).by(&worker));
    assert_eq!(
        answer.detail(),
        "unknown query parameter `colour`: there is `limit`, `after`, `values`"
    );
    server.expect(200, &ask("GET", &format!("{records}?limit=1000&values=true")).by(&worker));
    server.expect(200, &ask("GET", &format!("{records}?")).by(&worker));
}

#[test]
fn header_fields_are_checked() {
    let server = Running::start(25);
    let worker = server.acme();
    for (name, value) in [
        ("if-match", "3"),
        ("if-match", "W/\"3\""),
        ("if-none-match", "\"x\""),
        ("bailee-purpose", ""),
        ("bailee-on-behalf-of", &"x".repeat(257)),
        ("idempotency-key", "a b"),
    ] {
        let put = ask("PUT", RECORD).by(&worker).json("1").with(name, value);
        assert_eq!(server.expect(400, &put).json()["field"], name, "{value}");
    }
    let both =
        ask("PUT", RECORD).by(&worker).json("1").with("if-match", "*").with("if-none-match", "*");
    server.expect(400, &both);
    // A condition that a route does not know would silently not hold.
    for (method, path, name) in [
        ("GET", RECORD, "if-match"),
        ("GET", "/v1/accounts/acme", "if-none-match"),
        ("PUT", "/v1/accounts/acme/collections/cases", "if-none-match"),
        ("GET", "/healthz", "if-none-match"),
    ] {
        let answer = server.expect(400, &ask(method, path).by(&worker).with(name, "*"));
        assert_eq!(answer.json()["field"], name);
    }
    server.expect(400, &ask("GET", RECORD).by(&worker).with("idempotency-key", "k"));
}
