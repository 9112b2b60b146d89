//! Letters to a real relay, by the way that the configuration names.

use super::Scene;
use crate::server::config::{Config, Mail, Protection};
use crate::server::outward::{Means, Outbox, Outward};
use connectors::{Outcome, mail::Letter};
use console::{Console, Request};
use hyper::header::{CONTENT_TYPE, HOST, HeaderName};
use hyper::{HeaderMap, Method};
use kernel::limits::TRIES_PER_MINUTE;
use serde_json::{Value, json};
use std::fs::{self, OpenOptions, Permissions};
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{IpAddr, Ipv4Addr};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;

/// A relay of PyPI's aiosmtpd that offers STARTTLS and asks for a password; it ends with this.
pub(super) struct Server {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Server {
    /// With its certificate and the password of its user in a folder, and how it is configured.
    pub(super) fn start(folder: &Path) -> Option<(Self, Mail)> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let tools = std::env::var_os("BAILEE_TOOLS");
        let tools = tools.map_or_else(|| root.join("../../target/tools"), Into::into);
        let python = tools.join("venv/bin/python");
        if !python.exists() {
            let all = std::env::var_os("BAILEE_TEST_ALL").is_some_and(|value| value == "1");
            assert!(!all, "no {}; cargo xtask test installs it", python.display());
            let why = "skipped: PyPI `aiosmtpd` is not installed";
            eprintln!("{why}");
            if let Some(file) = std::env::var_os("BAILEE_SKIPS") {
                let mut file = OpenOptions::new().create(true).append(true).open(file).unwrap();
                writeln!(file, "{why}").unwrap();
            }
            return None;
        }
        let issued = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let [certificate, key, password] =
            ["c.pem", "k.pem", "password"].map(|name| folder.join(name));
        fs::write(&certificate, issued.cert.pem()).unwrap();
        fs::write(&key, issued.signing_key.serialize_pem()).unwrap();
        fs::write(&password, "correct\n").unwrap();
        fs::set_permissions(&password, Permissions::from_mode(0o600)).unwrap();
        let mut child = Command::new(python)
            .arg(root.join("../connectors/tests/it/smtp_peer.py"))
            .args([&certificate, &key])
            .arg("login")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        let mut server = Self { child, lines };
        let port = server.next()["port"].as_u64().unwrap();
        let mail = Mail {
            host: "localhost".into(),
            port: Some(u16::try_from(port).unwrap()),
            tls: Protection::Starttls,
            user: Some("bailee".into()),
            password_file: Some(password),
            from: "Security <security@example.com>".into(),
            returns: Some("returns@example.com".into()),
            bounces: None,
            bounces_maildir: None,
            ca: Some(certificate),
        };
        Some((server, mail))
    }

    /// The next letter that it took.
    pub(super) fn next(&mut self) -> Value {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    }
}

/// What a contact's browser sees.
pub(super) struct Browser(Console);

impl Browser {
    pub(super) fn new(scene: &Scene) -> Self {
        Self(Console::new(scene.world.kernel.clone(), Arc::new(|| None)))
    }

    /// Status and page of a path, asked from a page of this site or another.
    pub(super) async fn ask(&self, method: Method, path: &str, site: &str) -> (u16, String) {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, "trust.example".parse().unwrap());
        headers.insert(HeaderName::from_static("sec-fetch-site"), site.parse().unwrap());
        headers.insert(CONTENT_TYPE, "application/x-www-form-urlencoded".parse().unwrap());
        let request = Request {
            peer: IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7)),
            method,
            uri: path.parse().unwrap(),
            headers,
            body: vec![],
            number: "r-test".to_owned(),
        };
        let (parts, body) = self.0.answer(request).await.into_parts();
        (parts.status.as_u16(), String::from_utf8(body).unwrap())
    }

    /// Presses the button of a page of this site.
    pub(super) async fn press(&self, path: &str) -> (u16, String) {
        self.ask(Method::POST, path, "same-origin").await
    }
}

/// The path of the link in a letter.
pub(super) fn link(letter: &Value) -> String {
    // Lines are folded as RFC 2045 §6.7 says.
    let text = letter["content"].as_str().unwrap().replace("=\r\n", "");
    let path = text.split("https://trust.example").nth(1).unwrap().split_whitespace().next();
    path.unwrap().to_owned()
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        self.child.wait().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_reaches_the_configured_relay_over_tls_with_a_password() {
    let scratch = tempfile::tempdir().unwrap();
    let Some((mut server, mail)) = Server::start(scratch.path()) else { return };
    let password = mail.password_file.clone().unwrap();
    let config = Config { mail: Some(mail), ..Config::default() };
    fs::set_permissions(&password, Permissions::from_mode(0o644)).unwrap();
    let refused = Means::of(&config, Outbox::empty()).err().unwrap();
    assert!(refused.message.contains("mail.password_file"), "{refused}");
    fs::set_permissions(&password, Permissions::from_mode(0o600)).unwrap();
    let means = Means::of(&config, Outbox::empty()).unwrap();
    let post = means.post.as_ref().unwrap();
    let letter = Letter {
        to: "ann@example.org".into(),
        subject: "Notice".into(),
        text: "Hello".into(),
        message_id: post.message_id("notice-7"),
        at: 1_795_356_131,
        ..Letter::default()
    };
    let attempt = post.send(&letter).await;
    assert_eq!((attempt.outcome, attempt.tls.is_some()), (Outcome::Accepted, true), "{attempt:?}");
    let taken = server.next();
    assert_eq!((&taken["login"], &taken["tls"]), (&json!("bailee"), &json!(true)));
    let content = taken["content"].as_str().unwrap();
    assert!(content.contains("Message-ID: <notice-7@example.com>"), "{content}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_notice_reaches_its_contact_and_is_acknowledged_by_its_link() {
    let scene = Scene::new(706);
    let scratch = tempfile::tempdir().unwrap();
    let Some((mut server, mail)) = Server::start(scratch.path()) else { return };
    let [rita, ann, amy] = [("rita", "responder"), ("ann", "approver"), ("amy", "approver")]
        .map(|(name, role)| scene.world.person(name, &[role]));
    let id = |row: &Value| row["id"].as_str().unwrap().to_owned();
    let new = json!({"title": "odd reads", "class": "breach", "severity": 2, "source": "support"});
    let incident = id(&scene.add(&rita, "incidents", &new));
    let account = scene.account.as_str();
    let affected = json!({"account": account, "harm": "access", "basis": "entries 4 to 9"});
    scene.take(&rita, ("incidents", &incident, "verify"), &affected);
    let new = json!({"account": account, "name": "Ada Ames", "email": "ada@one.example",
        "kind": "security", "source": "order form"});
    let contact = id(&scene.add(&rita, "contacts", &new));
    scene.take(&rita, ("contacts", &contact, "verify"), &json!({"how": "answered a letter"}));
    let new = json!({"incident": incident, "account": account, "contacts": [contact],
        "subject": "Security notice {number}", "text": "What happened:\nodd reads."});
    let row = scene.add(&rita, "notices", &new);
    let notice = id(&row);
    for who in [&ann, &amy] {
        scene.take(who, ("notices", &notice, "approve"), &json!({"sha256": row["sha256"]}));
    }
    scene.take(&rita, ("notices", &notice, "send"), &json!({}));
    let attempts = |scene: &Scene| {
        let row = scene.show("notices", &notice);
        let said = row["receivers"][0]["attempts"].as_array().unwrap().iter();
        said.map(|one| format!("{}: {}", one["outcome"], one["reply"])).collect::<Vec<_>>()
    };
    let without = Outward::new(Means::none(), Handle::current());
    scene.tick(&without).await;
    let said = attempts(&scene);
    assert!(said.len() == 1 && said[0].starts_with("\"unreachable\": \"no mail relay"), "{said:?}");
    let config = Config {
        mail: Some(mail),
        public_url: Some("https://trust.example".to_owned()),
        ..Config::default()
    };
    let outward = Outward::new(Means::of(&config, Outbox::empty()).unwrap(), Handle::current());
    scene.tick(&outward).await;
    assert_eq!(attempts(&scene).len(), 1, "not before its time");
    scene.world.clock.advance(Duration::from_secs(60));
    scene.tick(&outward).await;
    assert_eq!(attempts(&scene)[1], "\"accepted\": \"250 2.0.0 queued as T42\"");
    assert_eq!(scene.show("notices", &notice)["state"]["word"], "notified");
    let letter = server.next();
    assert_eq!(letter["recipients"], json!(["ada@one.example"]));
    let back = letter["sender"].as_str().unwrap();
    assert!(back.starts_with("returns+") && back.ends_with("@example.com"), "{back}");
    assert!(!back.contains("acme") && !back.contains("ada"), "{back}");
    // Lines are folded as RFC 2045 §6.7 says.
    let text = letter["content"].as_str().unwrap().replace("=\r\n", "");
    assert!(text.contains("What happened:\r\nodd reads.\r\n"), "{text}");
    let path = link(&letter);
    assert!(path.starts_with(&format!("/acknowledge/{notice}/")), "{path}");
    let word = || scene.show("notices", &notice)["state"]["word"].clone();
    let browser = Browser::new(&scene);
    for site in ["none", "cross-site"] {
        let (status, page) = browser.ask(Method::GET, &path, site).await;
        assert!(status == 200 && page.contains("northwind-desk"), "{page}");
    }
    assert_eq!(browser.ask(Method::POST, &path, "cross-site").await.0, 403);
    assert_eq!(word(), "notified", "opening it, also by a program, and other sites change nothing");
    let (status, page) = browser.press(&path).await;
    assert!(status == 200 && page.contains("Thank you"), "{page}");
    assert_eq!(word(), "acknowledged");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_does_not_count_is_answered_alike_and_not_tried_for_ever() {
    let scene = Scene::new(707);
    let browser = Browser::new(&scene);
    let none = format!("/acknowledge/notice-none/{}", "0".repeat(64));
    let (status, shown) = browser.ask(Method::GET, &none, "none").await;
    assert!(status == 200 && shown.contains("notice-none"), "a page is shown for any link");
    let short = format!("/acknowledge/notice-none/{}", "0".repeat(63));
    let upper = format!("/acknowledge/notice-none/{}", "A".repeat(64));
    for bad in [short, upper, "/acknowledge/a%2fb/0".to_owned(), "/acknowledge/x/y".to_owned()] {
        let (status, page) = browser.ask(Method::GET, &bad, "none").await;
        assert!(status == 404 && page.contains("does not count"), "{bad}: {page}");
    }
    let (mut refused, mut stopped) = (0, 0);
    for _ in 0..TRIES_PER_MINUTE + 5 {
        match browser.press(&none).await {
            (404, page) if page.contains("does not count") => refused += 1,
            (429, page) if page.contains("wait a minute") => stopped += 1,
            (status, page) => panic!("{status}: {page}"),
        }
    }
    // Four were counted before, for links that are none.
    assert_eq!((refused, stopped), (TRIES_PER_MINUTE - 4, 9));
    scene.world.clock.advance(Duration::from_secs(60));
    assert_eq!(browser.press(&none).await.0, 404, "another minute");
    tokio::task::block_in_place(|| scene.world.kernel.tick(&domain::run_job)).unwrap();
    let entries = scene.world.kernel.entries(kernel::HOUSE, 0, 1000, true).unwrap();
    let told = entries.iter().filter_map(|one| one.opening.as_ref()).filter_map(|opening| {
        let field = |name: &str| opening.fields.get(name).map(|one| one.value.as_str());
        field("source").zip(field("count"))
    });
    let count = TRIES_PER_MINUTE.to_string();
    assert_eq!(told.collect::<Vec<_>>(), [("192.0.2.7", count.as_str())], "one for the minute");
}
