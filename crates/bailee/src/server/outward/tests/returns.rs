//! Letters that come back from a real mail server: Debian's postfix, in a folder of its own.

#[path = "../../../../tests/it/whole/support/postfix.rs"]
mod postfix;

use super::Scene;
use crate::server::config::{Config, Mail, Protection};
use crate::server::outward::{Means, Outbox, Outward};
use crate::server::returns::Returns;
use kernel::HOUSE;
use postfix::Postfix;
use serde_json::{Value, json};
use std::fs;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::runtime::Handle;

/// Mail configuration with a relay on this port, and a listener for what comes back.
fn mail(port: u16) -> Mail {
    Mail {
        host: "127.0.0.1".into(),
        port: Some(port),
        tls: Protection::DangerNone,
        user: None,
        password_file: None,
        from: "Security <security@example.com>".into(),
        returns: Some("returns@example.com".into()),
        bounces: Some("127.0.0.1:0".into()),
        bounces_maildir: None,
        ca: None,
    }
}

fn id(row: &Value) -> String {
    row["id"].as_str().unwrap().to_owned()
}

/// A notice to contacts with these addresses, approved and sent; its incident, and its id.
fn notice(scene: &Scene, addresses: &[&str]) -> (String, String) {
    let people = [("rita", "responder"), ("ann", "approver"), ("amy", "approver")];
    let [rita, ann, amy] = people.map(|(name, role)| scene.world.person(name, &[role]));
    let new = json!({"title": "odd reads", "class": "breach", "severity": 2, "source": "support"});
    let incident = id(&scene.add(&rita, "incidents", &new));
    let account = scene.account.as_str();
    let affected = json!({"account": account, "harm": "access", "basis": "entries 4 to 9"});
    scene.take(&rita, ("incidents", &incident, "verify"), &affected);
    let contact = |email: &&str| {
        let new = json!({"account": account, "name": "Ada Ames", "email": email,
            "kind": "security", "source": "order form"});
        let contact = id(&scene.add(&rita, "contacts", &new));
        scene.take(&rita, ("contacts", &contact, "verify"), &json!({"how": "a letter"}));
        contact
    };
    let contacts: Vec<_> = addresses.iter().map(contact).collect();
    let new = json!({"incident": incident, "account": account, "contacts": contacts,
        "subject": "Security notice {number}", "text": "What happened:\nodd reads."});
    let row = scene.add(&rita, "notices", &new);
    for who in [&ann, &amy] {
        scene.take(who, ("notices", &id(&row), "approve"), &json!({"sha256": row["sha256"]}));
    }
    scene.take(&rita, ("notices", &id(&row), "send"), &json!({}));
    (incident, id(&row))
}

/// How much is recorded; asked for before what it is about, or the last change goes unseen.
fn size(scene: &Scene) -> u64 {
    scene.world.kernel.head(HOUSE).unwrap().size
}

/// Until more is recorded than this.
async fn grown(scene: &Scene, before: u64) {
    while size(scene) == before {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_that_postfix_sends_back_opens_the_duty_again() {
    let scene = Scene::new(731);
    let returns = Returns::of(Some(&mail(1)), &scene.world.kernel).unwrap().unwrap();
    let Some(postfix) = Postfix::start(returns.port().unwrap()) else { return };
    postfix.ready();
    let config = Config { mail: Some(mail(postfix.port)), ..Config::default() };
    let outward = Outward::new(Means::of(&config, Outbox::empty()).unwrap(), Handle::current());
    let (incident, notice) = notice(&scene, &["ada@one.example", "gone-4711@one.example"]);
    scene.tick(&outward).await;
    let row = scene.show("notices", &notice);
    assert_eq!(row["state"]["word"], "notified", "postfix took both: {row}");
    let reports =
        |row: &Value, one: usize| row["receivers"][one]["reports"].as_array().unwrap().len();
    // Only now is there anybody who takes what comes back; postfix tries until then.
    let taker = tokio::spawn(returns.run());
    let (mut row, mut seen) = (row, 0);
    while reports(&row, 0) == 0 || reports(&row, 1) == 0 {
        grown(&scene, seen).await;
        seen = size(&scene);
        row = scene.show("notices", &notice);
    }
    let [kept, back] = [0, 1].map(|one| row["receivers"][one]["reports"][0].clone());
    assert!(["delivered", "relayed"].contains(&kept["fate"].as_str().unwrap()), "{kept}");
    assert_eq!((&back["fate"], &back["standard"]), (&"bounced".into(), &true.into()), "{back}");
    assert!(back["status"].as_str().unwrap().starts_with("5.1."), "{back}");
    assert!(back["said"].as_str().unwrap().contains("gone-4711"), "{back}");
    assert_eq!(back["from"], "mx.one.example");
    assert_eq!(row["state"]["word"], "undelivered");
    let [letter] = &postfix.letters("ada")[..] else { panic!("not one letter") };
    assert!(letter.contains("odd reads."), "{letter}");
    let breach = scene.show("breaches", &format!("{incident}.acme"));
    assert_eq!(breach["state"]["word"], "undelivered");
    assert_eq!(breach["reopened"][0]["notice"], json!(notice));
    taker.abort();
}

/// Speaks LMTP: says each line, and answers what it is told for it.
async fn speak(port: u16, lines: &[&str]) -> Vec<String> {
    let mut stream = BufReader::new(TcpStream::connect(("127.0.0.1", port)).await.unwrap());
    let mut said = Vec::new();
    let mut line = String::new();
    stream.read_line(&mut line).await.unwrap();
    for one in lines {
        stream.get_mut().write_all(format!("{one}\r\n").as_bytes()).await.unwrap();
        loop {
            line.clear();
            if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
                return said;
            }
            if line.as_bytes().get(3) == Some(&b' ') {
                break;
            }
        }
        said.push(line.trim_end().to_owned());
    }
    said
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_reaches_the_door_can_tell_us_nothing_without_a_return_path() {
    let scene = Scene::new(732);
    let returns = Returns::of(Some(&mail(1)), &scene.world.kernel).unwrap().unwrap();
    let port = returns.port().unwrap();
    let taker = tokio::spawn(returns.run());
    let forged = format!("RCPT TO:<returns+{}@example.com>", "a".repeat(36));
    let said = speak(
        port,
        &[
            "MAIL FROM:<>",
            &forged,
            "RCPT TO:<returns@example.com>",
            "RCPT TO:<postmaster@example.com>",
            "RCPT nonsense",
            "DATA",
            "HELO x",
            "VRFY root",
            "QUIT",
        ],
    )
    .await;
    let codes: Vec<_> = said.iter().map(|line| &line[..3]).collect();
    assert_eq!(codes, ["250", "550", "550", "550", "550", "503", "500", "503", "221"], "{said:?}");
    let endless = "NOOP\r\n".repeat(300);
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    drop(stream.write_all(endless.as_bytes()).await);
    let mut all = Vec::new();
    drop(stream.read_to_end(&mut all).await);
    assert!(String::from_utf8_lossy(&all).contains("421 "), "a session ends");
    let long = "x".repeat(100_000);
    assert_eq!(speak(port, &[&long]).await, [""; 0], "a line that does not end is no command");
    scene.world.clock.advance(std::time::Duration::from_secs(60));
    tokio::task::block_in_place(|| scene.world.kernel.tick(&domain::run_job)).unwrap();
    let entries = scene.world.kernel.entries(HOUSE, 0, 1000, true).unwrap();
    let told = entries.iter().filter_map(|one| one.opening.as_ref()).filter_map(|opening| {
        let field = |name: &str| opening.fields.get(name).map(|one| one.value.as_str());
        field("source").zip(field("count"))
    });
    assert_eq!(told.collect::<Vec<_>>(), [("returns", "3")], "wrong addresses are counted");
    taker.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_maildir_is_read_and_what_was_read_is_put_away() {
    let scene = Scene::new(733);
    let (_, notice) = notice(&scene, &["ada@one.example"]);
    let contact = scene.show("notices", &notice)["receivers"][0]["contact"].clone();
    let token = domain::incidents::notices::return_token(
        &scene.world.kernel,
        &notice,
        contact.as_str().unwrap(),
    );
    let folder = scene.scratch.path().join("Maildir");
    for name in ["new", "cur", "tmp"] {
        fs::create_dir_all(folder.join(name)).unwrap();
    }
    let mail = Mail { bounces: None, bounces_maildir: Some(folder.clone()), ..mail(1) };
    let returns = Returns::of(Some(&mail), &scene.world.kernel).unwrap().unwrap();
    let to = format!("returns+{}@example.com", token.unwrap());
    let text = "Subject: failed\n\nhost said: 550 5.1.1 User unknown\n";
    fs::write(folder.join("new/1"), format!("Delivered-To: {to}\n{text}")).unwrap();
    fs::write(folder.join("new/2"), format!("Delivered-To: root@example.com\n{text}")).unwrap();
    fs::write(folder.join("new/3"), b"\xff\xfe\0").unwrap();
    std::os::unix::fs::symlink("/etc/passwd", folder.join("new/4")).unwrap();
    returns.read(&folder).await.unwrap();
    let left: Vec<_> =
        fs::read_dir(folder.join("new")).unwrap().map(|one| one.unwrap().file_name()).collect();
    assert_eq!(left, ["4"], "a link is not followed");
    let row = scene.show("notices", &notice);
    let report = &row["receivers"][0]["reports"][0];
    assert_eq!((&report["fate"], &report["standard"]), (&"bounced".into(), &false.into()), "{row}");
    let wrong = Mail { bounces_maildir: Some(folder.join("none")), ..mail };
    assert!(Returns::of(Some(&wrong), &scene.world.kernel).is_err());
}
