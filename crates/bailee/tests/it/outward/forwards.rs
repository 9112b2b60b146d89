//! Events sent on to real receivers, one of which is gone for a while, with a `kill -9` in between:
//! nothing is lost, and the same event has the same id.

use crate::whole::support::{Server, Store, skip_unless_all, text};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

const TOKEN: &str = "t0ken";

/// What a receiver answers to a batch.
type Answers = fn(&[Value]) -> u16;

/// A receiver of NDJSON over TLS, and what it accepted.
struct Siem {
    url: String,
    answers: Arc<Mutex<Answers>>,
    events: Arc<Mutex<Vec<Value>>>,
}

impl Siem {
    fn start(answers: Answers) -> (Self, String) {
        let issued = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let key = PrivatePkcs8KeyDer::from(issued.signing_key.serialize_der());
        let config = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![issued.cert.der().clone()], key.into());
        let config = Arc::new(config.unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("https://localhost:{}/in", listener.local_addr().unwrap().port());
        let (answers, events) = (Arc::new(Mutex::new(answers)), Arc::default());
        let this = Self { url, answers: Arc::clone(&answers), events: Arc::clone(&events) };
        // Ends with the test's process.
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let tls = ServerConnection::new(Arc::clone(&config)).unwrap();
                // A sender that was killed ends its connection, and the next one is waited for.
                drop(take(StreamOwned::new(tls, stream), &answers, &events));
            }
        });
        (this, issued.cert.pem())
    }
}

fn take(
    stream: StreamOwned<ServerConnection, TcpStream>,
    answers: &Mutex<Answers>,
    events: &Mutex<Vec<Value>>,
) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    let (mut length, mut token, mut line) = (0, false, String::new());
    while stream.read_line(&mut line)? > 2 {
        let lower = line.trim().to_lowercase();
        if let Some(value) = lower.strip_prefix("content-length: ") {
            length = value.parse().unwrap();
        }
        token |= line.trim().ends_with(&format!("Bearer {TOKEN}"));
        line.clear();
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    let lines = body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let batch: Vec<Value> = lines.map(|line| serde_json::from_slice(line).unwrap()).collect();
    let status = if token { answers.lock().unwrap()(&batch) } else { 401 };
    if status == 200 {
        events.lock().unwrap().extend(batch);
    }
    let answer = format!("HTTP/1.1 {status} X\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok");
    stream.get_mut().write_all(answer.as_bytes())?;
    stream.get_mut().conn.send_close_notify();
    stream.get_mut().flush()
}

/// Debian's rsyslog, which writes down what it gets over TCP.
struct Rsyslog {
    folder: PathBuf,
    child: Option<Child>,
}

impl Rsyslog {
    fn new(folder: &Path, port: u16) -> Option<Self> {
        if !Path::new("/usr/sbin/rsyslogd").exists() {
            skip_unless_all("Debian's rsyslog is not installed");
            return None;
        }
        let place = folder.display();
        let config = format!(
            "module(load=\"imtcp\")\nglobal(workDirectory=\"{place}\")\n\
             input(type=\"imtcp\" address=\"127.0.0.1\" port=\"{port}\")\n\
             template(name=\"all\" type=\"string\" string=\"%msg%\\n\")\n\
             action(type=\"omfile\" file=\"{place}/out\" template=\"all\")\n"
        );
        fs::write(folder.join("conf"), config).unwrap();
        Some(Self { folder: folder.to_owned(), child: None })
    }

    fn start(&mut self) {
        let mut command = Command::new("/usr/sbin/rsyslogd");
        let place = self.folder.display();
        command.args(["-n", "-f", &format!("{place}/conf"), "-i", &format!("{place}/pid")]);
        self.child = Some(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    }

    /// Ends it in order, so that it writes down what it read.
    fn stop(&mut self) {
        let Some(mut child) = self.child.take() else { return };
        let pid = rustix::process::Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        child.wait().unwrap();
    }

    fn events(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.folder.join("out")).unwrap_or_default();
        let lines = text.lines().filter_map(|line| line.find('{').map(|at| &line[at..]));
        lines.filter_map(|line| serde_json::from_str(line).ok()).collect()
    }
}

impl Drop for Rsyslog {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Events by their id; the same one again is the same, byte for byte.
fn by_id(events: &[Value]) -> BTreeMap<String, Value> {
    let mut all = BTreeMap::new();
    for event in events {
        let id = event["metadata"]["uid"].as_str().unwrap().to_owned();
        let before = all.insert(id.clone(), event.clone());
        assert!(before.is_none_or(|before| before == *event), "{id} is two events");
    }
    all
}

/// The indices of each log; an index that is missing was lost.
fn logs(events: &[Value]) -> BTreeMap<String, BTreeSet<u64>> {
    let mut all: BTreeMap<String, BTreeSet<u64>> = BTreeMap::new();
    for id in by_id(events).keys().filter(|id| !id.contains("alert") && !id.contains("signal")) {
        let (log, index) = id.split_once(" entry ").unwrap();
        all.entry(log.to_owned()).or_default().insert(index.parse().unwrap());
    }
    all
}

fn whole(events: &[Value], acme: &str, size: u64) -> bool {
    let logs = logs(events);
    let dense = |all: &BTreeSet<u64>| all.last() == Some(&(all.len() as u64 - 1));
    logs.values().all(dense) && logs.get(acme).is_some_and(|all| all.len() as u64 >= size)
}

fn put(server: &Server, token: &str, nth: u32) {
    let path = format!("/v1/accounts/acme/collections/cases/records/r-{nth}");
    let body = br#"{"secret":"a canary word"}"#;
    server.client(token).put(&path, body).expect(201);
}

/// How many entries the log of `acme` has.
fn size(server: &Server, token: &str) -> u64 {
    let note = server.client(token).get("/v1/accounts/acme/ledger/checkpoint").expect(200).text();
    note.lines().nth(1).unwrap().parse().unwrap()
}

fn metric(port: u16, name: &str) -> u64 {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.write_all(b"GET /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let line = text.lines().find(|line| line.starts_with(name));
    line.unwrap_or_else(|| panic!("{name}: {text}")).rsplit(' ').next().unwrap().parse().unwrap()
}

/// How far `siem` is, as soon as it is in this state.
fn until(server: &Server, word: &str) -> Value {
    let mut client = server.administrator();
    loop {
        let row = client.get("/v1/coverages/forward-siem").expect(200).json();
        if row["state"]["word"] == word {
            return row;
        }
    }
}

fn free() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A configuration with two destinations over HTTPS and one over syslog.
fn configured(
    store: &Store,
    siem: (&Siem, String),
    picky: (&Siem, String),
    (syslog, metrics): (u16, u16),
) -> PathBuf {
    let [ca, ca2, token, config] =
        ["ca.pem", "ca2.pem", "siem.token", "bailee.toml"].map(|name| store.beside(name));
    fs::write(&ca, siem.1).unwrap();
    fs::write(&ca2, picky.1).unwrap();
    fs::write(&token, format!("{TOKEN}\n")).unwrap();
    let mode = <fs::Permissions as std::os::unix::fs::PermissionsExt>::from_mode(0o600);
    fs::set_permissions(&token, mode).unwrap();
    let to = |name: &str, siem: &Siem, ca: &Path| {
        format!(
            "[[forward]]\nname = \"{name}\"\nkind = \"https\"\nurl = \"{}?key=hidden\"\n\
             ca = \"{}\"\ntoken_file = \"{}\"\nfrom_entry = 1\n\
             what = [\"entries\", \"alerts\", \"signals\"]\n",
            siem.url,
            text(ca),
            text(&token)
        )
    };
    let file = format!(
        "anchor_seconds = 1\nweekly_test_page = false\nmetrics_listen = \"127.0.0.1:{metrics}\"\n\
         [detection]\ncanary_minutes = 0\n{}{}[[forward]]\nname = \"files\"\nkind = \"syslog\"\n\
         address = \"127.0.0.1:{syslog}\"\ntls = \"danger-none\"\nfrom_entry = 1\n",
        to("siem", siem.0, &ca),
        to("picky", picky.0, &ca2),
    );
    fs::write(&config, file).unwrap();
    config
}

#[test]
fn nothing_is_lost_while_destinations_are_away_and_the_server_is_killed() {
    let store = Store::init();
    let (syslog, metrics) = (free(), free());
    let Some(mut rsyslog) = Rsyslog::new(store.scratch.path(), syslog) else { return };
    rsyslog.start();
    let (siem, pem) = Siem::start(|_| 200);
    // It takes two events at once, and none about a person.
    let (picky, other) = Siem::start(|batch| match batch {
        [_, _, _, ..] => 413,
        all if all.iter().any(|one| one["message"] == "person.create in house") => 422,
        _ => 200,
    });
    let config = configured(&store, (&siem, pem), (&picky, other), (syslog, metrics));
    let serve = || store.serve_with(&["--config", text(&config)], &[]);
    let mut server = serve();
    let worker = server.acme();
    server.did(&store.admin, &["person", "create", "lea", "--roles", "security-lead", "--json"]);
    for nth in 0..3 {
        put(&server, &worker, nth);
    }
    let taken = |siem: &Siem| siem.events.lock().unwrap().clone();
    // Which log is that of the account is seen by what its entries say.
    let acme = loop {
        let all = taken(&siem);
        let own = all.iter().find(|one| one["message"] == "record.put in acme");
        if let Some(id) = own.and_then(|one| one["metadata"]["uid"].as_str()) {
            break id.split_once(" entry ").unwrap().0.to_owned();
        }
    };
    // Both are away, the server is killed, and goes on while they still are.
    *siem.answers.lock().unwrap() = |_| 503;
    rsyslog.stop();
    put(&server, &worker, 3);
    while metric(metrics, "bailee_forward_failed_total{to=\"siem\"}") == 0 {}
    server.kill();
    server = serve();
    put(&server, &worker, 4);
    while metric(metrics, "bailee_forward_failed_total{to=\"files\"}") == 0 {}
    // That something waits is a row that people see.
    until(&server, "waiting");
    rsyslog.start();
    *siem.answers.lock().unwrap() = |_| 200;
    let size = size(&server, &worker);
    let all = || [taken(&siem), taken(&picky), rsyslog.events()];
    while !(whole(&all()[0], &acme, size) && whole(&all()[2], &acme, size)) {}
    while logs(&all()[1]).get(&acme).is_none_or(|all| (all.len() as u64) < size) {}
    let [siem, picky, files] = all();
    // One and the same event for all of them.
    let (siem, files) = (by_id(&siem), by_id(&files));
    let both = siem.keys().filter(|id| files.contains_key(*id)).count();
    assert!(both as u64 > size, "{both}");
    assert!(siem.iter().all(|(id, one)| files.get(id).is_none_or(|other| other == one)));
    // What the picky one refuses by itself is left out, and that is said.
    let refused = metric(metrics, "bailee_forward_refused_total{to=\"picky\"}");
    let about = |one: &&Value| one["message"] == "person.create in house";
    assert_eq!(siem.values().filter(about).count() as u64, 1);
    assert_eq!(picky.iter().filter(about).count(), 0);
    assert!(refused <= 1, "{refused}, it may have been before the kill");
    // No bodies, no ids of records, nothing that opens a destination.
    let said = json!([siem, files, picky]).to_string();
    for hidden in ["a canary word", "r-3", TOKEN] {
        assert!(!said.contains(hidden), "{hidden}");
    }
    let row = until(&server, "sent-on");
    assert!(row["forward"]["to"].as_str().unwrap().ends_with("/in"), "{row}");
    server.stop();
    store.verified();
}
