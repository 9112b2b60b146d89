//! TLS, connections, drain, metrics.

use crate::support::{Running, Wire, ask, config, world};
use api::Server;
use kernel::engine::Memory;
use kernel::highwater::Mark;
use reqwest::{Certificate, Client, Method, Version};
use rustls::version::{TLS12, TLS13};
use std::fs::{self, Permissions};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use testkit::World;
use tokio::runtime::{Builder, Runtime};

#[test]
fn tls_1_2_is_refused_unless_it_is_allowed() {
    for (allow, speaks) in [(false, false), (true, true)] {
        let server = Running::configured(1, |config| config.allow_tls12 = allow);
        let authority = server.folder.path().join("data/tls/ca.pem");
        let old = Wire::open(server.address, &authority, &[&TLS12]);
        assert_eq!(old.is_ok(), speaks);
        if let Err(error) = old {
            assert!(error.to_string().contains("ProtocolVersion"), "{error}");
        }
        let new = Wire::open(server.address, &authority, &[&TLS13]);
        assert!(new.is_ok());
    }
}

#[test]
fn plain_http_gets_an_alert_and_no_data() {
    let server = Running::start(2);
    let mut stream = TcpStream::connect(server.address).unwrap();
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    // A reset is an end too.
    let _ = stream.read_to_end(&mut answer);
    // RFC 8446 §5.1: a record of type 21 (alert) with two bytes.
    assert!(answer.is_empty() || (answer[0] == 21 && answer.len() == 7), "{answer:?}");
}

#[test]
fn both_protocols_are_spoken_and_connections_are_kept() {
    let server = Running::start(3);
    let mut wire = server.connect();
    for path in ["/healthz", "/readyz", "/healthz"] {
        wire.send(&ask("GET", path).bytes());
        let answer = wire.answer("GET");
        assert_eq!((answer.status, answer.text()), (200, "{\"status\":\"ok\"}"));
        assert_eq!(answer.field("strict-transport-security"), Some("max-age=63072000"));
        assert_eq!(answer.field("cache-control"), Some("no-store"));
        assert_eq!(answer.field("x-content-type-options"), Some("nosniff"));
    }
    let (runtime, client) = http2(&server);
    let url = format!("https://localhost:{}/healthz", server.address.port());
    for method in [Method::GET, Method::HEAD] {
        let answer = runtime.block_on(client.request(method, &url).send()).unwrap();
        assert_eq!((answer.status().as_u16(), answer.version()), (200, Version::HTTP_2));
        assert_eq!(answer.headers()["content-length"], "15");
    }
}

fn http2(server: &Running) -> (Runtime, Client) {
    let pem = fs::read(server.folder.path().join("data/tls/ca.pem")).unwrap();
    let client = Client::builder()
        .tls_certs_only(Certificate::from_pem_bundle(&pem).unwrap())
        .no_proxy()
        .build()
        .unwrap();
    (Builder::new_current_thread().enable_all().build().unwrap(), client)
}

#[test]
fn http2_carries_bodies_and_refusals() {
    let server = Running::start(11);
    let worker = server.acme();
    let (runtime, client) = http2(&server);
    let records = format!(
        "https://localhost:{}/v1/accounts/acme/collections/cases/records",
        server.address.port()
    );
    let put = |id: &str, token: &str, bytes: usize| {
        let body = format!("\"{}\"", "x".repeat(bytes - 2));
        client
            .put(format!("{records}/{id}"))
            .bearer_auth(token)
            .header("content-type", "application/json")
            .body(body)
            .send()
    };
    runtime.block_on(async {
        // Requests at once on one connection, good and bad ones.
        let (large, huge, stranger) = tokio::join!(
            put("a", &worker, 1 << 20),
            put("b", &worker, (1 << 20) + 1),
            put("c", "none", 1 << 20)
        );
        assert_eq!(large.unwrap().status().as_u16(), 201);
        assert_eq!(huge.unwrap().status().as_u16(), 413);
        assert_eq!(stranger.unwrap().status().as_u16(), 401);
        let got = client.get(format!("{records}/a")).bearer_auth(&worker).send().await.unwrap();
        assert_eq!(
            (got.version(), got.headers()["etag"].to_str().unwrap()),
            (Version::HTTP_2, "\"1\"")
        );
        assert_eq!(got.bytes().await.unwrap().len(), 1 << 20);
    });
}

#[test]
fn a_store_that_does_not_sign_is_not_ready() {
    let (store, mark) = (Memory::default(), Arc::new(Mutex::new(None)));
    let first = World::on(&store, &mark, 12);
    let clock = Arc::clone(&first.clock);
    drop(first);
    // The store is now one commit behind what is known outside of it.
    let known = mark.lock().unwrap().unwrap();
    *mark.lock().unwrap() = Some(Mark { sequence: known.sequence + 1, ..known });
    let kernel = World::reopen(&store, &mark, 12, clock).unwrap();
    let server = Running::over(world(13), kernel.clone());
    let answer = server.expect(503, &ask("GET", "/readyz"));
    assert_eq!(answer.field("retry-after"), Some("1"));
    assert!(answer.detail().contains("behind"), "{}", answer.detail());
    server.expect(200, &ask("GET", "/healthz"));
    drop(server);
    kernel.close();
}

#[test]
fn beyond_the_limit_a_connection_is_closed_at_once() {
    let server = Running::configured(4, |config| config.max_connections = 1);
    // At its start the server looks at itself, which needs the one place for a moment.
    let authority = server.folder.path().join("data/tls/ca.pem");
    let mut first = std::iter::repeat_with(|| Wire::open(server.address, &authority, &[&TLS13]))
        .take(10_000)
        .find_map(Result::ok)
        .unwrap();
    first.send(&ask("GET", "/healthz").bytes());
    assert_eq!(first.answer("GET").status, 200);
    let mut second = TcpStream::connect(server.address).unwrap();
    second.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let mut byte = [0];
    assert_eq!(second.read(&mut byte).unwrap_or(0), 0);
    first.send(&ask("GET", "/healthz").bytes());
    assert_eq!(first.answer("GET").status, 200);
}

#[test]
fn a_shutdown_finishes_what_is_in_flight() {
    let mut server = Running::start(5);
    let worker = server.acme();
    let put = ask("PUT", "/v1/accounts/acme/collections/cases/records/a").by(&worker);
    let bytes = put.json("{\"a\":1}").with("expect", "100-continue").bytes();
    let (head, body) = bytes.split_at(bytes.len() - 7);
    let mut wire = server.connect();
    wire.send(head);
    // The server asks for the body: the request is in flight.
    assert_eq!(wire.answer("PUT").status, 100);
    server.stop();
    while TcpStream::connect(server.address).is_ok() {
        std::thread::yield_now();
    }
    wire.send(body);
    assert_eq!(wire.answer("PUT").status, 201);
    assert!(wire.ended());
    server.ended().unwrap();
    let account = kernel::id::AccountId::parse("acme").unwrap();
    let stored = server.world.get(&worker, (&account, "cases", "a")).unwrap();
    assert_eq!(stored, "{\"a\":1}");
}

#[test]
fn headers_have_a_limit() {
    let server = Running::start(6);
    let mut wire = server.connect();
    wire.send(&ask("GET", "/healthz").with("x-filler", "x".repeat(20 * 1024)).bytes());
    assert_eq!(wire.answer("GET").status, 431);
    let mut wire = server.connect();
    let many = (0..100).fold(ask("GET", "/healthz"), |ask, _| ask.with("x-filler", "x"));
    wire.send(&many.bytes());
    assert_eq!(wire.answer("GET").status, 431);
    server.expect(200, &ask("GET", "/healthz"));
}

#[test]
fn certificates_are_kept_until_they_have_to_be_renewed() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(7);
    let config = config(folder.path());
    let read = |name: &str| fs::read(folder.path().join(name)).unwrap();
    let bind = |config| drop(Server::bind(config, world.kernel.clone()).unwrap());
    bind(&config);
    let (authority, first) = (read("data/tls/ca.pem"), read("data/tls/server.pem"));
    for name in ["data.keys/tls/ca.key", "data.keys/tls/server.key"] {
        let mode = fs::metadata(folder.path().join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    let mode = fs::metadata(folder.path().join("data.keys/tls")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);

    bind(&config);
    assert_eq!(read("data/tls/server.pem"), first);

    let mut named = config.clone();
    named.names.push("bailee.example".to_owned());
    bind(&named);
    let second = read("data/tls/server.pem");
    assert_ne!(second, first);

    for (days, renewed) in [(360, false), (8, true)] {
        world.clock.advance(Duration::from_secs(days * 24 * 3600));
        bind(&named);
        assert_eq!(read("data/tls/server.pem") != second, renewed, "{days}");
    }
    assert_eq!(read("data/tls/ca.pem"), authority);
}

#[test]
fn keys_that_do_not_fit_or_lie_open_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(8);
    let config = config(folder.path());
    let bind = |config| Server::bind(config, world.kernel.clone()).map(drop);
    bind(&config).unwrap();

    let mut other = config.clone();
    other.names.push("no/name:8200".to_owned());
    assert!(bind(&other).unwrap_err().to_string().contains("`no/name:8200`"));
    let mut other = config.clone();
    other.metrics_listen = Some(SocketAddr::from(([0, 0, 0, 0], 0)));
    assert!(bind(&other).unwrap_err().to_string().contains("loopback"));

    let key = folder.path().join("data.keys/tls/ca.key");
    fs::set_permissions(&key, Permissions::from_mode(0o640)).unwrap();
    assert!(bind(&config).unwrap_err().to_string().contains("chmod 600"));
    fs::set_permissions(&key, Permissions::from_mode(0o600)).unwrap();
    bind(&config).unwrap();

    fs::remove_file(&key).unwrap();
    let error = bind(&config).unwrap_err().to_string();
    assert!(error.contains("does not belong"), "{error}");
    fs::remove_file(folder.path().join("data/tls/ca.pem")).unwrap();
    bind(&config).unwrap();

    fs::write(folder.path().join("data/tls/ca.pem"), "nonsense").unwrap();
    assert!(bind(&config).unwrap_err().to_string().contains("no certificate"));
}

#[test]
fn the_server_sees_itself_as_others_do() {
    let server = Running::start(9);
    let measures = ask("GET", "/v1/measures").by(&server.world.admin);
    // The first look begins with the server; each request gives it time.
    let seen = (0..10_000).find_map(|_| {
        let text = server.expect(200, &measures).text().to_owned();
        text.contains("the listener speaks TLSv1.3").then_some(text)
    });
    assert!(seen.is_some());
}

#[test]
fn metrics_are_counted_and_stay_on_this_machine() {
    let server =
        Running::configured(10, |c| c.metrics_listen = Some(SocketAddr::from(([127, 0, 0, 1], 0))));
    server.expect(200, &ask("GET", "/healthz"));
    server.expect(401, &ask("GET", "/v1/accounts"));
    server.expect(404, &ask("GET", "/nothing").by(&server.world.admin));
    let scrape = |request: &str| {
        let mut stream = TcpStream::connect(server.metrics.unwrap()).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text
    };
    let text = scrape("GET /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    for line in [
        "bailee_up 1",
        "bailee_in_flight 0",
        "bailee_unauthenticated_total 1",
        "bailee_requests_total{operation=\"getHealth\",status=\"200\"} 1",
        "bailee_requests_total{operation=\"listAccounts\",status=\"401\"} 1",
        "bailee_requests_total{operation=\"none\",status=\"404\"} 1",
    ] {
        assert!(text.lines().any(|one| one == line), "{line}\n{text}");
    }
    let other = scrape("GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    assert!(other.starts_with("HTTP/1.1 404"), "{other}");
    // The API itself has no such route.
    server.expect(404, &ask("GET", "/metrics").by(&server.world.admin));
}
