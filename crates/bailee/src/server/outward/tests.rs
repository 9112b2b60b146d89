//! Trips outward with a kernel that works, a clock set by hand, and peers on loopback.

mod breach;
mod letters;
mod pages;
mod returns;

use super::{Flight, Means, OF_A_KIND, Outbox, Outward, PAUSE, TRANSFER, Taken};
use crate::server::config::Config;
use api::Held;
use connectors::Secret;
use connectors::webhook::{TOLERANCE, verify};
use domain::register::On;
use domain::registers::known;
use domain::transfers::{NewTransfer, SendRecords};
use kernel::id::AccountId;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use testkit::World;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivatePkcs8KeyDer;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// Bodies by the ids of transfers.
type Bodies = Arc<Mutex<HashMap<String, Arc<[u8]>>>>;

/// A world whose account `acme` has a record, with people who keep the registers.
struct Scene {
    world: World,
    account: AccountId,
    worker: String,
    mia: String,
    lea: String,
    scratch: tempfile::TempDir,
    bodies: Bodies,
}

impl Scene {
    fn new(seed: u64) -> Self {
        let world = World::memory(seed);
        let (mia, lea) =
            (world.person("mia", &["vendor-manager"]), world.person("lea", &["security-lead"]));
        let worker = world.service("worker");
        world.grant("service:worker", "*", "*", &["open", "write", "export"]);
        let account = world.account(&worker, "acme").unwrap();
        world.collection(&worker, &account, "cases").unwrap();
        world.put(&worker, (&account, "cases", "x"), r#"{"n":1}"#).unwrap();
        let scratch = tempfile::tempdir().unwrap();
        Self { world, account, worker, mia, lea, scratch, bodies: Bodies::default() }
    }

    fn add(&self, token: &str, plural: &str, stated: &Value) -> Value {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let random = (u128::from(NEXT.fetch_add(1, Ordering::Relaxed)) << 80).to_be_bytes();
        let make = known(plural).unwrap().add.make;
        let made = make(&self.world.kernel, On::New(random), stated.to_string().as_bytes());
        self.world.run(token, made.unwrap()).unwrap().output
    }

    fn take(&self, token: &str, (plural, id, verb): (&str, &str, &str), stated: &Value) {
        let steps = known(plural).unwrap().steps;
        let make = steps.iter().find(|step| step.verb == verb).unwrap().make;
        let made = make(&self.world.kernel, On::Row(id), stated.to_string().as_bytes());
        self.world.run(token, made.unwrap()).unwrap();
    }

    fn show(&self, plural: &str, id: &str) -> Value {
        let get = known(plural).unwrap().get;
        let token = if plural == "transfers" { &self.mia } else { &self.lea };
        self.world.run(token, get(&self.world.kernel, id).unwrap()).unwrap().output
    }

    /// Declares a destination of the account's own.
    fn declare(&self, name: &str, url: &str) {
        let stated = json!({"name": name, "receiver": format!("subscriber:{}", self.account),
            "kind": "webhook", "purpose": "their archive", "url": url, "secret": "acme-2026"});
        self.add(&self.mia, "destinations", &stated);
        let how = json!({"how": "called their security desk"});
        self.take(&self.mia, ("destinations", name, "verify"), &how);
    }

    /// Asks for a transfer of the record; its body waits in the outbox.
    fn send(&self, destination: &str) -> String {
        self.send_held(destination, None)
    }

    /// As [`Scene::send`], with the message in the memory of the server of this name.
    fn send_held(&self, destination: &str, node: Option<&str>) -> String {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let new = NewTransfer {
            account: self.account.to_string(),
            collection: "cases".to_owned(),
            destination: destination.to_owned(),
            records: vec!["x".to_owned()],
            carrier: None,
            encryption: None,
            place: None,
        };
        let random = (u128::from(NEXT.fetch_add(1, Ordering::Relaxed)) << 80).to_be_bytes();
        let send = SendRecords::new(&self.world.kernel, new, random).unwrap().held_by(node);
        let out = self.world.run(&self.worker, send).unwrap().output;
        self.bodies.lock().unwrap().insert(out.id.clone(), out.bodies[0].body.clone().into());
        out.id
    }

    fn secret(&self) {
        let file = self.scratch.path().join("acme-2026");
        fs::write(&file, format!("{SECRET}\n")).unwrap();
        fs::set_permissions(file, Permissions::from_mode(0o600)).unwrap();
    }

    /// The server's trips, believing this authority.
    fn outward_with(&self, ca: &str) -> Outward {
        let bodies = Arc::clone(&self.bodies);
        self.with(ca, Box::new(move |id| held(&bodies, id)))
    }

    fn with(&self, ca: &str, look: Box<dyn Fn(&str) -> Held + Send + Sync>) -> Outward {
        let file = self.scratch.path().join("ca.pem");
        fs::write(&file, ca).unwrap();
        let config = Config {
            webhook_ca: Some(file),
            secrets_dir: Some(self.scratch.path().to_owned()),
            ..Config::default()
        };
        let bodies = Arc::clone(&self.bodies);
        let settle = Box::new(move |id: &str| drop(bodies.lock().unwrap().remove(id)));
        let means = Means::of(&config, Outbox { look, settle }).unwrap();
        Outward::new(means, Handle::current())
    }

    /// One tick, without waiting for what it sent out.
    fn start(&self, outward: &Outward) {
        let ticked = tokio::task::block_in_place(|| {
            self.world.kernel.tick(&|kernel, job, right| match outward.take(kernel, job, right) {
                Taken::Mine => Ok(()),
                Taken::No(right) => domain::run_job(kernel, job, right),
            })
        });
        ticked.unwrap();
    }

    async fn tick(&self, outward: &Outward) {
        self.start(outward);
        while !outward.idle() {
            tokio::task::yield_now().await;
        }
    }

    fn word(&self, transfer: &str) -> String {
        self.show("transfers", transfer)["state"]["word"].as_str().unwrap().to_owned()
    }
}

fn held(bodies: &Bodies, id: &str) -> Held {
    bodies.lock().unwrap().get(id).map_or(Held::Gone, |body| Held::Here(Arc::clone(body)))
}

/// The head and the body of a request.
type Request = (String, Vec<u8>);

/// A receiver within TLS that answers with these statuses, the last one for ever.
struct Receiver {
    url: String,
    ca: String,
    heard: mpsc::UnboundedReceiver<Request>,
}

impl Receiver {
    async fn start(statuses: &'static [u16]) -> Self {
        let issued = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let key = PrivatePkcs8KeyDer::from(issued.signing_key.serialize_der());
        let config = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![issued.cert.der().clone()], key.into());
        let acceptor = TlsAcceptor::from(Arc::new(config.unwrap()));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://localhost:{}/in", listener.local_addr().unwrap().port());
        let (tell, heard) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            let mut statuses = statuses.iter().copied().peekable();
            while let Ok((stream, _)) = listener.accept().await {
                let Ok(mut stream) = acceptor.accept(stream).await else { continue };
                tell.send(request(&mut stream).await).unwrap();
                let status = statuses.peek().copied().unwrap();
                if statuses.len() > 1 {
                    statuses.next();
                }
                let text = format!("HTTP/1.1 {status} X\r\ncontent-length: 4\r\n\r\nword");
                stream.write_all(text.as_bytes()).await.unwrap();
                stream.shutdown().await.unwrap();
            }
        });
        Self { url, ca: issued.cert.pem(), heard }
    }
}

async fn request(stream: &mut (impl AsyncRead + Unpin)) -> Request {
    let mut all = Vec::new();
    let end = loop {
        if let Some(end) = all.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
        assert!(stream.read_buf(&mut all).await.unwrap() > 0);
    };
    let head = String::from_utf8(all[..end].to_vec()).unwrap();
    let length: usize = field(&head, "content-length").parse().unwrap();
    while all.len() < end + length {
        assert!(stream.read_buf(&mut all).await.unwrap() > 0);
    }
    (head, all.split_off(end))
}

fn field<'a>(head: &'a str, name: &str) -> &'a str {
    head.lines().find_map(|line| line.strip_prefix(&format!("{name}: "))).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transfer_is_signed_tried_again_and_delivered() {
    let scene = Scene::new(701);
    let mut receiver = Receiver::start(&[503, 200]).await;
    scene.declare("archive", &receiver.url);
    let outward = scene.outward_with(&receiver.ca);
    let id = scene.send("archive");
    // The operator has not put the secret there so far.
    scene.tick(&outward).await;
    let said = scene.show("transfers", &id)["attempts"][0]["reply"].to_string();
    assert!(said.contains("secret cannot be used"), "{said}");
    assert!(receiver.heard.try_recv().is_err(), "nothing left");
    scene.secret();
    scene.world.clock.advance(Duration::from_secs(60));
    scene.tick(&outward).await;
    let row = scene.show("transfers", &id);
    assert_eq!(
        (&row["state"]["word"], &row["attempts"][1]["status"]),
        (&"failing".into(), &503.into())
    );
    // Neither too early nor twice.
    scene.tick(&outward).await;
    assert_eq!(scene.show("transfers", &id)["attempts"].as_array().unwrap().len(), 2);
    scene.world.clock.advance(Duration::from_secs(300));
    scene.tick(&outward).await;
    assert_eq!(scene.word(&id), "delivered");
    let now = super::seconds(scene.world.kernel.now());
    for at in [now - 300, now] {
        let (head, body) = receiver.heard.try_recv().unwrap();
        assert_eq!(
            (field(&head, "webhook-id"), body.as_slice()),
            (id.as_str(), b"{\"n\":1}".as_slice())
        );
        let headers =
            (id.as_str(), field(&head, "webhook-timestamp"), field(&head, "webhook-signature"));
        verify(&Secret::new(SECRET.to_owned()), headers, &body, at, TOLERANCE.min(1)).unwrap();
    }
    assert!(scene.bodies.lock().unwrap().is_empty(), "what is delivered is not kept");
    scene.tick(&outward).await;
    assert!(receiver.heard.try_recv().is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_not_leave_any_more_stays() {
    let scene = Scene::new(702);
    let mut receiver = Receiver::start(&[200]).await;
    scene.secret();
    let outward = scene.outward_with(&receiver.ca);
    for name in ["retired", "lost"] {
        scene.declare(name, &receiver.url);
    }
    let (retired, lost) = (scene.send("retired"), scene.send("lost"));
    scene.take(&scene.mia, ("destinations", "retired", "retire"), &json!({"reason": "moved"}));
    scene.bodies.lock().unwrap().remove(&lost);
    scene.tick(&outward).await;
    for (id, word) in [(&retired, "retired"), (&lost, "gone")] {
        let row = scene.show("transfers", id);
        assert_eq!(row["state"]["word"], "unsent");
        assert!(row["attempts"][0]["reply"].as_str().unwrap().contains(word), "{row}");
    }
    assert!(receiver.heard.try_recv().is_err(), "nothing left");
    assert!(scene.bodies.lock().unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_sent_by_the_server_that_holds_it_and_no_other_calls_it_gone() {
    let scene = Scene::new(709);
    let mut receiver = Receiver::start(&[500, 200]).await;
    scene.secret();
    scene.declare("archive", &receiver.url);
    let named = |outward: Outward, node: &str| {
        let shared = Arc::into_inner(outward.0).unwrap();
        Outward::new(shared.means.named(node.to_owned()), Handle::current())
    };
    let one = named(scene.outward_with(&receiver.ca), "one");
    let two = named(scene.with(&receiver.ca, Box::new(|_| Held::Gone)), "two");
    let id = scene.send_held("archive", Some("one"));
    scene.tick(&two).await;
    assert_eq!(scene.word(&id), "queued", "it is the other one's");
    scene.tick(&one).await;
    assert_eq!(scene.word(&id), "failing");
    receiver.heard.try_recv().unwrap();
    scene.world.clock.advance(Duration::from_secs(3600));
    scene.tick(&two).await;
    assert_eq!(scene.word(&id), "failing", "so is the next attempt");
    scene.tick(&one).await;
    assert_eq!(scene.word(&id), "delivered");
    // One that never comes back: once its message can be nowhere, that is said.
    let lost = scene.send_held("archive", Some("three"));
    scene.tick(&two).await;
    assert_eq!(scene.word(&lost), "queued");
    scene.world.clock.advance(Duration::from_secs(36 * 3600));
    scene.tick(&two).await;
    assert_eq!(scene.word(&lost), "unsent");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_is_not_believed_hears_nothing() {
    let scene = Scene::new(703);
    let mut receiver = Receiver::start(&[200]).await;
    let other = Receiver::start(&[200]).await;
    scene.secret();
    scene.declare("archive", &receiver.url);
    let outward = scene.outward_with(&other.ca);
    let id = scene.send("archive");
    scene.tick(&outward).await;
    assert_eq!(scene.word(&id), "failing");
    assert!(receiver.heard.try_recv().is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_on_its_way_is_waited_for_and_a_panic_ends_nothing_else() {
    let scene = Scene::new(704);
    let mut receiver = Receiver::start(&[200]).await;
    scene.secret();
    scene.declare("archive", &receiver.url);
    let (bodies, looks) = (Arc::clone(&scene.bodies), AtomicU64::new(0));
    let outward = scene.with(
        &receiver.ca,
        Box::new(move |id| match looks.fetch_add(1, Ordering::SeqCst) {
            0 => Held::Coming,
            1 => panic!("as asked"),
            _ => held(&bodies, id),
        }),
    );
    let first = scene.send("archive");
    scene.tick(&outward).await;
    assert_eq!(scene.word(&first), "queued");
    scene.tick(&outward).await;
    assert_eq!(scene.word(&first), "queued", "it panicked");
    let second = scene.send("archive");
    scene.tick(&outward).await;
    assert_eq!((scene.word(&first), scene.word(&second)), ("queued".into(), "delivered".into()));
    scene.world.clock.advance(PAUSE);
    scene.tick(&outward).await;
    assert_eq!(scene.word(&first), "delivered");
    for id in [second, first] {
        assert_eq!(field(&receiver.heard.try_recv().unwrap().0, "webhook-id"), id);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn silent_peers_of_one_kind_hold_up_no_other() {
    let scene = Scene::new(705);
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = silent.local_addr().unwrap();
    let site = json!({"name": "fra-1", "sub_processor": "own", "address": "x", "kind": "own"});
    scene.add(&scene.lea, "sites", &site);
    let all: Vec<_> = (0..OF_A_KIND + 2).map(|number| format!("ups-{number}")).collect();
    for name in &all {
        let new = json!({"name": name, "site": "fra-1", "kind": "ups", "group": "a",
            "capacity": 10, "unit": "kw", "nut": format!("{address}/{name}")});
        scene.add(&scene.lea, "equipment", &new);
    }
    let receiver = Receiver::start(&[200]).await;
    scene.secret();
    scene.declare("archive", &receiver.url);
    let outward = scene.outward_with(&receiver.ca);
    let id = scene.send("archive");
    scene.start(&outward);
    while scene.word(&id) != "delivered" {
        tokio::task::yield_now().await;
    }
    let out = |outward: &Outward| {
        let flights = outward.0.flights();
        flights.iter().filter(|(name, at)| name.0 != TRANSFER && **at == Flight::Out).count()
    };
    assert_eq!(out(&outward), OF_A_KIND);
    scene.start(&outward);
    assert_eq!(out(&outward), OF_A_KIND, "one that is out is not sent again");
    drop(silent);
    while !outward.idle() {
        tokio::task::yield_now().await;
    }
    scene.tick(&outward).await;
    for name in &all {
        let row = scene.show("equipment", name);
        let problem = row["trouble"]["problem"].as_str().unwrap();
        assert!(problem.contains(&address.to_string()), "{problem}");
    }
    assert_eq!(out(&outward), 0);
    // The next poll of each is due later; nothing is done twice.
    scene.tick(&outward).await;
    assert!(outward.0.flights().is_empty());
}
