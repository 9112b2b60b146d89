//! Letters that come back from a real mail server: Debian's postfix, in a folder of its own.

use super::Scene;
use crate::server::config::{Config, Mail, Protection};
use crate::server::outward::{Means, Outbox, Outward};
use crate::server::returns::Returns;
use kernel::HOUSE;
use serde_json::{Value, json};
use std::fs::{self, OpenOptions, Permissions};
use std::io::Write as _;
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::runtime::Handle;

/// What postfix runs, and as what.
const MASTER: &str = "pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 1 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
local unix - n n - - local
lmtp unix - - n - - lmtp
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
";

/// A postfix of its own, on loopback; it ends with this.
struct Postfix {
    child: Child,
    config: PathBuf,
    port: u16,
    _scratch: tempfile::TempDir,
}

fn skipped(why: &str) {
    let all = std::env::var_os("BAILEE_TEST_ALL").is_some_and(|value| value == "1");
    assert!(!all, "{why}; cargo xtask test installs it");
    let why = format!("skipped: {why}");
    eprintln!("{why}");
    if let Some(file) = std::env::var_os("BAILEE_SKIPS") {
        let mut file = OpenOptions::new().create(true).append(true).open(file).unwrap();
        writeln!(file, "{why}").unwrap();
    }
}

impl Postfix {
    /// One that keeps letters to `ada@one.example`, knows nobody else there, and hands what comes
    /// back for `example.com` to this port.
    fn start(lmtp: u16) -> Option<Self> {
        let root = fs::metadata("/proc/self").unwrap().uid() == 0;
        if !root || !Path::new("/usr/lib/postfix/sbin/master").exists() {
            skipped("Debian's postfix is not installed, or this is not root");
            return None;
        }
        let scratch = tempfile::tempdir().unwrap();
        fs::set_permissions(scratch.path(), Permissions::from_mode(0o755)).unwrap();
        let [config, queue, data] = ["etc", "queue", "data"].map(|name| {
            let folder = scratch.path().join(name);
            fs::create_dir(&folder).unwrap();
            folder
        });
        let owned = Command::new("chown").arg("postfix").arg(&data).status().unwrap();
        assert!(owned.success());
        // Below the ports that the system gives to whoever asks for any.
        let first = 20_000 + u16::try_from(std::process::id() % 10_000).unwrap();
        let free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
        let port = (first..first + 2000).find(free).unwrap();
        let main = format!(
            "compatibility_level = 3.6\nqueue_directory = {}\ndata_directory = {}\n\
             daemon_directory = /usr/lib/postfix/sbin\ncommand_directory = /usr/sbin\n\
             mail_owner = postfix\nsetgid_group = postdrop\n\
             inet_interfaces = 127.0.0.1\ninet_protocols = ipv4\nmynetworks = 127.0.0.0/8\n\
             myhostname = mx.one.example\nmydestination = one.example\nlocal_recipient_maps =\n\
             alias_maps =\nalias_database =\nrelay_domains = example.com\nrecipient_delimiter = +\n\
             smtpd_relay_restrictions = permit_mynetworks, reject\nmaximal_idle = 5s\n\
             transport_maps = inline:{{ {{ example.com = lmtp:inet:127.0.0.1:{lmtp} }}, \
             {{ ada@one.example = discard: }} }}\n\
             maillog_file = {}/log\nmaillog_file_prefixes = {}\n",
            queue.display(),
            data.display(),
            scratch.path().display(),
            scratch.path().display(),
        );
        fs::write(config.join("main.cf"), main).unwrap();
        let smtpd = format!("127.0.0.1:{port} inet n - n - - smtpd\n{MASTER}");
        fs::write(config.join("master.cf"), smtpd).unwrap();
        let child = Command::new("/usr/sbin/postfix")
            .arg("-c")
            .arg(&config)
            .arg("start-fg")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        Some(Self { child, config, port, _scratch: scratch })
    }

    /// Waits until it greets.
    async fn ready(&self) {
        loop {
            if let Ok(stream) = TcpStream::connect(("127.0.0.1", self.port)).await {
                let mut line = String::new();
                if BufReader::new(stream).read_line(&mut line).await.unwrap_or(0) > 0 {
                    return;
                }
            }
            tokio::task::yield_now().await;
        }
    }
}

impl Drop for Postfix {
    fn drop(&mut self) {
        let stop = Command::new("/usr/sbin/postfix")
            .arg("-c")
            .arg(&self.config)
            .arg("stop")
            .stderr(Stdio::null())
            .status();
        if !stop.is_ok_and(|stop| stop.success()) {
            drop(self.child.kill());
        }
        drop(self.child.wait());
    }
}

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
    postfix.ready().await;
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
