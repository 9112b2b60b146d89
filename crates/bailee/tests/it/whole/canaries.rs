//! Nothing readable rests outside sealed values: not in the store, not in what is logged.

use super::support::search::Canaries;
use super::support::{Server, Store, files_below, json, run, text};
use rusqlite::Connection;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};

const ACCOUNT: &str = "Zaphraxil Quorbeckian";
const SLUG: &str = "zaphraxil-quorbeckian";
const COLLECTION: &str = "wumblefitzer";
const RECORD: &str = "Case.ThrumpelDaxia-77";
const PERSON: &str = "grimboltyaxley";
const SERVICE: &str = "kludgewhipper";

/// Every readable thing that the server is given, each too long to be there by chance.
const WORDS: &[&str] = &[
    "Zaphraxil",
    "Quorbeckian",
    "wumblefitzer",
    "ThrumpelDaxia",
    "BlorvinKestrel",
    "grimboltyaxley",
    "Marwenna Oskyldig",
    "Fennimora@Vexatious",
    "kludgewhipper",
    "Plimsoulgate",
    "Snorvathiel",
    "DrelbinQuast",
    "IdemSkrelliqa",
    "phantomzarbox",
    "Inval!dQuexelor",
    "GlorbnaxiusMalformed",
    "TokkanariumWrong",
];

/// A port that is free now, for the listener of metrics.
fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

struct Planted {
    store: Store,
    metrics: SocketAddr,
    worker: String,
    tokens: Vec<String>,
}

impl Planted {
    fn serve(&self) -> Server {
        let config = self.store.beside("bailee.toml");
        let text_of = format!("metrics_listen = \"{}\"\nanchor_seconds = 1\n", self.metrics);
        fs::write(&config, text_of).unwrap();
        let variables = [("BAILEE_LOG", "debug"), ("RUST_BACKTRACE", "full")];
        self.store.serve_with(&["--config", text(&config)], &variables)
    }

    fn record(id: &str) -> String {
        format!("/v1/accounts/{SLUG}/collections/{COLLECTION}/records/{id}")
    }

    /// The words, and every token.
    fn canaries(&self) -> Canaries {
        let secrets = self.tokens.iter().map(|token| &token[token.len() - 20..]);
        Canaries::new(&WORDS.iter().copied().chain(secrets).collect::<Vec<_>>())
    }
}

/// Gives the words to a new store, by every way in.
fn plant() -> (Planted, Server) {
    let store = Store::init();
    let mut tokens = vec![store.admin.clone()];
    let (worker, metrics) = (String::new(), free_address());
    let mut planted = Planted { store, metrics, worker, tokens: vec![] };
    let server = planted.serve();
    let mut admin = server.administrator();
    let person = format!(
        r#"{{"name":"{PERSON}","full_name":"Marwenna Oskyldig",
            "email":"Fennimora@Vexatious-Mail.example","roles":["auditor"]}}"#
    );
    let person = admin.post("/v1/people", person.as_bytes()).expect(201).json();
    let service = format!(r#"{{"name":"{SERVICE}"}}"#);
    let service = admin.post("/v1/services", service.as_bytes()).expect(201).json();
    for token in [&person["token"], &service["token"]] {
        tokens.push(token.as_str().unwrap().to_owned());
    }
    let grant = format!(
        r#"{{"to":"service:{SERVICE}","account":"*","collections":["*"],
            "verbs":["read","write","delete","export","open"],
            "purpose":"about Plimsoulgate","for_seconds":3600}}"#
    );
    admin.post("/v1/grants", grant.as_bytes()).expect(201);
    planted.worker = tokens[2].clone();
    planted.tokens = tokens;

    let mut client = server.client(&planted.worker);
    client.post("/v1/accounts", format!(r#"{{"name":"{ACCOUNT}"}}"#).as_bytes()).expect(201);
    let collection = format!("/v1/accounts/{SLUG}/collections/{COLLECTION}");
    client.put(&collection, b"").expect(201);
    let grant = format!(
        r#"{{"to":"service:{SERVICE}","account":"{SLUG}","collections":["{COLLECTION}"],
            "verbs":["read"],"purpose":"about Plimsoulgate","for_seconds":3600}}"#
    );
    admin.post("/v1/grants", grant.as_bytes()).expect(201);
    (planted, server)
}

/// Reads and writes with the words in every field that takes text, and requests that are refused.
fn use_it(server: &Server, planted: &Planted, round: u32) {
    let mut client = server.client(&planted.worker);
    let said = [
        ("bailee-purpose", "about Plimsoulgate"),
        ("bailee-on-behalf-of", "DrelbinQuast"),
        ("idempotency-key", &format!("IdemSkrelliqa-{round}")),
    ];
    let body = br#"{"text":"BlorvinKestrel","who":["Marwenna Oskyldig"]}"#;
    let path = Planted::record(RECORD);
    let put = client.ask("PUT", &path, &said, Some(body));
    assert!([200, 201].contains(&put.status), "{}", put.text());
    client.ask("GET", &path, &said[..2], None).expect(200);
    client.get(&format!("{path}/history")).expect(200);
    let list = Planted::record("");
    client.get(&format!("{}?values=true", list.trim_end_matches('/'))).expect(200);
    let batch = br#"{"records":[{"id":"ThrumpelDaxia-2","value":"blorvinkestrel"}]}"#;
    client.post(&format!("{}:batch", list.trim_end_matches('/')), batch).expect(200);
    client.delete(&Planted::record("ThrumpelDaxia-2")).expect(200);
    client.get(&format!("/v1/accounts/{SLUG}/ledger/entries?openings=true")).expect(200);
    server.administrator().get("/v1/people").expect(200);
    server.administrator().get("/v1/measures").expect(200);

    // What is refused is not kept either.
    let other = [("bailee-purpose", "because SNORVATHIEL asked")];
    client.ask("GET", &path, &other, None).expect(403);
    client.get("/v1/accounts/phantomzarbox").expect(404);
    client.get("/v1/accounts/Inval!dQuexelor").expect(400);
    client.get(&Planted::record("Inval!dQuexelor")).expect(400);
    client.get("/v1/accounts?phantomzarbox=1").expect(400);
    client.put(&path, b"{\"a\": GlorbnaxiusMalformed}").expect(400);
    client.ask("PUT", &path, &[("if-match", "Inval!dQuexelor")], Some(b"1")).expect(400);
    client.with_token("bailee_TokkanariumWrong").get("/v1/accounts").expect(401);
    let refused = server.administrator().get(&path);
    assert!([403, 404].contains(&refused.status));
}

/// What anybody may fetch of the log, without openings.
fn outside(server: &Server, planted: &Planted) -> Vec<u8> {
    let mut client = server.client(&planted.worker);
    let base = format!("/v1/accounts/{SLUG}/ledger");
    let note = client.get(&format!("{base}/checkpoint")).expect(200);
    let size: u64 = note.text().lines().nth(1).unwrap().parse().unwrap();
    assert!(size < 256, "{size}: this test reads one tile");
    let mut all = note.body;
    for path in [
        format!("tile/0/000.p/{size}"),
        format!("tile/entries/000.p/{size}"),
        "entries?limit=1000".to_owned(),
        format!("receipts/{}", size - 1),
    ] {
        all.extend(client.get(&format!("{base}/{path}")).expect(200).body);
    }
    all.extend(client.get("/v1/ledger/keys").expect(200).body);
    let mut stream = TcpStream::connect(planted.metrics).unwrap();
    stream.write_all(b"GET /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
    stream.read_to_end(&mut all).unwrap();
    assert!(String::from_utf8_lossy(&all).contains("bailee_up 1"));
    all
}

#[test]
fn no_word_is_readable_in_store_backup_log_metrics_or_leaves() {
    let (planted, server) = plant();
    let canaries = planted.canaries();
    let store = &planted.store;
    use_it(&server, &planted, 1);
    canaries.absent("what anybody may fetch", &outside(&server, &planted));
    // While it is used, with the write-ahead log and its index.
    let names: Vec<_> = files_below(&store.data);
    assert!(names.iter().any(|path| path.ends_with("bailee.db-wal")), "{names:?}");
    canaries.absent_below(&store.data);
    canaries.absent_below(&store.keys);
    let saved = store.beside("saved");
    json(&run(&["backup", "--data", text(&store.data), "--out", text(&saved), "--json"]));
    canaries.absent_below(&saved);
    let limits = fs::read_to_string(format!("/proc/{}/limits", server.pid())).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().nth(4), Some("0"), "{core}");
    let log = server.log.clone();
    server.kill();
    canaries.absent_below(&store.data);
    canaries.absent("the log of a killed server", &fs::read(log).unwrap());

    let server = planted.serve();
    use_it(&server, &planted, 2);
    let log = server.log.clone();
    server.stop();
    canaries.absent_below(&store.data);
    canaries.absent("the log of a stopped server", &fs::read(&log).unwrap());
    // The search does find what is there: the same words lie open in an export.
    let server = planted.serve();
    let out = store.beside("exported");
    server.did(&planted.worker, &["export", "--account", SLUG, "--out", text(&out), "--json"]);
    let open = fs::read(out.join(format!("records/{COLLECTION}.ndjson"))).unwrap();
    assert!(canaries.find(&open).len() >= 3);
    canaries.absent_below(&out.join("tile"));
    canaries.absent("checkpoint", &fs::read(out.join("checkpoint")).unwrap());
}

#[test]
fn an_internal_error_names_nothing_readable_and_ends_nothing_else() {
    let (planted, server) = plant();
    let canaries = planted.canaries();
    let store = &planted.store;
    use_it(&server, &planted, 1);
    let damaged = Planted::record("ThrumpelDaxia-3");
    let long = format!("\"BlorvinKestrel {}\"", "x".repeat(50_000));
    server.client(&planted.worker).put(&damaged, long.as_bytes()).expect(201);
    server.stop();

    let db = Connection::open(store.data.join("bailee.db")).unwrap();
    let (row, mut sealed): (i64, Vec<u8>) = db
        .query_row(
            "SELECT row, sealed FROM versions ORDER BY length(sealed) DESC LIMIT 1",
            [],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .unwrap();
    assert!(sealed.len() > 50_000);
    let middle = sealed.len() / 2;
    sealed[middle] ^= 1;
    db.execute("UPDATE versions SET sealed = ?1 WHERE row = ?2", (sealed, row)).unwrap();
    drop(db);

    let server = planted.serve();
    let mut client = server.client(&planted.worker);
    let answer = client.get(&damaged).expect(500);
    let request = answer.problem("request");
    assert!(answer.problem("detail").contains(&request), "{}", answer.text());
    canaries.absent("the answer", &answer.body);
    client.get(&Planted::record(RECORD)).expect(200);
    client.put(&damaged, b"\"again\"").expect(200);
    assert_eq!(client.get(&damaged).expect(200).text(), "\"again\"");
    let log = server.logged();
    assert!(log.lines().any(|line| line.contains(&request)), "{log}");
    canaries.absent("the log", log.as_bytes());
    server.stop();
    let (code, said) = store.verify();
    assert_eq!(code, Some(7), "{said}");
    assert!(said.contains(&format!("versions row {row}")) || said.contains("versions"), "{said}");
    canaries.absent("the report", said.as_bytes());
}
