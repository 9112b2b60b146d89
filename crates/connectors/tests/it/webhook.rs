//! Signed webhooks to real servers on loopback.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use connectors::webhook::{
    BODY_BYTES, Destination, Plaintext, TOLERANCE, Unverified, post, sign, verify,
};
use connectors::{Outcome, REPLY_BYTES, Secret};
use rustls::version::{TLS12, TLS13};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use crate::peer::{self, Authority, NOW};

const PATIENCE: Duration = Duration::from_secs(20);

/// The example of the Standard Webhooks specification.
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
const AT: u64 = 1_614_265_330;
const BODY: &[u8] = br#"{"test": 2432232314}"#;
const SIGNATURE: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

fn secret() -> Secret {
    Secret::new(SECRET.into())
}

fn check(headers: (&str, &str, &str), body: &[u8], now: u64) -> Result<(), Unverified> {
    verify(&secret(), headers, body, now, TOLERANCE)
}

#[test]
fn the_standards_example_is_signed_and_believed() {
    assert_eq!(sign(&secret(), ID, AT, BODY).unwrap(), SIGNATURE);
    let at = AT.to_string();
    for signatures in [
        SIGNATURE.to_owned(),
        format!("v1,AAAA {SIGNATURE}"),
        format!("v1a,xyz v2,{} {SIGNATURE} v1,bm90", "A".repeat(44)),
    ] {
        assert_eq!(check((ID, &at, &signatures), BODY, AT), Ok(()), "{signatures}");
    }
}

#[test]
fn anything_else_is_not_believed() {
    let at = AT.to_string();
    let other = Err(Unverified::Signature);
    assert_eq!(check((ID, &at, SIGNATURE), br#"{"test": 2432232315}"#, AT), other);
    assert_eq!(check(("msg_other", &at, SIGNATURE), BODY, AT), other);
    assert_eq!(check((ID, &(AT + 1).to_string(), SIGNATURE), BODY, AT), other);
    for signatures in ["", "v1", "v1,", "v2,g0hM", &SIGNATURE[3..], "v1,g0hM9SsE", "v1,!!"] {
        assert_eq!(check((ID, &at, signatures), BODY, AT), other, "{signatures}");
    }
    let many = format!("{}{SIGNATURE}", "v1,AAAA ".repeat(1000));
    assert_eq!(check((ID, &at, &many), BODY, AT), other);
    for now in [AT + TOLERANCE + 1, AT - TOLERANCE - 1, 0, u64::MAX] {
        assert_eq!(check((ID, &at, SIGNATURE), BODY, now), Err(Unverified::Time));
    }
    assert_eq!(check((ID, &at, SIGNATURE), BODY, AT + TOLERANCE), Ok(()));
    for time in ["", "x", "-1", "1614265330.0", "99999999999999999999999"] {
        assert_eq!(check((ID, time, SIGNATURE), BODY, AT), Err(Unverified::Time), "{time}");
    }
    for text in ["", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_", "whsec_AAAA", "whsec_***"] {
        let secret = Secret::new(text.into());
        assert_eq!(sign(&secret, ID, AT, BODY), Err(Unverified::Secret), "{text}");
    }
}

/// The head and the body of a request.
type Request = (String, Vec<u8>);

/// What a server heard.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Vec<Request>>>);

impl Heard {
    fn all(&self) -> Vec<Request> {
        self.0.lock().unwrap().clone()
    }
}

/// Reads one request, keeps it, says `answer` and ends.
async fn answer<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, heard: Heard, answer: Vec<u8>) {
    let mut all = Vec::new();
    let end = loop {
        if let Some(end) = all.windows(4).position(|four| four == b"\r\n\r\n") {
            break end;
        }
        if stream.read_buf(&mut all).await.unwrap_or(0) == 0 {
            return;
        }
    };
    let head = String::from_utf8(all[..end].to_vec()).unwrap();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
    let length: usize = length.parse().unwrap();
    while all.len() < end + 4 + length {
        if stream.read_buf(&mut all).await.unwrap_or(0) == 0 {
            return;
        }
    }
    heard.0.lock().unwrap().push((head, all[end + 4..].to_vec()));
    drop(stream.write_all(&answer).await);
    drop(stream.shutdown().await);
}

fn says(status: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\n\r\n{body}").into_bytes()
}

/// A server with TLS, and where it is.
async fn secured(authority: &Authority, said: Vec<u8>) -> (Destination, Heard) {
    let heard = Heard::default();
    let kept = heard.clone();
    let acceptor = authority.good().acceptor(&[&TLS13]);
    let handle = move |stream| answer(stream, kept.clone(), said.clone());
    let port = peer::serve_tls(acceptor, handle).await;
    (destination(format!("https://localhost:{port}/hook?a=b"), Some(authority)), heard)
}

fn destination(url: String, authority: Option<&Authority>) -> Destination {
    Destination {
        url,
        secret: secret(),
        root_pem: authority.map(|authority| authority.root_pem.clone()),
        plaintext: Plaintext::Refused,
    }
}

#[tokio::test]
async fn a_receiver_gets_what_it_can_verify() {
    let authority = Authority::new();
    let heard = Heard::default();
    let kept = heard.clone();
    let issued = authority.good();
    let acceptor = issued.acceptor(&[&TLS12, &TLS13]);
    let handle = move |stream| answer(stream, kept.clone(), says("202 Accepted", "queued\r\nas 7"));
    let port = peer::serve_tls(acceptor, handle).await;
    let to = destination(format!("https://localhost:{port}/hook?a=b"), Some(&authority));
    let sent = post(&to, "tr-7", NOW, BODY.to_vec(), PATIENCE).await;
    assert_eq!(sent.outcome, Outcome::Accepted, "{sent:?}");
    assert_eq!((sent.status, sent.reply.as_str()), (Some(202), "queued as 7"));
    assert_eq!(sent.bytes, BODY.len());
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, issued.der());
    let hash: String = hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(sent.peer_certificate_sha256, Some(hash));
    let all = heard.all();
    let [(head, body)] = &all[..] else { panic!("{} requests", all.len()) };
    assert!(head.starts_with("POST /hook?a=b HTTP/1.1\r\n"), "{head}");
    let header = |name: &str| {
        let mut found = head.lines().filter_map(|line| line.strip_prefix(&format!("{name}: ")));
        found.next().unwrap_or_else(|| panic!("{name} is not in\n{head}")).to_owned()
    };
    assert_eq!(header("content-type"), "application/json");
    let (id, at) = (header("webhook-id"), header("webhook-timestamp"));
    assert_eq!((id.as_str(), at.as_str()), ("tr-7", "1767225600"));
    let signature = header("webhook-signature");
    assert_eq!(check((&id, &at, &signature), body, NOW), Ok(()));
}

#[tokio::test]
async fn a_stranger_gets_nothing() {
    let (authority, other) = (Authority::new(), Authority::new());
    for believed in [Some(&other), None] {
        let (mut to, heard) = secured(&authority, says("200 OK", "")).await;
        to.root_pem = believed.map(|authority| authority.root_pem.clone());
        let sent = post(&to, "tr-7", NOW, BODY.to_vec(), PATIENCE).await;
        assert_eq!((sent.outcome, sent.status), (Outcome::Unreachable, None), "{sent:?}");
        assert!(sent.reply.contains("certificate"), "{}", sent.reply);
        assert_eq!(heard.all(), []);
    }
    // The right authority, but a certificate for another name.
    let acceptor = authority.issue(&["elsewhere.example"], 0, 100 * peer::YEAR).acceptor(&[&TLS13]);
    let heard = Heard::default();
    let kept = heard.clone();
    let handle = move |stream| answer(stream, kept.clone(), says("200 OK", ""));
    let port = peer::serve_tls(acceptor, handle).await;
    let to = destination(format!("https://localhost:{port}/"), Some(&authority));
    let sent = post(&to, "tr-7", NOW, BODY.to_vec(), PATIENCE).await;
    assert_eq!(sent.outcome, Outcome::Unreachable);
    assert_eq!(heard.all(), []);
}

#[tokio::test]
async fn plaintext_is_by_election_only() {
    let heard = Heard::default();
    let kept = heard.clone();
    let port = peer::serve(move |s| answer(s, kept.clone(), says("200 OK", "fine"))).await;
    let mut to = destination(format!("http://127.0.0.1:{port}/"), None);
    let sent = post(&to, "tr-7", NOW, BODY.to_vec(), PATIENCE).await;
    assert_eq!(sent.outcome, Outcome::Refused { permanent: true });
    assert_eq!((sent.bytes, heard.all().len()), (0, 0));
    assert!(sent.reply.contains("no TLS"), "{}", sent.reply);
    to.plaintext = Plaintext::DangerElected;
    let sent = post(&to, "tr-7", NOW, BODY.to_vec(), PATIENCE).await;
    assert_eq!((sent.outcome, sent.peer_certificate_sha256), (Outcome::Accepted, None));
    assert_eq!(heard.all().len(), 1);
}

#[tokio::test]
async fn what_cannot_be_sent_as_it_is_is_refused_for_good() {
    let authority = Authority::new();
    let mut cases: Vec<(Destination, &str, usize)> = [
        "ftp://localhost/",
        "file:///etc/passwd",
        "javascript:1",
        "",
        "localhost",
        "https://",
        "https://user:pass@localhost/",
        "https://user@localhost/",
        "gopher://x",
    ]
    .into_iter()
    .map(|url| {
        let mut to = destination(url.to_owned(), Some(&authority));
        to.plaintext = Plaintext::DangerElected;
        (to, "tr-7", 1)
    })
    .collect();
    let good =
        || destination(format!("https://localhost:{}/", peer::dead_port()), Some(&authority));
    for id in ["", "a.b", "a b", "a\r\nX: y", "é", &"x".repeat(201)] {
        let id: &'static str = Box::leak(id.to_owned().into());
        cases.push((good(), id, 1));
    }
    cases.push((good(), "tr-7", BODY_BYTES + 1));
    cases.push((Destination { secret: Secret::new("whsec_AAAA".into()), ..good() }, "tr-7", 1));
    cases.push((Destination { root_pem: Some(String::new()), ..good() }, "tr-7", 1));
    for (to, id, bytes) in cases {
        let sent = post(&to, id, NOW, vec![b'x'; bytes], PATIENCE).await;
        assert_eq!(sent.outcome, Outcome::Refused { permanent: true }, "{to:?} {id} {sent:?}");
        assert!(sent.reply.starts_with("not sent: "), "{}", sent.reply);
        assert_eq!(sent.bytes, 0);
    }
}

#[tokio::test]
async fn answers_are_told_apart_and_redirects_are_not_followed() {
    let authority = Authority::new();
    let (elsewhere, lured) = secured(&authority, says("200 OK", "")).await;
    let redirect = format!("307 Temporary Redirect\r\nLocation: {}", elsewhere.url);
    for (status, outcome) in [
        ("204 No Content", Outcome::Accepted),
        ("400 Bad Request", Outcome::Refused { permanent: false }),
        ("410 Gone", Outcome::Refused { permanent: true }),
        ("503 Service Unavailable", Outcome::Refused { permanent: false }),
        (redirect.as_str(), Outcome::Refused { permanent: false }),
    ] {
        let (to, heard) = secured(&authority, says(status, "why")).await;
        let sent = post(&to, "tr-7", NOW, BODY.to_vec(), PATIENCE).await;
        assert_eq!((sent.outcome, sent.status), (outcome, status[..3].parse().ok()), "{sent:?}");
        assert_eq!(heard.all().len(), 1, "{status}");
    }
    assert_eq!(lured.all(), []);
}

#[tokio::test]
async fn answers_are_read_to_a_bound() {
    let authority = Authority::new();
    let long = "x".repeat(1 << 20);
    let (to, _) = secured(&authority, says("200 OK", &long)).await;
    let sent = post(&to, "tr-7", NOW, BODY.to_vec(), PATIENCE).await;
    assert_eq!((sent.outcome, sent.reply.len()), (Outcome::Accepted, REPLY_BYTES));
    let (to, _) =
        secured(&authority, b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nha".to_vec()).await;
    let sent = post(&to, "tr-7", NOW, BODY.to_vec(), PATIENCE).await;
    assert_eq!(sent.outcome, Outcome::Accepted, "an answer that breaks off counts by its status");
    let endless = format!("HTTP/1.1 200 OK\r\nX: {}", "y".repeat(4 << 20)).into_bytes();
    for said in [b"".to_vec(), b"nonsense\r\n\r\n".to_vec(), b"HTTP/1.1 2".to_vec(), endless] {
        let (to, _) = secured(&authority, said).await;
        let sent = post(&to, "tr-7", NOW, BODY.to_vec(), PATIENCE).await;
        assert_eq!((sent.outcome, sent.status), (Outcome::Unreachable, None), "{sent:?}");
        assert!(!sent.reply.is_empty());
    }
}

#[tokio::test]
async fn a_silent_or_absent_receiver_is_unreachable() {
    let authority = Authority::new();
    let absent = destination(format!("https://localhost:{}/", peer::dead_port()), Some(&authority));
    let sent = post(&absent, "tr-7", NOW, BODY.to_vec(), PATIENCE).await;
    assert_eq!((sent.outcome, sent.status), (Outcome::Unreachable, None), "{sent:?}");
    let port = peer::serve_tls(authority.good().acceptor(&[&TLS13]), |mut stream| async move {
        drop(stream.read_to_end(&mut Vec::new()).await);
    })
    .await;
    let silent = destination(format!("https://localhost:{port}/"), Some(&authority));
    let sent = post(&silent, "tr-7", NOW, BODY.to_vec(), Duration::from_millis(300)).await;
    assert_eq!(sent.outcome, Outcome::Unreachable);
    assert!(sent.reply.contains("no answer within 0.3 s"), "{}", sent.reply);
    assert!(!format!("{silent:?}").contains("MfKQ"));
}
