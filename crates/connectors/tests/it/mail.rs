//! Letters handed to real relays, and to ones that misbehave.

use std::io::{BufRead as _, BufReader, Lines};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use connectors::mail::{Attempt, Letter, Relay, Tls, send};
use connectors::{Outcome, REPLY_BYTES, Secret};
use rustls::version::TLS12;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::peer::{self, Authority};

const PATIENCE: Duration = Duration::from_secs(20);
/// For relays that never answer.
const SHORT: Duration = Duration::from_millis(1500);
const REFUSED: Outcome = Outcome::Refused { permanent: true };
const LATER: Outcome = Outcome::Refused { permanent: false };

/// A relay of PyPI's aiosmtpd; it ends with this value.
struct Server {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    port: u16,
}

impl Server {
    fn start(arguments: &[&str]) -> Option<Self> {
        let python = peer::python("aiosmtpd")?;
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/smtp_peer.py");
        let mut child = Command::new(python)
            .arg(script)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let said: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
        let port = u16::try_from(said["port"].as_u64().unwrap()).unwrap();
        Some(Self { child, lines, port })
    }

    /// With the authority's certificate and key, and more words.
    fn secured(authority: &Authority, words: &[&str]) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let issued = authority.issue(&["localhost"], 0, 100 * peer::YEAR);
        let files = [("c.pem", &issued.certificate_pem), ("k.pem", &issued.key_pem)];
        let paths = files.map(|(name, text)| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path.to_str().unwrap().to_owned()
        });
        let mut arguments: Vec<&str> = paths.iter().map(String::as_str).collect();
        arguments.extend(words);
        Self::start(&arguments)
    }

    fn next_letter(&mut self) -> Value {
        serde_json::from_str(&self.lines.next().unwrap().unwrap()).unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        self.child.wait().unwrap();
    }
}

fn relay(port: u16, tls: Tls) -> Relay {
    Relay {
        host: "localhost".into(),
        port,
        tls,
        user: String::new(),
        password: Secret::new(String::new()),
        from: "Bailee <bailee@example.com>".into(),
        root_pem: None,
    }
}

fn letter(to: &str) -> Letter {
    Letter {
        to: to.into(),
        subject: "Breach notice – Zürich".into(),
        text: "First line\n.\n..dots\nÜmlaut\n".into(),
        message_id: "notice-7@example.com".into(),
        at: peer::NOW,
        reply_to: Some("security@example.com".into()),
        headers: vec![("X-Bailee-Notice".into(), "7".into())],
        return_path: None,
    }
}

async fn plain(port: u16, to: &str) -> Attempt {
    send(&relay(port, Tls::DangerNone), &letter(to), PATIENCE).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_takes_a_letter_whole_and_says_so() {
    let Some(mut server) = Server::start(&[]) else { return };
    let attempt = plain(server.port, "Ann <ann@example.org>").await;
    assert_eq!(attempt.outcome, Outcome::Accepted, "{attempt:?}");
    assert_eq!(attempt.reply, "250 2.0.0 queued as T42");
    assert_eq!((attempt.tls, attempt.to.as_str()), (None, "Ann <ann@example.org>"));
    let taken = server.next_letter();
    assert_eq!(taken["sender"], "bailee@example.com");
    assert_eq!(taken["recipients"], serde_json::json!(["ann@example.org"]));
    let content = taken["content"].as_str().unwrap();
    let (head, body) = content.split_once("\r\n\r\n").unwrap();
    assert!(head.contains("Message-ID: <notice-7@example.com>\r\n"), "{head}");
    assert!(head.contains("X-Bailee-Notice: 7\r\n"), "{head}");
    assert!(head.contains("Date: Thu, 01 Jan 2026 00:00:00 +0000"), "{head}");
    assert!(body.starts_with("First line\r\n.\r\n..dots\r\n=C3=9Cmlaut"), "{body}");
    // Sent again it is the same letter, byte for byte.
    plain(server.port, "Ann <ann@example.org>").await;
    assert_eq!(server.next_letter(), taken);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_refuses_is_quoted() {
    let Some(server) = Server::start(&[]) else { return };
    for (to, outcome, reply) in [
        ("full@example.org", LATER, "451 4.2.2 mailbox is full for now"),
        ("nobody@example.org", REFUSED, "550 5.1.1 no such mailbox"),
        ("poison@example.org", REFUSED, "554 5.7.1 the letter is not liked"),
    ] {
        let attempt = plain(server.port, to).await;
        assert_eq!((attempt.outcome, attempt.reply.as_str()), (outcome, reply));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn starttls_needs_a_root_that_is_believed() {
    let authority = Authority::new();
    let Some(mut server) = Server::secured(&authority, &[]) else { return };
    let mut relay = relay(server.port, Tls::StartTls);
    let letter = letter("ann@example.org");
    let strange = send(&relay, &letter, PATIENCE).await;
    assert_eq!(strange.outcome, Outcome::Unreachable);
    assert!(strange.reply.contains("no trusted TLS"), "{}", strange.reply);
    assert_eq!(strange.tls, None);
    relay.root_pem = Some(authority.root_pem.clone());
    let attempt = send(&relay, &letter, PATIENCE).await;
    assert_eq!(attempt.outcome, Outcome::Accepted, "{attempt:?}");
    assert_eq!(attempt.tls.as_deref(), Some("TLSv1.3"));
    assert_eq!(server.next_letter()["tls"], true);
    // The same relay under a name that its certificate does not hold.
    relay.host = "127.0.0.1".into();
    let misnamed = send(&relay, &letter, PATIENCE).await;
    assert_eq!(misnamed.outcome, Outcome::Unreachable);
    assert!(misnamed.reply.contains("not valid for name"), "{}", misnamed.reply);
    relay.root_pem = Some("no certificate".into());
    let rootless = send(&relay, &letter, PATIENCE).await;
    assert!(rootless.reply.contains("no PEM certificate"), "{}", rootless.reply);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_may_ask_who_we_are() {
    let authority = Authority::new();
    for words in [&["login"][..], &["login", "implicit"]] {
        let Some(mut server) = Server::secured(&authority, words) else { return };
        let tls = if words.len() == 1 { Tls::StartTls } else { Tls::Required };
        let mut relay = relay(server.port, tls);
        relay.root_pem = Some(authority.root_pem.clone());
        let letter = letter("ann@example.org");
        // The relay refuses us, not the recipient.
        let nobody = send(&relay, &letter, PATIENCE).await;
        assert_eq!(nobody.outcome, LATER, "{nobody:?}");
        assert!(nobody.reply.starts_with("530 "), "{}", nobody.reply);
        relay.user = "bailee".into();
        relay.password = Secret::new("wrong".into());
        let wrong = send(&relay, &letter, PATIENCE).await;
        assert_eq!(wrong.outcome, Outcome::Unreachable, "{wrong:?}");
        assert!(wrong.reply.starts_with("535 "), "{}", wrong.reply);
        relay.password = Secret::new("correct".into());
        let attempt = send(&relay, &letter, PATIENCE).await;
        assert_eq!(attempt.outcome, Outcome::Accepted, "{attempt:?}");
        assert_eq!(server.next_letter()["login"], "bailee");
        assert!(!format!("{relay:?}").contains("correct"));
    }
}

#[tokio::test]
async fn nobody_there_is_unreachable() {
    for tls in [Tls::DangerNone, Tls::StartTls, Tls::Required] {
        let attempt =
            send(&relay(peer::dead_port(), tls), &letter("a@example.org"), PATIENCE).await;
        assert_eq!(attempt.outcome, Outcome::Unreachable);
        assert!(attempt.reply.contains("cannot connect"), "{}", attempt.reply);
    }
}

#[tokio::test]
async fn a_silent_relay_takes_its_time_and_no_more() {
    let port = peer::serve(hold).await;
    for tls in [Tls::DangerNone, Tls::StartTls, Tls::Required] {
        let attempt = send(&relay(port, tls), &letter("a@example.org"), SHORT).await;
        assert_eq!(attempt.outcome, Outcome::Unreachable);
        assert!(attempt.reply.contains("no reply within 1.5 s"), "{}", attempt.reply);
    }
    // Silent once it has the letter: nobody knows whether it was taken.
    let port = peer::serve(|stream| script(stream, TAKES, None)).await;
    let attempt = send(&relay(port, Tls::DangerNone), &letter("a@example.org"), SHORT).await;
    assert_eq!(attempt.outcome, Outcome::Unreachable);
    assert!(attempt.reply.contains("unknown"), "{}", attempt.reply);
}

#[tokio::test]
async fn a_password_does_not_leave_without_tls() {
    let port = peer::serve(|stream| script(stream, TAKES, Some("250 done\r\n"))).await;
    let mut relay = relay(port, Tls::DangerNone);
    relay.user = "bailee".into();
    let attempt = send(&relay, &letter("a@example.org"), PATIENCE).await;
    assert_eq!(attempt.outcome, Outcome::Unreachable);
    assert!(attempt.reply.contains("without TLS"), "{}", attempt.reply);
}

#[tokio::test]
async fn without_starttls_nothing_is_sent() {
    let port = peer::serve(|stream| script(stream, TAKES, Some("250 done\r\n"))).await;
    let attempt = send(&relay(port, Tls::StartTls), &letter("a@example.org"), PATIENCE).await;
    assert_eq!(attempt.outcome, Outcome::Unreachable);
    assert!(attempt.reply.contains("does not offer STARTTLS"), "{}", attempt.reply);
}

#[tokio::test]
async fn words_before_tls_are_not_taken_for_words_within() {
    const INJECTS: &[&str] =
        &["220 hi\r\n", "250-relay\r\n250 STARTTLS\r\n", "220 go\r\n250 sent already\r\n"];
    let port = peer::serve(|stream| script(stream, INJECTS, None)).await;
    let attempt = send(&relay(port, Tls::StartTls), &letter("a@example.org"), PATIENCE).await;
    assert_eq!(attempt.outcome, Outcome::Unreachable);
    assert!(attempt.reply.contains("out of turn"), "{}", attempt.reply);
}

#[tokio::test]
async fn tls_may_be_1_2_and_is_told() {
    let authority = Authority::new();
    let acceptor = authority.good().acceptor(&[&TLS12]);
    let port =
        peer::serve_tls(acceptor, |stream| script(stream, TAKES, Some("250 done\r\n"))).await;
    let mut relay = relay(port, Tls::Required);
    relay.root_pem = Some(authority.root_pem);
    let attempt = send(&relay, &letter("a@example.org"), PATIENCE).await;
    assert_eq!(attempt.outcome, Outcome::Accepted, "{attempt:?}");
    assert_eq!(attempt.tls.as_deref(), Some("TLSv1.2"));
}

#[tokio::test]
async fn hostile_relays_end_in_a_bounded_sentence() {
    let authority = Authority::new();
    let endless: &'static str = Box::leak(format!("220 {}\r\n", "x".repeat(1 << 20)).into());
    let lines: &'static str = Box::leak("220-x\r\n".repeat(100_000).into());
    let greetings: &[&'static str] = &[
        endless,
        lines,
        "\r\n",
        "220\r\n",
        "HTTP/1.1 400 Bad Request\r\n\r\n",
        "22",
        "999 odd\r\n",
        "220-a\r\n250 b\r\n",
        "554 5.7.1 \x1b[31mgo \u{202e}away\r\n",
        "\u{fffd}\u{0}\r\n",
    ];
    for greeting in greetings {
        let port = peer::serve(|stream| shout(stream, greeting)).await;
        for tls in [Tls::DangerNone, Tls::StartTls, Tls::Required] {
            let mut relay = relay(port, tls);
            relay.root_pem = Some(authority.root_pem.clone());
            let attempt = send(&relay, &letter("a@example.org"), PATIENCE).await;
            assert_eq!(attempt.outcome, Outcome::Unreachable, "{greeting:.40} {attempt:?}");
            assert!(!attempt.reply.is_empty() && attempt.reply.len() <= REPLY_BYTES);
            let bad = |c: char| c.is_control() || c == '\u{202e}';
            assert!(!attempt.reply.contains(bad), "{:?}", attempt.reply);
        }
    }
}

#[tokio::test]
async fn a_letter_that_cannot_be_sent_is_refused_before_any_connection() {
    let relay = relay(peer::dead_port(), Tls::DangerNone);
    let mut letter = letter("a@example.org");
    letter.subject = "Hello\r\nBcc: eve@example.net".into();
    let attempt = send(&relay, &letter, PATIENCE).await;
    assert_eq!(attempt.outcome, REFUSED);
    assert!(attempt.reply.starts_with("not sent: the subject"), "{}", attempt.reply);
}

/// What a relay says from greeting to the question for the letter.
const TAKES: &[&str] =
    &["220 hi\r\n", "250 relay\r\n", "250 ok\r\n", "250 ok\r\n", "354 go on\r\n"];

/// Says one line for each that comes; after the last of them reads a letter and says `end`, or
/// holds the connection open.
async fn script<S>(stream: S, lines: &'static [&'static str], end: Option<&'static str>)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    let mut stream = tokio::io::BufReader::new(stream);
    let mut heard = String::new();
    for (index, line) in lines.iter().enumerate() {
        if index > 0 && stream.read_line(&mut heard).await.unwrap_or(0) == 0 {
            return;
        }
        drop(stream.get_mut().write_all(line.as_bytes()).await);
        drop(stream.get_mut().flush().await);
    }
    let Some(end) = end else {
        drop(stream.read_to_end(&mut Vec::new()).await);
        return;
    };
    heard.clear();
    while !heard.ends_with("\r\n.\r\n") {
        if stream.read_line(&mut heard).await.unwrap_or(0) == 0 {
            return;
        }
    }
    drop(stream.get_mut().write_all(end.as_bytes()).await);
    drop(stream.get_mut().flush().await);
    drop(stream.read_to_end(&mut Vec::new()).await);
}

/// Says this, whatever comes, and ends.
async fn shout(mut stream: TcpStream, text: &str) {
    drop(stream.write_all(text.as_bytes()).await);
    drop(stream.shutdown().await);
    hold(stream).await;
}

/// Reads whatever comes and says nothing.
async fn hold(mut stream: TcpStream) {
    drop(stream.read_to_end(&mut Vec::new()).await);
}
