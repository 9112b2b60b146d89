//! Probes of servers on loopback with certificates of our own.

use std::time::Duration;

use connectors::tls::{Probe, probe};
use rustls::version::{TLS12, TLS13};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_rustls::TlsAcceptor;

use crate::peer::{self, Authority, NOW, YEAR};

const PATIENCE: Duration = Duration::from_secs(20);
const SAYS: &[u8] =
    b"HTTP/1.1 404 Not Found\r\nX: y\r\nstrict-transport-security:  max-age=63072000 \
\r\nContent-Length: 0\r\n\r\n";

async fn server(acceptor: TlsAcceptor, says: &'static [u8]) -> u16 {
    peer::serve_tls(acceptor, move |mut stream| async move {
        let mut heard = Vec::new();
        while !heard.ends_with(b"\r\n\r\n") {
            if stream.read_buf(&mut heard).await.unwrap_or(0) == 0 {
                return;
            }
        }
        drop(stream.write_all(says).await);
        drop(stream.shutdown().await);
    })
    .await
}

async fn look(port: u16, name: &str, authority: &Authority) -> Probe {
    probe("127.0.0.1", port, name, Some(&authority.root_pem), NOW, PATIENCE).await
}

#[tokio::test]
async fn a_good_server_is_told_whole() {
    let authority = Authority::new();
    let now = i64::try_from(NOW).unwrap();
    let issued = authority.issue(&["localhost", "127.0.0.1", "::1"], now - 10, now + YEAR);
    let port = server(issued.acceptor(&[&TLS12, &TLS13]), SAYS).await;
    let seen = look(port, "localhost", &authority).await;
    assert_eq!(seen.failure, None);
    assert!(seen.reachable && seen.trusted && seen.name_matches && seen.http_answers);
    assert_eq!(seen.version.as_deref(), Some("TLSv1.3"));
    assert!(seen.cipher.as_deref().unwrap().starts_with("TLS_"), "{:?}", seen.cipher);
    assert_eq!(seen.hsts.as_deref(), Some("max-age=63072000"));
    let certificate = seen.certificate.unwrap();
    assert!(certificate.subject.contains("Test Server"), "{}", certificate.subject);
    assert_eq!(certificate.names, ["localhost", "127.0.0.1", "::1"]);
    assert_eq!((certificate.not_before, certificate.not_after), (now - 10, now + YEAR));
    assert_eq!(certificate.sha256.len(), 64);
    assert!(look(port, "127.0.0.1", &authority).await.name_matches);
}

#[tokio::test]
async fn trust_and_name_are_judged_apart() {
    let authority = Authority::new();
    let now = i64::try_from(NOW).unwrap();
    let cases = [
        ("good", now - YEAR, now + 1, "localhost", true, true),
        ("expired", now - YEAR, now - 1, "localhost", false, true),
        ("not yet", now + 10, now + YEAR, "localhost", false, true),
        ("another name", now - YEAR, now + YEAR, "elsewhere.example", true, false),
        ("both", now - YEAR, now - 1, "elsewhere.example", false, false),
    ];
    for (what, from, to, name, trusted, matches) in cases {
        let port =
            server(authority.issue(&["localhost"], from, to).acceptor(&[&TLS13]), SAYS).await;
        let seen = look(port, name, &authority).await;
        assert_eq!((seen.trusted, seen.name_matches), (trusted, matches), "{what}: {seen:?}");
        assert_eq!(seen.failure.is_none(), trusted && matches, "{what}");
        assert!(seen.http_answers && seen.certificate.is_some(), "{what}");
    }
    // A root of somebody else's, and those of the operating system.
    let port = server(authority.good().acceptor(&[&TLS12]), SAYS).await;
    let seen = look(port, "localhost", &Authority::new()).await;
    assert!(!seen.trusted && seen.name_matches && seen.http_answers, "{seen:?}");
    assert_eq!(seen.version.as_deref(), Some("TLSv1.2"));
    let seen = probe("127.0.0.1", port, "localhost", None, NOW, PATIENCE).await;
    assert!(!seen.trusted && seen.certificate.is_some(), "{seen:?}");
}

#[tokio::test]
async fn what_is_no_tls_is_said() {
    let authority = Authority::new();
    let plain = peer::serve(|mut stream| async move {
        drop(stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await);
        drop(stream.read_to_end(&mut Vec::new()).await);
    })
    .await;
    let seen = look(plain, "localhost", &authority).await;
    assert!(seen.reachable && seen.version.is_none() && !seen.trusted && !seen.http_answers);
    assert!(seen.failure.unwrap().contains("no TLS handshake"));
    let seen = look(peer::dead_port(), "localhost", &authority).await;
    assert!(!seen.reachable);
    assert!(seen.failure.unwrap().contains("cannot connect"));
    let seen = look(plain, "not a name", &authority).await;
    assert!(!seen.reachable && seen.failure.unwrap().contains("no host name"));
    let seen = probe("127.0.0.1", plain, "localhost", Some("x"), NOW, PATIENCE).await;
    assert!(seen.failure.is_some());
}

#[tokio::test]
async fn silence_ends_in_time_and_hides_nothing() {
    let authority = Authority::new();
    let silent = peer::serve(|mut stream| async move {
        drop(stream.read_to_end(&mut Vec::new()).await);
    })
    .await;
    let short = Duration::from_millis(300);
    let root = Some(authority.root_pem.as_str());
    let seen = probe("127.0.0.1", silent, "localhost", root, NOW, short).await;
    assert!(seen.reachable && seen.failure.unwrap().contains("in time"));
}

#[tokio::test]
async fn answers_that_are_no_http_are_bounded() {
    let authority = Authority::new();
    let endless: &'static [u8] =
        Box::leak([b"HTTP/1.1 200 OK\r\nA: ", &b"x".repeat(1 << 20)[..]].concat().into());
    let cases: [(&'static [u8], bool); 5] = [
        (b"", false),
        (b"SSH-2.0-x\r\n\r\n", false),
        (b"HTTP/1.1 200 OK\r\n", true),
        (endless, true),
        (b"HTTP/1.1 200 OK\r\n\r\nStrict-Transport-Security: in the body", true),
    ];
    for (says, http) in cases {
        let port = server(authority.good().acceptor(&[&TLS13]), says).await;
        let seen = look(port, "localhost", &authority).await;
        assert!(seen.trusted, "{seen:?}");
        assert_eq!((seen.http_answers, seen.hsts), (http, None));
    }
}
