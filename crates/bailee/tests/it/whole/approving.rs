//! What others are told and asked by mail, with a real relay (PyPI's aiosmtpd) and a real browser:
//! an account of emergency access to its data, and an approver of what waits, by a link that
//! approves nothing without their passkey.

use super::browser::{CHROMIUM, driven, installed};
use super::devices::session;
use super::support::peers::Peer;
use super::support::receipts::tools;
use super::support::{Server, Store, ends_with, skip_unless_all, text, workspace};
use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Child, ChildStdout, Command, Stdio};

/// A relay that takes letters and says what it took.
struct Relay {
    child: Child,
    lines: BufReader<ChildStdout>,
    port: u64,
}

impl Relay {
    fn start() -> Option<Self> {
        let python = tools().join("venv/bin/python");
        if !python.exists() {
            skip_unless_all("PyPI's aiosmtpd is not installed: cargo xtask test");
            return None;
        }
        let script = workspace().join("crates/connectors/tests/it/smtp_peer.py");
        let mut child = Command::new(python)
            .arg(script)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        let mut relay = Self { child, lines, port: 0 };
        relay.port = relay.line()["port"].as_u64().unwrap();
        Some(relay)
    }

    fn line(&mut self) -> Value {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    }

    /// The next letter: to whom, and its text as it was before it was wrapped for the way.
    fn letter(&mut self) -> (String, String) {
        let line = self.line();
        let content = line["content"].as_str().unwrap().replace("=\r\n", "").replace("=3D", "=");
        (line["recipients"][0].as_str().unwrap().to_owned(), content)
    }

    /// The configuration of a server that sends by it.
    fn config(&self) -> String {
        format!(
            "anchor_seconds = 1\nweekly_test_page = false\npublic_url = \"https://localhost\"\n\
             [detection]\ncanary_minutes = 0\n[mail]\nhost = \"127.0.0.1\"\nport = {}\n\
             tls = \"danger-none\"\nfrom = \"security@example.com\"\n",
            self.port
        )
    }

    fn end(mut self) {
        drop(self.child.stdin.take());
        self.child.wait().unwrap();
    }
}

fn person(server: &Server, name: &str, role: &str, email: Option<&str>) -> String {
    let new = json!({"name": name, "roles": [role], "email": email}).to_string();
    let made = server.administrator().post("/v1/people", new.as_bytes()).expect(201).json();
    made["token"].as_str().unwrap().to_owned()
}

fn post(server: &Server, token: &str, path: &str, body: &Value) -> Value {
    let mut client = server.client(token);
    let answer = client.post(&format!("/v1/{path}"), body.to_string().as_bytes());
    assert!(answer.status < 300, "{path}: {answer:?}");
    answer.json()
}

fn started(relay: &Relay) -> (Store, Server) {
    let store = Store::init();
    let file = store.beside("bailee.toml");
    fs::write(&file, relay.config()).unwrap();
    let server = store.serve_with(&["--config", text(&file)], &[]);
    server.acme();
    (store, server)
}

/// A contact of `acme`, and a signed pool that reaches this; tokens of its holder and of a lead.
fn prepared(server: &Server, account: &str) -> (String, String) {
    let eve = person(server, "eve", "engineer", None);
    let (abe, rita) =
        (person(server, "abe", "approver", None), person(server, "rita", "responder", None));
    let lea = person(server, "lea", "security-lead", None);
    let ada = json!({"account": "acme", "name": "Ada", "email": "ada@one.example",
        "kind": "security", "source": "order form"});
    let contact = post(server, &rita, "contacts", &ada);
    let verify = format!("contacts/{}:verify", contact["id"].as_str().unwrap());
    post(server, &rita, &verify, &json!({"how": "answered a letter"}));
    let as_of = server.client(&lea).get("/v1/measures").expect(200).json();
    let day = as_of["as_of"].as_str().unwrap().get(..10).unwrap().to_owned();
    let pool = json!({"name": "night", "minutes": 30, "to": day, "holders": ["person:eve"],
        "purpose": "the store does not answer", "accounts": [account], "collections": ["*"],
        "verbs": ["read"]});
    post(server, &lea, "emergency-pools", &pool);
    post(server, &abe, "emergency-pools/night:sign", &json!({}));
    (eve, lea)
}

#[test]
fn an_account_is_told_of_emergency_access_by_mail() {
    let Some(mut relay) = Relay::start() else { return };
    let (store, server) = started(&relay);
    let (eve, lea) = prepared(&server, "acme");
    let begun = post(
        &server,
        &eve,
        "emergencies",
        &json!({"pool": "night", "account": "acme",
        "reason": "reads fail for everybody"}),
    );
    let (to, letter) = relay.letter();
    assert_eq!(to, "ada@one.example");
    let id = begun["id"].as_str().unwrap();
    for part in ["role engineer", "reads fail for everybody", id, "account/accesses", "reviews it"]
    {
        assert!(letter.contains(part), "{part}: {letter}");
    }
    assert!(!letter.contains("person:eve"), "a role, and not who: {letter}");
    let mut lead = server.client(&lea);
    let path = format!("/v1/emergencies/{id}");
    let mut row = || lead.get(&path).expect(200).json();
    let taken = (0..4000).any(|_| !row()["told"][0]["letters"][0]["accepted"].is_null());
    assert!(taken, "{}", row());
    // Reading under it tells nobody again.
    server.client(&eve).get("/v1/accounts/acme/collections/cases/records/7");
    assert_eq!(row()["told"].as_array().unwrap().len(), 1);
    server.stop();
    store.verified();
    relay.end();
}

/// Where a pool reaches every account, each is told when it is touched first: the server sees that
/// in the feed of the logs.
#[test]
fn an_account_is_told_when_an_emergency_everywhere_touches_it_first() {
    let Some(mut relay) = Relay::start() else { return };
    let (store, server) = started(&relay);
    let (eve, lea) = prepared(&server, "*");
    let wish = json!({"pool": "night", "account": "*", "reason": "reads fail for everybody"});
    let begun = post(&server, &eve, "emergencies", &wish);
    let path = format!("/v1/emergencies/{}", begun["id"].as_str().unwrap());
    let row = || server.client(&lea).get(&path).expect(200).json();
    assert!(row().get("told").is_none(), "nobody was touched yet: {}", row());
    let mut engineer = server.client(&eve);
    for _ in 0..3 {
        engineer.get("/v1/accounts/acme/collections/cases/records/7").expect(404);
    }
    let (to, letter) = relay.letter();
    assert!(to == "ada@one.example" && letter.contains("role engineer"), "{to} {letter}");
    let told = row()["told"].as_array().unwrap().clone();
    assert_eq!(told.len(), 1, "once: {told:?}");
    assert_eq!(told[0]["account"], "acme");
    server.stop();
    store.verified();
    relay.end();
}

#[test]
fn a_link_in_a_letter_approves_nothing_without_the_passkey_of_whom_it_is_for() {
    let Some(mut relay) = Relay::start().filter(|_| installed()) else { return };
    let (store, server) = started(&relay);
    let eve = person(&server, "eve", "engineer", None);
    let abe = person(&server, "abe", "approver", Some("abe@example.com"));
    person(&server, "ann", "approver", None);
    let asked = post(
        &server,
        &eve,
        "access-requests",
        &json!({"account": "acme",
        "collections": ["cases"], "verbs": ["read"], "purpose": "half a page", "reference": "T-7",
        "for_seconds": 3600}),
    );
    let (id, hash) = (asked["id"].as_str().unwrap(), asked["terms_sha256"].as_str().unwrap());
    let (to, letter) = relay.letter();
    assert_eq!(to, "abe@example.com");
    assert!(letter.contains(hash) && !letter.contains("half a page"), "{letter}");
    let from = letter.find("/approve/").expect("a link");
    let path = letter[from..].split_whitespace().next().unwrap().to_owned();
    assert!(path.starts_with(&format!("/approve/access-requests/{id}/{hash}/")), "{path}");

    // By itself it shows and does nothing; to another approver it is none, and changed it is none.
    let mut client = server.client("");
    let page = client.ask("GET", &path, &[], None).expect(200);
    let shown = page.text();
    assert!(shown.contains(hash) && !shown.contains("half a page"), "{shown}");
    let ann = session(&server, "ann");
    client.ask("GET", &path, &[("cookie", &ann)], None).expect(404);
    let other = path.replace(hash, &"0".repeat(64));
    let shorter = &path[..path.len() - 1];
    let own = session(&server, "abe");
    for bad in [other.as_str(), shorter] {
        client.ask("GET", bad, &[("cookie", &own)], None).expect(404);
    }
    let token = path.rsplit('/').next().unwrap();
    let forwarded = json!({"terms_sha256": hash, "letter": token}).to_string();
    let admin = format!("/v1/access-requests/{id}:approve");
    server.administrator().post(&admin, forwarded.as_bytes()).expect(403);

    let invited = server.did(&server.admin, &["person", "invite", "abe", "--json"]);
    let url = server.url.replace("127.0.0.1", "localhost");
    let task = json!({"url": url, "ca": server.ca, "chromium": CHROMIUM, "link": invited["link"],
        "approve": path});
    let said = driven("approving.mjs", &task);
    let has = |step: &str, text: &str| {
        assert!(said[step].as_str().unwrap().contains(text), "{step}: {said:#}");
    };
    assert_eq!(said["errors"], json!([]), "{said:#}");
    has("asking", hash);
    assert_eq!(said["place"], path, "it goes on to where the link led");
    has("shown", "half a page");
    has("approved", "approved");
    has("again", "does not count");
    let row = server.did(&abe, &["request", "show", id, "--json"]);
    assert_eq!(row["state"]["word"], "approved");
    assert_eq!(row["approvals"][0]["signed"]["challenge"], asked["challenge"]);
    assert!(!row["asked"][0]["used"].is_null() && !row["asked"][0]["sent"].is_null(), "{row}");
    server.stop();
    store.verified();
    relay.end();
}

#[test]
fn a_button_in_a_chat_leads_to_the_page_and_approves_nothing() {
    if !installed() {
        return;
    }
    let (store, peer) = (Store::init(), Peer::hooks());
    let (file, hook, ca) =
        (store.beside("bailee.toml"), store.beside("hook"), store.beside("peer.pem"));
    fs::write(&hook, format!("https://localhost:{}/services/T/B/x", peer.port)).unwrap();
    fs::set_permissions(&hook, fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(&ca, &peer.ca).unwrap();
    let config = format!(
        "anchor_seconds = 1\nweekly_test_page = false\npublic_url = \"https://localhost\"\n\
         webhook_ca = {:?}\n[detection]\ncanary_minutes = 0\n[approvals]\nslack_file = {:?}\n",
        ca.display(),
        hook.display()
    );
    fs::write(&file, config).unwrap();
    let server = store.serve_with(&["--config", text(&file)], &[]);
    server.acme();
    let eve = person(&server, "eve", "engineer", None);
    let abe = person(&server, "abe", "approver", None);
    let asked = post(
        &server,
        &eve,
        "access-requests",
        &json!({"account": "acme", "collections": ["cases"], "verbs": ["read"],
            "purpose": "half a page", "reference": "T-7", "for_seconds": 3600}),
    );
    let (id, hash) = (asked["id"].as_str().unwrap(), asked["terms_sha256"].as_str().unwrap());
    let (seen, at) = peer.until("body");
    drop(at);
    let said = seen.last().unwrap();
    let path = format!("/approve/access-requests/{id}/{hash}");
    assert!(said.contains(&format!("\"url\":\"https://localhost{path}\"")), "{said}");
    assert!(said.contains("\"type\":\"button\"") && !said.contains("half a page"), "{said}");

    // Pressing it proves nothing: a stranger reads the hash, a colleague what everybody reads.
    let mut client = server.client("");
    let page = client.ask("GET", &path, &[], None).expect(200);
    assert!(page.text().contains(hash) && !page.text().contains("half a page"));
    let wrong = path.replace(hash, &"0".repeat(64));
    let own = session(&server, "abe");
    client.ask("GET", &wrong, &[("cookie", &own)], None).expect(404);
    let invited = server.did(&server.admin, &["person", "invite", "abe", "--json"]);
    let url = server.url.replace("127.0.0.1", "localhost");
    let task = json!({"url": url, "ca": server.ca, "chromium": CHROMIUM, "link": invited["link"],
        "approve": path});
    let said = driven("approving.mjs", &task);
    assert_eq!(said["errors"], json!([]), "{said:#}");
    assert_eq!(said["place"], format!("/access-requests/{id}"), "the page that everybody has");
    let row = server.did(&abe, &["request", "show", id, "--json"]);
    assert_eq!(row["state"]["word"], "approved");
    assert_eq!(row["approvals"][0]["signed"]["challenge"], asked["challenge"], "by the passkey");
    server.stop();
    store.verified();
}

#[test]
fn a_change_is_proposed_approved_and_applied_on_the_command_line() {
    let store = Store::init();
    let server = store.serve();
    let lea = person(&server, "lea", "security-lead", None);
    let abe = person(&server, "abe", "approver", None);
    post(
        &server,
        &lea,
        "catalogues",
        &json!({"version": "1", "reason": "four eyes",
        "parameters": {"changes_by_request": 1}}),
    );
    let direct = ["rule", "add", "--rule", "r-1", "--mode", "off", "--reason", "loud"];
    let refused = ends_with(&server.cli(&lea, &direct), 4);
    assert!(refused.contains("bailee change propose --action rule.add"), "{refused}");
    let content = r#"{"rule":"r-1","mode":"off","reason":"loud"}"#;
    let propose = ["change", "propose", "--action", "rule.add", "--content", content];
    let rest = ["--reason", "our scanner trips it", "--reference", "C-7", "--json"];
    let row = server.did(&lea, &[&propose[..], &rest].concat());
    let id = row["id"].as_str().unwrap();
    ends_with(&server.cli(&lea, &["change", "apply", id]), 5);
    ends_with(&server.cli(&lea, &["approve", id]), 4);
    let row = server.did(&abe, &["approve", id, "--json"]);
    assert_eq!(row["state"]["word"], "approved");
    let row = server.did(&lea, &["change", "apply", id, "--json"]);
    assert_eq!(row["applied"]["to"], "rules/r-1");
    assert_eq!(server.did(&lea, &["rule", "show", "r-1", "--json"])["mode"], "off");
    // The server noted which policies decide: those of the installation.
    let mut lead = server.client(&lea);
    let mut noted = || {
        let all = lead.get("/v1/changes").expect(200).json();
        let items = all["items"].as_array().unwrap().clone();
        items.into_iter().find(|one| one["kind"] == "policy")
    };
    let policies = (0..4000).find_map(|_| noted()).expect("it is noted at the start");
    assert_eq!(
        (&policies["state"]["word"], &policies["proposed_by"]),
        (&json!("approved"), &json!("kernel"))
    );
    server.stop();
    store.verified();
}
