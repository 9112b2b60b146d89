//! What strangers and broken programs send: each gets a clear refusal, nothing is half written, and
//! the server goes on.

use super::support::client::{Answer, Client, Wire, config};
use super::support::{Server, Store};
use rustls::ClientConfig;
use rustls::version::{TLS12, TLS13};
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;

const RECORDS: &str = "/v1/accounts/acme/collections/cases/records";
const RECORD: &str = "/v1/accounts/acme/collections/cases/records/a";
const MIB: usize = 1 << 20;

/// A server with one record in its first version, and a client that may do everything with it.
struct Scene {
    store: Store,
    server: Server,
    client: Client,
}

impl Scene {
    fn new() -> Self {
        let store = Store::init();
        let server = store.serve();
        let worker = server.acme();
        let mut client = server.client(&worker);
        client.put(RECORD, b"{\"good\":true}").expect(201);
        Self { store, server, client }
    }

    /// Size and root of the account's log: every change and every disclosure moves it.
    fn head(&mut self) -> String {
        let note = self.client.get("/v1/accounts/acme/ledger/checkpoint").expect(200).text();
        note.lines().skip(1).take(2).collect::<Vec<_>>().join(" ")
    }

    /// One hostile request: its status, the field it names, and that nothing came of it.
    #[track_caller]
    fn refuses(
        &mut self,
        status: u16,
        field: Option<&str>,
        send: impl FnOnce(&mut Client) -> Answer,
    ) {
        let before = self.head();
        let answer = send(&mut self.client);
        assert_eq!(answer.status, status, "{}", answer.text());
        let named = answer.problem("field");
        assert_eq!(named, field.unwrap_or_default(), "{}", answer.text());
        let detail = answer.problem("detail");
        assert!(detail.len() > 10 && detail.len() < 1000, "{detail}");
        assert!(!detail.contains(|c: char| c.is_control()), "{detail:?}");
        assert_eq!(before, self.head(), "{detail}");
    }

    /// The record is the one that was written at first, and everything verifies.
    fn unharmed(mut self) {
        self.client.get("/healthz").expect(200);
        let record = self.client.get(RECORD).expect(200);
        assert_eq!(record.text(), "{\"good\":true}");
        assert_eq!(record.field("etag"), Some("\"1\""));
        assert_eq!(self.client.pages(RECORDS).len(), 1);
        assert!(!self.server.logged().contains("panic"), "{}", self.server.logged());
        self.server.stop();
        self.store.verified();
    }
}

fn nested(levels: usize) -> Vec<u8> {
    [vec![b'['; levels], vec![b']'; levels]].concat()
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

#[test]
fn hostile_bodies() {
    let mut scene = Scene::new();
    let huge = [b"\"", vec![b'x'; MIB - 1].as_slice(), b"\""].concat();
    assert_eq!(huge.len(), MIB + 1);
    scene.refuses(413, Some("body"), |client| client.put(RECORD, &huge));
    for body in [
        b"{\"a\":".to_vec(),
        b"{\"a\":1}}".to_vec(),
        b"{\"a\":1} {\"b\":2}".to_vec(),
        b"{'a':1}".to_vec(),
        b"{\"a\":01}".to_vec(),
        b"nul".to_vec(),
        b"\"\xc3\x28\"".to_vec(),
        b"\"\xed\xa0\x80\"".to_vec(),
        b"\"\xc0\xaf\"".to_vec(),
        b"\xef\xbb\xbf{}".to_vec(),
        b"\"a\x00b\"".to_vec(),
        utf16("{\"a\":1}"),
        nested(101),
        nested(100_000),
        [br#"{"a":"#.repeat(50_000), b"1".to_vec(), b"}".repeat(50_000)].concat(),
    ] {
        scene.refuses(400, Some("body"), |client| client.put(RECORD, &body));
    }
    for kind in ["text/plain", "application/xml", "multipart/form-data; boundary=x", ""] {
        scene.refuses(415, Some("content-type"), |client| {
            client.ask("PUT", RECORD, &[("content-type", kind)], Some(b"{}"))
        });
    }
    let utf16_type = [("content-type", "application/json; charset=utf-16")];
    scene.refuses(415, Some("content-type"), |client| {
        client.ask("PUT", RECORD, &utf16_type, Some(&utf16("{}")))
    });
    scene.refuses(415, Some("content-encoding"), |client| {
        client.ask("PUT", RECORD, &[("content-encoding", "gzip")], Some(b"{}"))
    });
    scene.unharmed();
}

#[test]
fn hostile_names() {
    let mut scene = Scene::new();
    let long = "x".repeat(129);
    for id in [
        "%2e",
        "%2e%2e",
        "..",
        "a%2Fb",
        "a%5Cb",
        "a%00",
        "%00",
        "a%0Ab",
        "%C3%A4",
        "a%20b",
        // Cyrillic а, a full-width a, an override of the direction, an overlong slash.
        "%D0%B0",
        "%EF%BD%81",
        "%E2%80%AEa",
        "%C0%AF",
        "%ff",
        "%zz",
        "a%",
        long.as_str(),
    ] {
        let path = format!("{RECORDS}/{id}");
        scene.refuses(400, Some("record"), |client| client.put(&path, b"1"));
        scene.refuses(400, Some("record"), |client| client.get(&path));
        scene.refuses(400, Some("record"), |client| client.delete(&path));
    }
    let long = "x".repeat(65);
    for id in ["ACME", "Acme", "acme%00", "ac%6De%2F", "%D0%B0cme", "..", "a.b", long.as_str()] {
        let path = format!("/v1/accounts/{id}/collections/cases/records/a");
        scene.refuses(400, Some("account"), |client| client.put(&path, b"1"));
    }
    for collection in ["Cases", "..", ".cases", "ca%2Fses", "c%C3%A4ses"] {
        let path = format!("/v1/accounts/acme/collections/{collection}/records/a");
        scene.refuses(400, Some("collection"), |client| client.put(&path, b"1"));
    }
    for path in ["/v1/accounts/acme/collections/cases/records/a/", "/v1/../healthz", "//healthz"] {
        scene.refuses(404, None, |client| client.get(path));
    }
    for (body, field) in [
        (r#"{"name":"x","id":"UPPER"}"#, "id"),
        (r#"{"name":"x","id":"a/b"}"#, "id"),
        (r#"{"name":"x","id":""}"#, "id"),
        (r#"{"name":""}"#, "name"),
        (r#"{"name":"x","id":"house"}"#, "id"),
        ("{\"name\":\"a\\u0000b\"}", "name"),
        (r#"{"name":"x","colour":"red"}"#, "body"),
    ] {
        let accounts = scene.client.pages("/v1/accounts").len();
        let answer = scene.client.post("/v1/accounts", body.as_bytes());
        assert!([400, 409].contains(&answer.status), "{body}: {}", answer.text());
        if answer.status == 400 {
            assert_eq!(answer.problem("field"), field, "{}", answer.text());
        }
        assert_eq!(scene.client.pages("/v1/accounts").len(), accounts, "{body}");
    }
    scene.unharmed();
}

#[test]
fn hostile_queries_and_conditions() {
    let mut scene = Scene::new();
    for (query, field) in [
        ("colour=red", "colour"),
        ("limit=1&limit=1", "limit"),
        ("limit=0", "limit"),
        ("limit=-1", "limit"),
        ("limit=99999999999999999999", "limit"),
        ("values=perhaps", "values"),
        ("after=%00", "after"),
        ("after=..%2F", "after"),
    ] {
        let path = format!("{RECORDS}?{query}");
        scene.refuses(400, Some(field), |client| client.get(&path));
    }
    for tag in ["1", "W/\"1\"", "\"0\"", "\"01\"", "\"1\", \"2\"", "\"\"", "\"x\"", "\"-1\""] {
        for name in ["if-match", "if-none-match"] {
            scene.refuses(400, Some(name), |client| {
                client.ask("PUT", RECORD, &[(name, tag)], Some(b"1"))
            });
        }
    }
    scene.refuses(412, Some("if-match"), |client| {
        client.ask("PUT", RECORD, &[("if-match", "\"7\"")], Some(b"1"))
    });
    scene.refuses(412, Some("if-none-match"), |client| {
        client.ask("PUT", RECORD, &[("if-none-match", "*")], Some(b"1"))
    });
    let long = "k".repeat(129);
    for key in ["", "a b", "a\tb", "schl\u{fc}ssel", &long] {
        scene.refuses(400, Some("idempotency-key"), |client| {
            client.ask("PUT", RECORD, &[("idempotency-key", key)], Some(b"1"))
        });
    }
    let long = "p".repeat(513);
    for purpose in ["", " ", &long] {
        scene.refuses(400, Some("bailee-purpose"), |client| {
            client.ask("GET", RECORD, &[("bailee-purpose", purpose)], None)
        });
    }
    scene.unharmed();
}

#[test]
fn a_key_stands_for_one_request_and_outlives_a_restart() {
    let store = Store::init();
    let server = store.serve();
    let worker = server.acme();
    let mut client = server.client(&worker);
    let key = [("idempotency-key", "once-1")];
    let first = client.ask("PUT", RECORD, &key, Some(b"1")).expect(201).json();
    let again = client.ask("PUT", RECORD, &key, Some(b"1"));
    assert_eq!(again.json()["version"], first["version"], "{}", again.text());
    let other = client.ask("PUT", RECORD, &key, Some(b"2")).expect(409);
    assert!(other.problem("detail").to_lowercase().contains("key"), "{}", other.text());
    let elsewhere = client.ask("PUT", &format!("{RECORDS}/b"), &key, Some(b"1"));
    assert_eq!(elsewhere.status, 409, "{}", elsewhere.text());
    server.kill();

    let server = store.serve();
    let mut client = server.client(&worker);
    let again = client.ask("PUT", RECORD, &key, Some(b"1"));
    assert_eq!(again.json()["version"], first["version"], "{}", again.text());
    client.ask("PUT", RECORD, &key, Some(b"2")).expect(409);
    assert_eq!(client.get(RECORD).expect(200).field("etag"), Some("\"1\""));
    client.get(&format!("{RECORDS}/b")).expect(404);
    server.stop();
    store.verified();
}

#[test]
fn a_batch_is_written_whole_or_not_at_all() {
    let mut scene = Scene::new();
    let batch = format!("{RECORDS}:batch");
    let deep = String::from_utf8(nested(101)).unwrap();
    let big = "x".repeat(MIB);
    for (records, field) in [
        (r#"{"id":"b","value":1},{"id":"..","value":2}"#.to_owned(), "records[1].id"),
        (r#"{"id":"b","value":1},{"id":"b","value":2}"#.to_owned(), "records"),
        (format!(r#"{{"id":"b","value":1}},{{"id":"c","value":{deep}}}"#), "records[1].value"),
        (format!(r#"{{"id":"b","value":1}},{{"id":"c","value":"{big}"}}"#), "records[1].value"),
        (r#"{"id":"b","value":1},{"id":"c"}"#.to_owned(), "body"),
        (r#"{"id":"b","value":1},{"id":"c","value":1,"x":1}"#.to_owned(), "body"),
        (r#"{"id":"b","value":1},"#.to_owned(), "body"),
        (String::new(), "records"),
    ] {
        let body = format!("{{\"records\":[{records}]}}");
        scene.refuses(400, Some(field), |client| client.post(&batch, body.as_bytes()));
    }
    let many: Vec<String> = (0..501).map(|n| format!("{{\"id\":\"r{n}\",\"value\":1}}")).collect();
    let body = format!("{{\"records\":[{}]}}", many.join(","));
    scene.refuses(400, Some("records"), |client| client.post(&batch, body.as_bytes()));
    scene.unharmed();
}

#[test]
fn only_tls_1_3_is_spoken() {
    let scene = Scene::new();
    let old = Wire::open(scene.server.address, config(&scene.server.ca, &[&TLS12]));
    let refused = old.err().unwrap().to_string();
    assert!(refused.contains("ProtocolVersion"), "{refused}");
    // A hello of TLS 1.1 and one of SSL 3, written by hand: version, random, no session, one suite.
    for version in [[3, 2], [3, 0]] {
        let hello =
            [&[1, 0, 0, 43][..], &version, &[7; 32], &[0, 0, 4, 0x00, 0x2f, 0x00, 0x35, 1, 0]]
                .concat();
        let length = u16::try_from(hello.len()).unwrap().to_be_bytes();
        let record = [&[22, 3, 1][..], &length, &hello].concat();
        let answer = plainly(&scene, &record);
        assert!(is_alert(&answer), "{answer:?}");
    }
    for bytes in [
        b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n".as_slice(),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        &[0; 64],
        &[0xff; 5000],
        b"SSH-2.0-OpenSSH_9.6\r\n",
    ] {
        let answer = plainly(&scene, bytes);
        assert!(is_alert(&answer), "{answer:?}");
    }
    scene.unharmed();
}

/// What the port answers to bytes without TLS until it closes.
fn plainly(scene: &Scene, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(scene.server.address).unwrap();
    // The server may have closed in the middle: that is an answer too.
    let _ = stream.write_all(bytes).and_then(|()| stream.shutdown(Shutdown::Write));
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    answer
}

/// Nothing, or one alert (RFC 8446 §6).
fn is_alert(answer: &[u8]) -> bool {
    answer.is_empty() || (answer.len() == 7 && answer[0] == 21)
}

#[test]
fn hostile_http1() {
    let mut scene = Scene::new();
    let before = scene.head();
    let filler = "x".repeat(17 * 1024);
    let big = scene.client.ask("GET", "/healthz", &[("x-filler", &filler)], None);
    assert_eq!(big.status, 431);
    let mut many = String::from("GET /healthz HTTP/1.1\r\nhost: localhost\r\n");
    for number in 0..101 {
        many += &format!("x-{number}: 1\r\n");
    }
    let raw = |scene: &Scene, bytes: &[u8]| {
        let mut wire = scene.client.open().unwrap();
        // The server may answer and close before all of it was sent.
        let _ = wire.send(bytes);
        wire.answer("GET").map(|answer| answer.status)
    };
    assert_eq!(raw(&scene, format!("{many}\r\n").as_bytes()).unwrap(), 431);
    for bytes in [
        b"\r\n\r\n\x00\x01\x02".as_slice(),
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /\x00 HTTP/1.1\r\nhost: x\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nhost: x\r\nbad header\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nhost: x\r\ncontent-length: x\r\n\r\n",
        b"PUT /v1 HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nabcdef",
    ] {
        match raw(&scene, bytes) {
            Ok(status) => assert_eq!(status, 400, "{}", String::from_utf8_lossy(bytes)),
            // Closed without a word, which is allowed for what is no HTTP.
            Err(why) => eprintln!("{}: {why}", String::from_utf8_lossy(bytes)),
        }
    }
    // Both lengths at once (RFC 9112 §6.3): what the chunks say counts or nothing does.
    let authorized = String::from_utf8(scene.client.head("PUT", RECORD, &[], None)).unwrap();
    let both = authorized.replace(
        "\r\n\r\n",
        "\r\ncontent-type: application/json\r\ncontent-length: 3\r\n\
         transfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    );
    assert!([400, 413].contains(&raw(&scene, both.as_bytes()).unwrap()));
    assert_eq!(before, scene.head());
    scene.unharmed();
}

#[test]
fn bodies_that_do_not_arrive_whole_do_nothing() {
    let mut scene = Scene::new();
    let before = scene.head();
    let request = scene.client.head("PUT", RECORD, &[], Some(b"{\"half\":1}          "));
    for less in [1, 10, 20] {
        let mut wire = scene.client.open().unwrap();
        wire.send(&request[..request.len() - less]).unwrap();
        wire.0.conn.send_close_notify();
        wire.send(b"").unwrap();
        wire.0.sock.shutdown(Shutdown::Write).unwrap();
        wire.rest();
    }
    // A body longer than it was said to be: the rest is another request, and no good one.
    let mut wire = scene.client.open().unwrap();
    let short = scene.client.head("PUT", &format!("{RECORDS}/.."), &[], Some(b"1"));
    wire.send(&[&short, b"23456 garbage\r\n\r\n".as_slice()].concat()).unwrap();
    assert_eq!(wire.answer("PUT").unwrap().status, 400);
    let rest = wire.rest();
    assert!(rest.is_empty() || rest.starts_with(b"HTTP/1.1 400"), "{rest:?}");
    assert_eq!(before, scene.head());
    scene.unharmed();
}

#[test]
fn slow_clients_are_in_nobodys_way() {
    let mut scene = Scene::new();
    let request = scene.client.head("PUT", RECORD, &[], Some(b"{\"slow\":1}"));
    let slow: Vec<Wire> = (0..100)
        .map(|number| {
            let mut wire = scene.client.open().unwrap();
            // Some stop within the head, some within the body.
            let end = if number % 2 == 0 { 30 } else { request.len() - 3 };
            wire.send(&request[..end]).unwrap();
            wire
        })
        .collect();
    let silent: Vec<TcpStream> =
        (0..100).map(|_| TcpStream::connect(scene.server.address).unwrap()).collect();
    for _ in 0..20 {
        scene.client.another().get("/healthz").expect(200);
    }
    scene.client.get(RECORD).expect(200);
    drop((slow, silent));
    scene.unharmed();
}

#[test]
fn hostile_http2() {
    let scene = Scene::new();
    let mut h2 = ClientConfig::clone(&config(&scene.server.ca, &[&TLS13]));
    h2.alpn_protocols = vec![b"h2".to_vec()];
    let h2 = Arc::new(h2);
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".as_slice();
    let settings = [0, 0, 0, 4, 0, 0, 0, 0, 0].as_slice();
    let frames: [&[u8]; 7] = [
        // A frame of 16 MiB, headers on stream 0, data on a stream that is not open.
        &[0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 1],
        &[0, 0, 1, 1, 4, 0, 0, 0, 0, 0x82],
        &[0, 0, 1, 0, 0, 0, 0, 0, 9, 1],
        // Headers that are no HPACK, a continuation of nothing, a window of nothing.
        &[0, 0, 4, 1, 5, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff],
        &[0, 0, 1, 9, 4, 0, 0, 0, 1, 0x82],
        &[0, 0, 4, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        &[0x5a; 4096],
    ];
    for frame in frames {
        let mut wire = Wire::open(scene.server.address, Arc::clone(&h2)).unwrap();
        assert_eq!(wire.0.conn.alpn_protocol(), Some(b"h2".as_slice()));
        // The server may close before all of it was sent.
        let _ = wire.send(&[preface, settings, frame].concat());
        let _ = wire.0.sock.shutdown(Shutdown::Write);
        let said = wire.rest();
        assert!(!said.windows(4).any(|bytes| bytes == b"good"), "{said:?}");
        scene.client.another().get("/healthz").expect(200);
    }
    // No preface at all.
    let mut wire = Wire::open(scene.server.address, h2).unwrap();
    let _ = wire.send(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n");
    wire.rest();
    scene.unharmed();
}
